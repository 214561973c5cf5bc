// SPDX-License-Identifier: GPL-2.0
/*
 * A queue and its requests: taken from the ring, given to the disk's engine, and
 * handed back when complete, in any order.
 *
 * Everything runs under the queue's mutex, in the worker, in the thread that kicks or in
 * an ioctl that drains the queue, but ferry_blk_req_done(), which an engine calls from any
 * context: it puts the request on q->done and sees to it that somebody looks there.
 */
#include <linux/cred.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "../vring/copy.h"
#include "ferry_blk.h"

/* Whoever put the first request on an empty q->done tells the one who is to look. */
static void ferry_blk_tell(struct ferry_blk_queue *q)
{
	switch (READ_ONCE(q->reaper)) {
	case FERRY_BLK_ASLEEP:
		ferry_vq_queue(&q->vq);
		break;
	case FERRY_BLK_WAITING:
		wake_up(&q->wait);
		break;
	}
}

/**
 * ferry_blk_req_done - a request that was given to the engine is complete
 * @req: may be handed back before this returns
 * @status: VIRTIO_BLK_S_*
 *
 * Any context.
 */
void ferry_blk_req_done(struct ferry_blk_req *req, u8 status)
{
	struct ferry_blk_queue *q = req->q;

	req->status = status;
	/* The release of the device waits for this section, thus for our use of @q. */
	rcu_read_lock();
	if (llist_add(&req->node, &q->done))
		ferry_blk_tell(q);
	rcu_read_unlock();
}

/*
 * From here on completions need not tell anybody. Ends with ferry_blk_leave(), which
 * is a full barrier between its write and the caller's look at q->done; llist_add()
 * is one between the list and the reader's look at q->reaper.
 */
static void ferry_blk_enter(struct ferry_blk_queue *q, enum ferry_blk_reaper how)
{
	lockdep_assert_held(&q->vq.mutex);
	smp_store_mb(q->reaper, how);
}

static void ferry_blk_leave(struct ferry_blk_queue *q)
{
	smp_store_mb(q->reaper, FERRY_BLK_ASLEEP);
}

static void ferry_blk_pool_work(struct work_struct *work)
{
	struct ferry_blk_req *req = container_of(work, struct ferry_blk_req, work);
	/* The disk outlives the request until the pool is flushed: see ferry_blk_drop(). */
	const struct ferry_blk_disk *disk = req->q->disk;
	const struct cred *cred = get_cred(disk->file->f_cred), *old;
	struct mem_cgroup *memcg;

	old = override_creds(cred);
	memcg = set_active_memcg(disk->memcg);
	kthread_associate_blkcg(disk->blkcg);
	req->job(req);
	kthread_associate_blkcg(NULL);
	set_active_memcg(memcg);
	revert_creds(old);
	put_cred(cred);
}

/**
 * ferry_blk_req_defer - go on with a request in the pool
 * @req: the request; nobody else touches it until @job runs
 * @job: what to do there, with the rights of whoever opened the file, in the cgroups of
 *	whoever gave it to us; may block
 *
 * Any context.
 */
void ferry_blk_req_defer(struct ferry_blk_req *req, void (*job)(struct ferry_blk_req *req))
{
	req->job = job;
	INIT_WORK(&req->work, ferry_blk_pool_work);
	queue_work(ferry_blk_of(req->q)->pool, &req->work);
}

static void ferry_blk_sync_job(struct ferry_blk_req *req)
{
	ferry_blk_req_done(req, vfs_fsync(req->q->disk->file, 1) ? VIRTIO_BLK_S_IOERR :
			   VIRTIO_BLK_S_OK);
}

/**
 * ferry_blk_req_sync - carry out a FLUSH in the pool, page cache included
 * @req: the request
 */
void ferry_blk_req_sync(struct ferry_blk_req *req)
{
	ferry_blk_req_defer(req, ferry_blk_sync_job);
}

/* DISCARD, WRITE_ZEROES or SECURE_ERASE, in the pool. */
static void ferry_blk_range_job(struct ferry_blk_req *req)
{
	const struct ferry_blk_disk *disk = req->q->disk;
	int err = 0;
	u32 i;

	for (i = 0; i < req->nr_range && !err; i++) {
		if (READ_ONCE(ferry_blk_of(req->q)->orphan))
			err = -EINTR;
		else if (req->range[i].num_sectors)
			err = disk->engine->range(req, &req->range[i]);
	}
	if (!err && disk->writethrough)
		err = vfs_fsync(disk->file, 1);
	if (!err)
		ferry_blk_req_done(req, VIRTIO_BLK_S_OK);
	else
		ferry_blk_req_done(req, err == -EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP :
				   VIRTIO_BLK_S_IOERR);
}

