/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A disk under requests of every kind through a ring, and what is answered to those
 * that are wrong. Whoever includes this says which disks, served by whom.
 */
#ifndef FERRY_VMM_TESTS_BLK_REQUESTS_H
#define FERRY_VMM_TESTS_BLK_REQUESTS_H

#include <sys/eventfd.h>
#include <sys/stat.h>

#include "blk_rig.h"
#include "harness.h"

#define DISK	(4 * MIB)

FIXTURE(disk) {
	struct blk_rig g;
};

FIXTURE_VARIANT(disk) {
	const char *drive;
	bool packed;
	bool loop;		/* a block device, not a file */
};

FIXTURE_SETUP(disk)
{
	char drive[64];
	const struct blk_rig_options o = {
		.drive = drive, .device = ",serial=ferry-0123456789-abcdef", .bytes = DISK,
		.packed = variant->packed, .loop = variant->loop,
	};
	int ret;

	snprintf(drive, sizeof(drive), ",discard=unmap%s", variant->drive);
	ret = blk_rig_init(&self->g, &o);
	if (ret == -EINVAL && strstr(self->g.e.text, "O_DIRECT"))
		SKIP(return, "%s", self->g.e.text);
	if (ret == -ENODEV)
		SKIP(return, "no loop devices here");
	if (ret == -ENOENT && strstr(variant->drive, "vhost=on"))
		SKIP(return, "%s", self->g.e.text);
	ASSERT_EQ(0, ret) TH_LOG("%s", self->g.e.text);
}

FIXTURE_TEARDOWN(disk)
{
	blk_rig_destroy(&self->g);
}

/* What the file holds. */
static bool on_disk(struct blk_rig *g, u64 off, const u8 *want, size_t len)
{
	u8 got[8192];
	int fd = open(g->disk, O_RDONLY);
	bool same = pread(fd, got, len, off) == (ssize_t)len && !memcmp(got, want, len);

	close(fd);
	return same;
}

static void fill(u8 *p, size_t len, u64 seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = test_random(&seed);
}

TEST_F(disk, what_is_written_is_on_the_disk_and_read_back)
{
	struct blk_rig *g = &self->g;
	u8 data[4096];

	fill(data, sizeof(data), 42);
	memcpy(blk_payload(g, 0), data, sizeof(data));
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_OUT, 8, 4096));
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_FLUSH, 0, 0));
	EXPECT_TRUE(on_disk(g, 4096, data, sizeof(data)));
	memset(blk_payload(g, 0), 0, 4096);
	blk_ask(g, 0, 0, VIRTIO_BLK_T_IN, 8, 4096);
	EXPECT_EQ(4097, blk_await(g, 0));
	EXPECT_EQ(VIRTIO_BLK_S_OK, *blk_status(g, 0));
	EXPECT_EQ(0, memcmp(data, blk_payload(g, 0), 4096));
}

TEST_F(disk, a_pause_takes_no_requests_and_loses_none)
{
	struct blk_rig *g = &self->g;
	u8 data[4096];
	int i;

	for (i = 0; i < 3; i++) {
		fill(data, sizeof(data), i + 1);
		memcpy(blk_payload(g, 0), data, sizeof(data));
		virtio_pause(&g->b.v);
		blk_ask(g, 0, 0, VIRTIO_BLK_T_OUT, 8, 4096);
		usleep(20000);
		EXPECT_EQ(BLK_NOT_YET, *blk_status(g, 0));
		EXPECT_FALSE(on_disk(g, 4096, data, sizeof(data)));
		/* Its user may look for another size meanwhile; that does not end it. */
		EXPECT_EQ(0, blk_refresh(&g->b));
		EXPECT_EQ(0, g->b.ops->update(g->b.backend, &g->b.disk));
		EXPECT_EQ(BLK_NOT_YET, *blk_status(g, 0));
		virtio_resume(&g->b.v);
		ASSERT_LE(0, blk_await(g, 0));
		EXPECT_EQ(VIRTIO_BLK_S_OK, *blk_status(g, 0));
		ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_FLUSH, 0, 0));
		EXPECT_TRUE(on_disk(g, 4096, data, sizeof(data)));
	}
	/* And it may end in one. */
	virtio_pause(&g->b.v);
}

