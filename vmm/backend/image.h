/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Disk images that are no plain bytes (qcow2). Ferry never reads their format: a child,
 * qemu-storage-daemon or qemu-nbd, serves the image over a socket, the kernel's nbd makes a
 * block device of it, and that device is what the rest sees.
 */
#ifndef FERRY_VMM_BACKEND_IMAGE_H
#define FERRY_VMM_BACKEND_IMAGE_H

#include <sys/types.h>

#include "../error.h"
#include "../types.h"
#include "nbd.h"

/**
 * struct image_config - an image, and how to use it
 * @file: path of the image: a regular file or a block device
 * @format: a format of QEMU's block layer, "qcow2"
 * @aio: "threads", "native" or "io_uring", as QEMU understands it; NULL for its default
 * @readonly: nobody writes: not through @fd, and not through the device
 * @direct: cache=none and directsync, the image is not cached by the host
 * @no_flush: cache=unsafe, flushes do not reach the image's disk
 * @discard: discards free what the image holds; else they are ignored
 */
struct image_config {
	const char *file;
	const char *format;
	const char *aio;
	bool readonly, direct, no_flush, discard;
};

/**
 * struct image - an image in use
 * @fd: the block device, always O_DIRECT (the page cache of cache=writeback is the
 *	image file's, not the device's), writable unless readonly; -1 if closed
 * @size: its size in bytes
 * @nbd: the device that @fd is open on
 * @child: the process that serves the image
 */
struct image {
	int fd;
	u64 size;
	struct nbd_device nbd;
	pid_t child;
};

/**
 * image_open - serve an image as a block device
 * @img: filled
 * @cfg: what to open
 * @e: says what is wrong, as QEMU says it where QEMU found it
 *
 * Call it in the thread that lives as long as the VMM: the child ends with that thread. However
 * the process ends, device, child, socket and lock are gone then.
 *
 * Return: 0, or a negative errno with nothing left behind.
 */
int image_open(struct image *img, const struct image_config *cfg, struct error *e);

/**
 * image_close - end what image_open() began
 * @img: an open image, one that failed to open, or zeroes
 *
 * All users of @img->fd (a vhost back end above all) have let go of it before. On return the
 * image is complete and unlocked.
 */
void image_close(struct image *img);

#endif /* FERRY_VMM_BACKEND_IMAGE_H */
