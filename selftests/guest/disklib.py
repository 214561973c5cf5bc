# SPDX-License-Identifier: GPL-2.0
"""Guests whose root file system is on a disk of ferry's: images, boots, and what the host finds."""

import contextlib
import hashlib
import os
import shutil

import guestlib as g

HERE = os.path.dirname(os.path.realpath(__file__))
MIB = 1 << 20


def require_disks(*programs):
    g.require_guests()
    g.require(os.path.exists(g.FERRY), "build/ferry is not built")
    g.require(os.path.exists("/dev/ferry-blk"), "no /dev/ferry-blk")
    for program in programs:
        g.require(shutil.which(program), f"no {program}")


def root_tree(path):
    """What a root file system holds: busybox, our init, places to mount."""
    for name in ("bin", "sbin", "dev", "proc", "sys", "run", "tmp"):
        os.makedirs(os.path.join(path, name))
    shutil.copy("/bin/busybox", os.path.join(path, "bin/busybox"))
    os.symlink("busybox", os.path.join(path, "bin/sh"))
    shutil.copy(os.path.join(HERE, "root-init"), os.path.join(path, "sbin/init"))
    return path


def make_ext4(image, mib=64):
    tree = root_tree("/tmp/root-ext4")
    g.sh("mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, image, f"{mib}M")
    shutil.rmtree(tree)


def make_xfs(image, mib=320):
    with open(image, "wb") as file:
        file.truncate(mib * MIB)
    g.sh("mkfs.xfs", "-q", image)
    with mounted(image, "xfs") as place:
        root_tree(os.path.join(place, "tree"))
        for name in os.listdir(os.path.join(place, "tree")):
            os.rename(os.path.join(place, "tree", name), os.path.join(place, name))


@contextlib.contextmanager
def mounted(image, kind, options="loop"):
    place = "/tmp/mounted"
    os.makedirs(place, exist_ok=True)
    g.sh("modprobe", "-a", "loop", kind)
    g.sh("mount", "-t", kind, "-o", options, image, place)
    try:
        yield place
    finally:
        g.sh("umount", place)


@contextlib.contextmanager
def loop_device(image):
    g.sh("modprobe", "loop")
    node = g.sh("losetup", "-f", "--show", image).stdout.strip()
    try:
        yield node
    finally:
        g.sh("losetup", "-d", node)


def initrd(kind):
    """An initramfs that goes on with /dev/vda as root."""
    path = f"/tmp/guest-root-{kind}.cpio"
    if not os.path.exists(path):
        short = ".".join(os.uname().release.split(".")[:2])
        g.sh(os.path.join(g.TOP, "scripts/guest-initrd"), path, "--kernel", short,
             "--module", kind, "--root", f"/dev/vda:{kind}")
    return path


@contextlib.contextmanager
def root_guest(drive, kind):
    """A guest that boots from a drive."""
    guest = g.Guest([g.FERRY, "-m", "256", "-nographic", "-kernel", g.kernel_image(),
                     "-initrd", initrd(kind), "-append", g.KERNEL_ARGUMENTS,
                     "-drive", f"{drive},if=none,id=root",
                     "-device", "virtio-blk-pci,drive=root,serial=ferry-root"])
    with guest:
        yield guest


def served(counter="chains"):
    """What the module's block queues count."""
    return sum(queue[counter] for queue in g.queues() if queue["kind"] == "blk")


class Served:
    """The most that the module has counted, for queues that go with their guest."""

    def __init__(self):
        self.chains = 0

    def look(self):
        self.chains = max(self.chains, served())


def boot_root(drive, kind, boot, sectors):
    """One boot of our init, up to its power-off; how many requests the module served."""
    seen = Served()
    expected = f"root: boot {boot} on {kind}, disk of {sectors} sectors, serial ferry-root"
    with root_guest(drive, kind) as guest:
        def ended():
            seen.look()
            return guest.process.poll() is not None
        try:
            g.wait_for("the guest's end", ended, 3 * g.PATIENCE)
        except AssertionError as late:
            raise AssertionError(f"{late}; {seen.chains} requests served; {guest.console()[-3000:]}") from late
        if expected not in guest.console() or guest.process.returncode:
            raise AssertionError(f"status {guest.process.returncode}, wanted '{expected}': "
                                 f"{guest.console()[-3000:]}")
    return seen.chains


def check_files(place, boots):
    """The host finds what the guest said it wrote."""
    with open(os.path.join(place, "boots"), encoding="ascii") as file:
        assert int(file.read()) == boots, "another count of boots"
    with open(os.path.join(place, "sums"), encoding="ascii") as file:
        lines = file.read().split("\n")[:-1]
    assert len(lines) == 9, lines
    for line in lines:
        digest, name = line.split()
        with open(os.path.join(place, name.strip("/")), "rb") as file:
            assert hashlib.sha256(file.read()).hexdigest() == digest, f"{name} differs"


def boot_both_ways(drive, kind, sectors):
    """The module's disk first, then the VMM's own on what that has written."""
    chains = boot_root(f"{drive},vhost=on", kind, 1, sectors)
    assert chains > 20, f"the module served {chains} requests"
    chains = boot_root(f"{drive},vhost=off", kind, 2, sectors)
    assert chains == 0, f"the module served {chains} requests of vhost=off"
