/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One open /dev/ferry-blk: queues whose chains are requests to one disk.
 *
 * The life of a request: whoever serves the queue, its worker or the thread that kicks,
 * takes a chain, gives it a struct ferry_blk_req of the queue's pool, pins its payload and
 * hands it to the disk's engine (queue.c, map.c). The engine calls ferry_blk_req_done()
 * exactly once, from any context. Whoever serves the queue then, or an ioctl that drains
 * it, writes the status and hands the chain back (reap in queue.c).
 */
#ifndef FERRY_BLK_FERRY_BLK_H
#define FERRY_BLK_FERRY_BLK_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/ferry.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "../vhost/vhost.h"
#include "blk_core.h"
#include "gather_core.h"
#include "way_core.h"

/* Pieces of a payload that need no allocation. */
#define FERRY_BLK_BVECS		8

/* Requests that one queue has in flight at most; fewer if its ring is smaller. */
#define FERRY_BLK_REQS_MAX	1024

/* Payload bytes that one queue has in flight at most, one request excepted. */
#define FERRY_BLK_FLIGHT_BYTES	(64U << 20)

/* Requests that a plug gathers before it hands them on. */
#define FERRY_BLK_PLUG		32

/* Payload of a request that the thread of the kick begins. */
#define FERRY_BLK_KICK_BYTES	(16U << 10)

/* Pages that one call pins at most. */
#define FERRY_BLK_PIN		64

/* Huge pages that requests which begin together are looked for in. */
#define FERRY_BLK_SPANS		4

struct ferry_blk_req;
struct ferry_blk_queue;

/**
 * struct ferry_blk_engine - how requests reach a disk
 * @rw: begin a read or write of at least one byte
 * @flush: begin to make every write that is complete by now stable
 * @range: carry out one range of DISCARD, WRITE_ZEROES or SECURE_ERASE; in the pool,
 *	may block; returns 0 or -errno
 * @reaped: a request is complete, and its payload still mapped. Returns false if it
 *	was begun anew. May be NULL
 *
 * Chosen once, when the disk is given. All but @range run under the queue's mutex;
 * @flush in its worker, @rw there or, with vq->at_kick and without blocking, in the
 * thread that kicks. What @rw and @flush begin ends with one call of
 * ferry_blk_req_done().
 */
struct ferry_blk_engine {
	void (*rw)(struct ferry_blk_req *req);
	void (*flush)(struct ferry_blk_req *req);
	int (*range)(struct ferry_blk_req *req, const struct ferry_blk_range *range);
	bool (*reaped)(struct ferry_blk_req *req);
};

extern const struct ferry_blk_engine ferry_blk_bdev_engine;
extern const struct ferry_blk_engine ferry_blk_file_engine;

/* The open file and what is done with it. Never changes. */
struct ferry_blk_disk {
	const struct ferry_blk_engine *engine;
	struct file *file;
	struct block_device *bdev;	/* NULL: a regular file */
	struct mem_cgroup *memcg;	/* of whoever gave the file; with references */
	struct cgroup_subsys_state *blkcg;
	struct ferry_blk_limits limits;
	blk_opf_t write_opf;		/* of bios that write */
	u32 mem_mask;			/* memory alignment - 1 that needs no bounce buffer */
	u32 len_mask;			/* the same of each piece's length */
	u32 cut_mask;			/* mem_mask of a piece that is cut where a page ends */
	int iocb_flags;
	bool direct;
	bool nowait;			/* it can say that it would block */
	bool writethrough;
	bool no_flush;
	bool no_unmap;
	bool polled;
	u8 serial[FERRY_BLK_SERIAL];
	__le16 lifetime[FERRY_BLK_LIFETIME_BYTES / 2];	/* as GET_LIFETIME answers */
};

/* A huge page of the owner's memory, pinned for all requests that have a part of it. */
struct ferry_blk_span {
	struct ferry_blk_span *next;	/* in q->free_span */
	unsigned long addr;
	struct page *first;
	struct page *pinned;		/* one of it stands for all */
	u32 users;
	bool write;			/* pinned so that it may be written to */
};

struct ferry_blk_req {
	struct ferry_blk_queue *q;
	struct llist_node node;		/* in q->done */
	struct ferry_blk_req *next;	/* in q->free */
	u64 sector;
	u32 type;
	u32 bytes;
	u16 id;				/* of the chain */
	u16 slots;
	u8 op;				/* enum ferry_blk_op */
	u8 status;			/* VIRTIO_BLK_S_* once done */
	bool bounced;
	bool nowait;			/* begun so that it fails rather than waits */
	bool polled;			/* in q->polled */
	bool freeze_held;		/* the file system may not freeze */
	u8 __user *status_at;

	/* The payload: pages pinned, or our own if bounced. */
	u32 nr_bvec;
	struct bio_vec *bvec;
	struct bio *more;		/* room behind them, where one bio does not suffice */
	struct bio_vec own_bvec[FERRY_BLK_BVECS];
	struct ferry_blk_span *span;	/* of the one page of a payload, if that has no pin */
	struct iovec *seg;		/* of a bounced read: where it goes */
	struct ferry_blk_range *range;
	u32 nr_range;

	struct work_struct work;	/* in the pool */
	void (*job)(struct ferry_blk_req *req);
	union {
		struct {			/* bdev engine */
			struct bio bio;
			struct list_head poll;	/* in q->polled */
			atomic_t parts;		/* bios not yet complete */
			int error;		/* the first one's */
		};
		struct {			/* file engine */
			struct kiocb iocb;
			u32 moved;		/* bytes */
		};
	};
};

