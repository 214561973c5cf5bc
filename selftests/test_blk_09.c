// SPDX-License-Identifier: GPL-2.0
/*
 * Durability on /dev/ferry-blk. The disk has a volatile cache that loses its
 * content when the power goes: what was promised has to be there afterwards, in
 * writeback after a FLUSH, in writethrough at once. And, so that the promise is
 * not kept by accident, what was not promised is lost.
 */
#include "test_blk.h"

FIXTURE(durable) {
	struct disk disk;
	struct blk b;
};

FIXTURE_VARIANT(durable) {
	enum disk_kind kind;
	struct ring_layout l;
};

FIXTURE_VARIANT_ADD(durable, null_split) { .kind = DISK_NULL, .l = { .num = 256 } };
FIXTURE_VARIANT_ADD(durable, null_packed) {
	.kind = DISK_NULL, .l = { .num = 256, .packed = true, .indirect = true } };
FIXTURE_VARIANT_ADD(durable, cached) {
	.kind = DISK_BLOCK_CACHED, .l = { .num = 256, .event_idx = true } };

FIXTURE_SETUP(durable)
{
	struct disk_options d = { .kind = variant->kind, .cache_mb = 8 };

	DISK_MAKE(&self->disk, &d);
}

FIXTURE_TEARDOWN(durable)
{
	blk_destroy(&self->b);
	disk_free(&self->disk);
}

typedef FIXTURE_DATA(durable) durable_t;

#define DURABLE_INIT(self, f, ...) do {						\
	struct blk_options o_ = { .layout = variant->l, .features = f, ##__VA_ARGS__ };	\
	BLK_INIT(&(self)->b, &(self)->disk, &o_);				\
	blk_start(&(self)->b);							\
} while (0)

/* The owner goes, then the power, then all is as it would be the next morning. */
static void power_failure(durable_t *self)
{
	blk_destroy(&self->b);
	close(self->disk.fd);
	self->disk.fd = -1;
	check_ok(__disk_set_null(&self->disk, "power", "0"), "power off");
	check_ok(__disk_set_null(&self->disk, "power", "1"), "power on");
	for (int i = 0; i < 100 && access(self->disk.path, F_OK); i++)
		usleep(20000);
}

static void write_tag(struct blk *b, uint64_t sector, uint32_t len, uint32_t tag)
{
	blk_fill(blk_mem(b, BLK_AT(1)), len, sector << 9, tag);
	check(blk_write(b, sector, BLK_AT(1), len) == S_OK, "a write");
}

TEST_F(durable, what_was_not_flushed_is_lost)
{
	DURABLE_INIT(self, 0);
	write_tag(&self->b, 0, 65536, 1);
	power_failure(self);
	EXPECT_TRUE(disk_filled(&self->disk, 0, 65536, 0));
}

TEST_F(durable, a_flush_keeps_what_was_answered_before)
{
	DURABLE_INIT(self, 0);
	for (int i = 0; i < 8; i++)
		write_tag(&self->b, 1000 * i, 4096 << (i & 3), 1);
	EXPECT_EQ(S_OK, blk_flush(&self->b));
	write_tag(&self->b, 500, 4096, 2);
	power_failure(self);
	for (int i = 0; i < 8; i++)
		EXPECT_TRUE(disk_filled(&self->disk, 1000 * i, 4096 << (i & 3), 1));
	EXPECT_TRUE(disk_filled(&self->disk, 500, 4096, 0));
}

TEST_F(durable, a_flush_on_another_queue_counts_as_well)
{
	struct blk_req r = { VIRTIO_BLK_T_FLUSH, 0, BLK_AT(0), 0 };

	DURABLE_INIT(self, 0, .queues = 2);
	write_tag(&self->b, 0, 16384, 1);
	EXPECT_EQ(S_OK, blk_do(&self->b, 1, &r));
	power_failure(self);
	EXPECT_TRUE(disk_filled(&self->disk, 0, 16384, 1));
}

TEST_F(durable, writethrough_keeps_every_write)
{
	DURABLE_INIT(self, 0, .flags = FERRY_BLK_F_WRITETHROUGH);
	for (int i = 0; i < 8; i++)
		write_tag(&self->b, 1000 * i, 512 << i, 1);
	power_failure(self);
	for (int i = 0; i < 8; i++)
		EXPECT_TRUE(disk_filled(&self->disk, 1000 * i, 512 << i, 1));
}

