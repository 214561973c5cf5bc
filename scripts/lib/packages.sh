# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Debian packages: which ones, how they are installed, how kernels are unpacked.  Sourced by setup.

PACKAGES_BUILD=(
	gcc gcc-12 g++ make libc6-dev pkg-config git
	flex bison bc libelf-dev libssl-dev kmod cpio xz-utils rsync python3 dwarves
	acpica-tools libnl-3-dev libnl-route-3-dev libnl-genl-3-dev libjson-c-dev liburing-dev
	libseccomp-dev libcap-ng-dev libslirp-dev
)
PACKAGES_LAB=(
	qemu-system-x86 qemu-utils seabios ovmf busybox-static cpio gzip kmod python3
	iproute2 iperf3 iputils-ping procps psmisc ethtool tcpdump socat e2fsprogs
	qemu-system-common zstd
)
PACKAGES_CHECK=(
	ccache sparse clang clang-format libclang-rt-14-dev shellcheck groff-base
	dmsetup xfsprogs f2fs-tools nbd-server nbd-client mmdebstrap fdisk
)
PACKAGES_FIO=(fio)
PACKAGES_TRIXIE=(mmdebstrap)

APT_LISTS=/var/lib/apt/lists

# missing_packages NAME...: those that dpkg does not know as installed.
missing_packages() {
	local installed
	# dpkg-query fails if it does not know one of them; that one is then missing.
	installed=$({ dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null || true; } |
		awk '$1 == "ii" { print $2 }')
	printf '%s\n' "$@" | sort -u | grep -vxF -f <(echo "$installed") || true
}

as_root() {
	[ "$(id -u)" = 0 ] || die "needs root to install: $*"
}

apt_update() {
	as_root "package lists"
	say "updating the package lists"
	apt-get -q -y update >"$FERRY_CACHE/apt.log" 2>&1 8>&- ||
		say "apt-get update reported errors, see $FERRY_CACHE/apt.log; going on with what it got"
}

