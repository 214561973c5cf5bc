// SPDX-License-Identifier: GPL-2.0
/*
 * Traffic on one queue. pump_*() run in the test's thread, the loop in one of
 * its own, which alone touches the ring; they share done, err and stop through
 * atomics.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <time.h>

#include "check.h"
#include "pump.h"

void pump_init(struct pump *p, struct rig *g, unsigned int queue)
{
	memset(p, 0, sizeof(*p));
	p->g = g;
	p->queue = queue;
	p->batch = 16;
	p->segs = 2;
	p->other_call = -1;
	for (unsigned int i = 0; i < 32; i++) {
		p->seg[i].addr = RIG_BUF + 0x1000 * i;
		p->seg[i].len = 128;
	}
}

static unsigned int pump_writable(const struct pump *p)
{
	return p->g->o.kind == DEV_NET ? 0 : p->segs / 2;
}

static struct ring *pump_ring(struct pump *p)
{
	return &p->g->ring[p->queue];
}

static void pump_fill(struct pump *p, unsigned int *in_flight)
{
	unsigned int in = pump_writable(p);

	while (*in_flight < p->batch &&
	       !ring_add(pump_ring(p), p->seg, p->segs - in, in, *in_flight))
		++*in_flight;
	dev_publish(&p->g->dev, p->queue, pump_ring(p));
}

/* Take completions; return how many, or -errno. */
static int pump_take(struct pump *p, unsigned int *in_flight)
{
	struct ring_used u;
	int got, n = 0;

	while ((got = ring_get(pump_ring(p), &u)) == 1) {
		if (u.len)
			return -EBADMSG;
		--*in_flight;
		n++;
	}
	if (n)
		__atomic_add_fetch(&p->done, n, __ATOMIC_RELAXED);
	return got < 0 ? got : n;
}

static int pump_stopped(const struct pump *p)
{
	return __atomic_load_n(&p->stop, __ATOMIC_ACQUIRE);
}

/* Sleep until called; short naps, so as to see a stop in time. */
static int pump_sleep(struct pump *p)
{
	struct pollfd fds[2] = {
		{ .fd = p->g->dev.call[p->queue], .events = POLLIN },
		{ .fd = p->other_call, .events = POLLIN },
	};
	uint64_t end = dev_now_ns() + DEV_PATIENCE_MS * 1000000ULL;

	while (!pump_stopped(p)) {
		if (poll(fds, 2, 20) > 0) {
			event_take(fds[0].fd);
			if (fds[1].fd >= 0)
				event_take(fds[1].fd);
			return 0;
		}
		if (dev_now_ns() > end)
			return p->may_break ? 0 : -ETIMEDOUT;
	}
	return 0;
}

/* All that is in flight comes back, or it was lost. */
static int pump_drain(struct pump *p, unsigned int in_flight)
{
	uint64_t end = dev_now_ns() + DEV_PATIENCE_MS * 1000000ULL;
	int n;

	while (in_flight) {
		n = pump_take(p, &in_flight);
		if (n < 0)
			return n;
		if (dev_now_ns() > end)
			return -ETIMEDOUT;
		sched_yield();
	}
	return 0;
}

static int pump_loop(struct pump *p)
{
	unsigned int in_flight = 0;
	int n;

	while (!pump_stopped(p)) {
		pump_fill(p, &in_flight);
		if (p->by_poll)
			ring_disable_call(pump_ring(p));
		n = pump_take(p, &in_flight);
		if (n < 0)
			return n;
		if (n)
			continue;
		if (p->by_poll) {
			sched_yield();
			continue;
		}
		if (ring_enable_call(pump_ring(p)))
			continue;
		n = pump_sleep(p);
		if (n)
			return n;
	}
	return p->may_break ? 0 : pump_drain(p, in_flight);
}

static void *pump_thread(void *arg)
{
	struct pump *p = arg;

	__atomic_store_n(&p->err, pump_loop(p), __ATOMIC_RELEASE);
	return NULL;
}

void pump_start(struct pump *p)
{
	p->stop = 0;
	p->err = 0;
	check(!pthread_create(&p->thread, NULL, pump_thread, p), "a thread");
}

unsigned long pump_done(const struct pump *p)
{
	return __atomic_load_n(&p->done, __ATOMIC_RELAXED);
}

int pump_wait(struct pump *p, unsigned long n)
{
	unsigned long done = pump_done(p), until = done + n, before = done;
	uint64_t end = dev_now_ns() + DEV_PATIENCE_MS * 1000000ULL;
	const struct timespec nap = { .tv_nsec = 200000 };
	int err;

	for (; (long)(until - done) > 0; done = pump_done(p)) {
		err = __atomic_load_n(&p->err, __ATOMIC_ACQUIRE);
		if (err)
			return err;
		if (done != before)
			end = dev_now_ns() + DEV_PATIENCE_MS * 1000000ULL;
		else if (dev_now_ns() > end)
			return -ETIME;
		before = done;
		nanosleep(&nap, NULL);
	}
	return 0;
}

int pump_stop(struct pump *p)
{
	__atomic_store_n(&p->stop, 1, __ATOMIC_RELEASE);
	pthread_join(p->thread, NULL);
	return p->err;
}