TEST_F(disk, the_serial_number_is_cut_to_twenty_bytes)
{
	struct blk_rig *g = &self->g;

	memset(blk_payload(g, 0), 0xaa, 32);
	blk_ask(g, 0, 0, VIRTIO_BLK_T_GET_ID, 0, 20);
	EXPECT_EQ(21, blk_await(g, 0));
	EXPECT_EQ(0, memcmp(blk_payload(g, 0), "ferry-0123456789-abc", 20));
	EXPECT_EQ(0xaa, blk_payload(g, 0)[20]);
	blk_ask(g, 0, 0, VIRTIO_BLK_T_GET_ID, 0, 4);
	EXPECT_EQ(5, blk_await(g, 0));
}

TEST_F(disk, wrong_requests_get_the_status_of_their_fault)
{
	static const struct {
		u32 type;
		u64 sector;
		u32 bytes;
		u8 status;
	} wrong[] = {
		{ VIRTIO_BLK_T_IN, DISK / 512, 512, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_IN, DISK / 512 - 1, 1024, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_IN, ~0ULL, 512, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_OUT, 1ULL << 55, 512, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_IN, 0, 511, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_OUT, 0, 513, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_DISCARD, 0, 15, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_SECURE_ERASE, 0, 16, VIRTIO_BLK_S_UNSUPP },
		{ VIRTIO_BLK_T_GET_LIFETIME, 0, 6, VIRTIO_BLK_S_UNSUPP },
		{ 2, 0, 512, VIRTIO_BLK_S_UNSUPP },
		{ 0x80000000, 0, 512, VIRTIO_BLK_S_UNSUPP },
		{ VIRTIO_BLK_T_IN, DISK / 512, 0, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_OUT, 0, 0, VIRTIO_BLK_S_OK },
	};
	struct blk_rig *g = &self->g;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		EXPECT_EQ(wrong[i].status, blk_do(g, wrong[i].type, wrong[i].sector,
						  wrong[i].bytes)) TH_LOG("case %zu", i);
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_IN, DISK / 512 - 8, 4096));
}

/* Header, payload and status in pieces of @step bytes, header and payload sharing one. */
static unsigned int scatter(struct blk_rig *g, struct ring_piece *p, u32 step, bool in)
{
	const u64 from = blk_slot(1), header = sizeof(struct virtio_blk_outhdr);
	const u64 out_end = from + header + (in ? 0 : 4096), in_end = in ? 4096 + 1 : 1;
	unsigned int n = 0;
	u64 at;

	for (at = from; at < out_end; at += step)
		p[n++] = (struct ring_piece){ at, out_end - at < step ? out_end - at : step,
					      false };
	for (at = 0; at < in_end; at += step)
		p[n++] = (struct ring_piece){ blk_slot(3) + 1 + at,
					      in_end - at < step ? in_end - at : step, true };
	return n;
}

TEST_F(disk, a_request_may_be_split_at_any_byte)
{
	static const u32 steps[] = { 4113, 509, 100, 33, 18 };
	u8 *out = ram_ptr(&self->g.t.m.ram, blk_slot(1), 8192);
	u8 *in = ram_ptr(&self->g.t.m.ram, blk_slot(3) + 1, 8192), data[4096];
	struct virtio_blk_outhdr h = { .type = VIRTIO_BLK_T_OUT, .sector = 16 };
	struct blk_rig *g = &self->g;
	struct ring_piece p[256];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		fill(data, sizeof(data), 7 + i);
		h.type = VIRTIO_BLK_T_OUT;
		memcpy(out, &h, sizeof(h));
		memcpy(out + sizeof(h), data, sizeof(data));
		in[0] = BLK_NOT_YET;
		blk_send(g, 0, p, scatter(g, p, steps[i], false));
		EXPECT_EQ(1, blk_await(g, 0));
		EXPECT_EQ(VIRTIO_BLK_S_OK, in[0]) TH_LOG("step %u", steps[i]);
		EXPECT_TRUE(on_disk(g, 16 * 512, data, sizeof(data))) TH_LOG("step %u", steps[i]);
		h.type = VIRTIO_BLK_T_IN;
		memcpy(out, &h, sizeof(h));
		memset(in, BLK_NOT_YET, 4097);
		blk_send(g, 0, p, scatter(g, p, steps[i], true));
		EXPECT_EQ(4097, blk_await(g, 0));
		EXPECT_EQ(VIRTIO_BLK_S_OK, in[4096]) TH_LOG("step %u", steps[i]);
		EXPECT_EQ(0, memcmp(in, data, sizeof(data))) TH_LOG("step %u", steps[i]);
	}
}

