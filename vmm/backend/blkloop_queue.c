// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the thread of one queue of a disk that is served here: takes chains, lets
 *	io_uring move them, hands them back as they are done, in any order.
 * Threads: one a queue; create and destroy in main and vCPUs.
 * Locks: done_lock, for what the ranges' thread hands back.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "blkloop_queue.h"

/* What the two polls have for a request. */
#define QUEUE_KICK	((void *)1)
#define QUEUE_WAKE	((void *)2)
#define QUEUE_POLLS	2U

static int queue_make_uring(struct blkloop_queue *q, unsigned int entries)
{
	/* Best first: work is done in this thread alone, when it asks for it. */
	static const unsigned int flags[] = {
		IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
		IORING_SETUP_R_DISABLED,
	};
	int ret = -EINVAL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flags) && ret == -EINVAL; i++)
		ret = io_uring_queue_init(entries, &q->uring, flags[i]);
	if (ret)
		return ret;
	q->uring_made = true;
	return io_uring_register_files(&q->uring, &q->bl->disk.fd, 1);
}

static int queue_make_requests(struct blkloop_queue *q, unsigned int n)
{
	unsigned int i;

	q->requests = calloc(n, sizeof(*q->requests));
	if (!q->requests)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		struct blkloop_req *r = &q->requests[i];

		r->q = q;
		r->pieces = r->own_pieces;
		r->next = q->free;
		q->free = r;
	}
	return 0;
}

struct blkloop_queue *blkloop_queue_create(struct blkloop *bl, const struct virtq *vq)
{
	struct blkloop_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->bl = bl;
	q->kick_fd = vq->kick_fd;
	q->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&q->done_lock, NULL);
	if (q->wake_fd < 0 || virtio_ring_init(&q->ring, bl->v, vq) ||
	    queue_make_requests(q, vq->size) || queue_make_uring(q, vq->size + QUEUE_POLLS)) {
		blkloop_queue_destroy(q);
		return NULL;
	}
	return q;
}

void blkloop_queue_destroy(struct blkloop_queue *q)
{
	if (q->uring_made)
		io_uring_queue_exit(&q->uring);
	if (q->wake_fd >= 0)
		close(q->wake_fd);
	pthread_mutex_destroy(&q->done_lock);
	free(q->requests);
	free(q);
}

static void queue_broken(struct blkloop_queue *q)
{
	q->broken = true;
	eventfd_write(q->bl->err_fd, 1);
}

/* Begin what the guest made available, as far as there are requests free. */
static void queue_take(struct blkloop_queue *q)
{
	unsigned int budget = q->ring.num;
	int ret = 0;

	virtio_ring_disable_kick(&q->ring);
	while (q->free && budget--) {
		struct blkloop_req *r = q->free;

		ret = virtio_ring_pop(&q->ring, &r->c, q->chain, FERRY_CHAIN_MAX);
		if (ret != 1)
			break;
		q->free = r->next;
		ret = blkloop_req_begin(r, q->chain);
		if (ret)
			break;
	}
	if (ret < 0)
		queue_broken(q);
}

static void queue_take_done(struct blkloop_queue *q)
{
	struct blkloop_req *r;
	eventfd_t n;

	eventfd_read(q->wake_fd, &n);
	pthread_mutex_lock(&q->done_lock);
	r = q->done;
	q->done = NULL;
	pthread_mutex_unlock(&q->done_lock);
	while (r) {
		struct blkloop_req *next = r->next;

		blkloop_req_ranged(r);
		r = next;
	}
}

static void queue_event(struct blkloop_queue *q, const struct io_uring_cqe *cqe)
{
	void *data = io_uring_cqe_get_data(cqe);
	eventfd_t n;

	if (data == QUEUE_KICK) {
		q->kick_armed = false;
		eventfd_read(q->kick_fd, &n);
	} else if (data == QUEUE_WAKE) {
		q->wake_armed = false;
		queue_take_done(q);
	} else {
		blkloop_req_moved(data, cqe->res);
	}
}

static void queue_reap(struct blkloop_queue *q)
{
	struct io_uring_cqe *cqe;
	struct io_uring_cqe copy;

	while (!io_uring_peek_cqe(&q->uring, &cqe)) {
		copy = *cqe;
		io_uring_cqe_seen(&q->uring, cqe);
		queue_event(q, &copy);
	}
}

static void queue_watch(struct blkloop_queue *q, int fd, bool *armed, void *data)
{
	struct io_uring_sqe *sqe;

	if (*armed)
		return;
	sqe = io_uring_get_sqe(&q->uring);
	io_uring_prep_poll_add(sqe, fd, POLLIN);
	io_uring_sqe_set_data(sqe, data);
	*armed = true;
}

/* Send what was begun; sleep unless the guest has more than was taken. */
static void queue_wait(struct blkloop_queue *q, bool taking)
{
	bool more = false;

	queue_watch(q, q->wake_fd, &q->wake_armed, QUEUE_WAKE);
	if (taking && q->free) {
		queue_watch(q, q->kick_fd, &q->kick_armed, QUEUE_KICK);
		more = virtio_ring_enable_kick(&q->ring);
	}
	if (more)
		io_uring_submit_and_get_events(&q->uring);
	else
		io_uring_submit_and_wait(&q->uring, 1);
}

/* From here on the ring is this thread's. The library declares a call that it lacks. */
static void queue_enable(const struct blkloop_queue *q)
{
	syscall(__NR_io_uring_register, q->uring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

void *blkloop_queue_thread(void *arg)
{
	struct blkloop_queue *q = arg;
	enum blkloop_order order;

	pthread_setname_np(pthread_self(), "blk");
	queue_enable(q);
	for (;;) {
		order = __atomic_load_n(&q->bl->order, __ATOMIC_ACQUIRE);
		if (order == BLKLOOP_RUN && !q->broken)
			queue_take(q);
		virtio_ring_publish(&q->ring);
		if (order != BLKLOOP_RUN && !q->in_flight) {
			if (order == BLKLOOP_END)
				return NULL;
			blkloop_park(q->bl);
			continue;
		}
		queue_wait(q, order == BLKLOOP_RUN && !q->broken);
		queue_reap(q);
	}
}
