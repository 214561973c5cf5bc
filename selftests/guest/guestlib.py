# SPDX-License-Identifier: GPL-2.0
"""Stock guests for tests in the lab: boot one, talk to it over its network card, report KTAP.

Runs as root on a kernel with KVM. A guest configures its card as GUEST_IP and echoes what comes to
TCP port 7, so that a test can prove that bytes cross the device unchanged in both directions.
"""

import contextlib
import hashlib
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.path.join(TOP, "build")
FERRY = os.path.join(BUILD, "ferry")
CACHE = os.environ.get("FERRY_CACHE", os.path.expanduser("~/.cache/ferry"))
HOST_IP, GUEST_IP = "192.0.2.1", "192.0.2.2"
ECHO_BYTES = 1 << 20
# Whether what resembles something else is run, too.
WHOLE = not os.environ.get("FERRY_TEST_BRIEF")
PATIENCE = 180  # seconds until what must come has come; reaching it is a failure, not a pace
GUEST_RUN = (f"ip link set eth0 up; ip address add {GUEST_IP}/24 dev eth0; echo guest-ready; "
             "while :; do nc -l -p 7 -e cat; done")


class Skip(Exception):
    """The test cannot run here; the argument says why."""


def sh(*command, check=True):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=PATIENCE, check=False)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)}: status {done.returncode}: {done.stdout.strip()}")
    return done


def require(condition, reason):
    if not condition:
        raise Skip(reason)


def require_guests():
    """A kernel that runs guests, the modules, and an image to boot."""
    require(os.path.exists("/dev/kvm"), "no /dev/kvm")
    require(os.path.exists("/dev/ferry-net"), "no /dev/ferry-net")
    require(os.path.exists(kernel_image()), f"no guest kernel {kernel_image()}")


def kernel_image():
    """This machine's kernel for guests, too; for one that is not Debian's, that of its series."""
    release = os.uname().release
    if "-ferry-" in release:
        with open(os.path.join(CACHE, "kernels", release.rpartition(".")[0] + ".release"), encoding="utf-8") as file:
            release = file.read().strip()
    return os.path.join(CACHE, "kernels", release, "boot", f"vmlinuz-{release}")


def initrd():
    """The guest's initramfs, made once a boot."""
    path = "/tmp/guest-echo.cpio"
    if not os.path.exists(path):
        short = ".".join(os.uname().release.split(".")[:2])
        sh(os.path.join(TOP, "scripts/guest-initrd"), path, "--kernel", short, "--run", GUEST_RUN)
    return path


def wait_for(what, condition, patience=PATIENCE):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {patience} s")


@contextlib.contextmanager
def tap(name, *flags):
    """A persistent tap with our address on it; `flags` as ip tuntap names them, by default vnet_hdr."""
    sh("ip", "tuntap", "add", "dev", name, "mode", "tap", *(flags or ["vnet_hdr"]))
    try:
        sh("ip", "address", "add", f"{HOST_IP}/24", "dev", name)
        sh("ip", "link", "set", name, "up")
        yield name
    finally:
        sh("ip", "link", "del", name, check=False)


def queues():
    """The module's counters: one dict a queue."""
    return json.loads(sh(FERRY, "stat", "-json").stdout)


def count(counter, name):
    """A counter of all network queues of that name, "rx" or "tx"."""
    return sum(q[counter] for q in queues() if q["kind"] == "net" and q["name"] == name)


def chains(name):
    return count("chains", name)


def assert_carried(rounds):
    """The module moved what that many calls of traffic() move at least, both ways.

    Bytes, not chains: how many bytes a chain carries is up to segmentation offload.
    """
    for name in ("rx", "tx"):
        moved = count("bytes", name)
        assert moved >= rounds * ECHO_BYTES, f"{name}: the module moved only {moved} bytes"


