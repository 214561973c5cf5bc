// SPDX-License-Identifier: GPL-2.0
/*
 * Role: find out what a file or block device can do as a disk that is served here,
 *	in the terms in which the kernel module answers.
 * Threads: main.
 * Locks: none.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/blkzoned.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "blkloop_queue.h"

/* Sectors of one range, and ranges of one request, as the kernel module has them. */
#define PROBE_RANGE_SECTORS	(2U << (30 - FERRY_BLK_SECTOR_SHIFT))
#define PROBE_RANGES		64U

u64 blkloop_file_size(int fd)
{
	struct stat st;
	u64 size = 0;

	if (fstat(fd, &st))
		return 0;
	if (S_ISBLK(st.st_mode))
		return ioctl(fd, BLKGETSIZE64, &size) ? 0 : size;
	return st.st_size;
}

static bool probe_is_block(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISBLK(st.st_mode);
}

static bool probe_dio_align(int fd, u32 *mem, u32 *offset)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) ||
	    !(stx.stx_mask & STATX_DIOALIGN) || !stx.stx_dio_mem_align)
		return false;
	*mem = stx.stx_dio_mem_align;
	*offset = stx.stx_dio_offset_align;
	return true;
}

/* Open what sysfs has of a block device, or of the disk that it is a part of. */
static FILE *probe_open(dev_t dev, const char *dir, const char *name)
{
	static const char *const place[] = { "", "../" };
	char path[128];
	FILE *f = NULL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(place) && !f; i++) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s%s/%s", major(dev),
			 minor(dev), place[i], dir, name);
		f = fopen(path, "re");
	}
	return f;
}

static u64 probe_queue(dev_t dev, const char *name)
{
	FILE *f = probe_open(dev, "queue", name);
	u64 val = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%" SCNu64, &val) != 1)
		val = 0;
	fclose(f);
	return val;
}

/* Up to two hexadecimal numbers; whether there were all. */
static bool probe_hex(dev_t dev, const char *dir, const char *name, u16 *a, u16 *b)
{
	FILE *f = probe_open(dev, dir, name);
	int n;

	if (!f)
		return false;
	n = fscanf(f, "%hx", a);
	if (n == 1 && b)
		n = fscanf(f, "%hx", b);
	fclose(f);
	return n == 1;
}

/* eMMC has its numbers in two files. Of UFS it is the host that has them, in three. */
static bool probe_lifetime(dev_t dev, struct ferry_blk_lifetime *l)
{
	static const char ufs[] = "device/../../../health_descriptor";

	if (probe_hex(dev, "device", "pre_eol_info", &l->pre_eol_info, NULL))
		return probe_hex(dev, "device", "life_time", &l->typ_a, &l->typ_b);
	return probe_hex(dev, ufs, "eol_info", &l->pre_eol_info, NULL) &&
	       probe_hex(dev, ufs, "life_time_estimation_a", &l->typ_a, NULL) &&
	       probe_hex(dev, ufs, "life_time_estimation_b", &l->typ_b, NULL);
}

void blkloop_probe_lifetime(struct ferry_blk_backend *disk)
{
	struct ferry_blk_lifetime l = { 0 };
	struct stat st;

	if (fstat(disk->fd, &st) || !S_ISBLK(st.st_mode) || !probe_lifetime(st.st_rdev, &l))
		return;
	disk->lifetime = l;
	disk->flags |= FERRY_BLK_F_LIFETIME;
}

/* What a file's own file system does not tell, the device below it may. */
static u32 probe_dio_default(int fd)
{
	struct stat st;
	int block;

	if (fstat(fd, &st))
		return FERRY_BLK_SECTOR;
	if (S_ISBLK(st.st_mode))
		return ioctl(fd, BLKSSZGET, &block) ? FERRY_BLK_SECTOR : (u32)block;
	return probe_queue(st.st_dev, "logical_block_size") ?: FERRY_BLK_SECTOR;
}

struct blkloop_align blkloop_probe_align(int fd)
{
	u32 mem, offset;

	if (!(fcntl(fd, F_GETFL) & O_DIRECT))
		return (struct blkloop_align){ 0 };
	if (!probe_dio_align(fd, &mem, &offset)) {
		offset = probe_dio_default(fd);
		mem = offset;
	}
	return (struct blkloop_align){ mem - 1, offset - 1 };
}

/* The smallest block size that never needs more read than is asked for. */
static u32 probe_block_size(int fd)
{
	u32 len_mask;
	int block;

	if (probe_is_block(fd) && !ioctl(fd, BLKSSZGET, &block))
		return block;
	len_mask = blkloop_probe_align(fd).len_mask;
	return len_mask + 1 > FERRY_BLK_SECTOR ? len_mask + 1 : FERRY_BLK_SECTOR;
}

