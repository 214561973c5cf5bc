# SPDX-License-Identifier: GPL-2.0
"""The lab: boots a kernel on this machine's files and runs one command there."""
