// SPDX-License-Identifier: GPL-2.0
/*
 * The first thing that has to work on /dev/ferry-blk: a driver writes, flushes,
 * reads back and asks for the serial number, on a file of its own and, where there
 * is one, on a block device.
 */
#include <linux/fs.h>
#include <linux/virtio_blk.h>
#include <sys/mman.h>

#include "disk.h"
#include "test.h"

#define BYTES	65536U

/* Where the parts of a request lie in the rig's buffer memory. */
enum { AT_HDR = 0, AT_STATUS = 64, AT_ID = 128, AT_DATA = 4096 };

FIXTURE(blk) {
	struct rig g;
	struct disk disk;
};

FIXTURE_VARIANT(blk) { enum disk_kind disk; struct ring_layout l; };

FIXTURE_VARIANT_ADD(blk, null_split) { DISK_NULL, { .num = 64 } };
FIXTURE_VARIANT_ADD(blk, loop_packed) { DISK_LOOP, { .num = 64, .packed = true } };
FIXTURE_VARIANT_ADD(blk, tmpfs_split) { DISK_TMPFS, { .num = 64, .event_idx = true } };
FIXTURE_VARIANT_ADD(blk, ext4_packed) { DISK_EXT4_DIRECT, { .num = 64, .packed = true } };

FIXTURE_SETUP(blk)
{
	struct disk_options d = { .kind = variant->disk };
	struct rig_options o = {
		.kind = DEV_BLK, .layout = variant->l, .queues = 1,
		.features = BIT_ULL(VIRTIO_BLK_F_FLUSH),
		.disk = { .serial = "smoke" },
	};

	if (__disk_make(&self->disk, &d))
		SKIP(return, "%s", self->disk.why);
	o.disk.fd = self->disk.fd;
	RIG_INIT(&self->g, &o);
	rig_start(&self->g);
}

FIXTURE_TEARDOWN(blk)
{
	rig_destroy(&self->g);
	disk_free(&self->disk);
}

/* One request; its status. */
static uint8_t request(struct rig *g, uint32_t type, uint64_t sector, struct ring_seg payload,
		       bool in)
{
	struct virtio_blk_outhdr *hdr = rig_buf(g, AT_HDR);
	volatile uint8_t *status = rig_buf(g, AT_STATUS);
	struct ring_seg seg[3] = { { RIG_BUF + AT_HDR, sizeof(*hdr) } };
	struct ring_used u;
	unsigned int n = 1;

	*hdr = (struct virtio_blk_outhdr){ .type = type, .sector = sector };
	*status = 0xff;
	if (payload.len)
		seg[n++] = payload;
	seg[n] = (struct ring_seg){ RIG_BUF + AT_STATUS, 1 };
	check_ok(ring_add(&g->ring[0], seg, in ? 1 : n, in ? n : 1, 0), "room in the ring");
	dev_publish(&g->dev, 0, &g->ring[0]);
	dev_expect_used(&g->ring[0], &u);
	check(u.len == (in ? payload.len : 0) + 1, "%u bytes used", u.len);
	return *status;
}

TEST_F(blk, what_is_written_is_read_back)
{
	struct ring_seg data = { RIG_BUF + AT_DATA, BYTES };
	uint8_t *p = rig_buf(&self->g, AT_DATA);

	for (unsigned int i = 0; i < BYTES; i++)
		p[i] = i * 7 + (i >> 8);
	ASSERT_EQ(VIRTIO_BLK_S_OK, request(&self->g, VIRTIO_BLK_T_OUT, 16, data, false));
	ASSERT_EQ(VIRTIO_BLK_S_OK,
		  request(&self->g, VIRTIO_BLK_T_FLUSH, 0, (struct ring_seg){}, false));
	memset(p, 0, BYTES);
	ASSERT_EQ(VIRTIO_BLK_S_OK, request(&self->g, VIRTIO_BLK_T_IN, 16, data, true));
	for (unsigned int i = 0; i < BYTES; i++)
		ASSERT_EQ((uint8_t)(i * 7 + (i >> 8)), p[i]);
}

TEST_F(blk, get_id_answers_the_serial_number)
{
	struct ring_seg id = { RIG_BUF + AT_ID, VIRTIO_BLK_ID_BYTES };

	memset(rig_buf(&self->g, AT_ID), 0xff, VIRTIO_BLK_ID_BYTES);
	ASSERT_EQ(VIRTIO_BLK_S_OK, request(&self->g, VIRTIO_BLK_T_GET_ID, 0, id, true));
	EXPECT_STREQ("smoke", rig_buf(&self->g, AT_ID));
}

TEST_F(blk, the_answer_says_what_is_served)
{
	EXPECT_EQ(self->disk.sectors, self->g.o.disk.capacity);
	EXPECT_LE(512, self->g.o.disk.block_size);
	EXPECT_TRUE(self->g.o.disk.features & BIT_ULL(VIRTIO_BLK_F_FLUSH));
}

/* A write that is over holds no file system back from being frozen. */
TEST_F(blk, the_file_system_freezes_after_writes)
{
	struct ring_seg data = { RIG_BUF + AT_DATA, BYTES };
	int fd;

	TEST_REQUIRE(variant->disk == DISK_EXT4_DIRECT, "not a file system that freezes");
	for (unsigned int i = 0; i < 8; i++)
		ASSERT_EQ(VIRTIO_BLK_S_OK,
			  request(&self->g, VIRTIO_BLK_T_OUT, 128 * i, data, false));
	fd = open(self->disk.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ioctl(fd, FIFREEZE, 0));
	ASSERT_EQ(0, ioctl(fd, FITHAW, 0));
	close(fd);
}

/* Reordering is the point of a disk with many requests: IN_ORDER is not on offer. */
TEST_F(blk, in_order_is_not_offered)
{
	EXPECT_FALSE(dev_features(&self->g.dev) & BIT_ULL(VIRTIO_F_IN_ORDER));
}

TEST_HARNESS_MAIN
