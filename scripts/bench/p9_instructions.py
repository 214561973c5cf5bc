# SPDX-License-Identifier: GPL-2.0
"""Instructions a 9P request: ferry-9p beside system calls on the same file, in one boot.

From the first chain of a batch to the last answer taken, the driver's work on its ring included;
the messages are made before.  Opening a file is three requests that wait for each other.
"""

import os

from ferrylab.paths import BUILD

from . import icount
from .figures import keep
from .instructions import slope

SIDES = ("ferry", "floor")
DEPTHS = (1, 16)
# Up to so many the thread that kicks serves by itself; batches beyond that share the worker's wake-up.
AT_KICK = 4
ROW, GOAL = "p9-getattr", 2500


def evaluate(lines):
    """Rows in order, from what p9_count wrote."""
    rows, samples, verified = {}, {}, {}
    for word in lines:
        if word[0] == "row":
            rows[word[1]] = {"name": word[1], "title": " ".join(word[2:]), "sides": {}}
        elif word[0] == "sample":
            samples.setdefault((word[1], word[2]), []).append((int(word[3]), int(word[4])))
        elif word[0] == "verified":
            verified[word[1], word[2]] = int(word[3])
    for (row, side), every in samples.items():
        rise, base, _ = slope([(depth, ticks) for depth, ticks in every if depth > AT_KICK])
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


def one_more(row):
    """What each further request of a batch costs us."""
    return f"{row['sides']['ferry']['one_more']:.0f}" if "ferry" in row["sides"] else "-"


def table(release, rows):
    """Text for people."""
    out = [f"Instructions of a 9P request on Linux {release}, the file in the page cache of ext4 on a RAM disk,",
           "passthrough; floor: the same by system calls (statx, open and close, pread, pwrite) on the host.",
           f"Goal: one more Tgetattr of a batch at most {GOAL}: what ring and server take, without the kick",
           "and the wake-up that a batch shares.",
           "", " " * 28 + "".join(f"    {'depth ' + str(depth):>25}" for depth in DEPTHS) + "    one more",
           " " * 28 + f"    {'ferry':>8} {'floor':>8} {'ratio':>7}" * len(DEPTHS) + f"    {'ferry':>8}"]
    for row in rows:
        line = f"{row['title']:28}"
        for depth in DEPTHS:
            ours, floor, ratio = cells(row, depth)
            line += f"    {ours:>8} {floor:>8} {ratio:>7}"
        out.append(f"{line}    {one_more(row):>8}")
    return "\n".join(out)


def reached(rows):
    """Whether Tgetattr is as cheap as it has to be; True if it was not measured."""
    return all(row["sides"]["ferry"]["one_more"] <= GOAL
               for row in rows if row["name"] == ROW and "ferry" in row["sides"])


def measure(kernel_name, row=None, side=None, build=True):
    """Run it; returns (release, rows)."""
    parameters = (f"bench.row={row} " if row else "") + (f"bench.side={side}" if side else "")
    kernel, lines = icount.run(kernel_name, "p9_count", parameters, build=build)
    return kernel.release, evaluate(lines)


def write(release, rows):
    """Keep the figures, beside those of other kernels."""
    return keep(os.path.join(BUILD, "bench/p9-instructions.json"), {"kernel": release, "rows": rows})
