// SPDX-License-Identifier: GPL-2.0
/* Finding the tap or macvtap behind a file descriptor. Runs in an ioctl. */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/if_tap.h>
#include <linux/if_tun.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "tap.h"

static int ferry_tap_bind(struct ferry_tap *tap, struct file *file)
{
	tap->file = file;
	tap->counts = true;
	tap->sock = tun_get_socket(file);
	if (!IS_ERR(tap->sock)) {
		tap->ring = tun_get_tx_ring(file);
		return PTR_ERR_OR_ZERO(tap->ring);
	}
	tap->counts = false;
	tap->sock = tap_get_socket(file);
	if (IS_ERR(tap->sock))
		return PTR_ERR(tap->sock);
	tap->ring = tap_get_ptr_ring(file);
	return PTR_ERR_OR_ZERO(tap->ring);
}

/**
 * ferry_tap_get - take the tap behind @fd
 * @fd: any descriptor of the calling process
 *
 * Return: the tap, or ERR_PTR() of -ENOTSOCK if @fd is none, -EINVAL if it has
 * no interface (any more), or -ENOMEM.
 */
struct ferry_tap *ferry_tap_get(int fd)
{
	struct ferry_tap *tap = kzalloc(sizeof(*tap), GFP_KERNEL_ACCOUNT);
	struct file *file;
	int err = -ENOTSOCK;

	if (!tap)
		return ERR_PTR(-ENOMEM);
	file = fget(fd);
	if (!file)
		goto free;
	if (ferry_tap_bind(tap, file))
		goto put;
	if (!(vfs_poll(file, NULL) & EPOLLERR))
		return tap;
	err = -EINVAL;
put:
	fput(file);
free:
	kfree(tap);
	return ERR_PTR(err);
}

void ferry_tap_put(struct ferry_tap *tap)
{
	fput(tap->file);
	kfree(tap);
}
