// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the threads that serve what may block.
 * Threads: main starts and stops them; the queue's thread adds and cancels, they take.
 * Locks: pool_lock, for the queue and the end.
 */
#include <string.h>

#include "p9loop_server.h"

int p9loop_spawn(struct p9loop_thread *t, void *(*fn)(void *))
{
	return threads_start(t->s->threads_of, THREAD_9P, fn, t, &t->thread);
}

static struct p9loop_req *pool_take(struct p9loop_server *s)
{
	struct p9loop_req *req;

	pthread_mutex_lock(&s->pool_lock);
	while (!s->pool && !s->pool_end)
		pthread_cond_wait(&s->pool_wait, &s->pool_lock);
	req = s->pool;
	if (req) {
		s->pool = req->queued;
		if (!s->pool)
			s->pool_tail = &s->pool;
		req->queued = NULL;
	}
	pthread_mutex_unlock(&s->pool_lock);
	return req;
}

static void *pool_main(void *arg)
{
	struct p9loop_thread *t = arg;
	struct p9loop_req *req;

	pthread_setname_np(pthread_self(), "9p-pool");
	p9loop_thread_init(t);
	while ((req = pool_take(t->s))) {
		req->t = t;
		req->may_block = true;
		p9loop_serve(req);
		p9loop_req_done(req);
	}
	return NULL;
}

int p9loop_pool_start(struct p9loop_server *s)
{
	int ret = 0;

	while (s->threads < P9LOOP_THREADS && !ret) {
		s->thread[s->threads].s = s;
		ret = p9loop_spawn(&s->thread[s->threads], pool_main);
		if (!ret)
			s->threads++;
	}
	return ret;
}

/* End the threads; nothing is queued. */
void p9loop_pool_stop(struct p9loop_server *s)
{
	pthread_mutex_lock(&s->pool_lock);
	s->pool_end = true;
	pthread_cond_broadcast(&s->pool_wait);
	pthread_mutex_unlock(&s->pool_lock);
	while (s->threads)
		pthread_join(s->thread[--s->threads].thread, NULL);
}

void p9loop_pool_add(struct p9loop_req *req)
{
	struct p9loop_server *s = req->s;

	pthread_mutex_lock(&s->pool_lock);
	req->queued = NULL;
	*s->pool_tail = req;
	s->pool_tail = &req->queued;
	pthread_cond_signal(&s->pool_wait);
	pthread_mutex_unlock(&s->pool_lock);
}

/* Take a request back; false if a thread has it already, or it never was here. */
bool p9loop_pool_cancel(struct p9loop_req *req)
{
	struct p9loop_server *s = req->s;
	struct p9loop_req **at;
	bool found;

	pthread_mutex_lock(&s->pool_lock);
	for (at = &s->pool; *at && *at != req; at = &(*at)->queued)
		;
	found = *at;
	if (found) {
		*at = req->queued;
		if (!*at)
			s->pool_tail = at;
		req->queued = NULL;
	}
	pthread_mutex_unlock(&s->pool_lock);
	return found;
}