TEST_F(durable, a_guest_without_flush_gets_writethrough)
{
	DURABLE_INIT(self, BLK_F(BLK_SIZE));
	ASSERT_FALSE(blk_has(&self->b, VIRTIO_BLK_F_FLUSH));
	write_tag(&self->b, 0, 65536, 1);
	power_failure(self);
	EXPECT_TRUE(disk_filled(&self->disk, 0, 65536, 1));
}

TEST_F(durable, the_cache_mode_can_change)
{
	DURABLE_INIT(self, 0);
	write_tag(&self->b, 0, 4096, 1);
	self->b.be.flags = FERRY_BLK_F_WRITETHROUGH;
	blk_start(&self->b);
	write_tag(&self->b, 1000, 4096, 2);
	self->b.be.flags = 0;
	blk_start(&self->b);
	write_tag(&self->b, 2000, 4096, 3);
	power_failure(self);
	EXPECT_TRUE(disk_filled(&self->disk, 1000, 4096, 2));
	EXPECT_TRUE(disk_filled(&self->disk, 2000, 4096, 0));
}

/* Whoever gives the disk anew may open it another way. */
TEST_F(durable, a_flush_keeps_what_went_through_the_page_cache)
{
	int fd = disk_open(&self->disk, O_RDWR);

	DURABLE_INIT(self, 0, .fd = fd);
	write_tag(&self->b, 0, 65536, 1);
	self->b.be.fd = self->disk.fd;
	blk_start(&self->b);
	close(fd);
	EXPECT_EQ(S_OK, blk_flush(&self->b));
	power_failure(self);
	EXPECT_TRUE(disk_filled(&self->disk, 0, 65536, 1));
}

TEST_F(durable, switching_to_writethrough_keeps_what_was_answered)
{
	DURABLE_INIT(self, 0);
	write_tag(&self->b, 0, 4096, 1);
	self->b.be.flags = FERRY_BLK_F_WRITETHROUGH;
	blk_start(&self->b);
	/* The driver has no more reason to flush: what it wrote must be stable now. */
	power_failure(self);
	EXPECT_TRUE(disk_filled(&self->disk, 0, 4096, 1));
}

TEST_F(durable, zeroes_are_as_durable_as_data)
{
	DURABLE_INIT(self, 0);
	TEST_REQUIRE(blk_has(&self->b, VIRTIO_BLK_F_WRITE_ZEROES), "the disk takes no zeroes");
	write_tag(&self->b, 0, 65536, 1);
	EXPECT_EQ(S_OK, blk_flush(&self->b));
	EXPECT_EQ(S_OK, blk_range(&self->b, VIRTIO_BLK_T_WRITE_ZEROES, 0, 64, 0));
	EXPECT_EQ(S_OK, blk_flush(&self->b));
	power_failure(self);
	EXPECT_TRUE(disk_filled(&self->disk, 0, 32768, 0));
	EXPECT_TRUE(disk_filled(&self->disk, 64, 32768, 1));
}

TEST_F(durable, zeroes_in_writethrough)
{
	DURABLE_INIT(self, 0, .flags = FERRY_BLK_F_WRITETHROUGH);
	TEST_REQUIRE(blk_has(&self->b, VIRTIO_BLK_F_WRITE_ZEROES), "the disk takes no zeroes");
	write_tag(&self->b, 0, 65536, 1);
	EXPECT_EQ(S_OK, blk_range(&self->b, VIRTIO_BLK_T_WRITE_ZEROES, 8, 64, 0));
	power_failure(self);
	EXPECT_TRUE(disk_filled(&self->disk, 0, 4096, 1));
	EXPECT_TRUE(disk_filled(&self->disk, 8, 32768, 0));
}

TEST_F(durable, unsafe_means_that_a_flush_does_nothing)
{
	DURABLE_INIT(self, 0, .flags = FERRY_BLK_F_NO_FLUSH);
	write_tag(&self->b, 0, 4096, 1);
	EXPECT_EQ(S_OK, blk_flush(&self->b));
	power_failure(self);
	EXPECT_TRUE(disk_filled(&self->disk, 0, 4096, 0));
}

TEST_F(durable, a_flush_in_the_middle_of_a_load)
{
	struct load l;

	DURABLE_INIT(self, 0);
	load_init(&l, &self->b, 0, 0, 4096);
	ASSERT_EQ(LOAD_FINE, load_run(&l, test_scale(1000)));
	ASSERT_EQ(S_OK, blk_flush(&self->b));
	power_failure(self);
	/* All of it was answered before the flush. */
	l.b->disk = &self->disk;
	EXPECT_EQ(LOAD_FINE, load_verify(&l));
	l.b->disk = NULL;
	load_destroy(&l);
}

TEST_HARNESS_MAIN
