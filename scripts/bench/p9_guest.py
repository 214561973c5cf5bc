# SPDX-License-Identifier: GPL-2.0
"""What a guest gets of a shared directory: files a second of several systems, alternately in one lab boot.

The lab has one CPU and a clock that counts instructions.  Host, VMM and guest share that CPU, so
that speed is the whole path's cost, however busy this machine is.

Each round gives the ratio of every system to QEMU's 9pfs and to virtiofsd, measured next to it;
reported are the medians of these ratios.
"""

import os
import statistics
import subprocess
import tarfile
from dataclasses import dataclass

from ferrylab.errors import LabError
from ferrylab.paths import SCRIPTS, TOP

from . import boot, icount
from .boot import OUT
from .figures import keep
from .p9_systems import MEASURES, SHARES

OURS, REFERENCES = "ferry-9p", ("qemu-9p", "virtiofsd")


@dataclass(kw_only=True)
class Plan(boot.Plan):
    """What to measure and how."""
    measures: list


def archive(count):
    """A part of our own sources, always the same files in the same order; its path."""
    files = []
    for folder, below, names in os.walk(os.path.join(TOP, "drivers")):
        below.sort()
        files += [os.path.join(folder, name) for name in sorted(names) if name.endswith((".c", ".h"))]
    if len(files) < count:
        raise LabError(f"{len(files)} files to be unpacked")
    path = os.path.join(OUT, "bench.tar")
    with tarfile.open(path, "w") as tar:
        for folder in sorted({os.path.dirname(name) for name in files[:count]}):
            tar.add(folder, os.path.relpath(folder, TOP), recursive=False)
        for name in files[:count]:
            tar.add(name, os.path.relpath(name, TOP))
    return path


def prepare(kernel):
    """VMM, programs, and the guest's initramfs with the archive in it; returns both."""
    icount.programs()
    boot.build_vmm()
    tar = archive(next(what.count for what in MEASURES if what.name == "tar"))
    initrd = os.path.join(OUT, "p9-guest.cpio")
    subprocess.check_call([
        os.path.join(SCRIPTS, "guest-initrd"), initrd, "--kernel", kernel, "--module", "virtiofs",
        "--add", os.path.join(icount.BIN, "fs_load") + ":/usr/bin/fs_load", "--add", tar + ":/bench.tar",
        "--add", os.path.join(SCRIPTS, "bench/p9-main") + ":/bin/bench", "--run", "/bin/bench"])
    return initrd, tar


def measure(plan):
    """Boot the lab and measure; returns what 9p-lab wrote."""
    initrd, tar = prepare(plan.kernel)
    return boot.measure("9p", plan, initrd, ["--tar", tar, "--measures", ",".join(plan.measures)])


def summary(rows):
    """Of one load: {system: figures}, from {system: {round: units a second}}."""
    result = {}
    for name, values in rows.items():
        ratios = {}
        for other in REFERENCES:
            theirs = rows.get(other, {})
            pairs = [value / theirs[number] for number, value in values.items() if number in theirs]
            ratios[other] = statistics.median(pairs) if pairs else None
        result[name] = {"rate": statistics.median(values.values()), "ratios": ratios, "samples": list(values.values())}
    return result


def evaluate(plan, data):
    result = {"kernel": data["kernel"], "rounds": plan.rounds, "clocksources": data["clocks"],
              "complete": data["complete"], "lost": data["lost"], "measures": {}}
    for name in plan.measures:
        rows = {}
        for sample in data["samples"]:
            if sample["measure"] == name:
                rows.setdefault(sample["system"], {})[sample["round"]] = sample["value"]
        if rows:
            result["measures"][name] = summary(rows)
    return result


def short(value):
    """Three digits that mean something."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def missed(result):
    """Goals that were measured and not reached, as text."""
    out = []
    for what in MEASURES:
        ours = result["measures"].get(what.name, {}).get(OURS)
        for other, goal in zip(REFERENCES, what.goal):
            if goal and ours and ours["ratios"][other] and ours["ratios"][other] < goal:
                out.append(f"{what.title}: {ours['ratios'][other]:.2f} times {other}, not {goal}")
    return out


def table(result):
    """Text for people."""
    shares = [share for share in SHARES if any(share.name in rows for rows in result["measures"].values())]
    out = [f"Shared directory of a guest, lab on Linux {result['kernel']}, clock of instructions, one CPU;",
           "passthrough, nothing cached in the guest; thousands a second (KiB for read and write), and",
           "the ratio of ferry-9p to QEMU's 9pfs and to virtiofsd.", "",
           f"{'':20}" + "".join(f"{share.name:>12}" for share in shares) + f"{'/ 9pfs':>10}{'/ virtiofsd':>14}"]
    for what in MEASURES:
        rows = result["measures"].get(what.name)
        if not rows:
            continue
        scale = 1024 * 1000 if what.name in ("read", "write") else 1000
        ratios = rows.get(OURS, {"ratios": {}})["ratios"]
        out.append(f"{what.title:20}" + "".join(
            f"{short(rows[share.name]['rate'] / scale if share.name in rows else None):>12}" for share in shares) +
            f"{short(ratios.get(REFERENCES[0])):>10}{short(ratios.get(REFERENCES[1])):>14}")
    out += ["below its goal: " + text for text in missed(result)]
    out += [f"given up: {name}: {', '.join(what)}" for name, what in result["lost"].items()]
    if not result["complete"]:
        out.append("The lab ended early: this is what it had measured by then.")
    return "\n".join(out)


def write(result):
    return keep(os.path.join(OUT, "p9-guest.json"), result)
