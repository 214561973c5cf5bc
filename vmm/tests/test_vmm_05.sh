#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Image files and directories on the command line: what cannot be used is refused in QEMU's words, and Ferry and
# QEMU keep each other out of an image. Needs no working KVM, only a /dev/kvm that opens.
. "$(dirname "$0")/ktap_vmm.sh"

if [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then skip_all "no /dev/kvm"; fi
dir=$(mktemp -d)
holder=
trap 'kill $holder 2>/dev/null; rm -rf "$dir"' EXIT
# A file that is no kernel: where everything before it is right, this is what is said.
no_kernel="kernel '$dir/kernel' has no PVH entry (it was built without CONFIG_PVH, or is no kernel)"
cp /bin/true "$dir/kernel"
truncate -s 1M "$dir/a"
printf 'QFI\373\0\0\0\3\0\0\0\0\0\0\1\0' >"$dir/backed"
truncate -s 1M "$dir/backed"

# says NAME HINT MESSAGE WORDS...: ferry ends with status 1, MESSAGE and the line HINT.
says() {
	local name=$1 hint=$2 message=$3 status
	shift 3
	timeout 60 "$FERRY" -kernel "$dir/kernel" "$@" >/dev/null 2>"$dir/err" </dev/null
	status=$?
	[ $status = 1 ] && [ "$(tail -n "$([ "$hint" ] && echo 2 || echo 1)" "$dir/err" | head -n 1)" = \
		"ferry: $message" ] && { [ -z "$hint" ] || [ "$(tail -n 1 "$dir/err")" = "$hint" ]; }
	judge "$name" ended_with $status "$dir/err"
}

# hold WORDS...: a qemu-io that has an image open until let_go; it asks for a command once it has.
hold() {
	coproc HELD { exec "$@" 2>&1; }
	holder=$HELD_PID
	read -r -t 60 -d '>' <&"${HELD[0]}"
}
let_go() { kill "$holder"; wait "$holder" 2>/dev/null; }

another="Is another process using the image [$dir/a]?"
raw=file=$dir/a,format=raw,vhost=off
plan 24

says "missing file" "" "-drive file=/none: Could not open '/none': No such file or directory" \
	-drive file=/none
says "missing file of -hda" "" "-hda /none: Could not open '/none': No such file or directory" -hda /none
says "missing file as a bare word" "" "/none: Could not open '/none': No such file or directory" /none
says "a directory" "" "-drive file=$dir: 'file' driver requires '$dir' to be a regular file" \
	-drive "file=$dir"
says "a character device" "" "/dev/null: 'file' driver requires '/dev/null' to be a regular file" /dev/null
says "vhost=on without the module" \
	"Is the module loaded? 'modprobe ferry_blk', or vhost=off to do without." \
	"-drive file=$dir/a,format=raw,vhost=on,vhostdev=/dev/none: vhost: could not open '/dev/none': No such file or directory" \
	-drive "file=$dir/a,format=raw,vhost=on,vhostdev=/dev/none"
says "an image that may be a guest's forgery is not guessed" \
	"Specify format=qcow2 if it is one; a guest may have written this on a raw disk." \
	"-drive file=$dir/backed: Image format was not specified for '$dir/backed', which refers to another file" \
	-drive "file=$dir/backed"
says "a good raw image" "" "$no_kernel" -drive "$raw"
"$FERRY" -kernel "$dir/kernel" -drive "file=$dir/a,vhost=off" 2>&1 |
	grep -q "^ferry: WARNING: Image format was not specified for '$dir/a' and probing guessed raw"
judge "guessing is warned of"
says "one image twice" "$another" "-drive $raw,index=1: Failed to get \"write\" lock" \
	-drive "$raw" -drive "$raw,index=1"
says "one image twice to read" "" "$no_kernel" -drive "$raw,readonly=on" -drive "$raw,readonly=on,index=1"
says "one image to write and to read" "$another" \
	"-drive $raw,readonly=on,index=1: Failed to get shared \"write\" lock" \
	-drive "$raw" -drive "$raw,readonly=on,index=1"
says "share-rw" "" "$no_kernel" -drive "$raw,if=none,id=a" -device virtio-blk-pci,drive=a,share-rw=on \
	-drive "$raw,if=none,id=b" -device virtio-blk-pci,drive=b,share-rw=on

fs=local,security_model=none
says "a directory that is not there" "" "-device virtio-9p-pci,fsdev=f,mount_tag=t: cannot initialize fsdev 'f': failed to open '/none': No such file or directory" \
	-fsdev "$fs,id=f,path=/none" -device virtio-9p-pci,fsdev=f,mount_tag=t
says "a file for a directory" "" "-virtfs $fs,path=$dir/a,mount_tag=t: cannot initialize fsdev 't': failed to open '$dir/a': Not a directory" \
	-virtfs "$fs,path=$dir/a,mount_tag=t"
says "a directory without the module" \
	"Is the module loaded? 'modprobe ferry_9p', or vhost=off to do without." \
	"-virtfs $fs,path=$dir,mount_tag=t,vhost=on,vhostdev=/dev/none: vhost: could not open '/dev/none': No such file or directory" \
	-virtfs "$fs,path=$dir,mount_tag=t,vhost=on,vhostdev=/dev/none"
says "a directory behind another kind of device" "" \
	"-virtfs $fs,path=$dir,mount_tag=t,vhost=on,vhostdev=/dev/null: vhost: could not become the device's owner: Inappropriate ioctl for device" \
	-virtfs "$fs,path=$dir,mount_tag=t,vhost=on,vhostdev=/dev/null"
says "a directory without its model" "Valid options are: security_model=[passthrough|mapped-xattr|none]" \
	"-virtfs local,path=$dir,mount_tag=t: security_model property not set" -virtfs "local,path=$dir,mount_tag=t"
says "a fsdev that is not there" "" "-device virtio-9p-pci,fsdev=f,mount_tag=t: 9pfs device couldn't find fsdev with the id = f" \
	-device virtio-9p-pci,fsdev=f,mount_tag=t
# refused NAME MESSAGE EXPORT: what a VMM that may not take users' rights says of such an export.
refused() {
	setpriv --bounding-set -setuid --inh-caps=-setuid "$FERRY" -kernel "$dir/kernel" -virtfs "$3" \
		>/dev/null 2>"$dir/err" </dev/null
	grep -q "$2: Operation not permitted$" "$dir/err"
	judge "$1" cat "$dir/err"
}

users=local,path=$dir,mount_tag=t,security_model=passthrough
refused "a directory that takes more rights, without the module" "cannot serve '$dir'" "$users,vhost=off"
if [ -c /dev/ferry-9p ]; then
	says "good directories" "" "$no_kernel" -virtfs "$fs,path=$dir,mount_tag=t" -virtfs \
		"local,path=/tmp,mount_tag=u,security_model=passthrough,squash=all,uid=65534,gid=65534,readonly=on"
	refused "a directory that takes more rights" "vhost: the device refused the directory" "$users,vhost=on"
else
	skip "good directories" "no /dev/ferry-9p"
	skip "a directory that takes more rights" "no /dev/ferry-9p"
fi

if command -v qemu-io >/dev/null; then
	hold qemu-io -f raw "$dir/a"
	says "an image that QEMU has" "$another" "-drive $raw: Failed to get shared \"write\" lock" -drive "$raw"
	let_go
	hold qemu-io -r -f raw "$dir/a"
	says "an image that QEMU reads" "" "$no_kernel" -drive "$raw,readonly=on"
	let_go
else
	skip "an image that QEMU has" "no qemu-io"
	skip "an image that QEMU reads" "no qemu-io"
fi
finish
