/* SPDX-License-Identifier: GPL-2.0 */
/* A disk served by the kernel: /dev/ferry-blk. */
#ifndef FERRY_VMM_BACKEND_VHOST_BLK_H
#define FERRY_VMM_BACKEND_VHOST_BLK_H

#include "../dev/blk.h"
#include "vhost.h"

/* Let the kernel judge @disk, of which file, flags and block size are set. */
int vhost_blk_probe(const struct vhost *vh, struct ferry_blk_backend *disk, struct error *e);

/**
 * vhost_blk_start - let the kernel serve every enabled queue
 * @vh: the device
 * @v: the virtio device, whose driver is ready
 * @disk: what the requests are for
 * @poll_us: how long the kernel spins before it lets a queue sleep
 *
 * Return: 0, or a negative errno with everything as it was.
 */
int vhost_blk_start(struct vhost *vh, struct virtio_dev *v,
		    const struct ferry_blk_backend *disk, u32 poll_us);

/* Flags or capacity of the disk changed. */
int vhost_blk_update(const struct vhost *vh, const struct ferry_blk_backend *disk);

/* What the kernel has answered; zeroes from one that does not count. */
void vhost_blk_stats(const struct vhost *vh, struct ferry_blk_stats *stats);

/* When either returns, every request is answered and the kernel touches nothing. */
void vhost_blk_pause(const struct vhost *vh);	/* until vhost_blk_update() */
void vhost_blk_stop(struct vhost *vh);

#endif /* FERRY_VMM_BACKEND_VHOST_BLK_H */
