// SPDX-License-Identifier: GPL-2.0
/*
 * Requests between the ring and whoever serves them. The worker takes chains, serves
 * what cannot block and what comes alone, gives the rest to the pool, and hands chains
 * back in the order in which they are served. Ioctls drain the queue the same way.
 * Everything here but ferry_9p_req_done() runs under the queue's mutex.
 *
 * A completed request is pushed onto p9->done, which wakes the worker, or the ioctl
 * that waits for it: a queue whose worker is dead is still drained.
 */
#include <linux/hash.h>
#include <linux/slab.h>

#include "../vring/copy.h"
#include "ferry_9p.h"
#include "p9_error_core.h"

int ferry_9p_queue_init(struct ferry_9p *p9)
{
	unsigned int i;
	int err;

	init_llist_head(&p9->done);
	init_waitqueue_head(&p9->wait);
	spin_lock_init(&p9->pool.lock);
	INIT_LIST_HEAD(&p9->pool.queue);
	init_waitqueue_head(&p9->pool.wait);
	p9->reqs = kvcalloc(FERRY_9P_REQS, sizeof(*p9->reqs), GFP_KERNEL_ACCOUNT);
	if (!p9->reqs)
		return -ENOMEM;
	err = ferry_vq_init(&p9->vq, "9p", FERRY_9P_REQS);
	if (err) {
		kvfree(p9->reqs);
		return err;
	}
	for (i = 0; i < FERRY_9P_REQS; i++) {
		struct ferry_9p_req *req = &p9->reqs[i];

		req->p9 = p9;
		req->msg = req->own_msg;
		req->reply = req->own_reply;
		INIT_LIST_HEAD(&req->queued);
		req->next = p9->free;
		p9->free = req;
	}
	return 0;
}

void ferry_9p_queue_destroy(struct ferry_9p *p9)
{
	ferry_vq_destroy(&p9->vq);
	kvfree(p9->reqs);
}

/* A request is answered, in whatever thread. */
void ferry_9p_req_done(struct ferry_9p_req *req)
{
	struct ferry_9p *p9 = req->p9;

	/* The device outlives its pool's threads. */
	if (llist_add(&req->done, &p9->done)) {
		ferry_vq_queue(&p9->vq);
		wake_up(&p9->wait);
	}
}

static struct hlist_head *ferry_9p_tag_bucket(struct ferry_9p *p9, u16 tag)
{
	return &p9->tags[hash_32(tag, FERRY_9P_TAG_BITS)];
}

static struct ferry_9p_req *ferry_9p_tag_find(struct ferry_9p *p9, u16 tag)
{
	struct ferry_9p_req *req;

	hlist_for_each_entry(req, ferry_9p_tag_bucket(p9, tag), tagged)
		if (req->tag == tag)
			return req;
	return NULL;
}

static struct ferry_9p_req *ferry_9p_req_take(struct ferry_9p *p9)
{
	struct ferry_9p_req *req = p9->free;
	struct ferry_vring *vr = &p9->vq.vring;
	const struct ferry_chain *c = ferry_vring_take(vr);

	p9->free = req->next;
	req->next = NULL;
	req->flushers = NULL;
	req->flushes = NULL;
	req->id = c->id;
	req->slots = c->slots;
	req->out_len = c->out_len;
	req->in_len = c->in_len;
	req->nr_out = c->nr_out;
	req->nr_in = c->nr_in;
	req->out = ferry_chain_out(vr, c);
	req->in = ferry_chain_in(vr, c);
	req->fid = NULL;
	req->alone = false;
	req->thread = NULL;
	req->fault = false;
	req->payload = 0;
	req->written = 0;
	req->len = 0;
	INIT_HLIST_NODE(&req->tagged);
	p9->flight++;
	return req;
}

/*
 * Show the driver what is done. Whoever closes the file for another process, or after
 * the owner's end, has no access to the ring: nobody waits for it.
 */
static int ferry_9p_push(struct ferry_9p *p9)
{
	if (likely(current->mm == p9->dev.mm))
		return ferry_vq_push(&p9->vq);
	p9->vq.vring.nr_done = 0;
	return 0;
}

