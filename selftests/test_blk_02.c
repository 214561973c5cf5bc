// SPDX-License-Identifier: GPL-2.0
/*
 * Every type of request on /dev/ferry-blk, through both engines: what the disk
 * holds afterwards, what the guest got, and what the device says it wrote.
 */
#include <linux/falloc.h>
#include <sys/stat.h>

#include "test_blk.h"

FIXTURE(blk) {
	struct disk disk;
	struct blk b;
};

BLK_VARIANTS(blk);

FIXTURE_SETUP(blk)
{
	struct blk_options o = { .layout = variant->l };

	DISK_MAKE(&self->disk, &variant->disk);
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
}

FIXTURE_TEARDOWN(blk)
{
	blk_destroy(&self->b);
	disk_free(&self->disk);
}

TEST_F(blk, what_is_written_is_on_the_disk)
{
	struct blk *b = &self->b;

	for (uint32_t len = 512; len <= 65536; len *= 2) {
		struct blk_req r = { T_OUT, len / 512 * 3, BLK_AT(1), len };

		blk_fill(blk_mem(b, r.at), len, r.sector << 9, len);
		ASSERT_EQ(S_OK, blk_do(b, 0, &r));
		EXPECT_EQ(1, r.used_len);
		EXPECT_TRUE(disk_filled(&self->disk, r.sector, len, len));
	}
}

TEST_F(blk, what_is_on_the_disk_is_read)
{
	struct blk *b = &self->b;
	char *block;
	int fd = disk_open(&self->disk, O_RDWR | (disk_is_bdev(&self->disk) ? O_DIRECT : 0));

	ASSERT_EQ(0, posix_memalign((void **)&block, 4096, 8192));
	blk_fill(block, 8192, 40960, 77);
	ASSERT_EQ(8192, pwrite(fd, block, 8192, 40960));
	ASSERT_EQ(0, fsync(fd));
	close(fd);
	for (uint32_t len = 512; len <= 8192; len += 512) {
		struct blk_req r = { T_IN, 80, BLK_AT(1), len, .in = true };

		memset(blk_mem(b, r.at), 0x55, len);
		ASSERT_EQ(S_OK, blk_do(b, 0, &r));
		EXPECT_EQ(len + 1, r.used_len);
		EXPECT_TRUE(blk_filled(blk_mem(b, r.at), len, 40960, 77));
	}
	free(block);
}

TEST_F(blk, a_fresh_disk_reads_zeroes)
{
	ASSERT_EQ(S_OK, blk_read(&self->b, self->disk.sectors - 128, BLK_AT(1), 65536));
	EXPECT_TRUE(blk_filled(blk_mem(&self->b, BLK_AT(1)), 65536, 0, 0));
}

TEST_F(blk, the_first_and_the_last_sector)
{
	struct blk *b = &self->b;
	uint64_t last = self->disk.sectors - 1;

	ASSERT_EQ(self->disk.sectors, b->be.capacity);
	blk_fill(blk_mem(b, BLK_AT(1)), 512, 0, 1);
	ASSERT_EQ(S_OK, blk_write(b, 0, BLK_AT(1), 512));
	blk_fill(blk_mem(b, BLK_AT(1)), 512, last << 9, 2);
	ASSERT_EQ(S_OK, blk_write(b, last, BLK_AT(1), 512));
	ASSERT_EQ(S_OK, blk_read(b, 0, BLK_AT(2), 512));
	EXPECT_TRUE(blk_filled(blk_mem(b, BLK_AT(2)), 512, 0, 1));
	ASSERT_EQ(S_OK, blk_read(b, last, BLK_AT(2), 512));
	EXPECT_TRUE(blk_filled(blk_mem(b, BLK_AT(2)), 512, last << 9, 2));
	EXPECT_TRUE(disk_filled(&self->disk, last, 512, 2));
	EXPECT_EQ(S_IOERR, blk_write(b, last, BLK_AT(1), 1024));
	EXPECT_EQ(S_IOERR, blk_read(b, last + 1, BLK_AT(1), 512));
}

TEST_F(blk, flush_answers)
{
	struct blk_req r = { VIRTIO_BLK_T_FLUSH, 0, BLK_AT(0), 0 };

	ASSERT_TRUE(blk_has(&self->b, VIRTIO_BLK_F_FLUSH));
	ASSERT_EQ(S_OK, blk_do(&self->b, 0, &r));
	EXPECT_EQ(1, r.used_len);
	ASSERT_EQ(S_OK, blk_write(&self->b, 8, BLK_AT(1), 4096));
	EXPECT_EQ(S_OK, blk_flush(&self->b));
}

