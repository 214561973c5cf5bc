/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's network block device: a server's export as /dev/nbdN. */
#ifndef FERRY_VMM_BACKEND_NBD_H
#define FERRY_VMM_BACKEND_NBD_H

#include <sys/types.h>

#include "../error.h"
#include "../types.h"

/**
 * struct nbd_export - what a server says about an export
 * @size: in bytes
 * @block_min: what offsets and lengths have to be multiples of; a power of two, 512 or more
 * @flags: NBD_FLAG_* of <linux/nbd.h>
 */
struct nbd_export {
	u64 size;
	u32 block_min;
	u16 flags;
};

/**
 * struct nbd_device - a device that is connected
 * @index: N of /dev/nbdN
 * @fd: open on it, with O_DIRECT and O_EXCL; -1 if none
 * @keeper: a child that disconnects the device when its server ends, 0 if none
 */
struct nbd_device {
	int index;
	int fd;
	pid_t keeper;
};

/**
 * struct nbd_link - a connection to an export, and what becomes of the device without it
 * @sock: the connected socket, after nbd_negotiate(). Just one: the kernel sends a request that
 *	took too long again on another one, where the first may still come late and undo what was
 *	written in between.
 * @export: what nbd_negotiate() told
 * @server: the child that serves it, with whose end all requests fail at once; 0 for servers
 *	that are none of ours
 * @readonly: open the device for reading only
 * @request_timeout: seconds that a request may take until the connection counts as lost. 0: for
 *	ever, and what is under way when a server dies then hangs until someone disconnects
 * @dead_timeout: seconds that requests wait for nbd_reconnect() when the connection is lost;
 *	0 fails them at once
 */
struct nbd_link {
	int sock;
	struct nbd_export export;
	pid_t server;
	bool readonly;
	u64 request_timeout;
	u64 dead_timeout;
};

/**
 * nbd_negotiate - go through the fixed newstyle handshake, up to the transmission phase
 * @sock: a connected stream socket
 * @name: the export; "" is the server's default
 * @x: what the server says of it
 * @e: what went wrong
 *
 * Return: 0 or a negative errno; -EPIPE if the server hung up.
 */
int nbd_negotiate(int sock, const char *name, struct nbd_export *x, struct error *e);

/**
 * nbd_attach - make a block device of a connection
 * @dev: filled
 * @link: the connection; the caller closes its descriptor afterwards
 * @e: what went wrong
 *
 * The device is taken down with the last descriptor that is open on it, at the latest when the
 * process dies, whenever that is.
 *
 * Return: 0 or a negative errno.
 */
int nbd_attach(struct nbd_device *dev, const struct nbd_link *link, struct error *e);

/* Give a device whose connection is lost a new one. */
int nbd_reconnect(const struct nbd_device *dev, const struct nbd_link *link, struct error *e);

/* Disconnect and close; fine on what was never attached if its fd is -1. */
void nbd_detach(struct nbd_device *dev);

/* Once the server has ended too: nothing is left of the device. */
void nbd_forget(struct nbd_device *dev);

#endif /* FERRY_VMM_BACKEND_NBD_H */
