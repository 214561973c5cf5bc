# SPDX-License-Identifier: GPL-2.0
"""Every moment at which a guest's disk might have lost its power, one after the other.

The disk is a dm-log-writes device, which keeps a copy of each write in the order in which they became
stable. The guest fsyncs record after record, and after each one waits until the log has a mark of it.
Afterwards the log is replayed up to many points. What had been flushed by then is there, of the writes
since then any may be missing; and every record that was marked must be found in a clean file system.

The log, little-endian: a superblock, then for each entry one sector of description and its data. See
Documentation/admin-guide/device-mapper/log-writes.rst of Linux. A mark's text is in the entry's sector.
"""

import contextlib
import dataclasses
import errno
import os
import random
import re
import struct
import time

import crashlib
import guestlib as g

MAGIC, VERSION = 0x6A736677736872, 1
SUPER, ENTRY = struct.Struct("<QQQI"), struct.Struct("<QQQQ")
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
SECTOR = 512  # what entries count in
LOG_MIB = 1024  # sparse
# A second writer fills the journal with what nobody fsyncs.
GUEST_RUN = """
mkdir -p /mnt
mount -t {fs} /dev/vda /mnt || exit 1
(n=0; while :; do
	n=$((n + 1))
	dd if=/dev/zero of=/mnt/new bs=1k count=$((n % 23 + 1)) 2>/dev/null
	mv /mnt/new /mnt/other$((n % 7))
	usleep 20000
done) &
echo guest-ready
i=0
while [ $i -lt {records} ]; do
	i=$((i + 1))
	yes "record $i" | dd of=/mnt/r$i bs={record} count=1 iflag=fullblock conv=fsync 2>/dev/null || exit 1
	echo "acked $i."
	read -r go
done
echo guest-done
read -r go
"""


@dataclasses.dataclass
class Entry:
    """One write, flush, discard or mark, and where its data is in the log."""
    sector: int
    sectors: int
    flags: int
    data: int
    mark: str

    def stable(self):
        """On the disk when it is answered, whatever comes later."""
        return self.flags & (FLUSH | FUA | MARK)


