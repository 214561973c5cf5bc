#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Wrong command lines and wrong surroundings: one clear message on stderr, status 1, nothing left
# behind. What needs a working /dev/kvm is skipped where there is none.
. "$(dirname "$0")/ktap_vmm.sh"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
# A kernel in form: protocol 2.15, 64-bit, of which the first instruction is hlt.
kernel=$dir/kernel
{
	head -c $((0x1f1)) /dev/zero
	printf '\4\0\0\0\0\0\0\0\0\0\0\0\0\125\252\353\146HdrS\17\2'	# up to version
	head -c $((0x211 - 0x208)) /dev/zero
	printf '\1'							# loadflags
	head -c $((0x22c - 0x212)) /dev/zero
	printf '\377\377\377\177\0\0\40\0\1\0\1\0'			# initrd max, align, xloadflags
	printf '\377\7\0\0'						# command line
	head -c $((0x258 - 0x23c)) /dev/zero
	printf '\0\0\0\1\0\0\0\0\0\0\20\0'				# address, init_size
	head -c $((2560 - 0x264)) /dev/zero
	yes $'\364' | head -c 1024
} >"$kernel"

# expect NAME MESSAGE WORDS...: ferry WORDS ends with status 1, and its first line on stderr is
# "ferry: MESSAGE".
expect() {
	local name=$1 message=$2 status first
	shift 2
	timeout 60 "${as[@]}" "$FERRY" "$@" >"$dir/out" 2>"$dir/err" </dev/null
	status=$?
	first=$(head -n 1 "$dir/err")
	if [ $status = 1 ] && [ "$first" = "ferry: $message" ] && [ ! -s "$dir/out" ]; then
		pass "$name"
	else
		fail "$name" "status $status" "wanted: ferry: $message" "got:    $first"
	fi
}

with_kvm() { if $kvm; then expect "$@"; else skip "$1" "no working KVM here"; fi; }

as=()
kvm=false
if kvm_works; then kvm=true; fi
plan 62

expect "unknown option" "-bogus: invalid option" -bogus
expect "missing argument" "-kernel: requires an argument" -kernel
expect "no kernel" "no kernel and no disk to boot" -m 128
expect "no processors" \
	"-smp 0: Invalid CPU topology: CPU topology parameters must be greater than zero" -smp 0
expect "no memory" "-m 0: ram size too small: the least is 8 MiB" -m 0
expect "memory beyond 64 bits" \
	"-m 99999999T: Value '99999999T' is out of range for parameter 'size'" -m 99999999T
expect "unknown device" "-device foo: 'foo' is not a valid device model name" -device foo
expect "unknown property" \
	"-device virtio-rng-pci,bogus=1: Property 'virtio-rng-pci.bogus' not found" \
	-device virtio-rng-pci,bogus=1
expect "unknown netdev" "-device virtio-net-pci,netdev=x: Property 'virtio-net-pci.netdev' can't find value 'x'" \
	-kernel "$kernel" -device virtio-net-pci,netdev=x
expect "mount tag too long" \
	"-device virtio-9p-pci,fsdev=a,mount_tag=01234567890123456789012345678901: mount tag '01234567890123456789012345678901' (32 bytes) is longer than maximum (31 bytes)" \
	-device virtio-9p-pci,fsdev=a,mount_tag=01234567890123456789012345678901
expect "duplicate id" "-netdev tap,id=a: Duplicate ID 'a' for netdev" -netdev tap,id=a -netdev tap,id=a
expect "unknown kind of netdev" \
	"-netdev foo,id=a: Parameter 'type' expects a netdev backend type" -netdev foo,id=a
expect "vhost=on with a network in user space" \
	"-netdev user,id=a,vhost=on: vhost=on is not for user networking: it is served in user space" \
	-netdev user,id=a,vhost=on
expect "key of a tap with a network in user space" \
	"-netdev user,id=a,ifname=tap0: Invalid parameter 'ifname'" -netdev user,id=a,ifname=tap0
expect "forwarding of an unknown protocol" \
	"-netdev user,id=a,hostfwd=icmp::1-:2: Invalid host forwarding rule 'icmp::1-:2' (Bad protocol name)" \
	-netdev user,id=a,hostfwd=icmp::1-:2
expect "forwarding of no port" \
	"-netdev user,id=a,hostfwd=tcp::0-:22: Invalid host forwarding rule 'tcp::0-:22' (Bad host port)" \
	-netdev user,id=a,hostfwd=tcp::0-:22
