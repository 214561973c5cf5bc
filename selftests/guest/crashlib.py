# SPDX-License-Identifier: GPL-2.0
"""Crashes of a guest that writes: its VMM is killed, then the power of its disk goes.

The disk is a memory-backed null_blk device with a volatile cache, which a power cycle empties: what
was never flushed to it is lost, whatever the kernel under the VMM still remembers. Every fsync that
the guest said was done must be found afterwards, and the file system must check clean.
"""

import contextlib
import ctypes
import os
import random
import re
import time

import guestlib as g

NULLB = "/sys/kernel/config/nullb"
RECORD = 6000
MOUNT = "/tmp/crash"
CACHE_MB = 64
FILE_SYSTEMS = {  # MiB of the disk, how it is made, how it is checked
    "ext4": (96, ("mkfs.ext4", "-q", "-F"), ("e2fsck", "-fn")),
    "xfs": (320, ("mkfs.xfs", "-q", "-f"), ("xfs_repair", "-n")),
}
# A record is a file of its own, full of its number; "acked" says that its fsync came back.
GUEST_RUN = """
mkdir -p /mnt
mount -t {fs} /dev/vda /mnt || exit 1
echo guest-ready
i=0
while :; do
	i=$((i + 1))
	yes "record $i" | dd of=/mnt/r$i bs={record} count=1 iflag=fullblock conv=fsync 2>/dev/null || exit 1
	echo "acked $i."
done
"""
READY = re.compile(r"^acked (\d+)\.\s*$", re.MULTILINE)


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(str(text))


class Disk:
    """A null_blk device that forgets its cache when its power goes."""

    def __init__(self, megabytes):
        self.name = f"crash{os.getpid()}"
        self.config = os.path.join(NULLB, self.name)
        self.path = "/dev/" + self.name
        os.makedirs(self.config, exist_ok=True)
        for name, value in {"size": megabytes, "memory_backed": 1, "blocksize": 512, "cache_size": CACHE_MB,
                            "submit_queues": 2}.items():
            write(os.path.join(self.config, name), value)
        self.power(1)

    def power(self, on):
        write(os.path.join(self.config, "power"), on)
        if on:
            g.wait_for(self.path, lambda: os.path.exists(self.path))

    def cycle(self):
        self.power(0)
        self.power(1)

    def remove(self):
        self.power(0)
        os.rmdir(self.config)


@contextlib.contextmanager
def disk(megabytes):
    g.sh("modprobe", "configfs")
    g.sh("modprobe", "null_blk", "nr_devices=0", check=False)
    if not os.path.ismount("/sys/kernel/config"):
        g.sh("mount", "-t", "configfs", "configfs", "/sys/kernel/config", check=False)
    g.require(os.path.isdir(NULLB), "no null_blk with configfs")
    device = Disk(megabytes)
    try:
        yield device
    finally:
        device.remove()


def initrd(fs):
    path = f"/tmp/guest-crash-{fs}.cpio"
    if not os.path.exists(path):
        short = ".".join(os.uname().release.split(".")[:2])
        g.sh(os.path.join(g.TOP, "scripts/guest-initrd"), path, "--kernel", short, "--module", fs,
             "--module", "crc32c_generic", "--run", GUEST_RUN.format(fs=fs, record=RECORD))
    return path


def boot(device, fs, drive):
    return g.Guest([g.FERRY, "-m", "256", "-nographic", "-kernel", g.kernel_image(), "-initrd", initrd(fs),
                    "-append", g.KERNEL_ARGUMENTS,
                    "-drive", f"file={device.path},if=virtio,format=raw,{drive}"])


def acked(guest):
    """How many records the guest knows to be durable."""
    return max((int(number) for number in READY.findall(guest.console())), default=0)


LIBC = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def mounted(path, fs):
    """By system calls: a process takes its time in an emulated machine."""
    os.makedirs(MOUNT, exist_ok=True)
    if LIBC.mount(path.encode(), MOUNT.encode(), fs.encode(), 0, None):
        raise AssertionError(f"{fs} does not recover: {os.strerror(ctypes.get_errno())}")
    try:
        yield
    finally:
        if LIBC.umount2(MOUNT.encode(), 0):
            raise AssertionError(f"umount: {os.strerror(ctypes.get_errno())}")


def check_records(device, fs, count):
    """The file system recovers, holds every record up to `count`, and is clean then."""
    with mounted(device.path, fs):
        for number in range(1, count + 1):
            line = f"record {number}\n".encode()
            want = (line * (RECORD // len(line) + 1))[:RECORD]
            path = f"{MOUNT}/r{number}"
            assert os.path.exists(path), f"{fs}: fsync {number} of {count} was acknowledged, its file is gone"
            with open(path, "rb") as file:
                assert file.read() == want, f"{fs}: record {number} of {count} is not what was fsynced"
    g.sh(*FILE_SYSTEMS[fs][2], device.path)


def crash(device, fs, drive, chance):
    """One guest, killed at a random moment; how many records it had acknowledged."""
    g.sh(*FILE_SYSTEMS[fs][1], device.path)
    g.sh("blockdev", "--flushbufs", device.path)
    flush(device)
    with boot(device, fs, drive) as guest:
        guest.wait_console("guest-ready")
        g.wait_for("a first record", lambda: acked(guest))
        time.sleep(chance.uniform(0, 4))
        guest.process.kill()
        guest.process.wait()
        count = acked(guest)
    device.cycle()
    check_records(device, fs, count)
    return count


def flush(device):
    """What mkfs wrote must outlive the power cycle as well."""
    fd = os.open(device.path, os.O_RDWR)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def crashes(count, fs, drive, seed=None):
    """`count` crashes in a row, each on a fresh file system."""
    g.require(os.path.exists("/dev/kvm"), "no /dev/kvm")
    g.require("vhost=on" not in drive or os.path.exists("/dev/ferry-blk"), "no /dev/ferry-blk")
    g.require(os.path.exists(g.FERRY), "build/ferry is not built")
    seed = seed or time.monotonic_ns()
    chance = random.Random(seed)
    print(f"# {count} crashes of {fs} on {drive}, seed {seed}", flush=True)
    g.sh("modprobe", fs)
    with disk(FILE_SYSTEMS[fs][0]) as device:
        for number in range(1, count + 1):
            found = crash(device, fs, drive, chance)
            print(f"# crash {number} of {count}: all of {found} records are there", flush=True)