/* Give the chain back and the request to the free ones. */
static void ferry_9p_req_return(struct ferry_9p_req *req)
{
	struct ferry_9p *p9 = req->p9;
	struct ferry_vq *vq = &p9->vq;

	if (req->fault)
		ferry_vq_error(vq, "message memory is not accessible");
	if (unlikely(!ferry_vring_done_room(&vq->vring)) && ferry_9p_push(p9))
		vq->vring.nr_done = 0;
	ferry_vring_return(&vq->vring, req->id, req->slots, req->len);
	vq->stats.bytes += req->payload + req->written;
	hlist_del_init(&req->tagged);
	if (req->msg != req->own_msg)
		kvfree(req->msg);
	if (req->reply != req->own_reply)
		kvfree(req->reply);
	if (req->own_seg)
		kvfree(req->own_seg);
	req->msg = req->own_msg;
	req->reply = req->own_reply;
	req->own_seg = NULL;
	req->next = p9->free;
	p9->free = req;
	p9->flight--;
}

/* The request is answered: hand it back, then answer those that flush it. */
static void ferry_9p_req_finish(struct ferry_9p_req *req)
{
	struct ferry_9p_req *flush = req->flushers, *next;

	ferry_9p_req_return(req);
	for (; flush; flush = next) {
		next = flush->next;
		ferry_9p_answer(flush, 0);
		ferry_9p_req_return(flush);
	}
}

/* Hand back what is complete. */
static void ferry_9p_reap(struct ferry_9p *p9)
{
	struct llist_node *list = llist_reverse_order(llist_del_all(&p9->done));
	struct ferry_9p_req *req, *next;

	llist_for_each_entry_safe(req, next, list, done)
		ferry_9p_req_finish(req);
}

/* Until a request is done. Whoever waits and is killed takes what it waits for along. */
static void ferry_9p_wait(struct ferry_9p *p9)
{
	if (!wait_event_killable(p9->wait, !llist_empty(&p9->done)))
		return;
	ferry_9p_pool_close(p9);
	wait_event(p9->wait, !llist_empty(&p9->done));
}

/* Hand back all but @but of what was taken. */
static void ferry_9p_settle(struct ferry_9p *p9, unsigned int but)
{
	ferry_9p_reap(p9);
	while (p9->flight > but) {
		ferry_9p_wait(p9);
		ferry_9p_reap(p9);
	}
}

/* All of it; what was left to the worker is last, as a Tversion has to be. */
static void ferry_9p_settle_all(struct ferry_9p *p9)
{
	if (p9->left) {
		ferry_9p_settle(p9, 1);
		ferry_9p_pool_add(p9->left);
		p9->left = NULL;
	}
	ferry_9p_settle(p9, 0);
}

void ferry_9p_drain(struct ferry_vq *vq, bool wait)
{
	struct ferry_9p *p9 = container_of(vq, struct ferry_9p, vq);

	if (wait && p9->flight)
		ferry_9p_settle_all(p9);
	else
		ferry_9p_reap(p9);
	ferry_9p_push(p9);
}

/* Have the chain outlive the fetch. */
static int ferry_9p_req_keep(struct ferry_9p_req *req)
{
	size_t n = req->nr_out + req->nr_in;

	req->own_seg = kvmalloc_array(n, sizeof(*req->own_seg), GFP_KERNEL_ACCOUNT);
	if (!req->own_seg)
		return -ENOMEM;
	/* A chain's writable segments follow its readable ones. */
	memcpy(req->own_seg, req->out, n * sizeof(*req->own_seg));
	req->out = req->own_seg;
	req->in = req->own_seg + req->nr_out;
	return 0;
}

/*
 * Tflush: the request that it names is taken back, or waited for; its answer comes
 * first in any case, because it has a chain to hand back.
 */
static void ferry_9p_flush(struct ferry_9p_req *req)
{
	struct ferry_9p *p9 = req->p9;
	struct ferry_9p_req *old = ferry_9p_tag_find(p9, req->m.v[0]), **at;
	int err = 0;

	if (old == req)
		old = NULL;
	if (old)
		err = ferry_9p_req_keep(req);
	if (!old || err) {
		ferry_9p_answer(req, err);
		ferry_9p_req_finish(req);
		return;
	}
	/* To flush a flush is to wait for what that waits for. */
	if (old->flushes)
		old = old->flushes;
	req->flushes = old;
	for (at = &old->flushers; *at; at = &(*at)->next)
		;
	*at = req;
	if (!ferry_9p_pool_cancel(old))
		return;
	ferry_9p_answer(old, -EINTR);
	ferry_9p_req_finish(old);
}

