// SPDX-License-Identifier: GPL-2.0
/*
 * Rules of a block request (blk_core.h) at their edges: what is on the disk, what
 * is aligned, what was negotiated, and what the device says it wrote.
 */
#include "harness.h"
#include "blk/blk_core.h"

#ifndef VIRTIO_BLK_F_SECURE_ERASE
#define VIRTIO_BLK_F_SECURE_ERASE	16
#define VIRTIO_BLK_T_SECURE_ERASE	14
#endif

#define BIT(n)		(1ULL << (n))
#define ALL		~0ULL
#define OK		VIRTIO_BLK_S_OK
#define IOERR		VIRTIO_BLK_S_IOERR
#define UNSUPP		VIRTIO_BLK_S_UNSUPP
#define TOP_SECTOR	(~0ULL >> 9)

static struct ferry_blk_limits disk(__u64 capacity, __u32 block_size)
{
	struct ferry_blk_range_limits r = { 1024, 4, 1 };
	struct ferry_blk_limits l = {
		.features = ALL, .capacity = capacity, .block_size = block_size,
		.max_bytes = 1 << 20, .discard = r, .write_zeroes = r, .secure_erase = r,
	};

	return l;
}

static struct ferry_blk_req_rules judge(const struct ferry_blk_limits *l, __u32 type,
					__u64 sector, __u32 bytes)
{
	struct ferry_blk_hdr h = { type, sector };
	bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID ||
		  type == VIRTIO_BLK_T_GET_LIFETIME;

	return ferry_blk_check(l, &h, 16 + (in ? 0 : bytes), 1 + (in ? bytes : 0));
}

/* OK for whatever is carried out. */
static int status(const struct ferry_blk_limits *l, __u32 type, __u64 sector, __u32 bytes)
{
	struct ferry_blk_req_rules r = judge(l, type, sector, bytes);

	return r.op == FERRY_BLK_FAIL ? r.status : OK;
}

static int range(const struct ferry_blk_limits *l, __u32 type, __u64 sector, __u32 sectors,
		 __u32 flags)
{
	struct ferry_blk_range s = { sector, sectors, flags };

	return ferry_blk_check_range(l, type, &s);
}

TEST(a_frame_is_a_header_and_a_status)
{
	EXPECT_TRUE(ferry_blk_framed(16, 1));
	EXPECT_TRUE(ferry_blk_framed(0xffffffff, 0xffffffff));
	EXPECT_FALSE(ferry_blk_framed(15, 1));
	EXPECT_FALSE(ferry_blk_framed(16, 0));
	EXPECT_FALSE(ferry_blk_framed(0, 0));
	EXPECT_FALSE(ferry_blk_framed(0, 0xffffffff));
	EXPECT_FALSE(ferry_blk_framed(0xffffffff, 0));
}

TEST(the_last_sector_is_on_the_disk_and_the_next_is_not)
{
	const __u32 types[] = { VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT };
	struct ferry_blk_limits l = disk(1000, 512);

	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(OK, status(&l, types[i], 0, 1000 * 512));
		EXPECT_EQ(IOERR, status(&l, types[i], 0, 1001 * 512));
		EXPECT_EQ(OK, status(&l, types[i], 999, 512));
		EXPECT_EQ(IOERR, status(&l, types[i], 999, 1024));
		EXPECT_EQ(IOERR, status(&l, types[i], 1000, 512));
		EXPECT_EQ(IOERR, status(&l, types[i], 1001, 512));
		EXPECT_EQ(OK, status(&l, types[i], 1000, 0));
		EXPECT_EQ(IOERR, status(&l, types[i], 1001, 0));
	}
}

