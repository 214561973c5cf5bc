// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the virtio-net device but for its packets: configuration space and control
 *	queue. Follows the virtio specification 1.3, "Network Device". Receive modes
 *	are acknowledged and filter nothing, which the specification allows: a tap
 *	gets what its bridge sends there.
 * Threads: vCPUs (registers), main (control queue).
 * Locks: the machine's lock is held by the caller.
 */
#include "net.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#define NET_CTRL_QUEUE_SIZE	64
#define NET_CLASS		0x020000

#define NET_GUEST_OFFLOADS						\
	(BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) | BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) |	\
	 BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) | BIT_ULL(VIRTIO_NET_F_GUEST_ECN) |	\
	 BIT_ULL(VIRTIO_NET_F_GUEST_UFO) | BIT_ULL(VIRTIO_NET_F_GUEST_USO4) |	\
	 BIT_ULL(VIRTIO_NET_F_GUEST_USO6))

static struct net_dev *to_net(struct virtio_dev *v)
{
	return container_of(v, struct net_dev, v);
}

static void net_config_read(struct virtio_dev *v, u32 off, void *buf, u32 size)
{
	struct net_dev *n = to_net(v);
	struct virtio_net_config c = {
		.status = VIRTIO_NET_S_LINK_UP,
		.max_virtqueue_pairs = n->max_pairs,
		.mtu = n->mtu,
		.speed = 0xffffffff,	/* not known */
		.duplex = 0xff,
	};

	memcpy(c.mac, n->mac, sizeof(c.mac));
	memcpy(buf, (u8 *)&c + off, size);
}

/* One command, its class and number taken off: what the driver sent behind them. */
struct net_command {
	u8 class, cmd;
	const struct iovec *iov;
	unsigned int n;
	u32 len;
};

static bool net_command_data(const struct net_command *c, void *buf, size_t len)
{
	return virtio_iov_read(c->iov, c->n, sizeof(struct virtio_net_ctrl_hdr), buf, len) == len;
}

static bool net_command_mq(struct net_dev *n, const struct net_command *c)
{
	struct virtio_net_ctrl_mq mq;
	unsigned int i, pairs;

	if (c->cmd != VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET || !virtio_has(&n->v, VIRTIO_NET_F_MQ) ||
	    !net_command_data(c, &mq, sizeof(mq)))
		return false;
	pairs = mq.virtqueue_pairs;
	if (!pairs || pairs > n->max_pairs)
		return false;
	for (i = 0; i < 2 * pairs; i++)
		if (!n->v.queue[i].enabled)
			return false;
	if (n->ops->set_pairs(n->backend, pairs))
		return false;
	n->pairs = pairs;
	return true;
}

static bool net_command_mac(struct net_dev *n, const struct net_command *c)
{
	u8 mac[6];

	switch (c->cmd) {
	case VIRTIO_NET_CTRL_MAC_TABLE_SET:
		return true;
	case VIRTIO_NET_CTRL_MAC_ADDR_SET:
		if (!net_command_data(c, mac, sizeof(mac)))
			return false;
		memcpy(n->mac, mac, sizeof(mac));
		return true;
	}
	return false;
}

static bool net_command_offloads(struct net_dev *n, const struct net_command *c)
{
	u64 offloads;

	if (c->cmd != VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET ||
	    !virtio_has(&n->v, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) ||
	    !net_command_data(c, &offloads, sizeof(offloads)))
		return false;
	if (offloads & ~(n->v.acked & NET_GUEST_OFFLOADS))
		return false;
	return !n->ops->set_offloads(n->backend, offloads);
}

static bool net_command(struct net_dev *n, const struct net_command *c)
{
	switch (c->class) {
	case VIRTIO_NET_CTRL_RX:
		return c->cmd <= VIRTIO_NET_CTRL_RX_NOBCAST;
	case VIRTIO_NET_CTRL_MAC:
		return net_command_mac(n, c);
	case VIRTIO_NET_CTRL_MQ:
		return net_command_mq(n, c);
	case VIRTIO_NET_CTRL_GUEST_OFFLOADS:
		return net_command_offloads(n, c);
	}
	return false;
}

/* Answer one chain; false if it is no command at all. */
static bool net_ctrl_chain(struct net_dev *n, const struct virtio_chain *c,
			   const struct iovec *iov)
{
	struct net_command cmd = { .iov = iov, .n = c->out_num, .len = c->out_len };
	struct virtio_net_ctrl_hdr h;
	u8 ack;

	if (c->in_len < sizeof(ack) ||
	    virtio_iov_read(iov, c->out_num, 0, &h, sizeof(h)) != sizeof(h))
		return false;
	cmd.class = h.class;
	cmd.cmd = h.cmd;
	ack = net_command(n, &cmd) ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
	virtio_iov_write(iov + c->out_num, c->in_num, 0, &ack, sizeof(ack));
	virtio_ring_fill(&n->ctrl, c, sizeof(ack));
	return true;
}

static void net_ctrl_broken(struct net_dev *n)
{
	loop_del(&n->v.m->loop, &n->ctrl_kick);
	n->ctrl_queue = NULL;
	virtio_needs_reset(&n->v);
}

