/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A network device without a guest: frames out through tx, in through rx, and
 * the host's end of the wire, which for a tap is the tap's own interface.
 */
#ifndef FERRY_SELFTEST_NET_H
#define FERRY_SELFTEST_NET_H

#include <linux/virtio_net.h>

#include "rig.h"

/* Ethertype of the test frames ("local experimental"). */
#define NET_ETHERTYPE	0x88b5

#define NET_FRAME_MAX	(65535 + 18)

/* Where tx copies frames, and where rx posts buffers. */
#define NET_TX_BUF	RIG_BUF
#define NET_TX_SIZE	0x200000U
#define NET_RX_BUF	(RIG_BUF + NET_TX_SIZE)
#define NET_RX_SIZE	0x200000U

struct net {
	struct rig g;
	uint32_t hdr_len;	/* 10 or 12 */
	uint32_t rx_len;	/* size of each rx buffer */
	unsigned int rx_segs;	/* descriptors of each */
	uint32_t tx_used;	/* of NET_TX_SIZE */
	unsigned int in_flight;
	int host;		/* packet socket on the host's end */
};

/*
 * As __rig_init(), with both queues running and a packet socket on the tap's
 * interface. The caller is in a network namespace of its own.
 */
int __net_init(struct net *n, const struct rig_options *o);
void net_destroy(struct net *n);

/* A frame of @len bytes, 14 or more, that frame_ok() knows again by @seq. */
void frame_make(void *frame, uint32_t len, uint32_t seq);
bool frame_ok(const void *frame, uint32_t len, uint32_t seq);
/* Whether it is one of ours, and not what the host says on its own. */
bool frame_is_ours(const void *frame, uint32_t len);

/*
 * Queue a frame for tx, in @segs segments (the header is one of its own from
 * two on); @hdr NULL: zeroes. net_tx_flush() publishes and waits for all.
 */
void net_tx_add(struct net *n, const struct virtio_net_hdr *hdr, const void *frame, uint32_t len,
		unsigned int segs);
void net_tx_flush(struct net *n);
/* Queue @len bytes verbatim, header included. */
void net_tx_add_raw(struct net *n, const void *bytes, uint32_t len);

/* Post @count rx buffers of @len bytes in @segs segments each. */
void net_rx_post(struct net *n, unsigned int count, uint32_t len, unsigned int segs);

/*
 * Take one frame of ours from rx and post its buffers again. Return its length,
 * 0 after @ms. @hdr is filled as far as the ring's header goes.
 */
uint32_t net_rx_take(struct net *n, struct virtio_net_hdr_mrg_rxbuf *hdr, void *frame, int ms);

/* The same, whosever frame it is. */
uint32_t net_rx_take_any(struct net *n, struct virtio_net_hdr_mrg_rxbuf *hdr, void *frame, int ms);

/* Send a frame from the host's end, or take one there: its length, 0 after @ms. */
void net_host_send(struct net *n, const void *frame, uint32_t len);
uint32_t net_host_take(struct net *n, void *frame, int ms);

#endif /* FERRY_SELFTEST_NET_H */
