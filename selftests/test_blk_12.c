// SPDX-License-Identifier: GPL-2.0
/*
 * What /dev/ferry-blk counts of the requests that it answers: by kind, the good apart
 * from the failed, across queues, stops and other disks.
 */
#include <sys/ioctl.h>

#include "test_blk.h"

FIXTURE(counts) {
	struct disk disk;
	struct blk b;
};

BLK_VARIANTS_FEW(counts);

static struct ferry_blk_stats counts(const struct blk *b)
{
	struct ferry_blk_stats s;

	memset(&s, 0xff, sizeof(s));
	check_ok(ioctl(b->g.dev.fd, FERRY_BLK_GET_STATS, &s), "FERRY_BLK_GET_STATS");
	return s;
}

FIXTURE_SETUP(counts)
{
	struct blk_options o = { .layout = variant->l, .queues = 2 };

	DISK_MAKE(&self->disk, &variant->disk);
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
}

FIXTURE_TEARDOWN(counts)
{
	blk_destroy(&self->b);
	disk_free(&self->disk);
}

#define EXPECT_COUNT(kind, d, n, f) do {					\
	struct ferry_blk_stats s_ = counts(&self->b);				\
	EXPECT_EQ(d, s_.op[FERRY_BLK_STAT_##kind].done);			\
	EXPECT_EQ(n, s_.op[FERRY_BLK_STAT_##kind].bytes);			\
	EXPECT_EQ(f, s_.op[FERRY_BLK_STAT_##kind].failed);			\
} while (0)

TEST_F(counts, nothing_at_first)
{
	const struct ferry_blk_stats none = { 0 };
	struct ferry_blk_stats s = counts(&self->b);

	EXPECT_EQ(0, memcmp(&none, &s, sizeof(s)));
	EXPECT_EQ(-1, ioctl(self->b.g.dev.fd, FERRY_BLK_GET_STATS, (void *)8));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(counts, each_kind_by_itself)
{
	struct blk_req id = { VIRTIO_BLK_T_GET_ID, 0, BLK_AT(2), 20, .in = true };
	struct blk *b = &self->b;
	unsigned int unmapped = 0;

	EXPECT_EQ(S_OK, blk_read(b, 0, BLK_AT(1), 4096));
	EXPECT_EQ(S_OK, blk_read(b, 8, BLK_AT(1), 8192));
	EXPECT_EQ(S_OK, blk_write(b, 16, BLK_AT(1), 1024));
	EXPECT_EQ(S_OK, blk_flush(b));
	EXPECT_EQ(S_OK, blk_do(b, 1, &id));
	EXPECT_COUNT(READ, 2, 12288, 0);
	EXPECT_COUNT(WRITE, 1, 1024, 0);
	EXPECT_COUNT(FLUSH, 1, 0, 0);
	EXPECT_COUNT(OTHER, 1, 20, 0);
	EXPECT_EQ(S_OK, blk_range(b, VIRTIO_BLK_T_WRITE_ZEROES, 64, 16, 0));
	EXPECT_COUNT(WRITE, 2, 1024 + 8192, 0);
	if (blk_has(b, VIRTIO_BLK_F_DISCARD)) {
		EXPECT_EQ(S_OK, blk_range(b, VIRTIO_BLK_T_DISCARD, 64, 64, 0));
		unmapped++;
	}
	EXPECT_COUNT(UNMAP, unmapped, unmapped * 32768, 0);
}

TEST_F(counts, the_failed_apart)
{
	struct blk *b = &self->b;
	struct blk_req unknown = { 99, 0, BLK_AT(2), 512 };

	EXPECT_EQ(S_IOERR, blk_read(b, self->disk.sectors, BLK_AT(1), 4096));
	EXPECT_EQ(S_IOERR, blk_write(b, self->disk.sectors, BLK_AT(1), 4096));
	EXPECT_EQ(S_IOERR, blk_write(b, 0, BLK_AT(1), 100));
	EXPECT_EQ(S_UNSUPP, blk_do(b, 0, &unknown));
	EXPECT_COUNT(READ, 0, 0, 1);
	EXPECT_COUNT(WRITE, 0, 0, 2);
	EXPECT_COUNT(OTHER, 0, 0, 1);
	if (blk_has(b, VIRTIO_BLK_F_DISCARD)) {
		EXPECT_EQ(S_IOERR, blk_range(b, VIRTIO_BLK_T_DISCARD, self->disk.sectors, 8, 0));
		EXPECT_COUNT(UNMAP, 0, 0, 1);
	}
}

TEST_F(counts, all_queues_and_across_a_stop)
{
	struct blk_req r = { T_IN, 0, BLK_AT(1), 512, .in = true };
	struct blk *b = &self->b;

	EXPECT_EQ(S_OK, blk_do(b, 0, &r));
	EXPECT_EQ(S_OK, blk_do(b, 1, &r));
	EXPECT_COUNT(READ, 2, 1024, 0);
	blk_stop(b);
	EXPECT_COUNT(READ, 2, 1024, 0);
	blk_restart(b);
	EXPECT_EQ(S_OK, blk_do(b, 1, &r));
	EXPECT_COUNT(READ, 3, 1536, 0);
}

TEST_HARNESS_MAIN
