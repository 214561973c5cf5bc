# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What every script needs: where things are, how to speak, how kernels are named.  Sourced.

SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TOP=$(dirname "$SCRIPTS")
FERRY_CACHE=${FERRY_CACHE:-$HOME/.cache/ferry}
BUILD=${BUILD:-$TOP/build}
export FERRY_CACHE

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }

# built_tree NAME: where scripts/kernel-build builds um, um-debug or debug.
built_tree() {
	case $1 in
	um*) echo "$FERRY_CACHE/uml/$1" ;;
	*) echo "$FERRY_CACHE/built/$1" ;;
	esac
}

# kernel_release NAME: the full release of a short kernel name (6.1, 6.12, 7.3, um, um-debug,
# debug), as scripts/setup or scripts/kernel-build made it.  A full release stands for itself.
kernel_release() {
	case $1 in
	um | um-debug | debug) cat "$(built_tree "$1")/include/config/kernel.release" ;;
	*)
		if [ -e "$FERRY_CACHE/kernels/$1.release" ]; then
			cat "$FERRY_CACHE/kernels/$1.release"
		else
			echo "$1"
		fi
		;;
	esac
}

# kernel_tree NAME: where the packages of a stock kernel are unpacked.
kernel_tree() { echo "$FERRY_CACHE/kernels/$(kernel_release "$1")"; }

# kernel_source: the source that user-mode Linux and the debug kernels are built from.
kernel_source() { echo "$FERRY_CACHE/src/linux-source-6.12"; }

# kbuild_dir RELEASE: the directory in which modules for a kernel are built.
kbuild_dir() {
	local dir
	case $1 in
	*-ferry-um-debug) dir=$(built_tree um-debug) ;;
	*-ferry-um) dir=$(built_tree um) ;;
	*-ferry-debug) dir=$(built_tree debug) ;;
	*)
		for dir in "$FERRY_CACHE/kernels/$1/usr/src/linux-headers-$1" "/lib/modules/$1/build"; do
			[ ! -e "$dir/Makefile" ] || break
		done
		;;
	esac
	[ -e "$dir/Makefile" ] && echo "$dir"
}

# load_order DIRECTORY MODULE...: the modules, each after those whose symbols it uses.
load_order() {
	local dir=$1 module dep changed=1 done=" "
	shift
	while [ "$changed" ]; do
		changed=
		for module; do
			[[ $done == *" $module "* ]] && continue
			for dep in $(modinfo -F depends "$dir/$module.ko" | tr , ' '); do
				[ -e "$dir/$dep.ko" ] && [[ $done != *" $dep "* ]] && continue 2
			done
			echo "$module"
			done+="$module "
			changed=1
		done
	done
}

# trixie_make DIRECTORY ARGUMENT...: make in the Debian 13 tree, where DIRECTORY and the cache are
# to be seen under their own names.  Needs root.
trixie_make() {
	local root=$FERRY_CACHE/trixie dir=$1
	shift
	[ -e "$root/.ferry-complete" ] || die "no Debian 13 tree here: run scripts/setup trixie"
	mkdir -p "$root$dir" "$root$FERRY_CACHE"
	unshare --mount bash -c '
		set -e
		root=$1 cache=$2 dir=$3
		shift 3
		mount --bind "$cache" "$root$cache"
		mount --bind "$dir" "$root$dir"
		mount -t proc proc "$root/proc"
		exec chroot "$root" env PATH=/usr/sbin:/usr/bin:/sbin:/bin make "$@"
	' trixie-make "$root" "$FERRY_CACHE" "$dir" "$@"
}
