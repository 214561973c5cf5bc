/* SPDX-License-Identifier: GPL-2.0 */
/* A directory served by the kernel: /dev/ferry-9p. */
#ifndef FERRY_VMM_BACKEND_VHOST_9P_H
#define FERRY_VMM_BACKEND_VHOST_9P_H

#include <linux/ferry.h>

#include "vhost.h"

/**
 * vhost_9p_probe - let the kernel judge an export before a guest depends on it
 * @vh: the device
 * @export: the open directory and how it is to be served
 * @e: what it had against it
 *
 * Return: 0, or a negative errno.
 */
int vhost_9p_probe(struct vhost *vh, const struct ferry_9p_backend *export, struct error *e);

/**
 * vhost_9p_start - let the kernel serve the queue
 * @vh: the device
 * @v: the virtio device, whose driver is ready
 * @export: what was probed
 *
 * Return: 0, or a negative errno with everything as it was.
 */
int vhost_9p_start(struct vhost *vh, struct virtio_dev *v,
		   const struct ferry_9p_backend *export);

/* When it returns, every message is answered and the kernel touches nothing. */
void vhost_9p_stop(struct vhost *vh);

#endif /* FERRY_VMM_BACKEND_VHOST_9P_H */
