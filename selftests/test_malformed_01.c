// SPDX-License-Identifier: GPL-2.0
/*
 * Malformed split rings on /dev/ferry-null and on tx of /dev/ferry-net: each
 * fault stops that queue alone, with one error signal, and a fresh set-up mends
 * it.
 */
#include "bad.h"
#include "test.h"

#define NUM	16

FIXTURE(split) {
	struct rig g;
	unsigned int q, other;
};

FIXTURE_VARIANT(split) {
	enum dev_kind kind;
};

FIXTURE_VARIANT_ADD(split, null) { .kind = DEV_NULL };
FIXTURE_VARIANT_ADD(split, net_tx) { .kind = DEV_NET };

static void open_with(struct __test_metadata *_metadata, struct rig *g, enum dev_kind kind,
		      uint64_t features, uint16_t num)
{
	struct rig_options o = { .kind = kind, .queues = 2, .features = features,
				 .layout = { .num = num } };

	RIG_INIT(g, &o);
	rig_start(g);
}

FIXTURE_SETUP(split)
{
	open_with(_metadata, &self->g, variant->kind, F_INDIRECT, NUM);
	/* Net: the queue that breaks is tx; rx cannot ping, so tx is looked at again. */
	self->q = variant->kind == DEV_NET ? DEV_TX : 0;
	self->other = 1;
}

FIXTURE_TEARDOWN(split)
{
	rig_destroy(&self->g);
}

typedef FIXTURE_DATA(split) split_t;

/* Publish the raw chain and check all that must follow. */
static void expect_stop(split_t *self)
{
	struct rig *g = &self->g;

	if (g->o.kind == DEV_NULL) {
		bad_expect_stop(g, self->q, self->other, 0);
		return;
	}
	ring_publish(&g->ring[self->q]);
	dev_kick(&g->dev, self->q);
	bad_expect_broken(g, self->q);
	check(!ring_has_used(&g->ring[self->q]), "nothing bad is completed");
	check(!event_take(g->dev.err[DEV_RX]), "rx is not blamed");
	bad_mend(g, self->q);
	rig_ping(g, self->q);
}

#define CHAIN(...) do {								\
	const struct ring_raw raw_[] = { __VA_ARGS__ };				\
	ring_raw_add(&self->g.ring[self->q], raw_, sizeof(raw_) / sizeof(*raw_));	\
} while (0)

TEST_F(split, next_just_outside)
{
	CHAIN({ RIG_BUF, 64, NEXT, NUM });
	expect_stop(self);
}

TEST_F(split, next_far_outside)
{
	CHAIN({ RIG_BUF, 64, NEXT, 0xffff });
	expect_stop(self);
}

TEST_F(split, a_descriptor_names_itself)
{
	CHAIN({ RIG_BUF, 64, NEXT, 0 });
	expect_stop(self);
}

TEST_F(split, two_descriptors_name_each_other)
{
	CHAIN({ RIG_BUF, 64, NEXT, 1 }, { RIG_BUF, 64, NEXT, 0 });
	expect_stop(self);
}

TEST_F(split, a_loop_behind_the_head)
{
	CHAIN({ RIG_BUF, 64, NEXT, 1 }, { RIG_BUF, 0, NEXT, 2 }, { RIG_BUF, 0, NEXT, 1 });
	expect_stop(self);
}

TEST_F(split, head_just_outside)
{
	ring_raw_avail(&self->g.ring[self->q], NUM);
	expect_stop(self);
}

TEST_F(split, head_far_outside)
{
	ring_raw_avail(&self->g.ring[self->q], 0xffff);
	expect_stop(self);
}

TEST_F(split, avail_jumps_by_more_than_the_ring)
{
	self->g.ring[self->q].avail_next += NUM + 1;
	expect_stop(self);
}

TEST_F(split, avail_goes_backwards)
{
	self->g.ring[self->q].avail_next--;
	expect_stop(self);
}

TEST_F(split, readable_after_writable)
{
	CHAIN({ RIG_BUF, 64, NEXT | WRITE, 1 }, { RIG_BUF, 64, 0, 0 });
	expect_stop(self);
}

TEST_F(split, buffer_nowhere)
{
	CHAIN({ NOWHERE, 64, 0, 0 });
	expect_stop(self);
}

TEST_F(split, buffer_escapes_its_region)
{
	CHAIN({ RIG_BUF + RIG_BUF_SIZE - 32, 64, 0, 0 });
	expect_stop(self);
}

TEST_F(split, buffer_begins_before_its_region)
{
	CHAIN({ RIG_BUF - 1, 64, 0, 0 });
	expect_stop(self);
}

TEST_F(split, buffer_wraps_around_the_address_space)
{
	CHAIN({ -32ULL, 64, 0, 0 });
	expect_stop(self);
}

