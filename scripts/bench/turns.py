# SPDX-License-Identifier: GPL-2.0
"""Systems that are measured in turn in one lab: patience, and a second try."""

import subprocess

from ferrylab.errors import LabError
from ferrylab.paths import read

RTC = "/sys/class/rtc/rtc0/since_epoch"
# Of the lab's seconds. Not less: looking costs instructions that are measured too.
LOOK = 0.05
FAILURES = (LabError, OSError, subprocess.SubprocessError)


class Deadline:
    """In seconds of the real-time clock from now.

    Where the lab's clock counts instructions it says nothing about how long somebody has been
    waiting.
    """

    def __init__(self, patience):
        self.patience = patience
        self.end = int(read(RTC)) + patience

    def check(self, what):
        if int(read(RTC)) > self.end:
            raise LabError(f"{what} after {self.patience} s")


def run(line, patience):
    """The output of a program; it is killed if that takes longer."""
    deadline = Deadline(patience)
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            while True:
                try:
                    out, err = process.communicate(timeout=LOOK)
                    break
                except subprocess.TimeoutExpired:
                    deadline.check("no result")
        finally:
            process.kill()
    if process.returncode:
        raise LabError(f"{line[0]}: {out[-400:]}{err[-400:]}".strip())
    return out


def twice(guest, name, action):
    """What `action` returns, with a fresh guest if the first one fails; None if that fails too."""
    for what_next in ("once more with a fresh guest", "given up"):
        try:
            guest.resume()
            result = action()
            guest.pause()
            return result
        except FAILURES as error:
            guest.end()
            print(f"{guest.system.title}, {name}: {' '.join(str(error).split())}; {what_next} "
                  f"(its console ends with {guest.last_line()!r})", flush=True)
    guest.lost.append(name)
    return None
