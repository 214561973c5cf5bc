# SPDX-License-Identifier: GPL-2.0
"""What a guest gets: TCP, UDP and latency of several systems, alternately in one lab boot.

The lab has one CPU and a clock that counts instructions.  Host, VMM and guest share that CPU, so
that speed is the whole path's cost, and it is the same on a busy machine as on an idle one.  It sees
nothing of what two CPUs do to each other.

By the wall's clock instead, the lab has two CPUs and figures move with whatever else the machine
does.  Shown besides is the cost: the CPU time of the whole emulator, less what it uses when idle,
for each byte that arrived or each round trip.

Each round gives the ratio of every system to the reference that was measured next to it; reported
are the median of these ratios and where the middle half of them lies.
"""

import os
import statistics
import subprocess
from dataclasses import dataclass

from ferrylab.paths import SCRIPTS

from . import boot, icount
from .boot import OUT
from .figures import keep
from .systems import REFERENCE, SYSTEMS

TITLES = {"tcp-in": "TCP to guest", "tcp-out": "TCP from guest", "udp-in": "UDP to guest",
          "udp-out": "UDP from guest", "rr": "round trip"}


def prepare(kernel):
    """VMM, programs and the guest's initramfs."""
    icount.programs()
    boot.build_vmm()
    initrd = os.path.join(OUT, "guest.cpio")
    here = os.path.join(SCRIPTS, "bench")
    subprocess.check_call([
        os.path.join(SCRIPTS, "guest-initrd"), initrd, "--kernel", kernel,
        "--add", os.path.join(icount.BIN, "net_load") + ":/usr/bin/net_load",
        "--add", os.path.join(here, "net-rc") + ":/etc/rc",
        "--add", os.path.join(here, "net-main") + ":/bin/bench", "--run", "/bin/bench"])
    return initrd


@dataclass(kw_only=True)
class Plan(boot.Plan):
    """About 20 minutes are usual, and what has been measured when the time is over is kept."""
    ms: int
    measures: list
    timeout: int = 5400


def measure(plan):
    """Boot the lab and measure; returns what net-lab wrote."""
    options = ["--ms", str(plan.ms), "--measures", ",".join(plan.measures)]
    return boot.measure("net", plan, prepare(plan.kernel), options + (["--counted"] if plan.counted else []))


def ratios(samples, system, reference, what):
    """Per round, so that above 1 is better than the reference: faster, or cheaper."""
    by_round = {}
    for sample in samples:
        if sample[what] > 0:
            by_round.setdefault(sample["round"], {})[sample["system"]] = sample[what]
    values = [r[system] / r[reference] for r in by_round.values() if system in r and reference in r]
    less_is_better = what == "cost" or samples[0]["measure"] == "rr"
    return [1 / value for value in values] if less_is_better else values


def spread(values):
    """Median and the middle half; None for what was lost in the noise every time."""
    if not values:
        return (None,) * 3
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, low, high


def summary(samples, system, reference, kinds):
    """Figures of one system and measure; None if there are none."""
    mine = [s for s in samples if s["system"] == system]
    if not mine:
        return None
    result = {"unit": "us" if mine[0]["measure"] == "rr" else "Mbit/s",
              "lost": statistics.median(s["lost"] for s in mine)}
    for what in kinds:
        ratio, low, high = spread(ratios(samples, system, reference, what))
        result[what] = {"median": statistics.median(s[what] for s in mine), "ratio": ratio, "low": low,
                        "high": high, "samples": [s[what] for s in mine]}
    return result


def evaluate(plan, data):
    idle = statistics.median(data["idle"] or [0])
    for sample in data["samples"]:
        # Not above zero when it was lost in the noise: such a sample is left out.
        sample["cost"] = (sample["cpu"] - idle * sample["elapsed"]) / sample["amount"]
    reference = REFERENCE if REFERENCE in plan.systems else plan.systems[0]
    kinds = ("value",) if plan.counted else ("value", "cost")
    result = {"kernel": data["kernel"], "clock": "instructions" if plan.counted else "wall", "reference": reference,
              "ms": plan.ms, "rounds": plan.rounds, "clocksources": data["clocks"], "measures": {},
              "lost": data["lost"], "complete": data["complete"] and not any(data["lost"].values())}
    for name in plan.measures:
        samples = [s for s in data["samples"] if s["measure"] == name]
        result["measures"][name] = {system: summary(samples, system, reference, kinds) for system in plan.systems}
    return result


def cell(row, what):
    if not row or row[what]["ratio"] is None:
        return "-"
    return f"{row[what]['ratio']:.2f} ({row[what]['low']:.2f}..{row[what]['high']:.2f})"


def absolute(row):
    return f"{row['value']['median']:.0f} {row['unit']}" if row else "-"


def block(result, what, title):
    """One table: a line of ratios a system."""
    names = {system.name: system.title for system in SYSTEMS}
    out = ["", f"{title:27}" + "".join(f"{head:>19}" for head in map(TITLES.get, result["measures"]))]
    for system in result["clocksources"]:
        out.append(f"{names[system]:27}" +
                   "".join(cell(rows[system], what).rjust(19) for rows in result["measures"].values()))
    return out


def table(result):
    reference = next(s.title for s in SYSTEMS if s.name == result["reference"])
    wall = result["clock"] == "wall"
    out = [f"Guest traffic, lab on Linux {result['kernel']}, relative to \"{reference}\": above 1 is better.",
           "Median of the rounds' ratios (middle half of them)."]
    out += block(result, "value", "Speed, by the wall's clock" if wall else "Speed, by instructions")
    out.append(f"{'(the reference, absolute)':27}" +
               "".join(absolute(rows[result["reference"]]).rjust(19) for rows in result["measures"].values()))
    if wall:
        out += block(result, "cost", "Cost, by the CPU's time")
    for system in (s for s in SYSTEMS if result["lost"].get(s.name)):
        out.append(f"Not in every round: {system.title}: " +
                   ", ".join(sorted({TITLES.get(name, name) for name in result["lost"][system.name]})))
    return "\n".join(out)


def write(result):
    name = "net-guest-wall.json" if result["clock"] == "wall" else "net-guest.json"
    return keep(os.path.join(OUT, name), result)
