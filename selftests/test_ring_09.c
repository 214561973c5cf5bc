// SPDX-License-Identifier: GPL-2.0
/*
 * Formats compared: the same random operations on a split ring and on a packed
 * one of one /dev/ferry-null complete the same chains in the same order.
 */
#include "test.h"

#define OPS	4000

FIXTURE(formats) {
	struct rig split, packed;
};

FIXTURE_VARIANT(formats) {
	struct ring_layout l;
};

RING_VARIANT(formats, plain, .packed = false);
RING_VARIANT(formats, event, .event_idx = true);
RING_VARIANT(formats, indirect, .indirect = true);
RING_VARIANT(formats, indirect_event, .indirect = true, .event_idx = true);

FIXTURE_SETUP(formats)
{
	struct rig_options o = { .kind = DEV_NULL, .layout = variant->l, .queues = 1 };

	o.layout.num = 32;
	RIG_INIT(&self->split, &o);
	o.layout.packed = true;
	RIG_INIT(&self->packed, &o);
	rig_start(&self->split);
	rig_start(&self->packed);
}

FIXTURE_TEARDOWN(formats)
{
	rig_destroy(&self->split);
	rig_destroy(&self->packed);
}

/* One completion, as both sides must see it. */
struct done {
	uint64_t cookie;
	uint32_t len;
};

/* Replay the operations that @seed stands for; return how many completions. */
static unsigned long replay(struct __test_metadata *_metadata, struct rig *g, unsigned int seed,
			    struct done *done)
{
	struct ring *r = &g->ring[0];
	unsigned long n = 0, sent = 0;
	struct ring_seg seg[8];
	struct ring_used u;

	for (unsigned long op = 0; op < test_scale(OPS); op++) {
		unsigned int what = rand_r(&seed), segs = rand_r(&seed) % 8 + 1;
		unsigned int in = rand_r(&seed) % (segs + 1);

		for (unsigned int i = 0; i < segs; i++) {
			seg[i].addr = RIG_BUF + rand_r(&seed) % (RIG_BUF_SIZE - 4096);
			seg[i].len = rand_r(&seed) % 4096;
		}
		/* In flight at most four chains: what fits must not depend on the format. */
		if (sent - n < 4 && !ring_add(r, seg, segs - in, in, sent))
			sent++;
		if (what % 3 == 0)
			dev_publish(&g->dev, 0, r);
		if (sent - n == 4 || what % 7 == 0) {
			dev_publish(&g->dev, 0, r);
			while (n < sent) {
				if (dev_poll_used(r, &u, DEV_PATIENCE_MS) != 1) {
					TH_LOG("no completion %lu", n);
					return n;
				}
				done[n++] = (struct done){ u.cookie, u.len };
			}
		}
		if (what % 5 == 0)
			ring_disable_call(r);
		else if (what % 5 == 1)
			ring_enable_call(r);
	}
	return n;
}

static void restart(struct rig *g)
{
	dev_stop(&g->dev, 0);
	rig_reset_ring(g, 0);
	dev_start(&g->dev, 0, 1);
}

TEST_F(formats, same_operations_same_completions)
{
	static struct done a[OPS], b[OPS];

	for (unsigned int seed = 1; seed <= 5; seed++) {
		unsigned long na = replay(_metadata, &self->split, seed, a);
		unsigned long nb = replay(_metadata, &self->packed, seed, b);

		ASSERT_LT(0, na);
		ASSERT_EQ(na, nb);
		for (unsigned long i = 0; i < na; i++) {
			ASSERT_EQ(a[i].cookie, b[i].cookie);
			ASSERT_EQ(a[i].len, b[i].len);
			ASSERT_EQ(i, a[i].cookie);
		}
		/* What the last seed left behind must not spill into the next. */
		restart(&self->split);
		restart(&self->packed);
	}
}

TEST_HARNESS_MAIN