static u32 probe_ioctl(int fd, unsigned long req)
{
	unsigned int val = 0;

	return ioctl(fd, req, &val) ? 0 : val;
}

static void probe_range(struct ferry_blk_backend *d, struct ferry_blk_range_info *r,
			unsigned int feature, u32 align)
{
	d->features |= BIT_ULL(feature);
	r->max_sectors = PROBE_RANGE_SECTORS;
	r->max_ranges = PROBE_RANGES;
	r->align = (align > d->block_size ? align : d->block_size) >> FERRY_BLK_SECTOR_SHIFT;
}

/* A range that cannot be is refused for that reason only where one that can be would not be. */
static bool probe_secure_erase(int fd)
{
	u64 range[2] = { 1, FERRY_BLK_SECTOR };

	return ioctl(fd, BLKSECDISCARD, range) && errno == EINVAL;
}

static void probe_block_device(struct ferry_blk_backend *d)
{
	unsigned int offset = 0;
	struct stat st;

	d->io_min = probe_ioctl(d->fd, BLKIOMIN);
	d->io_opt = probe_ioctl(d->fd, BLKIOOPT);
	if (probe_ioctl(d->fd, BLKPBSZGET) > d->block_size)
		d->phys_block_size = probe_ioctl(d->fd, BLKPBSZGET);
	if (!ioctl(d->fd, BLKALIGNOFF, &offset) && offset < d->phys_block_size)
		d->align_offset = offset;
	if (!fstat(d->fd, &st) && probe_queue(st.st_rdev, "discard_max_bytes"))
		probe_range(d, &d->discard, VIRTIO_BLK_F_DISCARD,
			    probe_queue(st.st_rdev, "discard_granularity"));
	/* As the kernel module, only where it does not go through the page cache. */
	if ((fcntl(d->fd, F_GETFL) & O_DIRECT) && probe_secure_erase(d->fd))
		probe_range(d, &d->secure_erase, VIRTIO_BLK_F_SECURE_ERASE, 0);
}

/* A hole behind the end changes nothing, and shows whether there may be holes. */
static bool probe_holes(int fd)
{
	u64 end = ALIGN_UP(blkloop_file_size(fd), MIB);

	return end <= INT64_MAX - MIB &&
	       !fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, end, MIB);
}

static void probe_file(struct ferry_blk_backend *d)
{
	struct stat st;

	if (!fstat(d->fd, &st) && (u32)st.st_blksize > d->block_size)
		d->phys_block_size = st.st_blksize;
	d->io_min = d->phys_block_size;
	if (!(d->flags & FERRY_BLK_F_READ_ONLY) && probe_holes(d->fd))
		probe_range(d, &d->discard, VIRTIO_BLK_F_DISCARD, d->phys_block_size);
}

static int probe_check_block_size(struct ferry_blk_backend *d, struct error *e)
{
	u32 least = probe_block_size(d->fd);

	if (!d->block_size)
		d->block_size = least;
	if (d->block_size < least)
		return error_set(e, EINVAL, "logical_block_size %u is smaller than the disk's "
				 "own, %u", d->block_size, least);
	return 0;
}

/* What the kernel module refuses is not served here either, where it would fail later. */
static int probe_check_device(const struct ferry_blk_backend *d, struct error *e)
{
	u32 zone = 0;
	int ro = 0;

	if (!probe_is_block(d->fd))
		return 0;
	if (!ioctl(d->fd, BLKGETZONESZ, &zone) && zone)
		return error_set(e, EOPNOTSUPP, "zoned block devices are not supported");
	if (!(d->flags & FERRY_BLK_F_READ_ONLY) && !ioctl(d->fd, BLKROGET, &ro) && ro)
		return error_set(e, EROFS, "the block device is read-only: use readonly=on");
	return 0;
}

int blkloop_probe(struct ferry_blk_backend *disk, struct error *e)
{
	int ret = probe_check_device(disk, e);

	if (!ret)
		ret = probe_check_block_size(disk, e);
	if (ret)
		return ret;
	disk->capacity = ALIGN_DOWN(blkloop_file_size(disk->fd), disk->block_size) >>
			 FERRY_BLK_SECTOR_SHIFT;
	disk->features = BIT_ULL(VIRTIO_BLK_F_FLUSH);
	if (disk->flags & FERRY_BLK_F_LIFETIME)
		disk->features |= BIT_ULL(VIRTIO_BLK_F_LIFETIME);
	disk->seg_max = FERRY_BLK_SEG_MAX;
	disk->size_max = FERRY_BLK_SIZE_MAX;
	disk->max_bytes = FERRY_BLK_BYTES_MAX;
	disk->phys_block_size = disk->block_size;
	if (probe_is_block(disk->fd))
		probe_block_device(disk);
	else
		probe_file(disk);
	probe_range(disk, &disk->write_zeroes, VIRTIO_BLK_F_WRITE_ZEROES, 0);
	return 0;
}
