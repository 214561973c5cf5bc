// SPDX-License-Identifier: GPL-2.0
/*
 * Devices: one open file, its owner, and the ioctls of <linux/vhost.h> that
 * concern it as a whole. Runs in the ioctl of whoever holds the file; takes
 * dev->mutex, then each queue's.
 */
#include <linux/eventfd.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>

#include "trace.h"
#include "vhost.h"

/* Regions of one memory table; what a VMM assumes when it cannot ask. */
#define FERRY_REGIONS_MAX	64

static void ferry_dev_destroy_kickers(struct ferry_dev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nvqs; i++) {
		ferry_kicker_destroy(dev->vqs[i]->kicker);
		dev->vqs[i]->kicker = NULL;
	}
}

static int ferry_dev_make_kickers(struct ferry_dev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nvqs; i++) {
		dev->vqs[i]->kicker = ferry_kicker_create(dev->vqs[i]);
		if (!dev->vqs[i]->kicker)
			return -ENOMEM;
	}
	return 0;
}

/**
 * ferry_dev_init - prepare a device for its open file
 * @dev: zeroed
 * @ops: the back end
 * @vqs: its queues, each through ferry_vq_init()
 * @nvqs: how many
 *
 * Return: 0 or -ENOMEM.
 */
int ferry_dev_init(struct ferry_dev *dev, const struct ferry_dev_ops *ops,
		   struct ferry_vq **vqs, unsigned int nvqs)
{
	unsigned int i;
	int err;

	dev->ops = ops;
	dev->vqs = vqs;
	dev->nvqs = nvqs;
	mutex_init(&dev->mutex);
	xa_init_flags(&dev->workers, XA_FLAGS_ALLOC);
	for (i = 0; i < nvqs; i++) {
		vqs[i]->dev = dev;
		vqs[i]->index = i;
	}
	err = ops->at_kick ? ferry_dev_make_kickers(dev) : 0;
	if (!err)
		err = ferry_registry_add(dev);
	if (err)
		ferry_dev_destroy_kickers(dev);
	return err;
}
EXPORT_SYMBOL_GPL(ferry_dev_init);

/**
 * ferry_dev_check_owner - whether the caller may configure the device
 * @dev: under dev->mutex
 *
 * Return: 0 or -EPERM.
 */
int ferry_dev_check_owner(struct ferry_dev *dev)
{
	return dev->mm && dev->mm == current->mm ? 0 : -EPERM;
}
EXPORT_SYMBOL_GPL(ferry_dev_check_owner);

/* Back to how the file was opened, under dev->mutex. */
static void ferry_dev_disown(struct ferry_dev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nvqs; i++)
		dev->ops->stop(dev->vqs[i]);
	ferry_workers_destroy(dev);
	for (i = 0; i < dev->nvqs; i++)
		ferry_vq_reset(dev->vqs[i]);
	ferry_mem_destroy(dev->mem);
	dev->mem = NULL;
	dev->features = 0;
	dev->owner = 0;
	if (dev->mm)
		mmput(dev->mm);
	dev->mm = NULL;
	trace_ferry_dev_disown(dev);
}

/**
 * ferry_dev_release - the file is closed: stop everything
 * @dev: no queue is served when this returns; the caller frees what it holds
 */
void ferry_dev_release(struct ferry_dev *dev)
{
	mutex_lock(&dev->mutex);
	ferry_dev_disown(dev);
	mutex_unlock(&dev->mutex);
	ferry_dev_destroy_kickers(dev);
	ferry_registry_remove(dev);
	xa_destroy(&dev->workers);
	mutex_destroy(&dev->mutex);
}
EXPORT_SYMBOL_GPL(ferry_dev_release);

static long ferry_dev_set_owner(struct ferry_dev *dev)
{
	int err;

	if (dev->mm)
		return -EBUSY;
	dev->mm = get_task_mm(current);
	dev->owner = task_tgid_nr(current);
	err = ferry_worker_create_default(dev);
	if (err) {
		mmput(dev->mm);
		dev->mm = NULL;
		dev->owner = 0;
		return err;
	}
	trace_ferry_dev_own(dev);
	return 0;
}

