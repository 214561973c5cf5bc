/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of /dev/ferry-blk share: the engines and ring layouts that they
 * run on, as variants, and set-up that skips what a kernel lacks.
 */
#ifndef FERRY_SELFTEST_TEST_BLK_H
#define FERRY_SELFTEST_TEST_BLK_H

#include "blk.h"
#include "load.h"
#include "test.h"

#define S_OK		VIRTIO_BLK_S_OK
#define S_IOERR		VIRTIO_BLK_S_IOERR
#define S_UNSUPP	VIRTIO_BLK_S_UNSUPP
#define T_IN		VIRTIO_BLK_T_IN
#define T_OUT		VIRTIO_BLK_T_OUT

/* A disk or a reason to skip. */
#define DISK_MAKE(d, o) do {						\
	if (__disk_make(d, o))						\
		SKIP(return, "%s", (d)->why);				\
} while (0)

/* A device that serves the disk, not yet started, or a reason to skip. */
#define BLK_INIT(b, d, o) do {						\
	int blk_err_ = __blk_init(b, d, o);				\
	if (blk_err_)							\
		SKIP(return, "no %s: %s", DEV_BLK_PATH, strerror(-blk_err_));	\
} while (0)

/* One variant: a kind of disk behind a kind of ring. */
#define BLK_VARIANT(fixture, name, disk_kind, ...)			\
	FIXTURE_VARIANT_ADD(fixture, name) {				\
		.disk = { .kind = disk_kind, .discard = true },		\
		.l = { .num = 256, __VA_ARGS__ } }

/* Both engines, each way behind another ring layout. */
#define BLK_VARIANTS_FEW(fixture)							\
	FIXTURE_VARIANT(fixture) { struct disk_options disk; struct ring_layout l; };	\
	BLK_VARIANT(fixture, null_split, DISK_NULL, .packed = false);			\
	BLK_VARIANT(fixture, null_packed_indirect_event, DISK_NULL, .packed = true,	\
		    .indirect = true, .event_idx = true);				\
	BLK_VARIANT(fixture, loop_split_indirect, DISK_LOOP, .indirect = true);		\
	BLK_VARIANT(fixture, tmpfs_packed_indirect, DISK_TMPFS, .packed = true,		\
		    .indirect = true);							\
	BLK_VARIANT(fixture, ext4_direct_packed_event, DISK_EXT4_DIRECT, .packed = true,	\
		    .event_idx = true)

/* And in all their ways, for tests of what is on the disk in the end. */
#define BLK_VARIANTS(fixture)								\
	BLK_VARIANTS_FEW(fixture);							\
	BLK_VARIANT(fixture, cached_packed, DISK_BLOCK_CACHED, .packed = true);		\
	BLK_VARIANT(fixture, ext4_split_event, DISK_EXT4, .event_idx = true);		\
	BLK_VARIANT(fixture, xfs_direct_split, DISK_XFS_DIRECT, .event_idx = true)

#endif /* FERRY_SELFTEST_TEST_BLK_H */
