/* SPDX-License-Identifier: GPL-2.0 */
/* virtio-vsock: sockets between host and guest, all of them in the kernel's hands. */
#ifndef FERRY_VMM_BACKEND_VHOST_VSOCK_H
#define FERRY_VMM_BACKEND_VHOST_VSOCK_H

#include <linux/virtio_vsock.h>

#include "vhost.h"

struct vhost_vsock_config {
	u64 features;		/* of the ring, wanted */
	u64 cid;		/* the guest's address */
	const char *vhostdev;
};

struct vhost_vsock {
	struct virtio_dev v;
	struct vhost vh;
	struct virtio_vsock_config config;
};

int vhost_vsock_init(struct vhost_vsock *s, struct machine *m,
		     const struct vhost_vsock_config *cfg, struct error *e);
void vhost_vsock_destroy(struct vhost_vsock *s);

#endif /* FERRY_VMM_BACKEND_VHOST_VSOCK_H */