class Guest:
    """A VMM's process and the console of its guest."""

    def __init__(self, argv, pass_fds=(), stdin=subprocess.DEVNULL):
        self.told = False
        self.log = f"/tmp/guest-{os.getpid()}-{time.monotonic_ns()}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(argv, stdin=stdin, stdout=log, stderr=log, pass_fds=pass_fds)

    def console(self):
        with open(self.log, "rb") as log:
            return log.read().decode(errors="replace")

    def wait_console(self, text, times=1, patience=PATIENCE):
        def there():
            if self.console().count(text) >= times:
                return True
            if self.process.poll() is not None:
                raise AssertionError(f"the VMM ended ({self.process.returncode})")
            return False
        try:
            wait_for(f"'{text}' on the guest's console", there, patience)
        except AssertionError:
            self.tell()
            raise

    def tell(self):
        """Print once how its console ends: a scenario may have failed for a panic, or a guest that booted anew."""
        if not self.told:
            print("\n".join("# " + line for line in self.console()[-4000:].splitlines()))
        self.told = True

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.unlink(self.log)

    def __enter__(self):
        return self

    def __exit__(self, kind, *unused):
        if kind is not None and issubclass(kind, Exception) and not issubclass(kind, Skip):
            self.tell()
        self.close()


KERNELS_OWN = ("ferry-", "vhost-", "kvm-")


def threads(pid):
    """Of each thread of a process but the kernel's own in it, its name and what its status says."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError), \
                open(f"/proc/{pid}/task/{task}/status", encoding="utf-8") as file:
            lines = dict(line.split(":", 1) for line in file.read().splitlines())
            if not lines["Name"].strip().startswith(KERNELS_OWN):
                yield lines["Name"].strip(), {key: value.strip() for key, value in lines.items()}


def assert_confined(guest, caps=0):
    """No thread of ferry's has more left than it needs."""
    found = dict(threads(guest.process.pid))
    assert {"maker", "vcpu0", "ferry"} <= set(found), found.keys()
    for name, status in found.items():
        assert status["Seccomp"] == "2", f"{name}: Seccomp {status['Seccomp']}"
        assert status["NoNewPrivs"] == "1", f"{name} may gain rights"
        assert not int(status["CapEff"], 16) & ~caps, f"{name}: CapEff {status['CapEff']}"
        assert not int(status["CapPrm"], 16) & ~caps, f"{name}: CapPrm {status['CapPrm']}"


KERNEL_ARGUMENTS = "console=ttyS0 quiet panic=-1 tsc=reliable no_timer_check"


def boot_ferry(netdev, device="", *more):
    """A guest under our VMM, up to where it echoes."""
    require_guests()
    require(os.path.exists(FERRY), "build/ferry is not built")
    guest = Guest([FERRY, "-m", "256", "-nographic", "-kernel", kernel_image(), "-initrd", initrd(),
                   "-append", KERNEL_ARGUMENTS,
                   "-netdev", f"tap,id=n0,script=no,downscript=no,{netdev}",
                   "-device", f"virtio-net-pci,netdev=n0{device}", "-sandbox", "on", *more])
    guest.wait_console("guest-ready")
    assert_confined(guest)
    return guest


def disk_initrd(name, script, *modules, add=()):
    """An initramfs whose guest loads `modules`, has the files `add`, runs `script` and ends; made once a boot."""
    path = f"/tmp/guest-{name}.cpio"
    if not os.path.exists(path):
        short = ".".join(os.uname().release.split(".")[:2])
        sh(os.path.join(TOP, "scripts/guest-initrd"), path, "--kernel", short, "--run", script,
           *[word for name in modules for word in ("--module", name)],
           *[word for file in add for word in ("--add", file)])
    return path


def boot_disks(image, *options, stdin=subprocess.DEVNULL):
    """A guest of two processors under our VMM that has disks and no network."""
    require(os.path.exists("/dev/kvm"), "no /dev/kvm")
    require(os.path.exists(kernel_image()), f"no guest kernel {kernel_image()}")
    require(os.path.exists(FERRY), "build/ferry is not built")
    return Guest([FERRY, "-m", "256", "-smp", "2", "-nographic", "-kernel", kernel_image(), "-initrd", image,
                  "-append", KERNEL_ARGUMENTS, *options], stdin=stdin)


