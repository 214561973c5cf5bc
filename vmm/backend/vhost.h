/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A vhost device, by the standard ioctls of <linux/vhost.h>: what every kind has in
 * common. vhost_net.h and vhost_blk.h add how each is started.
 */
#ifndef FERRY_VMM_BACKEND_VHOST_H
#define FERRY_VMM_BACKEND_VHOST_H

#include "../virtio/virtio.h"

/* Feature bits of rings, which the kernel decides about. */
#define VHOST_RING_FEATURES						\
	(VIRTIO_BIT(F_VERSION_1) | VIRTIO_BIT(F_RING_PACKED) |		\
	 BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) | BIT_ULL(VIRTIO_RING_F_EVENT_IDX))

struct vhost {
	struct machine *m;
	int fd;
	u64 features;		/* what the device offers */
	int err_fd;		/* the kernel found the guest in error */
	struct loop_source err;
	struct virtio_dev *v;	/* while started */
};

/* Open a vhost device; @module is what the user may have to load. */
int vhost_open(const char *path, const char *module, struct error *e);

/* Take over the open device @fd, also if this fails. */
int vhost_init(struct vhost *vh, struct machine *m, int fd, struct error *e);
void vhost_destroy(struct vhost *vh);

/* One ioctl; 0 or a negative errno. */
int vhost_ioctl(const struct vhost *vh, unsigned long req, const void *arg);
/* Have the kernel spin for up to @us before it lets one of @n queues sleep; 0: not at all. */
int vhost_set_poll(const struct vhost *vh, unsigned int n, u32 us, struct error *e);
int vhost_set_file(const struct vhost *vh, unsigned long req, unsigned int i, int fd);

/**
 * vhost_begin - tell the kernel of a device whose driver is ready
 * @vh: the vhost device
 * @v: the virtio device
 * @features: negotiated, of those that the vhost device offers
 *
 * Sets features and memory. Queues follow, then the back end.
 */
int vhost_begin(struct vhost *vh, struct virtio_dev *v, u64 features);

/* Set queue @i of the vhost device up to serve @q; the back end starts it. */
int vhost_set_queue(const struct vhost *vh, const struct virtq *q, unsigned int i);

/* Take the eventfds of the first @queues away, whose back end is off, and forget the guest. */
void vhost_end(struct vhost *vh, unsigned int queues);

#endif /* FERRY_VMM_BACKEND_VHOST_H */
