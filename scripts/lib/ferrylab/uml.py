# SPDX-License-Identifier: GPL-2.0
"""User-mode Linux: the inner loop, for everything that needs no guest."""

import os
import signal
import subprocess
import time

from . import kernels, stream
from .errors import LabError
from .paths import LIB, read

DEFAULT_MEM = 512


def kernel(args):
    return kernels.built("um-debug" if args.debug else "um")


def command_line(args, chosen, work):
    line = [chosen.image, f"mem={args.mem or DEFAULT_MEM}M", "root=/dev/root", "rootfstype=hostfs", "ro",
            f"init={LIB}/lab-init", f"ferry.job={work.dir}", f"uml_dir={work.dir}/",
            "panic_on_warn=1", "panic=-1", "noreboot", "console=tty0", "con0=null,fd:1", "con=null", "ssl=null"]
    if args.tty:
        line.append("con1=fd:8,fd:9")
    return line + args.append.split()


def run(args, chosen, work):
    deadline = time.monotonic() + args.timeout
    follower = stream.Follower([(work.path("stdout"), 1), (work.path("stderr"), 2)]
                               + ([(work.console, 2)] if args.verbose else []))
    with stream.RawTerminal(args.tty), open(work.console, "wb") as console:
        try:
            process = subprocess.Popen(
                command_line(args, chosen, work), stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                start_new_session=True, preexec_fn=stream.die_with_parent,
                pass_fds=terminal_fds() if args.tty else ())
        except OSError as error:
            raise LabError(f"cannot start {chosen.image}: {error.strerror}") from error
        try:
            in_time = follower.follow(process, deadline)
        finally:
            end(process)
    return work.verdict(read(work.path("result"), ""), not in_time)


def terminal_fds():
    """User-mode Linux takes its terminal by number."""
    os.dup2(0, 8)
    os.dup2(1, 9)
    return 8, 9


def end(process):
    """Every process of the guest is a process here, in the session that we made for them."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
