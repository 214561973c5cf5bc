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

/* Descriptors of a request in a ring without indirect tables: header, payload, status. */
#define FERRY_BLK_REQ_DESCS	3U

/* A timer that is no finer, as one of the tick's, would keep the guest waiting for nothing. */
#define FERRY_BLK_TIMER_NS	(FERRY_GATHER_NS / 10)

/* Nobody waits. */
#define FERRY_BLK_NO_TIME	U64_MAX

/* Have the timer fire at q->until; under timer_lock. */
static void ferry_blk_arm(struct ferry_blk_queue *q)
{
	q->expires = q->until;
	hrtimer_start(&q->timer, ns_to_ktime(q->expires), HRTIMER_MODE_ABS);
}

/* It is not moved to each later q->until, but finds out here. */
static enum hrtimer_restart ferry_blk_time_over(struct hrtimer *timer)
{
	struct ferry_blk_queue *q = container_of(timer, struct ferry_blk_queue, timer);
	unsigned long flags;
	bool over;

	raw_spin_lock_irqsave(&q->timer_lock, flags);
	over = ktime_get_ns() >= q->until;
	if (over || q->until == FERRY_BLK_NO_TIME)
		q->expires = FERRY_BLK_NO_TIME;
	else
		ferry_blk_arm(q);
	raw_spin_unlock_irqrestore(&q->timer_lock, flags);
	if (over)
		ferry_vq_queue(&q->vq);
	return HRTIMER_NORESTART;
}

/* Have the worker look at this time, or not at all. */
static void ferry_blk_look_at(struct ferry_blk_queue *q, u64 until)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&q->timer_lock, flags);
	q->until = until;
	if (until < q->expires)
		ferry_blk_arm(q);
	raw_spin_unlock_irqrestore(&q->timer_lock, flags);
}

static void ferry_blk_wait_no_more(struct ferry_blk_queue *q)
{
	if (q->waiting)
		ferry_blk_look_at(q, FERRY_BLK_NO_TIME);
	q->waiting = false;
}

void ferry_blk_pace_init(struct ferry_blk_queue *q)
{
	raw_spin_lock_init(&q->timer_lock);
	hrtimer_setup(&q->timer, ferry_blk_time_over, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	q->until = FERRY_BLK_NO_TIME;
	q->expires = FERRY_BLK_NO_TIME;
}

/* Requests that may be waited for: half of what the ring has room for. */
static u32 ferry_blk_gather_most(const struct ferry_blk_queue *q)
{
	const struct ferry_vring *vr = &q->vq.vring;
	u32 descs = vr->indirect ? 1 : FERRY_BLK_REQ_DESCS;

	return min_t(u32, FERRY_GATHER_MOST, vr->num / (2 * descs));
}

/* A disk is given: nothing is known of the guest. */
void ferry_blk_pace_start(struct ferry_blk_queue *q)
{
	u32 may = FERRY_WAY_WORKER;

	if (q->vq.vring.event_idx && ferry_blk_gather_most(q) >= FERRY_GATHER_LEAST &&
	    hrtimer_resolution <= FERRY_BLK_TIMER_NS)
		may |= FERRY_WAY_GATHER;
	ferry_way_init(&q->way, may, ktime_get_ns());
	ferry_gather_init(&q->gather);
	q->served = FERRY_WAY_PACE;
	ferry_blk_wait_no_more(q);
	q->dry = false;
}

/*
 * The disk is off the queue, so that nobody sets the time any more; not under its mutex. What
 * the guest has not kicked for is for whoever serves the ring next, who begins with a look.
 */
void ferry_blk_pace_stop(struct ferry_blk_queue *q)
{
	hrtimer_cancel(&q->timer);
	q->until = FERRY_BLK_NO_TIME;
	q->expires = FERRY_BLK_NO_TIME;
}

/* When so many requests that come together are begun, if that is to be measured; else 0. */
u64 ferry_blk_pace_begin(const struct ferry_blk_queue *q, u32 requests)
{
	return q->quick && q->way.requests + requests >= FERRY_WAY_REQUESTS ? ktime_get_ns() : 0;
}

/* They are begun, or so many of them; @since: from ferry_blk_pace_begin(). */
void ferry_blk_pace(struct ferry_blk_queue *q, u32 requests, u64 since)
{
	u32 how = q->way.how, turned;
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
	turned = q->way.how ^ how;
	/* What was known before a trial without it is still true after that. */
	if (turned & q->way.how & FERRY_WAY_GATHER && q->way.tried)
		ferry_gather_init(&q->gather);
	else if (turned & FERRY_WAY_WORKER)
		ferry_gather_turn(&q->gather, q->way.how & FERRY_WAY_WORKER,
				  ferry_blk_gather_most(q));
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
 * ferry_blk_gathered - somebody looks at the ring while the guest is to kick later
 * @q: the queue being served, with q->waiting
 * @n: chains that are there
 */
void ferry_blk_gathered(struct ferry_blk_queue *q, u32 n)
{
	bool over = ktime_get_ns() >= q->until, beside = q->way.how & FERRY_WAY_WORKER;

	if (!n && !over)
		return;
	ferry_blk_wait_no_more(q);
	/* It has nothing to send: the next one that comes is not to be kept waiting. */
	q->dry = !n;
	if (n >= q->gather.want) {
		/* Otherwise the guest thinks that it was to kick for more. */
		if (!over)
			ferry_gather_full(&q->gather, ferry_blk_gather_most(q), ferry_blk_each(q));
	} else if (n && over && !ferry_gather_late(&q->gather, n, beside)) {
		ferry_way_refuse(&q->way, FERRY_WAY_GATHER);
	}
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
	    vq->busyloop_us) {
		ferry_blk_wait_no_more(q);
		return ferry_vq_idle(vq);
	}
	if (!q->waiting)
		ferry_blk_look_at(q, ktime_get_ns() +
				  ferry_gather_time(&q->gather, ferry_blk_each(q)));
	q->waiting = true;
	return ferry_vq_idle_ahead(vq, q->gather.want - 1);
}