TEST(sectors_near_2_to_the_64_do_not_wrap)
{
	const __u32 types[] = { VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT };
	struct ferry_blk_limits l = disk(1000, 512);

	for (int i = 0; i < 2; i++) {
		for (__u64 back = 0; back < 64; back++) {
			EXPECT_EQ(IOERR, status(&l, types[i], 0 - 1 - back, 32 * 512));
			/* Times 512 it is a small number again. */
			EXPECT_EQ(IOERR, status(&l, types[i], (1ULL << 55) + back, 512));
			EXPECT_EQ(IOERR, status(&l, types[i], (1ULL << 63) + back, 512));
		}
	}
	l = disk(TOP_SECTOR, 512);
	EXPECT_EQ(OK, status(&l, VIRTIO_BLK_T_IN, TOP_SECTOR - 1, 512));
	EXPECT_EQ(IOERR, status(&l, VIRTIO_BLK_T_IN, TOP_SECTOR, 512));
	EXPECT_EQ(IOERR, status(&l, VIRTIO_BLK_T_IN, ~0ULL, 512));
}

TEST(payloads_are_whole_blocks)
{
	struct ferry_blk_limits small = disk(1000, 512), big = disk(1000, 4096);

	for (__u32 bytes = 1; bytes < 4096 * 2; bytes++) {
		EXPECT_EQ(bytes % 512 ? IOERR : OK, status(&small, VIRTIO_BLK_T_OUT, 1, bytes));
		EXPECT_EQ(bytes % 4096 ? IOERR : OK, status(&big, VIRTIO_BLK_T_IN, 8, bytes));
	}
	EXPECT_EQ(OK, status(&small, VIRTIO_BLK_T_IN, 1, 0));
}

TEST(big_blocks_begin_where_they_may)
{
	struct ferry_blk_limits l = disk(1000, 4096);

	for (__u64 sector = 0; sector < 64; sector++)
		EXPECT_EQ(sector % 8 ? IOERR : OK, status(&l, VIRTIO_BLK_T_OUT, sector, 4096));
	l = disk(1024, 65536);
	for (__u64 sector = 0; sector < 512; sector++)
		EXPECT_EQ(sector % 128 ? IOERR : OK, status(&l, VIRTIO_BLK_T_IN, sector, 65536));
}

TEST(payloads_have_a_maximum)
{
	struct ferry_blk_limits l = disk(1 << 20, 512);

	EXPECT_EQ(OK, status(&l, VIRTIO_BLK_T_IN, 0, 1 << 20));
	EXPECT_EQ(IOERR, status(&l, VIRTIO_BLK_T_IN, 0, (1 << 20) + 512));
	EXPECT_EQ(IOERR, status(&l, VIRTIO_BLK_T_OUT, 0, (1 << 20) + 512));
	EXPECT_EQ(IOERR, status(&l, VIRTIO_BLK_T_OUT, 0, 0xfffffe00 - 16));
	l.capacity = TOP_SECTOR;
	EXPECT_EQ(IOERR, status(&l, VIRTIO_BLK_T_IN, 0, 0xfffffe00));
}

TEST(a_disk_read_only_takes_no_write)
{
	struct ferry_blk_limits l = disk(1000, 512);

	l.read_only = true;
	EXPECT_EQ(IOERR, status(&l, VIRTIO_BLK_T_OUT, 0, 512));
	EXPECT_EQ(IOERR, status(&l, VIRTIO_BLK_T_OUT, 0, 0));
	EXPECT_EQ(IOERR, status(&l, VIRTIO_BLK_T_DISCARD, 0, 16));
	EXPECT_EQ(IOERR, status(&l, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16));
	EXPECT_EQ(IOERR, status(&l, VIRTIO_BLK_T_SECURE_ERASE, 0, 16));
	EXPECT_EQ(OK, status(&l, VIRTIO_BLK_T_IN, 0, 512));
	EXPECT_EQ(OK, status(&l, VIRTIO_BLK_T_GET_ID, 0, 20));
	EXPECT_EQ(OK, status(&l, VIRTIO_BLK_T_FLUSH, 0, 0));
}

TEST(only_the_types_of_the_specification_exist)
{
	struct ferry_blk_limits l = disk(1000, 512);

	for (__u64 type = 0; type < 0x10000; type++) {
		bool known = type == 0 || type == 1 || type == 4 || type == 8 || type == 10 ||
			     type == 11 || type == 13 || type == 14;

		EXPECT_EQ(known ? OK : UNSUPP, status(&l, type, 0, 16 * !!(type > 10)));
		EXPECT_EQ(UNSUPP, status(&l, type | 0x80000000, 0, 16));
	}
}

