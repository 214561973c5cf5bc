#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A directory that ferry serves itself (vhost=off) behaves as one that the kernel serves: to random messages,
# the same to both, they answer the same. FERRY_TEST_SEED and FERRY_TEST_MESSAGES say which and how many: in each
# check the same ones, for another difference to be found when somebody looks for it.
. "$(dirname "$0")/ktap_vmm.sh"

[ "$(id -u)" = 0 ] || skip_all "not root"
[ -e /dev/ferry-9p ] || skip_all "no /dev/ferry-9p"
seed=${FERRY_TEST_SEED:-1}
messages=${FERRY_TEST_MESSAGES:-2000}
dir=$(mktemp -d)
# Which vhost=off obeys, as each program does (architecture.rst).
links=/proc/sys/fs/protected_hardlinks
before=$(cat $links)
trap 'rm -rf "$dir"; echo "$before" >$links' EXIT
echo 0 >$links

# alike FS MODEL VERSION
alike() {
	local program
	for program in p9_transcript p9_transcript_off; do
		"$HERE/lab/$program" "$@" "$seed" "$messages" >"$dir/$program" 2>&1
		case $? in
		0) ;;
		4)
			skip "$*" "$(tail -n 1 "$dir/$program")"
			return
			;;
		*)
			fail "$*" "$program, seed $seed" "$(tail -n 3 "$dir/$program")"
			return
			;;
		esac
	done
	diff -U 2 "$dir/p9_transcript" "$dir/p9_transcript_off" >"$dir/diff"
	judge "$*" head -n 40 "$dir/diff"
}

echo "# FERRY_TEST_SEED=$seed"
plan 6
alike tmpfs passthrough 9P2000.L
alike ext4 passthrough 9P2000.L
alike ext4 mapped 9P2000.L
alike ext4 none 9P2000.L
alike ext4 passthrough 9P2000.u
alike ext4 mapped 9P2000
finish
