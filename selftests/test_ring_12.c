// SPDX-License-Identifier: GPL-2.0
/*
 * Ring memory that cannot be written for a while, on /dev/ferry-null: the queue
 * stops when it cannot hand chains back, and once the memory is there again and
 * the queue is set going, each of them comes back once.
 */
#include <sys/mman.h>

#include "test.h"

#define PAGE		4096
#define OTHER_GPA	0x900000000ULL
#define CHAINS		64	/* that the device serves at once */

FIXTURE(gone) {
	struct rig g;
	void *page;		/* what the device writes completions to */
};

FIXTURE_VARIANT(gone) {
	struct ring_layout l;
};

/* A split ring without EVENT_IDX has the flags that ask for kicks on that page, too. */
FIXTURE_VARIANT_ADD(gone, split_event) { .l = { .num = 128, .event_idx = true } };
FIXTURE_VARIANT_ADD(gone, packed) { .l = { .num = 128, .packed = true } };
FIXTURE_VARIANT_ADD(gone, packed_event) {
	.l = { .num = 128, .packed = true, .event_idx = true },
};

FIXTURE_SETUP(gone)
{
	struct rig_options o = { .kind = DEV_NULL, .layout = variant->l, .queues = 1 };
	struct ring *r = &self->g.ring[0];
	void *other;

	RIG_INIT(&self->g, &o);
	/* Apart from what the device must read, or write at other times. */
	other = mem_add(&self->g.mem, OTHER_GPA, PAGE);
	if (variant->l.packed) {
		r->device = other;
		self->page = r->pdesc;
	} else {
		r->used = other;
		self->page = r->used;
	}
	ASSERT_EQ(0, __dev_vring_addr(&self->g.dev, 0, r));
	rig_start(&self->g);
}

FIXTURE_TEARDOWN(gone)
{
	rig_destroy(&self->g);
}

typedef FIXTURE_DATA(gone) gone_t;

static void expect_chains(struct __test_metadata *_metadata, gone_t *self, uint64_t first)
{
	bool seen[CHAINS] = {};
	struct ring_used u;

	for (int i = 0; i < CHAINS; i++) {
		ASSERT_EQ(1, dev_poll_used(&self->g.ring[0], &u, DEV_PATIENCE_MS)) {
			TH_LOG("%d of %d came back", i, CHAINS);
		}
		ASSERT_LE(first, u.cookie);
		ASSERT_LT(u.cookie, first + CHAINS);
		ASSERT_FALSE(seen[u.cookie - first]);
		seen[u.cookie - first] = true;
	}
	ASSERT_EQ(0, dev_poll_used(&self->g.ring[0], &u, 10));
}

static void add_chains(struct __test_metadata *_metadata, gone_t *self, uint64_t first)
{
	const struct ring_seg seg[2] = { { RIG_BUF, 64 }, { RIG_BUF + 64, 64 } };

	for (int i = 0; i < CHAINS; i++)
		ASSERT_EQ(0, ring_add(&self->g.ring[0], seg, 1, i % 2, first + i));
	ring_publish(&self->g.ring[0]);
}

/* Wait until the queue stopped, or chains are back because it was faster. */
static bool has_stopped(gone_t *self)
{
	uint64_t end = dev_now_ns() + DEV_PATIENCE_MS * 1000000ULL;
	bool stopped;

	do {
		stopped = event_wait(self->g.dev.err[0], 10);
	} while (!stopped && !ring_has_used(&self->g.ring[0]) && dev_now_ns() < end);
	check(!mprotect(self->page, PAGE, PROT_READ | PROT_WRITE), "the page is back");
	/* Waits for a turn that may yet have missed it. */
	dev_set_mem(&self->g.dev, &self->g.mem);
	return stopped || event_take(self->g.dev.err[0]);
}

/* Have chains served that cannot be handed back. Return how many could be before. */
static uint64_t lose_chains(struct __test_metadata *_metadata, gone_t *self)
{
	uint64_t before = 0, stops = 1;
	struct stat_queue q;

	for (;;) {
		bool stopped;

		add_chains(_metadata, self, 0);
		ASSERT_EQ(0, mprotect(self->page, PAGE, PROT_READ));
		dev_kick(&self->g.dev, 0);
		stopped = has_stopped(self);
		if (stopped && !ring_has_used(&self->g.ring[0]))
			break;
		if (stopped) {
			rig_start(&self->g);
			stops++;
		}
		expect_chains(_metadata, self, 0);
		before += CHAINS;
	}
	stat_get(&q, "null", 0);
	EXPECT_EQ(FERRY_QUEUE_BROKEN, q.state);
	EXPECT_EQ(stops, q.errors);
	EXPECT_EQ(before, q.chains);
	event_take(self->g.dev.call[0]);
	return before;
}

/* All are there, told so, and the queue goes on. */
static void expect_all(struct __test_metadata *_metadata, gone_t *self, uint64_t before)
{
	struct stat_queue q;

	EXPECT_NE(0, event_wait(self->g.dev.call[0], DEV_PATIENCE_MS));
	expect_chains(_metadata, self, 0);
	add_chains(_metadata, self, 1000);
	dev_kick(&self->g.dev, 0);
	expect_chains(_metadata, self, 1000);
	stat_get(&q, "null", 0);
	EXPECT_EQ(before + 2 * CHAINS, q.chains);
}

TEST_F(gone, set_going_again)
{
	uint64_t before = lose_chains(_metadata, self);

	rig_start(&self->g);
	expect_all(_metadata, self, before);
}

TEST_F(gone, stopped_and_started)
{
	uint64_t before = lose_chains(_metadata, self);

	rig_stop(&self->g);
	rig_start(&self->g);
	expect_all(_metadata, self, before);
}

TEST_F(gone, started_at_the_position_it_says)
{
	uint64_t before = lose_chains(_metadata, self);

	rig_stop(&self->g);
	dev_vring(&self->g.dev, VHOST_SET_VRING_BASE, 0, dev_vring_base(&self->g.dev, 0));
	rig_start(&self->g);
	expect_all(_metadata, self, before);
}

TEST_F(gone, for_good)
{
	lose_chains(_metadata, self);
	ASSERT_EQ(0, mprotect(self->page, PAGE, PROT_READ));
	/* Neither of these finds it, and both end. */
	EXPECT_EQ(-EFAULT, __dev_backend(&self->g.dev, 0, 1));
	rig_stop(&self->g);
}

TEST_F(gone, set_going_too_early)
{
	uint64_t before = lose_chains(_metadata, self);

	ASSERT_EQ(0, mprotect(self->page, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, __dev_backend(&self->g.dev, 0, 1));
	ASSERT_EQ(0, mprotect(self->page, PAGE, PROT_READ | PROT_WRITE));
	rig_start(&self->g);
	expect_all(_metadata, self, before);
}

TEST_F(gone, started_at_the_position_it_said_before)
{
	uint64_t before = lose_chains(_metadata, self);
	uint32_t base = dev_vring_base(&self->g.dev, 0);

	rig_stop(&self->g);
	dev_vring(&self->g.dev, VHOST_SET_VRING_BASE, 0, base);
	rig_start(&self->g);
	expect_all(_metadata, self, before);
}

TEST_HARNESS_MAIN
