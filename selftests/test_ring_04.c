// SPDX-License-Identifier: GPL-2.0
/*
 * Rings on /dev/ferry-null: queues stopped and started while chains are in
 * flight. No chain is lost or completed twice, and the position goes along.
 */
#include "pump.h"
#include "test.h"

FIXTURE(restart) {
	struct rig g;
	struct pump p;
};

FIXTURE_VARIANT(restart) {
	struct ring_layout l;
};

RING_VARIANTS(restart);

FIXTURE_SETUP(restart)
{
	struct rig_options o = { .kind = DEV_NULL, .layout = variant->l, .queues = 2 };

	RIG_INIT(&self->g, &o);
	pump_init(&self->p, &self->g, 0);
}

FIXTURE_TEARDOWN(restart)
{
	rig_destroy(&self->g);
}

TEST_F(restart, stop_and_start_under_traffic)
{
	struct dev *d = &self->g.dev;

	dev_start(d, 0, 1);
	pump_start(&self->p);
	for (unsigned long i = 0; i < test_scale(300); i++) {
		ASSERT_EQ(0, pump_wait(&self->p, 1 + i % 50));
		dev_stop(d, 0);
		dev_start(d, 0, 1);
	}
	EXPECT_EQ(0, pump_wait(&self->p, 100));
	EXPECT_EQ(0, pump_stop(&self->p));
}

TEST_F(restart, position_moved_to_another_device)
{
	struct rig *g = &self->g;
	struct dev other;

	/* What a VMM does on live upgrade: the ring moves, the driver notices nothing. */
	dev_start(&g->dev, 0, 1);
	for (unsigned long i = 0; i < test_scale(200); i++) {
		uint32_t base;

		for (int j = 0; j < 5; j++)
			rig_ping(g, 0);
		dev_stop(&g->dev, 0);
		base = dev_vring_base(&g->dev, 0);

		dev_setup(&other, DEV_NULL, NULL, rig_ring_features(&variant->l), &g->mem);
		dev_vring(&other, VHOST_SET_VRING_NUM, 0, variant->l.num);
		dev_vring(&other, VHOST_SET_VRING_BASE, 0, base);
		ASSERT_EQ(base, dev_vring_base(&other, 0));
		ASSERT_EQ(0, __dev_vring_addr(&other, 0, &g->ring[0]));
		dev_vring(&other, VHOST_SET_VRING_KICK, 0, other.kick[0]);
		dev_vring(&other, VHOST_SET_VRING_CALL, 0, other.call[0]);
		dev_close(&g->dev);
		g->dev = other;
		dev_start(&g->dev, 0, 1);
		rig_ping(g, 0);
	}
}

TEST_F(restart, chains_left_at_the_stop_are_served_after_the_start)
{
	struct ring_seg seg = { RIG_BUF, 64 };
	struct ring *r = &self->g.ring[0];
	struct dev *d = &self->g.dev;
	struct ring_used u;

	for (unsigned long round = 0; round < test_scale(200); round++) {
		for (int i = 0; i < 100; i++)
			ASSERT_EQ(0, ring_add(r, &seg, 1, 0, i));
		ring_publish(r);
		dev_start(d, 0, 1);
		for (int i = 0; i < 100; i++) {
			ASSERT_EQ(1, dev_poll_used(r, &u, DEV_PATIENCE_MS));
			ASSERT_EQ(i, u.cookie);
		}
		dev_stop(d, 0);
		ASSERT_EQ(ring_base(r), dev_vring_base(d, 0));
	}
}

TEST_F(restart, a_stopped_queue_does_not_touch_its_ring)
{
	struct ring_seg seg = { RIG_BUF, 64 };
	struct ring *r = &self->g.ring[0];
	struct ring_used u;

	dev_start(&self->g.dev, 0, 1);
	rig_ping(&self->g, 0);
	dev_stop(&self->g.dev, 0);
	ASSERT_EQ(0, ring_add(r, &seg, 1, 0, 5));
	ring_publish(r);
	dev_kick(&self->g.dev, 0);
	EXPECT_EQ(0, dev_poll_used(r, &u, 50));
	dev_start(&self->g.dev, 0, 1);
	EXPECT_EQ(1, dev_poll_used(r, &u, DEV_PATIENCE_MS));
	EXPECT_EQ(5, u.cookie);
}

TEST_F(restart, reset_owner_under_traffic)
{
	struct rig *g = &self->g;

	for (unsigned long i = 0; i < test_scale(50); i++) {
		dev_start(&g->dev, 0, 1);
		self->p.may_break = true;
		pump_start(&self->p);
		ASSERT_EQ(0, pump_wait(&self->p, 20));
		dev_ioctl(&g->dev, VHOST_RESET_OWNER, NULL);
		ASSERT_EQ(0, pump_stop(&self->p));
		dev_ioctl(&g->dev, VHOST_SET_OWNER, NULL);
		ASSERT_EQ(0, __dev_set_features(&g->dev, rig_ring_features(&variant->l)));
		dev_set_mem(&g->dev, &g->mem);
		rig_reset_ring(g, 0);
	}
}

TEST_F(restart, with_another_size_and_format)
{
	struct rig *g = &self->g;

	for (int i = 0; i < 20; i++) {
		g->o.layout.num = 1 << (i % 9);
		g->o.layout.packed = i % 3 == 0;
		ASSERT_EQ(0, __dev_set_features(&g->dev, rig_ring_features(&g->o.layout)));
		rig_reset_ring(g, 1);
		dev_start(&g->dev, 1, 1);
		for (int j = 0; j < 100; j++)
			rig_ping(g, 1);
		dev_stop(&g->dev, 1);
	}
}

TEST_HARNESS_MAIN
