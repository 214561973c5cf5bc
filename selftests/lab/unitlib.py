# SPDX-License-Identifier: GPL-2.0
"""Unit tests of the lab's own scripts: a table of names and conditions."""

import sys


def run(tests):
    """Try every condition, print KTAP, and exit 0 if all hold and 1 if not.

    A condition that is a string cannot be tried here; the string says why.
    """
    print(f"TAP version 13\n1..{len(tests)}")
    results = []
    for number, (name, test) in enumerate(tests.items(), 1):
        results.append(test())
        skipped = f" # SKIP {results[-1]}" if isinstance(results[-1], str) else ""
        print("ok" if results[-1] else "not ok", number, name + skipped)
    sys.exit(0 if all(results) else 1)
