// SPDX-License-Identifier: GPL-2.0
/*
 * The host freezes the file system below a disk, as for a snapshot, while requests wait for
 * their turn in the pool of /dev/ferry-blk: it gets there, and they go on once it thaws.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sys/ioctl.h>

#include "stat.h"
#include "test_blk.h"

#define FLUSHES	40	/* more than the pool has threads: slow ones, to begin with */
#define ZEROES	40	/* that would occupy all of them, and not before the thaw */
#define WRITES	16	/* of holes: they cannot be done in the worker */
#define ALL	(FLUSHES + ZEROES + WRITES)

FIXTURE(frozen) {
	struct disk disk;
	struct blk b;
	struct blk_req r[ALL];
	int dir;
};

FIXTURE_VARIANT(frozen) {
	enum disk_kind kind;
	struct ring_layout l;
};

FIXTURE_VARIANT_ADD(frozen, ext4) { .kind = DISK_EXT4, .l = { .num = 512 } };
FIXTURE_VARIANT_ADD(frozen, ext4_direct) {
	.kind = DISK_EXT4_DIRECT, .l = { .num = 512, .packed = true } };
FIXTURE_VARIANT_ADD(frozen, xfs_direct) { .kind = DISK_XFS_DIRECT, .l = { .num = 512 } };

FIXTURE_SETUP(frozen)
{
	struct disk_options d = { .kind = variant->kind, .sparse = true, .cache_mb = 16,
				  .delay_ns = 100000000 };
	struct blk_options o = { .layout = variant->l };

	self->dir = -1;
	DISK_MAKE(&self->disk, &d);
	BLK_INIT(&self->b, &self->disk, &o);
	self->dir = open(self->disk.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(self->dir >= 0, "open %s", self->disk.dir);
	blk_start(&self->b);
}

FIXTURE_TEARDOWN(frozen)
{
	blk_destroy(&self->b);
	if (self->dir >= 0)
		close(self->dir);
	disk_free(&self->disk);
}

static struct blk_req frozen_request(struct blk *b, unsigned int i)
{
	struct virtio_blk_discard_write_zeroes range = { 8192 + 16 * i, 8, 0 };
	struct blk_req r = { VIRTIO_BLK_T_FLUSH, 0, BLK_AT(i), 0, .in = false };

	if (i >= FLUSHES + ZEROES) {
		r.type = T_OUT;
		r.sector = 16384 + 16 * i;
		r.len = 4096;
		blk_fill(blk_mem(b, r.at), r.len, r.sector << 9, i);
	} else if (i >= FLUSHES) {
		r.type = VIRTIO_BLK_T_WRITE_ZEROES;
		r.len = sizeof(range);
		memcpy(blk_mem(b, r.at), &range, sizeof(range));
	}
	return r;
}

/* Chains that the worker has seen, those of earlier requests among them. */
static uint64_t taken(void)
{
	struct stat_queue q;

	stat_get(&q, "blk", 0);
	return q.fetched;
}

static void *freeze(void *dir)
{
	return (void *)(intptr_t)(ioctl(*(int *)dir, FIFREEZE, 0) ? errno : 0);
}

/* The freeze, which has as long as any answer has. */
static void expect_freeze(struct __test_metadata *_metadata, int *dir)
{
	struct timespec until;
	pthread_t thread;
	void *err;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 6 * DEV_PATIENCE_MS / 1000;
	check(!pthread_create(&thread, NULL, freeze, dir), "a thread");
	ASSERT_EQ(0, pthread_timedjoin_np(thread, &err, &until));
	ASSERT_EQ(NULL, err);
}

TEST_F(frozen, requests_of_the_pool_do_not_hold_it_off)
{
	struct blk *b = &self->b;
	struct ring_used u;

	/* Something to flush. */
	for (unsigned int i = 0; i < 4; i++)
		ASSERT_EQ(S_OK, blk_write(b, 64 * i, BLK_AT(0), 4096));
	for (unsigned int i = 0; i < ALL; i++) {
		self->r[i] = frozen_request(b, i);
		ASSERT_EQ(0, blk_add(b, 0, &self->r[i], i));
	}
	dev_publish(&b->g.dev, 0, &b->g.ring[0]);
	while (taken() < ALL + 4)
		usleep(1000);
	expect_freeze(_metadata, &self->dir);
	ASSERT_EQ(0, ioctl(self->dir, FITHAW, 0));
	for (unsigned int i = 0; i < ALL; i++) {
		dev_expect_used(&b->g.ring[0], &u);
		EXPECT_EQ(S_OK, blk_status(b, &self->r[u.cookie]));
	}
	for (unsigned int i = FLUSHES + ZEROES; i < ALL; i++)
		EXPECT_EQ(S_OK, blk_read(b, self->r[i].sector, BLK_AT(0), 4096));
}

TEST_HARNESS_MAIN
