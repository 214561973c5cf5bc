// SPDX-License-Identifier: GPL-2.0
/*
 * Shapes of requests on /dev/ferry-blk: headers, payloads and status bytes split
 * at any byte, memory at any address, blocks of 4096 bytes, and the most that a
 * request may carry.
 */
#include "test_blk.h"

FIXTURE(shape) {
	struct disk disk;
	struct blk b;
};

BLK_VARIANTS(shape);

FIXTURE_SETUP(shape)
{
	struct blk_options o = { .layout = variant->l };

	o.layout.num = 512;
	o.layout.table_max = BLK_SEGS_MAX;
	DISK_MAKE(&self->disk, &variant->disk);
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
}

FIXTURE_TEARDOWN(shape)
{
	blk_destroy(&self->b);
	disk_free(&self->disk);
}

/* Write with one set of cuts at one address, look, and read back with the same. */
static void round_trip(struct __test_metadata *_metadata, struct blk *b, uint64_t at,
		       uint32_t len, const uint32_t *cuts)
{
	static uint32_t tag;
	struct blk_req r = { T_OUT, 24, at, len, .cuts = cuts };

	tag++;
	blk_fill(blk_mem(b, at), len, 24 << 9, tag);
	ASSERT_EQ(S_OK, blk_do(b, 0, &r));
	ASSERT_EQ(1, r.used_len);
	ASSERT_TRUE(disk_filled(b->disk, 24, len, tag));
	memset(blk_mem(b, at - 64), 0x5a, len + 128);
	r.type = T_IN;
	r.in = true;
	ASSERT_EQ(S_OK, blk_do(b, 0, &r));
	ASSERT_EQ(len + 1, r.used_len);
	ASSERT_TRUE(blk_filled(blk_mem(b, at), len, 24 << 9, tag));
	/* Not a byte beside header, payload and status. */
	for (int i = 0; i < 48; i++) {
		ASSERT_EQ(0x5a, *(uint8_t *)blk_mem(b, at - 64 + i));
		ASSERT_EQ(0x5a, *(uint8_t *)blk_mem(b, at + len + 1 + i));
	}
}

TEST_F(shape, one_segment_each_way)
{
	const uint32_t whole[] = { 0xffffff, 0xffffff, 0 };

	round_trip(_metadata, &self->b, BLK_AT(0), 4096, whole);
	round_trip(_metadata, &self->b, BLK_AT(0), 512, whole);
}

TEST_F(shape, header_split_at_every_byte)
{
	for (uint32_t at = 1; at < 16; at++) {
		const uint32_t two[] = { at, 16 - at, 4096, 0 };
		const uint32_t glued[] = { at, 4096, 0 };

		round_trip(_metadata, &self->b, BLK_AT(0), 4096, two);
		round_trip(_metadata, &self->b, BLK_AT(0), 4096, glued);
	}
}

TEST_F(shape, header_byte_by_byte)
{
	uint32_t cuts[20];

	for (int i = 0; i < 16; i++)
		cuts[i] = 1;
	cuts[16] = 4096;
	cuts[17] = 0;
	round_trip(_metadata, &self->b, BLK_AT(0), 4096, cuts);
}

TEST_F(shape, payload_split_at_odd_bytes)
{
	const uint32_t places[] = { 1, 2, 3, 7, 15, 16, 17, 255, 511, 512, 513, 1023, 4095 };

	for (unsigned int i = 0; i < ARRAY_SIZE(places); i++) {
		const uint32_t cuts[] = { 16, places[i], 4096 - places[i], 0 };
		const uint32_t three[] = { 16, places[i], 1, 4095 - places[i], 0 };

		round_trip(_metadata, &self->b, BLK_AT(0), 4096, cuts);
		if (places[i] < 4095)
			round_trip(_metadata, &self->b, BLK_AT(0), 4096, three);
	}
}

TEST_F(shape, status_glued_to_the_payload_and_alone)
{
	const uint32_t glued[] = { 16, 4097, 0 };
	const uint32_t last_two[] = { 16, 4095, 2, 0 };
	const uint32_t alone[] = { 16, 4096, 1, 0 };

	round_trip(_metadata, &self->b, BLK_AT(0), 4096, glued);
	round_trip(_metadata, &self->b, BLK_AT(0), 4096, last_two);
	round_trip(_metadata, &self->b, BLK_AT(0), 4096, alone);
}

