# SPDX-License-Identifier: GPL-2.0
"""Guests that mount directories of the host's with the 9P client of their own kernel.

The directories are on an ext4 file system in an image, so that it shows when something holds on to
them: it is unmounted and checked afterwards.
"""

import contextlib
import mmap
import os

import disklib as d
import guestlib as g

IMAGE = "/tmp/p9.ext4"
P9_FILE = os.path.join(g.BUILD, "selftests/guest/p9_file")

# What every guest's script begins with: ok, no and is tell of what is not as it should be.
SHELL = """
step() { at=$1; echo "guest-step: $at, second $(cut -d . -f 1 /proc/uptime)"; }
fail() { echo "guest-failed: $at: $*"; }
ok() { "$@" >/tmp/out 2>&1 || fail "$*: $(tail -n 1 /tmp/out)"; }
no() { ! "$@" >/tmp/out 2>&1 || fail "not refused: $*"; }
is() { [ "$2" = "$3" ] || fail "$1 is '$2', not '$3'"; }
# Its user's first request comes alone: of several that find no fid yet, the client walks from
# the root by the root's own name, "/", which is none.
attach() { # TAG PLACE OPTIONS
	mkdir -p $2
	ok mount -t 9p -o trans=virtio,version=9p2000.L,$3 $1 $2
	ok ls $2
}
"""


def require():
    g.require_guests()
    g.require(os.path.exists("/dev/ferry-9p"), "no /dev/ferry-9p")
    for program in (g.FERRY, P9_FILE):
        g.require(os.path.exists(program), f"{program} is not built")


def initrd(name, script, *programs):
    path = f"/tmp/guest-{name}.cpio"
    short = ".".join(os.uname().release.split(".")[:2])
    g.sh(os.path.join(g.TOP, "scripts/guest-initrd"), path, "--kernel", short, "--run", SHELL + script,
         *[word for what in (f"{P9_FILE}:/bin/p9_file", *programs) for word in ("--add", what)])
    return path


def boot(image, *options):
    return g.Guest([g.FERRY, "-m", "256", "-nographic", "-kernel", g.kernel_image(), "-initrd", image,
                    "-append", g.KERNEL_ARGUMENTS, *options])


def stored(data, image=IMAGE):
    """Whether the disk of the file system has these bytes, also without its page cache."""
    with open(image, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as disk:
        return disk.find(data) >= 0


@contextlib.contextmanager
def file_system(image=IMAGE, mib=96):
    """An empty ext4; nothing may hold on to it in the end."""
    g.sh("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", image, f"{mib}M")
    with d.mounted(image, "ext4") as place:
        yield place
    g.sh("e2fsck", "-f", "-n", image)


def served():
    """The module's queues, one a directory."""
    return [queue for queue in g.queues() if queue["kind"] == "9p"]


def no_failures(guest):
    bad = [line for line in guest.console().splitlines() if "guest-failed" in line]
    assert not bad, "\n".join(bad)
