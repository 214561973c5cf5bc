# SPDX-License-Identifier: GPL-2.0
"""Kernel splats in a console log."""

import re

SPLAT = re.compile(
    r"\bBUG: |\bBUG\b at |WARNING: (?!.*(?:Spectre|Speculative|MDS CPU bug|TAA CPU bug))|KASAN: |UBSAN: |KFENCE: |"
    r"Oops\b|general protection fault|unable to handle (?:page fault|kernel)|kernel BUG at|"
    r"possible circular locking|possible recursive locking|inconsistent lock state|"
    r"suspicious RCU usage|sleeping function called|scheduling while atomic|"
    r"INFO: task .* blocked for more than|self-detected stall|detected stalls|soft lockup|hard LOCKUP|"
    r"suspected memory leaks|unreferenced object|ODEBUG: |list_(?:add|del) corruption|"
    r"refcount_t: |use-after-free|Kernel panic|BUG kmalloc|page allocation failure|"
    r"bad page state|Bad page state|usercopy: |stack-protector|Modules linked in")

# Out-of-tree and unsigned modules are what we are. The auxiliary taint is Debian's mark of what it does
# not support, as a program that answers permission events of fanotify. Anything else is news.
TAINT_ALLOWED = (1 << 12) | (1 << 13) | (1 << 16)
CONTEXT_BEFORE, CONTEXT_AFTER = 2, 45


def find(log, taint=None):
    """The text of the first splat of a console log, or None."""
    lines = log.replace("\r", "").split("\n")
    for number, line in enumerate(lines):
        if SPLAT.search(line):
            return "\n".join(lines[max(0, number - CONTEXT_BEFORE):number + CONTEXT_AFTER])
    if taint is not None and taint & ~TAINT_ALLOWED:
        return f"the kernel is tainted: {taint:#x}"
    return None
