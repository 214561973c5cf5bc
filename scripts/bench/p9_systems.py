# SPDX-License-Identifier: GPL-2.0
"""The shared directories that are compared: a VMM and who serves them, or the host's directory itself."""

import os
from dataclasses import dataclass

from ferrylab.paths import BUILD

from .systems import PARAMETERS

NODE = "/dev/ferry-9p"
VIRTIOFSD = "/usr/lib/qemu/virtiofsd"


@dataclass(frozen=True)
class Share:
    """`kind` is "ferry", "qemu", "virtiofs" or None for no guest; `device` is the node that the VMM has open."""
    name: str
    title: str
    kind: str
    vhost: str = ""
    device: str = None


SHARES = (
    Share("ferry-9p", "ferry, ferry-9p", "ferry", "on", NODE),
    Share("ferry-off", "ferry, vhost=off", "ferry", "off"),
    Share("qemu-9p", "QEMU, 9pfs", "qemu"),
    Share("virtiofsd", "QEMU, virtiofsd", "virtiofs"),
    Share("host", "the host's directory itself", None),
)


@dataclass(frozen=True)
class Measure:
    """One kind of load; `goal` is the least ratio to QEMU's 9pfs and to virtiofsd, 0 for none."""
    name: str
    title: str
    count: int
    goal: tuple = (0, 0)


METADATA, STREAM = (4, 2), (2, 0)
MEASURES = (
    Measure("create", "create files", 100, METADATA),
    Measure("stat", "stat", 200, METADATA),
    Measure("unlink", "unlink", 100, METADATA),
    Measure("readdir", "readdir, entries", 1000, METADATA),
    Measure("dirs", "readdir, 10 entries", 50, METADATA),
    Measure("randread", "random read 4 KiB", 100),
    Measure("randwrite", "random write 4 KiB", 100),
    Measure("read", "read, KiB", 8192, STREAM),
    Measure("write", "write, KiB", 8192, STREAM),
    Measure("tar", "tar x, files", 60),
    Measure("find", "find, files", 60),
    Measure("status", "status, files", 60),
)


def socket(share, place):
    """Where virtiofsd listens."""
    return f"{place}/{share.name}.sock"


def daemon(share, path, place):
    """virtiofsd's command line: nothing is cached, neither here nor there."""
    return [VIRTIOFSD, "--socket-path=" + socket(share, place), "-o", f"source={path},cache=none,xattr"]


def command(share, path, place, kernel, initrd):
    """The VMM's command line; its console is its standard input and output."""
    served = f"local,path={path},mount_tag=bench,security_model=passthrough"
    if share.kind == "ferry":
        line = [os.path.join(BUILD, "ferry"), "-nographic", "-virtfs", f"{served},vhost={share.vhost}"]
    else:
        line = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-accel", "kvm", "-cpu", "host",
                "-serial", "stdio", "-display", "none", "-monitor", "none"]
    if share.kind == "qemu":
        line += ["-virtfs", served]
    if share.kind == "virtiofs":
        line += ["-object", "memory-backend-memfd,id=ram,size=192M,share=on", "-numa", "node,memdev=ram",
                 "-chardev", f"socket,id=fs,path={socket(share, place)}",
                 "-device", "vhost-user-fs-pci,chardev=fs,tag=bench"]
    fs = "virtiofs" if share.kind == "virtiofs" else "9p"
    return line + ["-m", "192", "-smp", "1", "-no-reboot", "-kernel", kernel, "-initrd", initrd,
                   "-append", f"{PARAMETERS} bench.fs={fs}"]
