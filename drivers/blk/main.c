// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/ferry-blk: a disk's queues behind the vhost ABI. File operations and
 * the device's own ioctls; what a disk is stands in disk.c, the data path in queue.c.
 *
 * Everything here runs in a system call of the device's user and takes dev->mutex,
 * then vq->mutex.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>

#include "ferry_blk.h"

/* Requests of one device that block at the same time. */
#define FERRY_BLK_POOL_MAX	32

static void ferry_blk_stop(struct ferry_vq *vq)
{
	ferry_blk_queue_stop(ferry_blk_queue_of(vq));
}

static const struct ferry_dev_ops ferry_blk_ops = {
	.kind		= "blk",
	.features	= BIT_ULL(VIRTIO_BLK_F_SIZE_MAX) | BIT_ULL(VIRTIO_BLK_F_SEG_MAX) |
			  BIT_ULL(VIRTIO_BLK_F_GEOMETRY) | BIT_ULL(VIRTIO_BLK_F_RO) |
			  BIT_ULL(VIRTIO_BLK_F_BLK_SIZE) | BIT_ULL(VIRTIO_BLK_F_FLUSH) |
			  BIT_ULL(VIRTIO_BLK_F_TOPOLOGY) | BIT_ULL(VIRTIO_BLK_F_CONFIG_WCE) |
			  BIT_ULL(VIRTIO_BLK_F_MQ) | BIT_ULL(VIRTIO_BLK_F_DISCARD) |
			  BIT_ULL(VIRTIO_BLK_F_WRITE_ZEROES) |
			  BIT_ULL(VIRTIO_BLK_F_SECURE_ERASE) |
			  BIT_ULL(VIRTIO_BLK_F_LIFETIME),
	.at_kick	= ferry_blk_at_kick,
	.run		= ferry_blk_run,
	.stop		= ferry_blk_stop,
	.drain		= ferry_blk_drain,
};

/* Whether user space gave the queue its ring, so that it is to run. */
static bool ferry_blk_wanted(const struct ferry_blk_queue *q)
{
	return q->vq.cfg.desc;
}

static bool ferry_blk_running(const struct ferry_blk_queue *q)
{
	return q->vq.backend && !READ_ONCE(q->vq.broken);
}

/* Whether all queues that are wanted could run, and there is one. */
static int ferry_blk_check_queues(struct ferry_blk *blk)
{
	unsigned int i, wanted = 0;

	for (i = 0; i < FERRY_BLK_QUEUES; i++) {
		if (!ferry_blk_wanted(&blk->queue[i]))
			continue;
		if (!ferry_vq_check(&blk->queue[i].vq))
			return -EFAULT;
		wanted++;
	}
	return wanted ? 0 : -EFAULT;
}

/*
 * A guest that is told that its writes are stable flushes no more: what it wrote
 * before that is made stable now.
 */
static int ferry_blk_settle(const struct ferry_blk_disk *old, const struct ferry_blk_disk *disk)
{
	return old && !old->writethrough && disk->writethrough ? vfs_fsync(disk->file, 1) : 0;
}

/*
 * Give every wanted queue the disk. Those that may fail come first: should one, those
 * that it found stopped are stopped again, and those that run keep what they have.
 */
static int ferry_blk_start(struct ferry_blk *blk, struct ferry_blk_disk *disk)
{
	DECLARE_BITMAP(started, FERRY_BLK_QUEUES) = {};
	unsigned int i;
	int err;

	for (i = 0; i < FERRY_BLK_QUEUES; i++) {
		struct ferry_blk_queue *q = &blk->queue[i];

		if (!ferry_blk_wanted(q) || ferry_blk_running(q))
			continue;
		err = ferry_blk_queue_start(q, disk);
		if (err)
			goto undo;
		__set_bit(i, started);
	}
	for (i = 0; i < FERRY_BLK_QUEUES; i++) {
		struct ferry_blk_queue *q = &blk->queue[i];

		if (!q->vq.backend || test_bit(i, started))
			continue;
		/* Should it have broken meanwhile: nothing may go on to name the old disk. */
		if (ferry_blk_queue_start(q, disk))
			ferry_blk_queue_stop(q);
	}
	return 0;

undo:
	for_each_set_bit(i, started, FERRY_BLK_QUEUES)
		ferry_blk_queue_stop(&blk->queue[i]);
	return err;
}

/* No queue has @disk any more. Its last requests may still be on their way out of the pool. */
static void ferry_blk_drop(struct ferry_blk *blk, struct ferry_blk_disk *disk)
{
	if (!disk)
		return;
	flush_workqueue(blk->pool);
	ferry_blk_disk_destroy(disk);
}

static int ferry_blk_change(struct ferry_blk *blk, struct ferry_blk_backend *b)
{
	struct ferry_blk_disk *disk, *old = blk->disk;
	unsigned int i;
	int err;

	err = ferry_dev_check_owner(&blk->dev);
	if (err)
		return err;
	if (b->fd == VHOST_FILE_UNBIND) {
		for (i = 0; i < FERRY_BLK_QUEUES; i++)
			ferry_blk_queue_stop(&blk->queue[i]);
		blk->disk = NULL;
		ferry_blk_drop(blk, old);
		return 0;
	}
	err = ferry_blk_check_queues(blk);
	if (err)
		return err;
	disk = ferry_blk_disk_create(b, blk->dev.features);
	if (IS_ERR(disk))
		return PTR_ERR(disk);
	err = ferry_blk_start(blk, disk);
	if (err) {
		ferry_blk_drop(blk, disk);
		return err;
	}
	blk->disk = disk;
	err = ferry_blk_settle(old, disk);
	ferry_blk_drop(blk, old);
	return err;
}

