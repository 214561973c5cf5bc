// SPDX-License-Identifier: GPL-2.0
/*
 * Guests that misbehave in time: descriptors rewritten while the device reads
 * them, ring memory that goes away, and a flood of errors, which must neither
 * flood the log nor starve the other queue.
 */
#include "bad.h"
#include "pump.h"
#include "test.h"

FIXTURE(hostile) {
	struct rig g;
	struct pump p;
};

FIXTURE_VARIANT(hostile) {
	struct ring_layout l;
};

RING_VARIANT(hostile, split, .event_idx = true);
RING_VARIANT(hostile, split_indirect, .indirect = true);
RING_VARIANT(hostile, packed, .packed = true);
RING_VARIANT(hostile, packed_indirect, .packed = true, .indirect = true, .event_idx = true);

FIXTURE_SETUP(hostile)
{
	struct rig_options o = { .kind = DEV_NULL, .layout = variant->l, .queues = 2,
				 .features = F_INDIRECT };

	o.layout.num = 64;
	RIG_INIT(&self->g, &o);
	rig_start(&self->g);
	pump_init(&self->p, &self->g, 1);
}

FIXTURE_TEARDOWN(hostile)
{
	rig_destroy(&self->g);
}

typedef FIXTURE_DATA(hostile) hostile_t;

struct scribbler {
	struct ring r;		/* a copy: the ring itself is set up anew meanwhile */
	int stop;
};

/* Rewrite random bytes of queue 0's descriptors and tables, as fast as it goes. */
static void *scribble(void *arg)
{
	struct scribbler *s = arg;
	const struct ring *r = &s->r;
	unsigned int seed = 12345, n = 0;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		struct vring_desc *d = &r->desc[rand_r(&seed) % r->l.num];

		if (r->l.indirect && rand_r(&seed) % 2)
			d = &r->table[rand_r(&seed) % r->l.num * r->l.table_max];
		switch (rand_r(&seed) % 4) {
		case 0:
			d->addr = (uint64_t)rand_r(&seed) << (rand_r(&seed) % 34);
			break;
		case 1:
			d->len = rand_r(&seed);
			break;
		case 2:
			d->flags ^= 1 << rand_r(&seed) % 4;
			break;
		default:
			d->next = rand_r(&seed) % (2 * r->l.num);
		}
		if (++n % 64 == 0)
			sched_yield();
	}
	return NULL;
}

