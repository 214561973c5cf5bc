// SPDX-License-Identifier: GPL-2.0
/*
 * When a guest is to kick, and who then begins its requests: the rules of way_core.h and
 * gather_core.h put to work.
 *
 * While requests are gathered the guest has been asked to kick only after several, and a timer
 * runs that has the worker look after those that are there when the time is over. Everything
 * is under the queue's mutex but the timer's call, which only wakes the worker; q->timer_lock,
 * inside the mutex, keeps it and whoever sets the time from missing each other.
 */
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/math64.h>

#include "ferry_blk.h"

/* Gathering takes a ring with room for more than are waited for. */
#define FERRY_BLK_GATHER_RING	(2 * FERRY_GATHER_LEAST)

/* It is not moved each time that q->until is, but finds that out here. */
static enum hrtimer_restart ferry_blk_time_over(struct hrtimer *timer)
{
	struct ferry_blk_queue *q = container_of(timer, struct ferry_blk_queue, timer);
	unsigned long flags;
	bool over;

	raw_spin_lock_irqsave(&q->timer_lock, flags);
	over = ktime_get_ns() >= q->until;
	if (over)
		q->armed = false;
	else
		hrtimer_set_expires(timer, ns_to_ktime(q->until));
	raw_spin_unlock_irqrestore(&q->timer_lock, flags);
	if (!over)
		return HRTIMER_RESTART;
	ferry_vq_queue(&q->vq);
	return HRTIMER_NORESTART;
}

/* Have the worker look in so many ns. */
static void ferry_blk_time(struct ferry_blk_queue *q, u32 ns)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&q->timer_lock, flags);
	q->until = ktime_get_ns() + ns;
	if (!q->armed)
		hrtimer_start(&q->timer, ns_to_ktime(q->until), HRTIMER_MODE_ABS);
	q->armed = true;
	raw_spin_unlock_irqrestore(&q->timer_lock, flags);
}

void ferry_blk_pace_init(struct ferry_blk_queue *q)
{
	raw_spin_lock_init(&q->timer_lock);
	hrtimer_setup(&q->timer, ferry_blk_time_over, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
}

/* A disk is given: nothing is known of the guest. */
void ferry_blk_pace_start(struct ferry_blk_queue *q)
{
	const struct ferry_vring *vr = &q->vq.vring;
	u32 may = FERRY_WAY_WORKER;

	if (vr->event_idx && vr->num >= FERRY_BLK_GATHER_RING)
		may |= FERRY_WAY_GATHER;
	ferry_way_init(&q->way, may, ktime_get_ns());
	ferry_gather_init(&q->gather);
	q->served = FERRY_WAY_PACE;
	q->waiting = false;
	q->dry = false;
}

/* The queue has no disk any more, and nobody holds its mutex. */
void ferry_blk_pace_stop(struct ferry_blk_queue *q)
{
	hrtimer_cancel(&q->timer);
	q->armed = false;
}

/* When so many requests that come together are begun, if that is to be measured; else 0. */
u64 ferry_blk_pace_begin(const struct ferry_blk_queue *q, u32 requests)
{
	return q->quick && q->way.requests + requests >= FERRY_WAY_REQUESTS ? ktime_get_ns() : 0;
}

/* They are begun, or so many of them; @since: from ferry_blk_pace_begin(). */
void ferry_blk_pace(struct ferry_blk_queue *q, u32 requests, u64 since)
{
	u32 how = q->way.how;
	u64 now;

	if (!q->quick || !requests)
		return;
	q->dry = false;
	if (!ferry_way_count(&q->way, requests))
		return;
	now = ktime_get_ns();
	if (since)
		q->served = ferry_way_follow(q->served, div_u64(now - since, requests));
	ferry_way_window(&q->way, now);
	if (q->way.how & ~how & FERRY_WAY_GATHER)
		ferry_gather_init(&q->gather);
}

static u64 ferry_blk_each(const struct ferry_blk_queue *q)
{
	return ferry_gather_each(q->way.pace, q->served);
}

/**
 * ferry_blk_few - whether the thread that kicks may begin so many
 * @q: the queue being served
 * @n: requests that came together
 */
bool ferry_blk_few(const struct ferry_blk_queue *q, u32 n)
{
	if (q->way.how & FERRY_WAY_WORKER)
		return false;
	return n == 1 || (q->way.how & FERRY_WAY_GATHER && n <= q->gather.want);
}

/**
 * ferry_blk_gathered - the first look at the ring since the guest was to kick later
 * @q: the queue being served, with q->waiting
 * @n: chains that are there
 */
void ferry_blk_gathered(struct ferry_blk_queue *q, u32 n)
{
	u32 most = min_t(u32, FERRY_GATHER_MOST, q->vq.vring.num / 2);
	bool beside = q->way.how & FERRY_WAY_WORKER;

	q->waiting = false;
	/* It has nothing to send: the next one that comes is not to be kept waiting. */
	q->dry = !n;
	if (n >= q->gather.want)
		ferry_gather_full(&q->gather, most, ferry_blk_each(q));
	else if (n && ktime_get_ns() >= q->until && !ferry_gather_late(&q->gather, n, beside))
		ferry_way_refuse(&q->way, FERRY_WAY_GATHER);
}

/**
 * ferry_blk_idle - ask the guest for a kick, after one request or several
 * @q: the queue being served
 *
 * Return: as ferry_vq_idle_ahead().
 */
bool ferry_blk_idle(struct ferry_blk_queue *q)
{
	struct ferry_vq *vq = &q->vq;

	/* What is in flight brings the worker here again when it is complete. */
	if (!(q->way.how & FERRY_WAY_GATHER) || !q->quick || q->dry || q->flight ||
	    vq->busyloop_us)
		return ferry_vq_idle(vq);
	q->waiting = true;
	ferry_blk_time(q, ferry_gather_time(&q->gather, ferry_blk_each(q)));
	return ferry_vq_idle_ahead(vq, q->gather.want - 1);
}
