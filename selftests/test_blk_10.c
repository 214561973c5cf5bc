// SPDX-License-Identifier: GPL-2.0
/*
 * Differential data integrity on /dev/ferry-blk: random reads, writes, zeroes,
 * discards and flushes of every shape, between them resets, resizes and changes of
 * cache mode, against a model in memory and, in the end, the disk itself.
 *
 * FERRY_TEST_SEED repeats a run; FERRY_TEST_SCALE makes it longer.
 */
#include "test_blk.h"

FIXTURE(diff) {
	struct disk disk;
	struct blk b;
	struct load l;
};

BLK_VARIANTS(diff);

FIXTURE_SETUP(diff)
{
	const char *env = getenv("FERRY_TEST_SEED");
	struct blk_options o = { .layout = variant->l };
	uint64_t seed = env ? strtoull(env, NULL, 0) : dev_now_ns();

	TH_LOG("FERRY_TEST_SEED=%llu", (unsigned long long)seed);
	DISK_MAKE(&self->disk, &variant->disk);
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
	load_init(&self->l, &self->b, 0, 64, 16384);
	self->l.rng = seed | 1;
}

FIXTURE_TEARDOWN(diff)
{
	blk_destroy(&self->b);
	load_destroy(&self->l);
	disk_free(&self->disk);
}

typedef FIXTURE_DATA(diff) diff_t;

static void tell(struct __test_metadata *_metadata, const diff_t *self)
{
	TH_LOG("%lu requests, %llu bytes compared", self->l.done,
	       (unsigned long long)self->l.compared);
}

/* Another way to go on, by the number of the round. */
static void change(diff_t *self, unsigned long round)
{
	struct blk *b = &self->b;

	switch (round % 6) {
	case 0:
		blk_stop(b);
		blk_restart(b);
		break;
	case 1:
		b->be.flags ^= FERRY_BLK_F_WRITETHROUGH;
		blk_start(b);
		break;
	case 2:
		b->be.capacity = 64 + 16384 + round % 100;
		blk_start(b);
		break;
	case 3:
		b->be.capacity = self->disk.sectors;
		blk_start(b);
		break;
	case 4:
		self->l.odd = !self->l.odd;
		break;
	case 5:
		self->l.depth = 1 + round * 7 % 64;
		break;
	}
}

TEST_F_TIMEOUT(diff, mixed_io_against_a_model, 3600)
{
	unsigned long rounds = test_scale(30);

	for (unsigned long i = 0; i < rounds; i++) {
		self->l.bytes_max = i % 3 ? 0x2000 : LOAD_BYTES_MAX;
		ASSERT_EQ(LOAD_FINE, load_run(&self->l, 60));
		change(self, i);
		if (i % 10 == 9)
			ASSERT_EQ(LOAD_FINE, load_verify(&self->l));
	}
	EXPECT_EQ(LOAD_FINE, load_verify(&self->l));
	tell(_metadata, self);
}

TEST_F_TIMEOUT(diff, changes_while_requests_are_in_flight, 3600)
{
	load_start(&self->l);
	for (unsigned long i = 0; i < test_scale(40); i++) {
		switch (i % 3) {
		case 0:
			blk_stop(&self->b);
			break;
		case 1:
			self->b.be.flags ^= FERRY_BLK_F_WRITETHROUGH;
			break;
		case 2:
			self->b.be.capacity = i & 1 ? 0 : 20000 + i % 10000;
			break;
		}
		blk_start(&self->b);
		ASSERT_EQ(LOAD_FINE, load_wait(&self->l, 20));
	}
	EXPECT_EQ(LOAD_FINE, load_stop(&self->l));
	EXPECT_EQ(LOAD_FINE, load_verify(&self->l));
	tell(_metadata, self);
}

TEST_HARNESS_MAIN
