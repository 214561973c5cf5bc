# SPDX-License-Identifier: GPL-2.0
"""Instructions a packet: ferry-net beside the kernel's own vhost_net, in one boot."""

import os

from ferrylab.paths import BUILD

from . import icount
from .figures import keep

SIDES = ("ferry", "vhost")


def slope(points):
    """Least squares: (instructions a frame, instructions a batch, worst residual of the fit)."""
    n = len(points)
    mean_x = sum(x for x, _ in points) / n
    mean_y = sum(y for _, y in points) / n
    across = sum((x - mean_x) * (y - mean_y) for x, y in points)
    rise = across / sum((x - mean_x) ** 2 for x, _ in points)
    base = mean_y - rise * mean_x
    return rise, base, max(abs(y - base - rise * x) for x, y in points)


def evaluate(lines):
    """Rows in order, from what net_count wrote."""
    rows, samples, verified = {}, {}, {}
    for word in lines:
        if word[0] == "row":
            rows[word[1]] = {"name": word[1], "title": " ".join(word[2:]), "sides": {}}
        elif word[0] == "sample":
            samples.setdefault((word[1], word[2]), []).append((int(word[3]), int(word[4])))
        elif word[0] == "verified":
            verified[word[1], word[2]] = int(word[3])
    for (row, side), every in samples.items():
        single = [y for x, y in every if x == 1]
        points = [(x, y) for x, y in every if x > 1]
        rise, base, residual = slope(points)
        rows[row]["sides"][side] = {
            "per_packet": round(rise, 1), "per_batch": round(base), "residual": round(residual),
            "single": single[0] if single else None,
            "packets_verified": verified[row, side], "samples": every}
    return list(rows.values())


def table(release, rows):
    """Text for people."""
    out = [f"Instructions on Linux {release}: of each packet (a fit over batch sizes), and of a kick",
           "that brings one packet",
           "", f"{'':40} {'a packet in a batch':>26}    {'one packet alone':>26}",
           f"{'':40} {'ferry':>8} {'vhost':>8} {'ratio':>8}    {'ferry':>8} {'vhost':>8} {'ratio':>8}"]
    for row in rows:
        ours, theirs = (row["sides"].get(side) for side in SIDES)
        cells = [cell for key in ("per_packet", "single")
                 for cell in (number(ours, key), number(theirs, key), ratio(ours, theirs, key))]
        out.append(f"{row['title']:40} {cells[0]:>8} {cells[1]:>8} {cells[2]:>8}    "
                   f"{cells[3]:>8} {cells[4]:>8} {cells[5]:>8}")
    return "\n".join(out)


def number(side, key):
    return f"{side[key]:.0f}" if side else "-"


def ratio(ours, theirs, key):
    return f"{ours[key] / theirs[key]:.2f}" if ours and theirs else "-"


def measure(kernel_name, row=None, side=None, build=True):
    """Run it; returns (release, rows)."""
    parameters = (f"bench.row={row} " if row else "") + (f"bench.side={side}" if side else "")
    kernel, lines = icount.run(kernel_name, "net_count", parameters, build=build)
    return kernel.release, evaluate(lines)


def write(release, rows):
    """Keep the figures, beside those of other kernels."""
    return keep(os.path.join(BUILD, "bench/net-instructions.json"), {"kernel": release, "rows": rows})
