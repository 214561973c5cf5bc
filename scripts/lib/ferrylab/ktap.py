# SPDX-License-Identifier: GPL-2.0
"""Reads the KTAP of test programs as lib/test-loop runs them, and believes nothing.

What a test said right before its "not ok" goes with its name: the reader of a long run's summary may
have nothing else.  A program without a plan, with fewer results than planned, without an end marker, or with a failing
status and no failing result is a failure.  Exit status 4 without results is a skip.
"""

import collections
import re
from dataclasses import dataclass, field

EXIT_SKIP = 4
REASON_LINES = 4
RESULT = re.compile(r"(not )?ok\b(?: (\d+))?(.*)")
PLAN = re.compile(r"1\.\.(\d+)\s*(#.*)?$")
SKIP = re.compile(r"#\s*SKIP\b", re.IGNORECASE)


@dataclass
class Counts:
    """Results, the names of those that did not pass, and of those that did only when run again."""
    passed: int = 0
    failed: list = field(default_factory=list)
    skipped: list = field(default_factory=list)
    again: list = field(default_factory=list)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.again += other.again

    def __str__(self):
        return f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"


class Program:
    """One test program's output."""

    def __init__(self, name):
        self.name = name
        self.plan = None
        self.results = 0
        self.said = collections.deque(maxlen=REASON_LINES)
        self.counts = Counts()

    def line(self, text):
        plan = PLAN.match(text)
        if plan:
            self.plan = int(plan[1])
            return
        result = RESULT.match(text)
        if not result:
            if text.startswith("Bail out!"):
                self.fail(text)
            elif text.startswith("#"):
                self.said.append(text.lstrip("# "))
            return
        said = " | ".join(self.said)
        self.said.clear()
        self.results += 1
        label = f"{self.name}: {result[3].strip(' -') or result[2]}"
        if SKIP.search(result[3]):
            self.counts.skipped.append(label)
        elif result[1]:
            self.counts.failed.append(f"{label}: {said}" if said else label)
        else:
            self.counts.passed += 1

    def fail(self, why):
        self.counts.failed.append(f"{self.name}: {why}")

    def end(self, status):
        """The verdict once the program ended with `status`, or with None if it never did."""
        if status is None:
            self.fail("did not end")
        elif status == EXIT_SKIP and not self.counts.failed:
            if not self.results:
                self.counts.skipped.append(self.name)
        elif self.plan is None:
            self.fail(f"no plan (exit status {status})")
        elif self.results != self.plan:
            self.fail(f"{self.results} results, {self.plan} planned (exit status {status})")
        elif status and not self.counts.failed:
            self.fail(f"exit status {status}")
        return self.counts


class Reader:
    """The output of lib/test-loop for a list of programs, line by line.

    A program that runs again counts as it did then; see lib/test-loop.
    """

    def __init__(self, names):
        self.waiting = list(names)
        self.current = None
        self.done = False
        self.ended = {}
        self.again = []

    def line(self, text):
        words = text.split()
        if words[:2] == ["#", "ferry-start"]:
            self._close(None)
            self.current = Program(words[2])
            if words[2] in self.waiting:
                self.waiting.remove(words[2])
        elif words[:2] == ["#", "ferry-end"]:
            self._close(int(words[3]))
        elif words[:2] == ["#", "ferry-done"]:
            self.done = True
        elif self.current:
            self.current.line(text)

    def _close(self, status):
        if not self.current:
            return
        name, counts = self.current.name, self.current.end(status)
        self.current = None
        if name in self.ended and not counts.failed:
            self.again += self.ended[name].failed
        self.ended[name] = counts

    def left(self):
        """What a machine that was lost leaves to be run: the program that it was at, as if it had not begun."""
        if self.current:
            self.waiting.insert(0, self.current.name)
            self.current = None
        return list(self.waiting)

    def end(self):
        self._close(None)
        total = Counts(again=self.again)
        for counts in self.ended.values():
            total.add(counts)
        for name in self.waiting:
            total.failed.append(f"{name}: did not run")
        if not self.done and not self.waiting:
            total.failed.append("the test loop did not end")
        return total
