# SPDX-License-Identifier: GPL-2.0
"""What a VMM costs beside its guest, beside QEMU's machine types, alternately in one lab boot.

As with the guests of bench-net, the lab has one CPU and a clock that counts instructions unless the
wall's clock is asked for.
"""

import os
import statistics
import subprocess
import tempfile

from ferrylab import initramfs

from . import boot, icount
from .boot import OUT
from .figures import keep
from .vmm_systems import REFERENCES, VMMS

# Figure, its title, what it is to be at most beside the best QEMU, and how it is written.
FIGURES = (("init_ms", "exec to init, ms", 0.7, ".1f"), ("cpu_ms", "CPU time, ms", None, ".1f"),
           ("memory_kib", "memory, KiB", 0.1, ".0f"), ("exits", "exits", None, ".0f"),
           ("wakeups", "wake-ups a second", None, ".1f"), ("binary_kb", "binary, KB", None, ".0f"))
BINARY_KB_MAX = 500


def prepare():
    """The VMM, and an initramfs of one program."""
    icount.programs()
    boot.build_vmm()
    archive = initramfs.Archive()
    archive.directory("dev")
    archive.node("dev/console", 5, 1)
    archive.file("init", os.path.join(icount.BIN, "vmm_init"), 0o755)
    path = os.path.join(OUT, "vmm.cpio")
    archive.write(path)
    return path


def measure(plan):
    """Boot the lab and measure; returns what vmm-lab wrote."""
    return boot.measure("vmm", plan, prepare(), [])


def binary_kb(program):
    """Of the program without symbols."""
    with tempfile.NamedTemporaryFile() as stripped:
        subprocess.check_call(["strip", "-o", stripped.name, program])
        return os.path.getsize(stripped.name) / 1000


def evaluate(plan, data):
    """Medians of the rounds, and of every figure ferry's ratio to the best QEMU."""
    systems = {}
    for vmm in VMMS:
        mine = [sample for sample in data["samples"] if sample["system"] == vmm.name]
        if mine:
            systems[vmm.name] = {key: statistics.median(sample[key] for sample in mine)
                                 for key in mine[0] if key not in ("system", "round")}
            systems[vmm.name]["binary_kb"] = binary_kb(vmm.program)
    ratios = {}
    for key, _, _, _ in FIGURES:
        best = min((systems[name][key] for name in REFERENCES if name in systems), default=0)
        if "ferry" in systems and best:
            ratios[key] = systems["ferry"][key] / best
    return {"kernel": data["kernel"], "rounds": plan.rounds, "counted": plan.counted, "complete": data["complete"],
            "systems": systems, "ratios": ratios, "lost": data["lost"], "samples": data["samples"]}


def missed(result):
    """Goals that were not met, in words."""
    for key, title, goal, _ in FIGURES:
        if goal and result["ratios"].get(key, 0) > goal:
            yield f"{title}: {result['ratios'][key]:.2f} of the best QEMU, not {goal}"
    ferry = result["systems"].get("ferry")
    if ferry and ferry["wakeups"]:
        yield f"{ferry['wakeups']:.1f} wake-ups a second of an idle VMM"
    if ferry and ferry["binary_kb"] > BINARY_KB_MAX:
        yield f"the binary has {ferry['binary_kb']:.0f} KB, not {BINARY_KB_MAX}"


def table(result):
    lines = ["  ".join([f"{'':20}"] + [f"{title:>17}" for _, title, _, _ in FIGURES])]
    for vmm in VMMS:
        if vmm.name in result["systems"]:
            mine = result["systems"][vmm.name]
            lines.append("  ".join([f"{vmm.title:20}"] + [f"{mine[key]:17{form}}" for key, _, _, form in FIGURES]))
    lines.append("  ".join([f"{'ratio to best QEMU':20}"] + [
        f"{result['ratios'][key]:17.3f}" if key in result["ratios"] else " " * 17 for key, _, _, _ in FIGURES]))
    lines += [f"missed: {text}" for text in missed(result)]
    lines += [f"not measured: {name}: {why}" for name, why in result["lost"].items()]
    return "\n".join(line.rstrip() for line in lines)


def write(result):
    return keep(os.path.join(OUT, "vmm.json"), result)