static long ferry_dev_reset_owner(struct ferry_dev *dev)
{
	int err = ferry_dev_check_owner(dev);

	if (!err)
		ferry_dev_disown(dev);
	return err;
}

static u64 ferry_dev_offered(const struct ferry_dev *dev)
{
	return dev->ops->features | FERRY_RING_FEATURES;
}

/* Queues take the features over when they start. */
static long ferry_dev_set_features(struct ferry_dev *dev, u64 features)
{
	if (features & ~ferry_dev_offered(dev))
		return -EOPNOTSUPP;
	mutex_lock(&dev->mutex);
	dev->features = features;
	mutex_unlock(&dev->mutex);
	return 0;
}

static long ferry_dev_ioctl_features(struct ferry_dev *dev, unsigned int cmd,
				     void __user *argp)
{
	u64 features = ferry_dev_offered(dev);

	switch (cmd) {
	case VHOST_GET_FEATURES:
		break;
	case VHOST_GET_BACKEND_FEATURES:
		features = 0;
		break;
	default:
		if (copy_from_user(&features, argp, sizeof(features)))
			return -EFAULT;
		if (cmd == VHOST_SET_BACKEND_FEATURES)
			return features ? -EOPNOTSUPP : 0;
		return ferry_dev_set_features(dev, features);
	}
	return copy_to_user(argp, &features, sizeof(features)) ? -EFAULT : 0;
}

/* The same bits as an array of words, of which only the first is in use. */
static long ferry_dev_get_features_array(struct ferry_dev *dev,
					 struct vhost_features_array __user *argp)
{
	u64 count, i;

