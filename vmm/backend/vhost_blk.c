// SPDX-License-Identifier: GPL-2.0
/*
 * Role: start, change and stop the queues of a disk on /dev/ferry-blk. Each queue but
 *	the first gets a worker of its own.
 * Threads: main, and vCPUs (a driver becomes ready, resets, switches the write cache).
 * Locks: the machine's lock is held by the caller.
 */
#include "vhost_blk.h"

#include <string.h>

/* Since Linux 6.4; the same layout under names of our own, so as not to clash. */
struct vhost_blk_worker {
	unsigned int worker_id;
};

struct vhost_blk_vring_worker {
	unsigned int index;
	unsigned int worker_id;
};

#define VHOST_BLK_NEW_WORKER	_IOR(VHOST_VIRTIO, 0x8, struct vhost_blk_worker)
#define VHOST_BLK_ATTACH_WORKER	_IOW(VHOST_VIRTIO, 0x15, struct vhost_blk_vring_worker)

/* What the kernel is told of a disk, without what it answered before. */
static struct ferry_blk_backend vhost_blk_backend(const struct ferry_blk_backend *disk)
{
	struct ferry_blk_backend b = {
		.fd = disk->fd,
		.flags = disk->flags,
		.capacity = disk->capacity,
		.block_size = disk->block_size,
		.lifetime = disk->lifetime,
	};

	memcpy(b.serial, disk->serial, sizeof(b.serial));
	return b;
}

int vhost_blk_probe(const struct vhost *vh, struct ferry_blk_backend *disk, struct error *e)
{
	struct ferry_blk_backend b = vhost_blk_backend(disk);
	int ret;

	b.flags |= FERRY_BLK_F_PROBE;
	ret = vhost_ioctl(vh, FERRY_BLK_SET_BACKEND, &b);
	if (ret)
		return error_errno(e, ret, "vhost: the device refused the disk");
	b.flags = disk->flags;
	memcpy(b.serial, disk->serial, sizeof(b.serial));
	*disk = b;
	return 0;
}

/* A thread each, where there are threads to be had; else they share the first. */
static void vhost_blk_spread(const struct vhost *vh, unsigned int queue)
{
	struct vhost_blk_vring_worker at = { .index = queue };
	struct vhost_blk_worker w;

	if (vhost_ioctl(vh, VHOST_BLK_NEW_WORKER, &w))
		return;
	at.worker_id = w.worker_id;
	vhost_ioctl(vh, VHOST_BLK_ATTACH_WORKER, &at);
}

int vhost_blk_start(struct vhost *vh, struct virtio_dev *v,
		    const struct ferry_blk_backend *disk, u32 poll_us)
{
	unsigned int i, served = 0;
	struct error e;
	int ret;

	ret = vhost_begin(vh, v, v->acked & vh->features);
	for (i = 0; i < v->n_queues && !ret; i++) {
		if (!v->queue[i].enabled)
			continue;
		ret = vhost_set_queue(vh, &v->queue[i], i);
		if (!ret && served++)
			vhost_blk_spread(vh, i);
	}
	if (!ret)
		ret = vhost_set_poll(vh, v->n_queues, poll_us, &e);
	if (!ret)
		ret = vhost_blk_update(vh, disk);
	if (ret)
		vhost_blk_stop(vh);
	return ret;
}

int vhost_blk_update(const struct vhost *vh, const struct ferry_blk_backend *disk)
{
	struct ferry_blk_backend b = vhost_blk_backend(disk);

	return vhost_ioctl(vh, FERRY_BLK_SET_BACKEND, &b);
}

void vhost_blk_stats(const struct vhost *vh, struct ferry_blk_stats *stats)
{
	if (vhost_ioctl(vh, FERRY_BLK_GET_STATS, stats))
		*stats = (struct ferry_blk_stats){ 0 };
}

void vhost_blk_pause(const struct vhost *vh)
{
	const struct ferry_blk_backend none = { .fd = -1 };

	vhost_ioctl(vh, FERRY_BLK_SET_BACKEND, &none);
}

void vhost_blk_stop(struct vhost *vh)
{
	vhost_blk_pause(vh);
	vhost_end(vh, vh->v ? vh->v->n_queues : 0);
	/*
	 * A back end starts every queue that has addresses, and the next driver may set
	 * up fewer. So forget them all, and the workers.
	 */
	vhost_ioctl(vh, VHOST_RESET_OWNER, NULL);
	vhost_ioctl(vh, VHOST_SET_OWNER, NULL);
}