install_packages() {
	local missing
	mapfile -t missing < <(missing_packages "$@")
	[ ${#missing[@]} -gt 0 ] && [ -n "${missing[0]}" ] || return 0
	as_root "${missing[@]}"
	apt_update
	say "installing ${missing[*]}"
	DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
		-o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=300 \
		install "${missing[@]}" </dev/null >>"$FERRY_CACHE/apt.log" 2>&1 8>&- ||
		{ tail -n 20 "$FERRY_CACHE/apt.log" >&2; die "apt-get install failed"; }
}

# --- kernels ---------------------------------------------------------------------------------
#
# Names come from apt's metadata: 6.1 is bookworm's own kernel, 6.12 the one bookworm-security
# (or, before it was there, bookworm-backports) offers beside it.  A machine whose sources lack
# these suites gets a private package list in the cache, from the mirror it already uses.

apt_private=()

depends_of() {
	apt-cache "${apt_private[@]}" show --no-all-versions "$1" 2>/dev/null |
		sed -n 's/^Depends: //p' | tr ',|' '\n\n' | sed 's/(.*//; s/ //g'
}

# debian_mirror: the one this machine uses.
debian_mirror() {
	apt-cache policy | sed -n 's/^ *[0-9]* \([a-z]*:[^ ]*\) bookworm\/main .*/\1/p' | head -n 1
}

update_private_lists() {
	apt-get -q -y "${apt_private[@]}" update >>"$FERRY_CACHE/apt.log" 2>&1 8>&- ||
		say "some suites of $APT_PRIVATE/sources.list did not answer, see $FERRY_CACHE/apt.log"
}

# use_private_sources [SUITE]: the host's mirror, with the suites that carry the kernels.  Fails
# where the host has none.
use_private_sources() {
	local uri
	uri=$(debian_mirror)
	[ -n "$uri" ] || { say "no Debian 12 package source is configured on this machine"; return 1; }
	APT_PRIVATE=$FERRY_CACHE/apt/${1:-bookworm}
	mkdir -p "$APT_PRIVATE"/{lists/partial,cache/archives/partial}
	if [ "${1:-}" = trixie ]; then
		echo "deb $uri trixie main"
		echo "deb $uri trixie-backports main"
	else
		echo "deb $uri bookworm main"
		echo "deb $uri bookworm-updates main"
		echo "deb $uri bookworm-backports main"
		echo "deb ${uri%/}-security bookworm-security main"
	fi >"$APT_PRIVATE/sources.list"
	apt_private=(-o "Dir::Etc::SourceList=$APT_PRIVATE/sources.list" -o Dir::Etc::SourceParts=/dev/null
		-o "Dir::State::Lists=$APT_PRIVATE/lists" -o "Dir::Cache=$APT_PRIVATE/cache"
		-o APT::Sandbox::User=root)
	[ "${1:-}" != trixie ] || apt_private+=(-o APT::Default-Release=trixie-backports)
	[ "$(find "$APT_PRIVATE/lists" -name '*Packages*' | head -n 1)" ] || update_private_lists
}

# newest_release NAME: the release that the meta package of a kernel series points to.
newest_release() {
	local meta=linux-image-amd64
	[ "$1" != 6.12 ] || meta=linux-image-$1-amd64
	depends_of "$meta" | sed -n 's/^linux-image-\('"${1//./\\.}"'\.[0-9].*\)/\1/p' | head -n 1
}

resolve_release() {
	local release
	release=$(newest_release "$1")
	[ -n "$release" ] && echo "$release"
}

unpack_package() { # PACKAGE DIRECTORY
	local debs
	debs=$(mktemp -d "$FERRY_CACHE/debs.XXXXXX")
	(cd "$debs" && apt-get -q -y "${apt_private[@]}" -o APT::Sandbox::User=root download "$1") \
		>>"$FERRY_CACHE/apt.log" 2>&1 8>&- ||
		{ rm -rf "$debs"; tail -n 5 "$FERRY_CACHE/apt.log" >&2; return 1; }
	dpkg-deb -x "$debs"/*.deb "$2" || return 1
	rm -rf "$debs"
}

# adapt_kernel TREE RELEASE: make the layouts of all series alike.  Debian's header packages name
# /usr/src, but here they live in TREE; newer series keep their files below /usr/lib.
adapt_kernel() {
	local tree=$1 release=$2 modules=$1/lib/modules/$2
	[ -d "$tree/lib/modules" ] || ln -s usr/lib "$tree/lib"
	sed -i "s,^\(include \|KBUILD_OUTPUT=\)/usr/src/,\1$tree/usr/src/," \
		"$tree/usr/src/linux-headers-$release/Makefile"
	if [ ! -d "$tree/boot" ]; then
		mkdir "$tree/boot"
		ln -s "../lib/modules/$release/vmlinuz" "$tree/boot/vmlinuz-$release"
	fi
	rm -f "$modules/build" "$modules/source"
	ln -s "../../../usr/src/linux-headers-$release" "$modules/build"
	depmod -b "$tree" "$release"
}

# kernel_packages RELEASE: image and headers, in as many packages as the series puts them.
kernel_packages() {
	echo "linux-image-$1"
	echo "linux-headers-$1"
	depends_of "linux-image-$1" | grep -E '^linux-(base-[0-9]|binary-|modules-)' || true
	depends_of "linux-headers-$1" | grep -E '^linux-(headers-.*-common|kbuild-)'
}

# fetch_kernel NAME: the newest release of a series, image and headers, unpacked under kernels/.
fetch_kernel() {
	local name=$1 release tree package link=$FERRY_CACHE/kernels/$1.release seen
	seen="$(stat -c %Y "$APT_LISTS" 2>/dev/null || true) $(cat "$link" 2>/dev/null || true)"
	[ "$(cat "$link.checked" 2>/dev/null)" = "$seen" ] && return
	mkdir -p "$FERRY_CACHE/kernels"
	apt_private=()
	[[ $name != 7.* ]] || use_private_sources trixie || exit
	if ! release=$(resolve_release "$name"); then
		[ "$(find "$APT_LISTS" -name '*Packages*' 2>/dev/null | head -n 1)" ] || apt_update
		release=$(resolve_release "$name") || { use_private_sources && release=$(resolve_release "$name"); } ||
			{ [ -e "$link" ] && return; die "no package of Linux $name is to be had here"; }
	fi
	tree=$FERRY_CACHE/kernels/$release
	if [ ! -e "$tree/.ferry-complete" ]; then
		say "unpacking Linux $release"
		rm -rf "$tree"
		mkdir -p "$tree"
		for package in $(kernel_packages "$release"); do
			if ! unpack_package "$package" "$tree"; then
				# The lists may be older than the mirror.
				apt_update
				unpack_package "$package" "$tree" || die "cannot get $package"
			fi
		done
		adapt_kernel "$tree" "$release"
		touch "$tree/.ferry-complete"
	fi
	echo "$release" >"$link"
	echo "$(stat -c %Y "$APT_LISTS" 2>/dev/null) $release" >"$link.checked"
}

# make_trixie: a Debian 13 tree with the compiler that 7.3's headers name.
make_trixie() {
	local root=$FERRY_CACHE/trixie
	[ ! -e "$root/.ferry-complete" ] || return 0
	say "making a Debian 13 tree in $root (a minute or two)"
	rm -rf "$root"
	mmdebstrap --quiet --variant=minbase --components=main \
		--include=gcc-14,make,kmod,libelf1t64,libssl3t64,zlib1g,pahole,bc \
		trixie "$root" "$(debian_mirror)" >>"$FERRY_CACHE/apt.log" 2>&1 8>&- </dev/null ||
		{ tail -n 20 "$FERRY_CACHE/apt.log" >&2; die "mmdebstrap failed"; }
	touch "$root/.ferry-complete"
}

# The first QEMU whose TCG locks a page before it translates from it.  An older one that runs the
# lab's CPUs in several threads can keep a breakpoint that the kernel has long taken back, and then
# dies of it within minutes of static branches being switched.
QEMU_WANTED=8.1
QEMU_PACKAGES=(qemu-system-x86 qemu-system-common qemu-system-data seabios)

# fetch_emulator: such a QEMU under qemu/, to be mended there: a copy of the machine's own, or that of
# bookworm-backports where the own one is older, whose libraries are those of the machine's.  Without
# either the lab's CPUs take turns.
fetch_emulator() {
	local own tree=$FERRY_CACHE/qemu
	own=$(dpkg-query -W -f '${Version}' qemu-system-x86)
	if dpkg --compare-versions "${own#*:}" ge "$QEMU_WANTED"; then
		[ "$(cat "$tree/.ferry-complete" 2>/dev/null)" = "$own" ] || copy_emulator "$tree" "$own"
	elif [ ! -e "$tree/.ferry-complete" ]; then
		unpack_emulator "$tree"
	fi
	[ ! -e "$tree/.ferry-complete" ] || mend_emulator "$tree"
}

# copy_emulator DIRECTORY VERSION: its data are found where they are.
copy_emulator() {
	say "copying QEMU for the lab"
	rm -rf "$1"
	mkdir -p "$1/usr/bin"
	cp "$(command -v qemu-system-x86_64)" "$1/usr/bin"
	echo "$2" >"$1/.ferry-complete"
}

# unpack_emulator DIRECTORY
unpack_emulator() {
	say "unpacking QEMU for the lab"
	# The lists may be older than the mirror.
	if use_private_sources && apt_private+=(-o APT::Default-Release=bookworm-backports) &&
		{ unpack_emulator_packages "$1" || { update_private_lists; unpack_emulator_packages "$1"; }; }; then
		touch "$1/.ferry-complete"
	else
		say "no newer QEMU is to be had here: the lab's CPUs will take turns"
	fi
}

# mend_emulator DIRECTORY: once for each checkout, which may know of more to mend.
mend_emulator() {
	[ "$1/.ferry-mended" -nt "$SCRIPTS/lib/mend-qemu" ] ||
		! "$SCRIPTS/lib/mend-qemu" "$1/usr/bin/qemu-system-x86_64" || touch "$1/.ferry-mended"
}

unpack_emulator_packages() { # DIRECTORY
	local package
	rm -rf "$1"
	mkdir -p "$1"
	for package in "${QEMU_PACKAGES[@]}"; do
		unpack_package "$package" "$1" || return 1
	done
}

# fetch_qmp_shell: QEMU's own client for monitors, from trixie-backports, unpacked under qmp-shell/.
# Without it what tries our monitor with it is skipped.
fetch_qmp_shell() {
	local tree=$FERRY_CACHE/qmp-shell
	[ ! -e "$tree/.ferry-complete" ] || return 0
	say "unpacking qmp-shell"
	rm -rf "$tree"
	mkdir -p "$tree"
	if use_private_sources trixie &&
		{ unpack_package python3-qemu-qmp "$tree" ||
			{ update_private_lists; unpack_package python3-qemu-qmp "$tree"; }; }; then
		touch "$tree/.ferry-complete"
	else
		say "no qmp-shell is to be had here"
	fi
}

# fetch_kernel_source: Debian's linux-source-6.12, unpacked under src/.
fetch_kernel_source() {
	local dir=$FERRY_CACHE/src/linux-source-6.12 version
	[ "$(stat -c %Y "$APT_LISTS" 2>/dev/null)" = "$(cat "$dir/.ferry-checked" 2>/dev/null)" ] && return
	apt_private=()
	[ "$(depends_of linux-source-6.12)" ] || use_private_sources || exit
	version=$(apt-cache "${apt_private[@]}" show --no-all-versions linux-source-6.12 | sed -n 's/^Version: //p')
	if [ "$(cat "$dir/.ferry-version" 2>/dev/null)" != "$version" ]; then
		say "unpacking linux-source-6.12 $version"
		rm -rf "$dir" "$FERRY_CACHE/src/deb"
		mkdir -p "$FERRY_CACHE/src/deb"
		unpack_package linux-source-6.12 "$FERRY_CACHE/src/deb" || die "cannot get linux-source-6.12"
		tar -C "$FERRY_CACHE/src" -xf "$FERRY_CACHE/src/deb/usr/src/linux-source-6.12.tar.xz"
		rm -rf "$FERRY_CACHE/src/deb"
		echo "$version" >"$dir/.ferry-version"
	fi
	stat -c %Y "$APT_LISTS" >"$dir/.ferry-checked"
}
