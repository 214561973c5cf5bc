#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Monitors of a guest that has not begun (-S): on sockets, on stdio and behind C-a c, in the background, waited for;
# what a dead program left is replaced, and nothing is left at the end. Needs no working KVM, only a /dev/kvm that opens.
. "$(dirname "$0")/ktap_vmm.sh"

if [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then skip_all "no /dev/kvm"; fi
release=$(uname -r)
for kernel in "${FERRY_CACHE:-$HOME/.cache/ferry}"/kernels/*/boot/vmlinuz-"$release" \
	"${FERRY_CACHE:-$HOME/.cache/ferry}"/kernels/*/boot/vmlinuz-*; do
	[ ! -r "$kernel" ] || break
done
[ -r "$kernel" ] || skip_all "no kernel to load"
dir=$(mktemp -d)
vmm=
trap 'kill $vmm 2>/dev/null; rm -rf "$dir"' EXIT
qmp=$dir/qmp
hello='{"execute":"qmp_capabilities"}'

ferry() { timeout 60 "$FERRY" -m 128 -kernel "$kernel" -S "$@" 2>"$dir/err"; }

# The program itself: $vmm is a shell that waits for timeout, which would end of its own.
signal() { kill "-$1" "$(pgrep -P "$(pgrep -P "$vmm")")"; }

# until COMMAND...: within a minute.
until_() {
	for _ in $(seq 600); do
		"$@" 2>/dev/null && return 0
		sleep 0.1
	done
	return 1
}

# ask SOCKET TEXT PATTERN: say it, and listen until PATTERN comes, the end, or a minute is over.
ask() {
	python3 - "$@" >"$dir/line" <<-'PY'
	import re, socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.settimeout(60)
	s.connect(sys.argv[1])
	s.sendall(sys.argv[2].encode() + b"\n")
	got = b""
	while not re.search(sys.argv[3], got.decode(errors="replace"), re.M):
	    more = s.recv(4096)
	    if not more:
	        break
	    got += more
	print(got.decode(errors="replace"))
	sys.exit(not re.search(sys.argv[3], got.decode(errors="replace"), re.M))
	PY
}

ended() {
	wait "$vmm"
	status=$?
	vmm=
	[ $status = "$1" ]
}

nothing_left() { [ ! -e "$qmp" ] && [ ! -e "$dir/hmp" ] && [ ! -e "$dir/pid" ]; }

plan 21

ferry -serial null -qmp "unix:$qmp,server=on,wait=off" -monitor "unix:$dir/hmp,server=on,wait=off" \
	-pidfile "$dir/pid" &
vmm=$!
until_ [ -s "$dir/pid" ]
judge "it starts" cat "$dir/err"
ask "$qmp" "$hello"'{"execute":"query-status","id":"a"}' '"status": "prelaunch" }, "id": "a"'
judge "QMP answers" cat "$dir/line"
ask "$dir/hmp" 'info status' '^\(qemu\) VM status: paused \(prelaunch\)$'
judge "HMP answers" cat "$dir/line"
timeout 60 "$FERRY" -m 128 -kernel "$kernel" -S -serial null -qmp "unix:$qmp,server=on,wait=off" 2>&1 |
	grep -q "^ferry: -qmp unix:$qmp,server=on,wait=off: Failed to bind socket to $qmp: Address already in use"
judge "another cannot have its socket"
ask "$qmp" "$hello"'{"execute":"quit"}' '"event": "SHUTDOWN", "data": { "guest": false, "reason": "host-qmp-quit" }'
judge "its end is told" cat "$dir/line"
ended 0
judge "quit is status 0" ended_with $status "$dir/err"
nothing_left
judge "nothing is left" ls "$dir"

ferry -daemonize -pidfile "$dir/pid" -qmp "unix:$qmp,server=on,wait=off" >"$dir/out" && [ -s "$dir/pid" ] && [ -S "$qmp" ]
judge "-daemonize returns when all is there" cat "$dir/err"
pid=$(cat "$dir/pid")
[ "$(readlink "/proc/$pid/fd/2")" = /dev/null ] && [ "$(ps -o sid= "$pid" | tr -d ' ')" = "$pid" ]
judge "and lets go of the terminal"
# Its death leaves the socket, which the next one replaces.
kill -KILL "$pid" && until_ [ ! -e "/proc/$pid" ]
ferry -daemonize -pidfile "$dir/pid" -qmp "unix:$qmp,server=on,wait=off" >"$dir/out"
judge "a dead one's socket is replaced" cat "$dir/err"
kill "$(cat "$dir/pid")" && until_ nothing_left
judge "nothing is left of that" ls "$dir"

# The process that will run a tap's script waits for the VM's end, and nobody waits for it.
printf '#!/bin/sh\n' >"$dir/up"
printf '#!/bin/sh\necho down\n>"%s"\n' "$dir/was-down" >"$dir/down"
chmod 755 "$dir/up" "$dir/down"
ferry -daemonize -pidfile "$dir/pid" -device virtio-net-pci,netdev=n0 \
	-netdev "tap,id=n0,ifname=ferryt8,script=$dir/up,downscript=$dir/down,vhost=off" | timeout 60 cat >"$dir/out"
judge "-daemonize ends the caller's output" cat "$dir/err" "$dir/out"
kill "$(cat "$dir/pid")" && until_ [ -e "$dir/was-down" ] && until_ nothing_left
judge "and the script is run at the end" ls "$dir"

ferry -serial null -qmp "unix:$qmp,server=on" -pidfile "$dir/pid" &
vmm=$!
until_ grep -q "^ferry: waiting for connection on: unix:$qmp,server=on" "$dir/err" && [ ! -e "$dir/pid" ] &&
	ask "$qmp" "$hello"'{"execute":"quit"}' SHUTDOWN && ended 0
judge "wait=on waits for the first client" cat "$dir/err"
for how in TERM QUIT; do
	ferry -serial null -qmp "unix:$qmp,server=on" &
	vmm=$!
	until_ [ -S "$qmp" ] && signal "$how" && ended 0 && nothing_left
	judge "and SIG$how ends that, too" cat "$dir/err"
done
# A button that nobody is there to press it for, and disks that are looked at when they are opened.
ferry -serial null -qmp "unix:$qmp,server=on" &
vmm=$!
until_ [ -S "$qmp" ] && signal USR1 && signal USR2 &&
	ask "$qmp" "$hello"'{"execute":"quit"}' SHUTDOWN && ended 0
judge "but none that asks for something" cat "$dir/err"

printf '%s{"execute":"quit"}' "$hello" >"$dir/in"
ferry -qmp stdio <"$dir/in" >"$dir/out" && grep -q host-qmp-quit "$dir/out"
judge "QMP on stdio, from a file" cat "$dir/out" "$dir/err"
# The kernel is unpacked into the cache, or it is not.
mkdir "$dir/cache"
(ulimit -f 1024 && FERRY_CACHEDIR=$dir/cache ferry -qmp stdio <"$dir/in" >"$dir/out") && grep -q host-qmp-quit "$dir/out"
judge "the same where files may not be large" cat "$dir/out" "$dir/err"
printf 'info name\nquit\n' | ferry -name n1 -monitor stdio >"$dir/out" && grep -q '^(qemu) n1$' "$dir/out"
judge "HMP on stdio" cat "$dir/out" "$dir/err"
printf 'typed\001cinfo nbme\b\b\bame\rquit\r' | ferry -name n1 -nographic >"$dir/out" &&
	tr -d '\r' <"$dir/out" | grep -q '^n1$'
judge "HMP behind C-a c" cat "$dir/out" "$dir/err"
finish
