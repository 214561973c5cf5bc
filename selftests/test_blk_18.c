// SPDX-License-Identifier: GPL-2.0
/*
 * A file of which only reads can be asked not to wait: writes are refused then, and go
 * well when they may.
 */
#include "test_blk.h"

FIXTURE(half) {
	struct disk disk;
	struct blk b;
};

FIXTURE_VARIANT(half) { struct disk_options disk; struct ring_layout l; };
BLK_VARIANT(half, f2fs, DISK_F2FS, .event_idx = true);

FIXTURE_SETUP(half)
{
	struct blk_options o = { .layout = variant->l };

	DISK_MAKE(&self->disk, &variant->disk);
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
}

FIXTURE_TEARDOWN(half)
{
	blk_destroy(&self->b);
	disk_free(&self->disk);
}

TEST_F(half, writes_go_well)
{
	for (unsigned int i = 0; i < 8; i++) {
		uint32_t len = 512U << i;

		blk_fill(blk_mem(&self->b, BLK_AT(1)), len, 100 * i << 9, 1);
		ASSERT_EQ(S_OK, blk_write(&self->b, 100 * i, BLK_AT(1), len));
		ASSERT_EQ(S_OK, blk_read(&self->b, 100 * i, BLK_AT(2), len));
		EXPECT_TRUE(blk_filled(blk_mem(&self->b, BLK_AT(2)), len, 100 * i << 9, 1));
	}
	EXPECT_EQ(S_OK, blk_flush(&self->b));
	EXPECT_TRUE(disk_filled(&self->disk, 700, 65536, 1));
}

/* What fails for good still does. */
TEST_F(half, a_write_behind_the_end_is_refused)
{
	EXPECT_EQ(S_IOERR, blk_write(&self->b, self->disk.sectors, BLK_AT(1), 4096));
	EXPECT_EQ(S_OK, blk_write(&self->b, 0, BLK_AT(1), 4096));
}

TEST_HARNESS_MAIN