expect "forwarding to another network" \
	"-netdev user,id=a,hostfwd=tcp::1-1.2.3.4:2: Invalid host forwarding rule 'tcp::1-1.2.3.4:2' (guest address is not in the network of net=10.0.2.0/24)" \
	-netdev user,id=a,hostfwd=tcp::1-1.2.3.4:2
expect "name server in another network" \
	"-netdev user,id=a,dns=192.0.2.3: dns=192.0.2.3 is not in the network of net=10.0.2.0/24" \
	-netdev user,id=a,dns=192.0.2.3
expect "network without a mask that can be" \
	"-netdev user,id=a,net=10.0.2.0/33: Parameter 'net' expects a mask of 1 to 27 bits" \
	-netdev user,id=a,net=10.0.2.0/33
expect "tftp of no directory" \
	"-netdev user,id=a,tftp=$dir/none: tftp=$dir/none is not a directory" \
	-netdev user,id=a,tftp="$dir/none"
expect "emulated network card" "-nic user,model=e1000: Unsupported NIC model: e1000" \
	-nic user,model=e1000
expect "card of -net without its other side" \
	"-net nic: there is no -net tap or -net user for it" -kernel "$kernel" -net nic,model=virtio
expect "sandbox that is neither on nor off" \
	"-sandbox maybe: Parameter 'enable' expects 'on' or 'off'" -sandbox maybe
expect "user who is none" \
	"-runas no-such-user: User \"no-such-user\" doesn't exist (and is not <uid>:<gid>)" \
	-kernel "$kernel" -runas no-such-user
expect "root directory that is none" \
	"-chroot $dir/none: not a directory" -kernel "$kernel" -chroot "$dir/none"
expect "missing kernel file" \
	"could not open kernel file '$dir/none': No such file or directory" -kernel "$dir/none"
expect "kernel is a directory" \
	"could not read kernel file '$dir': not a regular file" -kernel "$dir"
expect "missing initrd file" \
	"could not open initrd file '$dir/none': No such file or directory" \
	-kernel "$kernel" -initrd "$dir/none"

expect "a monitor nowhere" "-monitor telnet:x: 'telnet:x' is not a valid place for a monitor" \
	-monitor telnet:x
expect "a monitor without a path" "-monitor unix:: Parameter 'path' is missing" -monitor unix:
expect "an unknown word for a socket" "-qmp unix:/tmp/q,bogus=1: Invalid parameter 'bogus'" \
	-qmp unix:/tmp/q,bogus=1
expect "neither on nor off" "-qmp unix:/tmp/q,server=maybe: Parameter 'server' expects 'on' or 'off'" \
	-qmp unix:/tmp/q,server=maybe
expect "too many monitors" "-qmp none: too many monitors: there may be 8" \
	-qmp none -qmp none -qmp none -qmp none -qmp none -qmp none -qmp none -qmp none -qmp none
expect "no serial backend" \
	"-serial tcp:x: could not connect serial device to character backend 'tcp:x'" -serial tcp:x
expect "two serial ports" "-serial null: too many serial ports: this machine has one" \
	-serial null -serial null
expect "stdio twice" "cannot use stdio by multiple character devices" \
	-kernel "$kernel" -serial mon:stdio -monitor stdio
expect "stdio of two monitors" "cannot use stdio by multiple character devices" \
	-kernel "$kernel" -qmp stdio -monitor stdio
expect "the serial port has stdio already" "cannot use stdio by multiple character devices" \
	-kernel "$kernel" -nographic -qmp stdio
expect "a terminal in the background" "-nographic cannot be used with -daemonize" \
	-kernel "$kernel" -nographic -daemonize
expect "stdio in the background" "cannot use stdio with -daemonize" \
	-kernel "$kernel" -monitor stdio -daemonize
expect "no UUID" "-uuid 1234: Failed to parse UUID string or wrong format" -uuid 1234
expect "a UUID too long" \
	"-uuid 8d5f21c4-4a1b-4f3e-9d0a-0123456789abc: Failed to parse UUID string or wrong format" \
	-uuid 8d5f21c4-4a1b-4f3e-9d0a-0123456789abc

# Who goes into the background still says here what is wrong.
expect "no kernel in the background" \
	"could not open kernel file '$dir/none': No such file or directory" -kernel "$dir/none" -daemonize

