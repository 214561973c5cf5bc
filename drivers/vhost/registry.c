// SPDX-License-Identifier: GPL-2.0
/*
 * The registry of open devices, and the generic netlink family that shows
 * their queues. The dump runs in the reader's context and holds the registry's
 * mutex, so that no device goes away under it; counters are read as they are,
 * without stopping a worker.
 */
#include <linux/ferry.h>
#include <linux/mutex.h>
#include <linux/xarray.h>
#include <net/genetlink.h>

#include "vhost.h"

static DEFINE_MUTEX(ferry_registry_mutex);
static DEFINE_XARRAY_ALLOC1(ferry_registry);
static u32 ferry_registry_next;

/* Give @dev its number. Return: 0 or -ENOMEM. */
int ferry_registry_add(struct ferry_dev *dev)
{
	int err;

	mutex_lock(&ferry_registry_mutex);
	err = xa_alloc_cyclic(&ferry_registry, &dev->id, dev, xa_limit_31b, &ferry_registry_next,
			      GFP_KERNEL);
	mutex_unlock(&ferry_registry_mutex);
	return min(err, 0);
}

void ferry_registry_remove(struct ferry_dev *dev)
{
	mutex_lock(&ferry_registry_mutex);
	xa_erase(&ferry_registry, dev->id);
	mutex_unlock(&ferry_registry_mutex);
}

static u8 ferry_vq_state(const struct ferry_vq *vq)
{
	if (!READ_ONCE(vq->backend))
		return FERRY_QUEUE_STOPPED;
	return READ_ONCE(vq->broken) ? FERRY_QUEUE_BROKEN : FERRY_QUEUE_RUNNING;
}

static int ferry_put_stats(struct sk_buff *msg, struct ferry_vq *vq)
{
	const struct ferry_vq_stats *s = &vq->stats;
	const struct {
		int attr;
		u64 value;
	} counters[] = {
		{ FERRY_A_KICKS, READ_ONCE(vq->kick_poll.woken) },
		{ FERRY_A_SIGNALS, READ_ONCE(s->signals) },
		{ FERRY_A_CHAINS, READ_ONCE(s->chains) },
		{ FERRY_A_BYTES, READ_ONCE(s->bytes) },
		{ FERRY_A_BATCHES, READ_ONCE(s->batches) },
		{ FERRY_A_FETCHED, READ_ONCE(s->fetched) },
		{ FERRY_A_POLLS, READ_ONCE(s->polls) },
		{ FERRY_A_POLLS_PAID, READ_ONCE(s->polls_paid) },
		{ FERRY_A_DROPS, READ_ONCE(s->drops) },
		{ FERRY_A_ERRORS, READ_ONCE(s->errors) },
		{ FERRY_A_AT_KICK, READ_ONCE(s->at_kick) },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(counters); i++)
		if (nla_put_u64_64bit(msg, counters[i].attr, counters[i].value, FERRY_A_PAD))
			return -EMSGSIZE;
	return 0;
}

static struct genl_family ferry_genl_family;

static int ferry_put_queue(struct sk_buff *msg, struct netlink_callback *cb, struct ferry_vq *vq)
{
	struct ferry_dev *dev = vq->dev;
	bool packed = READ_ONCE(vq->cfg.features) & BIT_ULL(VIRTIO_F_RING_PACKED);
	void *hdr;

	hdr = genlmsg_put(msg, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			  &ferry_genl_family, NLM_F_MULTI, FERRY_CMD_GET_QUEUE);
	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_u32(msg, FERRY_A_DEV, dev->id) ||
	    nla_put_string(msg, FERRY_A_KIND, dev->ops->kind) ||
	    nla_put_u32(msg, FERRY_A_OWNER, READ_ONCE(dev->owner)) ||
	    nla_put_u32(msg, FERRY_A_QUEUE, vq->index) ||
	    nla_put_string(msg, FERRY_A_NAME, vq->name) ||
	    nla_put_u8(msg, FERRY_A_STATE, ferry_vq_state(vq)) ||
	    nla_put_u8(msg, FERRY_A_PACKED, packed) ||
	    nla_put_u32(msg, FERRY_A_WORKER, ferry_vq_worker_pid(vq)) ||
	    ferry_put_stats(msg, vq)) {
		genlmsg_cancel(msg, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return 0;
}

/* cb->args: number of the device to go on with, and of its queue. */
static int ferry_genl_dump(struct sk_buff *msg, struct netlink_callback *cb)
{
	unsigned long id = cb->args[0];
	struct ferry_dev *dev;

	mutex_lock(&ferry_registry_mutex);
	xa_for_each_start(&ferry_registry, id, dev, cb->args[0]) {
		if (id != cb->args[0])
			cb->args[1] = 0;
		cb->args[0] = id;
		for (; cb->args[1] < dev->nvqs; cb->args[1]++)
			if (ferry_put_queue(msg, cb, dev->vqs[cb->args[1]]))
				goto out;
	}
	cb->args[0] = ULONG_MAX;
out:
	mutex_unlock(&ferry_registry_mutex);
	return msg->len;
}

static const struct genl_ops ferry_genl_ops[] = {
	{
		.cmd	= FERRY_CMD_GET_QUEUE,
		.dumpit	= ferry_genl_dump,
		.flags	= GENL_ADMIN_PERM,
	},
};

static struct genl_family ferry_genl_family = {
	.name		= FERRY_GENL_NAME,
	.version	= FERRY_GENL_VERSION,
	.maxattr	= FERRY_A_MAX,
	.netnsok	= true,
	.module		= THIS_MODULE,
	.ops		= ferry_genl_ops,
	.n_ops		= ARRAY_SIZE(ferry_genl_ops),
};

int ferry_registry_init(void)
{
	return genl_register_family(&ferry_genl_family);
}

void ferry_registry_exit(void)
{
	genl_unregister_family(&ferry_genl_family);
}
