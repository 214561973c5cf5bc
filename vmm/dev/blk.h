/* SPDX-License-Identifier: GPL-2.0 */
/* virtio-blk: configuration space, and what it needs from a backend. */
#ifndef FERRY_VMM_DEV_BLK_H
#define FERRY_VMM_DEV_BLK_H

#include <linux/ferry.h>

#include "../virtio/virtio.h"
#include "blk/blk_core.h"

/* Features that are promises of the disk; all others are the device's own. */
#define BLK_DISK_FEATURES						\
	(BIT_ULL(VIRTIO_BLK_F_FLUSH) | BIT_ULL(VIRTIO_BLK_F_DISCARD) |	\
	 BIT_ULL(VIRTIO_BLK_F_WRITE_ZEROES) | BIT_ULL(VIRTIO_BLK_F_SECURE_ERASE) | \
	 BIT_ULL(VIRTIO_BLK_F_LIFETIME))

/*
 * What moves the data. A disk is described as the kernel module does it, whoever
 * serves it: struct ferry_blk_backend. Called under the machine's lock.
 */
struct blk_backend_ops {
	/*
	 * Judge the disk: @disk has the block size that is wanted, or 0; the flags
	 * that do not change while the guest runs and all that is marked "out" are
	 * filled in.
	 */
	int (*probe)(void *backend, struct ferry_blk_backend *disk, struct error *e);

	/* Of the ring features wanted, those that can be offered. */
	u64 (*features)(void *backend, u64 wanted);

	/* Sectors that the disk has now. */
	u64 (*capacity)(void *backend);

	/*
	 * Serve every enabled queue of a device whose driver is ready. update: the
	 * flags or the capacity of the disk changed; requests before it are done by
	 * the old ones. stop returns when every request is answered.
	 */
	int (*start)(void *backend, struct virtio_dev *v, const struct ferry_blk_backend *disk);
	int (*update)(void *backend, const struct ferry_blk_backend *disk);
	void (*stop)(void *backend);

	/*
	 * Between start and stop: answer what was asked and take no more, until resume.
	 * update may come in between.
	 */
	void (*pause)(void *backend);
	int (*resume)(void *backend);
};

struct blk_dev_config {
	u64 features;		/* wanted; what the disk cannot do is left out */
	unsigned int queues;
	u16 queue_size;
	bool write_cache;	/* the guest may have to flush */
	u32 logical_block, physical_block, min_io, opt_io;	/* bytes; 0: the disk's */
	const char *serial;	/* NULL for none; the first FERRY_BLK_SERIAL bytes count */
};

struct blk_dev {
	struct virtio_dev v;
	const struct blk_backend_ops *ops;
	void *backend;
	struct ferry_blk_backend disk;
	bool write_cache, initial_write_cache;
	struct virtio_blk_config config;	/* but for capacity and write cache */
};

int blk_init(struct blk_dev *b, struct machine *m, const struct blk_dev_config *cfg,
	     const struct blk_backend_ops *ops, void *backend, struct error *e);
void blk_destroy(struct blk_dev *b);

/**
 * blk_resize - give the disk another size while the guest runs
 * @b: the device
 * @bytes: of which whole blocks count
 *
 * The guest is told. Under the machine's lock.
 *
 * Return: 0, or the backend's refusal; the device needs a reset then.
 */
int blk_resize(struct blk_dev *b, u64 bytes);

/* Look at how large the disk is now, and tell the guest if that is news. */
int blk_refresh(struct blk_dev *b);

#endif /* FERRY_VMM_DEV_BLK_H */
