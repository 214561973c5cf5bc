/* SPDX-License-Identifier: GPL-2.0 */
/* vhost=off: a disk served by a thread of our own for each queue, with io_uring. */
#ifndef FERRY_VMM_BACKEND_BLKLOOP_H
#define FERRY_VMM_BACKEND_BLKLOOP_H

#include <pthread.h>

#include "../dev/blk.h"

struct blkloop_queue;
struct blkloop_ranges;

/* What direct I/O wants of addresses and of lengths: bits that are 0; none if anything goes. */
struct blkloop_align {
	u32 mem_mask, len_mask;
};

/* What requests are judged and carried out by. */
struct blkloop_disk {
	int fd;
	bool block;			/* a block device, not a file */
	u32 flags;			/* FERRY_BLK_F_* */
	struct blkloop_align align;
	u8 serial[FERRY_BLK_SERIAL];
	struct ferry_blk_lifetime lifetime;
	struct ferry_blk_limits limits;
};

/* What the queues' threads are to do. */
enum blkloop_order {
	BLKLOOP_RUN,
	BLKLOOP_HOLD,	/* finish what was taken, then wait for another order */
	BLKLOOP_END,	/* finish what was taken, then end */
};

struct blkloop {
	struct machine *m;
	struct virtio_dev *v;		/* while started */
	int err_fd;			/* a thread found the guest in error */
	struct loop_source err;
	unsigned int n;			/* queues that are served */
	struct blkloop_queue **queue;
	struct blkloop_ranges *ranges;

	/* Each counted by the thread of the nth queue that is served, read by main. */
	struct ferry_blk_stats stats[FERRY_BLK_QUEUES];

	/* Changes only while every thread is held: see @parked. */
	struct blkloop_disk disk;
	struct blkloop_align align;	/* of the disk, whatever else of it changes */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum blkloop_order order;	/* written under lock, read anywhere */
	unsigned int parked;		/* threads that are held; under lock */
};

int blkloop_init(struct blkloop *bl, struct machine *m, struct error *e);
void blkloop_destroy(struct blkloop *bl);

/* Judge @disk, of which file, flags and block size are set, as the kernel would. */
int blkloop_probe(struct ferry_blk_backend *disk, struct error *e);

/* Ask sysfs how worn the disk is, and set the flag if it is one that tells. */
void blkloop_probe_lifetime(struct ferry_blk_backend *disk);

/* What @fd wants, for blkloop_start(). It looks at files that a sandbox hides: ask before. */
struct blkloop_align blkloop_probe_align(int fd);

/* Bytes of a regular file or a block device, or 0. */
u64 blkloop_file_size(int fd);

/* As vhost_blk_start(), vhost_blk_update() and vhost_blk_stop(). */
int blkloop_start(struct blkloop *bl, struct virtio_dev *v,
		  const struct ferry_blk_backend *disk, struct blkloop_align align);
int blkloop_update(struct blkloop *bl, const struct ferry_blk_backend *disk);
void blkloop_stop(struct blkloop *bl);

/* As FERRY_BLK_GET_STATS. */
void blkloop_stats(const struct blkloop *bl, struct ferry_blk_stats *sum);

/* When it returns, every request is answered; there are others after blkloop_update(). */
void blkloop_pause(struct blkloop *bl);

#endif /* FERRY_VMM_BACKEND_BLKLOOP_H */
