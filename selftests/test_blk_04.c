// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that /dev/ferry-blk must refuse, each with the status that the
 * specification names and without effect on the disk; and chains that are no
 * requests, which stop their queue alone.
 */
#include "test_blk.h"

FIXTURE(bad) {
	struct disk disk;
	struct blk b;
};

BLK_VARIANTS_FEW(bad);

FIXTURE_SETUP(bad)
{
	struct blk_options o = { .layout = variant->l, .queues = 2 };

	DISK_MAKE(&self->disk, &variant->disk);
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
}

FIXTURE_TEARDOWN(bad)
{
	blk_destroy(&self->b);
	disk_free(&self->disk);
}

TEST_F(bad, beyond_the_end)
{
	const uint64_t far[] = { 0, 1, 1ULL << 32, 1ULL << 54, 1ULL << 55, (1ULL << 55) + 8,
				 1ULL << 63, ~0ULL - 8, ~0ULL };
	struct blk *b = &self->b;

	for (unsigned int i = 0; i < ARRAY_SIZE(far); i++) {
		uint64_t sector = i < 2 ? self->disk.sectors - i * 7 : far[i];

		EXPECT_EQ(S_IOERR, blk_read(b, sector, BLK_AT(1), 4096));
		EXPECT_EQ(S_IOERR, blk_write(b, sector, BLK_AT(1), 4096));
		if (blk_has(b, VIRTIO_BLK_F_DISCARD))
			EXPECT_EQ(S_IOERR, blk_range(b, VIRTIO_BLK_T_DISCARD, sector, 8, 0));
		if (blk_has(b, VIRTIO_BLK_F_WRITE_ZEROES))
			EXPECT_EQ(S_IOERR, blk_range(b, VIRTIO_BLK_T_WRITE_ZEROES, sector, 8, 0));
	}
	EXPECT_TRUE(disk_filled(&self->disk, 0, 65536, 0));
	EXPECT_TRUE(disk_filled(&self->disk, self->disk.sectors - 64, 32768, 0));
	EXPECT_EQ(S_OK, blk_read(b, 0, BLK_AT(1), 4096));
}

TEST_F(bad, a_capacity_below_the_disks_is_the_end)
{
	struct blk *b = &self->b;

	b->be.capacity = 1000;
	blk_start(b);
	EXPECT_EQ(1000, b->be.capacity);
	EXPECT_EQ(S_OK, blk_write(b, 999, BLK_AT(1), 512));
	EXPECT_EQ(S_IOERR, blk_write(b, 1000, BLK_AT(1), 512));
	EXPECT_EQ(S_IOERR, blk_write(b, 999, BLK_AT(1), 1024));
	EXPECT_EQ(S_IOERR, blk_read(b, 1000, BLK_AT(1), 512));
}

TEST_F(bad, payloads_that_are_no_blocks)
{
	for (uint32_t len = 1; len < 1500; len += len < 20 || len > 500 ? 1 : 61) {
		if (len % 512 == 0)
			continue;
		ASSERT_EQ(S_IOERR, blk_read(&self->b, 0, BLK_AT(1), len));
		ASSERT_EQ(S_IOERR, blk_write(&self->b, 0, BLK_AT(1), len));
	}
	EXPECT_TRUE(disk_filled(&self->disk, 0, 4096, 0));
}

TEST_F(bad, types_that_do_not_exist)
{
	const uint32_t types[] = { 2, 3, 5, 6, 7, 9, 12, 15, 16, 17, 18, 20, 22, 24, 26, 255, 256,
				   0x10000, 0x80000000, 0xffffffff };

	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		struct blk_req r = { types[i], 0, BLK_AT(1), 512, .in = i & 1 };

		EXPECT_EQ(S_UNSUPP, blk_do(&self->b, 0, &r)) {
			TH_LOG("type %#x", types[i]);
		}
		EXPECT_EQ(1, r.used_len);
	}
}

