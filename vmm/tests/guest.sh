# SPDX-License-Identifier: GPL-2.0
# Sourced by test_vmm_*, after ktap_vmm.sh: a guest that takes orders on its serial port.

kvm_works || skip_all "no working KVM here"
dir=$(mktemp -d)
log=$dir/log
vmm=
trap 'kill $vmm 2>/dev/null; rm -rf "$dir"' EXIT

release=$(uname -r)
kernel=${FERRY_CACHE:-$HOME/.cache/ferry}/kernels/$release/boot/vmlinuz-$release
[ -r "$kernel" ] || skip_all "no image of $release"
cat >"$dir/rc" <<'RC'
#!/bin/sh
ip link set eth0 up
ip addr add 198.51.100.2/24 dev eth0
ping -c 3 -W 10 198.51.100.1 >/dev/null && echo "guest: net works"
echo "guest: ready"
while read -r line </dev/console; do
	echo "guest: got $line"
	case $line in
	reboot) reboot -f;;
	button) dd if=/dev/input/event0 bs=24 count=1 of=/dev/null 2>/dev/null
		echo "guest: button"; poweroff -f;;
	esac
done
RC
chmod 755 "$dir/rc"
"$TOP/scripts/guest-initrd" "$dir/initrd" --kernel "$release" --add "$dir/rc:/etc/rc" 2>"$dir/err" ||
	skip_all "no initramfs: $(head -n 1 "$dir/err")"

start() {
	mkfifo "$dir/stdin" 2>/dev/null
	: >"$log"
	"$FERRY" -m 256 -smp 2 -kernel "$kernel" -initrd "$dir/initrd" -serial "${serial:-stdio}" \
		-append "console=ttyS0 quiet panic=-1 tsc=reliable no_timer_check" \
		-netdev "tap,id=n0,ifname=ferryt2,script=no,downscript=no,$1" \
		-device virtio-net-pci,netdev=n0 -device virtio-rng-pci \
		<"$dir/stdin" >"$log" 2>&1 &
	vmm=$!
	exec 3>"$dir/stdin"
	# The interface is made by the VMM: its address is given once it is there.
	for _ in $(seq 100); do [ -e /sys/class/net/ferryt2 ] && break; sleep 0.1; done
	ip link set ferryt2 up && ip addr add 198.51.100.1/24 dev ferryt2
}

# await N PATTERN: N lines of the console match, within two minutes.
await() {
	for _ in $(seq 240); do
		[ "$(grep -ac "$2" "$log")" -lt "$1" ] || return 0
		kill -0 $vmm 2>/dev/null || return 1
		sleep 0.5
	done
	return 1
}

# press: the power button, until the guest, which may not listen yet, has felt it.
press() {
	for _ in $(seq 60); do
		kill -USR1 $vmm 2>/dev/null || break
		sleep 1
		! grep -aq 'guest: button' "$log" || return 0
	done
	grep -aq 'guest: button' "$log"
}

ended() {
	wait $vmm
	status=$?
	exec 3>&-
	[ $status = "$1" ]
}

life() {
	start "$1"
	await 1 'guest: ready'
	judge "$1: it boots" tail -n 5 "$log"
	await 1 'guest: net works'
	judge "$1: it reaches the host"
	echo reboot >&3
	await 1 'guest: got reboot'
	judge "$1: it reads its serial port"
	await 2 'guest: ready' && await 2 'guest: net works'
	judge "$1: it reboots in place, with its network" tail -n 5 "$log"
	echo button >&3
	await 1 'guest: got button' && press
	judge "$1: it answers the power button" tail -n 5 "$log"
	ended 0
	judge "$1: powering off is status 0" echo "status $status"
	[ ! -e /sys/class/net/ferryt2 ]
	judge "$1: no interface is left"
}

