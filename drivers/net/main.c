// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/ferry-net: a network device's queue pair behind the vhost ABI, with a
 * tap or macvtap as back end. File operations and VHOST_NET_SET_BACKEND; the
 * data path is in tx.c and rx.c.
 *
 * Everything here runs in a system call of the device's user and takes
 * dev->mutex, then vq->mutex.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>
#include <linux/virtio_net.h>

#include "ferry_net.h"

static char *misc_name = "ferry-net";
module_param(misc_name, charp, 0444);
MODULE_PARM_DESC(misc_name,
		 "Name of the device node; vhost-net takes over /dev/vhost-net, number included");

static struct ferry_net *ferry_net_of(struct ferry_vq *vq)
{
	return container_of(vq->dev, struct ferry_net, dev);
}

static bool ferry_net_run(struct ferry_vq *vq)
{
	return vq->index == FERRY_NET_RX ? ferry_net_rx_run(vq) : ferry_net_tx_run(vq);
}

/* Take the back end off a queue, if it has one, leaving nothing behind. */
static void ferry_net_quiesce(struct ferry_vq *vq)
{
	struct ferry_net *net = ferry_net_of(vq);

	lockdep_assert_held(&vq->mutex);
	if (!vq->backend)
		return;
	if (vq->index == FERRY_NET_RX)
		ferry_net_rx_quiesce(&net->rx);
	else
		ferry_net_tx_quiesce(&net->tx);
}

static void ferry_net_stop(struct ferry_vq *vq)
{
	struct ferry_tap *tap;

	mutex_lock(&vq->mutex);
	tap = vq->backend;
	ferry_net_quiesce(vq);
	ferry_vq_stop(vq);
	mutex_unlock(&vq->mutex);
	if (tap)
		ferry_tap_put(tap);
}

static const struct ferry_dev_ops ferry_net_ops = {
	.kind		= "net",
	.features	= BIT_ULL(VHOST_NET_F_VIRTIO_NET_HDR) | BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) |
			  BIT_ULL(VIRTIO_F_IN_ORDER),
	.run		= ferry_net_run,
	.stop		= ferry_net_stop,
};

/* Give a queue the tap behind @fd, in place of any it had. */
static long ferry_net_start(struct ferry_net *net, struct ferry_vq *vq, int fd)
{
	struct ferry_tap *tap, *old;
	int err;

	if (!ferry_vq_check(vq))
		return -EFAULT;
	tap = ferry_tap_get(fd);
	if (IS_ERR(tap))
		return PTR_ERR(tap);
	mutex_lock(&vq->mutex);
	old = vq->backend;
	ferry_net_quiesce(vq);
	err = ferry_vq_start(vq, tap);
	if (!err && vq->index == FERRY_NET_RX)
		ferry_net_rx_start(&net->rx);
	else if (!err)
		ferry_net_tx_start(&net->tx);
	mutex_unlock(&vq->mutex);
	/* Whichever it has now, it may have work. */
	ferry_vq_queue(vq);
	if (err)
		old = tap;
	if (old)
		ferry_tap_put(old);
	return err;
}

static long ferry_net_set_backend(struct ferry_net *net, void __user *argp)
{
	struct vhost_vring_file f;
	struct ferry_vq *vq;
	long ret;

	if (copy_from_user(&f, argp, sizeof(f)))
		return -EFAULT;
	mutex_lock(&net->dev.mutex);
	ret = ferry_dev_check_owner(&net->dev);
	if (ret)
		goto out;
	vq = ferry_vq_get(&net->dev, f.index);
	if (IS_ERR(vq))
		ret = PTR_ERR(vq);
	else if (f.fd == VHOST_FILE_UNBIND)
		ferry_net_stop(vq);
	else
		ret = ferry_net_start(net, vq, f.fd);
out:
	mutex_unlock(&net->dev.mutex);
	return ret;
}

static int ferry_net_open(struct inode *inode, struct file *file)
{
	struct ferry_net *net = kvzalloc(sizeof(*net), GFP_KERNEL_ACCOUNT);
	int err = -ENOMEM;

	if (!net)
		return err;
	net->vqs[FERRY_NET_RX] = &net->rx.vq;
	net->vqs[FERRY_NET_TX] = &net->tx.vq;
	err = ferry_net_rx_init(&net->rx);
	if (err)
		goto free;
	err = ferry_net_tx_init(&net->tx);
	if (err)
		goto destroy_rx;
	err = ferry_dev_init(&net->dev, &ferry_net_ops, net->vqs, FERRY_NET_QUEUES);
	if (err)
		goto destroy_tx;
	file->private_data = net;
	return 0;

destroy_tx:
	ferry_net_tx_destroy(&net->tx);
destroy_rx:
	ferry_net_rx_destroy(&net->rx);
free:
	kvfree(net);
	return err;
}

static int ferry_net_release(struct inode *inode, struct file *file)
{
	struct ferry_net *net = file->private_data;

	ferry_dev_release(&net->dev);
	ferry_net_tx_destroy(&net->tx);
	ferry_net_rx_destroy(&net->rx);
	kvfree(net);
	return 0;
}

static long ferry_net_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct ferry_net *net = file->private_data;

	if (cmd == VHOST_NET_SET_BACKEND)
		return ferry_net_set_backend(net, (void __user *)arg);
	return ferry_dev_ioctl(&net->dev, cmd, arg);
}

static const struct file_operations ferry_net_fops = {
	.owner		= THIS_MODULE,
	.open		= ferry_net_open,
	.release	= ferry_net_release,
	.unlocked_ioctl	= ferry_net_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

static struct miscdevice ferry_net_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.fops	= &ferry_net_fops,
};

static int __init ferry_net_init(void)
{
	ferry_net_misc.name = misc_name;
	if (!strcmp(misc_name, "vhost-net"))
		ferry_net_misc.minor = VHOST_NET_MINOR;
	return misc_register(&ferry_net_misc);
}

static void __exit ferry_net_exit(void)
{
	misc_deregister(&ferry_net_misc);
}

module_init(ferry_net_init);
module_exit(ferry_net_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The Ferry developers");
MODULE_DESCRIPTION("virtio-net served in the kernel, between a guest's rings and a tap");
MODULE_VERSION("0.1");