TEST_F(bad, types_that_were_not_negotiated)
{
	const uint32_t types[] = { VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_DISCARD,
				   VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_T_SECURE_ERASE,
				   BLK_T_GET_LIFETIME };
	struct blk_options o = { .layout = variant->l, .features = BLK_F(BLK_SIZE) };
	struct virtio_blk_discard_write_zeroes range = { 0, 8, 0 };
	struct blk *b = &self->b;

	blk_write(b, 0, BLK_AT(1), 0);
	blk_fill(blk_mem(b, BLK_AT(1)), 4096, 0, 3);
	ASSERT_EQ(S_OK, blk_write(b, 0, BLK_AT(1), 4096));
	blk_destroy(b);
	BLK_INIT(b, &self->disk, &o);
	blk_start(b);
	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		struct blk_req r = { types[i], 0, BLK_AT(1), sizeof(range) };

		memcpy(blk_mem(b, r.at), &range, sizeof(range));
		EXPECT_EQ(S_UNSUPP, blk_do(b, 0, &r)) {
			TH_LOG("type %u", types[i]);
		}
	}
	EXPECT_TRUE(disk_filled(&self->disk, 0, 4096, 3));
	EXPECT_EQ(S_OK, blk_read(b, 0, BLK_AT(1), 512));
}

static void refuse_ranges(struct __test_metadata *_metadata, struct blk *b, uint32_t type,
			  const struct ferry_blk_range_info *info)
{
	struct virtio_blk_discard_write_zeroes *r = blk_mem(b, BLK_AT(3));
	uint64_t sectors = b->be.capacity;

	EXPECT_EQ(S_UNSUPP, blk_range(b, type, 0, 8, 2));
	EXPECT_EQ(S_UNSUPP, blk_range(b, type, 0, 8, 0x80000000));
	if (type == VIRTIO_BLK_T_DISCARD)
		EXPECT_EQ(S_UNSUPP, blk_range(b, type, 0, 8, 1));
	EXPECT_EQ(S_IOERR, blk_range(b, type, 0, 0xffffffff, 0));
	if (info->max_sectors < sectors)
		EXPECT_EQ(S_IOERR, blk_range(b, type, 0, info->max_sectors + 1, 0));
	for (uint32_t bytes = 0; bytes <= 40; bytes++) {
		struct blk_req req = { type, 0, BLK_AT(3), bytes };

		if (bytes && bytes % 16 == 0)
			continue;
		memset(r, 0, 64);
		ASSERT_EQ(S_IOERR, blk_do(b, 0, &req));
	}
	for (uint32_t i = 0; i <= info->max_ranges; i++)
		r[i] = (struct virtio_blk_discard_write_zeroes){ 0, 8, 0 };
	struct blk_req req = { type, 0, BLK_AT(3), 16 * (info->max_ranges + 1) };

	EXPECT_EQ(S_IOERR, blk_do(b, 0, &req));
	EXPECT_EQ(1, req.used_len);
}

TEST_F(bad, ranges_beyond_the_limits)
{
	struct blk *b = &self->b;

	blk_fill(blk_mem(b, BLK_AT(1)), 65536, 0, 3);
	ASSERT_EQ(S_OK, blk_write(b, 0, BLK_AT(1), 65536));
	if (blk_has(b, VIRTIO_BLK_F_DISCARD))
		refuse_ranges(_metadata, b, VIRTIO_BLK_T_DISCARD, &b->be.discard);
	if (blk_has(b, VIRTIO_BLK_F_WRITE_ZEROES))
		refuse_ranges(_metadata, b, VIRTIO_BLK_T_WRITE_ZEROES, &b->be.write_zeroes);
	EXPECT_TRUE(disk_filled(&self->disk, 0, 65536, 3));
}

