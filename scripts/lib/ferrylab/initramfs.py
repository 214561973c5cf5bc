# SPDX-License-Identifier: GPL-2.0
"""newc cpio archives, written directly: reproducible, and no external tool to start.

Also holds what both initramfs images of the project need: which module files a kernel wants
loaded, in order.
"""

import lzma
import os
import subprocess

from .errors import LabError


class Archive:
    """A cpio archive in memory."""

    def __init__(self):
        self.parts = []
        self.names = set()
        self.inode = 0

    def _add(self, name, mode, data=b"", device=(0, 0)):
        name = name.strip("/")
        if name in self.names:
            return
        self.names.add(name)
        self.inode += 1
        self._record(name, self.inode, mode, data, device)

    def _record(self, name, inode, mode, data, device):
        raw = name.encode() + b"\0"
        fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(raw), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + raw
        self.parts += [head, b"\0" * (-len(head) % 4), data, b"\0" * (-len(data) % 4)]

    def directory(self, name):
        name = name.strip("/")
        parent = os.path.dirname(name)
        if parent and parent not in self.names:
            self.directory(parent)
        self._add(name, 0o040755)

    def _parent(self, name):
        parent = os.path.dirname(name.strip("/"))
        if parent:
            self.directory(parent)

    def data(self, name, data, mode=0o644):
        self._parent(name)
        self._add(name, 0o100000 | mode, data if isinstance(data, bytes) else data.encode())

    def file(self, name, source, mode=None):
        try:
            with open(source, "rb") as file:
                data = file.read()
                mode = mode or os.fstat(file.fileno()).st_mode & 0o777
        except OSError as error:
            raise LabError(f"{source}: {error.strerror}") from error
        self.data(name, data, mode)

    def symlink(self, name, target):
        self._parent(name)
        self._add(name, 0o120777, target.encode())

    def node(self, name, major, minor, mode=0o600):
        self._parent(name)
        self._add(name, 0o020000 | mode, device=(major, minor))

    def write(self, path):
        """Write it so that a reader never sees half of it.

        Not compressed: unpacking costs more than reading in an emulated machine.
        """
        self._record("TRAILER!!!", 0, 0, b"", (0, 0))
        temporary = f"{path}.{os.getpid()}"
        with open(temporary, "wb") as file:
            file.writelines(self.parts)
            file.write(b"\0" * (-file.tell() % 512))
        os.replace(temporary, path)


def module_files(kernel, names):
    """Module files of a kernel for `names` and all they need, in load order; built-ins left out."""
    try:
        text = subprocess.check_output(
            ["/sbin/modprobe", "-d", kernel.tree, "-S", kernel.release, "-q", "-a", "--show-depends", *names],
            text=True, stderr=subprocess.PIPE)
    except (OSError, subprocess.CalledProcessError) as error:
        raise LabError(f"modprobe does not know the modules of {kernel.release}: {error}") from error
    files = []
    for line in text.splitlines():
        word = line.split()
        if word[0] == "insmod" and word[1] not in files:
            files.append(word[1])
    return files


def known_modules(kernel, names):
    """Those of `names` that the kernel has, built in or as a module."""
    found = []
    for name in names:
        if subprocess.call(["/sbin/modinfo", "-b", kernel.tree, "-k", kernel.release, name],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
            found.append(name)
    return found


def add_executable(archive, source, target=None):
    """Add a file; if it is a dynamic executable, with the libraries that the loader names."""
    archive.file(target or source, source)
    with open(source, "rb") as file:
        if file.read(4) != b"\x7fELF":
            return
    listed = subprocess.run(["ldd", source], capture_output=True, text=True, check=False).stdout
    for line in listed.splitlines():
        for word in line.split():
            if word.startswith("/"):
                archive.file(word, word)


def add_modules(archive, files):
    """Put module files in /modules, uncompressed, and their load order in /modules/order."""
    order = []
    for path in files:
        name = os.path.basename(path)
        if name.endswith(".xz"):
            name = name[:-3]
            with lzma.open(path) as file:
                data = file.read()
        else:
            with open(path, "rb") as file:
                data = file.read()
        archive.data("modules/" + name, data)
        order.append(name)
    archive.data("modules/order", "".join(name + "\n" for name in order))


BUSYBOX = "/bin/busybox"
