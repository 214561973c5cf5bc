// SPDX-License-Identifier: GPL-2.0
/*
 * The same disk served by the kernel module, and block devices served by either. What
 * a driver sees is the same.
 */
#include "blk_requests.h"

#define VHOST	",vhost=on,vhostforce=on"

FIXTURE_VARIANT_ADD(disk, vhost_split) { VHOST };
FIXTURE_VARIANT_ADD(disk, vhost_packed) { VHOST, true };
FIXTURE_VARIANT_ADD(disk, vhost_split_direct) { VHOST ",cache=none" };
FIXTURE_VARIANT_ADD(disk, vhost_packed_directsync) { VHOST ",cache=directsync", true };
FIXTURE_VARIANT_ADD(disk, vhost_block) { VHOST, false, true };
FIXTURE_VARIANT_ADD(disk, vhost_block_direct) { VHOST ",cache=none", true, true };
FIXTURE_VARIANT_ADD(disk, vhost_block_directsync) { VHOST ",cache=directsync", false, true };
FIXTURE_VARIANT_ADD(disk, block) { "", false, true };
FIXTURE_VARIANT_ADD(disk, block_direct) { ",cache=none", true, true };
FIXTURE_VARIANT_ADD(disk, block_directsync) { ",cache=directsync", false, true };
FIXTURE_VARIANT_ADD(disk, file) { "" };
FIXTURE_VARIANT_ADD(disk, file_direct) { ",cache=none" };

TEST_HARNESS_MAIN