class Log:
    """The entries of a finished log."""

    def __init__(self, path):
        self.file = open(path, "rb")  # pylint: disable=consider-using-with
        magic, version, count, self.unit = SUPER.unpack(self.file.read(SUPER.size))
        assert (magic, version) == (MAGIC, VERSION), f"no log of writes: {magic:#x} version {version}"
        assert self.unit >= SECTOR and count, f"{count} entries in sectors of {self.unit}"
        self.entries, at = [], self.unit
        for _ in range(count):
            at = self.parse(at)

    def parse(self, at):
        """Take the entry at that place; where the next one is."""
        self.file.seek(at)
        block = self.file.read(self.unit)
        sector, sectors, flags, length = ENTRY.unpack_from(block)
        mark = block[ENTRY.size:ENTRY.size + length].decode() if flags & MARK else ""
        self.entries.append(Entry(sector, sectors, flags, at + self.unit, mark))
        has_data = not flags & (MARK | DISCARD)
        return at + self.unit + (-(-sectors * SECTOR // self.unit) * self.unit if has_data else 0)

    def apply(self, entry, disk):
        """What that entry does to an image."""
        if entry.flags & MARK or not entry.sectors:
            return
        length = entry.sectors * SECTOR
        disk.seek(entry.sector * SECTOR)
        if entry.flags & DISCARD:
            disk.write(bytes(length))
            return
        self.file.seek(entry.data)
        data = self.file.read(length)
        assert len(data) == length, "the log ends within an entry"
        disk.write(data)

    def points(self, count, chance):
        """So many places to lose power at, in order: flushes, FUA and marks, and a quarter in between."""
        stable = [i for i, entry in enumerate(self.entries) if entry.stable()]
        others = [i for i, entry in enumerate(self.entries) if not entry.stable()]
        few = min(len(others), max(count // 4, count - len(stable)))
        chosen = chance.sample(stable, min(len(stable), count - few)) + chance.sample(others, few)
        return sorted(chosen)

    def close(self):
        self.file.close()


def copy_sparse(source, target):
    """The same bytes with holes where there are holes, in the same file if there is one."""
    with open(source, "rb") as old, open(target, "wb") as new:
        end = os.fstat(old.fileno()).st_size
        new.truncate(end)
        at = 0
        while at < end:
            try:
                at = os.lseek(old.fileno(), at, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                break
            stop = os.lseek(old.fileno(), at, os.SEEK_HOLE)
            while at < stop:
                os.pwrite(new.fileno(), os.pread(old.fileno(), min(stop - at, 1 << 20), at), at)
                at = min(stop, at + (1 << 20))


@contextlib.contextmanager
def loop(path, mib):
    """A loop device on a new sparse file."""
    g.sh("modprobe", "loop")
    with open(path, "wb") as file:
        file.truncate(mib << 20)
    node = g.sh("losetup", "-f", "--show", path).stdout.strip()
    try:
        yield node
    finally:
        g.sh("losetup", "-d", node)
        os.unlink(path)


class Disk:
    """A log-writes device over two files, and a copy of what was there before the first write."""

    def __init__(self, fs):
        self.fs = fs
        self.name = f"replay{os.getpid()}"
        self.path = "/dev/mapper/" + self.name
        self.data, self.log, self.base = (f"/tmp/{self.name}.{part}" for part in ("data", "log", "base"))

    @contextlib.contextmanager
    def made(self):
        mib, mkfs, _ = crashlib.FILE_SYSTEMS[self.fs]
        g.sh("modprobe", "-a", "dm-mod", "dm-log-writes", self.fs)
        with loop(self.data, mib) as data, loop(self.log, LOG_MIB) as log:
            g.sh(*mkfs, data)
            g.sh("blockdev", "--flushbufs", data)
            copy_sparse(self.data, self.base)
            g.sh("dmsetup", "create", "--noudevsync", self.name, "--table",
                 f"0 {mib * 2048} log-writes {data} {log}")
            g.sh("dmsetup", "mknodes", self.name)
            try:
                yield self
            finally:
                g.sh("dmsetup", "remove", "--noudevsync", "--retry", self.name, check=False)
                os.unlink(self.base)

    def mark(self, text):
        g.sh("dmsetup", "message", self.name, "0", "mark", text)

    def finish(self):
        """No more writes: what is left goes to the log."""
        g.sh("dmsetup", "remove", "--noudevsync", "--retry", self.name)


def initrd(fs, records):
    return g.disk_initrd(f"replay-{fs}-{records}",
                         GUEST_RUN.format(fs=fs, record=crashlib.RECORD, records=records), fs, "crc32c_generic")


def record(disk, drive, records):
    """A guest writes its records; each is marked in the log while nothing else is promised."""
    go, tell = os.pipe()
    guest = g.Guest([g.FERRY, "-m", "256", "-nographic", "-kernel", g.kernel_image(),
                     "-initrd", initrd(disk.fs, records), "-append", g.KERNEL_ARGUMENTS,
                     "-drive", f"file={disk.path},if=virtio,format=raw,{drive}"], stdin=go)
    os.close(go)
    try:
        with guest:
            guest.wait_console("guest-ready")
            for number in range(1, records + 1):
                guest.wait_console(f"acked {number}.")
                disk.mark(f"acked-{number}")
                os.write(tell, b"\n")
            guest.wait_console("guest-done")
    finally:
        os.close(tell)
    disk.finish()


class Replay:
    """An image that follows the log from flush to flush, and a device for copies of it."""

    def __init__(self, disk, log, device, chance):
        self.disk, self.log, self.device, self.chance = disk, log, device, chance
        self.flushed = 0  # entries that the base has
        self.acked = 0

    def to(self, point):
        """The device holds what a power cut right after that entry might leave."""
        entries = self.log.entries
        last = max((i for i in range(self.flushed, point + 1) if entries[i].flags & FLUSH), default=-1)
        with open(self.disk.base, "r+b") as base:
            for entry in entries[self.flushed:last + 1]:
                self.log.apply(entry, base)
        self.flushed = max(self.flushed, last + 1)
        for entry in entries[:point + 1]:
            found = re.fullmatch(r"acked-(\d+)", entry.mark)
            self.acked = max(self.acked, int(found[1]) if found else 0)
        copy_sparse(self.disk.base, self.device.file)
        with open(self.device.file, "r+b") as image:
            for entry in entries[self.flushed:point + 1]:
                if entry.stable() or self.chance.random() < 0.5:
                    self.log.apply(entry, image)


class Copy:
    """A loop device on a file that is written anew for each point."""

    def __init__(self, path, file):
        self.path, self.file = path, file


def check_points(disk, count, chance):
    """The file system is whole at so many points of the log; how many were looked at."""
    log = Log(disk.log)
    copy = disk.data + ".copy"
    try:
        assert log.entries[-1].mark == "dm-log-writes-end", "the log has no end"
        with loop(copy, crashlib.FILE_SYSTEMS[disk.fs][0]) as node:
            replay = Replay(disk, log, Copy(node, copy), chance)
            points = log.points(count, chance)
            for number, point in enumerate(points):
                if number and not number % 50:
                    print(f"# {number} points of {len(points)}", flush=True)
                replay.to(point)
                try:
                    crashlib.check_records(replay.device, disk.fs, replay.acked)
                except AssertionError as error:
                    raise AssertionError(f"power lost after entry {point} of {len(log.entries)}: {error}") from error
        flushes = sum(bool(entry.flags & FLUSH) for entry in log.entries)
        forced = sum(bool(entry.flags & FUA) for entry in log.entries)
        print(f"# {len(points)} points of {len(log.entries)} entries, {flushes} flushes, {forced} FUA: "
              f"up to {replay.acked} records, all there", flush=True)
        return replay.acked
    finally:
        log.close()


def replays(count, fs, drive, seed=None):
    """A guest's log, replayed to `count` points."""
    g.require(os.path.exists("/dev/kvm"), "no /dev/kvm")
    g.require("vhost=on" not in drive or os.path.exists("/dev/ferry-blk"), "no /dev/ferry-blk")
    g.require(os.path.exists(g.FERRY), "build/ferry is not built")
    g.require(not g.sh("modprobe", "dm-log-writes", check=False).returncode, "no dm-log-writes")
    seed = seed or time.monotonic_ns()
    records = max(6, min(60, count // 4))
    print(f"# {records} records of {fs} on {drive}, {count} points, seed {seed}", flush=True)
    with Disk(fs).made() as disk:
        record(disk, drive, records)
        check_points(disk, count, random.Random(seed))