static int ferry_blk_probe(struct ferry_blk_backend *b)
{
	struct ferry_blk_disk *disk = ferry_blk_disk_create(b, 0);

	if (IS_ERR(disk))
		return PTR_ERR(disk);
	ferry_blk_disk_destroy(disk);
	return 0;
}

static long ferry_blk_set_backend(struct ferry_blk *blk, void __user *argp)
{
	struct ferry_blk_backend b;
	long ret;

	if (copy_from_user(&b, argp, sizeof(b)))
		return -EFAULT;
	if ((b.flags & ~FERRY_BLK_F_ALL) || b.lifetime.reserved ||
	    memchr_inv(b.reserved, 0, sizeof(b.reserved)))
		return -EINVAL;
	if (b.flags & FERRY_BLK_F_PROBE) {
		ret = ferry_blk_probe(&b);
	} else {
		mutex_lock(&blk->dev.mutex);
		ret = ferry_blk_change(blk, &b);
		mutex_unlock(&blk->dev.mutex);
	}
	if (!ret && copy_to_user(argp, &b, sizeof(b)))
		ret = -EFAULT;
	return ret;
}

/* No lock: each counter is one load, and only ever grows. */
static long ferry_blk_get_stats(const struct ferry_blk *blk, void __user *argp)
{
	struct ferry_blk_stats sum = {};
	unsigned int i, op;

	for (i = 0; i < FERRY_BLK_QUEUES; i++) {
		const struct ferry_blk_stats *s = &blk->queue[i].stats;

		for (op = 0; op < FERRY_BLK_STATS; op++) {
			sum.op[op].done += READ_ONCE(s->op[op].done);
			sum.op[op].bytes += READ_ONCE(s->op[op].bytes);
			sum.op[op].failed += READ_ONCE(s->op[op].failed);
		}
	}
	return copy_to_user(argp, &sum, sizeof(sum)) ? -EFAULT : 0;
}

static void ferry_blk_destroy(struct ferry_blk *blk, unsigned int queues)
{
	while (queues--)
		ferry_blk_queue_destroy(&blk->queue[queues]);
	destroy_workqueue(blk->pool);
	ferry_blk_disk_destroy(blk->disk);
	kvfree(blk);
}

static int ferry_blk_open(struct inode *inode, struct file *file)
{
	struct ferry_blk *blk = kvzalloc(sizeof(*blk), GFP_KERNEL_ACCOUNT);
	unsigned int i;
	int err;

	if (!blk)
		return -ENOMEM;
	blk->pool = alloc_workqueue("ferry_blk", WQ_UNBOUND, FERRY_BLK_POOL_MAX);
	if (!blk->pool) {
		kvfree(blk);
		return -ENOMEM;
	}
	for (i = 0; i < FERRY_BLK_QUEUES; i++) {
		blk->vqs[i] = &blk->queue[i].vq;
		err = ferry_blk_queue_init(&blk->queue[i]);
		if (err)
			goto free;
	}
	err = ferry_dev_init(&blk->dev, &ferry_blk_ops, blk->vqs, FERRY_BLK_QUEUES);
	if (err)
		goto free;
	file->private_data = blk;
	return 0;

free:
	ferry_blk_destroy(blk, i);
	return err;
}

static int ferry_blk_release(struct inode *inode, struct file *file)
{
	struct ferry_blk *blk = file->private_data;

	ferry_dev_release(&blk->dev);
	/* A completion may still be looking at its queue. */
	synchronize_rcu();
	ferry_blk_destroy(blk, FERRY_BLK_QUEUES);
	return 0;
}

/* Every queue was stopped, by RESET_OWNER, unless somebody gave them a disk since. */
static void ferry_blk_disowned(struct ferry_blk *blk)
{
	struct ferry_blk_disk *disk = NULL;

	mutex_lock(&blk->dev.mutex);
	if (!blk->dev.mm)
		swap(blk->disk, disk);
	ferry_blk_drop(blk, disk);
	mutex_unlock(&blk->dev.mutex);
}

static long ferry_blk_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct ferry_blk *blk = file->private_data;
	long ret;

	if (cmd == FERRY_BLK_SET_BACKEND)
		return ferry_blk_set_backend(blk, (void __user *)arg);
	if (cmd == FERRY_BLK_GET_STATS)
		return ferry_blk_get_stats(blk, (void __user *)arg);
	ret = ferry_dev_ioctl(&blk->dev, cmd, arg);
	if (cmd == VHOST_RESET_OWNER && !ret)
		ferry_blk_disowned(blk);
	return ret;
}

static const struct file_operations ferry_blk_fops = {
	.owner		= THIS_MODULE,
	.open		= ferry_blk_open,
	.release	= ferry_blk_release,
	.unlocked_ioctl	= ferry_blk_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

static struct miscdevice ferry_blk_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "ferry-blk",
	.fops	= &ferry_blk_fops,
};
module_misc_device(ferry_blk_misc);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The Ferry developers");
MODULE_DESCRIPTION("virtio-blk served in the kernel, between a guest's rings and a disk");
MODULE_VERSION("0.1");
