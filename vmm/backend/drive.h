/* SPDX-License-Identifier: GPL-2.0 */
/* -drive: an open image and what serves it, the kernel (vhost) or our threads. */
#ifndef FERRY_VMM_BACKEND_DRIVE_H
#define FERRY_VMM_BACKEND_DRIVE_H

#include "blkloop.h"
#include "image.h"
#include "vhost_blk.h"

/* What -drive cache= stands for, or cache.direct= and the like changed. */
struct drive_cache {
	bool direct;		/* past the host's page cache */
	bool writeback;		/* the guest may have to flush */
	bool no_flush;		/* what it flushes is not made stable */
};

/* -drive file=...,... */
struct drive_config {
	char *file;
	char *id;
	char *interface;	/* if= */
	char *format;		/* NULL: by a look at the file */
	char *cache_mode, *aio, *discard_mode, *detect_zeroes, *media;
	char *werror, *rerror;
	char *serial;
	enum tri cache_direct, cache_writeback, cache_no_flush;
	bool readonly, snapshot;
	u32 index, bus, unit;	/* DRIVE_UNSET: not given */
	enum tri vhost;
	bool vhostforce;
	char *vhostdev;
	u32 poll_us;		/* of vhost */

	/* Concluded from these by options/. */
	struct drive_cache cache;
	bool discard;
	bool virtio;		/* if=virtio: it comes with a device */
	bool share;		/* other programs may write too */

	char *where;		/* "-drive file=...", for messages */
};

#define DRIVE_UNSET	0xffffffffU

/* Told what the user should know though nothing failed. */
typedef void (*drive_warn)(const char *text);

struct drive {
	const struct drive_config *cfg;
	struct machine *m;
	drive_warn warn;
	int fd;			/* the image itself, or the device that shows it */
	struct image image;	/* of a format */
	bool use_vhost;
	struct vhost vhost;
	struct blkloop loop;
	struct blkloop_align align;	/* of direct I/O, for @loop */
	struct ferry_blk_backend disk;	/* while started */
	bool paused;
};

/* The backend of a blk_dev; @d is the opaque. */
extern const struct blk_backend_ops drive_ops;

int drive_init(struct drive *d, struct machine *m, const struct drive_config *cfg,
	       drive_warn warn, struct error *e);
/* What it takes while the VM runs: SANDBOX_* bits. */
u32 drive_uses(const struct drive *d);
void drive_destroy(struct drive *d);

/**
 * drive_check_resize - whether the image can have another size
 * @d: the drive
 * @bytes: how large it is to be; of a device, how large it has become, at most
 * @e: why not, as QEMU says it
 *
 * Return: 0 or a negative errno.
 */
int drive_check_resize(const struct drive *d, u64 bytes, struct error *e);
/* Whether it loses something. Then the guest's disk is made smaller first: blk_resize(). */
bool drive_loses(const struct drive *d, u64 bytes);
/**
 * drive_resize - give it that size
 * @d: the drive, checked
 * @bytes: as above
 * @e: why not
 *
 * Whoever shows it to a guest tells the guest: blk_refresh(). Main thread, with the machine's
 * lock held, as the others.
 *
 * Return: 0 or a negative errno.
 */
int drive_resize(struct drive *d, u64 bytes, struct error *e);

/* Other programs may write too, from now on. */
void drive_share(struct drive *d);

/* What its requests came to since it was opened; with the machine's lock held. */
void drive_stats(const struct drive *d, struct ferry_blk_stats *stats);

#endif /* FERRY_VMM_BACKEND_DRIVE_H */
