// SPDX-License-Identifier: GPL-2.0
/*
 * Transmit: from the guest's ring to the tap. Runs in the queue's worker, in
 * the owner's mm, under the queue's mutex.
 *
 * Frames that fit into a page are copied next to each other into recycled
 * chunks and handed to the tap 64 at a time, without an skb in between; larger
 * ones, and all where the tap limits its send buffer, go one by one through the
 * tap's sendmsg, which builds the skb from the guest's segments.
 */
#include <linux/if_tun.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/skbuff.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "../compat/tun_frame.h"
#include "../vring/copy.h"
#include "ferry_net.h"

/* Room that the network stack expects in front of a frame. */
#define FERRY_TX_PAD	SKB_DATA_ALIGN(NET_SKB_PAD + NET_IP_ALIGN)

int ferry_net_tx_init(struct ferry_net_tx *tx)
{
	ferry_poll_init(&tx->poll, &tx->vq, EPOLLOUT);
	return ferry_vq_init(&tx->vq, "tx", FERRY_BATCH);
}

void ferry_net_tx_destroy(struct ferry_net_tx *tx)
{
	ferry_chunk_destroy(&tx->chunks);
	ferry_vq_destroy(&tx->vq);
}

/* The ring has just been started. */
void ferry_net_tx_start(struct ferry_net_tx *tx)
{
	u64 features = tx->vq.cfg.features;

	tx->hdr_len = ferry_net_hdr_len(features);
	tx->own_hdr = features & BIT_ULL(VHOST_NET_F_VIRTIO_NET_HDR);
}

/* The back end is about to go. */
void ferry_net_tx_quiesce(struct ferry_net_tx *tx)
{
	ferry_poll_stop(&tx->poll);
}

static void ferry_net_tx_drop(struct ferry_net_tx *tx, unsigned int n)
{
	tx->vq.stats.drops += n;
}

/* Hand the frames that are built to the tap. */
static void ferry_net_tx_send_batch(struct ferry_net_tx *tx, struct ferry_tap *tap)
{
	struct tun_msg_ctl ctl = {
		.type = TUN_MSG_PTR,
		.num = tx->nr_xdp,
		.ptr = tx->xdp,
	};
	struct msghdr msg = {
		.msg_control = &ctl,
		.msg_controllen = sizeof(ctl),
		.msg_flags = MSG_DONTWAIT,
	};
	unsigned int i;

	if (!tx->nr_xdp)
		return;
	if (tap->sock->ops->sendmsg(tap->sock, &msg, 0) < 0) {
		/* The tap is gone and took none. */
		for (i = 0; i < tx->nr_xdp; i++)
			put_page(virt_to_head_page(tx->xdp[i].data));
		ferry_net_tx_drop(tx, tx->nr_xdp);
	} else {
		tx->vq.stats.bytes += tx->xdp_bytes;
	}
	tx->nr_xdp = 0;
	tx->xdp_bytes = 0;
}

/* Whether the header that came with a frame may go to the tap with it. */
static bool ferry_net_tx_hdr_ok(struct virtio_net_hdr *hdr, u32 frame_len)
{
	u16 hdr_len = le16_to_cpu((__force __le16)hdr->hdr_len);
	bool ok = ferry_net_tx_csum(hdr->flags, le16_to_cpu((__force __le16)hdr->csum_start),
				    le16_to_cpu((__force __le16)hdr->csum_offset), &hdr_len,
				    frame_len);

	hdr->hdr_len = (__force __virtio16)cpu_to_le16(hdr_len);
	return ok;
}

/*
 * Copy one frame into the batch. Return: 1 if it is there, 0 if it was dropped,
 * -ENOSPC if it does not fit into a page, -EFAULT if guest memory is not there.
 */
static int ferry_net_tx_build(struct ferry_net_tx *tx, struct ferry_tap *tap,
			      const struct ferry_chain *c, u32 len)
{
	u32 pad = FERRY_TX_PAD, room;
	struct xdp_buff *xdp = &tx->xdp[tx->nr_xdp];
	struct virtio_net_hdr *hdr;
	void *buf, *ring_hdr;

	if (sock_flag(tap->sock->sk, SOCK_XDP))
		pad += XDP_PACKET_HEADROOM;
	room = pad + SKB_DATA_ALIGN(len) + SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	if (room > PAGE_SIZE)
		return -ENOSPC;
	buf = ferry_chunk_alloc(&tx->chunks, room);
	if (unlikely(!buf))
		return 0;
	/* The ring's header ends where the frame begins. */
	ring_hdr = buf + pad - tx->hdr_len;
	if (unlikely(ferry_copy_from_segs(ring_hdr, ferry_chain_out(&tx->vq.vring, c),
					  tx->hdr_len + len))) {
		ferry_chunk_unalloc(&tx->chunks, room);
		return -EFAULT;
	}
	xdp_init_buff(xdp, room, NULL);
	xdp_prepare_buff(xdp, buf, pad, len, true);
	hdr = ferry_tun_frame_hdr(xdp);
	if (tx->own_hdr)
		memset(hdr, 0, sizeof(*hdr));
	else
		memcpy(hdr, ring_hdr, sizeof(*hdr));
	if (unlikely(!ferry_net_tx_hdr_ok(hdr, len))) {
		ferry_chunk_unalloc(&tx->chunks, room);
		return 0;
	}
	tx->nr_xdp++;
	tx->xdp_bytes += len;
	return 1;
}

