/* SPDX-License-Identifier: GPL-2.0 */
/*
 * After how many requests a guest that sends several, one by one, is to kick; as pure functions.
 *
 * As long as the guest sends them before the time is over it is asked to kick after twice as
 * many. When the time is over first it sent all that it has and waits, so that it is asked for
 * as many from then on; for half of them if a worker serves them beside it, for then it sends the
 * other half meanwhile. A guest that sends but one, and one again, waits for each answer, and
 * loses by being kept waiting. See also way_core.h.
 */
#ifndef FERRY_BLK_GATHER_CORE_H
#define FERRY_BLK_GATHER_CORE_H

#include <linux/types.h>
#ifndef __KERNEL__
#include <stdbool.h>
#endif

#define FERRY_GATHER_LEAST	2U
#define FERRY_GATHER_MOST	32U
#define FERRY_GATHER_NS		1000000U /* no request is kept waiting for longer */
/*
 * A guest that has more to send needs so many times longer for a request than we do, at most. One
 * that needs longer than that has other things to do, and is not waited for.
 */
#define FERRY_GATHER_TIMES	8U
#define FERRY_GATHER_FIRST	16U	/* times that all came before more are wanted again */
#define FERRY_GATHER_LAST	512U	/* the same after many times that they did not */

struct ferry_gather {
	__u32 want;		/* requests before a kick */
	__u32 hold;		/* times to the next attempt at more */
	__u32 period;		/* hold after an attempt that failed */
	__u32 singles;		/* times that one came alone, without others between */
	__u32 had;		/* what the guest had when it last had fewer */
};

static inline void ferry_gather_init(struct ferry_gather *g)
{
	g->want = FERRY_GATHER_LEAST;
	g->hold = 0;
	g->period = FERRY_GATHER_FIRST;
	g->singles = 0;
	g->had = 0;
}

/**
 * ferry_gather_each - how long to wait for each
 * @pace: how long a request takes of late, with all that guest and disk do for it, ns
 * @served: how long we do, ns
 */
static inline __u64 ferry_gather_each(__u64 pace, __u64 served)
{
	return pace / FERRY_GATHER_TIMES < served ? pace : served * FERRY_GATHER_TIMES;
}

/**
 * ferry_gather_time - how long to wait for them
 * @g: of one queue
 * @each: from ferry_gather_each()
 *
 * Twice as long as they should take: before it sends the guest takes as many answers, and it
 * may be interrupted. Return: ns.
 */
static inline __u32 ferry_gather_time(const struct ferry_gather *g, __u64 each)
{
	return each < FERRY_GATHER_NS / (2 * g->want) ? 2 * g->want * (__u32)each : FERRY_GATHER_NS;
}

/**
 * ferry_gather_full - as many as were wanted came in time
 * @g: of one queue
 * @most: that may be wanted
 * @each: from ferry_gather_each()
 */
static inline void ferry_gather_full(struct ferry_gather *g, __u32 most, __u64 each)
{
	if (g->want > g->had)
		g->period = FERRY_GATHER_FIRST;
	g->singles = 0;
	if (g->hold) {
		g->hold--;
		return;
	}
	/* Twice as many are too many, or take longer than they may. */
	if (2 * g->want > most || each > FERRY_GATHER_NS / (4 * g->want))
		return;
	g->want *= 2;
}

/**
 * ferry_gather_late - the time was over
 * @g: of one queue
 * @came: how many there were, more than 0 and fewer than wanted
 * @beside: whether they are served while the guest goes on
 *
 * Return: whether there is anything to gather.
 */
static inline bool ferry_gather_late(struct ferry_gather *g, __u32 came, bool beside)
{
	__u32 want = beside ? came / 2 : came;

	g->want = want > FERRY_GATHER_LEAST ? want : FERRY_GATHER_LEAST;
	g->hold = g->period;
	g->period = g->period < FERRY_GATHER_LAST / 2 ? 2 * g->period : FERRY_GATHER_LAST;
	g->had = came;
	g->singles = came > 1 ? 0 : g->singles + 1;
	return g->singles < 2;
}

/**
 * ferry_gather_turn - from now on they are served by another
 * @g: of one queue
 * @beside: as in ferry_gather_late()
 * @most: that may be wanted
 */
static inline void ferry_gather_turn(struct ferry_gather *g, bool beside, __u32 most)
{
	__u32 want = beside ? g->want / 2 : 2 * g->want;

	if (want >= FERRY_GATHER_LEAST && want <= most)
		g->want = want;
}

#endif /* FERRY_BLK_GATHER_CORE_H */
