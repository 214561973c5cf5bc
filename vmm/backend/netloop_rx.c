// SPDX-License-Identifier: GPL-2.0
/*
 * Role: receive: frames from the tap into guest chains. Chains are taken from the
 *	ring ahead of the frames and lie in one array of pieces, so that one readv()
 *	puts a frame where it belongs. What does not fit there lands in a spill buffer
 *	behind them and is copied on once the guest offers more.
 *
 *	The tap is left alone while the guest has no buffers: its queue fills up and
 *	pushes back, instead of our reading only to drop.
 * Threads: one a queue.
 * Locks: none.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netloop_queue.h"

/* Chains that may be held: the largest ring that the device offers. */
#define RX_CHAINS	1024U

/* The longest chain; one readv() takes as many, but not with the spill buffer. */
#define RX_PIECES	FERRY_CHAIN_MAX
#define RX_SPILL	(FERRY_NET_FRAME_MAX + sizeof(struct virtio_net_hdr_mrg_rxbuf))

/* Chains that are held for a frame of the usual size, in bytes. */
#define RX_USUAL	2048U

struct netloop_rx {
	struct netloop_queue q;
	bool mergeable;
	bool full;		/* no room to hold another chain */
	u32 want;		/* bytes of chains to hold before reading */

	unsigned int n_chains, n_pieces;
	u64 capacity;		/* bytes of the chains held */
	u32 slots;		/* of the ring, that they take */
	struct virtio_chain chain[RX_CHAINS];
	struct iovec piece[RX_PIECES + 1];

	u32 frame;		/* bytes of the frame that waits for chains, with header */
	u32 in_chains;		/* how many of them are in place */
	u32 spill_off;		/* where the others begin */
	u8 spill[RX_SPILL];
};

struct netloop_rx *netloop_rx_create(void)
{
	return calloc(1, sizeof(struct netloop_rx));
}

struct netloop_queue *netloop_rx_queue(struct netloop_rx *rx)
{
	return &rx->q;
}

/* Take one more chain; 1, 0 if there is none (or no room), or -EPROTO. */
static int rx_take(struct netloop_rx *rx)
{
	struct virtio_chain *c = &rx->chain[rx->n_chains];
	int ret;

	if (rx->n_chains == ARRAY_SIZE(rx->chain)) {
		rx->full = true;
		return 0;
	}
	ret = virtio_ring_pop(&rx->q.ring, c, rx->piece + rx->n_pieces,
			      RX_PIECES - rx->n_pieces);
	if (ret == -ENOBUFS) {
		rx->full = true;
		return 0;
	}
	if (ret != 1)
		return ret ? -EPROTO : 0;
	if (c->out_num || !c->in_num)
		return -EPROTO;
	rx->n_pieces += c->in_num;
	rx->capacity += c->in_len;
	rx->slots += c->slots;
	rx->n_chains++;
	return 1;
}

/* Hold chains for @want bytes, or one where frames may not be spread. */
static int rx_hold(struct netloop_rx *rx, u64 want)
{
	int ret = 1;

	while (ret == 1 && (rx->mergeable ? rx->capacity < want : !rx->n_chains))
		ret = rx_take(rx);
	return ret < 0 ? ret : 0;
}

/* Put what spilled into chains that came since; true if the frame is whole. */
static bool rx_unspill(struct netloop_rx *rx)
{
	u32 rest = rx->frame - rx->in_chains, done;

	if (!rest)
		return true;
	done = virtio_iov_write(rx->piece, rx->n_pieces, rx->in_chains,
				rx->spill + rx->spill_off, rest);
	rx->in_chains += done;
	rx->spill_off += done;
	return done == rest;
}

/* Forget the first @n chains, which were handed back. */
static void rx_forget(struct netloop_rx *rx, unsigned int n)
{
	unsigned int i, pieces = 0;

	for (i = 0; i < n; i++) {
		pieces += rx->chain[i].in_num;
		rx->capacity -= rx->chain[i].in_len;
		rx->slots -= rx->chain[i].slots;
	}
	rx->full = false;
	rx->n_chains -= n;
	rx->n_pieces -= pieces;
	memmove(rx->chain, rx->chain + n, rx->n_chains * sizeof(rx->chain[0]));
	memmove(rx->piece, rx->piece + pieces, rx->n_pieces * sizeof(rx->piece[0]));
}

