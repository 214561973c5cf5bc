// SPDX-License-Identifier: GPL-2.0
/*
 * Who serves a kick of ferry-blk: the thread that kicks, if one small request comes alone
 * and the disk can refuse to wait; otherwise, and for what the disk did refuse, the worker
 * or the pool.
 */
#include "blk/way_core.h"
#include "stat.h"
#include "test_blk.h"

#define ROUNDS	50

static uint64_t at_kick(void)
{
	struct stat_queue q;

	stat_get(&q, "blk", 0);
	return q.at_kick;
}

FIXTURE(kick) {
	struct disk disk;
	struct blk b;
};

BLK_VARIANTS_FEW(kick);

FIXTURE_SETUP(kick)
{
	struct blk_options o = { .layout = variant->l };

	DISK_MAKE(&self->disk, &variant->disk);
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
}

FIXTURE_TEARDOWN(kick)
{
	blk_destroy(&self->b);
	disk_free(&self->disk);
}

TEST_F(kick, what_comes_alone_is_served_by_who_kicks)
{
	struct blk *b = &self->b;
	uint64_t before;

	if (variant->disk.kind == DISK_TMPFS)
		SKIP(return, "a file that cannot refuse to wait");
	/* A file system that maps blocks as they are written may have to wait. */
	for (unsigned int i = 0; i < ROUNDS; i++)
		ASSERT_EQ(S_OK, blk_write(b, 8 * i, BLK_AT(0), 4096));
	before = at_kick();
	for (unsigned int i = 0; i < ROUNDS; i++) {
		blk_fill(blk_mem(b, BLK_AT(0)), 4096, 4096 * i, 1);
		ASSERT_EQ(S_OK, blk_write(b, 8 * i, BLK_AT(0), 4096));
		ASSERT_EQ(S_OK, blk_read(b, 8 * i, BLK_AT(1), 4096));
		EXPECT_TRUE(blk_filled(blk_mem(b, BLK_AT(1)), 4096, 4096 * i, 1));
	}
	/* All but those that meet the worker on its way out. */
	EXPECT_LE(before + ROUNDS / 2, at_kick());
}

/* By itself it could not be known to be slower; see way_core.h, unit_blk_02. */
TEST_F(kick, the_worker_is_tried)
{
	const unsigned int first = FERRY_WAY_FIRST * FERRY_WAY_REQUESTS;
	const unsigned int trial = FERRY_WAY_TRIAL * FERRY_WAY_REQUESTS;
	/* What it is compared with before, and as much for the other question's trial. */
	const unsigned int trials = 4 * trial + 16;
	struct blk *b = &self->b;
	uint64_t before = at_kick(), mostly, tried;

	if (variant->disk.kind == DISK_TMPFS)
		SKIP(return, "a file that cannot refuse to wait");
	ASSERT_EQ(S_OK, blk_write(b, 0, BLK_AT(0), 4096));
	for (unsigned int i = 0; i < first - 8; i++)
		ASSERT_EQ(S_OK, blk_read(b, 0, BLK_AT(0), 4096));
	mostly = at_kick() - before;
	/* A loop device may refuse half of them. */
	EXPECT_LE(first / 4, mostly);
	for (unsigned int i = 0; i < trials; i++)
		ASSERT_EQ(S_OK, blk_read(b, 0, BLK_AT(0), 4096));
	tried = trials - (at_kick() - before - mostly);
	EXPECT_LE(trial / 2, tried);
}

TEST_F(kick, what_a_scheduler_sorts_is_left_to_the_worker)
{
	uint64_t before = at_kick();

	if (!self->disk.null[0])
		SKIP(return, "no disk that can have a scheduler");
	if (__disk_schedule(&self->disk, "mq-deadline"))
		SKIP(return, "no mq-deadline");
	/* Looked at when the disk is given. */
	blk_start(&self->b);
	for (unsigned int i = 0; i < ROUNDS; i++)
		ASSERT_EQ(S_OK, blk_read(&self->b, 8 * i, BLK_AT(0), 4096));
	EXPECT_EQ(before, at_kick());
}

TEST_F(kick, what_is_large_or_takes_time_is_left_to_the_worker)
{
	struct blk *b = &self->b;
	uint64_t before = at_kick();

	for (unsigned int i = 0; i < ROUNDS / 5; i++) {
		blk_fill(blk_mem(b, BLK_AT(0)), 65536, 65536 * i, 1);
		ASSERT_EQ(S_OK, blk_write(b, 128 * i, BLK_AT(0), 65536));
		ASSERT_EQ(S_OK, blk_flush(b));
		ASSERT_EQ(S_OK, blk_read(b, 128 * i, BLK_AT(1), 65536));
		EXPECT_TRUE(blk_filled(blk_mem(b, BLK_AT(1)), 65536, 65536 * i, 1));
		if (blk_has(b, VIRTIO_BLK_F_WRITE_ZEROES))
			ASSERT_EQ(S_OK, blk_range(b, VIRTIO_BLK_T_WRITE_ZEROES, 128 * i, 128, 0));
	}
	EXPECT_EQ(before, at_kick());
}