/* Write the status, and hand the chain back at the next push. @moved: bytes. */
static void ferry_blk_answer(struct ferry_blk_queue *q, struct ferry_blk_req *req, u64 moved)
{
	u32 len = ferry_blk_used_len(req->op, req->status, req->bytes);

	if (unlikely(ferry_copy_out(req->status_at, &req->status, 1)))
		ferry_vq_error(&q->vq, "buffer memory is not accessible");
	ferry_vq_make_room(&q->vq);
	ferry_vring_return(&q->vq.vring, req->id, req->slots, len);
	ferry_blk_count(&q->stats, req->type, req->status, moved);
}

/* One complete request. @ours: guest memory is there to be written. */
static void ferry_blk_finish(struct ferry_blk_queue *q, struct ferry_blk_req *req, bool ours)
{
	bool ok = req->status == VIRTIO_BLK_S_OK;
	u64 moved = req->bytes;

	if (q->disk->engine->reaped && !q->disk->engine->reaped(req))
		return;
	if (unlikely(req->op == FERRY_BLK_RANGES))
		moved = ferry_blk_range_bytes(req->range, req->nr_range);
	if (unlikely(ferry_blk_unmap(req, ok && ours)))
		req->status = VIRTIO_BLK_S_IOERR;
	else if (ok)
		q->vq.stats.bytes += req->bytes;
	if (likely(ours))
		ferry_blk_answer(q, req, moved);
	WRITE_ONCE(q->flight, q->flight - 1);
	q->flight_bytes -= req->bytes;
	q->starved = false;
	req->next = q->free;
	q->free = req;
}

/* Hand back what is complete. */
static void ferry_blk_reap(struct ferry_blk_queue *q)
{
	/* Whoever closes the file last may be anybody: nothing is written to its memory. */
	bool ours = current->mm == q->vq.dev->mm;
	struct ferry_blk_req *req, *next;
	struct llist_node *list;

	if (llist_empty(&q->done))
		return;
	list = llist_reverse_order(llist_del_all(&q->done));
	llist_for_each_entry_safe(req, next, list, node)
		ferry_blk_finish(q, req, ours);
}

/* Bytes of what moves data, as far as the request's limits go. */
static int ferry_blk_map_payload(struct ferry_blk_req *req, const struct ferry_vring *vr,
				 const struct ferry_chain *c)
{
	const u32 hdr = sizeof(struct virtio_blk_outhdr);

	switch (req->op) {
	case FERRY_BLK_READ:
		return ferry_blk_map(req, ferry_chain_in(vr, c), 0);
	case FERRY_BLK_WRITE:
		return ferry_blk_map(req, ferry_chain_out(vr, c), hdr);
	case FERRY_BLK_RANGES:
		return ferry_blk_map_ranges(req, ferry_chain_out(vr, c), hdr);
	default:
		return 0;
	}
}

/* Answer with what is known of the disk. */
static void ferry_blk_answer_known(struct ferry_blk_queue *q, struct ferry_blk_req *req,
				   const struct ferry_chain *c, const void *known)
{
	struct ferry_seg_cursor at = { ferry_chain_in(&q->vq.vring, c), 0 };

	if (ferry_copy_to_segs(&at, known, req->bytes))
		req->status = VIRTIO_BLK_S_IOERR;
}

/* Carry out what takes no time; returns whether that was all. */
static bool ferry_blk_at_once(struct ferry_blk_queue *q, struct ferry_blk_req *req,
			      const struct ferry_chain *c)
{
	if (req->status != VIRTIO_BLK_S_OK)
		return true;
	switch (req->op) {
	case FERRY_BLK_READ:
	case FERRY_BLK_WRITE:
		return !req->bytes;
	case FERRY_BLK_FLUSH:
		return q->disk->no_flush;
	case FERRY_BLK_GET_ID:
		ferry_blk_answer_known(q, req, c, q->disk->serial);
		return true;
	case FERRY_BLK_GET_LIFETIME:
		ferry_blk_answer_known(q, req, c, q->disk->lifetime);
		return true;
	default:
		return false;
	}
}

