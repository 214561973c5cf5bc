# SPDX-License-Identifier: GPL-2.0
"""Files of figures: a list with one entry a kernel, the newest run of each."""

import json
import os


def keep(path, entry):
    """Put an entry into the file at `path` in place of an older one of the same kernel."""
    entries = []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            entries = [other for other in json.load(file) if other["kernel"] != entry["kernel"]]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(entries + [entry], file, indent=1)
        file.write("\n")
    return path
