// SPDX-License-Identifier: GPL-2.0
/*
 * SECURE_ERASE, on a virtio disk that can do it: the disk is asked to erase what the guest's
 * ranges name and nothing else, limits and errors of the disk are the guest's, and it is offered
 * only where it is carried out.
 */
#include <fcntl.h>

#include "test_blk.h"
#include "vduse.h"

#define T_ERASE		VIRTIO_BLK_T_SECURE_ERASE
#define DISK_MB		16
/* Sectors that the disk erases at once. */
#define ERASE_MAX	4096

FIXTURE(erase) {
	struct vduse v;
	struct disk disk;
	struct blk b;
	char issued[512];
};

FIXTURE_VARIANT(erase) {
	struct ring_layout l;
};

FIXTURE_VARIANT_ADD(erase, split_event) { .l = { .num = 64, .event_idx = true } };
FIXTURE_VARIANT_ADD(erase, packed_indirect) {
	.l = { .num = 64, .packed = true, .indirect = true } };

FIXTURE_SETUP(erase)
{
	struct blk_options o = {
		.layout = variant->l, .features = BLK_FEATURES | BLK_F(SECURE_ERASE),
	};

	if (__vduse_init(&self->v, DISK_MB, ERASE_MAX))
		SKIP(return, "%s", self->v.why);
	disk_adopt(&self->disk, self->v.path, open(self->v.path, O_RDWR | O_DIRECT | O_CLOEXEC));
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
}

FIXTURE_TEARDOWN(erase)
{
	blk_destroy(&self->b);
	disk_free(&self->disk);
	vduse_destroy(&self->v);
}

/* What the kernel asked the disk to erase since the last time. */
#define EXPECT_ISSUED(want) do {					\
	vduse_issued(self->issued, sizeof(self->issued));		\
	EXPECT_STREQ(want, self->issued);				\
} while (0)

TEST_F(erase, a_range_is_erased_and_nothing_else)
{
	EXPECT_EQ(S_OK, blk_range(&self->b, T_ERASE, 100, 301, 0));
	EXPECT_ISSUED("100 + 301 ");
	EXPECT_EQ(1, self->v.erases);
	/* The others are other requests. */
	EXPECT_EQ(S_UNSUPP, blk_range(&self->b, VIRTIO_BLK_T_DISCARD, 0, 8, 0));
	EXPECT_EQ(S_OK, blk_range(&self->b, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0));
	EXPECT_EQ(S_OK, blk_flush(&self->b));
	EXPECT_ISSUED("");
	EXPECT_EQ(1, self->v.erases);
}

TEST_F(erase, a_request_has_many_ranges)
{
	struct virtio_blk_discard_write_zeroes r[] = {
		{ htole64(8), htole32(16), 0 }, { htole64(4096), htole32(1), 0 },
		{ htole64(64), 0, 0 }, { htole64(32), htole32(8), 0 },
	};
	struct blk_req req = { T_ERASE, 0, BLK_AT(0), sizeof(r), .in = false };

	memcpy(blk_mem(&self->b, req.at), r, sizeof(r));
	EXPECT_EQ(S_OK, blk_do(&self->b, 0, &req));
	EXPECT_ISSUED("8 + 16 4096 + 1 32 + 8 ");
	EXPECT_EQ(3, self->v.erases);
	/* One that cannot be is seen before any is carried out. */
	r[3].sector = htole64(self->disk.sectors);
	memcpy(blk_mem(&self->b, req.at), r, sizeof(r));
	EXPECT_EQ(S_IOERR, blk_do(&self->b, 0, &req));
	EXPECT_ISSUED("");
}