TEST_F(kick, what_comes_with_others_is_left_to_the_worker)
{
	struct blk_req r[8];
	struct blk *b = &self->b;
	struct ring_used u;

	for (unsigned int round = 0; round < ROUNDS / 5; round++) {
		for (unsigned int i = 0; i < 8; i++) {
			r[i] = (struct blk_req){ T_OUT, 8 * i, BLK_AT(i), 4096 };
			blk_fill(blk_mem(b, r[i].at), 4096, r[i].sector << 9, round + 1);
			ASSERT_EQ(0, blk_add(b, 0, &r[i], i));
		}
		dev_publish(&b->g.dev, 0, &b->g.ring[0]);
		for (unsigned int i = 0; i < 8; i++) {
			dev_expect_used(&b->g.ring[0], &u);
			EXPECT_EQ(S_OK, blk_status(b, &r[u.cookie]));
		}
		for (unsigned int i = 0; i < 8; i++)
			EXPECT_TRUE(disk_filled(&self->disk, 8 * i, 4096, round + 1));
	}
}

FIXTURE(held) {
	struct disk disk;
	struct dm dm;
	struct blk b;
	int fd;
};

FIXTURE_VARIANT(held) {
	const char *module;
	const char *table;
};

/* The first says that it would wait, of which the second knows nothing. */
FIXTURE_VARIANT_ADD(held, linear) { .module = "dm-mod", .table = "0 %llu linear %s 0" };
FIXTURE_VARIANT_ADD(held, delay) { .module = "dm-delay", .table = "0 %llu delay %s 0 0" };

FIXTURE_SETUP(held)
{
	struct disk_options d = { .kind = DISK_NULL };
	struct blk_options o = { .layout = { .num = 64 } };
	unsigned long long sectors;
	char table[160];

	self->fd = -1;
	DISK_MAKE(&self->disk, &d);
	sectors = self->disk.sectors;
	snprintf(table, sizeof(table), variant->table, sectors, self->disk.path);
	TEST_REQUIRE(dm_target(variant->module), "no dmsetup or no %s", variant->module);
	TEST_REQUIRE(!__dm_create(&self->dm, table), "no %s", variant->module);
	self->fd = open(self->dm.path, O_RDWR | O_DIRECT | O_CLOEXEC);
	check(self->fd >= 0, "open %s", self->dm.path);
	o.fd = self->fd;
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
}

FIXTURE_TEARDOWN(held)
{
	blk_destroy(&self->b);
	if (self->fd >= 0)
		close(self->fd);
	dm_remove(&self->dm);
	disk_free(&self->disk);
}

TEST_F(held, a_disk_that_waits_holds_up_nobody_who_kicks)
{
	struct blk_req r[2] = { { T_OUT, 8, BLK_AT(0), 4096 }, { T_OUT, 16, BLK_AT(1), 4096 } };
	struct blk *b = &self->b;
	struct ring_used u;
	uint64_t first;

	ASSERT_EQ(S_OK, blk_write(b, 0, BLK_AT(2), 4096));
	dm_suspend(&self->dm);
	for (unsigned int i = 0; i < 2; i++) {
		blk_fill(blk_mem(b, r[i].at), 4096, r[i].sector << 9, 1 + i);
		ASSERT_EQ(0, blk_add(b, 0, &r[i], i));
		dev_publish(&b->g.dev, 0, &b->g.ring[0]);
		if (!i)
			first = at_kick();
	}
	/* The second finds the first in flight. */
	EXPECT_EQ(first, at_kick());
	EXPECT_EQ(0, dev_poll_used(&b->g.ring[0], &u, 50));
	dm_resume(&self->dm);
	for (unsigned int i = 0; i < 2; i++) {
		dev_expect_used(&b->g.ring[0], &u);
		EXPECT_EQ(S_OK, blk_status(b, &r[u.cookie]));
	}
	EXPECT_EQ(0, dev_poll_used(&b->g.ring[0], &u, 50));
	EXPECT_TRUE(disk_filled(&self->disk, 8, 4096, 1));
	EXPECT_TRUE(disk_filled(&self->disk, 16, 4096, 2));
}

TEST_F(held, only_a_disk_that_can_refuse_is_asked_at_the_kick)
{
	uint64_t before = at_kick();

	for (unsigned int i = 0; i < ROUNDS; i++)
		ASSERT_EQ(S_OK, blk_read(&self->b, 8 * i, BLK_AT(0), 4096));
	if (!strcmp(variant->module, "dm-mod")) {
		EXPECT_LE(before + ROUNDS / 2, at_kick());
	} else {
		EXPECT_EQ(before, at_kick());
	}
}

TEST_F(held, errors_reach_the_request)
{
	char table[64];

	snprintf(table, sizeof(table), "0 %llu error", (unsigned long long)self->disk.sectors);
	dm_reload(&self->dm, table);
	for (unsigned int i = 0; i < ROUNDS / 5; i++) {
		ASSERT_EQ(S_IOERR, blk_read(&self->b, 8 * i, BLK_AT(0), 4096));
		ASSERT_EQ(S_IOERR, blk_write(&self->b, 8 * i, BLK_AT(0), 4096));
	}
}

TEST_HARNESS_MAIN
