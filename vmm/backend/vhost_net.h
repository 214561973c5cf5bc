/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's side of a pair of network queues. */
#ifndef FERRY_VMM_BACKEND_VHOST_NET_H
#define FERRY_VMM_BACKEND_VHOST_NET_H

#include "../dev/net_bits.h"
#include "vhost.h"

/* Feature bits that the kernel decides about; all others are the tap's. */
#define VHOST_NET_FEATURES	(VHOST_RING_FEATURES | BIT_ULL(VIRTIO_NET_F_MRG_RXBUF))

/* Take over the open device @fd. */
int vhost_net_init(struct vhost *vh, struct machine *m, int fd, u32 poll_us, struct error *e);

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
int vhost_net_start(struct vhost *vh, struct virtio_dev *v, unsigned int first, int tap,
		    bool tap_has_hdr);

/* The back end alone, off and on again: the queues stay where they are. */
void vhost_net_pause(const struct vhost *vh);
int vhost_net_resume(const struct vhost *vh, int tap);

/* When it returns, the kernel touches neither queues nor memory. */
void vhost_net_stop(struct vhost *vh);

#endif /* FERRY_VMM_BACKEND_VHOST_NET_H */