TEST_F(disk, what_is_discarded_is_freed)
{
	struct virtio_blk_discard_write_zeroes *r;
	struct blk_rig *g = &self->g;
	struct stat before, after;

	if (!(g->b.v.offered & BIT_ULL(VIRTIO_BLK_F_DISCARD)))
		SKIP(return, "no holes in files here");
	fill(blk_payload(g, 0), 8192, 98);
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_OUT, 64, 8192));
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_FLUSH, 0, 0));
	stat(g->path, &before);
	r = (void *)blk_payload(g, 0);
	r[0] = (struct virtio_blk_discard_write_zeroes){ 64, 8, 0 };
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_DISCARD, 0, 16));
	stat(g->path, &after);
	EXPECT_LT(after.st_blocks, before.st_blocks);
	r[0].flags = 1;
	EXPECT_EQ(VIRTIO_BLK_S_UNSUPP, blk_do(g, VIRTIO_BLK_T_DISCARD, 0, 16));
}

TEST_F(disk, ranges_are_zeroed)
{
	struct virtio_blk_discard_write_zeroes *r;
	static const u8 zeroes[8192];
	struct blk_rig *g = &self->g;
	u8 data[8192];

	fill(data, sizeof(data), 99);
	memcpy(blk_payload(g, 0), data, sizeof(data));
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_OUT, 0, 8192));
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_OUT, 64, 8192));
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_FLUSH, 0, 0));
	r = (void *)blk_payload(g, 0);
	r[0] = (struct virtio_blk_discard_write_zeroes){ 0, 8, 0 };
	r[1] = (struct virtio_blk_discard_write_zeroes){ 72, 8, 0 };
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_WRITE_ZEROES, 0, 32));
	EXPECT_TRUE(on_disk(g, 0, zeroes, 4096));
	EXPECT_TRUE(on_disk(g, 4096, data + 4096, 4096));
	EXPECT_TRUE(on_disk(g, 64 * 512, data, 4096));
	EXPECT_TRUE(on_disk(g, 72 * 512, zeroes, 4096));
	/* Every range is judged before the first is carried out. */
	r[0] = (struct virtio_blk_discard_write_zeroes){ 8, 8, 1 };
	r[1] = (struct virtio_blk_discard_write_zeroes){ DISK / 512, 8, 1 };
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, blk_do(g, VIRTIO_BLK_T_WRITE_ZEROES, 0, 32));
	r[1] = (struct virtio_blk_discard_write_zeroes){ 0, 8, 2 };
	EXPECT_EQ(VIRTIO_BLK_S_UNSUPP, blk_do(g, VIRTIO_BLK_T_WRITE_ZEROES, 0, 32));
	EXPECT_TRUE(on_disk(g, 4096, data + 4096, 4096));
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16));
	EXPECT_TRUE(on_disk(g, 0, zeroes, 8192));
}

TEST_F(disk, many_requests_on_both_queues_are_each_answered_once)
{
	struct blk_rig *g = &self->g;
	unsigned int round, i, queue;
	u8 data[4096];

	for (round = 0; round < 20; round++) {
		for (i = 0; i < 160; i++) {
			fill(blk_payload(g, i), 4096, 1 + i + round * 1000);
			blk_ask(g, i % 2, i, VIRTIO_BLK_T_OUT, 8 * i, 4096);
		}
		for (i = 0; i < 160; i++)
			ASSERT_EQ(1, blk_await(g, i % 2));
		for (i = 0; i < 160; i++)
			ASSERT_EQ(VIRTIO_BLK_S_OK, *blk_status(g, i)) TH_LOG("request %u", i);
		for (i = 0; i < 160; i++) {
			memset(blk_payload(g, i), 0, 4096);
			blk_ask(g, i % 2, i, VIRTIO_BLK_T_IN, 8 * i, 4096);
		}
		for (i = 0; i < 160; i++)
			ASSERT_EQ(4097, blk_await(g, i % 2));
		for (i = 0; i < 160; i++) {
			fill(data, 4096, 1 + i + round * 1000);
			ASSERT_EQ(0, memcmp(data, blk_payload(g, i), 4096)) TH_LOG("read %u", i);
		}
	}
	for (queue = 0; queue < 2; queue++) {
		u32 len;
		u16 id;

		EXPECT_FALSE(ring_driver_take(&g->q[queue], 1, &id, &len));
	}
}

