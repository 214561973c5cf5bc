// SPDX-License-Identifier: GPL-2.0
/*
 * Role: transmit: guest chains to the tap. What a header may ask for is decided by
 *	drivers/net/net_core.h, as in the kernel.
 * Threads: one a queue.
 * Locks: none.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "netloop_queue.h"

struct netloop_tx {
	struct netloop_queue q;
	struct virtio_net_hdr_mrg_rxbuf hdr;
	/* One for the private header, and a chain. */
	struct iovec iov[FERRY_CHAIN_MAX + 1];
};

struct netloop_tx *netloop_tx_create(void)
{
	return calloc(1, sizeof(struct netloop_tx));
}

struct netloop_queue *netloop_tx_queue(struct netloop_tx *tx)
{
	return &tx->q;
}

/* Take @len bytes off the front; the first piece that is left. */
static struct iovec *tx_skip(struct iovec *iov, unsigned int *n, size_t len)
{
	while (*n && len >= iov->iov_len) {
		len -= iov->iov_len;
		iov++;
		(*n)--;
	}
	if (*n && len) {
		iov->iov_base = (u8 *)iov->iov_base + len;
		iov->iov_len -= len;
	}
	return iov;
}

/* Write to the tap; false when the thread shall end. A frame it refuses is lost. */
static bool tx_write(struct netloop_tx *tx, struct iovec *iov, unsigned int n)
{
	while (writev(tx->q.tap, iov, n) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			return true;
		if (!netloop_wait(&tx->q, POLLOUT, false))
			return false;
	}
	return true;
}

/* One chain; -EPROTO if the guest broke the rules, -EINTR if the thread shall end. */
static int tx_chain(struct netloop_tx *tx, const struct virtio_chain *c)
{
	struct virtio_net_hdr *h = &tx->hdr.hdr;
	unsigned int n = c->out_num;
	struct iovec *iov = tx->iov + 1;
	int len = ferry_net_tx_len(c->out_len, c->in_len, tx->q.hdr_len);

	if (len < 0)
		return -EPROTO;
	if (!len)
		return 0;
	virtio_iov_read(iov, n, 0, &tx->hdr, tx->q.hdr_len);
	if (!ferry_net_tx_csum(h->flags, h->csum_start, h->csum_offset, &h->hdr_len, len))
		return 0;
	iov = tx_skip(iov, &n, tx->q.hdr_len);
	if (tx->q.tap_has_hdr) {
		/* The private copy that was checked goes out, not the guest's bytes. */
		tx->hdr.num_buffers = 0;
		*--iov = (struct iovec){ &tx->hdr, sizeof(tx->hdr) };
		n++;
	}
	if (n > FERRY_CHAIN_MAX)
		return 0;
	return tx_write(tx, iov, n) ? 0 : -EINTR;
}

/* Everything there is; 0, or as tx_chain(), -EINTR also at the end of the thread. */
static int tx_drain(struct netloop_tx *tx)
{
	struct virtio_ring *r = &tx->q.ring;
	unsigned int filled = 0;
	struct virtio_chain c;
	int ret;

	while ((ret = virtio_ring_pop(r, &c, tx->iov + 1, FERRY_CHAIN_MAX)) == 1) {
		ret = tx_chain(tx, &c);
		if (ret == -EPROTO)
			break;
		/* A frame that the tap did not take before the end is lost, not its chain. */
		virtio_ring_fill(r, &c, 0);
		if (ret)
			break;
		if (++filled % NETLOOP_BATCH)
			continue;
		virtio_ring_publish(r);
		if (netloop_stopping(&tx->q))
			break;
	}
	virtio_ring_publish(r);
	return ret >= 0 && netloop_stopping(&tx->q) ? -EINTR : ret;
}

void *netloop_tx_thread(void *arg)
{
	struct netloop_tx *tx = arg;
	int ret;

	pthread_setname_np(pthread_self(), "net-tx");
	do {
		virtio_ring_disable_kick(&tx->q.ring);
		do {
			ret = tx_drain(tx);
		} while (!ret && virtio_ring_enable_kick(&tx->q.ring));
		if (ret == -EINTR)
			return NULL;
		if (ret) {
			netloop_broken(&tx->q);
			return NULL;
		}
	} while (netloop_wait(&tx->q, 0, true));
	return NULL;
}