	if (get_user(count, &argp->count))
		return -EFAULT;
	for (i = 0; i < count; i++) {
		if (put_user(i ? 0 : ferry_dev_offered(dev), &argp->features[i]))
			return -EFAULT;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static long ferry_dev_set_features_array(struct ferry_dev *dev,
					 struct vhost_features_array __user *argp)
{
	u64 count, i, word, features = 0;

	if (get_user(count, &argp->count))
		return -EFAULT;
	for (i = 0; i < count; i++) {
		if (get_user(word, &argp->features[i]))
			return -EFAULT;
		if (i && word)
			return -EOPNOTSUPP;
		if (!i)
			features = word;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return ferry_dev_set_features(dev, features);
}

static long ferry_dev_swap_mem(struct ferry_dev *dev, struct ferry_mem *mem)
{
	struct ferry_mem *old = dev->mem;
	unsigned int i;

	dev->mem = mem;
	for (i = 0; i < dev->nvqs; i++) {
		struct ferry_vq *vq = dev->vqs[i];

		mutex_lock(&vq->mutex);
		ferry_vq_drain(vq);
		if (vq->backend)
			ferry_vring_set_mem(&vq->vring, mem);
		mutex_unlock(&vq->mutex);
	}
	ferry_mem_destroy(old);
	return 0;
}

static long ferry_dev_set_mem_table(struct ferry_dev *dev, struct vhost_memory __user *argp)
{
	struct vhost_memory_region *regions;
	struct vhost_memory head;
	struct ferry_mem *mem;

	if (copy_from_user(&head, argp, sizeof(head)))
		return -EFAULT;
	if (head.padding)
		return -EOPNOTSUPP;
	if (head.nregions > FERRY_REGIONS_MAX)
		return -E2BIG;
	regions = memdup_user(argp->regions, array_size(head.nregions, sizeof(*regions)));
	if (IS_ERR(regions))
		return PTR_ERR(regions);
	mem = ferry_mem_create(regions, head.nregions);
	kfree(regions);
	if (IS_ERR(mem))
		return PTR_ERR(mem);
	return ferry_dev_swap_mem(dev, mem);
}

/*
 * The dirty log. VHOST_F_LOG_ALL is not offered, so nothing is ever logged;
 * the arguments are judged as they are for a device that could.
 */
static long ferry_dev_set_log_base(void __user *argp)
{
	u64 base;

	if (copy_from_user(&base, argp, sizeof(base)))
		return -EFAULT;
	return base == (unsigned long)base ? 0 : -EFAULT;
}

static long ferry_dev_set_log_fd(void __user *argp)
{
	struct eventfd_ctx *ctx;
	int fd;

	if (copy_from_user(&fd, argp, sizeof(fd)))
		return -EFAULT;
	if (fd == VHOST_FILE_UNBIND)
		return 0;
	ctx = eventfd_ctx_fdget(fd);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	eventfd_ctx_put(ctx);
	return 0;
}

/* How workers are made: there is one way on each kernel, to be asked for and confirmed. */
static long ferry_dev_fork_from_owner(struct ferry_dev *dev, unsigned int cmd, u8 __user *argp)
{
	bool owned;
	u8 mode;

	if (cmd == VHOST_GET_FORK_FROM_OWNER)
		return put_user((u8)FERRY_FORK_OWNER, argp);
	mutex_lock(&dev->mutex);
	owned = dev->mm;
	mutex_unlock(&dev->mutex);
	if (owned)
		return -EBUSY;
	if (get_user(mode, argp))
		return -EFAULT;
	return mode == FERRY_FORK_OWNER ? 0 : -EINVAL;
}

/*
 * What anyone may do who has the file. The caller's memory may keep us waiting for as
 * long as it likes, so it is touched without dev->mutex: the owner needs that.
 */
static long ferry_dev_ioctl_anyone(struct ferry_dev *dev, unsigned int cmd, void __user *argp)
{
	switch (cmd) {
	case VHOST_GET_FEATURES:
	case VHOST_SET_FEATURES:
	case VHOST_GET_BACKEND_FEATURES:
	case VHOST_SET_BACKEND_FEATURES:
		return ferry_dev_ioctl_features(dev, cmd, argp);
	case VHOST_GET_FEATURES_ARRAY:
		return ferry_dev_get_features_array(dev, argp);
	case VHOST_SET_FEATURES_ARRAY:
		return ferry_dev_set_features_array(dev, argp);
	case VHOST_GET_FORK_FROM_OWNER:
	case VHOST_SET_FORK_FROM_OWNER:
		return ferry_dev_fork_from_owner(dev, cmd, argp);
	default:
		return -ENOIOCTLCMD;
	}
}

/* What only the owner may do. */
static long ferry_dev_ioctl_owner(struct ferry_dev *dev, unsigned int cmd, void __user *argp)
{
	long ret = ferry_dev_check_owner(dev);

	if (ret)
		return ret;
	switch (cmd) {
	case VHOST_SET_MEM_TABLE:
		return ferry_dev_set_mem_table(dev, argp);
	case VHOST_SET_LOG_BASE:
		return ferry_dev_set_log_base(argp);
	case VHOST_SET_LOG_FD:
		return ferry_dev_set_log_fd(argp);
	}
	ret = ferry_vq_ioctl(dev, cmd, argp);
	if (ret == -ENOIOCTLCMD)
		ret = ferry_worker_ioctl(dev, cmd, argp);
	return ret == -ENOIOCTLCMD ? -ENOTTY : ret;
}

/**
 * ferry_dev_ioctl - every ioctl that is not the back end's own
 * @dev: the device; its mutex is taken here
 * @cmd: the ioctl
 * @arg: its argument
 *
 * Return: 0 or -errno as Documentation/abi.rst lists them.
 */
long ferry_dev_ioctl(struct ferry_dev *dev, unsigned int cmd, unsigned long arg)
{
	void __user *argp = (void __user *)arg;
	long ret = ferry_dev_ioctl_anyone(dev, cmd, argp);

	if (ret != -ENOIOCTLCMD)
		return ret;
	mutex_lock(&dev->mutex);
	switch (cmd) {
	case VHOST_SET_OWNER:
		ret = ferry_dev_set_owner(dev);
		break;
	case VHOST_RESET_OWNER:
		ret = ferry_dev_reset_owner(dev);
		break;
	default:
		ret = ferry_dev_ioctl_owner(dev, cmd, argp);
	}
	mutex_unlock(&dev->mutex);
	return ret;
}
EXPORT_SYMBOL_GPL(ferry_dev_ioctl);
