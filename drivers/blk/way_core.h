/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How the requests of a guest that sends them one by one are begun, as pure functions.
 *
 * Two questions. Who begins them: the thread that kicks saves a wake-up and two task switches,
 * a worker on another CPU works beside the guest. And after how many the guest is to kick: after
 * each if it waits for each answer, after several if it sends more meanwhile, for a kick and an
 * interrupt cost as much as a request of a fast disk; how many is the matter of gather_core.h.
 * No request tells one guest from the other, for a fast disk has answered before the next is
 * sent. So the time that requests take is measured: now and then a few are begun the other way,
 * and whichever was the faster is kept.
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

#define FERRY_WAY_WORKER	1U	/* the worker begins them, not who kicks */
#define FERRY_WAY_GATHER	2U	/* the guest kicks after several */

#define FERRY_WAY_REQUESTS	8U	/* of a window, at least */
#define FERRY_WAY_TRIAL		8U	/* windows of a trial, and of what it is compared with */
#define FERRY_WAY_FIRST		64U	/* windows to a trial after a change */
#define FERRY_WAY_LAST		2048U	/* and after many that changed nothing */
#define FERRY_WAY_LAST_REFUSED	128U	/* or ended at once */
#define FERRY_WAY_NEVER		(~0ULL)
#define FERRY_WAY_PACE		100000U	/* as long as nothing is known */

/* What is tried next, and when. */
struct ferry_way_plan {
	__u32 due;		/* in so many windows */
	__u32 period;		/* windows between trials */
};

struct ferry_way {
	__u64 since;		/* when this window began, ns */
	__u64 pace;		/* ns that a request takes of late, pauses mostly left out */
	__u64 shortest[2];	/* of a trial's windows, ns a request: before it, and in it */
	__u32 requests;		/* in this window so far */
	__u32 how;		/* FERRY_WAY_* in force */
	__u32 may;		/* FERRY_WAY_* that may be tried */
	__u32 trial;		/* the one that is tried; 0: none */
	__u32 left;		/* windows of this half of the trial */
	bool tried;		/* the second half: it is in force, or for once is not */
	struct ferry_way_plan plan[2];
};

/**
 * ferry_way_init - begin at the kick, with a kick for each
 * @w: the way of one queue
 * @may: FERRY_WAY_* that may be tried
 * @now: any clock that does not go back, ns
 */
static inline void ferry_way_init(struct ferry_way *w, __u32 may, __u64 now)
{
	*w = (struct ferry_way) {
		.since = now,
		.pace = FERRY_WAY_PACE,
		.may = may,
		.plan = {
			{ FERRY_WAY_FIRST, FERRY_WAY_FIRST },
			{ FERRY_WAY_FIRST, FERRY_WAY_FIRST },
		},
	};
}

static inline struct ferry_way_plan *ferry_way_plan_of(struct ferry_way *w, __u32 bit)
{
	return &w->plan[bit == FERRY_WAY_GATHER];
}

/* A time of late from the last one and what it took now: twice as long, at most. */
static inline __u64 ferry_way_follow(__u64 last, __u64 took)
{
	return took < 2 * last + 1 ? took : 2 * last + 1;
}

/* So many more requests, however they came; whether the window is full: ferry_way_window(). */
static inline bool ferry_way_count(struct ferry_way *w, __u32 requests)
{
	w->requests += requests;
	return w->requests >= FERRY_WAY_REQUESTS;
}

/* It changed nothing: the next trial is farther away, @last windows at most. */
static inline void ferry_way_later(struct ferry_way *w, __u32 bit, __u32 last)
{
	struct ferry_way_plan *plan = ferry_way_plan_of(w, bit);

	plan->period = plan->period < last / 2 ? 2 * plan->period : last;
	plan->due = plan->period;
}

/* The trial is over: the other way must be faster by an eighth. */
static inline void ferry_way_judge(struct ferry_way *w)
{
	struct ferry_way_plan *plan = ferry_way_plan_of(w, w->trial);

	if (w->shortest[1] < w->shortest[0] - w->shortest[0] / 8) {
		plan->period = FERRY_WAY_FIRST;
		plan->due = FERRY_WAY_FIRST;
	} else {
		w->how ^= w->trial;
		ferry_way_later(w, w->trial, FERRY_WAY_LAST);
	}
	w->trial = 0;
	w->tried = false;
}

/* One more window of a trial. */
static inline void ferry_way_try(struct ferry_way *w, __u64 took)
{
	if (took < w->shortest[w->tried])
		w->shortest[w->tried] = took;
	if (--w->left)
		return;
	if (w->tried) {
		ferry_way_judge(w);
		return;
	}
	w->how ^= w->trial;
	w->tried = true;
	w->left = FERRY_WAY_TRIAL;
}

/* One more window before @bit is tried; begin with what it is compared with. */
static inline void ferry_way_due(struct ferry_way *w, __u32 bit)
{
	struct ferry_way_plan *plan = ferry_way_plan_of(w, bit);

	if (!(w->may & bit))
		return;
	if (plan->due)
		plan->due--;
	if (plan->due || w->trial)
		return;
	w->trial = bit;
	w->left = FERRY_WAY_TRIAL;
	w->shortest[0] = FERRY_WAY_NEVER;
	w->shortest[1] = FERRY_WAY_NEVER;
}

/**
 * ferry_way_window - the window is full
 * @w: the way of one queue
 * @now: by the clock of ferry_way_init()
 *
 * w->how says how the next request is begun.
 */
static inline void ferry_way_window(struct ferry_way *w, __u64 now)
{
	__u64 took = now - w->since;

	/* Of more than four seconds it does not matter how many. */
	took = (took < 0xffffffff ? (__u32)took : 0xffffffff) / w->requests;
	w->since = now;
	w->requests = 0;
	w->pace = ferry_way_follow(w->pace, took);
	if (w->trial) {
		ferry_way_try(w, took);
	} else {
		ferry_way_due(w, FERRY_WAY_GATHER);
		ferry_way_due(w, FERRY_WAY_WORKER);
	}
}

/**
 * ferry_way_refuse - a way is known to be the slower one, without a measurement
 * @w: the way of one queue
 * @bit: the FERRY_WAY_* that was in force
 *
 * Which cost little, so that it is tried again sooner than after a whole trial.
 */
static inline void ferry_way_refuse(struct ferry_way *w, __u32 bit)
{
	if (w->tried)
		w->how ^= w->trial;
	w->trial = 0;
	w->tried = false;
	w->how &= ~bit;
	ferry_way_later(w, bit, FERRY_WAY_LAST_REFUSED);
}

#endif /* FERRY_BLK_WAY_CORE_H */
