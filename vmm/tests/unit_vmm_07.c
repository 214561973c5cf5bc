// SPDX-License-Identifier: GPL-2.0
/*
 * A disk on a file, served by vhost=off (under sanitizers).
 */
#include "blk_requests.h"

FIXTURE_VARIANT_ADD(disk, split) { "" };
FIXTURE_VARIANT_ADD(disk, packed) { "", true };
FIXTURE_VARIANT_ADD(disk, split_direct) { ",cache=none" };
FIXTURE_VARIANT_ADD(disk, packed_directsync) { ",cache=directsync", true };

TEST_HARNESS_MAIN
