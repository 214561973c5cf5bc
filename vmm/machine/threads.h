/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every thread beside main is started here. Once the sandbox is closed, threads are made
 * by one of them, the maker, which alone may: a thread can only lose rights, so one that
 * runs a guest could not make others that may do what it may not.
 */
#ifndef FERRY_VMM_MACHINE_THREADS_H
#define FERRY_VMM_MACHINE_THREADS_H

#include <pthread.h>

#include "../error.h"
#include "../types.h"
#include "sandbox.h"

struct thread_order;

struct threads {
	struct sandbox sandbox;
	bool maker_started;
	pthread_t maker;

	pthread_mutex_t lock;		/* what follows */
	pthread_cond_t changed;
	struct thread_order *order;	/* the maker's next, or NULL */
	bool end;
};

void threads_init(struct threads *ts);
void threads_destroy(struct threads *ts);

/**
 * threads_start - start a thread that no signal is delivered to
 * @ts: the program's threads
 * @kind: what it does, which says what it may
 * @fn: its function
 * @arg: the function's argument
 * @thread: to be joined by the caller
 *
 * Callable from any thread. Return: 0 or a negative errno.
 */
int threads_start(struct threads *ts, enum thread_kind kind, void *(*fn)(void *), void *arg,
		  pthread_t *thread);

/*
 * From here on each thread may only do what its kind does. The calling thread is the only
 * one, and becomes THREAD_MAIN.
 */
int threads_confine(struct threads *ts, const struct sandbox_config *cfg, struct error *e);

#endif /* FERRY_VMM_MACHINE_THREADS_H */
