/* SPDX-License-Identifier: GPL-2.0 */
/* vhost=off: a directory served by threads of our own, as drivers/9p serves it. */
#ifndef FERRY_VMM_BACKEND_P9LOOP_H
#define FERRY_VMM_BACKEND_P9LOOP_H

#include <linux/ferry.h>

#include "../virtio/virtio.h"

struct p9loop_server;

struct p9loop {
	struct machine *m;
	struct virtio_dev *v;		/* while started */
	int err_fd;			/* the queue's thread found the guest in error */
	int proc_fd;			/* /proc/self/fd, which may be out of reach later */
	bool detached;			/* what is served comes from p9loop_detach() */
	struct loop_source err;
	struct p9loop_server *server;	/* while started */
};

int p9loop_init(struct p9loop *pl, struct machine *m, struct error *e);
void p9loop_destroy(struct p9loop *pl);

/**
 * p9loop_check - judge a directory and how it is to be served
 * @b: as for FERRY_9P_SET_BACKEND; the values in use are filled in
 *
 * Return: 0 or the -errno with which the kernel module would refuse.
 */
int p9loop_check(struct ferry_9p_backend *b);

/**
 * p9loop_detach - have a directory on a mount of its own
 * @dir: the directory
 *
 * For who has the right to mount now, and may not have it when the device starts.
 * Return: another descriptor, of that mount's root, or -errno: it has to do as it is.
 */
int p9loop_detach(int dir);

/*
 * Serve queue 0 of a device whose driver is ready. b->fd is not used after return.
 * stop returns when every request that was taken is answered, and no fid is left.
 */
int p9loop_start(struct p9loop *pl, struct virtio_dev *v, const struct ferry_9p_backend *b);
void p9loop_stop(struct p9loop *pl);

#endif /* FERRY_VMM_BACKEND_P9LOOP_H */
