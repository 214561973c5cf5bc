# SPDX-License-Identifier: GPL-2.0
"""Moves bytes between the lab and the caller while a machine runs."""

import ctypes
import os
import selectors
import signal
import sys
import termios
import time
import tty


class RawTerminal:
    """The caller's terminal in raw mode, restored on the way out."""

    def __init__(self, wanted):
        self.fd = sys.stdin.fileno() if wanted else None
        self.saved = None

    def __enter__(self):
        if self.fd is not None:
            self.saved = termios.tcgetattr(self.fd)
            tty.setraw(self.fd)
        return self

    def __exit__(self, *_):
        if self.saved is not None:
            termios.tcsetattr(self.fd, termios.TCSADRAIN, self.saved)


LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def die_with_parent():
    """For Popen's preexec_fn: no machine outlives scripts/lab, not even its SIGKILL."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


def pump(process, sources, deadline):
    """Copy from `sources` (fd -> sink) until the process ended and everything was read.

    A sink is a file descriptor or a function.  Returns False if the deadline passed first.
    """
    selector = selectors.DefaultSelector()
    for fd in sources:
        selector.register(fd, selectors.EVENT_READ)
    ended_at = None
    while selector.get_map():
        now = time.monotonic()
        if now > deadline:
            return False
        if ended_at is None and process.poll() is not None:
            ended_at = now
        ready = selector.select(0.2)
        for key, _ in ready:
            try:
                data = os.read(key.fd, 65536)
            except OSError:
                data = b""
            if not data:
                selector.unregister(key.fd)
                continue
            sink = sources[key.fd]
            if callable(sink):
                sink(data)
            else:
                write_all(sink, data)
        if ended_at is not None and not ready:
            break
    while process.poll() is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Follower:
    """Follows files that grow, as user-mode Linux writes them through hostfs."""

    def __init__(self, pairs):
        self.files = [(os.open(path, os.O_RDONLY), sink) for path, sink in pairs]

    def step(self):
        moved = False
        for fd, sink in self.files:
            while data := os.read(fd, 65536):
                write_all(sink, data)
                moved = True
        return moved

    def follow(self, process, deadline):
        """Until the process ended; False if the deadline passed first."""
        delay = 0.005
        while process.poll() is None:
            if time.monotonic() > deadline:
                return False
            delay = 0.005 if self.step() else min(delay * 1.5, 0.1)
            time.sleep(delay)
        self.step()
        return True
