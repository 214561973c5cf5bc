/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One open /dev/ferry-net: a receive and a transmit queue, each with the tap
 * that is its back end. Fields of a queue are under its vq->mutex.
 */
#ifndef FERRY_NET_FERRY_NET_H
#define FERRY_NET_FERRY_NET_H

#include <linux/vhost_types.h>
#include <net/xdp.h>

#include "../vhost/vhost.h"
#include "chunk.h"
#include "net_core.h"
#include "tap.h"

enum {
	FERRY_NET_RX,	/* virtio's receiveq: from the tap to the guest */
	FERRY_NET_TX,	/* virtio's transmitq */
	FERRY_NET_QUEUES,
};

/* Chains that one received frame may be spread over. */
#define FERRY_NET_RX_CHAINS	256

struct ferry_net_rx {
	struct ferry_vq vq;
	struct ferry_poll poll;		/* the tap has frames */
	u32 hdr_len;			/* header in the ring, bytes */
	bool own_hdr;			/* the tap has none: we write an empty one */
	bool mergeable;
	int ifindex;			/* of the device that frames named of late */
	/* Frames taken from the tap's ring, pkt[head..tail). */
	void *pkt[FERRY_BATCH];
	unsigned int head;
	unsigned int tail;
};

struct ferry_net_tx {
	struct ferry_vq vq;
	struct ferry_poll poll;		/* the tap's send buffer has room */
	u32 hdr_len;
	bool own_hdr;
	/* Frames built and not yet sent. */
	struct xdp_buff xdp[FERRY_BATCH];
	unsigned int nr_xdp;
	unsigned int xdp_bytes;
	struct ferry_chunk_pool chunks;
};

struct ferry_net {
	struct ferry_dev dev;
	struct ferry_vq *vqs[FERRY_NET_QUEUES];
	struct ferry_net_rx rx;
	struct ferry_net_tx tx;
};

int ferry_net_rx_init(struct ferry_net_rx *rx);
void ferry_net_rx_destroy(struct ferry_net_rx *rx);
void ferry_net_rx_start(struct ferry_net_rx *rx);
void ferry_net_rx_quiesce(struct ferry_net_rx *rx);
bool ferry_net_rx_run(struct ferry_vq *vq);

int ferry_net_tx_init(struct ferry_net_tx *tx);
void ferry_net_tx_destroy(struct ferry_net_tx *tx);
void ferry_net_tx_start(struct ferry_net_tx *tx);
void ferry_net_tx_quiesce(struct ferry_net_tx *tx);
bool ferry_net_tx_run(struct ferry_vq *vq);

#endif /* FERRY_NET_FERRY_NET_H */