with_kvm "a socket where there is no directory" \
	"-qmp unix:$dir/none/q,server=on,wait=off: Failed to bind socket to $dir/none/q: No such file or directory" \
	-kernel "$kernel" -qmp "unix:$dir/none/q,server=on,wait=off"
with_kvm "a socket that nobody has made" \
	"-monitor unix:$dir/none: Failed to connect to '$dir/none': No such file or directory" \
	-kernel "$kernel" -monitor "unix:$dir/none"
with_kvm "a socket in place of a file, in the background" \
	"-monitor unix:$kernel,server=on,wait=off: Failed to bind socket to $kernel: Address already in use" \
	-kernel "$kernel" -monitor "unix:$kernel,server=on,wait=off" -daemonize
mkfifo "$dir/fifo"
with_kvm "a pipe that nobody reads" "could not open '$dir/fifo': No such device or address" \
	-kernel "$kernel" -serial "file:$dir/fifo"
with_kvm "a process id where there is no directory" \
	"cannot create PID file '$dir/none/pid': No such file or directory" \
	-kernel "$kernel" -serial null -pidfile "$dir/none/pid" -qmp "unix:$dir/q,server=on,wait=off"

with_kvm "a file that is no kernel" "kernel '$FERRY' has no PVH entry (it was built without CONFIG_PVH, or is no kernel)" \
	-kernel "$FERRY"
with_kvm "memory too small for the kernel" \
	"kernel '$kernel' needs 17 MiB of guest memory to start, and there are 8" \
	-kernel "$kernel" -m 8
with_kvm "slot taken" \
	"-device virtio-rng-pci,addr=1: PCI: slot 1 function 0 not available for virtio-rng-pci, in use" \
	-kernel "$kernel" -device virtio-rng-pci -device virtio-rng-pci,addr=1
with_kvm "file descriptor that is not open" \
	"-netdev tap,id=a,fd=99: file descriptor 99 is not open" -kernel "$kernel" -netdev tap,id=a,fd=99
with_kvm "file descriptor that is no tap" \
	"-netdev tap,id=a,fd=0: file descriptor 0 is not a tap interface" \
	-kernel "$kernel" -netdev tap,id=a,fd=0
with_kvm "interface name too long" \
	"-netdev tap,id=a,ifname=interface0123456: interface name 'interface0123456' is longer than 15 characters" \
	-kernel "$kernel" -netdev tap,id=a,ifname=interface0123456
with_kvm "vhost=on without the device" \
	"-netdev tap,id=a,ifname=ferryt0,script=no,vhost=on,vhostdev=/dev/none: vhost: could not open '/dev/none': No such file or directory" \
	-kernel "$kernel" -netdev tap,id=a,ifname=ferryt0,script=no,vhost=on,vhostdev=/dev/none
with_kvm "no module for a directory" \
	"-virtfs local,path=/,mount_tag=t,security_model=none,vhost=on,vhostdev=/none: vhost: could not open '/none': No such file or directory" \
	-kernel "$kernel" -virtfs local,path=/,mount_tag=t,security_model=none,vhost=on,vhostdev=/none
with_kvm "network script that fails" \
	"-netdev tap,id=a,ifname=ferryt0,script=/bin/false: network script /bin/false failed with status 256" \
	-kernel "$kernel" -netdev tap,id=a,ifname=ferryt0,script=/bin/false

with_kvm "forwarding from an address of another machine" \
	"-net user,hostfwd=tcp:192.0.2.77:5588-:22: Could not set up host forwarding rule 'tcp:192.0.2.77:5588-:22': Cannot assign requested address" \
	-kernel "$kernel" -net nic,model=virtio -net user,hostfwd=tcp:192.0.2.77:5588-:22

if $kvm; then [ ! -e /sys/class/net/ferryt0 ]; judge "no interface is left"
else skip "no interface is left" "no working KVM here"; fi

as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
with_kvm "no permission on /dev/kvm" "Could not access KVM kernel module: Permission denied" \
	-kernel "$kernel"
as=(setpriv --bounding-set -net_admin --inh-caps=-net_admin)
with_kvm "no permission to make a tap" \
	"-netdev tap,id=a,ifname=ferryt0,script=no: could not configure /dev/net/tun (ferryt0): Operation not permitted" \
	-kernel "$kernel" -netdev tap,id=a,ifname=ferryt0,script=no

as=(unshare -m sh -c 'mount -t tmpfs none /dev && exec "$@"' sh)
expect "no KVM at all" "Could not access KVM kernel module: No such file or directory" \
	-kernel "$kernel"
finish