TEST_F(shape, payload_in_many_pieces)
{
	uint32_t cuts[BLK_SEGS_MAX];
	unsigned int n = 0;

	/* Up to what is advertised, in pieces of 512 bytes and of 33. */
	cuts[n++] = 16;
	while (n < 129)
		cuts[n++] = 512;
	cuts[n] = 0;
	round_trip(_metadata, &self->b, BLK_AT(0), 65536, cuts);
	n = 1;
	while (n < 125)
		cuts[n++] = 33;
	cuts[n] = 0;
	round_trip(_metadata, &self->b, BLK_AT(0), 4096, cuts);
}

TEST_F(shape, payload_at_every_kind_of_address)
{
	const uint32_t offsets[] = { 1, 2, 4, 8, 16, 64, 256, 511, 512, 513, 1024, 2048, 4095 };

	for (unsigned int i = 0; i < ARRAY_SIZE(offsets); i++) {
		round_trip(_metadata, &self->b, BLK_AT(0) + offsets[i], 512, NULL);
		round_trip(_metadata, &self->b, BLK_AT(0) + offsets[i], 4096, NULL);
		round_trip(_metadata, &self->b, BLK_AT(0) + offsets[i], 65536, NULL);
	}
}

TEST_F(shape, empty_segments_count_for_nothing)
{
	struct blk *b = &self->b;
	const struct ring_seg seg[] = {
		{ BLK_AT(0), 0 }, { BLK_AT(0) - 16, 16 }, { BLK_AT(0), 0 },
		{ BLK_AT(0), 512 }, { BLK_AT(0), 0 }, { BLK_AT(0) + 512, 1 }, { BLK_AT(0), 0 },
	};
	struct virtio_blk_outhdr hdr = { .type = T_IN, .sector = 8 };
	struct ring_used u;

	blk_fill(blk_mem(b, BLK_AT(0)), 512, 8 << 9, 3);
	ASSERT_EQ(S_OK, blk_write(b, 8, BLK_AT(0), 512));
	memcpy(blk_mem(b, BLK_AT(0) - 16), &hdr, 16);
	memset(blk_mem(b, BLK_AT(0)), 0x5a, 513);
	ASSERT_EQ(0, ring_add(&b->g.ring[0], seg, 3, 4, 1));
	dev_publish(&b->g.dev, 0, &b->g.ring[0]);
	dev_expect_used(&b->g.ring[0], &u);
	EXPECT_EQ(513, u.len);
	EXPECT_EQ(S_OK, *(uint8_t *)blk_mem(b, BLK_AT(0) + 512));
	EXPECT_TRUE(blk_filled(blk_mem(b, BLK_AT(0)), 512, 8 << 9, 3));
}

TEST_F(shape, one_page_of_memory_many_times)
{
	struct blk *b = &self->b;
	struct virtio_blk_outhdr hdr = { .type = T_OUT, .sector = 0 };
	struct ring_seg seg[34] = { { BLK_AT(0) - 16, 16 } };
	struct ring_used u;

	memcpy(blk_mem(b, BLK_AT(0) - 16), &hdr, 16);
	blk_fill(blk_mem(b, BLK_AT(0)), 4096, 0, 5);
	for (int i = 1; i <= 32; i++)
		seg[i] = (struct ring_seg){ BLK_AT(0), 4096 };
	seg[33] = (struct ring_seg){ BLK_AT(1), 1 };
	ASSERT_EQ(0, ring_add(&b->g.ring[0], seg, 33, 1, 1));
	dev_publish(&b->g.dev, 0, &b->g.ring[0]);
	dev_expect_used(&b->g.ring[0], &u);
	EXPECT_EQ(S_OK, *(uint8_t *)blk_mem(b, BLK_AT(1)));
	for (int i = 0; i < 32; i++) {
		uint8_t page[4096];

		disk_peek(&self->disk, page, 4096, i * 4096);
		ASSERT_TRUE(blk_filled(page, 4096, 0, 5));
	}
}