/* Who looks at a queue's completed requests. */
enum ferry_blk_reaper {
	FERRY_BLK_ASLEEP,	/* nobody: wake the worker */
	FERRY_BLK_AWAKE,	/* somebody, without being told */
	FERRY_BLK_WAITING,	/* somebody who waits at q->wait */
};

struct ferry_blk_queue {
	struct ferry_vq vq;
	/* Any context. */
	struct llist_head done;
	int reaper;			/* enum ferry_blk_reaper, written under vq.mutex */
	bool quick;			/* the disk can refuse to wait, written under vq.mutex */
	bool kickable;			/* who kicks is to begin those that come; the same */
	wait_queue_head_t wait;

	/* All below under vq.mutex. */
	struct ferry_blk_disk *disk;	/* NULL: stopped */
	struct ferry_blk_req *reqs;
	struct ferry_blk_req *free;
	unsigned int flight;		/* given to the engine and not reaped; read at kicks */
	u64 flight_bytes;
	bool starved;			/* no memory until one of them is reaped */
	struct ferry_way way;
	struct ferry_gather gather;
	u64 served;			/* how long it takes to begin a request, ns */
	raw_spinlock_t timer_lock;	/* of the next three; also taken by the timer */
	struct hrtimer timer;		/* of what is gathered */
	u64 until;			/* when the time is over, ktime ns; U64_MAX: nobody waits */
	u64 expires;			/* when the timer fires; U64_MAX: it does not run */
	bool waiting;			/* the guest is to kick after several */
	bool dry;			/* it sent none when it last was to */
	struct list_head polled;	/* of those, the ones that nobody completes unasked */
	struct ferry_blk_span *spans;	/* all that there are */
	struct ferry_blk_span *free_span;
	struct ferry_blk_span *span[FERRY_BLK_SPANS];	/* looked for, or NULL; by address */
	bool span_some;			/* some of these are not NULL */
	bool span_more;			/* several requests begin together: there may be some */
	struct ferry_blk_stats stats;	/* read at any time */
	struct page *pages[FERRY_BLK_PIN];
};

struct ferry_blk {
	struct ferry_dev dev;
	struct workqueue_struct *pool;	/* for what may block */
	struct ferry_blk_queue queue[FERRY_BLK_QUEUES];
	struct ferry_vq *vqs[FERRY_BLK_QUEUES];
	struct ferry_blk_disk *disk;	/* of the queues that run; under dev.mutex */
	bool orphan;			/* the owner dies: what takes long is not finished */
};

static inline struct ferry_blk_queue *ferry_blk_queue_of(struct ferry_vq *vq)
{
	return container_of(vq, struct ferry_blk_queue, vq);
}

static inline struct ferry_blk *ferry_blk_of(const struct ferry_blk_queue *q)
{
	return container_of(q->vq.dev, struct ferry_blk, dev);
}

/* disk.c */
struct ferry_blk_disk *ferry_blk_disk_create(struct ferry_blk_backend *b, u64 features);
void ferry_blk_disk_destroy(struct ferry_blk_disk *disk);
bool ferry_blk_disk_scheduled(const struct ferry_blk_disk *disk);

/* queue.c */
int ferry_blk_queue_init(struct ferry_blk_queue *q);
void ferry_blk_queue_destroy(struct ferry_blk_queue *q);
int ferry_blk_queue_start(struct ferry_blk_queue *q, struct ferry_blk_disk *disk);
void ferry_blk_queue_stop(struct ferry_blk_queue *q);
bool ferry_blk_at_kick(const struct ferry_vq *vq);
bool ferry_blk_run(struct ferry_vq *vq);
void ferry_blk_drain(struct ferry_vq *vq, bool wait);
void ferry_blk_req_done(struct ferry_blk_req *req, u8 status);
void ferry_blk_req_sync(struct ferry_blk_req *req);
void ferry_blk_req_defer(struct ferry_blk_req *req, void (*job)(struct ferry_blk_req *req));

/* pace.c: in whoever serves the queue, under its mutex */
void ferry_blk_pace_init(struct ferry_blk_queue *q);
void ferry_blk_pace_start(struct ferry_blk_queue *q);
void ferry_blk_pace_stop(struct ferry_blk_queue *q);
u64 ferry_blk_pace_begin(const struct ferry_blk_queue *q, u32 requests);
void ferry_blk_pace(struct ferry_blk_queue *q, u32 requests, u64 since);
bool ferry_blk_few(const struct ferry_blk_queue *q, u32 n);
void ferry_blk_gathered(struct ferry_blk_queue *q, u32 n);
bool ferry_blk_idle(struct ferry_blk_queue *q);

/* map.c: in whoever serves the queue, under its mutex */
int ferry_blk_map(struct ferry_blk_req *req, const struct iovec *seg, u32 skip);
int ferry_blk_map_ranges(struct ferry_blk_req *req, const struct iovec *seg, u32 skip);
int ferry_blk_unmap(struct ferry_blk_req *req, bool deliver);

/* span.c */
struct ferry_blk_span *ferry_blk_span_get(struct ferry_blk_queue *q, unsigned long addr,
					  bool write);
struct ferry_blk_span *ferry_blk_span_new(struct ferry_blk_queue *q, unsigned long addr,
					  struct page *page, bool write);
void ferry_blk_span_put(struct ferry_blk_queue *q, struct ferry_blk_span *s);
void ferry_blk_spans_forget(struct ferry_blk_queue *q);
int ferry_blk_spans_alloc(struct ferry_blk_queue *q, u32 n);
void ferry_blk_spans_free(struct ferry_blk_queue *q);

/* bdev.c */
void ferry_blk_bdev_poll(struct ferry_blk_queue *q);

#endif /* FERRY_BLK_FERRY_BLK_H */
