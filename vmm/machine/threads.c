// SPDX-License-Identifier: GPL-2.0
/*
 * Role: start threads, by the maker once the sandbox is closed.
 * Threads: any may ask; the maker makes.
 * Locks: threads.lock, for the order; it is innermost, and whoever asks may hold others:
 *	the maker takes none.
 */
#include "threads.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

struct thread_order {
	struct threads *ts;
	enum thread_kind kind;
	void *(*fn)(void *);
	void *arg;
	pthread_t thread;
	bool done;		/* under threads.lock */
	int ret;
};

static void *thread_begin(void *opaque)
{
	struct thread_order o = *(struct thread_order *)opaque;

	free(opaque);
	sandbox_enter(&o.ts->sandbox, o.kind);
	return o.fn(o.arg);
}

/* Make one here and now. */
static int thread_make(struct thread_order *o)
{
	struct thread_order *own = malloc(sizeof(*own));
	sigset_t all, old;
	int ret;

	if (!own)
		return -ENOMEM;
	*own = *o;
	/* What a signal of the sandbox's says is heard in every thread. */
	sigfillset(&all);
	sigdelset(&all, SIGSYS);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	ret = -pthread_create(&o->thread, NULL, thread_begin, own);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret)
		free(own);
	return ret;
}

static void *thread_maker(void *opaque)
{
	struct threads *ts = opaque;
	struct thread_order *o;

	pthread_setname_np(pthread_self(), "maker");
	pthread_mutex_lock(&ts->lock);
	for (;;) {
		while (!ts->order && !ts->end)
			pthread_cond_wait(&ts->changed, &ts->lock);
		o = ts->order;
		if (!o)
			break;
		o->ret = thread_make(o);
		o->done = true;
		ts->order = NULL;
		pthread_cond_broadcast(&ts->changed);
	}
	pthread_mutex_unlock(&ts->lock);
	return NULL;
}

static int thread_ask(struct threads *ts, struct thread_order *o)
{
	pthread_mutex_lock(&ts->lock);
	while (ts->order)
		pthread_cond_wait(&ts->changed, &ts->lock);
	ts->order = o;
	pthread_cond_broadcast(&ts->changed);
	while (!o->done)
		pthread_cond_wait(&ts->changed, &ts->lock);
	pthread_mutex_unlock(&ts->lock);
	return o->ret;
}

int threads_start(struct threads *ts, enum thread_kind kind, void *(*fn)(void *), void *arg,
		  pthread_t *thread)
{
	struct thread_order o = { .ts = ts, .kind = kind, .fn = fn, .arg = arg };
	int ret = ts->maker_started ? thread_ask(ts, &o) : thread_make(&o);

	if (!ret)
		*thread = o.thread;
	return ret;
}

void threads_init(struct threads *ts)
{
	*ts = (struct threads){ 0 };
	pthread_mutex_init(&ts->lock, NULL);
	pthread_cond_init(&ts->changed, NULL);
}

void threads_destroy(struct threads *ts)
{
	if (ts->maker_started) {
		pthread_mutex_lock(&ts->lock);
		ts->end = true;
		pthread_cond_broadcast(&ts->changed);
		pthread_mutex_unlock(&ts->lock);
		pthread_join(ts->maker, NULL);
		ts->maker_started = false;
	}
	sandbox_free(&ts->sandbox);
	pthread_cond_destroy(&ts->changed);
	pthread_mutex_destroy(&ts->lock);
}

int threads_confine(struct threads *ts, const struct sandbox_config *cfg, struct error *e)
{
	int ret = sandbox_prepare(&ts->sandbox, cfg, e);

	if (ret || !cfg->filter)
		return ret;
	ret = threads_start(ts, THREAD_MAKER, thread_maker, ts, &ts->maker);
	if (ret)
		return error_errno(e, ret, "could not start a thread");
	ts->maker_started = true;
	sandbox_enter(&ts->sandbox, THREAD_MAIN);
	return 0;
}
