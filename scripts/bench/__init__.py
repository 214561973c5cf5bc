# SPDX-License-Identifier: GPL-2.0
"""Measurements: what scripts/bench-* share."""
