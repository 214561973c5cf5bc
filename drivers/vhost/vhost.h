/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The vhost side of a device: an open file that speaks the ioctls of
 * <linux/vhost.h>, its queues, and the workers that serve them.
 *
 * A back end embeds struct ferry_dev and its struct ferry_vq's in its own
 * device, fills in a struct ferry_dev_ops, and calls ferry_dev_init() from
 * open. The engine does the rest: it runs ops->run() for a queue whenever the
 * driver kicks or the back end asks.
 *
 * Locks, outermost first (Documentation/locking.rst):
 *   dev->mutex   ioctls, one at a time; everything a user may configure
 *   kicker->lock whether a queue is still there for a thread that kicked it
 *   vq->mutex    one queue: its vring, back end, eventfds; held by the worker
 *                while it serves the queue
 *   worker->lock whether a worker still lives, against its death by signal
 */
#ifndef FERRY_VHOST_VHOST_H
#define FERRY_VHOST_VHOST_H

#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/llist.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/xarray.h>

#include "../vring/vring.h"

struct ferry_dev;
struct ferry_vq;
struct ferry_worker;
struct ferry_kicker;

/* Something for a worker to do. Queued at most once at a time. */
struct ferry_work {
	struct llist_node node;
	unsigned long queued;	/* bit 0 */
	void (*fn)(struct ferry_work *work);
};

/*
 * Wakes a queue's worker when a file becomes ready. Started and stopped under
 * the queue's mutex; the callback runs wherever the file is signalled, also in
 * interrupt context.
 */
struct ferry_poll {
	poll_table table;
	wait_queue_head_t *wqh;		/* NULL when stopped */
	wait_queue_entry_t wait;
	__poll_t mask;
	u64 woken;			/* under wqh->lock */
	struct ferry_vq *vq;
};

/* Counters of one queue, written under its mutex, read by anyone. */
struct ferry_vq_stats {
	u64 signals;
	u64 chains;
	u64 bytes;
	u64 batches;
	u64 fetched;
	u64 polls;
	u64 polls_paid;
	u64 drops;
	u64 errors;
	u64 at_kick;
};

struct ferry_vq {
	struct ferry_dev *dev;
	unsigned int index;
	const char *name;		/* "rx", "tx": for people */
	struct ferry_worker __rcu *worker;	/* written under mutex */
	struct ferry_work work;
	struct ferry_kicker *kicker;	/* NULL: only the worker serves */

	struct mutex mutex;
	/* All below under mutex. */
	struct ferry_vring vring;
	struct ferry_vring_config cfg;
	void *backend;			/* NULL: stopped */
	bool broken;			/* the guest erred; until set up anew */
	struct file *kick;
	struct ferry_poll kick_poll;
	struct eventfd_ctx *call;
	struct eventfd_ctx *err;
	bool at_kick;			/* served by the thread that kicked */
	u32 busyloop_us;
	u64 busyloop_ns;		/* adapted: at most busyloop_us */
	struct ferry_vq_stats stats;
};

/**
 * struct ferry_dev_ops - what a back end provides
 * @kind: its name in messages and statistics
 * @features: VIRTIO_* and VHOST_* bits it offers besides FERRY_RING_FEATURES
 * @at_kick: whether @run may be called for @vq by the thread that kicks now, then with
 *	vq->at_kick: it does not block, serves but a little, and returns true if there is
 *	more. Called under the eventfd's lock, not under vq->mutex, and only a hint. NULL:
 *	the worker alone serves
 * @run: serve @vq for a bounded while. Called by a worker, or as @at_kick says, in the
 *	owner's mm, under vq->mutex, with a back end set and the ring sound. Returns whether
 *	to be called again soon; otherwise the next kick or ferry_vq_queue()
 *	does that. May sleep.
 * @stop: take the back end off @vq. Called under dev->mutex by an ioctl or
 *	the release of the file; must leave vq->backend NULL.
 * @drain: for a back end that completes chains later than in run(); NULL for one
 *	that does not. Hand back what is complete, and with @wait also wait for
 *	every other chain that was taken. Called under vq->mutex with a back end
 *	set: by the owner's ioctls before the ring moves, its memory changes or
 *	its position is told, and by the worker once the queue is broken.
 */
struct ferry_dev_ops {
	const char *kind;
	u64 features;
	bool (*at_kick)(const struct ferry_vq *vq);
	bool (*run)(struct ferry_vq *vq);
	void (*stop)(struct ferry_vq *vq);
	void (*drain)(struct ferry_vq *vq, bool wait);
};

struct ferry_dev {
	const struct ferry_dev_ops *ops;
	struct ferry_vq **vqs;
	unsigned int nvqs;
	u32 id;				/* in the registry of all devices */

