#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# "ferry tap" and "ferry bridge": interfaces made and deleted, and what is wrong said.
. "$(dirname "$0")/ktap_vmm.sh"

tap=ferryt1 bridge=ferryb1
[ -w /dev/net/tun ] || skip_all "no /dev/net/tun"
err=$(mktemp)
trap 'rm -f "$err"; "$FERRY" tap del $tap 2>/dev/null; "$FERRY" bridge del $bridge 2>/dev/null' EXIT
if ! "$FERRY" bridge add $bridge 2>"$err"; then
	! grep -q 'not supported' "$err" || skip_all "this kernel has no bridges"
fi
"$FERRY" bridge del $bridge 2>/dev/null

refuses() {
	local name=$1 message=$2 status
	shift 2
	"$FERRY" "$@" >/dev/null 2>"$err"
	status=$?
	[ $status = 1 ] && [ "$(head -n 1 "$err")" = "ferry: $message" ]
	judge "$name" ended_with $status "$err"
}

plan 21
"$FERRY" tap add $tap bridge=$bridge address=192.0.2.1/24 2>"$err"
judge "a tap in a new bridge" cat "$err"
[ -e /sys/class/net/$bridge/brif/$tap ]
judge "is a port of it"
ip -br addr show $bridge | grep -q 192.0.2.1/24
judge "the bridge has the address"
[ $(($(cat /sys/class/net/$tap/flags) & 1)) = 1 ]
judge "the tap is up"
[ $(($(cat /sys/class/net/$tap/tun_flags) & 0x4000)) != 0 ]
judge "with virtio-net headers"
"$FERRY" tap add $tap bridge $bridge address 192.0.2.1/24 2>"$err"
judge "adding it again changes nothing" cat "$err"
refuses "a bridge that is none" "tap: 'lo' is not a bridge" tap add $tap bridge=lo
[ -e /sys/class/net/$bridge/brif/$tap ]
judge "the tap that was there stays a port"
refuses "an address that is none" \
	"tap: could not set address '192.0.2.1/x': Invalid input data or parameter" tap add $tap address=192.0.2.1/x
[ -e /sys/class/net/$bridge/brif/$tap ]
judge "and stays then as well"
refuses "a bridge with the name of a tap" "bridge: '$tap' is not a bridge" bridge add $tap
refuses "a bridge is no tap" "tap: '$bridge' is not a tap interface" tap del $bridge
refuses "a tap is no bridge" "bridge: '$tap' is not a bridge" bridge del $tap
"$FERRY" tap del $tap && "$FERRY" bridge del $bridge
judge "both are deleted"
[ ! -e /sys/class/net/$tap ] && [ ! -e /sys/class/net/$bridge ]
judge "and are gone"
refuses "a new tap in no bridge" "tap: 'lo' is not a bridge" tap add $tap bridge=lo
[ ! -e /sys/class/net/$tap ]
judge "is not there"
refuses "a tap that is not there" "tap: interface '$tap' does not exist" tap del $tap
refuses "a name too long" "tap: 'interface0123456' is not an interface name" tap add interface0123456
refuses "an unknown word" "tap: Invalid parameter 'bogus'" tap add $tap bogus=1
"$FERRY" tap add $tap queues=2 && [ $(($(cat /sys/class/net/$tap/tun_flags) & 0x100)) != 0 ] &&
	"$FERRY" tap del $tap
judge "a tap of several queues"
finish
