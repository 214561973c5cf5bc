// SPDX-License-Identifier: GPL-2.0
/*
 * Malformed packed rings on /dev/ferry-null: each fault stops that queue alone,
 * with one error signal, and a fresh set-up mends it.
 */
#include "bad.h"
#include "test.h"

#define NUM	16

FIXTURE(packed) {
	struct rig g;
};

FIXTURE_VARIANT(packed) {
	uint16_t num;
	bool event_idx;
};

FIXTURE_VARIANT_ADD(packed, plain) { .num = NUM };
FIXTURE_VARIANT_ADD(packed, odd_event) { .num = 13, .event_idx = true };

FIXTURE_SETUP(packed)
{
	struct rig_options o = {
		.kind = DEV_NULL, .queues = 2, .features = F_INDIRECT,
		.layout = { .num = variant->num, .packed = true, .event_idx = variant->event_idx },
	};

	RIG_INIT(&self->g, &o);
	rig_start(&self->g);
}

FIXTURE_TEARDOWN(packed)
{
	rig_destroy(&self->g);
}

typedef FIXTURE_DATA(packed) packed_t;

#define EXPECT_STOP(...) do {							\
	const struct ring_raw raw_[] = { __VA_ARGS__ };				\
	ring_raw_add(&self->g.ring[0], raw_, sizeof(raw_) / sizeof(*raw_));	\
	bad_expect_stop(&self->g, 0, 1, 0);					\
} while (0)

TEST_F(packed, a_chain_around_the_whole_ring)
{
	struct ring_raw d[NUM];

	for (int i = 0; i < variant->num; i++)
		d[i] = (struct ring_raw){ RIG_BUF, 1, NEXT, 0 };
	ring_raw_add(&self->g.ring[0], d, variant->num);
	bad_expect_stop(&self->g, 0, 1, 0);
}

/* A buffer id is the driver's own affair: the device hands back whatever it got. */
static void expect_id(packed_t *self, uint16_t id)
{
	const struct ring_raw d = { RIG_BUF, 64, 0, id };
	struct ring *r = &self->g.ring[0];
	uint64_t end = dev_now_ns() + DEV_PATIENCE_MS * 1000000ULL;

	ring_raw_add(r, &d, 1);
	ring_publish(r);
	dev_kick(&self->g.dev, 0);
	while (!ring_has_used(r) && dev_now_ns() < end)
		sched_yield();
	check(ring_has_used(r), "id %u is completed", id);
	check(r->pdesc[0].id == id, "id %u comes back as %u", id, r->pdesc[0].id);
	rig_ping(&self->g, 1);
}

TEST_F(packed, id_outside_the_ring_is_handed_back)
{
	expect_id(self, variant->num);
}

TEST_F(packed, largest_id_is_handed_back)
{
	expect_id(self, 0xffff);
}

TEST_F(packed, readable_after_writable)
{
	EXPECT_STOP({ RIG_BUF, 64, NEXT | WRITE, 0 }, { RIG_BUF, 64, 0, 0 });
}

TEST_F(packed, buffer_nowhere)
{
	EXPECT_STOP({ NOWHERE, 64, 0, 0 });
}

TEST_F(packed, buffer_escapes_its_region)
{
	EXPECT_STOP({ RIG_BUF + RIG_BUF_SIZE - 32, 64, WRITE, 0 });
}

TEST_F(packed, buffer_wraps_around)
{
	EXPECT_STOP({ -32ULL, 64, 0, 0 });
}

TEST_F(packed, table_of_no_entry)
{
	EXPECT_STOP({ RIG_BUF, 0, TABLE, 0 });
}

TEST_F(packed, table_length_is_odd)
{
	EXPECT_STOP({ RIG_BUF, 40, TABLE, 0 });
}

TEST_F(packed, table_with_next)
{
	EXPECT_STOP({ RIG_BUF, 16, TABLE | NEXT, 0 }, { RIG_BUF, 16, 0, 0 });
}

TEST_F(packed, table_nowhere)
{
	EXPECT_STOP({ NOWHERE, 16, TABLE, 0 });
}

TEST_F(packed, table_in_a_table)
{
	const struct vring_packed_desc t = { RIG_BUF, 16, 0, TABLE };

	memcpy(rig_buf(&self->g, 0), &t, sizeof(t));
	EXPECT_STOP({ RIG_BUF, 16, TABLE, 0 });
}

TEST_F(packed, readable_after_writable_in_the_table)
{
	const struct vring_packed_desc t[2] = { { RIG_BUF, 16, 0, WRITE }, { RIG_BUF, 16, 0, 0 } };

	memcpy(rig_buf(&self->g, 0), t, sizeof(t));
	EXPECT_STOP({ RIG_BUF, 32, TABLE, 0 });
}

TEST_F(packed, table_longer_than_any_chain)
{
	struct vring_packed_desc *t = rig_buf(&self->g, 0);

	for (int i = 0; i < 1025; i++)
		t[i] = (struct vring_packed_desc){ RIG_BUF, 1, 0, 0 };
	EXPECT_STOP({ RIG_BUF, 1025 * 16, TABLE, 0 });
}

TEST_F(packed, table_runs_out_of_its_region)
{
	const struct vring_packed_desc t = { RIG_BUF, 16, 0, 0 };

	memcpy(rig_buf(&self->g, RIG_BUF_SIZE - 16), &t, sizeof(t));
	EXPECT_STOP({ RIG_BUF + RIG_BUF_SIZE - 16, 32, TABLE, 0 });
}

TEST_F(packed, table_not_negotiated)
{
	dev_stop(&self->g.dev, 0);
	ASSERT_EQ(0, __dev_set_features(&self->g.dev,
					rig_ring_features(&self->g.o.layout)));
	rig_reset_ring(&self->g, 0);
	dev_start(&self->g.dev, 0, 1);
	EXPECT_STOP({ RIG_BUF, 16, TABLE, 0 });
}

TEST_F(packed, a_chain_of_which_the_rest_is_not_available)
{
	struct ring *r = &self->g.ring[0];
	const struct ring_raw d = { RIG_BUF, 64, NEXT, 0 };
	struct ring_used u;

	/*
	 * The head says NEXT, the slot behind it was never made available. The
	 * device may take that for an error or for garbage of the driver's, but it
	 * may neither complete it twice nor hang.
	 */
	ring_raw_add(r, &d, 1);
	ring_publish(r);
	dev_kick(&self->g.dev, 0);
	dev_poll_used(r, &u, 20);
	rig_ping(&self->g, 1);
	bad_mend(&self->g, 0);
	rig_ping(&self->g, 0);
}

TEST_HARNESS_MAIN
