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

# TCG with several threads can translate an instruction while another CPU patches it, and then runs
# the kernel's transient breakpoint after it is gone.  The kernel dies of an int3 in whose place its
# own dump shows another byte: no real CPU does that after text_poke's synchronisation.
BREAKPOINT = re.compile(r"\bint3: 0000")
CODE = re.compile(r"Code: .*?([0-9a-f]{2}) <[0-9a-f]{2}>")
INT3 = "cc"

# Out-of-tree and unsigned modules are what we are; anything else is news.
TAINT_ALLOWED = (1 << 12) | (1 << 13)
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


def is_emulators(log):
    """Whether the first splat of a console log is a breakpoint that is not in the kernel's memory."""
    lines = log.replace("\r", "").split("\n")
    for number, line in enumerate(lines):
        if SPLAT.search(line) or BREAKPOINT.search(line):
            if not BREAKPOINT.search(line):
                return False
            code = CODE.search("\n".join(lines[number:]))
            return bool(code) and code[1] != INT3
    return False
