// SPDX-License-Identifier: GPL-2.0
/*
 * Receive: from the tap's ring to the guest. Runs in the queue's worker, in the
 * owner's mm, under the queue's mutex.
 *
 * Frames are taken from the tap's ring in batches, and only as many as the
 * guest has buffers for: when it has none, frames stay in the tap's ring, and
 * its sender is told to stop there rather than after work was spent on them.
 *
 * A frame whose bytes lie in one piece is copied straight from the skb; the
 * others (fragments, VLAN tags out of band, XDP frames, and those of a device that
 * we do not find) go through the tap's recvmsg, which knows how.
 */
#include <linux/if_tun.h>
#include <linux/if_vlan.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/ptr_ring.h>
#include <linux/skbuff.h>
#include <linux/uio.h>
#include <linux/virtio_net.h>

#include "../vring/copy.h"
#include "ferry_net.h"

int ferry_net_rx_init(struct ferry_net_rx *rx)
{
	ferry_poll_init(&rx->poll, &rx->vq, EPOLLIN);
	return ferry_vq_init(&rx->vq, "rx", FERRY_NET_RX_CHAINS);
}

void ferry_net_rx_destroy(struct ferry_net_rx *rx)
{
	ferry_vq_destroy(&rx->vq);
}

/* The ring has just been started. */
void ferry_net_rx_start(struct ferry_net_rx *rx)
{
	u64 features = rx->vq.cfg.features;

	rx->hdr_len = ferry_net_hdr_len(features);
	rx->own_hdr = features & BIT_ULL(VHOST_NET_F_VIRTIO_NET_HDR);
	rx->mergeable = features & BIT_ULL(VIRTIO_NET_F_MRG_RXBUF);
}

/* The back end is about to go: frames that wait here go back to its ring. */
void ferry_net_rx_quiesce(struct ferry_net_rx *rx)
{
	struct ferry_tap *tap = rx->vq.backend;

	ferry_poll_stop(&rx->poll);
	if (rx->head != rx->tail)
		ptr_ring_unconsume(tap->ring, &rx->pkt[rx->head], rx->tail - rx->head,
				   tun_ptr_free);
	rx->head = 0;
	rx->tail = 0;
}

/* The skb, if its bytes can be copied as they lie; else NULL. */
static struct sk_buff *ferry_net_rx_linear(void *pkt)
{
	struct sk_buff *skb = pkt;

	if (tun_is_xdp_frame(pkt) || skb_is_nonlinear(skb) || skb_vlan_tag_present(skb))
		return NULL;
	return skb;
}

/*
 * The tap that a frame names, if there is one; under RCU. What comes from the ring may have been
 * put back there by others, vhost_net for one, after the device that it names was freed: the
 * name is followed only once a device of that address is found alive.
 */
static struct net_device *ferry_net_rx_named(struct ferry_net_rx *rx, const struct ferry_tap *tap,
					     const struct net_device *named)
{
	struct net *net = sock_net(tap->sock->sk);
	struct net_device *dev = dev_get_by_index_rcu(net, rx->ifindex);

	if (unlikely(dev != named)) {
		for_each_netdev_rcu(net, dev) {
			if (dev == named)
				goto found;
		}
		return NULL;
	}
found:
	/* Another kind of device may be at its address by now. */
	if (!dev->rtnl_link_ops || strcmp(dev->rtnl_link_ops->kind, "tun"))
		return NULL;
	rx->ifindex = dev->ifindex;
	return dev;
}

/*
 * A tap counts a frame as sent when it leaves its ring through recvmsg. Those
 * that we copy ourselves are counted here. Once counted a frame names no device
 * any more: one that is put back and taken again must not be counted twice. What
 * still names one is left to recvmsg.
 */