/* Hand the whole frame's chains back. */
static void rx_complete(struct netloop_rx *rx)
{
	u32 left = rx->frame;
	unsigned int n = 0;
	u16 num_buffers;

	while (left) {
		u32 part = rx->chain[n].in_len < left ? rx->chain[n].in_len : left;

		virtio_ring_fill(&rx->q.ring, &rx->chain[n++], part);
		left -= part;
	}
	num_buffers = n;
	virtio_iov_write(rx->piece, rx->n_pieces,
			 offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers), &num_buffers,
			 sizeof(num_buffers));
	rx_forget(rx, n);
	rx->frame = 0;
}

/* Read one frame, header first; its length, or a negative errno. */
static ssize_t rx_read(struct netloop_rx *rx)
{
	/* No header comes: an empty one is put before the frame. */
	const u32 empty = rx->q.tap_has_hdr ? 0 : rx->q.hdr_len;
	ssize_t n;

	rx->spill_off = 0;
	rx->in_chains = 0;
	if (!empty && rx->n_pieces < IOV_MAX) {
		rx->piece[rx->n_pieces] = (struct iovec){ rx->spill, sizeof(rx->spill) };
		n = readv(rx->q.tap, rx->piece, rx->n_pieces + 1);
		rx->in_chains = n < (ssize_t)rx->capacity ? n : (ssize_t)rx->capacity;
		return n < 0 ? -errno : n;
	}
	memset(rx->spill, 0, empty);
	n = read(rx->q.tap, rx->spill + empty, sizeof(rx->spill) - empty);
	return n < 0 ? -errno : n + (ssize_t)empty;
}

/*
 * Bring the frame at hand to its end. 1 if that happened, 0 if it waits for
 * chains, or -EPROTO. A frame that the guest can never hold is dropped.
 */
static int rx_finish(struct netloop_rx *rx)
{
	int ret = rx_hold(rx, rx->frame);

	if (ret)
		return ret;
	if (rx_unspill(rx)) {
		rx_complete(rx);
		return 1;
	}
	if (rx->mergeable && rx->slots < rx->q.ring.num && !rx->full)
		return 0;
	rx->frame = 0;
	return 1;
}

/*
 * Frames until there are no more, or no chains for them. Returns what to wait for:
 * POLLIN for the tap, 0 for the guest, -EPROTO, or -EINTR at the end of the thread.
 */
static int rx_drain(struct netloop_rx *rx)
{
	unsigned int done = 0;
	ssize_t n;
	int ret;

	for (;;) {
		if (rx->frame) {
			ret = rx_finish(rx);
			if (ret <= 0)
				return ret;
		}
		if (++done % NETLOOP_BATCH == 0) {
			virtio_ring_publish(&rx->q.ring);
			if (netloop_stopping(&rx->q))
				return -EINTR;
		}
		ret = rx_hold(rx, rx->want);
		if (ret || !rx->n_chains)
			return ret;
		/* The frame's first chain has all of the header. */
		if (rx->chain[0].in_len < rx->q.hdr_len)
			return -EPROTO;
		n = rx_read(rx);
		if (n == -EINTR)
			continue;
		if (n <= (ssize_t)rx->q.hdr_len)
			return POLLIN;
		rx->frame = n;
		/* After a large frame hold enough for the next one. */
		rx->want = n > RX_USUAL ? RX_SPILL : RX_USUAL;
	}
}

/* Hold nothing: the queue begins. */
void netloop_rx_reset(struct netloop_rx *rx)
{
	rx->mergeable = rx->q.features & BIT_ULL(VIRTIO_NET_F_MRG_RXBUF);
	rx->want = RX_USUAL;
	rx->n_chains = 0;
	rx->n_pieces = 0;
	rx->capacity = 0;
	rx->slots = 0;
	rx->full = false;
	rx->frame = 0;
}

void *netloop_rx_thread(void *arg)
{
	struct netloop_rx *rx = arg;
	bool kick;
	int ret;

	pthread_setname_np(pthread_self(), "net-rx");
	do {
		ret = rx_drain(rx);
		virtio_ring_publish(&rx->q.ring);
		if (ret == -EINTR || netloop_stopping(&rx->q))
			return NULL;
		if (ret < 0) {
			netloop_broken(&rx->q);
			return NULL;
		}
		/* Only without chains is a notification of new ones of interest. */
		kick = !ret;
		if (kick && virtio_ring_enable_kick(&rx->q.ring))
			continue;
		if (!netloop_wait(&rx->q, ret, kick))
			break;
		if (kick)
			virtio_ring_disable_kick(&rx->q.ring);
	} while (true);
	return NULL;
}
