// SPDX-License-Identifier: GPL-2.0
/*
 * Frames through a network device. One thread may use tx and another rx.
 */
#include <arpa/inet.h>
#include <errno.h>

#include "check.h"
#include "net.h"

static bool net_mergeable(const struct net *n)
{
	return n->g.o.features & F_MRG_RXBUF;
}

int __net_init(struct net *n, const struct rig_options *o)
{
	int err;

	memset(n, 0, sizeof(*n));
	n->host = -1;
	err = __rig_init(&n->g, o);
	if (err)
		return err;
	n->hdr_len = sizeof(struct virtio_net_hdr_mrg_rxbuf);
	if (o->legacy && !net_mergeable(n))
		n->hdr_len = sizeof(struct virtio_net_hdr);
	n->host = packet_open(n->g.tap.ifindex, false);
	rig_start(&n->g);
	return 0;
}

void net_destroy(struct net *n)
{
	if (n->host >= 0)
		close(n->host);
	rig_destroy(&n->g);
}

void frame_make(void *frame, uint32_t len, uint32_t seq)
{
	static const uint8_t head[14] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, NET_ETHERTYPE >> 8, NET_ETHERTYPE & 0xff,
	};
	uint8_t *p = frame;

	memcpy(p, head, sizeof(head));
	for (uint32_t i = 14; i < len; i++)
		p[i] = seq * 31 + i * 7 + (i >> 8);
	if (len >= 18)
		memcpy(p + 14, &seq, 4);
}

bool frame_is_ours(const void *frame, uint32_t len)
{
	const uint8_t *p = frame;

	return len >= 14 && p[12] == NET_ETHERTYPE >> 8 && p[13] == (NET_ETHERTYPE & 0xff);
}

bool frame_ok(const void *frame, uint32_t len, uint32_t seq)
{
	static __thread uint8_t want[NET_FRAME_MAX];

	frame_make(want, len, seq);
	return !memcmp(want, frame, len);
}

/* Split [addr, addr + len) into @segs pieces, the header by itself if it can be. */
static unsigned int net_split(const struct net *n, struct ring_seg *seg, uint64_t addr,
			      uint32_t len, unsigned int segs)
{
	unsigned int i = 0;

	if (segs > 1 && len > n->hdr_len) {
		seg[i++] = (struct ring_seg){ addr, n->hdr_len };
		addr += n->hdr_len;
		len -= n->hdr_len;
	}
	for (; i < segs; i++) {
		uint32_t part = i + 1 == segs ? len : len / (segs - i);

		seg[i] = (struct ring_seg){ addr, part };
		addr += part;
		len -= part;
	}
	return segs;
}

static void net_tx_queue(struct net *n, uint32_t len, unsigned int segs)
{
	struct ring_seg seg[32];

	net_split(n, seg, NET_TX_BUF + n->tx_used, len, segs);
	check_ok(ring_add(&n->g.ring[DEV_TX], seg, segs, 0, n->tx_used), "room in the tx ring");
	n->tx_used += (len + 63) & ~63U;
	n->in_flight++;
}

void net_tx_add_raw(struct net *n, const void *bytes, uint32_t len)
{
	check(n->tx_used + len <= NET_TX_SIZE, "room for a frame");
	memcpy(rig_buf(&n->g, NET_TX_BUF - RIG_BUF + n->tx_used), bytes, len);
	net_tx_queue(n, len, 1);
}

void net_tx_add(struct net *n, const struct virtio_net_hdr *hdr, const void *frame, uint32_t len,
		unsigned int segs)
{
	uint8_t *to = rig_buf(&n->g, NET_TX_BUF - RIG_BUF + n->tx_used);

	check(n->tx_used + n->hdr_len + len <= NET_TX_SIZE, "room for a frame");
	memset(to, 0, n->hdr_len);
	if (hdr)
		memcpy(to, hdr, sizeof(*hdr));
	memcpy(to + n->hdr_len, frame, len);
	net_tx_queue(n, n->hdr_len + len, segs);
}

