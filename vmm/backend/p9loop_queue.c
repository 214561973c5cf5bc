// SPDX-License-Identifier: GPL-2.0
/*
 * Role: requests between the ring and whoever serves them, by the rules of
 *	drivers/9p/queue.c: what cannot block and what comes alone is served here, the
 *	rest by the pool; chains are handed back in the order in which they are served.
 * Threads: the queue's own; p9loop_req_done() in those of the pool.
 * Locks: done_lock, for what the pool hands back.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "9p/p9_error_core.h"
#include "p9loop_server.h"

/* Chains that are taken before the ring is shown and the pool's answers are seen to. */
#define QUEUE_BUDGET	64U

int p9loop_queue_init(struct p9loop_server *s)
{
	unsigned int i;

	s->reqs = calloc(P9LOOP_REQS, sizeof(*s->reqs));
	if (!s->reqs)
		return -ENOMEM;
	for (i = 0; i < P9LOOP_REQS; i++) {
		struct p9loop_req *req = &s->reqs[i];

		req->s = s;
		req->msg = req->own_msg;
		req->reply = req->own_reply;
		req->next = s->free;
		s->free = req;
	}
	return 0;
}

void p9loop_queue_destroy(struct p9loop_server *s)
{
	free(s->reqs);
}

/* A request is answered, in a thread of the pool. */
void p9loop_req_done(struct p9loop_req *req)
{
	struct p9loop_server *s = req->s;
	bool first;

	pthread_mutex_lock(&s->done_lock);
	first = !s->done;
	req->done = NULL;
	*s->done_tail = req;
	s->done_tail = &req->done;
	pthread_mutex_unlock(&s->done_lock);
	if (first)
		eventfd_write(s->wake_fd, 1);
}

static struct p9loop_req *queue_find_tag(struct p9loop_server *s, u16 tag)
{
	unsigned int i;

	for (i = 0; i < P9LOOP_REQS; i++)
		if (s->reqs[i].tagged && s->reqs[i].tag == tag)
			return &s->reqs[i];
	return NULL;
}

static struct p9loop_req *queue_req(struct p9loop_server *s, const struct virtio_chain *c)
{
	struct p9loop_req *req = s->free;

	s->free = req->next;
	req->next = NULL;
	req->flushers = NULL;
	req->flushes = NULL;
	req->t = &s->queue;
	req->c = *c;
	req->out = s->chain;
	req->in = s->chain + c->out_num;
	req->fid = NULL;
	req->may_block = false;
	req->payload = 0;
	req->len = 0;
	s->flight++;
	return req;
}

/* Give the chain back and the request to the free ones. */
static void queue_return(struct p9loop_req *req)
{
	struct p9loop_server *s = req->s;

	virtio_ring_fill(&s->ring, &req->c, req->len);
	if (req->msg != req->own_msg)
		free(req->msg);
	if (req->reply != req->own_reply)
		free(req->reply);
	free(req->own_seg);
	req->msg = req->own_msg;
	req->reply = req->own_reply;
	req->own_seg = NULL;
	req->tagged = false;
	req->next = s->free;
	s->free = req;
	s->flight--;
}

/* The request is answered: hand it back, then answer those that flush it. */
static void queue_finish(struct p9loop_req *req)
{
	struct p9loop_req *flush = req->flushers, *next;

	queue_return(req);
	for (; flush; flush = next) {
		next = flush->next;
		p9loop_answer(flush, 0);
		queue_return(flush);
	}
}

static void queue_reap(struct p9loop_server *s)
{
	struct p9loop_req *req, *next;

	pthread_mutex_lock(&s->done_lock);
	req = s->done;
	s->done = NULL;
	s->done_tail = &s->done;
	pthread_mutex_unlock(&s->done_lock);
	for (; req; req = next) {
		next = req->done;
		queue_finish(req);
	}
}

/* Sleep until the pool is done with something, or, if @kick, the guest has more. */
static void queue_wait(struct p9loop_server *s, bool kick)
{
	struct pollfd p[2] = {
		{ .fd = s->wake_fd, .events = POLLIN },
		{ .fd = kick ? s->kick_fd : -1, .events = POLLIN },
	};
	eventfd_t n;

	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	if (p[0].revents)
		eventfd_read(s->wake_fd, &n);
	if (p[1].revents)
		eventfd_read(s->kick_fd, &n);
}

/* Hand back all but @but of what was taken. */
static void queue_settle(struct p9loop_server *s, unsigned int but)
{
	queue_reap(s);
	while (s->flight > but) {
		queue_wait(s, false);
		queue_reap(s);
	}
}

