# SPDX-License-Identifier: GPL-2.0
# Sourced by test_vmm_*: KTAP and the paths of this build.
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=${HERE%/selftests}
TOP=${FERRY_TOP:-${BUILD%/build}}
FERRY=$BUILD/ferry
n=0 failed=0

plan() { printf 'TAP version 13\n1..%d\n' "$1"; }
pass() { printf 'ok %d %s\n' $((++n)) "$1"; }
skip() { printf 'ok %d %s # SKIP %s\n' $((++n)) "$1" "$2"; }
fail() {
	printf 'not ok %d %s\n' $((++n)) "$1"
	failed=$((failed + 1))
	shift
	printf '%s\n' "$@" | sed 's/^/# /'
}

# judge NAME [COMMAND...]: by the status of the command before it; the one given says more if that failed. It
# is no text, for to put that together would be the command before: no $(...) here.
judge() {
	if [ $? = 0 ]; then
		pass "$1"
	else
		fail "$1" "$([ $# = 1 ] || "${@:2}" 2>&1)"
	fi
}

# ended_with STATUS FILE: for judge().
ended_with() { echo "status $1: $(tail -n 5 "$2")"; }

# Skip everything.
skip_all() { printf 'TAP version 13\n1..0 # SKIP %s\n' "$1"; exit 4; }

finish() { exit $((failed > 0)); }

# Whether a guest can run here; creating one is no proof, entering it is. A kernel of
# no instructions ends in a message of KVM's where there is one that works.
kvm_works() {
	[ -r /dev/kvm ] && [ -w /dev/kvm ] && grep -qE '^flags.*(svm|vmx)' /proc/cpuinfo
}