/* Serve a request that is received, or have it served. */
static void ferry_9p_dispatch(struct ferry_9p_req *req)
{
	bool version = req->type == FERRY_P9_TVERSION;
	struct ferry_9p *p9 = req->p9;
	int err;

	if (req->type == FERRY_P9_TFLUSH) {
		ferry_9p_flush(req);
		return;
	}
	/* It ends all that goes before it, which takes as long as that does. */
	if (version && !p9->vq.at_kick)
		ferry_9p_settle(p9, 1);
	/* Alone it may take its time: nobody waits behind it. */
	req->alone = p9->flight == 1 && (p9->vq.at_kick || !ferry_vring_ready(&p9->vq.vring));
	if (ferry_9p_serve(req)) {
		ferry_9p_req_finish(req);
		return;
	}
	err = req->own_seg ? 0 : ferry_9p_req_keep(req);
	if (err) {
		ferry_9p_answer(req, err);
		ferry_9p_req_finish(req);
		return;
	}
	if (p9->vq.at_kick) {
		p9->left = req;
		return;
	}
	ferry_9p_pool_add(req);
	/* What comes behind it is of another session. */
	if (version)
		ferry_9p_settle(p9, 0);
}

/* No tag is used twice; that of a Tversion, which ends all others, counts for nothing. */
static int ferry_9p_req_tag(struct ferry_9p_req *req)
{
	struct ferry_9p *p9 = req->p9;

	if (req->type == FERRY_P9_TVERSION)
		return 0;
	if (req->tag == FERRY_P9_NOTAG || ferry_9p_tag_find(p9, req->tag))
		return -EINVAL;
	hlist_add_head(&req->tagged, ferry_9p_tag_bucket(p9, req->tag));
	return 0;
}

/* Take one chain; false if the queue had to be stopped. */
static bool ferry_9p_take(struct ferry_9p *p9)
{
	struct ferry_9p_req *req = ferry_9p_req_take(p9);
	struct ferry_p9_hdr h;
	u32 first;
	int err;

	if (req->out_len < FERRY_P9_HEADER || req->in_len < ferry_p9_error_bytes(p9->dialect)) {
		ferry_vq_error(&p9->vq, "message of %u bytes with room for %u", req->out_len,
			       req->in_len);
		ferry_9p_req_finish(req);
		return false;
	}
	/* Most messages are no longer than this. What follows is then fetched by itself. */
	first = clamp_t(size_t, req->out->iov_len, FERRY_P9_HEADER, FERRY_9P_FIRST_BYTES);
	first = min(first, req->out_len);
	if (ferry_copy_from_segs(req->msg, req->out, first)) {
		req->fault = true;
		ferry_9p_req_finish(req);
		return false;
	}
	req->copied = first;
	h = ferry_p9_header(req->msg);
	req->type = h.type;
	req->tag = h.tag;
	err = ferry_9p_req_tag(req);
	if (!err)
		err = ferry_9p_receive(req, &h);
	if (err) {
		ferry_9p_answer(req, err);
		ferry_9p_req_finish(req);
	} else {
		ferry_9p_dispatch(req);
	}
	return !p9->vq.broken;
}

/* What the thread of the kick left to the worker. */
static void ferry_9p_dispatch_left(struct ferry_9p *p9)
{
	struct ferry_9p_req *req = p9->left;

	p9->left = NULL;
	if (req)
		ferry_9p_dispatch(req);
}

/* Serve the queue for a while; see struct ferry_dev_ops. */
bool ferry_9p_run(struct ferry_vq *vq)
{
	struct ferry_9p *p9 = container_of(vq, struct ferry_9p, vq);
	unsigned int chains = vq->at_kick ? FERRY_9P_KICK_CHAINS : FERRY_WEIGHT_CHAINS;
	u64 bytes = vq->stats.bytes + (vq->at_kick ? FERRY_9P_KICK_BYTES : FERRY_WEIGHT_BYTES);
	unsigned int served = 0;
	int n;

	if (!vq->at_kick) {
		if (ferry_9p_own_umask())
			return true;
		ferry_9p_dispatch_left(p9);
	}
	for (;;) {
		ferry_9p_reap(p9);
		if (p9->left || !p9->free) {
			/* The worker goes on, or the next completion calls. */
			ferry_vq_push(vq);
			return p9->left;
		}
		n = ferry_vq_fetch(vq, 1);
		if (n < 0)
			return false;
		if (!n) {
			if (ferry_vq_push(vq))
				return false;
			if (!ferry_vq_busy_poll(vq, NULL) && ferry_vq_idle(vq))
				return false;
			continue;
		}
		if (served >= chains || vq->stats.bytes >= bytes)
			return !ferry_vq_push(vq);
		if (!ferry_9p_take(p9))
			return false;
		served++;
		if (!ferry_vring_ready(&vq->vring) && ferry_vq_push(vq))
			return false;
	}
}
