// SPDX-License-Identifier: GPL-2.0
/*
 * Rings on /dev/ferry-null: everything that may be exchanged while a queue runs
 * is exchanged under traffic. The traffic goes on: no wake-up is lost and no
 * stale table is used.
 */
#include "pump.h"
#include "test.h"

FIXTURE(live) {
	struct rig g;
	struct pump p;
};

FIXTURE_VARIANT(live) {
	struct ring_layout l;
};

RING_VARIANTS(live);

FIXTURE_SETUP(live)
{
	struct rig_options o = { .kind = DEV_NULL, .layout = variant->l, .queues = 2 };

	RIG_INIT(&self->g, &o);
	rig_start(&self->g);
	pump_init(&self->p, &self->g, 0);
}

FIXTURE_TEARDOWN(live)
{
	rig_destroy(&self->g);
}

TEST_F(live, call_swapped)
{
	int other = eventfd(0, EFD_NONBLOCK);
	struct dev *d = &self->g.dev;

	self->p.other_call = other;
	pump_start(&self->p);
	for (unsigned long i = 0; i < test_scale(1000); i++) {
		dev_vring(d, VHOST_SET_VRING_CALL, 0, i & 1 ? d->call[0] : other);
		if (i % 20 == 0)
			ASSERT_EQ(0, pump_wait(&self->p, 1));
	}
	EXPECT_EQ(0, pump_wait(&self->p, 100));
	EXPECT_EQ(0, pump_stop(&self->p));
}

TEST_F(live, err_swapped)
{
	int other = eventfd(0, EFD_NONBLOCK);
	struct dev *d = &self->g.dev;

	pump_start(&self->p);
	for (unsigned long i = 0; i < test_scale(1000); i++)
		dev_vring(d, VHOST_SET_VRING_ERR, 0, i % 3 == 0 ? -1 : i & 1 ? d->err[0] : other);
	EXPECT_EQ(0, pump_wait(&self->p, 100));
	EXPECT_EQ(0, pump_stop(&self->p));
	EXPECT_EQ(0, event_take(other) + event_take(d->err[0]));
}

TEST_F(live, kick_unbound_and_bound_again)
{
	struct dev *d = &self->g.dev;

	/* A kick meanwhile waits in the eventfd's counter. */
	pump_start(&self->p);
	for (unsigned long i = 0; i < test_scale(500); i++) {
		dev_vring(d, VHOST_SET_VRING_KICK, 0, -1);
		if (i & 1)
			sched_yield();
		dev_vring(d, VHOST_SET_VRING_KICK, 0, d->kick[0]);
		if (i % 20 == 0)
			ASSERT_EQ(0, pump_wait(&self->p, 1));
	}
	EXPECT_EQ(0, pump_wait(&self->p, 100));
	EXPECT_EQ(0, pump_stop(&self->p));
}

TEST_F(live, kick_replaced_by_a_fresh_one)
{
	struct dev *d = &self->g.dev;
	struct ring_seg seg = { RIG_BUF, 64 };
	struct ring_used u;

	for (unsigned long i = 0; i < test_scale(500); i++) {
		int fresh = eventfd(0, EFD_NONBLOCK);

		ASSERT_LE(0, fresh);
		dev_vring(d, VHOST_SET_VRING_KICK, 0, fresh);
		close(d->kick[0]);
		d->kick[0] = fresh;
		ASSERT_EQ(0, ring_add(&self->g.ring[0], &seg, 1, 0, i));
		dev_publish(d, 0, &self->g.ring[0]);
		ASSERT_EQ(1, dev_poll_used(&self->g.ring[0], &u, DEV_PATIENCE_MS));
	}
}

TEST_F(live, mem_table_replaced)
{
	struct rig *g = &self->g;
	struct mem more = g->mem;

	/* The same regions, with others before and after that come and go. */
	for (int i = 0; i < 20; i++)
		mem_add_hva(&more, 0x9000000000ULL + i * 0x100000ULL, rig_buf(g, 0), 0x1000);
	pump_start(&self->p);
	for (unsigned long i = 0; i < test_scale(1000); i++) {
		dev_set_mem(&g->dev, i & 1 ? &g->mem : &more);
		if (i % 20 == 0)
			ASSERT_EQ(0, pump_wait(&self->p, 1));
	}
	EXPECT_EQ(0, pump_wait(&self->p, 100));
	EXPECT_EQ(0, pump_stop(&self->p));
	EXPECT_EQ(0, event_take(g->dev.err[0]));
}

TEST_F(live, a_region_taken_away_is_gone)
{
	struct rig *g = &self->g;
	struct ring_seg seg = { 0x9000000000ULL, 64 };
	struct mem more = g->mem;
	struct ring_used u;

	mem_add_hva(&more, seg.addr, rig_buf(g, 0), 0x1000);
	for (unsigned long i = 0; i < test_scale(20); i++) {
		dev_set_mem(&g->dev, &more);
		/* Warm whatever remembers the last region. */
		for (int j = 0; j < 5; j++) {
			ASSERT_EQ(0, ring_add(&g->ring[1], &seg, 1, 0, 1));
			dev_publish(&g->dev, 1, &g->ring[1]);
			ASSERT_EQ(1, dev_poll_used(&g->ring[1], &u, DEV_PATIENCE_MS));
		}
		dev_set_mem(&g->dev, &g->mem);
		ASSERT_EQ(0, ring_add(&g->ring[1], &seg, 1, 0, 1));
		dev_publish(&g->dev, 1, &g->ring[1]);
		ASSERT_EQ(1, event_wait(g->dev.err[1], DEV_PATIENCE_MS));
		ASSERT_FALSE(ring_has_used(&g->ring[1]));
		dev_stop(&g->dev, 1);
		rig_reset_ring(g, 1);
		dev_start(&g->dev, 1, 1);
	}
	rig_ping(g, 0);
}