static void ferry_net_rx_count(struct ferry_net_rx *rx, const struct ferry_tap *tap)
{
	const struct net_device *named = NULL;
	unsigned int i, frames = 0, bytes = 0;
	struct net_device *dev = NULL;

	for (i = 0; i < rx->tail; i++) {
		struct sk_buff *skb = ferry_net_rx_linear(rx->pkt[i]);

		if (!skb || !skb->dev)
			continue;
		if (skb->dev != named) {
			if (frames)
				dev_sw_netstats_tx_add(dev, frames, bytes);
			named = skb->dev;
			dev = ferry_net_rx_named(rx, tap, named);
			frames = 0;
			bytes = 0;
		}
		if (unlikely(!dev))
			continue;
		frames++;
		bytes += skb->len;
		skb->dev = NULL;
	}
	if (frames)
		dev_sw_netstats_tx_add(dev, frames, bytes);
}

/* Take up to @max frames from the tap's ring; returns how many. */
static unsigned int ferry_net_rx_pull(struct ferry_net_rx *rx, struct ferry_tap *tap,
				      unsigned int max)
{
	struct ptr_ring *ring = tap->ring;

	rx->head = 0;
	rcu_read_lock();
	spin_lock(&ring->consumer_lock);
	rx->tail = __ptr_ring_consume_batched(ring, rx->pkt, min_t(u32, max, FERRY_BATCH));
	if (tap->counts)
		tun_wake_queue(tap->file, rx->tail);
	spin_unlock(&ring->consumer_lock);
	if (tap->counts) {
		preempt_disable();
		ferry_net_rx_count(rx, tap);
		preempt_enable();
	}
	rcu_read_unlock();
	return rx->tail;
}

static u32 ferry_net_rx_frame_len(void *pkt)
{
	struct sk_buff *skb = pkt;

	if (tun_is_xdp_frame(pkt))
		return tun_ptr_to_xdp(pkt)->len;
	return skb->len + (skb_vlan_tag_present(skb) ? VLAN_HLEN : 0);
}

/*
 * Find the chains for @total bytes. Return: how many, 0 if the guest has not
 * enough, -EMSGSIZE if it never will, or -EFAULT if the queue was stopped.
 */
static int ferry_net_rx_chains(struct ferry_net_rx *rx, u32 total)
{
	struct ferry_vq *vq = &rx->vq;
	unsigned int i;
	u64 sum = 0;

	for (i = 0; i < FERRY_NET_RX_CHAINS; i++) {
		const struct ferry_chain *c;
		int n = ferry_vq_fetch(vq, i + 1);

		if (unlikely(n < 0))
			return n;
		if (n <= i)
			return ferry_vring_exhausted(&vq->vring) ? -EMSGSIZE : 0;
		c = ferry_vring_chain(&vq->vring, i);
		if (unlikely(c->nr_out || !c->in_len || (!i && c->in_len < rx->hdr_len))) {
			ferry_vq_error(vq,
				       "chain of %u readable, %u writable bytes is no rx buffer",
				       c->out_len, c->in_len);
			return -EFAULT;
		}
		sum += c->in_len;
		if (likely(sum >= total))
			return i + 1;
		if (!rx->mergeable)
			return -EMSGSIZE;
	}
	return -EMSGSIZE;
}

/* Copy a frame that lies in one piece. Return: 0, -EINVAL or -EFAULT. */
static int ferry_net_rx_copy(struct ferry_net_rx *rx, struct sk_buff *skb,
			     const struct iovec *seg, unsigned int nr_chains)
{
	struct virtio_net_hdr_mrg_rxbuf hdr = {};
	struct ferry_seg_cursor at = { .seg = seg };

	if (!rx->own_hdr && virtio_net_hdr_from_skb(skb, &hdr.hdr, true, true, 0))
		return -EINVAL;
	hdr.num_buffers = (__force __virtio16)cpu_to_le16(nr_chains);
	if (ferry_copy_to_segs(&at, &hdr, rx->hdr_len) ||
	    ferry_copy_to_segs(&at, skb->data, skb->len))
		return -EFAULT;
	return 0;
}

