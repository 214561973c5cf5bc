#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The life of a guest with vhost=on: it boots, reboots in place with its network, is typed at,
# answers the power button, ends by itself, and leaves no interface behind.
. "$(dirname "$0")/ktap_vmm.sh"
[ -c /dev/ferry-net ] || skip_all "the module is not loaded"
. "$(dirname "$0")/guest_vmm.sh"

plan 7
life vhost=on
finish
