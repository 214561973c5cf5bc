// SPDX-License-Identifier: GPL-2.0
/*
 * The same disk served by the kernel module, and block devices served by either. What
 * a driver sees is the same.
 */
#include "blk_requests.h"
#include "stat.h"

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

/* Also after a reset, with which the kernel forgets it. */
TEST(poll_us_has_the_kernel_poll)
{
	const struct blk_rig_options o = { .drive = VHOST ",poll-us=200", .bytes = DISK };
	static struct blk_rig g;
	struct stat_queue before, q;

	if (access("/dev/ferry-blk", F_OK))
		SKIP(return, "no /dev/ferry-blk");
	ASSERT_EQ(0, blk_rig_init(&g, &o));
	for (int i = 0; i < 2; i++) {
		stat_get(&before, "blk", 0);
		EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(&g, VIRTIO_BLK_T_IN, 0, 4096));
		stat_get(&q, "blk", 0);
		EXPECT_LT(before.polls, q.polls);
		ASSERT_TRUE(blk_rig_up(&g, false, 0));
	}
	blk_rig_destroy(&g);
}

TEST_HARNESS_MAIN