static void expect_read_only(struct __test_metadata *_metadata, struct blk *b)
{
	EXPECT_EQ(S_IOERR, blk_write(b, 0, BLK_AT(1), 512));
	/* A disk that takes no writes has no such features, whatever was acknowledged. */
	EXPECT_EQ(S_UNSUPP, blk_range(b, VIRTIO_BLK_T_DISCARD, 0, 8, 0));
	EXPECT_EQ(S_UNSUPP, blk_range(b, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0));
	EXPECT_EQ(S_OK, blk_read(b, 0, BLK_AT(1), 512));
	EXPECT_TRUE(blk_filled(blk_mem(b, BLK_AT(1)), 512, 0, 3));
	EXPECT_EQ(S_OK, blk_flush(b));
	EXPECT_TRUE(disk_filled(b->disk, 0, 4096, 3));
}

TEST_F(bad, writes_to_a_disk_read_only)
{
	struct blk *b = &self->b;
	int fd = disk_open(&self->disk, O_RDONLY | (disk_is_bdev(&self->disk) ? O_DIRECT : 0));

	blk_fill(blk_mem(b, BLK_AT(1)), 4096, 0, 3);
	ASSERT_EQ(S_OK, blk_write(b, 0, BLK_AT(1), 4096));
	b->be.flags |= FERRY_BLK_F_READ_ONLY;
	blk_start(b);
	expect_read_only(_metadata, b);
	/* The same on a descriptor that could not write anyway. */
	b->be.fd = fd;
	blk_start(b);
	close(fd);
	expect_read_only(_metadata, b);
	b->be.fd = self->disk.fd;
	b->be.flags = 0;
	blk_start(b);
	EXPECT_EQ(S_OK, blk_write(b, 0, BLK_AT(1), 512));
}

/* --- no requests at all ------------------------------------------------------------------- */

/* Send @seg on queue 0, which must stop, say so once, and leave queue 1 alone. */
static void expect_stop(struct __test_metadata *_metadata, struct blk *b,
			const struct ring_seg *seg, unsigned int n_out, unsigned int n_in)
{
	struct blk_req good = { T_IN, 8, BLK_AT(2), 512, .in = true };
	struct dev *d = &b->g.dev;
	struct stat_queue q;

	ASSERT_EQ(0, ring_add(&b->g.ring[0], seg, n_out, n_in, 1));
	dev_publish(d, 0, &b->g.ring[0]);
	ASSERT_EQ(1, event_wait(d->err[0], DEV_PATIENCE_MS));
	EXPECT_FALSE(ring_has_used(&b->g.ring[0]));
	stat_get(&q, "blk", 0);
	EXPECT_EQ(FERRY_QUEUE_BROKEN, q.state);
	EXPECT_EQ(S_OK, blk_do(b, 1, &good));
	blk_stop(b);
	blk_restart(b);
	EXPECT_EQ(S_OK, blk_do(b, 0, &good));
	EXPECT_EQ(S_OK, blk_do(b, 1, &good));
	EXPECT_EQ(0, event_take(d->err[0]));
}

TEST_F(bad, a_chain_without_a_whole_header)
{
	for (uint32_t len = 1; len < 16; len += 7) {
		const struct ring_seg seg[] = { { BLK_AT(0), len }, { BLK_AT(1), 513 } };

		expect_stop(_metadata, &self->b, seg, 1, 1);
	}
}

TEST_F(bad, a_chain_without_anything_to_read)
{
	const struct ring_seg seg[] = { { BLK_AT(1), 513 } };

	expect_stop(_metadata, &self->b, seg, 0, 1);
}

TEST_F(bad, a_chain_without_a_status)
{
	const struct ring_seg seg[] = { { BLK_AT(0), 16 }, { BLK_AT(1), 512 } };

	expect_stop(_metadata, &self->b, seg, 2, 0);
	expect_stop(_metadata, &self->b, seg, 1, 0);
}

TEST_F(bad, a_chain_with_an_empty_status)
{
	const struct ring_seg seg[] = { { BLK_AT(0), 16 }, { BLK_AT(1), 0 } };

	expect_stop(_metadata, &self->b, seg, 1, 1);
}

