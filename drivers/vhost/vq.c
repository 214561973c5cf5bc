// SPDX-License-Identifier: GPL-2.0
/*
 * Queues: their life, and the ioctls that set them up. Runs in the ioctl of
 * the owner under dev->mutex; takes vq->mutex, so that a change waits for the
 * worker's current turn and never meets it half way.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>

#include "trace.h"
#include "vhost.h"

/* Alignment that the parts of a ring must have, in bytes. */
#define FERRY_AVAIL_ALIGN	2
#define FERRY_USED_ALIGN	4

/**
 * ferry_vq_init - prepare a queue
 * @vq: zeroed; its dev and index are set by ferry_dev_init()
 * @name: for people
 * @cap: chains that may be fetched ahead, at least FERRY_BATCH
 *
 * Return: 0 or -ENOMEM.
 */
int ferry_vq_init(struct ferry_vq *vq, const char *name, unsigned int cap)
{
	mutex_init(&vq->mutex);
	vq->name = name;
	ferry_work_init(&vq->work, ferry_vq_work);
	ferry_poll_init(&vq->kick_poll, vq, EPOLLIN);
	return ferry_vring_init(&vq->vring, cap);
}
EXPORT_SYMBOL_GPL(ferry_vq_init);

/* The reverse; the queue was reset. */
void ferry_vq_destroy(struct ferry_vq *vq)
{
	ferry_vring_destroy(&vq->vring);
	mutex_destroy(&vq->mutex);
}
EXPORT_SYMBOL_GPL(ferry_vq_destroy);

/**
 * ferry_vq_get - a queue by the index that user space gave
 * @dev: the device
 * @index: from user space
 *
 * Return: the queue or ERR_PTR(-ENOBUFS).
 */
struct ferry_vq *ferry_vq_get(struct ferry_dev *dev, u32 index)
{
	if (index >= dev->nvqs)
		return ERR_PTR(-ENOBUFS);
	return dev->vqs[array_index_nospec(index, dev->nvqs)];
}
EXPORT_SYMBOL_GPL(ferry_vq_get);

/* Have every chain that was taken handed back, under vq->mutex. */
void ferry_vq_drain(struct ferry_vq *vq)
{
	lockdep_assert_held(&vq->mutex);
	if (!vq->backend || !vq->dev->ops->drain)
		return;
	vq->dev->ops->drain(vq, true);
	/* Who had no room left was to go on at a completion, of which there are no more. */
	ferry_vq_queue(vq);
}

/*
 * Chains that were served when the ring's memory was gone for a moment: hand them
 * to the driver now, or it would never see them again. Return: 0, or -EFAULT if the
 * memory is still gone, or not ours.
 */
static int ferry_vq_settle(struct ferry_vq *vq)
{
	struct ferry_vring *vr = &vq->vring;

	if (likely(!vq->backend || !vr->nr_done))
		return 0;
	if (current->mm != vq->dev->mm || vr->ops->publish(vr))
		return -EFAULT;
	vq->stats.chains += vr->nr_done;
	vr->nr_done = 0;
	if (vq->call) {
		vq->stats.signals++;
		eventfd_signal(vq->call);
	}
	return 0;
}

static void ferry_vq_save_position(struct ferry_vq *vq)
{
	if (vq->backend)
		ferry_vring_position(&vq->vring, &vq->cfg);
}

/* What the ring would be if it started now. */
static struct ferry_vring_config ferry_vq_next_cfg(const struct ferry_vq *vq)
{
	struct ferry_vring_config cfg = vq->cfg;

	cfg.features = vq->dev->features;
	return cfg;
}

/**
 * ferry_vq_check - whether the queue is set up well enough to start
 * @vq: under dev->mutex
 */
bool ferry_vq_check(struct ferry_vq *vq)
{
	struct ferry_vring_config cfg = ferry_vq_next_cfg(vq);

	return vq->dev->mem && ferry_vring_check(&cfg);
}
EXPORT_SYMBOL_GPL(ferry_vq_check);

/**
 * ferry_vq_start - serve the queue with a back end
 * @vq: stopped, or running with another back end, which is replaced
 * @backend: not NULL
 *
 * Under dev->mutex and vq->mutex. What was taken before is handed back first. The
 * caller queues the work.
 *
 * Return: 0, or -EFAULT if the ring is not usable; then nothing changed.
 */
int ferry_vq_start(struct ferry_vq *vq, void *backend)
{
	struct ferry_vring_config cfg;
	int err;

	lockdep_assert_held(&vq->mutex);
	ferry_vq_drain(vq);
	if (vq->backend && !vq->broken) {
		vq->backend = backend;
		return 0;
	}
	if (ferry_vq_settle(vq))
		return -EFAULT;
	ferry_vq_save_position(vq);
	if (!ferry_vq_check(vq))
		return -EFAULT;
	cfg = ferry_vq_next_cfg(vq);
	err = ferry_vring_start(&vq->vring, &cfg, vq->dev->mem);
	if (err)
		return err;
	vq->cfg = cfg;
	vq->backend = backend;
	vq->broken = false;
	trace_ferry_vq_start(vq);
	return 0;
}
EXPORT_SYMBOL_GPL(ferry_vq_start);

