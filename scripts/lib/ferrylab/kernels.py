# SPDX-License-Identifier: GPL-2.0
"""Kernels a lab can boot: the stock ones of scripts/setup, the user-mode ones of scripts/uml-build."""

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


def user_mode(debug):
    """A user-mode Linux; built now if it is missing or out of date."""
    command = [os.path.join(SCRIPTS, "uml-build"), *(["--debug"] if debug else [])]
    if subprocess.call(command, stdin=subprocess.DEVNULL, stdout=2):
        raise LabError("the user-mode Linux kernel could not be built")
    tree = subprocess.check_output([*command, "--path"], text=True).strip()
    release = read(os.path.join(tree, "include/config/kernel.release"))
    return Kernel(release, os.path.join(tree, "linux"), os.path.join(tree, "mods"))