/* Give a request to the engine. */
static void ferry_blk_go(struct ferry_blk_queue *q, struct ferry_blk_req *req)
{
	q->free = req->next;
	WRITE_ONCE(q->flight, q->flight + 1);
	q->flight_bytes += req->bytes;
	switch (req->op) {
	case FERRY_BLK_FLUSH:
		q->disk->engine->flush(req);
		break;
	case FERRY_BLK_RANGES:
		ferry_blk_req_defer(req, ferry_blk_range_job);
		break;
	default:
		q->disk->engine->rw(req);
	}
}

/* Fetch the header and judge the request. Return: 0, or -EFAULT if the queue was stopped. */
static int ferry_blk_judge(struct ferry_blk_queue *q, struct ferry_blk_req *req,
			   const struct ferry_chain *c)
{
	const struct iovec *last = &ferry_chain_in(&q->vq.vring, c)[c->nr_in - 1];
	struct virtio_blk_outhdr raw;
	struct ferry_blk_req_rules rules;
	struct ferry_blk_hdr hdr;

	if (unlikely(!ferry_blk_framed(c->out_len, c->in_len))) {
		ferry_vq_error(&q->vq, "chain of %u readable and %u writable bytes is no request",
			       c->out_len, c->in_len);
		return -EFAULT;
	}
	if (unlikely(ferry_copy_from_segs(&raw, ferry_chain_out(&q->vq.vring, c), sizeof(raw)))) {
		ferry_vq_error(&q->vq, "buffer memory is not accessible");
		return -EFAULT;
	}
	hdr.type = le32_to_cpu((__force __le32)raw.type);
	hdr.sector = le64_to_cpu((__force __le64)raw.sector);
	rules = ferry_blk_check(&q->disk->limits, &hdr, c->out_len, c->in_len);
	req->type = hdr.type;
	req->sector = hdr.sector;
	req->op = rules.op;
	req->status = rules.status;
	req->bytes = rules.bytes;
	req->nr_range = rules.ranges;
	req->id = c->id;
	req->slots = c->slots;
	req->status_at = last->iov_base + last->iov_len - 1;
	return 0;
}

/* Whether the thread that kicks may begin a request, if it can refuse to wait. */
static bool ferry_blk_small(const struct ferry_blk_req *req)
{
	return (req->op == FERRY_BLK_READ || req->op == FERRY_BLK_WRITE) &&
	       req->bytes <= FERRY_BLK_KICK_BYTES;
}

/*
 * Take the first ready chain, which came with @few others or not, and begin it. Return: 0,
 * -ENOMEM to try it again when a request is complete, -EAGAIN to try it again in the
 * worker, or -EFAULT if the queue was stopped.
 */
static int ferry_blk_begin(struct ferry_blk_queue *q, bool few)
{
	struct ferry_vring *vr = &q->vq.vring;
	const struct ferry_chain *c = ferry_vring_chain(vr, 0);
	struct ferry_blk_req *req = q->free;
	int err;

	err = ferry_blk_judge(q, req, c);
	if (unlikely(err))
		return err;
	/* As this one came the next may. */
	WRITE_ONCE(q->kickable, few && ferry_blk_small(req));
	if (q->vq.at_kick && !q->kickable)
		return -EAGAIN;
	err = ferry_blk_map_payload(req, vr, c);
	if (unlikely(err)) {
		if (err == -ENOMEM && q->flight)
			return err;
		req->status = VIRTIO_BLK_S_IOERR;
	}
	ferry_vring_take(vr);
	if (ferry_blk_at_once(q, req, c)) {
		ferry_blk_unmap(req, false);
		ferry_blk_answer(q, req, req->bytes);
	} else {
		ferry_blk_go(q, req);
	}
	return 0;
}

/* Whether one more request may begin. If not, some are in flight. */
static bool ferry_blk_room(const struct ferry_blk_queue *q)
{
	return q->free && q->flight_bytes < FERRY_BLK_FLIGHT_BYTES && !q->starved;
}

/* Have chains ready, a batch at most. Return: how many are, or -EFAULT. */
static int ferry_blk_fetch(struct ferry_blk_queue *q)
{
	int n = ferry_vq_fetch(&q->vq, 1);

	if (unlikely(q->waiting) && n >= 0)
		ferry_blk_gathered(q, n);
	return n;
}

