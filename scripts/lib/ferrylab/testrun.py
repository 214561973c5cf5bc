# SPDX-License-Identifier: GPL-2.0
"""Runs test programs through lib/test-loop, here or in one boot of a lab, and judges their KTAP."""

import os
import re
import subprocess

from . import ktap
from .job import STATUS_CRASHED
from .paths import LIB, SCRIPTS

# A processor that idles in a guest is not polled for: where both are emulated, that costs a fifth of all.
PARAMETERS = ["--append", "kvm.halt_poll_ns=0"]

MARKER = re.compile("^# ferry-(start|end|done) ?")


def stream(command, reader, out, env=None):
    """Copy a command's output to `out` and through the reader as it comes; its exit status."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          text=True, errors="replace", bufsize=1, env={**os.environ, **(env or {})}) as process:
        for line in process.stdout:
            line = line.rstrip("\n").replace("\r", "")
            print(MARKER.sub("# ", line), file=out, flush=True)
            reader.line(line)
    return process.returncode


def run_tests(options, tests, out, env=None):
    """Run tests in a lab with `options`, or on this machine if that is None; the counts.

    A lab whose emulator crashed has said nothing about its kernel: another one takes up what is left, once.
    """
    reader = ktap.Reader(os.path.basename(test) for test in tests)
    loop = [os.path.join(LIB, "test-loop")]
    if options is None:
        stream([*loop, *tests], reader, out, env)
        return reader.end()
    command = [os.path.join(SCRIPTS, "lab"), *PARAMETERS, *options, "--", *loop]
    status = stream([*command, *tests], reader, out, env)
    left = reader.left() if status == STATUS_CRASHED else []
    if left:
        print(f"# the emulator crashed: another lab for {' '.join(left)}", file=out, flush=True)
        status = stream([*command, *(test for test in tests if os.path.basename(test) in left)], reader, out, env)
    counts = reader.end()
    if status == 0:
        print("ok kernel-clean", file=out, flush=True)
        counts.passed += 1
    else:
        print(f"not ok kernel-clean # lab status {status}", file=out, flush=True)
        counts.failed.append(f"kernel-clean: lab status {status}")
    return counts


def run_program(command, out):
    """Run one program that prints KTAP, as it is; the counts."""
    program = ktap.Program(os.path.basename(command[0]))
    status = stream(command, program, out)
    return program.end(status)
