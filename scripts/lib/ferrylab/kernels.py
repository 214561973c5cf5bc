# SPDX-License-Identifier: GPL-2.0
"""Kernels a lab can boot: the stock ones of scripts/setup, those that scripts/kernel-build makes."""

import os
import subprocess
from dataclasses import dataclass

from .errors import LabError
from .paths import CACHE, SCRIPTS, read


@dataclass
class Kernel:
    """A bootable kernel: `release` as uname -r says it, `image`, and the root of its module tree."""
    release: str
    image: str
    tree: str

    @property
    def modules(self):
        return os.path.join(self.tree, "lib/modules", self.release)


def stock(name):
    """A Debian kernel unpacked by scripts/setup."""
    base = os.path.join(CACHE, "kernels")
    release = read(os.path.join(base, name + ".release"), name)
    tree = os.path.join(base, release)
    if not os.path.exists(os.path.join(tree, ".ferry-complete")):
        section = "trixie" if name.startswith("7.") else "lab"
        raise LabError(f"Linux {name} is not in {base}; run scripts/setup {section}")
    return Kernel(release, os.path.join(tree, "boot/vmlinuz-" + release), tree)


# Where the build leaves what is booted.
BUILT_IMAGES = {"um": "linux", "um-debug": "linux", "debug": "arch/x86/boot/bzImage"}


def built(name):
    """One of scripts/kernel-build: "um", "um-debug" or "debug"; built now if missing or out of date."""
    command = [os.path.join(SCRIPTS, "kernel-build"), name]
    if subprocess.call(command, stdin=subprocess.DEVNULL, stdout=2):
        raise LabError(f"the {name} kernel could not be built")
    tree = subprocess.check_output([*command, "--path"], text=True).strip()
    release = read(os.path.join(tree, "include/config/kernel.release"))
    return Kernel(release, os.path.join(tree, BUILT_IMAGES[name]), os.path.join(tree, "mods"))
