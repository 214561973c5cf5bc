# SPDX-License-Identifier: GPL-2.0
"""The project's own modules for a kernel: built when they are out of date."""

import os
import subprocess

from .errors import LabError
from .paths import BUILD, TOP, read


def needs(modules):
    """Modules of the kernel itself that ours use."""
    if not modules:
        return []
    listed = subprocess.check_output(["/sbin/modinfo", "-F", "depends", *modules], text=True)
    own = {os.path.basename(path)[:-len(".ko")] for path in modules}
    return sorted(set(listed.replace(",", " ").split()) - own)


def ready(kernel, build=True):
    """Paths of the modules in load order."""
    out = os.path.join(BUILD, "modules", kernel.release)
    if build:
        command = ["make", "-s", "-C", TOP, "modules", "KVER=" + kernel.release]
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        if subprocess.call(command, stdin=subprocess.DEVNULL, stdout=2, env=env):
            raise LabError(f"building the modules for {kernel.release} failed")
    order = read(os.path.join(out, "order"), "")
    if not order:
        raise LabError(f"no modules in {out} (scripts/lab --bare needs none)")
    return [os.path.join(out, name + ".ko") for name in order.split()]
