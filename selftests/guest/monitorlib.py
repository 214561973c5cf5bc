# SPDX-License-Identifier: GPL-2.0
"""A guest with monitors, a network that echoes and a busy disk: for test_monitor_*."""

import os
import socket
import time

import guestlib as g

QMP, HMP, SERIAL, PID = (f"/tmp/monitor-{name}" for name in ("qmp", "hmp", "serial", "pid"))
DISK = "/tmp/monitor-disk"
ROUNDS = 2
# A network that echoes, a disk that is written and read back without end, and an ear for the button.
RUN = (f"ip link set eth0 up; ip address add {g.GUEST_IP}/24 dev eth0; "
       "(while :; do dd if=/dev/urandom of=/tmp/a bs=64k count=1; dd if=/tmp/a of=/dev/vda bs=64k conv=fsync; "
       "echo 1 >/proc/sys/vm/drop_caches; cmp -n 65536 /tmp/a /dev/vda || echo disk-bad; echo disk-round; done) "
       "2>/dev/null & "
       "(dd if=/dev/input/event0 bs=24 count=1 of=/dev/null 2>/dev/null; echo guest-button; poweroff -f) & "
       "echo guest-ready; while :; do nc -l -p 7 -e cat; done")


class Monitor(g.Qmp):
    """QMP that keeps what events tell."""

    def __init__(self):
        self.told = {}
        super().__init__(QMP)

    def read(self):
        message = super().read()
        if "event" in message:
            self.told[message["event"]] = message.get("data", {})
        return message

    def expect(self, name, **data):
        self.wait_event(name)
        self.events.remove(name)
        assert data.items() <= self.told[name].items(), f"{name}: {self.told[name]}"


class Human:
    """The monitor that people type at."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(HMP)
        self.socket.settimeout(g.PATIENCE)
        assert self.answer().startswith("Ferry "), "no greeting"

    def answer(self):
        text = ""
        while not text.endswith("(qemu) "):
            got = self.socket.recv(4096)
            assert got, "the monitor hung up"
            text += got.decode()
        return text[:-len("(qemu) ")]

    def type(self, line):
        self.socket.sendall(line.encode() + b"\n")
        return self.answer()


def start(tap, vhost, *more):
    g.require_guests()
    g.require(vhost == "off" or os.path.exists("/dev/ferry-blk"), "no /dev/ferry-blk")
    with open(DISK, "wb") as disk:
        disk.truncate(1 << 20)
    return g.Guest([g.FERRY, "-m", "256", "-smp", "2", "-name", "monitored", "-kernel", g.kernel_image(),
                    "-initrd", g.disk_initrd("monitor", RUN), "-append", g.KERNEL_ARGUMENTS,
                    "-netdev", f"tap,id=n0,script=no,downscript=no,ifname={tap},vhost={vhost}",
                    "-device", "virtio-net-pci,netdev=n0,id=net0", "-device", "virtio-rng-pci",
                    "-drive", f"file={DISK},format=raw,id=d0,vhost={vhost}",
                    "-qmp", f"unix:{QMP},server=on,wait=off", "-monitor", f"unix:{HMP},server=on,wait=off",
                    "-pidfile", PID, *more])


def switches(pid):
    """How often the main thread slept, or was put to sleep."""
    with open(f"/proc/{pid}/task/{pid}/status", encoding="utf-8") as status:
        return [line for line in status if "ctxt_switches" in line]


def assert_idle(pid):
    """The main thread sleeps through two seconds, once it has come to rest after the last command."""
    def sleeps():
        before = switches(pid)
        time.sleep(2)
        return before == switches(pid)
    g.wait_for("the main loop to sleep", sleeps)


def written():
    with open(DISK, "rb") as disk:
        return disk.read()


def assert_still():
    """Nothing moves: neither frames nor blocks. The host's side may still be sending."""
    before = (g.queues(), written())
    time.sleep(1)
    assert before == (g.queues(), written()), "something moves while the guest is stopped"


def stop_and_cont(qmp, human, rounds):
    """Under traffic both ways and a busy disk."""
    flood = g.Flood() if g.queues() else None
    for number in range(ROUNDS):
        seen = rounds()
        if number % 2:
            assert human.type("stop") == ""
        else:
            qmp.command("stop")
        qmp.expect("STOP")
        assert qmp.command("query-status")["status"] == "paused"
        assert human.type("info status") == "VM status: paused\n"
        qmp.command("stop")
        assert_still()
        qmp.command("cont")
        qmp.expect("RESUME")
        assert qmp.command("query-status")["running"]
        g.wait_for("the disk goes on", lambda before=seen: rounds() > before)
        g.wait_for("the network goes on", lambda: g.sh("ping", "-c", "1", "-W", "2", g.GUEST_IP,
                                                       check=False).returncode == 0)
    if flood:
        flood.end()
    g.echo()


def tells_what_there_is(qmp, human, vhost):
    (card,) = qmp.command("query-network")
    assert card["name"] == "net0" and card["vhost"] == (vhost == "on"), card
    (disk,) = qmp.command("query-block")
    assert disk["inserted"]["image"]["virtual-size"] == 1 << 20, disk
    # The guest is ready before it has written anything.
    g.wait_for("a write", lambda: qmp.command("query-blockstats")[0]["stats"]["wr_operations"])
    (counts,) = qmp.command("query-blockstats")
    assert counts["qdev"] == disk["qdev"] and counts["stats"]["wr_bytes"] >= 512, counts
    assert not counts["stats"]["failed_wr_operations"] and not counts["stats"]["failed_rd_operations"], counts
    devices = qmp.command("query-pci")[0]["devices"]
    assert [d["slot"] for d in devices] == [0, 1, 2, 3] and devices[1]["qdev_id"] == "net0", devices
    served = {d["driver"]: (d["vhost"], d["state"], len(d["queues"])) for d in qmp.command("query-vhost")}
    assert served["virtio-net-pci"] == (vhost == "on", "running", 3), served
    assert served["virtio-blk-pci"] == (vhost == "on", "running", 2), served
    threads = [cpu["thread-id"] for cpu in qmp.command("query-cpus-fast")]
    assert len(set(threads)) == 2 and all(os.path.exists(f"/proc/{t}") for t in threads), threads
    assert qmp.command("query-name") == {"name": "monitored"}
    assert qmp.command("query-memory-size-summary")["base-memory"] == 256 << 20
    words = ("network", "block", "blockstats", "pci", "cpus", "vhost", "name")
    told = {word: human.type(f"info {word}") for word in words}
    assert "ifname=ferryg1" in told["network"] and DISK in told["block"] and 'id "net0"' in told["pci"], told
    assert " wr_operations=" in told["blockstats"], told
    assert "CPU #1: thread_id=" in told["cpus"] and told["name"] == "monitored\n", told
    assert ("/dev/ferry-net" if vhost == "on" else "vhost=off") in told["vhost"], told
    carried = qmp.command("human-monitor-command", **{"command-line": "info status"})
    assert human.type("info status") == carried.replace("\r\n", "\n"), carried