/* Begin @n chains that are ready. Return: how many, or -EFAULT. */
static int ferry_blk_begin_batch(struct ferry_blk_queue *q, int n)
{
	bool few = ferry_blk_few(q, n);
	u64 since = ferry_blk_pace_begin(q, n);
	struct blk_plug plug;
	int i, err = 0;

	q->span_more = n > 1;
	blk_start_plug(&plug);
	for (i = 0; i < n && ferry_blk_room(q); i++) {
		/* So many requests the block layer allocates at once when it needs one. */
		plug.nr_ios = min(n - i, FERRY_BLK_PLUG);
		err = ferry_blk_begin(q, few);
		if (unlikely(err))
			break;
	}
	blk_finish_plug(&plug);
	if (q->span_some)
		ferry_blk_spans_forget(q);
	if (err == -EFAULT)
		return err;
	q->starved = err == -ENOMEM;
	ferry_blk_pace(q, i, since);
	return i;
}

/* For a busy poll: whether there is something to reap or to begin. */
static bool ferry_blk_ready(struct ferry_vq *vq)
{
	struct ferry_blk_queue *q = ferry_blk_queue_of(vq);

	if (!list_empty(&q->polled))
		ferry_blk_bdev_poll(q);
	if (!llist_empty(&q->done))
		return true;
	return ferry_blk_room(q) && vq->vring.ops->pending(&vq->vring) > 0;
}

static bool ferry_blk_serve(struct ferry_blk_queue *q)
{
	struct ferry_vq *vq = &q->vq;
	int served = 0, n;

	while (served < FERRY_WEIGHT_CHAINS) {
		ferry_blk_reap(q);
		if (ferry_vq_push(vq))
			return false;
		n = ferry_blk_room(q) ? ferry_blk_fetch(q) : 0;
		if (n > 0)
			n = ferry_blk_begin_batch(q, n);
		if (n < 0)
			return false;
		served += n;
		if (n || ferry_vq_busy_poll(vq, ferry_blk_ready))
			continue;
		/* Nobody else completes those that are polled, also if no others are to be. */
		if (!list_empty(&q->polled)) {
			ferry_blk_bdev_poll(q);
			return true;
		}
		/* Without room the next completion calls us, and no kick is wanted. */
		if (!ferry_blk_room(q) || ferry_blk_idle(q))
			return false;
	}
	return true;
}

/**
 * ferry_blk_at_kick - see struct ferry_dev_ops
 * @vq: is kicked
 *
 * While requests are in flight, or came many at a time, the worker takes those that come,
 * and one that is to poll is to begin with what it polls for. For others see pace.c.
 */
bool ferry_blk_at_kick(const struct ferry_vq *vq)
{
	const struct ferry_blk_queue *q = container_of(vq, struct ferry_blk_queue, vq);

	return READ_ONCE(q->quick) && READ_ONCE(q->kickable) && !READ_ONCE(q->flight) &&
	       !READ_ONCE(vq->busyloop_us);
}

/* In the thread that kicks: few small requests. Returns whether there is more. */
static bool ferry_blk_serve_kick(struct ferry_blk_queue *q)
{
	const struct ferry_blk_disk *disk = q->disk;
	struct ferry_vq *vq = &q->vq;
	int n, begun;

	/* The disk's cache would be written back first. */
	if (q->flight || (disk->bdev && disk->direct && disk->file->f_mapping->nrpages))
		return true;
	n = ferry_blk_fetch(q);
	if (n < 0)
		return false;
	if (n) {
		begun = ferry_blk_begin_batch(q, n);
		if (begun < 0)
			return false;
		ferry_blk_reap(q);
		if (ferry_vq_push(vq))
			return false;
		if (begun < n)
			return true;
	}
	return !ferry_blk_idle(q);
}

/**
 * ferry_blk_run - serve a queue for a while
 * @vq: see struct ferry_dev_ops
 */
bool ferry_blk_run(struct ferry_vq *vq)
{
	struct ferry_blk_queue *q = ferry_blk_queue_of(vq);
	bool again;

	ferry_blk_enter(q, FERRY_BLK_AWAKE);
	again = vq->at_kick ? ferry_blk_serve_kick(q) : ferry_blk_serve(q);
	ferry_blk_leave(q);
	return again || !llist_empty(&q->done);
}

