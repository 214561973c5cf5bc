# SPDX-License-Identifier: GPL-2.0
"""The QEMU that emulates the lab: the cache's, mended, if scripts/setup could put one there, else the machine's."""

import functools
import os
import re
import subprocess

from .paths import CACHE

NAME = "qemu-system-x86_64"
TREE = os.path.join(CACHE, "qemu")
# From here on a page is locked while TCG translates from it, so that no CPU keeps an instruction
# that another one has already patched away.
THREADS_SINCE = (8, 1)
# From here on the emulated processor has the short forms of fast string instructions.
FAST_STRINGS_SINCE = (8, 0)
# From here on plugins of the first interface are refused.
PLUGINS_2_SINCE = (9, 0)


def in_cache():
    return os.path.exists(os.path.join(TREE, ".ferry-complete"))


def mended():
    """Whether scripts/lib/mend-qemu has done its work."""
    return in_cache() and os.path.exists(os.path.join(TREE, ".ferry-mended"))


def command():
    """The words that start it."""
    if not in_cache():
        return [NAME]
    share = os.path.join(TREE, "usr/share")
    return [os.path.join(TREE, "usr/bin", NAME),
            "-L", os.path.join(share, "qemu"), "-L", os.path.join(share, "seabios"),
            "-L", "/usr/share/qemu"]


@functools.cache
def version():
    """As a tuple; empty where there is none."""
    try:
        text = subprocess.check_output([*command(), "--version"], text=True)
    except (OSError, subprocess.CalledProcessError):
        return ()
    found = re.search(r"version (\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else ()


def plugins():
    """The version of the interface that its plugins have."""
    return 2 if version() >= PLUGINS_2_SINCE else 1


def cpu():
    """The lab's processor, without fast string instructions.

    TCG repeats a string instruction byte by byte, where processors move 32 bytes and more in a cycle.
    Kernels that find no fast ones copy and clear by words: several times as fast, and where
    instructions are counted, counted as unrolled loops are.
    """
    slow = ("erms", "fsrm", *(("fsrs", "fsrc", "fzrm") if version() >= FAST_STRINGS_SINCE else ()))
    return ",".join(["max", "+svm", "-la57", *("-" + name for name in slow)])


def accel():
    """A thread for each of the lab's CPUs where that is safe, else one for all."""
    return ["-accel", "tcg,thread=" + ("multi" if version() >= THREADS_SINCE else "single")]
