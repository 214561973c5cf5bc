# SPDX-License-Identifier: GPL-2.0
"""Where things are."""

import os

LIB = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
SCRIPTS = os.path.dirname(LIB)
TOP = os.path.dirname(SCRIPTS)
BUILD = os.environ.get("BUILD") or os.path.join(TOP, "build")
CACHE = os.environ.get("FERRY_CACHE") or os.path.expanduser("~/.cache/ferry")


def read(path, default=None):
    """The stripped text of a small file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        if default is None:
            raise
        return default