static void ferry_blk_await(struct ferry_blk_queue *q)
{
	if (!list_empty(&q->polled)) {
		ferry_blk_bdev_poll(q);
		cond_resched();
		return;
	}
	if (current->mm == q->vq.dev->mm &&
	    !wait_event_killable(q->wait, !llist_empty(&q->done)))
		return;
	/* When the owner dies nobody waits for answers, only for the end. */
	WRITE_ONCE(ferry_blk_of(q)->orphan, true);
	wait_event(q->wait, !llist_empty(&q->done));
}

/**
 * ferry_blk_drain - hand back what is complete, or all
 * @vq: see struct ferry_dev_ops
 * @wait: wait for requests in flight
 */
void ferry_blk_drain(struct ferry_vq *vq, bool wait)
{
	struct ferry_blk_queue *q = ferry_blk_queue_of(vq);

	do {
		ferry_blk_enter(q, FERRY_BLK_WAITING);
		ferry_blk_reap(q);
		while (wait && q->flight) {
			ferry_blk_await(q);
			ferry_blk_reap(q);
		}
		if (current->mm == vq->dev->mm)
			ferry_vq_push(vq);
		ferry_blk_leave(q);
	} while (!llist_empty(&q->done));
	/* Of a queue that the guest broke: nobody else completes those that are polled. */
	if (!list_empty(&q->polled)) {
		ferry_blk_bdev_poll(q);
		ferry_vq_queue(vq);
	}
}

int ferry_blk_queue_init(struct ferry_blk_queue *q)
{
	init_llist_head(&q->done);
	init_waitqueue_head(&q->wait);
	INIT_LIST_HEAD(&q->polled);
	ferry_blk_pace_init(q);
	return ferry_vq_init(&q->vq, "blk", FERRY_BATCH);
}

void ferry_blk_queue_destroy(struct ferry_blk_queue *q)
{
	ferry_vq_destroy(&q->vq);
}

static void ferry_blk_reqs_free(struct ferry_blk_queue *q)
{
	ferry_blk_spans_free(q);
	kvfree(q->reqs);
	q->reqs = NULL;
	q->free = NULL;
}

/* The requests of a queue that is not running. */
static int ferry_blk_reqs_alloc(struct ferry_blk_queue *q)
{
	u32 n = min_t(u32, q->vq.cfg.num, FERRY_BLK_REQS_MAX), i;

	q->reqs = kvcalloc(n, sizeof(*q->reqs), GFP_KERNEL_ACCOUNT);
	if (!q->reqs || ferry_blk_spans_alloc(q, n)) {
		ferry_blk_reqs_free(q);
		return -ENOMEM;
	}
	for (i = 0; i < n; i++) {
		struct ferry_blk_req *req = &q->reqs[i];

		req->q = q;
		req->bvec = req->own_bvec;
		req->next = q->free;
		q->free = req;
	}
	return 0;
}

/**
 * ferry_blk_queue_start - serve a queue with a disk, in place of any it had
 * @q: set up, in any state; under dev->mutex
 * @disk: the disk; stays until the queue has another or none
 *
 * Return: 0, -ENOMEM, or -EFAULT if the ring is not usable; then nothing changed.
 */
int ferry_blk_queue_start(struct ferry_blk_queue *q, struct ferry_blk_disk *disk)
{
	struct ferry_vq *vq = &q->vq;
	int err = 0;

	mutex_lock(&vq->mutex);
	WRITE_ONCE(ferry_blk_of(q)->orphan, false);
	if (!vq->backend)
		err = ferry_blk_reqs_alloc(q);
	if (!err)
		err = ferry_vq_start(vq, disk);
	if (!err) {
		q->disk = disk;
		ferry_blk_pace_start(q);
		WRITE_ONCE(q->quick, disk->nowait && !ferry_blk_disk_scheduled(disk));
	} else if (!vq->backend) {
		ferry_blk_reqs_free(q);
	}
	mutex_unlock(&vq->mutex);
	if (!err)
		ferry_vq_queue(vq);
	return err;
}

/* Take the disk off a queue that may have one. */
void ferry_blk_queue_stop(struct ferry_blk_queue *q)
{
	mutex_lock(&q->vq.mutex);
	if (q->vq.backend) {
		ferry_vq_stop(&q->vq);
		ferry_blk_reqs_free(q);
		q->disk = NULL;
		WRITE_ONCE(q->quick, false);
	}
	mutex_unlock(&q->vq.mutex);
	ferry_blk_pace_stop(q);
}
