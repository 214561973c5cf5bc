# SPDX-License-Identifier: GPL-2.0
"""File systems of every kind for posix_fs, and what it prints."""

import contextlib
import os
import re

import guestlib as g

POSIX = os.path.join(g.BUILD, "selftests/guest/posix_fs")
MIB = {"ext4": 64, "xfs": 400, "tmpfs": 64}
MAKE = {"ext4": ("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096"), "xfs": ("mkfs.xfs", "-q", "-f")}


def source(kind, image):
    """What to mount, and with which options."""
    if kind == "tmpfs":
        return "tmpfs", f"size={MIB[kind]}m"
    g.sh("modprobe", "-a", "loop", kind, check=False)
    with open("/proc/filesystems", encoding="ascii") as file:
        g.require(f"\t{kind}\n" in file.read(), f"no {kind} in this kernel")
    with open(image, "wb") as file:
        file.truncate(MIB[kind] << 20)
    g.sh(*MAKE[kind], image)
    return image, "loop"


@contextlib.contextmanager
def file_system(kind):
    """An empty one, mounted; where it is."""
    g.require(os.path.exists(POSIX), f"{POSIX} is not built")
    place = f"/tmp/posix-{kind}"
    os.makedirs(place, exist_ok=True)
    what, options = source(kind, place + ".img")
    g.sh("mount", "-t", kind, "-o", options, what, place)
    try:
        yield place
    finally:
        g.sh("umount", place)


def assert_held(text):
    """All that posix_fs printed; one case in ten at most may be beyond the protocol."""
    plan = re.search(r"^1\.\.(\d+)$", text, re.MULTILINE)
    assert plan and int(plan[1]) > 60, text
    held = re.findall(r"^ok \d+ (\S+)( # SKIP)?", text, re.MULTILINE)
    assert len(held) == int(plan[1]) and not re.search("^not ok", text, re.MULTILINE), text
    assert sum(1 for _, skip in held if skip) * 10 <= len(held), text
