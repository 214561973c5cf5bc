# SPDX-License-Identifier: GPL-2.0
"""Unit tests of the lab's own scripts: a table of names and conditions."""

import sys


def run(tests):
    """Try every condition, print KTAP, and exit 0 if all hold and 1 if not."""
    print(f"TAP version 13\n1..{len(tests)}")
    results = []
    for number, (name, test) in enumerate(tests.items(), 1):
        results.append(test())
        print("ok" if results[-1] else "not ok", number, name)
    sys.exit(0 if all(results) else 1)