TEST(what_was_not_negotiated_is_unsupported)
{
	const struct {
		__u32 type, bit, bytes;
	} needs[] = {
		{ VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_F_FLUSH, 0 },
		{ VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_F_DISCARD, 16 },
		{ VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_F_WRITE_ZEROES, 16 },
		{ VIRTIO_BLK_T_SECURE_ERASE, VIRTIO_BLK_F_SECURE_ERASE, 16 },
		{ VIRTIO_BLK_T_GET_LIFETIME, VIRTIO_BLK_F_LIFETIME, 6 },
	};
	struct ferry_blk_limits l = disk(1000, 512);

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		l.features = ALL & ~BIT(needs[i].bit);
		EXPECT_EQ(UNSUPP, status(&l, needs[i].type, 0, needs[i].bytes));
		EXPECT_EQ(UNSUPP, range(&l, needs[i].type, 0, 1, 0));
		l.features = BIT(needs[i].bit);
		EXPECT_EQ(OK, status(&l, needs[i].type, 0, needs[i].bytes));
	}
	l.features = 0;
	EXPECT_EQ(OK, status(&l, VIRTIO_BLK_T_IN, 0, 512));
	EXPECT_EQ(OK, status(&l, VIRTIO_BLK_T_OUT, 0, 512));
	EXPECT_EQ(OK, status(&l, VIRTIO_BLK_T_GET_ID, 0, 20));
}

/* As Linux sends them; elsewhere what the device writes is no payload. */
TEST(ranges_to_be_erased_may_lie_where_the_device_writes)
{
	const __u32 others[] = { VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES };
	struct ferry_blk_hdr h = { VIRTIO_BLK_T_SECURE_ERASE, 0 };
	struct ferry_blk_limits l = disk(1000, 512);

	EXPECT_EQ(2, ferry_blk_check(&l, &h, 16, 1 + 32).ranges);
	EXPECT_EQ(FERRY_BLK_RANGES, ferry_blk_check(&l, &h, 16, 1 + 32).op);
	EXPECT_EQ(1, ferry_blk_check(&l, &h, 16 + 16, 1 + 32).ranges);
	for (__u32 bytes = 0; bytes < 16; bytes++)
		EXPECT_EQ(IOERR, ferry_blk_check(&l, &h, 16, 1 + bytes).status);
	EXPECT_EQ(IOERR, ferry_blk_check(&l, &h, 16, 1 + 5 * 16).status);
	for (int i = 0; i < 2; i++) {
		h.type = others[i];
		EXPECT_EQ(IOERR, ferry_blk_check(&l, &h, 16, 1 + 32).status);
	}
}

TEST(ranges_are_counted_by_the_payload)
{
	struct ferry_blk_limits l = disk(1000, 512);

	for (__u32 bytes = 0; bytes < 16 * 8; bytes++) {
		bool good = bytes && bytes % 16 == 0 && bytes / 16 <= 4;

		EXPECT_EQ(good ? OK : IOERR, status(&l, VIRTIO_BLK_T_DISCARD, 0, bytes));
	}
	EXPECT_EQ(3, judge(&l, VIRTIO_BLK_T_WRITE_ZEROES, 0, 48).ranges);
	l.discard.max_ranges = 0xffffffff;
	EXPECT_EQ(OK, status(&l, VIRTIO_BLK_T_DISCARD, 0, 16 * FERRY_BLK_RANGES_MAX));
	EXPECT_EQ(IOERR, status(&l, VIRTIO_BLK_T_DISCARD, 0, 16 * (FERRY_BLK_RANGES_MAX + 1)));
	EXPECT_EQ(IOERR, status(&l, VIRTIO_BLK_T_DISCARD, 0, 0xfffffff0 - 16));
}