TEST_F(disk, a_stop_answers_what_was_begun)
{
	struct blk_rig *g = &self->g;
	unsigned int round, i, answered;

	for (round = 0; round < 20; round++) {
		for (i = 0; i < 80; i++)
			blk_ask(g, 0, i, i % 8 ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_FLUSH, 8 * i,
				i % 8 ? 4096 : 0);
		/* One is answered, so the thread is at work. */
		ASSERT_LE(0, blk_await(g, 0));
		pthread_mutex_lock(&g->t.m.lock);
		virtio_reset(&g->b.v);
		pthread_mutex_unlock(&g->t.m.lock);
		for (i = 0, answered = 0; i < 80; i++) {
			u8 s = *blk_status(g, i);

			EXPECT_TRUE(s == VIRTIO_BLK_S_OK || s == BLK_NOT_YET);
			answered += s == VIRTIO_BLK_S_OK;
		}
		EXPECT_LE(1, answered);
		ASSERT_TRUE(blk_rig_up(g, variant->packed, 0));
	}
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_IN, 0, 4096));
}

TEST_F(disk, a_chain_that_is_no_request_stops_the_queue)
{
	struct blk_rig *g = &self->g;
	const struct ring_piece whole[] = { { blk_slot(0), 16, false },
					    { blk_slot(0) + 0x800, 1, true } };
	const struct ring_piece bad[][2] = {
		{ { blk_slot(0), 15, false }, { blk_slot(0) + 0x800, 1, true } },
		{ { blk_slot(0), 16, false }, { blk_slot(0) + 0x800, 1, false } },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		blk_header(g, 0, VIRTIO_BLK_T_FLUSH, 0);
		blk_send(g, 0, bad[i], 2);
		EXPECT_TRUE(blk_needs_reset(g));
		EXPECT_EQ(BLK_NOT_YET, *blk_status(g, 0));
		/* The other queue goes on; after a reset so does this one. */
		blk_ask(g, 1, 1, VIRTIO_BLK_T_IN, 0, 4096);
		EXPECT_EQ(4097, blk_await(g, 1));
		ASSERT_TRUE(blk_rig_up(g, variant->packed, 0));
		blk_header(g, 0, VIRTIO_BLK_T_FLUSH, 0);
		blk_send(g, 0, whole, 2);
		EXPECT_EQ(1, blk_await(g, 0));
	}
}

/* The main loop hears of it only when the next driver is there. */
TEST_F(disk, the_next_driver_has_not_erred)
{
	struct blk_rig *g = &self->g;
	const struct ring_piece bad[] = { { blk_slot(0), 15, false },
					  { blk_slot(0) + 0x800, 1, true } };
	struct pollfd p = { .fd = g->t.m.loop.epfd, .events = POLLIN };

	blk_header(g, 0, VIRTIO_BLK_T_FLUSH, 0);
	blk_send(g, 0, bad, 2);
	ASSERT_EQ(1, poll(&p, 1, BLK_PATIENCE_MS));
	ASSERT_TRUE(blk_rig_up(g, variant->packed, 0));
	testvm_run_loop(&g->t);
	EXPECT_FALSE(g->b.v.status & VIRTIO_CONFIG_S_NEEDS_RESET);
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_IN, 0, 4096));
}

TEST_F(disk, its_size_follows_the_file)
{
	struct blk_rig *g = &self->g;
	u8 generation = g->b.v.generation;
	struct virtio_blk_config c;
	eventfd_t n;

	EXPECT_EQ(VIRTIO_BLK_S_IOERR, blk_do(g, VIRTIO_BLK_T_IN, DISK / 512, 512 * 8));
	ASSERT_EQ(0, blk_rig_truncate(g, 2 * DISK));
	pthread_mutex_lock(&g->t.m.lock);
	EXPECT_EQ(0, blk_refresh(&g->b));
	g->b.v.ops->config_read(&g->b.v, 0, &c, sizeof(c));
	pthread_mutex_unlock(&g->t.m.lock);
	EXPECT_EQ(2 * DISK / 512, c.capacity);
	EXPECT_NE(generation, g->b.v.generation);
	EXPECT_EQ(0, eventfd_read(g->b.v.config_fd, &n));
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_OUT, DISK / 512, 4096));
	/* No news is no interrupt. */
	pthread_mutex_lock(&g->t.m.lock);
	EXPECT_EQ(0, blk_refresh(&g->b));
	EXPECT_NE(0, eventfd_read(g->b.v.config_fd, &n));
	EXPECT_EQ(0, blk_resize(&g->b, DISK));
	pthread_mutex_unlock(&g->t.m.lock);
	EXPECT_EQ(0, eventfd_read(g->b.v.config_fd, &n));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, blk_do(g, VIRTIO_BLK_T_IN, DISK / 512, 4096));
	if (variant->loop)
		return;
	/* A file that was cut off under a disk has zeroes where it ended. */
	ASSERT_EQ(0, truncate(g->path, DISK - 6144));
	memset(blk_payload(g, 0), 0xaa, 8192);
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_IN, DISK / 512 - 16, 8192));
	EXPECT_EQ(0, blk_payload(g, 0)[4096]);
	EXPECT_EQ(0, blk_payload(g, 0)[8191]);
}

