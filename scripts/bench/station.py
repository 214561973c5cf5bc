# SPDX-License-Identifier: GPL-2.0
"""One of the systems that are measured in turn: a guest that is stopped but for its turn, or the lab itself."""

import os
import re
import select
import signal
import subprocess

from ferrylab.errors import LabError

from .turns import LOOK, Deadline

# Seconds of the real-time clock; on an idle machine a boot takes about 15.
BOOT_PATIENCE = 300


class Host:
    """No guest: the load runs in the lab."""

    def __init__(self, system):
        self.system = system
        self.clock = None
        self.failed_boots = 0
        self.lost = []

    def resume(self):
        """Nothing sleeps here."""

    pause = end = resume

    @staticmethod
    def last_line():
        return ""


class Guest(Host):
    """`process` is its VMM while it runs; `nodes` are devices of which it must have its own open, or none."""

    nodes = ()

    def __init__(self, system):
        super().__init__(system)
        self.process, self.text = None, ""

    def command(self):
        """The VMM's words; its console is its standard input and output."""
        raise NotImplementedError

    def check(self):
        """Whether the guest is as it should be, before it is ready."""

    def boot(self):
        """Start the VMM and wait until the guest serves."""
        self.failed_boots += 1
        self.text = ""
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            self.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.clock = self.expect(r"bench: clock (\S+)", BOOT_PATIENCE)[1]
        self.check()
        self.expect("bench: ready", BOOT_PATIENCE)
        self.check_path()
        self.failed_boots = 0

    def expect(self, pattern, patience):
        """Wait for a whole line of the console with it; forget what came before."""
        deadline = Deadline(patience)
        output = self.process.stdout.fileno()
        while not (found := re.search(pattern + r"\s*\n", self.text)):
            if not select.select([output], [], [], LOOK)[0]:
                deadline.check("no answer")
                continue
            data = os.read(output, 65536)
            if not data:
                raise LabError("the VMM has ended")
            self.text += data.decode(errors="replace")
        self.text = self.text[found.end():]
        return found

    def check_path(self):
        """The VMM has the device open that it should, or none."""
        folder = f"/proc/{self.process.pid}/fd"
        has = {os.readlink(os.path.join(folder, fd)) for fd in os.listdir(folder)}
        for node in self.nodes:
            if (node in has) != (self.system.device == node):
                raise LabError(f"has {node} {'open' if node in has else 'not open'}")

    def ask(self, words):
        """One line on the guest's console."""
        self.process.stdin.write((" ".join(words) + "\n").encode())
        self.process.stdin.flush()

    def resume(self):
        if self.process:
            self.process.send_signal(signal.SIGCONT)
        else:
            self.boot()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def end(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def last_line(self):
        """Of its console, after the one that says why its kernel oopsed."""
        lines = [line.strip()[-160:] for line in self.text.splitlines()]
        return " ... ".join([line for line in lines if re.search(r"Oops: |BUG: |RIP: 0010", line)][:2] + lines[-1:])
