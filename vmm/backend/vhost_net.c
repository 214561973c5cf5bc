// SPDX-License-Identifier: GPL-2.0
/*
 * Role: start and stop a pair of network queues on a vhost-net device.
 * Threads: main, and vCPUs (a driver becomes ready, or resets).
 * Locks: the machine's lock is held by the caller.
 */
#include "vhost_net.h"

#include <linux/vhost.h>

#define VHOST_NET_QUEUES	2U

int vhost_net_init(struct vhost *vh, struct machine *m, int fd, u32 poll_us, struct error *e)
{
	int ret = vhost_init(vh, m, fd, e);

	return ret ?: vhost_set_poll(vh, VHOST_NET_QUEUES, poll_us, e);
}

static u64 vhost_net_features(const struct virtio_dev *v, bool tap_has_hdr)
{
	u64 f = v->acked & VHOST_NET_FEATURES;

	/* Where the tap has no header, the kernel makes up and takes off an empty one. */
	return tap_has_hdr ? f : f | BIT_ULL(VHOST_NET_F_VIRTIO_NET_HDR);
}

int vhost_net_start(struct vhost *vh, struct virtio_dev *v, unsigned int first, int tap,
		    bool tap_has_hdr)
{
	unsigned int i;
	int ret;

	ret = vhost_begin(vh, v, vhost_net_features(v, tap_has_hdr));
	for (i = 0; i < VHOST_NET_QUEUES && !ret; i++)
		ret = vhost_set_queue(vh, &v->queue[first + i], i);
	if (!ret)
		ret = vhost_net_resume(vh, tap);
	if (ret)
		vhost_net_stop(vh);
	return ret;
}

int vhost_net_resume(const struct vhost *vh, int tap)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < VHOST_NET_QUEUES && !ret; i++)
		ret = vhost_set_file(vh, VHOST_NET_SET_BACKEND, i, tap);
	return ret;
}

void vhost_net_pause(const struct vhost *vh)
{
	unsigned int i;

	for (i = 0; i < VHOST_NET_QUEUES; i++)
		vhost_set_file(vh, VHOST_NET_SET_BACKEND, i, -1);
}

void vhost_net_stop(struct vhost *vh)
{
	vhost_net_pause(vh);
	vhost_end(vh, VHOST_NET_QUEUES);
}