	struct mutex mutex;
	/* All below under mutex. */
	struct mm_struct *mm;		/* of the owner; NULL: none */
	pid_t owner;
	u64 features;
	struct ferry_mem *mem;
	struct xarray workers;		/* all that were made, by id */
};

/* What every ring supports. Back ends that never reorder add VIRTIO_F_IN_ORDER. */
#define FERRY_RING_FEATURES	(BIT_ULL(VIRTIO_F_NOTIFY_ON_EMPTY) |	\
				 BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) |	\
				 BIT_ULL(VIRTIO_RING_F_EVENT_IDX) |	\
				 BIT_ULL(VIRTIO_F_VERSION_1) |		\
				 BIT_ULL(VIRTIO_F_RING_PACKED))

/* Chains that a run serves at most before others get their turn. */
#define FERRY_WEIGHT_CHAINS	256
#define FERRY_WEIGHT_BYTES	(512 << 10)

/* dev.c */
int ferry_dev_init(struct ferry_dev *dev, const struct ferry_dev_ops *ops,
		   struct ferry_vq **vqs, unsigned int nvqs);
void ferry_dev_release(struct ferry_dev *dev);
long ferry_dev_ioctl(struct ferry_dev *dev, unsigned int cmd, unsigned long arg);
int ferry_dev_check_owner(struct ferry_dev *dev);

/* vq.c */
int ferry_vq_init(struct ferry_vq *vq, const char *name, unsigned int cap);
void ferry_vq_destroy(struct ferry_vq *vq);
long ferry_vq_ioctl(struct ferry_dev *dev, unsigned int cmd, void __user *argp);
struct ferry_vq *ferry_vq_get(struct ferry_dev *dev, u32 index);
bool ferry_vq_check(struct ferry_vq *vq);
int ferry_vq_start(struct ferry_vq *vq, void *backend);
void ferry_vq_stop(struct ferry_vq *vq);
void ferry_vq_drain(struct ferry_vq *vq);
void ferry_vq_reset(struct ferry_vq *vq);

/* serve.c: for a back end's run() */
void ferry_vq_work(struct ferry_work *work);
void ferry_vq_work_at_kick(struct ferry_vq *vq);
int ferry_vq_fetch(struct ferry_vq *vq, unsigned int want);
int ferry_vq_push(struct ferry_vq *vq);
bool ferry_vq_idle_ahead(struct ferry_vq *vq, unsigned int ahead);
bool ferry_vq_busy_poll(struct ferry_vq *vq, bool (*ready)(struct ferry_vq *vq));
__printf(2, 3) void ferry_vq_error(struct ferry_vq *vq, const char *fmt, ...);

/**
 * ferry_vq_idle - ask the driver for a kick before going to sleep
 * @vq: the queue being served
 *
 * Return: true if a kick will come; false if chains came meanwhile, so that the
 * caller goes on. A queue that had to be stopped is idle.
 */
static inline bool ferry_vq_idle(struct ferry_vq *vq)
{
	return ferry_vq_idle_ahead(vq, 0);
}

/**
 * ferry_vq_make_room - have room for one more completed chain
 * @vq: the queue being served or drained
 *
 * For a back end that takes more chains than the vring's capacity. If the ring cannot be
 * written, those that are done are lost.
 */
static inline void ferry_vq_make_room(struct ferry_vq *vq)
{
	if (unlikely(!ferry_vring_done_room(&vq->vring)) && ferry_vq_push(vq))
		vq->vring.nr_done = 0;
}

/* kicker.c */
struct ferry_kicker *ferry_kicker_create(struct ferry_vq *vq);
void ferry_kicker_destroy(struct ferry_kicker *k);
bool ferry_vq_kicked(struct ferry_vq *vq);
void ferry_kicker_exit(void);

/* poll.c */
void ferry_poll_init(struct ferry_poll *poll, struct ferry_vq *vq, __poll_t mask);
int ferry_poll_start(struct ferry_poll *poll, struct file *file);
void ferry_poll_stop(struct ferry_poll *poll);

/* worker.c */
void ferry_work_init(struct ferry_work *work, void (*fn)(struct ferry_work *work));
int ferry_worker_create_default(struct ferry_dev *dev);
void ferry_workers_destroy(struct ferry_dev *dev);
long ferry_worker_ioctl(struct ferry_dev *dev, unsigned int cmd, void __user *argp);
bool ferry_vq_queue(struct ferry_vq *vq);
bool ferry_vq_others_wait(struct ferry_vq *vq);
pid_t ferry_vq_worker_pid(struct ferry_vq *vq);

/* registry.c */
int ferry_registry_add(struct ferry_dev *dev);
void ferry_registry_remove(struct ferry_dev *dev);
int ferry_registry_init(void);
void ferry_registry_exit(void);

#endif /* FERRY_VHOST_VHOST_H */