TEST_F(shape, the_greatest_payload_and_one_block_more)
{
	struct blk *b = &self->b;
	uint32_t max = b->be.max_bytes, cut = b->be.size_max ? b->be.size_max : max;
	uint32_t cuts[BLK_SEGS_MAX], n = 0;
	struct blk_req r = { T_OUT, 0, BLK_AT(1), max, .cuts = cuts };

	ASSERT_GE(max, 65536);
	ASSERT_LE(max, BLK_BUF_SIZE / 2);
	if (max > self->disk.sectors * 512)
		r.len = max = self->disk.sectors * 512;
	cuts[n++] = 16;
	while ((uint64_t)n * cut <= max)
		cuts[n++] = cut;
	cuts[n] = 0;
	ASSERT_LE(n - 1, b->be.seg_max);
	blk_fill(blk_mem(b, r.at), max, 0, 11);
	ASSERT_EQ(S_OK, blk_do(b, 0, &r));
	EXPECT_TRUE(disk_filled(&self->disk, 0, 4096, 11));
	EXPECT_TRUE(disk_filled(&self->disk, max / 1024, 4096, 11));
	EXPECT_TRUE(disk_filled(&self->disk, (max - 4096) / 512, 4096, 11));
	memset(blk_mem(b, r.at), 0, max);
	r.type = T_IN;
	r.in = true;
	ASSERT_EQ(S_OK, blk_do(b, 0, &r));
	EXPECT_EQ(max + 1, r.used_len);
	EXPECT_TRUE(blk_filled(blk_mem(b, r.at), max, 0, 11));
	r.len = b->be.max_bytes + 512;
	EXPECT_EQ(S_IOERR, blk_do(b, 0, &r));
	EXPECT_EQ(1, r.used_len);
	EXPECT_EQ(S_OK, blk_read(b, 0, BLK_AT(1), 4096));
}

TEST_F(shape, odd_cuts_under_load)
{
	struct load l;

	load_init(&l, &self->b, 0, 0, 4096);
	l.odd = true;
	l.rng = 4711;
	EXPECT_EQ(LOAD_FINE, load_run(&l, test_scale(800)));
	EXPECT_EQ(LOAD_FINE, load_verify(&l));
	load_destroy(&l);
}

FIXTURE(big) {
	struct disk disk;
	struct blk b;
};

FIXTURE_VARIANT(big) {
	struct disk_options disk;
};

FIXTURE_VARIANT_ADD(big, native) { .disk = { .kind = DISK_NULL, .block_size = 4096 } };
FIXTURE_VARIANT_ADD(big, on_512) { .disk = { .kind = DISK_NULL } };
FIXTURE_VARIANT_ADD(big, loop) { .disk = { .kind = DISK_LOOP, .block_size = 4096 } };
FIXTURE_VARIANT_ADD(big, tmpfs) { .disk = { .kind = DISK_TMPFS } };
FIXTURE_VARIANT_ADD(big, ext4_direct) { .disk = { .kind = DISK_EXT4_DIRECT,
						  .block_size = 4096 } };

FIXTURE_SETUP(big)
{
	struct blk_options o = { .layout = { .num = 64 }, .block_size = 4096 };

	DISK_MAKE(&self->disk, &variant->disk);
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
}

FIXTURE_TEARDOWN(big)
{
	blk_destroy(&self->b);
	disk_free(&self->disk);
}

TEST_F(big, blocks_of_4096_bytes)
{
	struct blk *b = &self->b;

	EXPECT_EQ(4096, b->be.block_size);
	for (int i = 1; i < 8; i++) {
		ASSERT_EQ(S_IOERR, blk_write(b, 8, BLK_AT(1), 512 * i));
		ASSERT_EQ(S_IOERR, blk_read(b, 8 + i, BLK_AT(1), 4096));
		ASSERT_EQ(S_IOERR, blk_read(b, 8 + i, BLK_AT(1), 512));
	}
	round_trip(_metadata, b, BLK_AT(1), 4096, NULL);
	round_trip(_metadata, b, BLK_AT(1) + 3, 8192, NULL);
}

