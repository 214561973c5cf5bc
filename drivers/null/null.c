// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/ferry-null: hands every chain back untouched. What the engine costs
 * without a back end, and what a user-space driver tests it with.
 */
#include <linux/ferry.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../vhost/vhost.h"

struct ferry_null {
	struct ferry_dev dev;
	struct ferry_vq vq[FERRY_NULL_QUEUES];
	struct ferry_vq *vqs[FERRY_NULL_QUEUES];
};

static bool ferry_null_run(struct ferry_vq *vq)
{
	unsigned int served = 0;
	int n, i;

	while (served < FERRY_WEIGHT_CHAINS) {
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
		for (i = 0; i < n; i++)
			ferry_vring_complete(&vq->vring, 0);
		if (ferry_vq_push(vq))
			return false;
		served += n;
	}
	return true;
}

static void ferry_null_stop(struct ferry_vq *vq)
{
	mutex_lock(&vq->mutex);
	ferry_vq_stop(vq);
	mutex_unlock(&vq->mutex);
}

static const struct ferry_dev_ops ferry_null_ops = {
	.kind		= "null",
	.features	= BIT_ULL(VIRTIO_F_IN_ORDER),
	.run		= ferry_null_run,
	.stop		= ferry_null_stop,
};

static long ferry_null_set_backend(struct ferry_null *null, void __user *argp)
{
	struct vhost_vring_state s;
	struct ferry_vq *vq;
	long err;

	if (copy_from_user(&s, argp, sizeof(s)))
		return -EFAULT;
	mutex_lock(&null->dev.mutex);
	err = ferry_dev_check_owner(&null->dev);
	if (err)
		goto out;
	vq = ferry_vq_get(&null->dev, s.index);
	if (IS_ERR(vq)) {
		err = PTR_ERR(vq);
		goto out;
	}
	switch (s.num) {
	case 0:
		ferry_null_stop(vq);
		break;
	case 1:
		mutex_lock(&vq->mutex);
		err = ferry_vq_start(vq, null);
		mutex_unlock(&vq->mutex);
		if (!err)
			ferry_vq_queue(vq);
		break;
	default:
		err = -EINVAL;
	}
out:
	mutex_unlock(&null->dev.mutex);
	return err;
}

static void ferry_null_destroy_queues(struct ferry_null *null, int n)
{
	while (n--)
		ferry_vq_destroy(&null->vq[n]);
}

static int ferry_null_open(struct inode *inode, struct file *file)
{
	struct ferry_null *null = kvzalloc(sizeof(*null), GFP_KERNEL_ACCOUNT);
	int i, err;

	if (!null)
		return -ENOMEM;
	for (i = 0; i < FERRY_NULL_QUEUES; i++) {
		null->vqs[i] = &null->vq[i];
		err = ferry_vq_init(&null->vq[i], "null", FERRY_BATCH);
		if (err)
			goto free;
	}
	err = ferry_dev_init(&null->dev, &ferry_null_ops, null->vqs, FERRY_NULL_QUEUES);
	if (err)
		goto free;
	file->private_data = null;
	return 0;

free:
	ferry_null_destroy_queues(null, i);
	kvfree(null);
	return err;
}

static int ferry_null_release(struct inode *inode, struct file *file)
{
	struct ferry_null *null = file->private_data;

	ferry_dev_release(&null->dev);
	ferry_null_destroy_queues(null, FERRY_NULL_QUEUES);
	kvfree(null);
	return 0;
}

static long ferry_null_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct ferry_null *null = file->private_data;

	if (cmd == FERRY_NULL_SET_BACKEND)
		return ferry_null_set_backend(null, (void __user *)arg);
	return ferry_dev_ioctl(&null->dev, cmd, arg);
}

static const struct file_operations ferry_null_fops = {
	.owner		= THIS_MODULE,
	.open		= ferry_null_open,
	.release	= ferry_null_release,
	.unlocked_ioctl	= ferry_null_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

static struct miscdevice ferry_null_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "ferry-null",
	.fops	= &ferry_null_fops,
};
module_misc_device(ferry_null_misc);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The Ferry developers");
MODULE_DESCRIPTION("Virtqueues that lead nowhere, for tests and for the performance floor");
MODULE_VERSION("0.1");