static u64 disk_capacity(struct blk_rig *g)
{
	struct virtio_blk_config c;

	g->b.v.ops->config_read(&g->b.v, 0, &c, sizeof(c));
	return c.capacity;
}

/* Nobody said so: it is noticed where the disk is given anew. */
TEST_F(disk, its_file_got_shorter_unseen)
{
	struct blk_rig *g = &self->g;

	if (variant->loop)
		SKIP(return, "a device stays as it is");
	virtio_pause(&g->b.v);
	ASSERT_EQ(0, truncate(g->path, DISK / 2));
	virtio_resume(&g->b.v);
	testvm_run_loop(&g->t);
	EXPECT_FALSE(g->b.v.status & VIRTIO_CONFIG_S_NEEDS_RESET);
	EXPECT_EQ(DISK / 1024, disk_capacity(g));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, blk_do(g, VIRTIO_BLK_T_IN, DISK / 1024, 4096));
	ASSERT_EQ(0, truncate(g->path, DISK / 4));
	ASSERT_TRUE(blk_rig_up(g, variant->packed, 0));
	EXPECT_EQ(DISK / 2048, disk_capacity(g));
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_IN, 0, 4096));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, blk_do(g, VIRTIO_BLK_T_IN, DISK / 2048, 4096));
}

/* The kernel refuses a disk that is larger than its file. */
TEST_F(disk, the_write_cache_is_switched_when_the_file_got_shorter)
{
	const u32 wce = offsetof(struct virtio_blk_config, wce);
	struct blk_rig *g = &self->g;
	u8 on = 0;

	if (variant->loop)
		SKIP(return, "a device stays as it is");
	ASSERT_EQ(0, truncate(g->path, DISK / 2));
	pthread_mutex_lock(&g->t.m.lock);
	g->b.v.ops->config_write(&g->b.v, wce, &on, 1);
	g->b.v.ops->config_read(&g->b.v, wce, &on, 1);
	pthread_mutex_unlock(&g->t.m.lock);
	EXPECT_EQ(0, on);
	EXPECT_TRUE(g->drive.disk.flags & FERRY_BLK_F_WRITETHROUGH);
	EXPECT_FALSE(g->b.v.status & VIRTIO_CONFIG_S_NEEDS_RESET);
	EXPECT_EQ(DISK / 1024, disk_capacity(g));
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_OUT, 0, 4096));
}

TEST_F(disk, the_write_cache_is_switched_under_load)
{
	const u32 wce = offsetof(struct virtio_blk_config, wce);
	struct blk_rig *g = &self->g;
	unsigned int round, i;
	u8 on;

	for (round = 0; round < 20; round++) {
		for (i = 0; i < 64; i++)
			blk_ask(g, i % 2, i, VIRTIO_BLK_T_OUT, 8 * i, 4096);
		on = round % 2;
		pthread_mutex_lock(&g->t.m.lock);
		g->b.v.ops->config_write(&g->b.v, wce, &on, 1);
		EXPECT_EQ(on, !(g->drive.disk.flags & FERRY_BLK_F_WRITETHROUGH));
		g->b.v.ops->config_read(&g->b.v, wce, &on, 1);
		pthread_mutex_unlock(&g->t.m.lock);
		EXPECT_EQ(round % 2, on);
		for (i = 0; i < 64; i++)
			ASSERT_EQ(1, blk_await(g, i % 2));
		for (i = 0; i < 64; i++)
			EXPECT_EQ(VIRTIO_BLK_S_OK, *blk_status(g, i));
	}
	/* A reset brings back what the user asked for. */
	ASSERT_TRUE(blk_rig_up(g, variant->packed, 0));
	EXPECT_EQ(!strstr(variant->drive, "directsync"), g->b.write_cache);
	/* Without FLUSH the guest has no way to ask. */
	ASSERT_TRUE(blk_rig_up(g, variant->packed, BIT_ULL(VIRTIO_BLK_F_FLUSH)));
	EXPECT_TRUE(g->drive.disk.flags & FERRY_BLK_F_WRITETHROUGH);
	EXPECT_EQ(VIRTIO_BLK_S_UNSUPP, blk_do(g, VIRTIO_BLK_T_FLUSH, 0, 0));
}

#endif /* FERRY_VMM_TESTS_BLK_REQUESTS_H */