TEST_F(big, blocks_of_4096_bytes_under_load)
{
	struct load l;

	load_init(&l, &self->b, 0, 0, 4096);
	ASSERT_EQ(4096, l.block);
	l.odd = true;
	EXPECT_EQ(LOAD_FINE, load_run(&l, test_scale(500)));
	EXPECT_EQ(LOAD_FINE, load_verify(&l));
	load_destroy(&l);
}

/*
 * A null_blk of such blocks, up to 6.12 at least, takes memory at any 512 bytes, and copies
 * a piece that begins within a block past the end of its own page.
 */
static bool null_blk_overruns(const struct disk_options *o)
{
	return o->block_size == 4096 && o->kind == DISK_NULL;
}

/* A bio takes 256 pages, and ends with a block where these begin anywhere. */
TEST_F(big, more_pages_than_one_bio_takes)
{
	const uint32_t offsets[] = { 0, 512, 1536, 3, 4095 }, len = 3 << 20, part = 1 << 19;
	uint32_t cuts[64] = { 16 };
	struct blk *b = &self->b;

	for (unsigned int i = 1; i <= len >> 16; i++)
		cuts[i] = 65536;
	for (unsigned int i = 0; i < ARRAY_SIZE(offsets); i++) {
		struct blk_req r = { T_OUT, 24, BLK_AT(1) + offsets[i], len, .cuts = cuts };

		if (null_blk_overruns(&variant->disk) && offsets[i] && offsets[i] % 512 == 0)
			continue;
		blk_fill(blk_mem(b, r.at), len, 24 << 9, 40 + i);
		ASSERT_EQ(S_OK, blk_do(b, 0, &r));
		for (uint32_t at = 0; at < len; at += part)
			EXPECT_TRUE(disk_filled(&self->disk, 24 + at / 512, part, 40 + i));
		memset(blk_mem(b, r.at), 0x5a, len);
		r.type = T_IN;
		r.in = true;
		ASSERT_EQ(S_OK, blk_do(b, 0, &r));
		EXPECT_EQ(len + 1, r.used_len);
		EXPECT_TRUE(blk_filled(blk_mem(b, r.at), len, 24 << 9, 40 + i));
	}
}

TEST_F(big, zeroes_are_of_whole_blocks)
{
	struct blk *b = &self->b;

	TEST_REQUIRE(blk_has(b, VIRTIO_BLK_F_WRITE_ZEROES), "the disk takes no zeroes");
	EXPECT_EQ(S_IOERR, blk_range(b, VIRTIO_BLK_T_WRITE_ZEROES, 8, 4, 0));
	EXPECT_EQ(S_IOERR, blk_range(b, VIRTIO_BLK_T_WRITE_ZEROES, 4, 8, 0));
	EXPECT_EQ(S_OK, blk_range(b, VIRTIO_BLK_T_WRITE_ZEROES, 8, 8, 0));
}

#define HUGE_BLOCK	65536
#define HUGE_BLOCKS	11
#define HUGE_PIECES	86	/* of each */

/* Ten pages in eighths, and six whole ones: of such blocks a bio has room for two. */
static void huge_cuts(uint32_t *cut)
{
	*cut++ = 16;
	for (unsigned int i = 0; i < HUGE_BLOCKS; i++) {
		for (unsigned int n = 0; n < HUGE_PIECES; n++)
			*cut++ = n < 80 ? 512 : 4096;
	}
	*cut = 0;
}

/* File systems want each part of direct I/O to be of whole blocks, where pages end, too. */
TEST_F(big, a_block_across_two_pages)
{
	for (unsigned int i = 512; i < 4096; i += 512) {
		if (!null_blk_overruns(&variant->disk))
			round_trip(_metadata, &self->b, BLK_AT(1) + i, 4096, NULL);
	}
}

