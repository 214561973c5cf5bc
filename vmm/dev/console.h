/* SPDX-License-Identifier: GPL-2.0 */
/* virtio-console with one port, the guest's /dev/hvc0. */
#ifndef FERRY_VMM_DEV_CONSOLE_H
#define FERRY_VMM_DEV_CONSOLE_H

#include <linux/virtio_console.h>

#include "../virtio/ring.h"
#include "../virtio/virtio.h"
#include "chars.h"

enum {
	CONSOLE_RX,		/* to the guest */
	CONSOLE_TX,
	CONSOLE_QUEUES,
};

struct console_dev;

struct console_queue {
	struct console_dev *c;
	struct virtio_ring ring;
	struct loop_source kick;
	bool ended;		/* the guest broke it */
	bool holds;		/* a chain that is not done with */
	struct virtio_chain chain;
	u32 done;		/* bytes of it */
	struct iovec iov[FERRY_CHAIN_MAX];
};

struct console_dev {
	struct virtio_dev v;
	struct console_queue queue[CONSOLE_QUEUES];
	const struct chars_backend_ops *ops;	/* NULL: nobody is there */
	void *backend;
};

/* For a backend, with the device as the port. */
extern const struct chars_port_ops console_port_ops;

/* @features: the ring features to offer. */
int console_init(struct console_dev *c, struct machine *m, u64 features, struct error *e);
void console_destroy(struct console_dev *c);
void console_set_backend(struct console_dev *c, const struct chars_backend_ops *ops,
			 void *backend);

#endif /* FERRY_VMM_DEV_CONSOLE_H */