/*
 * Send one frame by itself. Return: 1 if the tap took it, 0 if it was dropped,
 * -EAGAIN if the tap's send buffer is full, -EFAULT if guest memory is not there.
 */
static int ferry_net_tx_send_one(struct ferry_net_tx *tx, struct ferry_tap *tap,
				 const struct ferry_chain *c)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT };
	int err;

	iov_iter_init(&msg.msg_iter, ITER_SOURCE, ferry_chain_out(&tx->vq.vring, c), c->nr_out,
		      c->out_len);
	if (tx->own_hdr)
		iov_iter_advance(&msg.msg_iter, tx->hdr_len);
	err = tap->sock->ops->sendmsg(tap->sock, &msg, iov_iter_count(&msg.msg_iter));
	if (err == -EAGAIN || err == -EFAULT)
		return err;
	if (err < 0)
		return 0;
	tx->vq.stats.bytes += c->out_len - tx->hdr_len;
	return 1;
}

/*
 * Serve the first ready chain. Return: frame bytes, 0 for a frame that was
 * dropped, -EAGAIN to come back when the tap is writable, or -EFAULT if the
 * queue was stopped.
 */
static int ferry_net_tx_one(struct ferry_net_tx *tx, struct ferry_tap *tap, bool batch)
{
	struct ferry_vq *vq = &tx->vq;
	const struct ferry_chain *c = ferry_vring_chain(&vq->vring, 0);
	int len = ferry_net_tx_len(c->out_len, c->in_len, tx->hdr_len);
	int sent = 0;

	if (unlikely(len < 0)) {
		ferry_vq_error(vq, "chain of %u readable and %u writable bytes is no frame",
			       c->out_len, c->in_len);
		return -EFAULT;
	}
	if (likely(len)) {
		sent = batch ? ferry_net_tx_build(tx, tap, c, len) : -ENOSPC;
		if (sent == -ENOSPC) {
			/* Those before it go first. */
			ferry_net_tx_send_batch(tx, tap);
			sent = ferry_net_tx_send_one(tx, tap, c);
		}
	}
	if (unlikely(sent < 0)) {
		if (sent == -EFAULT)
			ferry_vq_error(vq, "buffer memory is not accessible");
		return sent;
	}
	if (unlikely(!sent)) {
		ferry_net_tx_drop(tx, 1);
		len = 0;
	}
	ferry_vring_complete(&vq->vring, 0);
	return len;
}

/**
 * ferry_net_tx_run - serve the transmit queue for a while
 * @vq: see struct ferry_dev_ops
 */
bool ferry_net_tx_run(struct ferry_vq *vq)
{
	struct ferry_net_tx *tx = container_of(vq, struct ferry_net_tx, vq);
	struct ferry_tap *tap = vq->backend;
	/* An unlimited send buffer needs no accounting, thus no skb up front. */
	bool batch = tap->sock->sk->sk_sndbuf == INT_MAX;
	unsigned int chains = 0, bytes = 0;
	int ret = 0, n;

	ferry_poll_stop(&tx->poll);
	while (chains < FERRY_WEIGHT_CHAINS && bytes < FERRY_WEIGHT_BYTES) {
		n = ferry_vq_fetch(vq, 1);
		if (n < 0)
			return false;
		if (!n) {
			if (ferry_vq_busy_poll(vq, NULL))
				continue;
			if (ferry_vq_idle(vq))
				return false;
			continue;
		}
		chains += n;
		for (; n; n--) {
			ret = ferry_net_tx_one(tx, tap, batch);
			if (unlikely(ret < 0))
				break;
			bytes += ret;
		}
		ferry_net_tx_send_batch(tx, tap);
		if (ferry_vq_push(vq) || ret == -EFAULT)
			return false;
		/* A tap that is being deleted wakes nobody any more: its frames go nowhere. */
		if (ret == -EAGAIN)
			return ferry_poll_start(&tx->poll, tap->file) != 0;
	}
	return true;
}
