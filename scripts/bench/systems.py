# SPDX-License-Identifier: GPL-2.0
"""The systems that are compared: a VMM, and who moves its packets."""

import os
from dataclasses import dataclass

from ferrylab.paths import BUILD


@dataclass(frozen=True)
class System:
    """`device` is the node that the VMM must have open, None if it moves packets itself."""
    name: str
    title: str
    qemu: bool
    netdev: str
    device: str


SYSTEMS = (
    System("ferry-net", "ferry, ferry-net", False, "vhost=on", "/dev/ferry-net"),
    System("ferry-vhost", "ferry, in-tree vhost_net", False, "vhost=on,vhostdev=/dev/vhost-net", "/dev/vhost-net"),
    System("ferry-off", "ferry, vhost=off", False, "vhost=off", None),
    System("qemu-vhost", "QEMU, vhost=on (in-tree)", True, "vhost=on", "/dev/vhost-net"),
    System("qemu-off", "QEMU, vhost=off", True, "vhost=off", None),
)
REFERENCE = "qemu-vhost"
NODES = ("/dev/ferry-net", "/dev/vhost-net")

PARAMETERS = "console=ttyS0 panic=-1 tsc=reliable no_timer_check nowatchdog quiet"


def command(system, tap, address, kernel, initrd):
    """The VMM's command line; its console is its standard output."""
    line = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-accel", "kvm", "-cpu", "host",
            "-serial", "stdio", "-display", "none", "-monitor", "none"] if system.qemu else \
        [os.path.join(BUILD, "ferry"), "-nographic"]
    # QEMU would load a boot ROM for the card, which no guest of ours uses.
    rom = ",romfile=" if system.qemu else ""
    return line + [
        "-m", "256", "-smp", "1", "-no-reboot", "-kernel", kernel, "-initrd", initrd,
        "-append", f"{PARAMETERS} bench.address={address}",
        "-netdev", f"tap,id=n0,ifname={tap},script=no,downscript=no,{system.netdev}",
        "-device", "virtio-net-pci,netdev=n0" + rom]
