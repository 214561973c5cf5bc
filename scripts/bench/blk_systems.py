# SPDX-License-Identifier: GPL-2.0
"""The disks that are compared: a VMM and who moves its requests, or the host's disk itself."""

import os
from dataclasses import dataclass

from ferrylab.paths import BUILD

from .systems import PARAMETERS


@dataclass(frozen=True)
class Disk:
    """`vmm` is "ferry", "qemu" or None for no guest; `drive` is what its -drive adds."""
    name: str
    title: str
    vmm: str
    drive: str
    device: str = None


DISKS = (
    Disk("ferry-blk", "ferry, ferry-blk", "ferry", "vhost=on", "/dev/ferry-blk"),
    Disk("ferry-off", "ferry, vhost=off", "ferry", "vhost=off"),
    Disk("qemu-native", "QEMU, aio=native", "qemu", "aio=native"),
    Disk("qemu-uring", "QEMU, aio=io_uring", "qemu", "aio=io_uring"),
    Disk("qemu-threads", "QEMU, aio=threads", "qemu", "aio=threads"),
    Disk("host", "the host's disk itself", None, ""),
)
NODE = "/dev/ferry-blk"


@dataclass(frozen=True)
class Measure:
    """One kind of load; `depth` requests under way for each vCPU."""
    name: str
    title: str
    mode: str
    size: int
    depth: int


MEASURES = tuple(Measure(f"{mode}-{depth}", f"{mode} 4k QD{depth}", mode, 4096, depth)
                 for mode in ("randread", "randwrite") for depth in (1, 16, 64)) + (
    Measure("read-128k", "read 128k QD16", "read", 131072, 16),
    Measure("write-128k", "write 128k QD16", "write", 131072, 16))


def command(disk, path, vcpus, args):
    """The VMM's command line; its console is its standard input and output. `args` are those of blk-lab."""
    drive = f"file={path},if=none,id=d0,format=raw,cache=none,{disk.drive}"
    if disk.vmm == "qemu":
        line = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-accel", "kvm", "-cpu", "host",
                "-serial", "stdio", "-display", "none", "-monitor", "none", "-object", "iothread,id=io0"]
        device = f"virtio-blk-pci,drive=d0,num-queues={vcpus},iothread=io0"
    else:
        line = [os.path.join(BUILD, "ferry"), "-nographic"]
        device = f"virtio-blk-pci,drive=d0,num-queues={vcpus}"
    # With its libraries fio takes a hundred megabytes.
    memory = "448" if args.fio else "192"
    return line + ["-m", memory, "-smp", str(vcpus), "-no-reboot", "-kernel", args.kernel, "-initrd", args.initrd,
                   "-append", PARAMETERS, "-drive", drive, "-device", device]