/* Linux sends them so. */
TEST_F(erase, ranges_may_lie_where_the_device_writes)
{
	struct virtio_blk_discard_write_zeroes r[] = {
		{ htole64(8), htole32(16), 0 }, { htole64(40), htole32(1), 0 },
	};
	const uint32_t cuts[] = { 16, 5, 20, 7, 1, 0 };
	struct blk_req req = { T_ERASE, 0, BLK_AT(0), sizeof(r), .in = true };

	memcpy(blk_mem(&self->b, req.at), r, sizeof(r));
	EXPECT_EQ(S_OK, blk_do(&self->b, 0, &req));
	EXPECT_ISSUED("8 + 16 40 + 1 ");
	EXPECT_EQ(1, req.used_len);
	EXPECT_EQ(0, memcmp(blk_mem(&self->b, req.at), r, sizeof(r)));
	req.cuts = cuts;
	EXPECT_EQ(S_OK, blk_do(&self->b, 0, &req));
	EXPECT_ISSUED("8 + 16 40 + 1 ");
	req.len--;
	EXPECT_EQ(S_IOERR, blk_do(&self->b, 0, &req));
	/* But only these. */
	req = (struct blk_req){ VIRTIO_BLK_T_WRITE_ZEROES, 0, BLK_AT(0), 16, .in = true };
	EXPECT_EQ(S_IOERR, blk_do(&self->b, 0, &req));
	EXPECT_ISSUED("");
}

TEST_F(erase, limits_are_the_disks)
{
	struct ferry_blk_backend *be = &self->b.be;
	uint32_t end = self->disk.sectors;

	EXPECT_EQ(ERASE_MAX, be->secure_erase.max_sectors);
	EXPECT_EQ(1, be->secure_erase.align);
	EXPECT_LE(1, be->secure_erase.max_ranges);
	EXPECT_EQ(S_IOERR, blk_range(&self->b, T_ERASE, 0, ERASE_MAX + 1, 0));
	EXPECT_EQ(S_IOERR, blk_range(&self->b, T_ERASE, end - 1, 2, 0));
	EXPECT_EQ(S_IOERR, blk_range(&self->b, T_ERASE, end, 1, 0));
	EXPECT_EQ(S_UNSUPP, blk_range(&self->b, T_ERASE, 0, 8, 1));
	EXPECT_EQ(0, self->v.erases);
	EXPECT_EQ(S_OK, blk_range(&self->b, T_ERASE, end - ERASE_MAX, ERASE_MAX, 0));
	EXPECT_ISSUED("28672 + 4096 ");
}

TEST_F(erase, an_error_is_the_requests)
{
	__atomic_store_n(&self->v.fail_erase, true, __ATOMIC_SEQ_CST);
	EXPECT_EQ(S_IOERR, blk_range(&self->b, T_ERASE, 8, 8, 0));
	EXPECT_EQ(1, self->v.erases);
	EXPECT_EQ(S_OK, blk_read(&self->b, 8, BLK_AT(1), 4096));
	__atomic_store_n(&self->v.fail_erase, false, __ATOMIC_SEQ_CST);
	EXPECT_EQ(S_OK, blk_range(&self->b, T_ERASE, 8, 8, 0));
	EXPECT_EQ(2, self->v.erases);
}

/* Whether a back end offers it. */
static bool offered(struct blk *b, int fd, uint32_t flags)
{
	struct ferry_blk_backend be;

	b->be.flags = flags;
	check_ok(__blk_probe(b, fd, &be), "a probe");
	b->be.flags = 0;
	check(!!(be.features & BLK_F(SECURE_ERASE)) == !!be.secure_erase.max_sectors,
	      "limits where it is offered");
	return be.features & BLK_F(SECURE_ERASE);
}

TEST_F(erase, it_is_offered_where_it_is_carried_out)
{
	int cached = disk_open(&self->disk, O_RDWR);

	EXPECT_TRUE(offered(&self->b, self->disk.fd, 0));
	EXPECT_FALSE(offered(&self->b, self->disk.fd, FERRY_BLK_F_READ_ONLY));
	/* A copy in the page cache would outlive it. */
	EXPECT_FALSE(offered(&self->b, cached, 0));
	close(cached);
}

/* The driver did not take the feature. */
TEST_F(erase, who_did_not_negotiate_it_does_not_have_it)
{
	struct blk_options o = { .layout = variant->l, .features = BLK_FEATURES };

	blk_destroy(&self->b);
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
	EXPECT_EQ(S_UNSUPP, blk_range(&self->b, T_ERASE, 8, 8, 0));
	EXPECT_EQ(0, self->v.erases);
}

TEST_HARNESS_MAIN
