// SPDX-License-Identifier: GPL-2.0
/*
 * Rings on /dev/ferry-null: no notification is ever lost, in either direction,
 * and suppressed ones do not come. A single chain in flight at a time makes any
 * lost kick or call a standstill.
 */
#include "pump.h"
#include "test.h"

FIXTURE(notify) {
	struct rig g;
	struct pump p[DEV_VQ_MAX];
};

FIXTURE_VARIANT(notify) {
	struct ring_layout l;
};

RING_VARIANTS(notify);

FIXTURE_SETUP(notify)
{
	struct rig_options o = { .kind = DEV_NULL, .layout = variant->l };

	RIG_INIT(&self->g, &o);
	rig_start(&self->g);
}

FIXTURE_TEARDOWN(notify)
{
	rig_destroy(&self->g);
}

TEST_F(notify, ping_pong_by_call)
{
	struct pump *p = &self->p[0];

	pump_init(p, &self->g, 0);
	p->batch = 1;
	pump_start(p);
	EXPECT_EQ(0, pump_wait(p, test_scale(20000)));
	EXPECT_EQ(0, pump_stop(p));
}

TEST_F(notify, batches_by_call)
{
	struct pump *p = &self->p[0];

	pump_init(p, &self->g, 0);
	p->batch = 64;
	pump_start(p);
	EXPECT_EQ(0, pump_wait(p, test_scale(50000)));
	EXPECT_EQ(0, pump_stop(p));
}

TEST_F(notify, all_queues_at_once)
{
	for (unsigned int i = 0; i < self->g.queues; i++) {
		pump_init(&self->p[i], &self->g, i);
		self->p[i].batch = i + 1;
		pump_start(&self->p[i]);
	}
	for (unsigned int i = 0; i < self->g.queues; i++)
		EXPECT_EQ(0, pump_wait(&self->p[i], test_scale(2000)));
	for (unsigned int i = 0; i < self->g.queues; i++)
		EXPECT_EQ(0, pump_stop(&self->p[i]));
}

TEST_F(notify, calls_declined_do_not_come)
{
	struct ring *r = &self->g.ring[0];
	struct ring_seg seg = { RIG_BUF, 64 };
	struct ring_used u;

	/* A ring begins with calls wanted: one is due, however late. */
	rig_ping(&self->g, 0);
	ASSERT_EQ(1, event_wait(self->g.dev.call[0], DEV_PATIENCE_MS));
	ring_disable_call(r);
	for (unsigned long i = 0; i < test_scale(1000); i++) {
		ASSERT_EQ(0, ring_add(r, &seg, 1, 0, i));
		dev_publish(&self->g.dev, 0, r);
		ASSERT_EQ(1, dev_poll_used(r, &u, DEV_PATIENCE_MS));
		/* An event index has to be moved along, or it lies ahead some day. */
		ring_disable_call(r);
	}
	EXPECT_EQ(0, event_take(self->g.dev.call[0]));
}

TEST_F(notify, kicks_declined_are_not_needed)
{
	struct ring *r = &self->g.ring[0];
	struct ring_seg seg = { RIG_BUF, 64 };
	unsigned long asked = 0, count = test_scale(20000), got = 0, sent = 0;
	struct ring_used u;

	/* Only kicks that the device asks for, over a stream that keeps it busy. */
	while (got < count) {
		while (sent < count && !ring_add(r, &seg, 1, 0, sent)) {
			sent++;
			if (ring_publish(r)) {
				asked++;
				dev_kick(&self->g.dev, 0);
			}
		}
		ASSERT_EQ(1, dev_poll_used(r, &u, DEV_PATIENCE_MS));
		do {
			got++;
		} while (ring_get(r, &u) == 1);
	}
	TH_LOG("%lu kicks for %lu chains", asked, count);
	EXPECT_LE(asked, count);
	/*
	 * A device that was still at its first look at the ring may have been kept
	 * busy without one. Left alone it asks, or it would poll for ever.
	 */
	for (int ms = 0; !asked && ms < DEV_PATIENCE_MS; ms++) {
		usleep(1000);
		ASSERT_EQ(0, ring_add(r, &seg, 1, 0, sent++));
		if (ring_publish(r)) {
			asked++;
			dev_kick(&self->g.dev, 0);
		}
		ASSERT_EQ(1, dev_poll_used(r, &u, DEV_PATIENCE_MS));
	}
	EXPECT_GT(asked, 0);
}

TEST_F(notify, a_kick_for_nothing_does_no_harm)
{
	struct ring_used u;

	for (unsigned long i = 0; i < test_scale(1000); i++)
		dev_kick(&self->g.dev, 0);
	EXPECT_EQ(0, dev_poll_used(&self->g.ring[0], &u, 20));
	rig_ping(&self->g, 0);
	EXPECT_EQ(0, event_take(self->g.dev.err[0]));
}

TEST_F(notify, a_delayed_call_comes_once)
{
	struct ring *r = &self->g.ring[0];
	struct ring_seg seg = { RIG_BUF, 64 };
	struct ring_used u;
	unsigned int n = 32;

	if (!variant->l.event_idx)
		SKIP(return, "only an event index can delay a call");
	for (unsigned long round = 0; round < test_scale(500); round++) {
		unsigned int got = 0;

		event_take(self->g.dev.call[0]);
		ring_enable_call_after(r, n - 1);
		for (unsigned int i = 0; i < n; i++)
			ASSERT_EQ(0, ring_add(r, &seg, 1, 0, i));
		dev_publish(&self->g.dev, 0, r);
		/* The call comes with the last of them: then all are there. */
		ASSERT_EQ(1, event_wait(self->g.dev.call[0], DEV_PATIENCE_MS));
		while (ring_get(r, &u) == 1)
			got++;
		ASSERT_EQ(n, got);
	}
}

/* Meanwhile what the driver asked for is not asked, or who comes then would not hear of it. */
TEST_F(notify, a_call_that_is_masked_for_a_while_is_not_lost)
{
	struct ring *r = &self->g.ring[0];
	struct dev *d = &self->g.dev;
	struct ring_seg seg = { RIG_BUF, 64 };
	struct ring_used u;

	for (unsigned long round = 0; round < test_scale(20); round++) {
		ring_enable_call(r);
		dev_vring(d, VHOST_SET_VRING_CALL, 0, -1);
		for (unsigned int i = 0; i < 3; i++) {
			ASSERT_EQ(0, ring_add(r, &seg, 1, 0, i));
			dev_publish(d, 0, r);
			ASSERT_EQ(1, dev_poll_used(r, &u, DEV_PATIENCE_MS));
		}
		event_take(d->call[0]);
		dev_vring(d, VHOST_SET_VRING_CALL, 0, d->call[0]);
		ASSERT_EQ(0, ring_add(r, &seg, 1, 0, 3));
		dev_publish(d, 0, r);
		ASSERT_LE(1, event_wait(d->call[0], DEV_PATIENCE_MS));
		ASSERT_EQ(1, dev_poll_used(r, &u, DEV_PATIENCE_MS));
	}
}

TEST_HARNESS_MAIN
