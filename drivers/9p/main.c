// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/ferry-9p: the device node, its files and FERRY_9P_SET_BACKEND. Runs in the
 * ioctls and the release of whoever holds the file; takes dev->mutex, then vq->mutex.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/virtio_9p.h>

#include "ferry_9p.h"

/* Every request is answered, and no fid is left. */
static void ferry_9p_stop(struct ferry_vq *vq)
{
	struct ferry_9p *p9 = container_of(vq, struct ferry_9p, vq);

	mutex_lock(&vq->mutex);
	ferry_vq_stop(vq);
	mutex_unlock(&vq->mutex);
	if (!p9->export)
		return;
	ferry_9p_pool_stop(p9);
	ferry_9p_session_reset(p9);
	ferry_9p_export_put(p9->export);
	p9->export = NULL;
}

/* Any message may be short. */
static bool ferry_9p_kickable(const struct ferry_vq *vq)
{
	return true;
}

static const struct ferry_dev_ops ferry_9p_ops = {
	.kind		= "9p",
	.at_kick	= ferry_9p_kickable,
	.features	= BIT_ULL(VIRTIO_9P_MOUNT_TAG),
	.run		= ferry_9p_run,
	.stop		= ferry_9p_stop,
	.drain		= ferry_9p_drain,
};

/* Serve a directory; @ex is taken over in any case. */
static int ferry_9p_start(struct ferry_9p *p9, struct ferry_9p_export *ex)
{
	int err;

	ferry_9p_stop(&p9->vq);
	p9->export = ex;
	p9->dialect = FERRY_P9_NONE;
	p9->msize = FERRY_P9_REQUEST_MAX;
	err = ferry_9p_pool_start(p9);
	if (!err) {
		mutex_lock(&p9->vq.mutex);
		err = ferry_vq_start(&p9->vq, ex);
		mutex_unlock(&p9->vq.mutex);
	}
	if (!err) {
		ferry_vq_queue(&p9->vq);
		return 0;
	}
	ferry_9p_pool_stop(p9);
	ferry_9p_export_put(ex);
	p9->export = NULL;
	return err;
}

/* Have what is served, or nothing, for who comes with fewer rights later. */
static void ferry_9p_keep(struct ferry_9p *p9, struct ferry_9p_mount *m)
{
	lockdep_assert_held(&p9->dev.mutex);
	if (m)
		m->users++;
	ferry_9p_mount_put(p9->kept);
	p9->kept = m;
}

static int ferry_9p_set_backend_locked(struct ferry_9p *p9, struct ferry_9p_backend *b)
{
	struct ferry_9p_export *ex;
	int err = ferry_dev_check_owner(&p9->dev);

	if (err)
		return err;
	if (b->fd == -1 && !(b->flags & FERRY_9P_F_KEPT)) {
		ferry_9p_stop(&p9->vq);
		return 0;
	}
	if (!ferry_vq_check(&p9->vq))
		return -EFAULT;
	ex = ferry_9p_export_get(b, p9->kept);
	if (IS_ERR(ex))
		return PTR_ERR(ex);
	err = ferry_9p_start(p9, ex);
	if (!err && (b->flags & FERRY_9P_F_KEEP))
		ferry_9p_keep(p9, ex->mount);
	return err;
}

/* Another owner has other rights: what this one kept is not for that one. */
static void ferry_9p_forget(struct ferry_9p *p9)
{
	mutex_lock(&p9->dev.mutex);
	if (!ferry_dev_check_owner(&p9->dev))
		ferry_9p_keep(p9, NULL);
	mutex_unlock(&p9->dev.mutex);
}

static long ferry_9p_set_backend(struct ferry_9p *p9, void __user *argp)
{
	struct ferry_9p_backend b;
	int err;

	if (copy_from_user(&b, argp, sizeof(b)))
		return -EFAULT;
	mutex_lock(&p9->dev.mutex);
	err = ferry_9p_set_backend_locked(p9, &b);
	mutex_unlock(&p9->dev.mutex);
	if (!err && copy_to_user(argp, &b, sizeof(b)))
		err = -EFAULT;
	return err;
}

static int ferry_9p_open_dev(struct inode *inode, struct file *file)
{
	struct ferry_9p *p9 = kvzalloc(sizeof(*p9), GFP_KERNEL_ACCOUNT);
	int err;

	if (!p9)
		return -ENOMEM;
	ferry_9p_session_init(p9);
	err = ferry_9p_queue_init(p9);
	if (err)
		goto free;
	p9->vqs[0] = &p9->vq;
	err = ferry_dev_init(&p9->dev, &ferry_9p_ops, p9->vqs, 1);
	if (err)
		goto destroy;
	file->private_data = p9;
	return 0;

destroy:
	ferry_9p_queue_destroy(p9);
free:
	kvfree(p9);
	return err;
}

static int ferry_9p_release(struct inode *inode, struct file *file)
{
	struct ferry_9p *p9 = file->private_data;

	ferry_9p_pool_close(p9);
	ferry_dev_release(&p9->dev);
	ferry_9p_mount_put(p9->kept);
	ferry_9p_queue_destroy(p9);
	kvfree(p9);
	return 0;
}

static long ferry_9p_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct ferry_9p *p9 = file->private_data;

	if (cmd == FERRY_9P_SET_BACKEND)
		return ferry_9p_set_backend(p9, (void __user *)arg);
	if (cmd == VHOST_RESET_OWNER)
		ferry_9p_forget(p9);
	return ferry_dev_ioctl(&p9->dev, cmd, arg);
}

static const struct file_operations ferry_9p_fops = {
	.owner		= THIS_MODULE,
	.open		= ferry_9p_open_dev,
	.release	= ferry_9p_release,
	.unlocked_ioctl	= ferry_9p_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

static struct miscdevice ferry_9p_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "ferry-9p",
	.fops	= &ferry_9p_fops,
};
module_misc_device(ferry_9p_misc);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The Ferry developers");
MODULE_DESCRIPTION("A directory for a guest: 9P served behind a vhost interface");
MODULE_VERSION("0.1");
