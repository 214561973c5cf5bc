# SPDX-License-Identifier: GPL-2.0
"""The lab of a measurement of guests: boot it, and fetch what was measured inside."""

import glob
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass

from ferrylab import kernels
from ferrylab.errors import LabError
from ferrylab.paths import BUILD, SCRIPTS, TOP, read

OUT = os.path.join(BUILD, "bench")


@dataclass(kw_only=True)
class Plan:
    """What to measure and how; `timeout` is the lab's, in seconds of the wall's clock."""
    kernel: str
    rounds: int
    systems: list
    build: bool
    counted: bool = True
    timeout: int = 3600


def build_vmm():
    """The VMM, and the folder for what is made besides."""
    os.makedirs(OUT, exist_ok=True)
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    if subprocess.call(["make", "-s", "-C", TOP, "vmm"], stdin=subprocess.DEVNULL, stdout=2, env=env):
        raise LabError("building the VMM failed")


def emulators(parent):
    """QEMU processes below a process."""
    found, level = [], [parent]
    while level:
        children = []
        for pid in level:
            for path in glob.glob(f"/proc/{pid}/task/*/children"):
                children += read(path, "").split()
        found += [pid for pid in children if read(f"/proc/{pid}/comm", "").startswith("qemu-system")]
        level = children
    return found


def cpu_seconds(pids):
    """User and system time of processes."""
    ticks = 0
    for pid in pids:
        fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def answer(lab, number, folder):
    """Tell the lab what its emulator has used."""
    path = os.path.join(folder, "meter." + number)
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write(str(cpu_seconds(emulators(lab.pid))))
    os.rename(path + ".new", path)


def run(line, folder):
    """Run the lab, answering its questions; its exit status."""
    with subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as lab:
        for text in lab.stdout:
            word = text.split()
            if len(word) == 2 and word[0] == "meter":
                answer(lab, word[1], folder)
            else:
                print(text, end="", flush=True)
        status = lab.wait()
    return status


def measure(name, plan, initrd, options):
    """Boot the plan's lab for bench/NAME-lab; returns what that wrote, even if the lab died in between."""
    with tempfile.TemporaryDirectory(dir=OUT) as folder:
        line = [os.path.join(SCRIPTS, "lab"), "--kernel", plan.kernel, "--mem", "3072",
                "--timeout", str(plan.timeout), "--out", folder,
                "--console", os.path.join(OUT, name + "-lab.console")]
        line += (["--icount"] if plan.counted else []) + ([] if plan.build else ["--no-build"])
        line += ["--", "env", "BUILD=" + BUILD, os.path.join(SCRIPTS, "bench", name + "-lab"),
                 "--kernel", kernels.stock(plan.kernel).image, "--initrd", initrd, "--rounds", str(plan.rounds),
                 "--systems", ",".join(plan.systems)]
        status = run(line + options, folder)
        if status:
            print(f"bench-{name}: the lab ended with status {status}", file=sys.stderr, flush=True)
        try:
            with open(os.path.join(folder, name + ".json"), encoding="utf-8") as file:
                data = json.load(file)
        except FileNotFoundError as error:
            raise LabError("nothing was measured") from error
        data["complete"] = data["complete"] and not status
        return data