void net_tx_flush(struct net *n)
{
	struct ring_used u;

	dev_publish(&n->g.dev, DEV_TX, &n->g.ring[DEV_TX]);
	for (; n->in_flight; n->in_flight--) {
		dev_expect_used(&n->g.ring[DEV_TX], &u);
		check(!u.len, "a frame sent has nothing written to it");
	}
	n->tx_used = 0;
}

static void net_rx_add(struct net *n, uint32_t off)
{
	struct ring_seg seg[32];
	unsigned int segs = net_split(n, seg, NET_RX_BUF + off, n->rx_len, n->rx_segs);

	check_ok(ring_add(&n->g.ring[DEV_RX], seg, 0, segs, off), "room in the rx ring");
}

void net_rx_post(struct net *n, unsigned int count, uint32_t len, unsigned int segs)
{
	n->rx_len = len;
	n->rx_segs = segs;
	check((uint64_t)count * ((len + 63) & ~63U) <= NET_RX_SIZE, "room for %u buffers", count);
	for (unsigned int i = 0; i < count; i++)
		net_rx_add(n, i * ((len + 63) & ~63U));
	dev_publish(&n->g.dev, DEV_RX, &n->g.ring[DEV_RX]);
}

/* Wait for the next rx chain; 0 after @ms. */
static int net_rx_chain(struct net *n, struct ring_used *u, int ms)
{
	int got = dev_poll_used(&n->g.ring[DEV_RX], u, ms);

	check_ok(got, "a completion the driver can place");
	if (got)
		check(u->len <= n->rx_len, "%u bytes in a buffer of %u", u->len, n->rx_len);
	return got;
}

static const uint8_t *net_rx_bytes(struct net *n, const struct ring_used *u)
{
	return rig_buf(&n->g, NET_RX_BUF - RIG_BUF + u->cookie);
}

uint32_t net_rx_take_any(struct net *n, struct virtio_net_hdr_mrg_rxbuf *hdr, void *frame, int ms)
{
	unsigned int buffers = 1;
	struct ring_used u;
	uint32_t len;

	if (!net_rx_chain(n, &u, ms))
		return 0;
	check(u.len >= n->hdr_len, "%u bytes hold a header", u.len);
	memset(hdr, 0, sizeof(*hdr));
	memcpy(hdr, net_rx_bytes(n, &u), n->hdr_len);
	if (net_mergeable(n))
		buffers = hdr->num_buffers;
	check(buffers, "at least one buffer");
	len = u.len - n->hdr_len;
	memcpy(frame, net_rx_bytes(n, &u) + n->hdr_len, len);
	net_rx_add(n, u.cookie);
	while (--buffers) {
		/* All of a frame is shown at once, or soon. */
		check(net_rx_chain(n, &u, DEV_PATIENCE_MS), "%u more buffers", buffers);
		check(len + u.len <= NET_FRAME_MAX, "a frame of sensible length");
		memcpy((uint8_t *)frame + len, net_rx_bytes(n, &u), u.len);
		len += u.len;
		net_rx_add(n, u.cookie);
	}
	dev_publish(&n->g.dev, DEV_RX, &n->g.ring[DEV_RX]);
	return len;
}

uint32_t net_rx_take(struct net *n, struct virtio_net_hdr_mrg_rxbuf *hdr, void *frame, int ms)
{
	uint64_t end = dev_now_ns() + ms * 1000000ULL;
	uint32_t len;

	do {
		len = net_rx_take_any(n, hdr, frame, ms);
		if (frame_is_ours(frame, len))
			return len;
	} while (dev_now_ns() < end);
	return 0;
}

void net_host_send(struct net *n, const void *frame, uint32_t len)
{
	packet_send(n->host, frame, len);
}

uint32_t net_host_take(struct net *n, void *frame, int ms)
{
	ssize_t len;

	do {
		len = packet_recv(n->host, frame, NET_FRAME_MAX, ms);
	} while (len && !frame_is_ours(frame, len));
	return len;
}
