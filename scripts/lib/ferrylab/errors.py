# SPDX-License-Identifier: GPL-2.0
"""The one exception that scripts/lab turns into a message and a status."""


class LabError(Exception):
    """Something the user must know; the text is the message."""
