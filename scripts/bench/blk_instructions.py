# SPDX-License-Identifier: GPL-2.0
"""Instructions a block request: ferry-blk beside io_uring on the same disk, in one boot.

Both sides count from the first instruction of the submission to the last of the reaping, the
process's own work on its rings included.
"""

import os

from ferrylab.paths import BUILD

from . import icount
from .figures import keep
from .instructions import slope

SIDES = ("ferry", "floor")
DEPTHS = (1, 16)
GOAL = 1.3


def evaluate(lines):
    """Rows in order, from what blk_count wrote."""
    rows, samples, verified = {}, {}, {}
    for word in lines:
        if word[0] == "row":
            rows[word[1]] = {"name": word[1], "title": " ".join(word[2:]), "sides": {}}
        elif word[0] == "floor":
            rows[word[1]]["io_uring_flags"] = word[2]
        elif word[0] == "sample":
            samples.setdefault((word[1], word[2]), []).append((int(word[3]), int(word[4])))
        elif word[0] == "verified":
            verified[word[1], word[2]] = int(word[3])
    for (row, side), every in samples.items():
        rise, base, _ = slope([(depth, ticks) for depth, ticks in every if depth > 1])
        rows[row]["sides"][side] = {
            "per_request": {depth: round(ticks / depth, 1) for depth, ticks in every},
            "one_more": round(rise, 1), "per_batch": round(base),
            "requests_verified": verified[row, side]}
    return list(rows.values())


def cells(row, depth):
    """Ours, the floor's, their ratio."""
    ours, floor = (row["sides"][side]["per_request"][depth] if side in row["sides"] else None for side in SIDES)
    return [f"{ours:.0f}" if ours else "-", f"{floor:.0f}" if floor else "-",
            f"{ours / floor:.2f}" if ours and floor else "-"]


def table(release, rows):
    """Text for people."""
    out = [f"Instructions of a request on Linux {release}, null_blk (mq, irqmode=0, no scheduler, no memory)",
           "as the disk; driver's work on its rings included; floor: io_uring with registered buffers and",
           f"files, O_DIRECT, one system call a batch. Goal at a depth of 16: ratio at most {GOAL}.",
           "", " " * 40 + "".join(f"    {'depth ' + str(depth):>22}" for depth in DEPTHS),
           " " * 40 + f"    {'ferry':>7} {'floor':>7} {'ratio':>6}" * len(DEPTHS)]
    for row in rows:
        line = f"{row['title']:40}"
        for depth in DEPTHS:
            ours, floor, ratio = cells(row, depth)
            line += f"    {ours:>7} {floor:>7} {ratio:>6}"
        out.append(line)
    return "\n".join(out)


def measure(kernel_name, row=None, side=None, build=True):
    """Run it; returns (release, rows)."""
    parameters = (f"bench.row={row} " if row else "") + (f"bench.side={side}" if side else "")
    kernel, lines = icount.run(kernel_name, "blk_count", parameters, build=build)
    return kernel.release, evaluate(lines)


def write(release, rows):
    """Keep the figures, beside those of other kernels."""
    return keep(os.path.join(BUILD, "bench/blk-instructions.json"), {"kernel": release, "rows": rows})