/* Put what recvmsg did not write: our own header, or the number of buffers. */
static int ferry_net_rx_patch(struct ferry_net_rx *rx, const struct iovec *seg,
			      unsigned int nr_chains)
{
	struct virtio_net_hdr_mrg_rxbuf hdr = {
		.num_buffers = (__force __virtio16)cpu_to_le16(nr_chains),
	};
	u32 off = rx->own_hdr ? 0 : offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers);
	struct ferry_seg_cursor at = { .seg = seg, .off = off };

	if (off >= rx->hdr_len)
		return 0;
	while (at.off >= at.seg->iov_len) {
		at.off -= at.seg->iov_len;
		at.seg++;
	}
	return ferry_copy_to_segs(&at, (void *)&hdr + off, rx->hdr_len - off);
}

/* Let the tap copy a frame, and free it. Return: 0, -EINVAL or -EFAULT. */
static int ferry_net_rx_recv(struct ferry_net_rx *rx, struct ferry_tap *tap, void *pkt,
			     const struct iovec *seg, unsigned int nr_chains, u32 total)
{
	u32 skip = rx->own_hdr ? rx->hdr_len : 0;
	struct msghdr msg = { .msg_control = pkt };
	unsigned int nr = 0, i;
	int len;

	/* Chains fetched one after the other have adjacent segments. */
	for (i = 0; i < nr_chains; i++)
		nr += ferry_vring_chain(&rx->vq.vring, i)->nr_in;
	iov_iter_init(&msg.msg_iter, ITER_DEST, seg, nr, total);
	iov_iter_advance(&msg.msg_iter, skip);
	len = tap->sock->ops->recvmsg(tap->sock, &msg, total - skip, MSG_DONTWAIT);
	if (unlikely(len != total - skip))
		return len == -EFAULT ? len : -EINVAL;
	/* A tap does not tell when the frame's bytes met a fault: then some are left to fill. */
	if (unlikely(iov_iter_count(&msg.msg_iter)))
		return -EFAULT;
	return ferry_net_rx_patch(rx, seg, nr_chains);
}

static void ferry_net_rx_complete(struct ferry_net_rx *rx, unsigned int nr_chains, u32 total)
{
	struct ferry_vring *vr = &rx->vq.vring;

	while (nr_chains--) {
		u32 len = min(total, ferry_vring_chain(vr, 0)->in_len);

		ferry_vring_complete(vr, len);
		total -= len;
	}
}

/*
 * Deliver the next frame, or drop it. Return: 1 if it is gone from rx->pkt, 0
 * if it waits for buffers, -EFAULT if the queue was stopped.
 */
static int ferry_net_rx_one(struct ferry_net_rx *rx, struct ferry_tap *tap)
{
	void *pkt = rx->pkt[rx->head];
	struct sk_buff *skb = ferry_net_rx_linear(pkt);
	u32 len = ferry_net_rx_frame_len(pkt), total = rx->hdr_len + len;
	const struct iovec *seg;
	int chains, err;

	if (skb && unlikely(tap->counts && skb->dev))
		skb = NULL;
	chains = ferry_net_rx_chains(rx, total);
	if (unlikely(chains <= 0 && chains != -EMSGSIZE))
		return chains;
	if (unlikely(chains > (int)ferry_vring_done_room(&rx->vq.vring)) && ferry_vq_push(&rx->vq))
		return -EFAULT;
	rx->head++;
	if (unlikely(chains < 0)) {
		tun_ptr_free(pkt);
		rx->vq.stats.drops++;
		return 1;
	}
	seg = ferry_chain_in(&rx->vq.vring, ferry_vring_chain(&rx->vq.vring, 0));
	if (likely(skb)) {
		err = ferry_net_rx_copy(rx, skb, seg, chains);
		if (likely(!err))
			consume_skb(skb);
		else
			kfree_skb(skb);
	} else {
		err = ferry_net_rx_recv(rx, tap, pkt, seg, chains, total);
	}
	if (unlikely(err)) {
		rx->vq.stats.drops++;
		if (err != -EFAULT)
			return 1;
		ferry_vq_error(&rx->vq, "buffer memory is not accessible");
		return err;
	}
	rx->vq.stats.bytes += len;
	ferry_net_rx_complete(rx, chains, total);
	return 1;
}