static void net_ctrl_ready(void *opaque, u32 events)
{
	struct net_dev *n = opaque;
	struct iovec iov[FERRY_CHAIN_MAX];
	struct virtio_chain c;
	unsigned int budget = n->ctrl.num;
	eventfd_t kicks;
	int ret;

	(void)events;
	eventfd_read(n->ctrl_kick.fd, &kicks);
	do {
		while ((ret = virtio_ring_pop(&n->ctrl, &c, iov, FERRY_CHAIN_MAX)) == 1) {
			if (!net_ctrl_chain(n, &c, iov)) {
				net_ctrl_broken(n);
				return;
			}
			virtio_ring_publish(&n->ctrl);
			if (!--budget) {
				/* Others have their turn; come back for the rest. */
				eventfd_write(n->ctrl_kick.fd, 1);
				return;
			}
		}
		if (ret < 0) {
			net_ctrl_broken(n);
			return;
		}
	} while (virtio_ring_enable_kick(&n->ctrl));
}

/* Where the control queue is depends on whether the driver took the pairs. */
static int net_start_ctrl(struct net_dev *n)
{
	unsigned int i = virtio_has(&n->v, VIRTIO_NET_F_MQ) ? 2 * n->max_pairs : 2;
	struct virtq *q = &n->v.queue[i];
	int ret;

	n->ctrl_queue = NULL;
	if (!virtio_has(&n->v, VIRTIO_NET_F_CTRL_VQ) || !q->enabled)
		return 0;
	ret = virtio_ring_init(&n->ctrl, &n->v, q);
	if (ret)
		return ret;
	n->ctrl_kick = (struct loop_source){ q->kick_fd, net_ctrl_ready, n, false };
	ret = loop_add(&n->v.m->loop, &n->ctrl_kick, EPOLLIN);
	if (!ret)
		n->ctrl_queue = q;
	return ret;
}

static void net_stop_ctrl(struct net_dev *n)
{
	if (n->ctrl_queue)
		loop_del(&n->v.m->loop, &n->ctrl_kick);
	n->ctrl_queue = NULL;
}

static int net_start(struct virtio_dev *v)
{
	struct net_dev *n = to_net(v);
	int ret;

	if (!v->queue[0].enabled || !v->queue[1].enabled)
		return -EINVAL;
	n->pairs = 1;
	ret = net_start_ctrl(n);
	if (ret)
		return ret;
	ret = n->ops->start(n->backend, n, n->pairs);
	if (!ret)
		ret = n->ops->set_offloads(n->backend, v->acked & NET_GUEST_OFFLOADS);
	if (ret) {
		n->ops->stop(n->backend);
		net_stop_ctrl(n);
	}
	return ret;
}

static void net_stop(struct virtio_dev *v)
{
	struct net_dev *n = to_net(v);

	n->ops->stop(n->backend);
	net_stop_ctrl(n);
	memcpy(n->mac, n->initial_mac, sizeof(n->mac));
}

static void net_pause(struct virtio_dev *v)
{
	struct net_dev *n = to_net(v);

	if (n->ctrl_queue)
		loop_del(&v->m->loop, &n->ctrl_kick);
	n->ops->pause(n->backend);
}

static int net_resume(struct virtio_dev *v)
{
	struct net_dev *n = to_net(v);
	int ret = n->ops->resume(n->backend);

	if (!ret && n->ctrl_queue)
		ret = loop_add(&v->m->loop, &n->ctrl_kick, EPOLLIN);
	return ret;
}

static const struct virtio_ops net_ops = {
	.config_read = net_config_read,
	.start = net_start,
	.stop = net_stop,
	.pause = net_pause,
	.resume = net_resume,
};

int net_init(struct net_dev *n, struct machine *m, const struct net_dev_config *cfg,
	     const struct net_backend_ops *ops, void *backend, struct error *e)
{
	u16 sizes[2 * 128 + 1];
	unsigned int i;

	if (2 * cfg->pairs + 1 > ARRAY_SIZE(sizes))
		return error_set(e, ERANGE, "too many queue pairs");
	*n = (struct net_dev){ .ops = ops, .backend = backend, .mtu = cfg->mtu,
			       .max_pairs = cfg->pairs };
	memcpy(n->mac, cfg->mac, sizeof(n->mac));
	memcpy(n->initial_mac, cfg->mac, sizeof(n->mac));
	for (i = 0; i < cfg->pairs; i++) {
		sizes[2 * i] = cfg->rx_size;
		sizes[2 * i + 1] = cfg->tx_size;
	}
	sizes[2 * cfg->pairs] = NET_CTRL_QUEUE_SIZE;
	n->v.ops = &net_ops;
	n->v.type = VIRTIO_ID_NET;
	n->v.class_code = NET_CLASS;
	n->v.config_size = sizeof(struct virtio_net_config);
	n->v.offered = ops->features(backend, cfg->features);
	return virtio_init(&n->v, m, 2 * cfg->pairs + 1, sizes, e);
}

void net_destroy(struct net_dev *n)
{
	virtio_destroy(&n->v);
}
