/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a block back end is given in a test: memory-backed null_blk devices, loop
 * devices, files on tmpfs, ext4, XFS and f2fs, and device-mapper targets on top.
 * Needs root. Mounts live in a mount namespace of the test and end with it.
 *
 * A kernel that lacks the driver makes __disk_make() and __dm_create() fail with
 * a reason, which is one to skip.
 */
#ifndef FERRY_SELFTEST_DISK_H
#define FERRY_SELFTEST_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "shell.h"

enum disk_kind {
	DISK_NULL,		/* null_blk in memory, O_DIRECT */
	DISK_LOOP,		/* loop device on a tmpfs file, O_DIRECT */
	DISK_BLOCK_CACHED,	/* null_blk through the page cache */
	DISK_TMPFS,		/* file on tmpfs */
	DISK_EXT4,		/* file on ext4, through the page cache */
	DISK_EXT4_DIRECT,
	DISK_XFS_DIRECT,
	DISK_F2FS,		/* file on f2fs, through the page cache */
	DISK_SCSI,		/* scsi_debug, O_DIRECT; one at a time */
};

struct disk_options {
	enum disk_kind kind;
	unsigned int mb;		/* 0: 16 */
	unsigned int fs_mb;		/* of the file system below a file, 0: enough */
	unsigned int block_size;	/* of null_blk, 0: 512 */
	unsigned int cache_mb;		/* of null_blk: a volatile cache */
	unsigned long delay_ns;		/* of null_blk and SCSI: each request takes that long */
	unsigned int queues;		/* of null_blk, 0: 1 */
	unsigned int poll_queues;	/* of null_blk: besides those */
	bool discard;			/* of null_blk */
	bool sparse;			/* of a file: only holes */
};

struct disk {
	struct disk_options o;
	char path[96];		/* the device node or file */
	int fd;			/* open for reading and writing, O_DIRECT as the kind says */
	uint64_t sectors;
	char why[128];		/* why it could not be made */

	char null[32];		/* its null_blk device, "": none */
	char dir[48];		/* where a file system is mounted, "": none */
	int loop;		/* loop device, open; -1: none */
	bool scsi;		/* scsi_debug is loaded */
};

/* A device-mapper device. */
struct dm {
	char name[32];
	char path[64];
};

/* Return 0, or -errno with a reason in d->why. */
int __disk_make(struct disk *d, const struct disk_options *o);
/* A block device that exists already; @fd is the disk's from now on. */
void disk_adopt(struct disk *d, const char *path, int fd);
void disk_free(struct disk *d);

/* Whether requests reach it as bios. */
bool disk_is_bdev(const struct disk *d);
/* Another descriptor of it, with open(2) flags; asserts. */
int disk_open(const struct disk *d, int flags);
/* Read what it holds at a byte offset, past what any page cache remembers. */
void disk_peek(const struct disk *d, void *buf, uint32_t len, uint64_t offset);
/* Take the device away from whoever uses it: null_blk and SCSI; 0 or -errno. */
int __disk_unplug(const struct disk *d);
/* An attribute of its null_blk device; 0 or -errno. */
int __disk_set_null(const struct disk *d, const char *attribute, const char *value);
/* The I/O scheduler of its null_blk device, which has none at first, as fast disks do; the same. */
int __disk_schedule(const struct disk *d, const char *scheduler);

/*
 * Lines of @table as dmsetup takes them. Load the module of its targets by name
 * first: dm_target(). Return 0 or -errno.
 */
bool dm_target(const char *module);
int __dm_create(struct dm *m, const char *table);
/* Replace the table of a running device, or take the device away; asserts. */
void dm_reload(const struct dm *m, const char *table);
void dm_remove(const struct dm *m);
/* Hold what comes until dm_resume(), by which time all that came before is done; assert. */
void dm_suspend(const struct dm *m);
void dm_resume(const struct dm *m);
/* dmsetup message to sector 0. */
void dm_message(const struct dm *m, const char *text);

#endif /* FERRY_SELFTEST_DISK_H */