static bool ferry_net_rx_has_frames(struct ferry_vq *vq)
{
	struct ferry_tap *tap = vq->backend;

	/* Under the ring's lock: the ring is reallocated when its length changes. */
	return !ptr_ring_empty(tap->ring);
}

/* What to do when there is nothing to do. */
enum ferry_net_rx_wait {
	FERRY_RX_GO_ON,
	FERRY_RX_SLEEP,
};

/* The guest has no buffers (enough): only a kick wakes us. */
static enum ferry_net_rx_wait ferry_net_rx_await_buffers(struct ferry_net_rx *rx)
{
	if (ferry_vq_push(&rx->vq) || ferry_vq_idle(&rx->vq))
		return FERRY_RX_SLEEP;
	return FERRY_RX_GO_ON;
}

/* The tap has no frames: only a frame wakes us. */
static enum ferry_net_rx_wait ferry_net_rx_await_frames(struct ferry_net_rx *rx,
							struct ferry_tap *tap)
{
	if (ferry_vq_push(&rx->vq))
		return FERRY_RX_SLEEP;
	if (ferry_vq_busy_poll(&rx->vq, ferry_net_rx_has_frames))
		return FERRY_RX_GO_ON;
	/* Queues us at once if a frame came in between. */
	ferry_poll_start(&rx->poll, tap->file);
	return FERRY_RX_SLEEP;
}

/* Have a frame in rx->pkt, and at least one buffer for it. */
static int ferry_net_rx_prepare(struct ferry_net_rx *rx, struct ferry_tap *tap,
				enum ferry_net_rx_wait *wait)
{
	int n;

	*wait = FERRY_RX_GO_ON;
	if (rx->head != rx->tail)
		return 1;
	n = ferry_vq_fetch(&rx->vq, 1);
	if (unlikely(n < 0))
		return n;
	if (!n) {
		*wait = ferry_net_rx_await_buffers(rx);
		return 0;
	}
	/* The batch before is complete: tell the guest while taking the next. */
	if (ferry_vq_push(&rx->vq))
		return -EFAULT;
	if (!ferry_net_rx_pull(rx, tap, n)) {
		*wait = ferry_net_rx_await_frames(rx, tap);
		return 0;
	}
	return 1;
}

/**
 * ferry_net_rx_run - serve the receive queue for a while
 * @vq: see struct ferry_dev_ops
 */
bool ferry_net_rx_run(struct ferry_vq *vq)
{
	struct ferry_net_rx *rx = container_of(vq, struct ferry_net_rx, vq);
	u64 bytes = vq->stats.bytes;
	struct ferry_tap *tap = vq->backend;
	enum ferry_net_rx_wait wait;
	unsigned int frames = 0;
	int ret;

	ferry_poll_stop(&rx->poll);
	while (frames < FERRY_WEIGHT_CHAINS && vq->stats.bytes - bytes < FERRY_WEIGHT_BYTES) {
		ret = ferry_net_rx_prepare(rx, tap, &wait);
		if (unlikely(ret < 0)) {
			ferry_vq_push(vq);
			return false;
		}
		if (!ret) {
			if (wait == FERRY_RX_SLEEP)
				return false;
			continue;
		}
		ret = ferry_net_rx_one(rx, tap);
		if (unlikely(ret < 0)) {
			ferry_vq_push(vq);
			return false;
		}
		if (!ret && ferry_net_rx_await_buffers(rx) == FERRY_RX_SLEEP)
			return false;
		frames += ret;
	}
	ferry_vq_push(vq);
	return true;
}
