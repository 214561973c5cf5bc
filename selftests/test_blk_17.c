// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that sends many requests one by one is asked by ferry-blk to kick after several; one
 * that sends fewer than those is not kept waiting for what it does not send. See
 * drivers/blk/pace.c.
 */
#include "blk/gather_core.h"
#include "blk/way_core.h"
#include "stat.h"
#include "test_blk.h"

#define DEPTH	16
#define BYTES	512

/* Where it is noted that kicks cost too little. */
#define CHEAP	"/tmp/ferry-kicks-are-cheap"

FIXTURE(gather) {
	struct disk disk;
	struct blk b;
	uint32_t tag;
	uint64_t kick_ns;
};

FIXTURE_VARIANT(gather) {
	struct ring_layout l;
};

FIXTURE_VARIANT_ADD(gather, split) { .l = { .num = 256, .event_idx = true } };
FIXTURE_VARIANT_ADD(gather, split_small) { .l = { .num = 64, .event_idx = true } };
FIXTURE_VARIANT_ADD(gather, packed) {
	.l = { .num = 256, .packed = true, .event_idx = true } };
FIXTURE_VARIANT_ADD(gather, packed_indirect_odd) {
	.l = { .num = 51, .packed = true, .indirect = true, .event_idx = true } };

FIXTURE_SETUP(gather)
{
	struct disk_options d = { .kind = DISK_NULL };
	struct blk_options o = { .layout = variant->l };

	DISK_MAKE(&self->disk, &d);
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
}

FIXTURE_TEARDOWN(gather)
{
	blk_destroy(&self->b);
	disk_free(&self->disk);
}

static void kick(const struct dev *d, uint64_t ns)
{
	uint64_t end = dev_now_ns() + ns;

	while (dev_now_ns() < end)
		;
	dev_kick(d, 0);
}

/* Send @n writes, each by itself, then take the answers. */
static void turn(struct __test_metadata *_metadata, FIXTURE_DATA(gather) *self, unsigned int n)
{
	struct ring *ring = &self->b.g.ring[0];
	struct blk_req r[DEPTH];
	bool seen[DEPTH] = { };
	struct ring_used u;

	self->tag++;
	for (unsigned int i = 0; i < n; i++) {
		r[i] = (struct blk_req){ T_OUT, i, BLK_AT(i), BYTES };
		blk_fill(blk_mem(&self->b, r[i].at), BYTES, r[i].sector << 9, self->tag);
		ASSERT_EQ(0, blk_add(&self->b, 0, &r[i], i));
		if (ring_publish(ring))
			kick(&self->b.g.dev, self->kick_ns);
	}
	for (unsigned int i = 0; i < n; i++) {
		/* A guest makes no system call for each. */
		if (ring_get(ring, &u) != 1)
			dev_expect_used(ring, &u);
		ASSERT_LT(u.cookie, n);
		ASSERT_FALSE(seen[u.cookie]);
		seen[u.cookie] = true;
		ASSERT_EQ(S_OK, blk_status(&self->b, &r[u.cookie]));
	}
}

static struct stat_queue count(void)
{
	struct stat_queue q;

	stat_get(&q, "blk", 0);
	return q;
}

/* Turn after turn until few of the requests were kicked for; at the least, each second one is. */
static bool gathers(struct __test_metadata *_metadata, FIXTURE_DATA(gather) *self)
{
	const unsigned int turns = 2 * FERRY_WAY_LAST_REFUSED * FERRY_WAY_REQUESTS / DEPTH;
	uint64_t kicks = 0, shortest = UINT64_MAX;

	/* To find that out takes long, and once a boot will do. */
	if (!access(CHEAP, F_OK))
		return false;
	for (unsigned int i = 0; i < 100; i++) {
		uint64_t began = dev_now_ns(), took;

		turn(_metadata, self, 1);
		took = dev_now_ns() - began;
		shortest = took < shortest ? took : shortest;
	}
	/* Nobody has to measure closely, and the time is not over before the kick. */
	self->kick_ns = shortest / 2;
	/* Whoever finds it out has the time of as many trials. */
	for (unsigned int i = 0; i < 30; i++) {
		uint64_t before = count().kicks;

		for (unsigned int k = 0; k < turns; k++)
			turn(_metadata, self, DEPTH);
		kicks = count().kicks - before;
		if (kicks < turns * DEPTH * 3 / 4)
			return true;
	}
	TH_LOG("%llu kicks for %u requests", (unsigned long long)kicks, turns * DEPTH);
	close(open(CHEAP, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	return false;
}

/*
 * Whether it pays is measured: mostly it does in user-mode Linux, where a kick is much dearer than
 * a request, but that depends on the machine below; where processors are emulated it may not.
 */
#define REQUIRE_GATHERS()								\
	TEST_REQUIRE(gathers(_metadata, self), "kicks were measured to cost too little here")

TEST_F(gather, many_are_kicked_for_once)
{
	REQUIRE_GATHERS();
	for (unsigned int i = 0; i < DEPTH; i++)
		EXPECT_TRUE(disk_filled(&self->disk, i, BYTES, self->tag));
}

/* Whatever number was wanted, what came is served when the time is over, and once. */
TEST_F(gather, what_does_not_come_is_not_waited_for)
{
	REQUIRE_GATHERS();
	for (unsigned int n = 1; n <= DEPTH; n++) {
		for (unsigned int i = 0; i < 5; i++)
			turn(_metadata, self, DEPTH);
		turn(_metadata, self, n);
		for (unsigned int i = 0; i < n; i++)
			EXPECT_TRUE(disk_filled(&self->disk, i, BYTES, self->tag));
	}
}

/* Each is kicked for again, at once, by who waits for each. */
TEST_F(gather, who_waits_for_each_is_asked_to_kick_for_each)
{
	const unsigned int many = 4 * FERRY_WAY_FIRST * FERRY_WAY_REQUESTS;
	uint64_t before;

	REQUIRE_GATHERS();
	for (unsigned int i = 0; i < 4; i++)
		turn(_metadata, self, 1);
	before = count().kicks;
	for (unsigned int i = 0; i < many; i++)
		turn(_metadata, self, 1);
	EXPECT_LE(before + many - many / 16, count().kicks);
}

/* The disk goes and comes back while one waits for more. */
TEST_F(gather, what_waits_is_there_after_a_stop)
{
	struct ring_used u;

	REQUIRE_GATHERS();
	for (unsigned int i = 0; i < 50; i++) {
		struct blk_req r = { T_OUT, 1, BLK_AT(1), BYTES };

		turn(_metadata, self, DEPTH);
		blk_fill(blk_mem(&self->b, r.at), BYTES, r.sector << 9, ++self->tag);
		ASSERT_EQ(0, blk_add(&self->b, 0, &r, 0));
		dev_publish(&self->b.g.dev, 0, &self->b.g.ring[0]);
		blk_stop(&self->b);
		ASSERT_EQ(0, __blk_start(&self->b));
		dev_expect_used(&self->b.g.ring[0], &u);
		EXPECT_EQ(S_OK, blk_status(&self->b, &r));
		EXPECT_TRUE(disk_filled(&self->disk, 1, BYTES, self->tag));
		EXPECT_EQ(0, dev_poll_used(&self->b.g.ring[0], &u, 5));
	}
}

TEST_HARNESS_MAIN
