// SPDX-License-Identifier: GPL-2.0
/*
 * Role: start, hold and stop the threads that serve a disk in user space, where the
 *	kernel module is not to be had or not wanted.
 * Threads: main and vCPUs call in; one thread a queue does the work, and one the
 *	discards and the like.
 * Locks: the machine's lock is held by callers; lock, for the order and those that
 *	are parked by it, nests inside.
 */
#include "blkloop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blkloop_queue.h"

static void blkloop_err(void *opaque, u32 events)
{
	struct blkloop *bl = opaque;
	eventfd_t n;

	(void)events;
	if (!eventfd_read(bl->err_fd, &n) && bl->v)
		virtio_needs_reset(bl->v);
}

/* Say now, and not when a guest starts, that there is no io_uring. */
static int blkloop_try_uring(struct error *e)
{
	struct io_uring u;
	int ret = io_uring_queue_init(4, &u, 0);

	if (!ret) {
		io_uring_queue_exit(&u);
		return 0;
	}
	error_errno(e, ret, "io_uring is not available");
	error_hint(e, "vhost=off needs it; see /proc/sys/kernel/io_uring_disabled.");
	return ret;
}

int blkloop_init(struct blkloop *bl, struct machine *m, struct error *e)
{
	int ret;

	*bl = (struct blkloop){ .m = m, .err_fd = -1 };
	pthread_mutex_init(&bl->lock, NULL);
	pthread_cond_init(&bl->changed, NULL);
	ret = blkloop_try_uring(e);
	if (ret)
		return ret;
	bl->err_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (bl->err_fd < 0)
		return error_errno(e, errno, "eventfd");
	bl->err = (struct loop_source){ bl->err_fd, blkloop_err, bl, false };
	ret = loop_add(&m->loop, &bl->err, EPOLLIN);
	return ret ? error_errno(e, ret, "event loop") : 0;
}

void blkloop_destroy(struct blkloop *bl)
{
	if (!bl->m)
		return;
	loop_del(&bl->m->loop, &bl->err);
	if (bl->err_fd >= 0)
		close(bl->err_fd);
	pthread_cond_destroy(&bl->changed);
	pthread_mutex_destroy(&bl->lock);
	*bl = (struct blkloop){ .err_fd = -1 };
}

static struct ferry_blk_range_limits blkloop_range_limits(const struct ferry_blk_range_info *i)
{
	return (struct ferry_blk_range_limits){ i->max_sectors, i->max_ranges,
						i->align ?: 1 };
}

static void blkloop_set_disk(struct blkloop *bl, const struct ferry_blk_backend *disk)
{
	struct blkloop_disk *d = &bl->disk;
	struct stat st;

	*d = (struct blkloop_disk){
		.fd = disk->fd,
		.block = !fstat(disk->fd, &st) && S_ISBLK(st.st_mode),
		.flags = disk->flags,
		.align = bl->align,
		.lifetime = disk->lifetime,
		.limits = {
			.features = bl->v->acked,
			.capacity = disk->capacity,
			.block_size = disk->block_size,
			.max_bytes = disk->max_bytes,
			.read_only = disk->flags & FERRY_BLK_F_READ_ONLY,
			.discard = blkloop_range_limits(&disk->discard),
			.write_zeroes = blkloop_range_limits(&disk->write_zeroes),
			.secure_erase = blkloop_range_limits(&disk->secure_erase),
		},
	};
	memcpy(d->serial, disk->serial, sizeof(d->serial));
}

static void blkloop_order(struct blkloop *bl, enum blkloop_order order)
{
	unsigned int i;

	pthread_mutex_lock(&bl->lock);
	__atomic_store_n(&bl->order, order, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&bl->changed);
	pthread_mutex_unlock(&bl->lock);
	for (i = 0; i < bl->n; i++)
		eventfd_write(bl->queue[i]->wake_fd, 1);
}

void blkloop_park(struct blkloop *bl)
{
	pthread_mutex_lock(&bl->lock);
	bl->parked++;
	pthread_cond_broadcast(&bl->changed);
	while (bl->order == BLKLOOP_HOLD)
		pthread_cond_wait(&bl->changed, &bl->lock);
	bl->parked--;
	pthread_mutex_unlock(&bl->lock);
}

static int blkloop_start_queue(struct blkloop *bl, const struct virtq *vq)
{
	struct blkloop_queue *q = blkloop_queue_create(bl, vq);
	int ret;

	if (!q)
		return -ENOMEM;
	q->stats = &bl->stats[bl->n];
	ret = threads_start(&bl->m->threads, THREAD_BLK, blkloop_queue_thread, q, &q->thread);
	if (ret)
		blkloop_queue_destroy(q);
	else
		bl->queue[bl->n++] = q;
	return ret;
}

int blkloop_start(struct blkloop *bl, struct virtio_dev *v,
		  const struct ferry_blk_backend *disk, struct blkloop_align align)
{
	unsigned int i;
	int ret = 0;

	bl->v = v;
	bl->order = BLKLOOP_RUN;
	bl->align = align;
	blkloop_set_disk(bl, disk);
	bl->queue = calloc(v->n_queues, sizeof(*bl->queue));
	bl->ranges = blkloop_ranges_create(&bl->disk, &bl->m->threads);
	if (!bl->queue || !bl->ranges)
		ret = -ENOMEM;
	for (i = 0; i < v->n_queues && !ret; i++)
		if (v->queue[i].enabled)
			ret = blkloop_start_queue(bl, &v->queue[i]);
	if (ret)
		blkloop_stop(bl);
	return ret;
}

void blkloop_pause(struct blkloop *bl)
{
	blkloop_order(bl, BLKLOOP_HOLD);
	pthread_mutex_lock(&bl->lock);
	while (bl->parked < bl->n)
		pthread_cond_wait(&bl->changed, &bl->lock);
	pthread_mutex_unlock(&bl->lock);
}

int blkloop_update(struct blkloop *bl, const struct ferry_blk_backend *disk)
{
	blkloop_pause(bl);
	blkloop_set_disk(bl, disk);
	blkloop_order(bl, BLKLOOP_RUN);
	return 0;
}

void blkloop_stats(const struct blkloop *bl, struct ferry_blk_stats *sum)
{
	unsigned int i, op;

	*sum = (struct ferry_blk_stats){ 0 };
	for (i = 0; i < FERRY_BLK_QUEUES; i++) {
		const struct ferry_blk_stats *s = &bl->stats[i];

		for (op = 0; op < FERRY_BLK_STATS; op++) {
			sum->op[op].done += __atomic_load_n(&s->op[op].done, __ATOMIC_RELAXED);
			sum->op[op].bytes += __atomic_load_n(&s->op[op].bytes, __ATOMIC_RELAXED);
			sum->op[op].failed += __atomic_load_n(&s->op[op].failed, __ATOMIC_RELAXED);
		}
	}
}

void blkloop_stop(struct blkloop *bl)
{
	eventfd_t n;

	if (!bl->v)
		return;
	blkloop_order(bl, BLKLOOP_END);
	while (bl->n) {
		struct blkloop_queue *q = bl->queue[--bl->n];

		pthread_join(q->thread, NULL);
		blkloop_queue_destroy(q);
	}
	blkloop_ranges_destroy(bl->ranges);
	bl->ranges = NULL;
	free(bl->queue);
	bl->queue = NULL;
	/* The next driver has not erred. */
	eventfd_read(bl->err_fd, &n);
	bl->v = NULL;
}
