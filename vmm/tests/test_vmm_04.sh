#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The same life with vhost=off, and the other ends a guest may come to.
. "$(dirname "$0")/ktap_vmm.sh"
. "$(dirname "$0")/guest_vmm.sh"

no_interface() { [ ! -e /sys/class/net/ferryt2 ]; }

plan 15
life vhost=off

start vhost=off
sleep 2
kill -TERM $vmm
ended 0
judge "SIGTERM ends it with status 0" echo "status $status"
no_interface
judge "and no interface is left"

start vhost=off
sleep 2
kill -KILL $vmm
wait $vmm 2>/dev/null
exec 3>&-
no_interface
judge "nor after SIGKILL"

serial=mon:stdio
start vhost=off
printf '\001x' >&3
ended 0 && grep -q Terminated "$log"
judge "C-a x ends it with status 0" echo "status $status"

timeout 120 "$FERRY" -m 256 -kernel "$kernel" -append "console=ttyS0 quiet panic=-1" -no-reboot \
	-serial stdio </dev/null >"$log" 2>&1
status=$?
[ $status = 0 ]
judge "-no-reboot ends with status 0" echo "status $status"
grep -aq 'VFS: Unable to mount root' "$log"
judge "at a panic's reboot" tail -n 3 "$log"

# A signal that comes while the network is being set up waits for it, and then undoes it.
printf '#!/bin/sh\nkill -TERM $PPID\n' >"$dir/up"
printf '#!/bin/sh\ntouch "%s"\n' "$dir/was-down" >"$dir/down"
chmod 755 "$dir/up" "$dir/down"
timeout 120 "$FERRY" -m 256 -kernel "$kernel" -serial null -device virtio-net-pci,netdev=n0 \
	-netdev "tap,id=n0,ifname=ferryt2,script=$dir/up,downscript=$dir/down,vhost=off" >"$log" 2>&1
status=$?
[ $status = 0 ]
judge "SIGTERM during set-up ends it with status 0" ended_with $status "$log"
[ -e "$dir/was-down" ] && no_interface
judge "and what was set up is undone"
finish