TEST_F(blk, get_id_answers_the_serial)
{
	const uint32_t rooms[] = { 20, 1, 19, 21, 64, 512 };
	struct blk *b = &self->b;

	for (unsigned int i = 0; i < ARRAY_SIZE(rooms); i++) {
		uint32_t n = rooms[i] < 20 ? rooms[i] : 20;
		struct blk_req r = { VIRTIO_BLK_T_GET_ID, 0, BLK_AT(1), rooms[i], .in = true };
		uint8_t *p = blk_mem(b, r.at);

		memset(p, 0xaa, 512);
		ASSERT_EQ(S_OK, blk_do(b, 0, &r));
		EXPECT_EQ(n + 1, r.used_len);
		EXPECT_EQ(0, memcmp(p, "ferry-test-serial-20", n));
		/* Behind it nothing was touched. */
		for (uint32_t j = n; j < rooms[i]; j++)
			ASSERT_EQ(0xaa, p[j]);
	}
}

TEST_F(blk, get_id_of_a_short_serial_ends_with_zeroes)
{
	struct blk_req r = { VIRTIO_BLK_T_GET_ID, 0, BLK_AT(1), 20, .in = true };
	struct blk *b = &self->b;

	memset(b->be.serial, 0, sizeof(b->be.serial));
	strcpy((char *)b->be.serial, "S1");
	blk_start(b);
	memset(blk_mem(b, r.at), 0xaa, 20);
	ASSERT_EQ(S_OK, blk_do(b, 0, &r));
	EXPECT_EQ(0, memcmp(blk_mem(b, r.at), b->be.serial, 20));
}

TEST_F(blk, get_lifetime_is_refused_where_there_is_none)
{
	struct blk_req r = { BLK_T_GET_LIFETIME, 0, BLK_AT(1), 6, .in = true };

	ASSERT_FALSE(blk_has(&self->b, BLK_F_LIFETIME));
	EXPECT_EQ(S_UNSUPP, blk_do(&self->b, 0, &r));
	EXPECT_EQ(1, r.used_len);
}

/* Whoever gives the disk knows how worn it is. */
TEST(get_lifetime_answers_what_is_known)
{
	static const uint8_t answer[] = { 2, 0, 11, 0, 0x34, 0x12 };
	struct disk_options d = { .kind = DISK_TMPFS };
	struct blk_options o = {
		.layout = { .num = 64 }, .flags = FERRY_BLK_F_LIFETIME,
		.features = BLK_FEATURES | BIT_ULL(BLK_F_LIFETIME),
	};
	struct disk disk;
	struct blk b;

	DISK_MAKE(&disk, &d);
	BLK_INIT(&b, &disk, &o);
	b.be.lifetime = (struct ferry_blk_lifetime){ 2, 11, 0x1234 };
	blk_start(&b);
	ASSERT_TRUE(blk_has(&b, BLK_F_LIFETIME));
	for (uint32_t len = 0; len <= 10; len++) {
		struct blk_req r = { BLK_T_GET_LIFETIME, 0, BLK_AT(1), len, .in = true };
		uint32_t n = len < sizeof(answer) ? len : sizeof(answer);
		const uint8_t *got = blk_mem(&b, r.at);

		memset(blk_mem(&b, r.at), 0x77, 16);
		ASSERT_EQ(S_OK, blk_do(&b, 0, &r));
		EXPECT_EQ(n + 1, r.used_len);
		EXPECT_EQ(0, memcmp(answer, got, n));
		for (uint32_t i = n; i < len; i++)
			EXPECT_EQ(0x77, got[i]);
	}
	blk_destroy(&b);
	disk_free(&disk);
}

/* Fill 64 sectors at 64 with data; the ranges below hit parts of them. */
static void fill_64(struct blk *b)
{
	blk_fill(blk_mem(b, BLK_AT(1)), 32768, 64 << 9, 9);
	check(blk_write(b, 64, BLK_AT(1), 32768) == S_OK, "a write");
	check(disk_filled(b->disk, 64, 32768, 9), "data on the disk");
}

static void zero_and_check(struct __test_metadata *_metadata, struct blk *b, uint32_t flags)
{
	fill_64(b);
	ASSERT_EQ(S_OK, blk_range(b, VIRTIO_BLK_T_WRITE_ZEROES, 72, 40, flags));
	EXPECT_TRUE(disk_filled(b->disk, 64, 8 * 512, 9));
	EXPECT_TRUE(disk_filled(b->disk, 72, 40 * 512, 0));
	EXPECT_TRUE(disk_filled(b->disk, 112, 16 * 512, 9));
	ASSERT_EQ(S_OK, blk_read(b, 72, BLK_AT(2), 40 * 512));
	EXPECT_TRUE(blk_filled(blk_mem(b, BLK_AT(2)), 40 * 512, 0, 0));
	/* A single sector in the middle of a page. */
	fill_64(b);
	ASSERT_EQ(S_OK, blk_range(b, VIRTIO_BLK_T_WRITE_ZEROES, 83, 1, flags));
	EXPECT_TRUE(disk_filled(b->disk, 64, 19 * 512, 9));
	EXPECT_TRUE(disk_filled(b->disk, 83, 512, 0));
	EXPECT_TRUE(disk_filled(b->disk, 84, 44 * 512, 9));
}

