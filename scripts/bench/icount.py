# SPDX-License-Identifier: GPL-2.0
"""A machine whose clock counts instructions: QEMU's -icount, one program as its first process.

The program and the modules it wants are all there is in its initramfs.  What it writes to the
debug port comes back as lines of words; it has to end with the word "end".
"""

import os
import subprocess
import tempfile

from ferrylab import emulator, initramfs, kernels, modules
from ferrylab.errors import LabError
from ferrylab.paths import BUILD, TOP, read

BIN = os.path.join(BUILD, "bench-bin")
# nokaslr and ipv6.disable keep runs alike; the rest makes the clock count and the worker preempt.
PARAMETERS = ("console=ttyS0 tsc=reliable clocksource=tsc nokaslr preempt=full mitigations=off "
              "no_timer_check ipv6.disable=1 panic=-1 quiet loglevel=4")
STOCK_MODULES = {"net_count": ("vhost_net",), "blk_count": ("null_blk",), "p9_count": ("brd", "crc32c_generic", "ext4")}
# As large as the kernel makes a RAM disk.
EXT4 = "16M"
TIMEOUT = 600


def programs():
    """Build selftests/bench."""
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    if subprocess.call(["make", "-s", "-C", os.path.join(TOP, "selftests/bench"), "BUILD=" + BUILD],
                       stdin=subprocess.DEVNULL, stdout=2, env=env):
        raise LabError("building selftests/bench failed")


def image(kernel, program, path, build=True):
    """Write the initramfs; in-tree modules first, then ours."""
    archive = initramfs.Archive()
    for name in ("proc", "sys", "dev"):
        archive.directory(name)
    archive.node("dev/console", 5, 1)
    archive.file("init", os.path.join(BIN, program), 0o755)
    ours = modules.ready(kernel, build=build)
    names = list(STOCK_MODULES[program]) + modules.needs(ours)
    initramfs.add_modules(archive, initramfs.module_files(kernel, names) + ours)
    if "ext4" in names:
        archive.file("ext4", file_system(path + ".ext4"))
    archive.write(path)


def file_system(path):
    """Write an empty ext4, always the same."""
    with open(path, "wb"):
        pass
    subprocess.check_call(["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-U", "clear",
                           "-E", "hash_seed=00000000-0000-0000-0000-000000000001", path, EXT4])
    return path


def run(kernel_name, program, parameters="", plugin=None, build=True):
    """Boot, wait for the end, return the lines of results, each split into words."""
    kernel = kernels.stock(kernel_name)
    programs()
    os.makedirs(os.path.join(BUILD, "bench"), exist_ok=True)
    with tempfile.TemporaryDirectory(dir=os.path.join(BUILD, "bench")) as work:
        initrd, console, results = (os.path.join(work, name) for name in ("initrd", "console", "results"))
        image(kernel, program, initrd, build)
        line = [*emulator.command(), "-nodefaults", "-no-user-config", "-nographic", "-no-reboot", "-M", "pc",
                "-accel", "tcg", "-cpu", "qemu64", "-icount", "shift=0,sleep=off", "-m", "256",
                "-kernel", kernel.image, "-initrd", initrd, "-append", f"{PARAMETERS} {parameters}",
                "-serial", "file:" + console, "-monitor", "none",
                "-chardev", "file,id=results,path=" + results, "-device", "isa-debugcon,chardev=results"]
        if plugin:
            line += ["-plugin", plugin]
        return kernel, finish(line, console, results)


def finish(line, console, results):
    try:
        status = subprocess.call(line, stdin=subprocess.DEVNULL, stdout=2, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        status = None
    lines = read(results, "").splitlines()
    if status != 0 or not lines or lines[-1] != "end":
        tail = "\n".join(read(console, "(no console)").splitlines()[-25:])
        raise LabError(f"the measuring machine ended early (status {status}); its console's last lines:\n{tail}")
    return [text.split() for text in lines[:-1]]
