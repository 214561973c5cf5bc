// SPDX-License-Identifier: GPL-2.0
/*
 * Role: DISCARD, WRITE_ZEROES and SECURE_ERASE of a disk that is served here: calls
 *	that may take long and of which not all are io_uring's to make.
 * Threads: one of its own, from the first such request on; queues' threads add.
 * Locks: lock, for the list; a queue's done_lock to hand a request back.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "blkloop_queue.h"

#define RANGES_ZEROES	(256U << 10)

struct blkloop_ranges {
	const struct blkloop_disk *disk;
	struct threads *threads;
	void *zeroes;			/* RANGES_ZEROES of them, once needed */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t added;
	struct blkloop_req *first, *last;
	bool started, ending;
};

static int range_ioctl(const struct blkloop_disk *d, unsigned long req, u64 off, u64 len)
{
	u64 range[2] = { off, len };

	if (!d->block)
		return -EOPNOTSUPP;
	return ioctl(d->fd, req, range) ? -errno : 0;
}

static int range_fallocate(const struct blkloop_disk *d, int mode, u64 off, u64 len)
{
	int ret;

	do {
		ret = fallocate(d->fd, mode | FALLOC_FL_KEEP_SIZE, off, len) ? -errno : 0;
	} while (ret == -EINTR);
	return ret;
}

/* Where nothing else makes zeroes. */
static int range_write(struct blkloop_ranges *s, u64 off, u64 len)
{
	ssize_t n;

	if (!s->zeroes) {
		s->zeroes = aligned_alloc(4096, RANGES_ZEROES);
		if (!s->zeroes)
			return -ENOMEM;
		memset(s->zeroes, 0, RANGES_ZEROES);
	}
	while (len) {
		n = pwrite(s->disk->fd, s->zeroes, len < RANGES_ZEROES ? len : RANGES_ZEROES, off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		off += n;
		len -= n;
	}
	return 0;
}

static int range_zero(struct blkloop_ranges *s, const struct blkloop_req *req, u64 off, u64 len,
		      bool unmap)
{
	const struct blkloop_disk *d = s->disk;
	int ret = -EOPNOTSUPP;

	if (unmap && !(d->flags & FERRY_BLK_F_NO_UNMAP))
		ret = range_fallocate(d, FALLOC_FL_PUNCH_HOLE, off, len);
	if (ret == -EOPNOTSUPP)
		ret = d->block ? range_ioctl(d, BLKZEROOUT, off, len) :
				 range_fallocate(d, FALLOC_FL_ZERO_RANGE, off, len);
	if (ret == -EOPNOTSUPP && ferry_blk_zeroes_writable(req->ranges, req->n_ranges))
		ret = range_write(s, off, len);
	return ret;
}

static int range_do(struct blkloop_ranges *s, const struct blkloop_req *req,
		    const struct ferry_blk_range *r)
{
	const struct blkloop_disk *d = s->disk;
	u64 off = r->sector << FERRY_BLK_SECTOR_SHIFT;
	u64 len = (u64)r->num_sectors << FERRY_BLK_SECTOR_SHIFT;

	if (!len)
		return 0;
	switch (req->type) {
	case VIRTIO_BLK_T_DISCARD:
		return d->block ? range_ioctl(d, BLKDISCARD, off, len) :
				  range_fallocate(d, FALLOC_FL_PUNCH_HOLE, off, len);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return range_zero(s, req, off, len, r->flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);
	case VIRTIO_BLK_T_SECURE_ERASE:
		return range_ioctl(d, BLKSECDISCARD, off, len);
	}
	return -EOPNOTSUPP;
}

static int ranges_do(struct blkloop_ranges *s, const struct blkloop_req *r)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < r->n_ranges && !ret; i++)
		ret = range_do(s, r, &r->ranges[i]);
	if (!ret && s->disk->flags & FERRY_BLK_F_WRITETHROUGH && fdatasync(s->disk->fd))
		ret = -errno;
	return ret;
}

static void ranges_hand_back(struct blkloop_req *r)
{
	struct blkloop_queue *q = r->q;

	pthread_mutex_lock(&q->done_lock);
	r->next = q->done;
	q->done = r;
	pthread_mutex_unlock(&q->done_lock);
	eventfd_write(q->wake_fd, 1);
}

/* The next request, or NULL at the end. */
static struct blkloop_req *ranges_next(struct blkloop_ranges *s)
{
	struct blkloop_req *r;

	pthread_mutex_lock(&s->lock);
	while (!s->first && !s->ending)
		pthread_cond_wait(&s->added, &s->lock);
	r = s->first;
	if (r)
		s->first = r->next;
	pthread_mutex_unlock(&s->lock);
	return r;
}

static void *ranges_thread(void *arg)
{
	struct blkloop_ranges *s = arg;
	struct blkloop_req *r;

	pthread_setname_np(pthread_self(), "blk-ranges");
	while ((r = ranges_next(s))) {
		r->result = ranges_do(s, r);
		ranges_hand_back(r);
	}
	return NULL;
}

int blkloop_ranges_add(struct blkloop_ranges *s, struct blkloop_req *r)
{
	int ret = 0;

	pthread_mutex_lock(&s->lock);
	if (!s->started)
		ret = threads_start(s->threads, THREAD_BLK, ranges_thread, s, &s->thread);
	if (!ret) {
		s->started = true;
		r->next = NULL;
		if (s->first)
			s->last->next = r;
		else
			s->first = r;
		s->last = r;
		pthread_cond_signal(&s->added);
	}
	pthread_mutex_unlock(&s->lock);
	return ret;
}

struct blkloop_ranges *blkloop_ranges_create(const struct blkloop_disk *disk,
					     struct threads *threads)
{
	struct blkloop_ranges *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->disk = disk;
	s->threads = threads;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->added, NULL);
	return s;
}

void blkloop_ranges_destroy(struct blkloop_ranges *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->ending = true;
	pthread_cond_signal(&s->added);
	pthread_mutex_unlock(&s->lock);
	if (s->started)
		pthread_join(s->thread, NULL);
	pthread_cond_destroy(&s->added);
	pthread_mutex_destroy(&s->lock);
	free(s->zeroes);
	free(s);
}
