/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Traffic in the background: a thread that keeps one queue of a rig busy with
 * chains which the device completes by itself (any queue of a null device, tx of
 * a net device), while a test disturbs it.
 *
 * It sleeps on the call eventfd whenever the ring is idle, so that a lost
 * notification shows: a wait of DEV_PATIENCE_MS without one, while a completion
 * is there or the device owes one, stops the pump with -ETIMEDOUT.
 */
#ifndef FERRY_SELFTEST_PUMP_H
#define FERRY_SELFTEST_PUMP_H

#include <pthread.h>

#include "rig.h"

struct pump {
	struct rig *g;
	unsigned int queue;
	unsigned int batch;		/* chains in flight at most */
	unsigned int segs;		/* of each chain, half of them writable; tx: none */
	int other_call;			/* a second eventfd to sleep on, or -1 */
	bool may_break;			/* chains may stay out for ever */
	bool by_poll;			/* never sleep, ask for no calls */
	struct ring_seg seg[32];

	/* The thread's; read with pump_done(). */
	pthread_t thread;
	unsigned long done;
	int err;
	int stop;
};

/* Defaults for a queue: 16 chains of two segments at RIG_BUF. */
void pump_init(struct pump *p, struct rig *g, unsigned int queue);
void pump_start(struct pump *p);

/* Completions so far. */
unsigned long pump_done(const struct pump *p);

/* Wait until @n more completed; 0, -errno of a pump that stopped, -ETIME if none comes. */
int pump_wait(struct pump *p, unsigned long n);

/* Ask the thread to end when all is back, and wait for it; 0 or -errno as it ended. */
int pump_stop(struct pump *p);

#endif /* FERRY_SELFTEST_PUMP_H */