/* Have the chain outlive its fetch. */
static int queue_keep(struct p9loop_req *req)
{
	size_t n = req->c.out_num + req->c.in_num;

	req->own_seg = calloc(n, sizeof(*req->own_seg));
	if (!req->own_seg)
		return -ENOMEM;
	memcpy(req->own_seg, req->out, n * sizeof(*req->own_seg));
	req->out = req->own_seg;
	req->in = req->own_seg + req->c.out_num;
	return 0;
}

/* Tflush: what it names is taken back or waited for, and in any case answered first. */
static void queue_flush(struct p9loop_req *req)
{
	struct p9loop_req *old = queue_find_tag(req->s, req->m.v[0]), **at;

	if (!old || old == req) {
		p9loop_answer(req, 0);
		queue_finish(req);
		return;
	}
	/* To flush a flush is to wait for what that waits for. */
	if (old->flushes)
		old = old->flushes;
	if (queue_keep(req)) {
		p9loop_answer(req, -ENOMEM);
		queue_finish(req);
		return;
	}
	req->flushes = old;
	for (at = &old->flushers; *at; at = &(*at)->next)
		;
	*at = req;
	if (!p9loop_pool_cancel(old))
		return;
	p9loop_answer(old, -EINTR);
	queue_finish(old);
}

/* Serve a request that is received, or have it served. */
static void queue_dispatch(struct p9loop_req *req)
{
	struct p9loop_server *s = req->s;
	int err;

	if (req->type == FERRY_P9_TFLUSH) {
		queue_flush(req);
		return;
	}
	/* Alone it may take its time: nobody waits behind it. */
	req->may_block = s->flight == 1 && !virtio_ring_ready(&s->ring) &&
			 p9loop_runs_alone(req->type);
	if (p9loop_serve(req)) {
		queue_finish(req);
		return;
	}
	err = queue_keep(req);
	if (err) {
		p9loop_answer(req, err);
		queue_finish(req);
		return;
	}
	p9loop_pool_add(req);
}

static void queue_broken(struct p9loop_server *s)
{
	s->broken = true;
	eventfd_write(s->err_fd, 1);
}

/* One chain; -EPROTO if it is no request. */
static int queue_begin(struct p9loop_server *s, const struct virtio_chain *c)
{
	struct p9loop_req *req = queue_req(s, c);
	u8 head[FERRY_P9_HEADER];
	struct ferry_p9_hdr h;
	int err;

	if (c->out_len < sizeof(head) || c->in_len < ferry_p9_error_bytes(s->dialect)) {
		queue_finish(req);
		return -EPROTO;
	}
	virtio_iov_read(req->out, c->out_num, 0, head, sizeof(head));
	h = ferry_p9_header(head);
	req->type = h.type;
	req->tag = h.tag;
	/* It ends all that goes before it. */
	if (h.type == FERRY_P9_TVERSION)
		queue_settle(s, 1);
	err = h.type != FERRY_P9_TVERSION && h.tag == FERRY_P9_NOTAG ? -EINVAL : 0;
	if (!err && queue_find_tag(s, h.tag))
		err = -EINVAL;
	else
		req->tagged = true;
	if (!err)
		err = p9loop_receive(req, &h);
	if (err) {
		p9loop_answer(req, err);
		queue_finish(req);
	} else {
		queue_dispatch(req);
	}
	return 0;
}

/* Begin what the guest made available, as far as there are requests free. */
static void queue_take(struct p9loop_server *s)
{
	unsigned int budget = QUEUE_BUDGET;
	struct virtio_chain c;
	int ret = 0;

	virtio_ring_disable_kick(&s->ring);
	while (s->free && budget--) {
		ret = virtio_ring_pop(&s->ring, &c, s->chain, FERRY_CHAIN_MAX);
		if (ret == 1)
			ret = queue_begin(s, &c);
		else if (!ret)
			return;
		if (ret < 0)
			break;
		if (!virtio_ring_ready(&s->ring))
			virtio_ring_publish(&s->ring);
		queue_reap(s);
	}
	if (ret < 0)
		queue_broken(s);
}

void *p9loop_queue_thread(void *arg)
{
	struct p9loop_thread *t = arg;
	struct p9loop_server *s = t->s;

	pthread_setname_np(pthread_self(), "9p");
	p9loop_thread_init(t);
	for (;;) {
		bool end = __atomic_load_n(&s->end, __ATOMIC_ACQUIRE), taking;

		queue_reap(s);
		taking = !end && !s->broken;
		if (taking)
			queue_take(s);
		virtio_ring_publish(&s->ring);
		if (end && !s->flight)
			return NULL;
		taking = taking && s->free && !s->broken;
		if (!taking || !virtio_ring_enable_kick(&s->ring))
			queue_wait(s, taking);
	}
}