TEST_F(live, addresses_set_again)
{
	pump_start(&self->p);
	for (unsigned long i = 0; i < test_scale(1000); i++) {
		ASSERT_EQ(0, __dev_vring_addr(&self->g.dev, 0, &self->g.ring[0]));
		if (i % 20 == 0)
			ASSERT_EQ(0, pump_wait(&self->p, 1));
	}
	EXPECT_EQ(0, pump_wait(&self->p, 100));
	EXPECT_EQ(0, pump_stop(&self->p));
}

static unsigned int worker_new(struct dev *d)
{
	struct abi_worker_state s;

	dev_ioctl(d, ABI_NEW_WORKER, &s);
	return s.worker_id;
}

TEST_F(live, workers_come_and_go)
{
	struct abi_vring_worker w = { .index = 0 };
	struct dev *d = &self->g.dev;
	struct abi_worker_state old;

	pump_start(&self->p);
	for (unsigned long i = 0; i < test_scale(100); i++) {
		dev_ioctl(d, ABI_GET_VRING_WORKER, &w);
		old.worker_id = w.worker_id;
		w.worker_id = worker_new(d);
		dev_ioctl(d, ABI_ATTACH_VRING_WORKER, &w);
		/* The first one serves the other queues as well. */
		ASSERT_EQ(i ? 0 : -EBUSY, __dev_ioctl(d, ABI_FREE_WORKER, &old));
		if (i % 10 == 0)
			ASSERT_EQ(0, pump_wait(&self->p, 1));
	}
	EXPECT_EQ(0, pump_wait(&self->p, 100));
	EXPECT_EQ(0, pump_stop(&self->p));
}

TEST_F(live, busy_poll_switched_on_and_off)
{
	struct dev *d = &self->g.dev;

	pump_start(&self->p);
	for (unsigned long i = 0; i < test_scale(500); i++) {
		dev_vring(d, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, 0, i % 3 * 30);
		ASSERT_EQ(0, pump_wait(&self->p, 1));
	}
	EXPECT_EQ(0, pump_stop(&self->p));
}

/* Which of two queues answers first. */
static unsigned int first_used(struct ring *r)
{
	struct ring_used u;
	unsigned int i = 0;

	while (!dev_poll_used(&r[i], &u, 0))
		i = !i;
	return i;
}

/*
 * Two queues are woken at once and have one worker. The one that it serves first polls, and
 * would do so for as long as it is fed.
 */
TEST_F(live, a_poll_ends_when_another_queue_waits)
{
	struct dev *d = &self->g.dev;
	struct ring *r = self->g.ring;
	struct ring_seg seg = { RIG_BUF, 64 };
	struct ring_used u;

	dev_vring(d, VHOST_SET_VRING_KICK, 1, d->kick[0]);
	for (unsigned int i = 0; i < 2; i++)
		dev_vring(d, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, i, 10000);
	for (unsigned long n = 0; n < test_scale(30); n++) {
		unsigned int fed = 0, first;

		for (unsigned int i = 0; i < 2; i++) {
			ASSERT_EQ(0, ring_add(&r[i], &seg, 1, 0, 1));
			ring_publish(&r[i]);
		}
		dev_kick(d, 0);
		first = first_used(r);
		while (!dev_poll_used(&r[!first], &u, 0) && fed++ < 100) {
			ASSERT_EQ(0, ring_add(&r[first], &seg, 1, 0, 1));
			dev_publish(d, 0, &r[first]);
			dev_expect_used(&r[first], &u);
		}
		ASSERT_GT(100, fed);
	}
}

TEST_F(live, everything_at_once)
{
	int other = eventfd(0, EFD_NONBLOCK);
	struct dev *d = &self->g.dev;
	struct abi_vring_worker w[2] = { { 0, 0 }, { 0, worker_new(d) } };

	dev_ioctl(d, ABI_GET_VRING_WORKER, &w[0]);
	self->p.other_call = other;
	pump_start(&self->p);
	for (unsigned long i = 0; i < test_scale(500); i++) {
		dev_vring(d, VHOST_SET_VRING_CALL, 0, i & 1 ? d->call[0] : other);
		dev_vring(d, VHOST_SET_VRING_ERR, 0, i & 1 ? d->err[0] : -1);
		dev_set_mem(d, &self->g.mem);
		dev_ioctl(d, ABI_ATTACH_VRING_WORKER, &w[i & 1]);
		dev_stop(d, 0);
		dev_start(d, 0, 1);
		if (i % 20 == 0)
			ASSERT_EQ(0, pump_wait(&self->p, 1));
	}
	EXPECT_EQ(0, pump_wait(&self->p, 100));
	EXPECT_EQ(0, pump_stop(&self->p));
}

TEST_HARNESS_MAIN