TEST_F(bad, a_header_that_is_nowhere)
{
	const struct ring_seg seg[] = { { 0x7000000000ULL, 16 }, { BLK_AT(1), 513 } };

	expect_stop(_metadata, &self->b, seg, 1, 1);
}

TEST_F(bad, a_payload_that_is_nowhere)
{
	const struct ring_seg seg[] = { { BLK_AT(0), 16 }, { 0x7000000000ULL, 512 },
					{ BLK_AT(1), 1 } };

	expect_stop(_metadata, &self->b, seg, 1, 2);
}

TEST_F(bad, a_broken_queue_answers_what_was_in_flight)
{
	const struct ring_seg seg[] = { { BLK_AT(0), 3 }, { BLK_AT(1), 1 } };
	struct blk *b = &self->b;
	struct blk_req r[8];
	struct ring_used u;

	for (int i = 0; i < 8; i++) {
		r[i] = (struct blk_req){ T_IN, 8 * i, BLK_AT(4 + i), 4096, .in = true };
		ASSERT_EQ(0, blk_add(b, 0, &r[i], i));
	}
	ASSERT_EQ(0, ring_add(&b->g.ring[0], seg, 1, 1, 99));
	dev_publish(&b->g.dev, 0, &b->g.ring[0]);
	ASSERT_EQ(1, event_wait(b->g.dev.err[0], DEV_PATIENCE_MS));
	/* All at the latest when the disk is taken away, and none twice. */
	blk_stop(b);
	for (int i = 0; i < 8; i++) {
		if (ring_get(&b->g.ring[0], &u) != 1)
			break;
		ASSERT_GT(8, u.cookie);
		EXPECT_EQ(S_OK, blk_status(b, &r[u.cookie]));
	}
	EXPECT_EQ(0, ring_get(&b->g.ring[0], &u));
	blk_restart(b);
	EXPECT_EQ(S_OK, blk_read(b, 0, BLK_AT(1), 512));
}

/* --- memory that is there for the ring, but not for the processor ------------------------- */

TEST_F(bad, a_payload_in_memory_that_cannot_be_touched)
{
	struct blk *b = &self->b;
	void *page = blk_mem(b, BLK_AT(8));
	struct blk_req r = { T_IN, 8, BLK_AT(7), 8192, .in = true };
	const uint32_t types[] = { T_IN, T_OUT };

	blk_fill(blk_mem(b, BLK_AT(1)), 4096, 8 << 9, 3);
	ASSERT_EQ(S_OK, blk_write(b, 8, BLK_AT(1), 4096));
	ASSERT_EQ(0, mprotect(page, 0x20000 - 0x1000, PROT_NONE));
	for (int i = 0; i < 2; i++) {
		struct virtio_blk_outhdr hdr = { .type = types[i], .sector = 8 };
		struct ring_seg seg[] = { { BLK_AT(0) - 16, 16 }, { BLK_AT(8), 4096 },
					  { BLK_AT(1), 1 } };
		struct ring_used u;

		memcpy(blk_mem(b, BLK_AT(0) - 16), &hdr, 16);
		*(uint8_t *)blk_mem(b, BLK_AT(1)) = BLK_UNWRITTEN;
		ASSERT_EQ(0, ring_add(&b->g.ring[0], seg, i ? 2 : 1, i ? 1 : 2, 1));
		dev_publish(&b->g.dev, 0, &b->g.ring[0]);
		ASSERT_EQ(1, dev_poll_used(&b->g.ring[0], &u, DEV_PATIENCE_MS));
		EXPECT_EQ(S_IOERR, *(uint8_t *)blk_mem(b, BLK_AT(1)));
		EXPECT_EQ(1, u.len);
	}
	EXPECT_TRUE(disk_filled(&self->disk, 8, 4096, 3));
	ASSERT_EQ(0, mprotect(page, 0x20000 - 0x1000, PROT_READ | PROT_WRITE));
	EXPECT_EQ(S_OK, blk_do(b, 0, &r));
}

TEST_HARNESS_MAIN
