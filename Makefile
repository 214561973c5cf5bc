# SPDX-License-Identifier: GPL-2.0
#
# Ferry: what a person types.  "make help" lists it; everything lands in build/.

TOP := $(CURDIR)
BUILD ?= $(TOP)/build
FERRY_CACHE ?= $(HOME)/.cache/ferry
export FERRY_CACHE

# The kernel to build modules for: a full release, or 6.1, 6.12, 7.3, um, um-debug, debug.
KVER ?= $(shell uname -r)
DESTDIR ?=
PREFIX ?= /usr/local

all: vmm

vmm:
	$(MAKE) -C vmm BUILD=$(BUILD)

selftests:
	$(MAKE) -C selftests BUILD=$(BUILD)
	$(MAKE) -C vmm tests BUILD=$(BUILD)

# W=1 and C=1 are handed on to kbuild.
modules:
	@scripts/build-modules $(KVER)

uml:
	scripts/setup build check
	scripts/kernel-build um
	scripts/kernel-build um-debug

lint:
	@scripts/lint

# What is written in Python sets up the rest; this brings Python where there is none.
python:
	@command -v python3 >/dev/null || scripts/setup build

check: python
	@scripts/check $(if $(FULL),--full)

demo:
	@scripts/demo

bench-net bench-blk bench-9p bench-vmm: bench-%: scripts/bench-% python
	@$<

bench: $(patsubst scripts/%,%,$(wildcard scripts/bench-net scripts/bench-blk scripts/bench-9p scripts/bench-vmm))

install: all
	install -D -m 755 $(BUILD)/ferry $(DESTDIR)$(PREFIX)/bin/ferry
	install -D -m 644 dist/ferry.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/ferry
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/share/man/man1
	scripts/manual roff > $(DESTDIR)$(PREFIX)/share/man/man1/ferry.1
	sed 's,@PREFIX@,$(PREFIX),' 'dist/ferry@.service.in' > '$(DESTDIR)$(PREFIX)/lib/systemd/system/ferry@.service'

modules_install: modules
	@scripts/build-modules --install $(KVER)

# DKMS builds and installs them for the running kernel now, and for every later one by itself.
DKMS_VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
dkms_install:
	mkdir -p $(DESTDIR)/usr/src/ferry-$(DKMS_VERSION)
	rsync -a --delete Kbuild COPYING dkms.conf drivers uapi $(DESTDIR)/usr/src/ferry-$(DKMS_VERSION)/
	$(if $(DESTDIR),,dkms install --force ferry/$(DKMS_VERSION))

clean:
	rm -rf $(BUILD)

help:
	@echo 'make                    the VMM, build/ferry'
	@echo 'make modules [KVER=R]   the kernel modules, build/modules/R; R: a release (default: the running'
	@echo '                        one), or 6.1, 6.12, 7.3, um, um-debug, debug: kernels of the lab'
	@echo 'make demo               everything from scratch to a guest on the network (root);'
	@echo '                        INTERACTIVE=1 leaves you on the guest'"'"'s serial console'
	@echo 'make check              lint, unit tests, fuzzers, selftests on every kernel (root);'
	@echo '                        FULL=1 repeats more, and all of it on each kernel'
	@echo 'make lint               style, include directions, sparse and W=1 builds'
	@echo 'make selftests          the test programs, build/selftests'
	@echo 'make uml                the user-mode Linux kernels of the test loop, into the cache'
	@echo 'make bench, bench-AREA  measurements'
	@echo 'make install            the VMM, its manual, systemd unit and completion to $(PREFIX)'
	@echo 'make modules_install    the modules to /lib/modules/R/updates'
	@echo 'make dkms_install       the modules under DKMS, for this kernel and those to come'
	@echo 'make clean              remove build/; kernels stay in $(FERRY_CACHE)'

.PHONY: all vmm selftests modules uml lint python check demo bench bench-net bench-blk bench-9p bench-vmm \
	install modules_install dkms_install clean help