/**
 * ferry_vq_stop - serve the queue no longer
 * @vq: running or stopped, under vq->mutex
 *
 * What was taken is handed back first; the position stays for VHOST_GET_VRING_BASE.
 * No turn of the worker that begins after this sees the back end, so the caller may
 * release it once it has dropped the mutex.
 */
void ferry_vq_stop(struct ferry_vq *vq)
{
	lockdep_assert_held(&vq->mutex);
	if (!vq->backend)
		return;
	ferry_vq_drain(vq);
	/* If the memory is still gone, or the owner is, nobody waits for them. */
	ferry_vq_settle(vq);
	ferry_vq_save_position(vq);
	vq->backend = NULL;
	vq->broken = false;
	trace_ferry_vq_stop(vq);
}
EXPORT_SYMBOL_GPL(ferry_vq_stop);

/* Forget all set-up; the queue is stopped and has no worker. */
void ferry_vq_reset(struct ferry_vq *vq)
{
	mutex_lock(&vq->mutex);
	ferry_poll_stop(&vq->kick_poll);
	if (vq->kick)
		fput(vq->kick);
	if (vq->call)
		eventfd_ctx_put(vq->call);
	if (vq->err)
		eventfd_ctx_put(vq->err);
	vq->kick = NULL;
	vq->call = NULL;
	vq->err = NULL;
	memset(&vq->cfg, 0, sizeof(vq->cfg));
	vq->busyloop_us = 0;
	vq->busyloop_ns = 0;
	mutex_unlock(&vq->mutex);
}

static long ferry_vq_set_num(struct ferry_vq *vq, const struct vhost_vring_state *s)
{
	bool packed = vq->dev->features & BIT_ULL(VIRTIO_F_RING_PACKED);

	if (vq->backend)
		return -EBUSY;
	if (!s->num || s->num > 0xffff || (!packed && (s->num & (s->num - 1))))
		return -EINVAL;
	vq->cfg.num = s->num;
	return 0;
}

/*
 * A packed position is slot and wrap counter in 16 bits, avail below used. DPDK's virtio-user
 * tells only the lower half; then they are the same, as they are whenever a position is told,
 * since nothing is in flight.
 */
static long ferry_vq_set_base(struct ferry_vq *vq, const struct vhost_vring_state *s)
{
	bool packed = vq->dev->features & BIT_ULL(VIRTIO_F_RING_PACKED);
	u32 avail = s->num & 0xffff, used = s->num >> 16;

	if (vq->backend)
		return -EBUSY;
	if (!packed && used)
		return -EINVAL;
	if (packed && !used)
		used = avail;
	vq->cfg.avail = packed ? avail & 0x7fff : avail;
	vq->cfg.avail_wrap = avail & 0x8000;
	vq->cfg.used = used & 0x7fff;
	vq->cfg.used_wrap = used & 0x8000;
	return 0;
}

static void ferry_vq_get_base(struct ferry_vq *vq, struct vhost_vring_state *s)
{
	u64 features = vq->backend ? vq->cfg.features : vq->dev->features;

	ferry_vq_drain(vq);
	/* What is handed back later moves the position. */
	ferry_vq_settle(vq);
	ferry_vq_save_position(vq);
	s->num = vq->cfg.avail;
	if (features & BIT_ULL(VIRTIO_F_RING_PACKED))
		s->num |= vq->cfg.avail_wrap << 15 | vq->cfg.used << 16 |
			  (u32)vq->cfg.used_wrap << 31;
}

static long ferry_vq_set_addr(struct ferry_vq *vq, const struct vhost_vring_addr *a)
{
	struct ferry_vring_config cfg = vq->cfg;

	if (a->flags & ~BIT(VHOST_VRING_F_LOG))
		return -EOPNOTSUPP;
	if (a->desc_user_addr != (unsigned long)a->desc_user_addr ||
	    a->avail_user_addr != (unsigned long)a->avail_user_addr ||
	    a->used_user_addr != (unsigned long)a->used_user_addr)
		return -EFAULT;
	if (a->avail_user_addr % FERRY_AVAIL_ALIGN || a->used_user_addr % FERRY_USED_ALIGN ||
	    a->log_guest_addr % FERRY_USED_ALIGN)
		return -EINVAL;
	cfg.desc = a->desc_user_addr;
	cfg.driver = a->avail_user_addr;
	cfg.device = a->used_user_addr;
	if (vq->backend) {
		if (!ferry_vring_check(&cfg))
			return -EINVAL;
		ferry_vq_drain(vq);
		ferry_vring_set_addr(&vq->vring, &cfg);
		/* A turn asks for kicks in the new place. */
		ferry_vq_queue(vq);
	}
	vq->cfg = cfg;
	return 0;
}