TEST_F(blk, write_zeroes)
{
	TEST_REQUIRE(blk_has(&self->b, VIRTIO_BLK_F_WRITE_ZEROES), "the disk takes no zeroes");
	zero_and_check(_metadata, &self->b, 0);
}

TEST_F(blk, write_zeroes_with_unmap)
{
	TEST_REQUIRE(blk_has(&self->b, VIRTIO_BLK_F_WRITE_ZEROES), "the disk takes no zeroes");
	zero_and_check(_metadata, &self->b, 1);
}

TEST_F(blk, write_zeroes_without_leave_to_unmap)
{
	TEST_REQUIRE(blk_has(&self->b, VIRTIO_BLK_F_WRITE_ZEROES), "the disk takes no zeroes");
	self->b.be.flags |= FERRY_BLK_F_NO_UNMAP;
	blk_start(&self->b);
	zero_and_check(_metadata, &self->b, 0);
	zero_and_check(_metadata, &self->b, 1);
}

TEST_F(blk, zeroes_without_unmap_keep_the_space)
{
	struct stat before, after;

	TEST_REQUIRE(blk_has(&self->b, VIRTIO_BLK_F_WRITE_ZEROES), "the disk takes no zeroes");
	ASSERT_EQ(0, stat(self->disk.path, &before));
	TEST_REQUIRE(S_ISREG(before.st_mode), "not a file");
	ASSERT_EQ(S_OK, blk_range(&self->b, VIRTIO_BLK_T_WRITE_ZEROES, 0, 4096, 0));
	ASSERT_EQ(0, stat(self->disk.path, &after));
	EXPECT_LE(before.st_blocks, after.st_blocks);
	EXPECT_EQ(before.st_size, after.st_size);
}

TEST_F(blk, discard_frees_the_space_of_a_file)
{
	struct stat before, after;

	TEST_REQUIRE(blk_has(&self->b, VIRTIO_BLK_F_DISCARD), "the disk takes no discards");
	ASSERT_EQ(0, stat(self->disk.path, &before));
	TEST_REQUIRE(S_ISREG(before.st_mode), "not a file");
	ASSERT_EQ(S_OK, blk_range(&self->b, VIRTIO_BLK_T_DISCARD, 0, 4096, 0));
	ASSERT_EQ(0, stat(self->disk.path, &after));
	EXPECT_GT(before.st_blocks, after.st_blocks);
	EXPECT_EQ(before.st_size, after.st_size);
}

TEST_F(blk, discard_leaves_its_neighbours_alone)
{
	struct blk *b = &self->b;

	TEST_REQUIRE(blk_has(b, VIRTIO_BLK_F_DISCARD), "the disk takes no discards");
	fill_64(b);
	ASSERT_EQ(S_OK, blk_range(b, VIRTIO_BLK_T_DISCARD, 72, 40, 0));
	EXPECT_TRUE(disk_filled(b->disk, 64, 8 * 512, 9));
	EXPECT_TRUE(disk_filled(b->disk, 112, 16 * 512, 9));
	/* One smaller than what the disk can free is fine as well. */
	EXPECT_EQ(S_OK, blk_range(b, VIRTIO_BLK_T_DISCARD, 65, 1, 0));
	EXPECT_TRUE(disk_filled(b->disk, 64, 512, 9));
	EXPECT_TRUE(disk_filled(b->disk, 66, 512, 9));
}

TEST_F(blk, several_ranges_in_one_request)
{
	struct blk *b = &self->b;
	struct virtio_blk_discard_write_zeroes *r = blk_mem(b, BLK_AT(3));
	struct blk_req req = { VIRTIO_BLK_T_WRITE_ZEROES, 0, BLK_AT(3), 3 * sizeof(*r) };

	TEST_REQUIRE(blk_has(b, VIRTIO_BLK_F_WRITE_ZEROES), "the disk takes no zeroes");
	TEST_REQUIRE(b->be.write_zeroes.max_ranges >= 3, "one range a request");
	fill_64(b);
	for (int i = 0; i < 3; i++)
		r[i] = (struct virtio_blk_discard_write_zeroes){ 64 + 16 * i, 8, i & 1 };
	ASSERT_EQ(S_OK, blk_do(b, 0, &req));
	EXPECT_EQ(1, req.used_len);
	for (int i = 0; i < 3; i++) {
		EXPECT_TRUE(disk_filled(b->disk, 64 + 16 * i, 4096, 0));
		EXPECT_TRUE(disk_filled(b->disk, 72 + 16 * i, 4096, 9));
	}
}

