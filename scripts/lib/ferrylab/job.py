# SPDX-License-Identifier: GPL-2.0
"""A job: the directory through which the host and lib/lab-init talk.

	env		shell assignments: what to run, where, with which modules (host -> lab)
	command		the argument vector, shell-quoted (host -> lab)
	console.log	the kernel's console
	result		"status=N taint=N busy=NAMES error=TEXT" (lab -> host)
	stdout stderr	of the command, where a hostfs carries them (lab -> host)
"""

import os
import re
import shlex
import shutil
import signal
import sys
import tempfile

from . import splat
from .errors import LabError
from .modules import needs
from .paths import BUILD, CACHE, TOP, read

__all__ = ["Job", "LabError"]

PASSED = re.compile(r"FERRY_.*|CI|TERM|V|KTAP_.*|INTERACTIVE")
STATUS_CRASHED, STATUS_SPLAT, STATUS_DIED, STATUS_TIMEOUT = 96, 97, 98, 124


class Job:
    """One run of one command; a context manager that cleans up after itself."""

    def __init__(self, args, kernel, modules):
        if not os.path.isdir("/lib/modules"):
            raise LabError("there is no /lib/modules to mount the lab's modules on; run scripts/setup lab")
        self.args = args
        self.modules = modules
        self.dir = tempfile.mkdtemp(prefix="ferry-lab.")
        default = os.path.join(BUILD, "lab-out", os.path.basename(self.dir)[len("ferry-lab."):])
        self.out = os.path.abspath(args.out or default)
        self.console = os.path.abspath(args.console) if args.console else self.path("console.log")
        os.makedirs(self.out, exist_ok=True)
        self.kind = "host" if args.host else "uml" if args.uml else "qemu"
        self._write_env(kernel, modules)
        for name in ("result", "stdout", "stderr"):
            open(self.path(name), "w", encoding="utf-8").close()
        open(self.console, "w", encoding="utf-8").close()

    def __enter__(self):
        # A signal becomes an exception, so that every "finally" runs and no machine stays behind.
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: sys.exit(128 + signal.SIGTERM))
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)
        try:
            os.removedirs(self.out)  # only if nothing was left there
        except OSError:
            pass

    def path(self, name):
        return os.path.join(self.dir, name)

    def environment(self):
        """Variables of the caller that the command may see."""
        env = {k: v for k, v in os.environ.items() if PASSED.fullmatch(k)}
        env.update(FERRY_LAB="1", FERRY_LAB_KIND=self.kind, FERRY_OUT=self.out, FERRY_CACHE=CACHE)
        return env

    def _write_env(self, kernel, modules):
        size = shutil.get_terminal_size()
        values = {
            "lab_top": TOP, "lab_build": os.path.abspath(BUILD), "lab_cache": CACHE,
            "lab_out": self.out, "lab_job": self.dir,
            "lab_modules": kernel.modules and os.path.dirname(kernel.modules),
            "lab_insmod": " ".join(modules), "lab_needs": " ".join(needs(modules)), "lab_kind": self.kind,
            "lab_tty": "1" if self.args.tty else "", "lab_rows": size.lines, "lab_columns": size.columns,
        }
        with open(self.path("env"), "w", encoding="utf-8") as file:
            for name, value in values.items():
                file.write(f"{name}={shlex.quote(str(value))}\n")
            for name, value in self.environment().items():
                file.write(f"export {name}={shlex.quote(value)}\n")
        with open(self.path("command"), "w", encoding="utf-8") as file:
            file.write(shlex.join(self.args.command) + "\n")

    def verdict(self, result, timed_out, machine=None):
        """Exit status of the whole run, from what the lab reported and what its console says.

        `machine`: the status of the program that was the lab, negative for a signal, if that is known.
        """
        log = read(self.console, "")
        result, _, error = result.strip().partition(" error=")
        fields = dict(word.split("=", 1) for word in result.split() if "=" in word)
        complete = "status" in fields and "taint" in fields
        found = splat.find(log, int(fields["taint"]) if complete else None)
        if found:
            self.tell("kernel splat", found)
            return STATUS_SPLAT
        if timed_out:
            self.tell(f"killed after {self.args.timeout} s; the console ended with", tail(log))
            return STATUS_TIMEOUT
        if not complete:
            how = "" if machine is None else f" (status {machine} of its machine)"
            self.tell(f"the lab ended without a result{how}; its console ended with", tail(log))
            return STATUS_CRASHED if (machine or 0) < 0 else STATUS_DIED
        if fields.get("busy"):
            self.tell("modules that could not be removed afterwards: " + fields["busy"], "")
            return STATUS_SPLAT
        if error:
            self.tell("the modules do not load: " + error.strip(), "")
        return int(fields["status"])

    @staticmethod
    def tell(title, text):
        sys.stdout.flush()
        print(f"lab: {title}", *text.split("\n"), sep="\nlab| " if text else "", file=sys.stderr, flush=True)


def tail(log, lines=25):
    return "\n".join(log.replace("\r", "").rstrip().split("\n")[-lines:])