TEST_F(hostile, descriptors_rewritten_while_they_are_read)
{
	struct scribbler s = { .r = self->g.ring[0] };
	struct ring_seg seg[2] = { { RIG_BUF, 64 }, { RIG_BUF + 4096, 64 } };
	unsigned long broken = 0, rounds = test_scale(400);
	pthread_t t;

	pump_start(&self->p);
	ASSERT_EQ(0, pthread_create(&t, NULL, scribble, &s));
	/* On a slow machine it takes a while until the two meet, however short the test. */
	for (unsigned long i = 0; i < rounds || (!broken && i < 40000); i++) {
		struct ring_used u;

		for (int j = 0; j < 32; j++)
			if (ring_add(&self->g.ring[0], seg, 1, 1, j))
				break;
		ring_publish(&self->g.ring[0]);
		dev_kick(&self->g.dev, 0);
		while (ring_get(&self->g.ring[0], &u) == 1)
			;
		if (event_wait(self->g.dev.err[0], 1)) {
			broken++;
			dev_stop(&self->g.dev, 0);
			rig_reset_ring(&self->g, 0);
			dev_start(&self->g.dev, 0, 1);
		} else if (i % 10 == 0) {
			dev_stop(&self->g.dev, 0);
			rig_reset_ring(&self->g, 0);
			dev_start(&self->g.dev, 0, 1);
		}
	}
	__atomic_store_n(&s.stop, 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	TH_LOG("broken %lu times in some %lu rounds", broken, rounds);
	EXPECT_GT(broken, 0);
	/* The neighbour never noticed. */
	EXPECT_EQ(0, pump_wait(&self->p, 100));
	EXPECT_EQ(0, pump_stop(&self->p));
	EXPECT_EQ(0, event_take(self->g.dev.err[1]));
	event_take(self->g.dev.err[0]);
	bad_mend(&self->g, 0);
	rig_ping(&self->g, 0);
}

/* Take the memory of queue 0's ring away; put other memory there afterwards. */
static void unmap_ring(hostile_t *self)
{
	check(!munmap(self->g.ring[0].desc, ring_bytes(&self->g.o.layout)), "munmap");
}

static void remap_ring(hostile_t *self)
{
	void *p = mmap(self->g.ring[0].desc, ring_bytes(&self->g.o.layout),
		       PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	check(p == (void *)self->g.ring[0].desc, "mmap at the old place: %s", strerror(errno));
}

TEST_F(hostile, ring_memory_goes_away)
{
	pump_start(&self->p);
	for (unsigned long i = 0; i < test_scale(20); i++) {
		rig_ping(&self->g, 0);
		unmap_ring(self);
		dev_kick(&self->g.dev, 0);
		bad_expect_broken(&self->g, 0);
		remap_ring(self);
		bad_mend(&self->g, 0);
		rig_ping(&self->g, 0);
	}
	EXPECT_EQ(0, pump_wait(&self->p, 100));
	EXPECT_EQ(0, pump_stop(&self->p));
}

TEST_F(hostile, ring_memory_becomes_read_only)
{
	struct ring_seg seg = { RIG_BUF, 64 };
	size_t bytes = ring_bytes(&self->g.o.layout);

	ASSERT_EQ(0, ring_add(&self->g.ring[0], &seg, 1, 0, 1));
	ring_publish(&self->g.ring[0]);
	ASSERT_EQ(0, mprotect(self->g.ring[0].desc, bytes, PROT_READ));
	dev_kick(&self->g.dev, 0);
	bad_expect_broken(&self->g, 0);
	ASSERT_EQ(0, mprotect(self->g.ring[0].desc, bytes, PROT_READ | PROT_WRITE));
	bad_mend(&self->g, 0);
	rig_ping(&self->g, 0);
	rig_ping(&self->g, 1);
}

TEST_F(hostile, a_broken_queue_can_be_stopped_and_asked_for_its_base)
{
	const struct ring_raw d = { NOWHERE, 64, 0, 0 };

	rig_ping(&self->g, 0);
	ring_raw_add(&self->g.ring[0], &d, 1);
	ring_publish(&self->g.ring[0]);
	dev_kick(&self->g.dev, 0);
	bad_expect_broken(&self->g, 0);
	dev_vring_base(&self->g.dev, 0);
	EXPECT_EQ(-EBUSY, __dev_vring(&self->g.dev, VHOST_SET_VRING_NUM, 0, 64));
	dev_stop(&self->g.dev, 0);
	/* The bad chain was not taken: it is where the queue would go on. */
	EXPECT_EQ(1, dev_vring_base(&self->g.dev, 0) & 0x7fff);
	EXPECT_EQ(0, __dev_vring(&self->g.dev, VHOST_SET_VRING_NUM, 0, 64));
}

TEST_F(hostile, a_flood_of_errors_does_not_flood_the_log)
{
	const struct ring_raw d = { NOWHERE, 64, 0, 0 };
	unsigned long rounds = test_scale(300);
	uint64_t begin = dev_now_ns(), seconds;
	int log = klog_open(), lines;

	TEST_REQUIRE(log >= 0, "no /dev/kmsg");
	pump_start(&self->p);
	for (unsigned long i = 0; i < rounds; i++) {
		ring_raw_add(&self->g.ring[0], &d, 1);
		ring_publish(&self->g.ring[0]);
		dev_kick(&self->g.dev, 0);
		ASSERT_EQ(1, event_wait(self->g.dev.err[0], DEV_PATIENCE_MS));
		dev_stop(&self->g.dev, 0);
		rig_reset_ring(&self->g, 0);
		dev_start(&self->g.dev, 0, 1);
	}
	EXPECT_EQ(0, pump_wait(&self->p, 10));
	EXPECT_EQ(0, pump_stop(&self->p));
	lines = klog_count(log, "ferry");
	seconds = (dev_now_ns() - begin) / 1000000000ULL + 1;
	TH_LOG("%d lines for %lu errors in %llu s", lines, rounds, (unsigned long long)seconds);
	/* Ten lines in five seconds and one that says how many were kept back. */
	EXPECT_LE(lines, (int)(11 * (seconds / 5 + 2)));
	close(log);
}

TEST_F(hostile, one_error_is_one_line)
{
	const struct ring_raw d = { NOWHERE, 64, 0, 0 };
	int log = klog_open();

	TEST_REQUIRE(log >= 0, "no /dev/kmsg");
	ring_raw_add(&self->g.ring[0], &d, 1);
	ring_publish(&self->g.ring[0]);
	dev_kick(&self->g.dev, 0);
	ASSERT_EQ(1, event_wait(self->g.dev.err[0], DEV_PATIENCE_MS));
	for (int i = 0; i < 100; i++)
		dev_kick(&self->g.dev, 0);
	rig_ping(&self->g, 1);
	EXPECT_GE(1, klog_count(log, "queue 0"));
	close(log);
}

TEST_HARNESS_MAIN