/* More than a moment's work is the driver's own where the file system has no way to do it. */
TEST_F(blk, zeroes_that_would_take_long)
{
	struct blk *b = &self->b;
	const bool slow = self->disk.o.kind == DISK_TMPFS;
	const uint32_t sectors = self->disk.sectors / 4;
	struct virtio_blk_discard_write_zeroes *r = blk_mem(b, BLK_AT(3));
	struct blk_req req = { VIRTIO_BLK_T_WRITE_ZEROES, 0, BLK_AT(3), 16 * sizeof(*r) };

	TEST_REQUIRE(blk_has(b, VIRTIO_BLK_F_WRITE_ZEROES), "the disk takes no zeroes");
	TEST_REQUIRE(b->be.write_zeroes.max_ranges >= 16, "few ranges a request");
	fill_64(b);
	for (int i = 0; i < 16; i++)
		r[i] = (struct virtio_blk_discard_write_zeroes){ 0, sectors, 0 };
	EXPECT_EQ(slow ? S_UNSUPP : S_OK, blk_do(b, 0, &req));
	EXPECT_TRUE(disk_filled(b->disk, 64, 32768, slow ? 9 : 0));
	/* Four of them are few enough. */
	req.len = 4 * sizeof(*r);
	EXPECT_EQ(S_OK, blk_do(b, 0, &req));
	EXPECT_TRUE(disk_filled(b->disk, 64, 32768, 0));
}

TEST_F(blk, all_ranges_are_judged_before_any_is_done)
{
	struct blk *b = &self->b;
	struct virtio_blk_discard_write_zeroes *r = blk_mem(b, BLK_AT(3));
	struct blk_req req = { VIRTIO_BLK_T_WRITE_ZEROES, 0, BLK_AT(3), 2 * sizeof(*r) };

	TEST_REQUIRE(blk_has(b, VIRTIO_BLK_F_WRITE_ZEROES), "the disk takes no zeroes");
	TEST_REQUIRE(b->be.write_zeroes.max_ranges >= 2, "one range a request");
	fill_64(b);
	r[0] = (struct virtio_blk_discard_write_zeroes){ 64, 8, 0 };
	r[1] = (struct virtio_blk_discard_write_zeroes){ self->disk.sectors, 8, 0 };
	EXPECT_EQ(S_IOERR, blk_do(b, 0, &req));
	r[1] = (struct virtio_blk_discard_write_zeroes){ 80, 8, 2 };
	EXPECT_EQ(S_UNSUPP, blk_do(b, 0, &req));
	EXPECT_TRUE(disk_filled(b->disk, 64, 32768, 9));
}

TEST_F(blk, an_empty_payload_is_an_empty_success)
{
	const uint32_t types[] = { T_IN, T_OUT };

	for (int i = 0; i < 2; i++) {
		struct blk_req r = { types[i], 0, BLK_AT(1), 0 };

		EXPECT_EQ(S_OK, blk_do(&self->b, 0, &r));
		EXPECT_EQ(1, r.used_len);
		r.sector = self->disk.sectors;
		EXPECT_EQ(S_OK, blk_do(&self->b, 0, &r));
		r.sector = self->disk.sectors + 1;
		EXPECT_EQ(S_IOERR, blk_do(&self->b, 0, &r));
	}
	if (blk_has(&self->b, VIRTIO_BLK_F_WRITE_ZEROES))
		EXPECT_EQ(S_OK, blk_range(&self->b, VIRTIO_BLK_T_WRITE_ZEROES, 8, 0, 0));
	if (blk_has(&self->b, VIRTIO_BLK_F_DISCARD))
		EXPECT_EQ(S_OK, blk_range(&self->b, VIRTIO_BLK_T_DISCARD, 8, 0, 0));
}

TEST_F(blk, statistics_count_requests_and_bytes)
{
	struct stat_queue before, after;

	stat_get(&before, "blk", 0);
	for (int i = 0; i < 10; i++)
		ASSERT_EQ(S_OK, blk_write(&self->b, 8 * i, BLK_AT(1), 4096));
	stat_get(&after, "blk", 0);
	EXPECT_EQ(10, after.chains - before.chains);
	EXPECT_EQ(40960, after.bytes - before.bytes);
	EXPECT_EQ(0, after.errors);
}

TEST_HARNESS_MAIN