TEST(the_sector_of_a_request_without_one_is_ignored)
{
	struct ferry_blk_limits l = disk(1000, 512);

	EXPECT_EQ(OK, status(&l, VIRTIO_BLK_T_DISCARD, ~0ULL, 16));
	EXPECT_EQ(OK, status(&l, VIRTIO_BLK_T_FLUSH, ~0ULL, 0));
	EXPECT_EQ(OK, status(&l, VIRTIO_BLK_T_GET_ID, ~0ULL, 20));
}

TEST(a_range_has_limits)
{
	const __u32 types[] = { VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES,
				VIRTIO_BLK_T_SECURE_ERASE };
	struct ferry_blk_limits l = disk(2000, 512);

	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(OK, range(&l, types[i], 0, 1024, 0));
		EXPECT_EQ(IOERR, range(&l, types[i], 0, 1025, 0));
		EXPECT_EQ(OK, range(&l, types[i], 1999, 1, 0));
		EXPECT_EQ(IOERR, range(&l, types[i], 1999, 2, 0));
		EXPECT_EQ(IOERR, range(&l, types[i], 2000, 1, 0));
		EXPECT_EQ(IOERR, range(&l, types[i], ~0ULL, 1, 0));
		EXPECT_EQ(IOERR, range(&l, types[i], ~0ULL, 0xffffffff, 0));
		EXPECT_EQ(IOERR, range(&l, types[i], 1ULL << 55, 1, 0));
		EXPECT_EQ(OK, range(&l, types[i], 2000, 0, 0));
		EXPECT_EQ(IOERR, range(&l, types[i], 2001, 0, 0));
	}
}

TEST(a_range_is_whole_blocks)
{
	struct ferry_blk_limits l = disk(2000, 4096);

	for (__u32 sector = 0; sector < 16; sector++)
		for (__u32 n = 0; n < 16; n++)
			EXPECT_EQ(sector % 8 || n % 8 ? IOERR : OK,
				  range(&l, VIRTIO_BLK_T_WRITE_ZEROES, sector, n, 0));
}

TEST(unmap_is_a_flag_of_write_zeroes_alone)
{
	struct ferry_blk_limits l = disk(2000, 512);

	EXPECT_EQ(OK, range(&l, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 1));
	EXPECT_EQ(UNSUPP, range(&l, VIRTIO_BLK_T_DISCARD, 0, 8, 1));
	EXPECT_EQ(UNSUPP, range(&l, VIRTIO_BLK_T_SECURE_ERASE, 0, 8, 1));
	for (int bit = 1; bit < 32; bit++)
		EXPECT_EQ(UNSUPP, range(&l, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 1U << bit));
}

TEST(short_answers_are_cut)
{
	struct ferry_blk_limits l = disk(1000, 512);

	for (__u32 room = 0; room < 64; room++) {
		EXPECT_EQ(room < 20 ? room : 20, judge(&l, VIRTIO_BLK_T_GET_ID, 0, room).bytes);
		EXPECT_EQ(room < 6 ? room : 6,
			  judge(&l, VIRTIO_BLK_T_GET_LIFETIME, 0, room).bytes);
	}
}

TEST(used_length_is_what_was_written)
{
	EXPECT_EQ(4097, ferry_blk_used_len(FERRY_BLK_READ, OK, 4096));
	EXPECT_EQ(1, ferry_blk_used_len(FERRY_BLK_READ, IOERR, 4096));
	EXPECT_EQ(1, ferry_blk_used_len(FERRY_BLK_WRITE, OK, 4096));
	EXPECT_EQ(1, ferry_blk_used_len(FERRY_BLK_FLUSH, OK, 0));
	EXPECT_EQ(21, ferry_blk_used_len(FERRY_BLK_GET_ID, OK, 20));
	EXPECT_EQ(7, ferry_blk_used_len(FERRY_BLK_GET_LIFETIME, OK, 6));
	EXPECT_EQ(1, ferry_blk_used_len(FERRY_BLK_RANGES, OK, 32));
	EXPECT_EQ(1, ferry_blk_used_len(FERRY_BLK_FAIL, UNSUPP, 0));
}

TEST_HARNESS_MAIN
