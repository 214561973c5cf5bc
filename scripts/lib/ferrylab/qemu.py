# SPDX-License-Identifier: GPL-2.0
"""The lab under QEMU's TCG, which emulates AMD SVM: stock kernels with KVM, on any machine."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

from . import emulator, initramfs, kernels, stream
from .errors import LabError
from .paths import CACHE, LIB

# Without the first two a stock kernel now and then panics or loses its clock on a loaded machine.
PARAMETERS = ("no_timer_check tsc=reliable console=ttyS0 panic_on_warn=1 panic=-1 mitigations=off "
              "watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120 hung_task_panic=1 nokaslr")
# One nanosecond is one instruction while the lab is busy.  With sleep=off its clock would run through
# every timeout while it idles, and a VMM that reads its kernel over 9p would never get there.  For one
# CPU only: QEMU would run several in turn and let the clock count them all.
ACCEL_COUNTING = ["-accel", "tcg", "-icount", "shift=0,sleep=on"]
# The first four are needed to reach the root; the others load faster from memory than over 9p.
BOOT_MODULES = ("9p", "9pnet_virtio", "virtio_pci", "virtio_console", "kvm_amd", "tun", "tap")
DEFAULT_MEM = 2048


def kernel(args):
    return kernels.built("debug") if args.debug else kernels.stock(args.kernel)


def root_initramfs(chosen):
    """The initramfs that mounts the host's root over 9p; made once per kernel and per init."""
    init = os.path.join(LIB, "initramfs-init")
    stamp = newest(init, chosen.image, __file__)
    path = os.path.join(CACHE, "initramfs", f"{chosen.release}-{stamp}.cpio")
    if os.path.exists(path):
        return path
    os.makedirs(os.path.dirname(path), exist_ok=True)
    archive = initramfs.Archive()
    for name in ("proc", "sys", "dev", "root"):
        archive.directory(name)
    archive.node("dev/console", 5, 1)
    archive.file("bin/busybox", initramfs.BUSYBOX, 0o755)
    archive.symlink("bin/sh", "busybox")
    archive.file("init", init, 0o755)
    initramfs.add_modules(archive, initramfs.module_files(chosen, BOOT_MODULES))
    archive.write(path)
    return path


def newest(*paths):
    return int(max(os.path.getmtime(path) for path in paths))


def share(tag, path, readonly):
    return ["-virtfs", f"local,path={path.replace(',', ',,')},mount_tag={tag},security_model=none,multidevs=remap"
            + (",readonly=on" if readonly else "")]


def port(name, fd, device="virtserialport"):
    """One virtio-serial port whose bytes appear on a socket that we hand to QEMU."""
    return ["-chardev", f"socket,id={name},fd={fd}", "-device", f"{device},chardev={name},name=ferry.{name}"]


def command_line(args, chosen, work, ports):
    parameters = f"{PARAMETERS} ferry.job={work.dir} ferry.init={LIB}/lab-init {args.append}"
    line = [*emulator.command(), "-nodefaults", "-no-user-config", "-nographic", "-no-reboot", "-M", "q35",
            *(ACCEL_COUNTING if args.icount else emulator.accel()), "-cpu", emulator.cpu(),
            "-smp", str(args.smp),
            "-m", str(args.mem or DEFAULT_MEM), "-kernel", chosen.image, "-initrd", root_initramfs(chosen),
            "-append", parameters, "-serial", "file:" + work.console, "-monitor", "none",
            "-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng",
            "-device", "virtio-serial-pci"]
    line += share("hostroot", "/", True) + share("ferryout", work.out, False)
    for name, end in ports.items():
        line += port(name, end.fileno(), "virtconsole" if name == "tty" else "virtserialport")
    return line


def run(args, chosen, work):
    """The lab's status. An emulator that aborts while the lab still boots gets a second try."""
    deadline = time.monotonic() + args.timeout
    result, timed_out, status, begun = once(args, chosen, work, deadline)
    if status == -signal.SIGABRT and not begun and not result:
        print("lab: the emulator has aborted before the command began; once more", file=sys.stderr, flush=True)
        result, timed_out, status, _ = once(args, chosen, work, deadline)
    return work.verdict(result, timed_out, status)


def once(args, chosen, work, deadline):
    """One boot: the result line, whether the deadline passed, the emulator's status, whether there was output."""
    names = ["result", "tty"] if args.tty else ["result", "stdout", "stderr"]
    pairs = {name: socket.socketpair() for name in names}
    theirs = {name: pair[1] for name, pair in pairs.items()}
    ours = {name: pair[0] for name, pair in pairs.items()}
    with stream.RawTerminal(args.tty):
        try:
            process = subprocess.Popen(
                command_line(args, chosen, work, theirs), stdin=subprocess.DEVNULL, stdout=2,
                pass_fds=[end.fileno() for end in theirs.values()], start_new_session=True,
                preexec_fn=stream.die_with_parent)
        except OSError as error:
            raise LabError(f"cannot start {emulator.NAME}: {error.strerror}; run scripts/setup lab") from error
        try:
            for end in theirs.values():
                end.close()
            result, begun, timed_out = watch(args, process, ours, work, deadline)
        finally:
            process.kill()
            process.wait()
    return result, timed_out, process.returncode, begun


def watch(args, process, ours, work, deadline):
    """Forward until QEMU ended; the result line, whether there was any output, and whether the deadline passed."""
    result, begun = bytearray(), []

    def forward(sink):
        def take(data):
            begun[:] = [True]
            stream.write_all(sink, data)
        return take
    sinks = {ours["result"].fileno(): result.extend}
    if args.tty:
        sinks[ours["tty"].fileno()] = forward(1)
        threading.Thread(target=feed, args=(sys.stdin.fileno(), ours["tty"]), daemon=True).start()
    else:
        sinks[ours["stdout"].fileno()] = forward(1)
        sinks[ours["stderr"].fileno()] = forward(2)
    if args.verbose:
        threading.Thread(target=show, args=(work.console, process), daemon=True).start()
    in_time = stream.pump(process, sinks, deadline)
    return result.decode(errors="replace"), bool(begun), not in_time


def feed(source, sink):
    """Keyboard to the lab's terminal."""
    while data := os.read(source, 4096):
        sink.sendall(data)


def show(path, process):
    follower = stream.Follower([(path, 2)])
    follower.follow(process, time.monotonic() + 1e9)