TEST_F(split, buffer_of_four_gigabytes)
{
	CHAIN({ RIG_BUF, 0xffffffff, 0, 0 });
	expect_stop(self);
}

TEST_F(split, second_buffer_nowhere)
{
	CHAIN({ RIG_BUF, 64, NEXT, 1 }, { NOWHERE, 64, 0, 0 });
	expect_stop(self);
}

TEST_F(split, table_of_no_entry)
{
	CHAIN({ RIG_BUF, 0, TABLE, 0 });
	expect_stop(self);
}

TEST_F(split, table_length_is_odd)
{
	CHAIN({ RIG_BUF, 24, TABLE, 0 });
	expect_stop(self);
}

TEST_F(split, table_with_next)
{
	CHAIN({ RIG_BUF, 16, TABLE | NEXT, 1 });
	expect_stop(self);
}

TEST_F(split, table_nowhere)
{
	CHAIN({ NOWHERE, 16, TABLE, 0 });
	expect_stop(self);
}

TEST_F(split, table_wraps_around)
{
	CHAIN({ -16ULL, 64, TABLE, 0 });
	expect_stop(self);
}

/* Hand-made entries of a table at RIG_BUF. */
static void table(split_t *self, const struct vring_desc *t, unsigned int n)
{
	memcpy(rig_buf(&self->g, 0), t, n * sizeof(*t));
	CHAIN({ RIG_BUF, 16 * n, TABLE, 0 });
}

#define TABLE_OF(...) do {							\
	const struct vring_desc table_[] = { __VA_ARGS__ };			\
	table(self, table_, sizeof(table_) / sizeof(*table_));			\
} while (0)

TEST_F(split, table_in_a_table)
{
	TABLE_OF({ RIG_BUF, 16, TABLE, 0 });
	expect_stop(self);
}

TEST_F(split, next_outside_the_table)
{
	TABLE_OF({ RIG_BUF, 16, NEXT, 2 }, { RIG_BUF, 16, 0, 0 });
	expect_stop(self);
}

TEST_F(split, a_loop_in_the_table)
{
	TABLE_OF({ RIG_BUF, 16, NEXT, 1 }, { RIG_BUF, 16, NEXT, 0 });
	expect_stop(self);
}

TEST_F(split, readable_after_writable_in_the_table)
{
	TABLE_OF({ RIG_BUF, 16, NEXT | WRITE, 1 }, { RIG_BUF, 16, 0, 0 });
	expect_stop(self);
}

TEST_F(split, table_runs_out_of_its_region)
{
	/* The first entry is there, the one it names is not. */
	struct vring_desc d = { RIG_BUF, 64, NEXT, 1 };

	memcpy(rig_buf(&self->g, RIG_BUF_SIZE - 16), &d, sizeof(d));
	CHAIN({ RIG_BUF + RIG_BUF_SIZE - 16, 32, TABLE, 0 });
	expect_stop(self);
}

/* Other shapes of ring, null device only. */
FIXTURE(shape) {
	struct rig g;
};

FIXTURE_SETUP(shape)
{
}

FIXTURE_TEARDOWN(shape)
{
	rig_destroy(&self->g);
}

TEST_F(shape, table_not_negotiated)
{
	const struct ring_raw d = { RIG_BUF, 16, TABLE, 0 };

	open_with(_metadata, &self->g, DEV_NULL, 0, NUM);
	ring_raw_add(&self->g.ring[0], &d, 1);
	bad_expect_stop(&self->g, 0, 1, 0);
}

TEST_F(shape, chain_longer_than_any)
{
	static struct ring_raw d[1025];

	open_with(_metadata, &self->g, DEV_NULL, 0, 2048);
	for (int i = 0; i < 1025; i++)
		d[i] = (struct ring_raw){ RIG_BUF, 1, i < 1024 ? NEXT : 0, i + 1 };
	ring_raw_add(&self->g.ring[0], d, 1025);
	bad_expect_stop(&self->g, 0, 1, 0);
}

TEST_F(shape, good_chains_before_the_bad_one_return)
{
	struct ring_seg seg = { RIG_BUF, 64 };

	open_with(_metadata, &self->g, DEV_NULL, 0, NUM);
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, ring_add(&self->g.ring[0], &seg, 1, 0, i));
	ring_raw_avail(&self->g.ring[0], 0xffff);
	bad_expect_stop(&self->g, 0, 1, 3);
}

TEST_F(shape, every_queue_breaks_by_itself)
{
	struct rig_options o = { .kind = DEV_NULL, .layout = { .num = NUM } };

	RIG_INIT(&self->g, &o);
	rig_start(&self->g);
	for (unsigned int i = 0; i < self->g.queues; i++) {
		ring_raw_avail(&self->g.ring[i], 0xffff);
		bad_expect_stop(&self->g, i, (i + 1) % self->g.queues, 0);
	}
}

TEST_HARNESS_MAIN