/* Whole blocks go into a bio, and the greatest leave much of its room unused. */
TEST(blocks_of_64_kib_in_small_pieces)
{
	struct disk_options d = { .kind = DISK_NULL };
	struct blk_options o = { .layout = { .num = 1024 }, .block_size = HUGE_BLOCK };
	static uint32_t cuts[HUGE_BLOCKS * HUGE_PIECES + 2];
	struct blk_req r = { T_OUT, 128, BLK_AT(1), HUGE_BLOCKS * HUGE_BLOCK, .cuts = cuts };
	struct disk disk;
	struct blk b;

	DISK_MAKE(&disk, &d);
	BLK_INIT(&b, &disk, &o);
	blk_start(&b);
	huge_cuts(cuts);
	for (unsigned int i = 0; i < 4; i++) {
		blk_fill(blk_mem(&b, r.at), r.len, 128 << 9, 50 + i);
		ASSERT_EQ(S_OK, blk_do(&b, 0, &r));
		EXPECT_TRUE(disk_filled(&disk, 128, r.len, 50 + i));
	}
	memset(blk_mem(&b, r.at), 0x5a, r.len);
	r.type = T_IN;
	r.in = true;
	ASSERT_EQ(S_OK, blk_do(&b, 0, &r));
	EXPECT_TRUE(blk_filled(blk_mem(&b, r.at), r.len, 128 << 9, 53));
	blk_destroy(&b);
	disk_free(&disk);
}

#define HALVES_BLOCK	32768U
#define HALVES_BLOCKS	15
#define HALVES_PIECES	65	/* of every two blocks */

/*
 * Of every two blocks one is of sectors that lie across two pages, two pieces each, and one
 * is a whole piece. Each sector in two halves is in pages of its own.
 */
static unsigned int halves(const struct blk *b, struct ring_seg *seg, bool in)
{
	uint64_t at = BLK_AT(1), offset = 0;
	unsigned int n = 0;

	for (unsigned int i = 0; i < HALVES_BLOCKS * HALVES_PIECES; i++, n++) {
		bool half = i % HALVES_PIECES < 64;

		seg[n] = half ? (struct ring_seg){ at + 4096 - 256, 512 } :
			 (struct ring_seg){ at, HALVES_BLOCK };
		if (in)
			memset(blk_mem(b, seg[n].addr), 0x5a, seg[n].len);
		else
			blk_fill(blk_mem(b, seg[n].addr), seg[n].len, offset, 60);
		at += half ? 8192 : HALVES_BLOCK;
		offset += seg[n].len;
	}
	return n;
}

/* Where sectors may lie at any four bytes, each is two pieces, and bios have room for few. */
TEST(blocks_of_32_kib_in_halves_of_sectors)
{
	struct disk_options d = { .kind = DISK_SCSI };
	struct blk_options o = { .layout = { .num = 1024 }, .block_size = HALVES_BLOCK };
	const uint64_t head = BLK_AT(0), status = BLK_AT(0) + 64;
	static struct ring_seg seg[HALVES_BLOCKS * HALVES_PIECES + 2];
	struct disk disk;
	struct blk b;

	DISK_MAKE(&disk, &d);
	BLK_INIT(&b, &disk, &o);
	blk_start(&b);
	for (unsigned int i = 0; i < 4; i++) {
		bool in = i & 1;
		struct virtio_blk_outhdr h = { .type = htole32(in ? T_IN : T_OUT) };
		unsigned int n = halves(&b, seg + 1, in);
		struct ring_used u;
		uint64_t offset = 0;

		memcpy(blk_mem(&b, head), &h, sizeof(h));
		seg[0] = (struct ring_seg){ head, sizeof(h) };
		seg[n + 1] = (struct ring_seg){ status, 1 };
		*(uint8_t *)blk_mem(&b, status) = BLK_UNWRITTEN;
		ASSERT_EQ(0, ring_add(&b.g.ring[0], seg, in ? 1 : n + 1, in ? n + 1 : 1, i));
		dev_publish(&b.g.dev, 0, &b.g.ring[0]);
		dev_expect_used(&b.g.ring[0], &u);
		ASSERT_EQ(S_OK, *(uint8_t *)blk_mem(&b, status));
		for (unsigned int j = 1; j <= n; offset += seg[j++].len) {
			const void *p = blk_mem(&b, seg[j].addr);

			ASSERT_TRUE(in ? blk_filled(p, seg[j].len, offset, 60) :
				    disk_filled(&disk, offset >> 9, seg[j].len, 60));
		}
	}
	blk_destroy(&b);
	disk_free(&disk);
}

TEST_HARNESS_MAIN
