/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's side of a queue pair, by the standard ioctls of <linux/vhost.h>. */
#ifndef FERRY_VMM_BACKEND_VHOST_H
#define FERRY_VMM_BACKEND_VHOST_H

#include "../dev/net.h"

/* Feature bits that the kernel decides about; all others are the tap's. */
#define VHOST_RING_FEATURES						\
	(VIRTIO_BIT(F_VERSION_1) | VIRTIO_BIT(F_RING_PACKED) |		\
	 BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) | BIT_ULL(VIRTIO_RING_F_EVENT_IDX) | \
	 BIT_ULL(VIRTIO_NET_F_MRG_RXBUF))

struct vhost_net {
	struct machine *m;
	int fd;
	u64 features;		/* what the device offers */
	int err_fd;		/* the kernel found the guest in error */
	struct loop_source err;
	struct virtio_dev *v;	/* while started */
};

/* Take over the open device @fd. */
int vhost_net_init(struct vhost_net *vh, struct machine *m, int fd, u32 poll_us,
		   struct error *e);
void vhost_net_destroy(struct vhost_net *vh);

/**
 * vhost_net_start - let the kernel serve one queue pair
 * @vh: the device
 * @v: the virtio device, whose driver is ready
 * @first: index of its receive queue; the transmit queue is the next
 * @tap: the tap's descriptor for this pair
 * @tap_has_hdr: whether that gives and takes virtio-net headers
 *
 * Return: 0, or a negative errno with everything as it was.
 */
int vhost_net_start(struct vhost_net *vh, struct virtio_dev *v, unsigned int first, int tap,
		    bool tap_has_hdr);

/* When it returns, the kernel touches neither queues nor memory. */
void vhost_net_stop(struct vhost_net *vh);

#endif /* FERRY_VMM_BACKEND_VHOST_H */