def boot_qemu(tap_name, device="", qmp="/tmp/qmp"):
    """A guest under stock QEMU with /dev/ferry-net handed in by vhostfd=."""
    require_guests()
    require(shutil.which("qemu-system-x86_64"), "no QEMU")
    if os.path.exists(qmp):
        os.unlink(qmp)
    fd = os.open("/dev/ferry-net", os.O_RDWR)
    try:
        guest = Guest(["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-m", "256",
                       "-nodefaults", "-nographic", "-serial", "stdio",
                       "-qmp", f"unix:{qmp},server=on,wait=off",
                       "-kernel", kernel_image(), "-initrd", initrd(), "-append", KERNEL_ARGUMENTS,
                       "-netdev", f"tap,id=n0,ifname={tap_name},script=no,downscript=no,"
                                  f"vhost=on,vhostfd={fd}",
                       "-device", f"virtio-net-pci,netdev=n0,id=net0{device}"], pass_fds=[fd])
    finally:
        os.close(fd)
    guest.wait_console("guest-ready")
    return guest


def wait_closed():
    """Until the module has no device left."""
    wait_for("the device closed", lambda: not queues(), 20)


class Flood(threading.Thread):
    """Traffic that goes on until told to stop, whatever becomes of the other side."""

    def __init__(self):
        super().__init__(daemon=True)
        self.ended = threading.Event()
        before = chains("tx")
        self.start()
        wait_for("traffic", lambda: chains("tx") > before + 100)

    def run(self):
        while not self.ended.is_set():
            sh("ping", "-f", "-c", "200", "-w", "1", "-s", "1400", GUEST_IP, check=False)

    def end(self):
        self.ended.set()
        self.join(30)


def ping(count=3):
    wait_for("a reply to ping", lambda: sh("ping", "-c", "1", "-W", "2", GUEST_IP, check=False).returncode == 0,
             60)
    sh("ping", "-c", str(count), "-i", "0.2", "-W", "10", GUEST_IP)


def echo(size=ECHO_BYTES, place=(GUEST_IP, 7)):
    """Send random bytes to the guest's echo port and expect them back."""
    data = os.urandom(size)

    def connect():
        try:
            return socket.create_connection(place, timeout=10)
        except OSError:
            return None
    connection = wait_for("the guest's echo port", connect, 60)
    back, sent = bytearray(), 0
    with connection:
        connection.setblocking(False)
        end = time.monotonic() + PATIENCE
        while len(back) < size:
            if time.monotonic() > end:
                raise AssertionError(f"echo: {sent} bytes sent, {len(back)} back; queues {queues()}")
            readable, writable, _ = select.select([connection], [connection] if sent < size else [], [], 1)
            if writable:
                sent += connection.send(data[sent:sent + 65536])
            if readable:
                got = connection.recv(65536)
                if not got:
                    break
                back += got
    if hashlib.sha256(back).digest() != hashlib.sha256(data).digest():
        raise AssertionError(f"echo: {len(back)} of {size} bytes came back, or they differ")


def traffic():
    ping()
    echo()


class Qmp:
    """Just enough of QEMU's monitor."""

    def __init__(self, path):
        self.events = []
        self.socket = socket.socket(socket.AF_UNIX)

        def connect():
            try:
                self.socket.connect(path)
                return True
            except OSError:
                return False
        wait_for("QMP socket", connect, 60)
        self.stream = self.socket.makefile("rw")
        self.stream.readline()
        self.command("qmp_capabilities")

    def read(self):
        message = json.loads(self.stream.readline())
        if "event" in message:
            self.events.append(message["event"])
        return message

    def command(self, name, **arguments):
        self.stream.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.stream.flush()
        while True:
            message = self.read()
            if "error" in message:
                raise AssertionError(f"{name}: {message['error']['desc']}")
            if "return" in message:
                return message["return"]

    def wait_event(self, name):
        self.socket.settimeout(PATIENCE)
        while name not in self.events:
            self.read()


def run(tests, more=()):
    """Run the functions in order and print KTAP; exits 0, 1, or 4 if all was skipped.

    Those of `more` are like others that have been run, and left out of a brief run.
    """
    tests = [*tests, *more]
    print(f"TAP version 13\n1..{len(tests)}", flush=True)
    failed = skipped = 0
    for number, test in enumerate(tests, 1):
        try:
            require(WHOLE or test not in more, "a brief run")
            test()
            print(f"ok {number} {test.__name__}", flush=True)
        except Skip as reason:
            skipped += 1
            print(f"ok {number} {test.__name__} # SKIP {reason}", flush=True)
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            for line in f"{type(error).__name__}: {error}".splitlines():
                print(f"# {line}")
            print(f"not ok {number} {test.__name__}", flush=True)
    sys.exit(1 if failed else 4 if skipped == len(tests) else 0)
