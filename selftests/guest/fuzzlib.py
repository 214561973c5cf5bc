# SPDX-License-Identifier: GPL-2.0
"""A VM with devices of each kind, with vhost and without, for the guest of selftests/bare."""

import contextlib
import os
import re
import shutil

import guestlib as g

PAYLOAD = os.path.join(g.BUILD, "selftests/guest/fuzz.elf")
DIR = "/tmp/fuzz"
QMP = f"{DIR}/qmp"


def require(vmm):
    g.require_guests()
    g.require(os.path.exists("/dev/ferry-blk") and os.path.exists("/dev/ferry-9p"), "not all modules are there")
    g.require(os.path.exists(vmm) and os.path.exists(PAYLOAD), "the tests are not built")


@contextlib.contextmanager
def taps():
    with g.tap("fuzz0"):
        g.sh("ip", "tuntap", "add", "dev", "fuzz1", "mode", "tap", "vnet_hdr")
        try:
            yield ("fuzz0", "fuzz1")
        finally:
            g.sh("ip", "link", "del", "fuzz1", check=False)


def files():
    shutil.rmtree(DIR, ignore_errors=True)
    os.mkdir(DIR)
    for vhost in ("on", "off"):
        os.mkdir(f"{DIR}/share-{vhost}")
        with open(f"{DIR}/disk-{vhost}", "wb") as disk:
            disk.truncate(4 << 20)


def devices(names):
    words = []
    for vhost, tap in zip(("on", "off"), names):
        words += ["-netdev", f"tap,id=n-{vhost},ifname={tap},script=no,downscript=no,vhost={vhost}",
                  "-device", f"virtio-net-pci,netdev=n-{vhost},id=net-{vhost},mq=off",
                  "-drive", f"if=none,id=d-{vhost},file={DIR}/disk-{vhost},format=raw,vhost={vhost},discard=unmap",
                  "-device", f"virtio-blk-pci,drive=d-{vhost},id=blk-{vhost},num-queues=2",
                  "-fsdev", f"local,id=f-{vhost},path={DIR}/share-{vhost},security_model=none",
                  "-device", f"virtio-9p-pci,fsdev=f-{vhost},mount_tag=t-{vhost},vhost={vhost},id=p9-{vhost}"]
    return words + ["-netdev", "user,id=n-user,restrict=on", "-device", "virtio-net-pci,netdev=n-user,id=net-user",
                    "-device", "virtio-rng-pci", "-device", "virtio-balloon-pci,id=balloon",
                    "-chardev", f"file,id=c0,path={DIR}/console", "-device", "virtio-serial-pci",
                    "-device", "virtconsole,chardev=c0"]


def boot(vmm, seed, names, arguments):
    """Of a program, and words that go before it."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{DIR}/serial")
    return g.Guest([*vmm, "-m", "64", "-kernel", PAYLOAD, "-append", f"seed={seed:x} {arguments}",
                    "-serial", f"file:{DIR}/serial", "-qmp", f"unix:{QMP},server=on,wait=off", *devices(names)])


def beats():
    """Generation and operations of each beat so far."""
    try:
        with open(f"{DIR}/serial", "rb") as file:
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    found = re.findall(r"\nbeat ([0-9a-f]{16}) ([0-9a-f]{16})\n", text)
    return [(int(generation, 16), int(operations, 16)) for generation, operations in found]
