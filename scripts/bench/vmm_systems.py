# SPDX-License-Identifier: GPL-2.0
"""The VMMs that are compared, each with one processor, a console that goes to a file, and no device."""

import os
import shutil
from dataclasses import dataclass

from ferrylab.paths import BUILD

QEMU = "/usr/bin/qemu-system-x86_64"
FERRY = os.path.join(BUILD, "ferry")
RAM_MIB = 256
CONSOLE = "/tmp/vmm-console.log"
# Quiet: only what goes wrong is on the console.
CACHE, EMPTY_CACHE = "/tmp/ferry-kernels", "/tmp/ferry-no-kernels"
PARAMETERS = "console=ttyS0 quiet panic=-1 tsc=reliable no_timer_check nowatchdog"


@dataclass(frozen=True)
class Vmm:
    """`options` are what precedes kernel and initramfs; `cache` is ferry's directory of unpacked kernels."""
    name: str
    title: str
    program: str
    options: tuple
    cache: str = ""

    def environment(self):
        """What it is started with; a cache that is named for that is found empty."""
        if self.cache == EMPTY_CACHE:
            shutil.rmtree(self.cache, ignore_errors=True)
        return {**os.environ, "FERRY_CACHEDIR": self.cache}


QEMU_OPTIONS = ("-accel", "kvm", "-cpu", "host", "-nodefaults", "-no-user-config", "-display", "none",
                "-serial", "file:" + CONSOLE, "-monitor", "none", "-name", "bench,debug-threads=on")
FERRY_OPTIONS = ("-serial", "file:" + CONSOLE)
VMMS = (
    Vmm("ferry", "ferry", FERRY, FERRY_OPTIONS, CACHE),
    Vmm("ferry-open", "ferry -sandbox off", FERRY, (*FERRY_OPTIONS, "-sandbox", "off"), CACHE),
    Vmm("ferry-first", "ferry, first start", FERRY, FERRY_OPTIONS, EMPTY_CACHE),
    Vmm("ferry-packed", "ferry, no cache", FERRY, FERRY_OPTIONS),
    Vmm("q35", "QEMU q35", QEMU, ("-M", "q35", *QEMU_OPTIONS)),
    Vmm("microvm", "QEMU microvm", QEMU, ("-M", "microvm", *QEMU_OPTIONS)),
)
# Ferry's goals are against the best of these, figure by figure.
REFERENCES = ("q35", "microvm")


def command(vmm, kernel, initrd):
    return [vmm.program, *vmm.options, "-m", str(RAM_MIB), "-smp", "1", "-no-reboot", "-kernel", kernel,
            "-initrd", initrd, "-append", PARAMETERS]
