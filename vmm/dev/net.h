/* SPDX-License-Identifier: GPL-2.0 */
/* virtio-net: configuration, control queue, and what it needs from a backend. */
#ifndef FERRY_VMM_DEV_NET_H
#define FERRY_VMM_DEV_NET_H

#include "../virtio/ring.h"
#include "../virtio/virtio.h"
#include "net_bits.h"

struct net_dev;

/* What moves the packets. Called under the machine's lock. */
struct net_backend_ops {
	/* Of the features wanted, those that can be offered. */
	u64 (*features)(void *backend, u64 wanted);

	/*
	 * Serve the first @pairs queue pairs of a device whose driver is ready; pair
	 * i has queue 2i (receive) and 2i + 1 (transmit). After start, set_pairs
	 * changes how many, and set_offloads which packets the guest takes (a mask of
	 * VIRTIO_NET_F_GUEST_* bits). stop returns when nothing touches the queues.
	 */
	int (*start)(void *backend, struct net_dev *n, unsigned int pairs);
	int (*set_pairs)(void *backend, unsigned int pairs);
	int (*set_offloads)(void *backend, u64 offloads);
	void (*stop)(void *backend);

	/* Between start and stop: leave the queues as they are, and go on with them. */
	void (*pause)(void *backend);
	int (*resume)(void *backend);
};

struct net_dev_config {
	u8 mac[6];
	u16 mtu;		/* 0: not told */
	u16 rx_size, tx_size;
	unsigned int pairs;	/* as many as the backend has */
	u64 features;		/* VIRTIO_NET_F_* and ring features wanted */
};

struct net_dev {
	struct virtio_dev v;
	const struct net_backend_ops *ops;
	void *backend;
	u8 mac[6], initial_mac[6];
	u16 mtu;
	unsigned int max_pairs;
	unsigned int pairs;		/* in use */
	struct virtio_ring ctrl;
	struct virtq *ctrl_queue;	/* while running; NULL without one, or a broken one */
	struct loop_source ctrl_kick;
};

int net_init(struct net_dev *n, struct machine *m, const struct net_dev_config *cfg,
	     const struct net_backend_ops *ops, void *backend, struct error *e);
void net_destroy(struct net_dev *n);

#endif /* FERRY_VMM_DEV_NET_H */
