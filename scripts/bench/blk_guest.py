# SPDX-License-Identifier: GPL-2.0
"""What a guest gets of a disk: requests a second of several systems, alternately in one lab boot.

The lab has one CPU and a clock that counts instructions.  Host, VMM and guest share that CPU, so
that speed is the whole path's cost.  By the wall's clock instead, the lab has two CPUs and figures
move with whatever else the machine does.

Each round gives the ratio of every system to the QEMU that is the best at this load, measured next
to it; reported are the median of these ratios and where the middle half of them lies.
"""

import os
import statistics
import subprocess
from dataclasses import dataclass

from ferrylab.paths import SCRIPTS

from . import boot, icount, net_guest
from .blk_systems import DISKS, MEASURES
from .boot import OUT
from .figures import keep

GOAL = 2


@dataclass(kw_only=True)
class Plan(boot.Plan):
    """What to measure and how."""
    ms: int
    vcpus: list
    measures: list
    fio: bool = False


def prepare(kernel, fio):
    """VMM, programs and the guest's initramfs."""
    icount.programs()
    boot.build_vmm()
    initrd = os.path.join(OUT, "blk-guest.cpio")
    subprocess.check_call([
        os.path.join(SCRIPTS, "guest-initrd"), initrd, "--kernel", kernel,
        "--add", os.path.join(icount.BIN, "blk_load") + ":/usr/bin/blk_load",
        "--add", os.path.join(SCRIPTS, "bench/blk-main") + ":/bin/bench", "--run", "/bin/bench",
        *(["--add", "fio", "--add", os.path.join(SCRIPTS, "bench/fio-load") + ":/bin/fio-load"] if fio else [])])
    return initrd


def measure(plan):
    """Boot the lab and measure; returns what blk-lab wrote."""
    return boot.measure("blk", plan, prepare(plan.kernel, plan.fio), [
        "--ms", str(plan.ms), "--vcpus", ",".join(map(str, plan.vcpus)), "--measures", ",".join(plan.measures),
        *(["--fio"] if plan.fio else [])])


def best(rows):
    """The name of the fastest QEMU; of the first system if there is none."""
    medians = {name: statistics.median(values.values()) for name, values in rows.items()}
    return max((name for name in medians if name.startswith("qemu")), key=medians.get, default=next(iter(medians)))


def summary(rows):
    """Of one load: {system: figures}, from {system: {round: IOPS}}."""
    reference = best(rows)
    result = {"reference": reference, "systems": {}}
    for name, values in rows.items():
        ratios = [value / rows[reference][number] for number, value in values.items() if number in rows[reference]]
        ratio, low, high = net_guest.spread(ratios)
        result["systems"][name] = {"iops": statistics.median(values.values()), "ratio": ratio, "low": low,
                                   "high": high, "samples": list(values.values())}
    return result


def evaluate(plan, data):
    result = {"kernel": data["kernel"], "clock": "instructions" if plan.counted else "wall", "ms": plan.ms,
              "load": "fio" if plan.fio else "blk_load",
              "clocksources": data["clocks"], "complete": data["complete"], "lost": data["lost"], "vcpus": {}}
    for vcpus in plan.vcpus:
        loads = {}
        for name in plan.measures:
            rows = {}
            for sample in data["samples"]:
                if sample["vcpus"] == vcpus and sample["measure"] == name:
                    rows.setdefault(sample["system"], {})[sample["round"]] = sample["value"]
            if rows:
                loads[name] = summary(rows)
        result["vcpus"][str(vcpus)] = loads
    return result


def cell(figures):
    if not figures or figures["ratio"] is None:
        return "-"
    return f"{figures['ratio']:.2f} ({figures['low']:.2f}..{figures['high']:.2f}) {figures['iops']:.0f}"


def block(loads, title):
    """One table: a line a load, a column a system."""
    chosen = [disk for disk in DISKS if any(disk.name in load["systems"] for load in loads.values())]
    out = ["", f"{title:18}" + "".join(f"{disk.title:>27}" for disk in chosen)]
    for what in MEASURES:
        if what.name in loads:
            load = loads[what.name]
            mark = {load["reference"]: "* "}
            out.append(f"{what.title:18}" + "".join(
                (mark.get(disk.name, "") + cell(load["systems"].get(disk.name))).rjust(27) for disk in chosen))
    return out


def table(result):
    clock = "wall's clock, two CPUs" if result["clock"] == "wall" else "clock of instructions, one CPU"
    out = [f"Disk of a guest, lab on Linux {result['kernel']}, {clock}; null_blk (mq, irqmode=0, no memory); "
           f"{result['load']}.",
           "Ratio to the best QEMU of the line (marked *), its middle half, and requests a second.",
           f"Goal: ferry-blk at least {GOAL}. QD is for each vCPU."]
    for vcpus, loads in result["vcpus"].items():
        out += block(loads, f"{vcpus} vCPU, {vcpus} queue")
    out += [f"given up: {name}: {', '.join(what)}" for name, what in result["lost"].items()]
    if not result["complete"]:
        out.append("The lab ended early: this is what it had measured by then.")
    return "\n".join(out)


def write(result):
    name = "blk-guest" + ("-fio" if result["load"] == "fio" else "") + ("-wall" if result["clock"] == "wall" else "")
    return keep(os.path.join(OUT, name + ".json"), result)