static long ferry_vq_set_kick(struct ferry_vq *vq, int fd)
{
	struct file *file = NULL, *old = vq->kick;
	long err = 0;

	if (fd != VHOST_FILE_UNBIND) {
		file = eventfd_fget(fd);
		if (IS_ERR(file))
			return PTR_ERR(file);
	}
	ferry_poll_stop(&vq->kick_poll);
	if (file)
		err = ferry_poll_start(&vq->kick_poll, file);
	if (err) {
		/* One that has overflowed cannot be watched: the old one stays. */
		swap(file, old);
		if (file)
			ferry_poll_start(&vq->kick_poll, file);
	}
	vq->kick = file;
	if (old)
		fput(old);
	return err;
}

/* Swaps live: that is how a VMM masks and unmasks an interrupt. */
static long ferry_vq_set_eventfd(struct eventfd_ctx **slot, int fd)
{
	struct eventfd_ctx *ctx = NULL;

	if (fd != VHOST_FILE_UNBIND) {
		ctx = eventfd_ctx_fdget(fd);
		if (IS_ERR(ctx))
			return PTR_ERR(ctx);
	}
	swap(*slot, ctx);
	if (ctx)
		eventfd_ctx_put(ctx);
	return 0;
}

static long ferry_vq_ioctl_file(struct ferry_vq *vq, unsigned int cmd, void __user *argp)
{
	struct vhost_vring_file f;

	if (copy_from_user(&f, argp, sizeof(f)))
		return -EFAULT;
	switch (cmd) {
	case VHOST_SET_VRING_KICK:
		return ferry_vq_set_kick(vq, f.fd);
	case VHOST_SET_VRING_CALL:
		return ferry_vq_set_eventfd(&vq->call, f.fd);
	default:
		return ferry_vq_set_eventfd(&vq->err, f.fd);
	}
}

static long ferry_vq_ioctl_state(struct ferry_vq *vq, unsigned int cmd, void __user *argp)
{
	struct vhost_vring_state s;

	if (copy_from_user(&s, argp, sizeof(s)))
		return -EFAULT;
	switch (cmd) {
	case VHOST_SET_VRING_NUM:
		return ferry_vq_set_num(vq, &s);
	case VHOST_SET_VRING_BASE:
		return ferry_vq_set_base(vq, &s);
	case VHOST_SET_VRING_BUSYLOOP_TIMEOUT:
		WRITE_ONCE(vq->busyloop_us, s.num);
		vq->busyloop_ns = (u64)s.num * NSEC_PER_USEC;
		return 0;
	case VHOST_GET_VRING_BUSYLOOP_TIMEOUT:
		s.num = vq->busyloop_us;
		break;
	default:
		ferry_vq_get_base(vq, &s);
		break;
	}
	return copy_to_user(argp, &s, sizeof(s)) ? -EFAULT : 0;
}

static long ferry_vq_ioctl_addr(struct ferry_vq *vq, unsigned int cmd, void __user *argp)
{
	struct vhost_vring_addr a;

	if (copy_from_user(&a, argp, sizeof(a)))
		return -EFAULT;
	return ferry_vq_set_addr(vq, &a);
}

/**
 * ferry_vq_ioctl - the vring ioctls of <linux/vhost.h>
 * @dev: under dev->mutex, called by its owner
 * @cmd: the ioctl
 * @argp: its argument, which begins with the index of a queue
 *
 * Return: 0, -errno, or -ENOIOCTLCMD if it is none of these.
 */
long ferry_vq_ioctl(struct ferry_dev *dev, unsigned int cmd, void __user *argp)
{
	long (*fn)(struct ferry_vq *vq, unsigned int cmd, void __user *argp);
	struct ferry_vq *vq;
	u32 index;
	long ret;

	switch (cmd) {
	case VHOST_SET_VRING_NUM:
	case VHOST_SET_VRING_BASE:
	case VHOST_GET_VRING_BASE:
	case VHOST_SET_VRING_BUSYLOOP_TIMEOUT:
	case VHOST_GET_VRING_BUSYLOOP_TIMEOUT:
		fn = ferry_vq_ioctl_state;
		break;
	case VHOST_SET_VRING_ADDR:
		fn = ferry_vq_ioctl_addr;
		break;
	case VHOST_SET_VRING_KICK:
	case VHOST_SET_VRING_CALL:
	case VHOST_SET_VRING_ERR:
		fn = ferry_vq_ioctl_file;
		break;
	default:
		return -ENOIOCTLCMD;
	}
	if (get_user(index, (u32 __user *)argp))
		return -EFAULT;
	vq = ferry_vq_get(dev, index);
	if (IS_ERR(vq))
		return PTR_ERR(vq);
	mutex_lock(&vq->mutex);
	ret = fn(vq, cmd, argp);
	mutex_unlock(&vq->mutex);
	return ret;
}
