/* SPDX-License-Identifier: GPL-2.0 */
/* Between blkloop.c, the queues' threads, their requests and the thread of ranges. */
#ifndef FERRY_VMM_BACKEND_BLKLOOP_QUEUE_H
#define FERRY_VMM_BACKEND_BLKLOOP_QUEUE_H

#include <liburing.h>

#include "../virtio/ring.h"
#include "blkloop.h"

/* Pieces of a payload that a request holds without allocating. */
#define BLKLOOP_PIECES	8U

/* Bytes of a misaligned payload that are moved at a time. */
#define BLKLOOP_BOUNCE	(64U << 10)

/* One request, from its chain to its status. */
struct blkloop_req {
	struct blkloop_req *next;	/* free, or on its way to or from the ranges' thread */
	struct blkloop_queue *q;
	struct virtio_chain c;
	enum ferry_blk_op op;
	u32 type;
	u32 bytes;			/* of the payload, as the rules say */
	u8 *status;			/* in guest memory */

	/* READ and WRITE: what is left to move. */
	u64 pos;
	u32 left;
	struct iovec *iov;		/* into pieces */
	unsigned int n;
	struct iovec *pieces;		/* own_pieces, or allocated */
	struct iovec bounce;		/* no base: none is needed */

	/* RANGES: a private copy. */
	struct ferry_blk_range *ranges;
	unsigned int n_ranges;
	int result;

	struct iovec own_pieces[BLKLOOP_PIECES];
};

struct blkloop_queue {
	struct blkloop *bl;
	struct io_uring uring;
	bool uring_made;
	struct virtio_ring ring;
	int kick_fd;
	int wake_fd;			/* look at the order, and at done */
	bool kick_armed, wake_armed;	/* io_uring watches it */
	bool broken;			/* the guest broke the rules */
	unsigned int in_flight;
	struct blkloop_req *requests;	/* as many as the ring is large */
	struct blkloop_req *free;
	struct iovec chain[FERRY_CHAIN_MAX];
	struct ferry_blk_stats *stats;	/* of bl; outlives the queue */

	pthread_mutex_t done_lock;
	struct blkloop_req *done;	/* by the ranges' thread; under done_lock */

	pthread_t thread;
	bool started;
};

struct blkloop_queue *blkloop_queue_create(struct blkloop *bl, const struct virtq *vq);
void blkloop_queue_destroy(struct blkloop_queue *q);
void *blkloop_queue_thread(void *q);

/* Where the thread waits for another order while it is held. */
void blkloop_park(struct blkloop *bl);

/*
 * Begin the request of a chain that was taken into r->c and @iov, and count it as
 * in flight; it may be answered on return. -EPROTO if the chain is no request.
 */
int blkloop_req_begin(struct blkloop_req *r, const struct iovec *iov);

/* Go on after io_uring's answer, or after the ranges' thread. */
void blkloop_req_moved(struct blkloop_req *r, int res);
void blkloop_req_ranged(struct blkloop_req *r);

/* A thread that carries out what io_uring has no operations for. */
struct blkloop_ranges *blkloop_ranges_create(const struct blkloop_disk *disk,
					     struct threads *threads);
void blkloop_ranges_destroy(struct blkloop_ranges *s);

/* Carry out r->ranges and hand it back by q->done; a negative errno if it cannot. */
int blkloop_ranges_add(struct blkloop_ranges *s, struct blkloop_req *r);

#endif /* FERRY_VMM_BACKEND_BLKLOOP_QUEUE_H */
