/* SPDX-License-Identifier: GPL-2.0 */
/* virtio-9p: configuration space, and what it needs from a backend. */
#ifndef FERRY_VMM_DEV_P9_H
#define FERRY_VMM_DEV_P9_H

#include <linux/virtio_9p.h>

#include "../virtio/virtio.h"

#define P9_TAG_MAX	31	/* bytes of a mount tag */

/* What answers the messages. Called under the machine's lock. */
struct p9_backend_ops {
	/* Of the ring features wanted, those that can be offered. */
	u64 (*features)(void *backend, u64 wanted);

	/*
	 * Serve the queue of a device whose driver is ready. stop returns when every
	 * message is answered; the session and its fids are gone then.
	 */
	int (*start)(void *backend, struct virtio_dev *v);
	void (*stop)(void *backend);
};

struct p9_dev_config {
	u64 features;		/* of the ring, wanted */
	const char *tag;	/* 1 to P9_TAG_MAX bytes */
};

struct p9_dev {
	struct virtio_dev v;
	const struct p9_backend_ops *ops;
	void *backend;
	union {
		struct virtio_9p_config config;
		u8 bytes[sizeof(struct virtio_9p_config) + P9_TAG_MAX];
	};
};

int p9_init(struct p9_dev *p, struct machine *m, const struct p9_dev_config *cfg,
	    const struct p9_backend_ops *ops, void *backend, struct error *e);
void p9_destroy(struct p9_dev *p);

#endif /* FERRY_VMM_DEV_P9_H */
