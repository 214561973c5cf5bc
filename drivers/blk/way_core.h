/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which of two threads begins a request that comes alone, as pure functions.
 *
 * The thread that kicks saves a wake-up and two task switches, and is what a guest wants that
 * waits for each answer. One that has more to send loses: it submits while its vCPU could be
 * sending, and is interrupted for every answer, where a worker on another CPU would work beside
 * it and answer several at once. No request tells one guest from the other, for a fast disk has
 * answered before the next is sent. So the time that requests take is measured both ways: now
 * and then a few go the other way, and whichever was the faster is kept.
 *
 * Time is taken for windows of several requests, and of several windows the shortest counts: the
 * others had pauses in them. Trials become rare while they change nothing.
 */
#ifndef FERRY_BLK_WAY_CORE_H
#define FERRY_BLK_WAY_CORE_H

#include <linux/types.h>
#ifndef __KERNEL__
#include <stdbool.h>
#endif

#define FERRY_WAY_REQUESTS	8U	/* of a window, at least */
#define FERRY_WAY_TRIAL		8U	/* windows of a trial, and of what it is compared with */
#define FERRY_WAY_FIRST		64U	/* windows to a trial after a change */
#define FERRY_WAY_LAST		2048U	/* and after many that changed nothing */
#define FERRY_WAY_NEVER		(~0ULL)

struct ferry_way {
	__u64 since;		/* when this window began, ns */
	__u64 shortest[2];	/* of a window of late, ns a request: at the kick, in the worker */
	__u32 requests;		/* in this window so far */
	__u32 left;		/* windows until a trial begins, or ends */
	__u32 period;		/* windows between trials */
	bool worker;		/* the way that is gone now; false at first */
	bool trial;		/* it is tried */
};

/**
 * ferry_way_init - begin at the kick
 * @w: the way of one queue
 * @now: any clock that does not go back, ns
 */
static inline void ferry_way_init(struct ferry_way *w, __u64 now)
{
	w->since = now;
	w->shortest[0] = FERRY_WAY_NEVER;
	w->shortest[1] = FERRY_WAY_NEVER;
	w->requests = 0;
	w->left = FERRY_WAY_FIRST;
	w->period = FERRY_WAY_FIRST;
	w->worker = false;
	w->trial = false;
}

/* So many more requests, however they came; whether the window is full: ferry_way_window(). */
static inline bool ferry_way_count(struct ferry_way *w, __u32 requests)
{
	w->requests += requests;
	return w->requests >= FERRY_WAY_REQUESTS;
}

static inline void ferry_way_turn(struct ferry_way *w)
{
	w->worker = !w->worker;
	w->shortest[w->worker] = FERRY_WAY_NEVER;
}

/* The trial is over: the new way must be faster by an eighth. */
static inline void ferry_way_judge(struct ferry_way *w)
{
	__u64 tried = w->shortest[w->worker], kept = w->shortest[!w->worker];

	if (tried < kept - kept / 8) {
		w->period = FERRY_WAY_FIRST;
		return;
	}
	w->worker = !w->worker;
	w->period = w->period < FERRY_WAY_LAST / 2 ? 2 * w->period : FERRY_WAY_LAST;
}

/**
 * ferry_way_window - the window is full
 * @w: the way of one queue
 * @now: by the clock of ferry_way_init()
 *
 * w->worker says where the next request goes.
 */
static inline void ferry_way_window(struct ferry_way *w, __u64 now)
{
	__u64 took = now - w->since;

	/* Of more than four seconds it does not matter how many. */
	took = (took < 0xffffffff ? (__u32)took : 0xffffffff) / w->requests;
	w->since = now;
	w->requests = 0;
	if (took < w->shortest[w->worker])
		w->shortest[w->worker] = took;
	w->left--;
	/* What was long ago was perhaps another load. */
	if (!w->trial && w->left == FERRY_WAY_TRIAL)
		w->shortest[w->worker] = FERRY_WAY_NEVER;
	if (w->left)
		return;
	if (w->trial)
		ferry_way_judge(w);
	else
		ferry_way_turn(w);
	w->trial = !w->trial;
	w->left = w->trial ? FERRY_WAY_TRIAL : w->period;
}

#endif /* FERRY_BLK_WAY_CORE_H */
