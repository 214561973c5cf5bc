// SPDX-License-Identifier: GPL-2.0
/*
 * Rings on /dev/ferry-null: every layout, ring size, batch and chain length
 * completes each chain exactly once, across many wrap-arounds.
 */
#include "test.h"

FIXTURE(ring) {
	struct rig g;
};

FIXTURE_VARIANT(ring) {
	struct ring_layout l;
};

RING_VARIANTS(ring);

FIXTURE_SETUP(ring)
{
}

FIXTURE_TEARDOWN(ring)
{
	rig_destroy(&self->g);
}

typedef FIXTURE_DATA(ring) ring_t;

/* Chains of 1 to @segs segments, every mix of readable and writable. */
static unsigned int make_chain(struct ring_seg *seg, unsigned long i, unsigned int segs,
			       unsigned int *n_in)
{
	unsigned int n = i % segs + 1;

	for (unsigned int s = 0; s < n; s++) {
		seg[s].addr = RIG_BUF + (i * 64 + s * 4096) % (RIG_BUF_SIZE - 8192);
		seg[s].len = (i + s * 7) % 1500 + 1;
	}
	*n_in = (i / segs) % (n + 1);
	return n - *n_in;
}

/* Send @count chains, @batch in flight, each of at most @segs segments. */
static void send_chains(struct __test_metadata *_metadata, struct rig *g, unsigned long count,
			unsigned int batch, unsigned int segs)
{
	struct ring *r = &g->ring[0];
	unsigned long sent = 0, got = 0;
	struct ring_seg seg[32];
	struct ring_used u;

	while (got < count) {
		while (sent < count && sent - got < batch) {
			unsigned int n_in, n_out = make_chain(seg, sent, segs, &n_in);

			if (ring_add(r, seg, n_out, n_in, sent))
				break;
			sent++;
		}
		dev_publish(&g->dev, 0, r);
		ASSERT_EQ(1, dev_poll_used(r, &u, DEV_PATIENCE_MS)) {
			TH_LOG("after %lu of %lu", got, sent);
		}
		do {
			ASSERT_EQ(got, u.cookie);
			ASSERT_EQ(0, u.len);
			got++;
		} while (ring_get(r, &u) == 1);
	}
	ASSERT_EQ(r->l.num, r->free);
	ASSERT_FALSE(ring_has_used(r));
}

static void run(struct __test_metadata *_metadata, ring_t *self, struct ring_layout l,
		unsigned long count, unsigned int batch, unsigned int segs)
{
	struct rig_options o = { .kind = DEV_NULL, .layout = l, .queues = 1 };

	RIG_INIT(&self->g, &o);
	dev_start(&self->g.dev, 0, 1);
	send_chains(_metadata, &self->g, count, batch, segs);
	dev_stop(&self->g.dev, 0);
	/* All was used: the position that the driver expects. */
	ASSERT_EQ(ring_base(&self->g.ring[0]), dev_vring_base(&self->g.dev, 0));
}

TEST_F(ring, one_at_a_time)
{
	run(_metadata, self, variant->l, test_scale(5000), 1, 1);
}

TEST_F(ring, full_batches_over_many_wraps)
{
	run(_metadata, self, variant->l, test_scale(100000), 256, 1);
}

TEST_F(ring, long_chains)
{
	run(_metadata, self, variant->l, test_scale(20000), 256, 20);
}

TEST_F(ring, batches_that_do_not_divide_the_ring)
{
	run(_metadata, self, variant->l, test_scale(20000), 37, 3);
}

TEST_F(ring, the_smallest_ring)
{
	struct ring_layout l = variant->l;

	l.num = 1;
	run(_metadata, self, l, test_scale(2000), 1, 1);
}

TEST_F(ring, a_ring_of_two)
{
	struct ring_layout l = variant->l;

	l.num = 2;
	run(_metadata, self, l, test_scale(2000), 2, l.indirect ? 5 : 2);
}

TEST_F(ring, the_largest_ring)
{
	struct ring_layout l = variant->l;

	l.num = 32768;
	l.table_max = 2;
	run(_metadata, self, l, test_scale(100000), 32768, 1);
}

TEST_F(ring, an_odd_packed_ring)
{
	struct ring_layout l = variant->l;

	if (!l.packed)
		SKIP(return, "split rings are powers of two");
	l.num = 67;
	run(_metadata, self, l, test_scale(20000), 67, 3);
}

TEST_F(ring, from_a_position_just_before_the_wrap)
{
	struct ring_layout l = variant->l;

	l.start = l.packed ? 253 : 65533;
	l.start_odd = true;
	run(_metadata, self, l, test_scale(5000), 9, 2);
}

TEST_HARNESS_MAIN
