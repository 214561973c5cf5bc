// SPDX-License-Identifier: GPL-2.0
/*
 * What a disk is: the file that user space gave, judged once, with the engine that
 * reaches it and the limits that requests are held to. Runs in the ioctl of the
 * device's user; takes no lock.
 */
#include <linux/cgroup.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/log2.h>
#include <linux/memcontrol.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/stat.h>

#include "../compat/blk_poll.h"
#include "ferry_blk.h"

/* Logical block sizes that a guest may be shown end here. */
#define FERRY_BLK_BLOCK_MAX	65536

/* Ranges: sectors of one, and how many in one request. */
#define FERRY_BLK_RANGE_MAX	(2U << (30 - SECTOR_SHIFT))
#define FERRY_BLK_RANGES	64
#define FERRY_BLK_RANGES_SLOW	1

static u32 ferry_blk_range_cap(u64 sectors)
{
	return min_t(u64, sectors, FERRY_BLK_RANGE_MAX);
}

/* Whether the file may be used so at all. */
static int ferry_blk_disk_check(const struct file *file, u32 flags)
{
	const struct inode *inode = file->f_mapping->host;
	fmode_t need = FMODE_READ | (flags & FERRY_BLK_F_READ_ONLY ? 0 : FMODE_WRITE);

	if (S_ISDIR(inode->i_mode))
		return -EISDIR;
	if (!S_ISREG(inode->i_mode) && !S_ISBLK(inode->i_mode))
		return -ENOTBLK;
	if ((file->f_mode & need) != need)
		return -EBADF;
	if (!file->f_op->read_iter || (file->f_flags & O_APPEND))
		return -EINVAL;
	if ((need & FMODE_WRITE) && !file->f_op->write_iter)
		return -EINVAL;
	if (IS_SWAPFILE(inode))
		return -ETXTBSY;
	return 0;
}

/* A block device: what its queue says. */
static int ferry_blk_disk_bdev(struct ferry_blk_disk *disk, struct ferry_blk_backend *b)
{
	struct block_device *bdev = I_BDEV(disk->file->f_mapping->host);
	struct ferry_blk_limits *l = &disk->limits;

	if (bdev_is_zoned(bdev))
		return -EOPNOTSUPP;
	if (bdev_read_only(bdev) && !l->read_only)
		return -EROFS;
	disk->bdev = bdev;
	l->capacity = bdev_nr_sectors(bdev);
	l->block_size = bdev_logical_block_size(bdev);
	b->phys_block_size = bdev_physical_block_size(bdev);
	b->io_min = bdev_io_min(bdev);
	b->io_opt = bdev_io_opt(bdev);
	b->align_offset = max(bdev_alignment_offset(bdev), 0);
	l->write_zeroes.max_sectors = ferry_blk_range_cap(bdev_write_zeroes_sectors(bdev));
	if (!disk->direct) {
		/* Through the page cache it is a hole that is punched, thus zeroes. */
		l->discard.max_sectors = l->write_zeroes.max_sectors;
		return 0;
	}
	disk->engine = &ferry_blk_bdev_engine;
	disk->mem_mask = bdev_dma_alignment(bdev);
	disk->len_mask = l->block_size - 1;
	disk->polled = ferry_bdev_can_poll(bdev);
	disk->nowait = bdev_nowait(bdev);
	l->discard.max_sectors = ferry_blk_range_cap(bdev_max_discard_sectors(bdev));
	l->discard.align = bdev_discard_granularity(bdev) >> SECTOR_SHIFT;
	l->secure_erase.max_sectors = ferry_blk_range_cap(bdev_max_secure_erase_sectors(bdev));
	return 0;
}

/* What direct I/O to a regular file must be aligned to. */
static int ferry_blk_disk_dio(struct ferry_blk_disk *disk)
{
	const struct super_block *sb = disk->file->f_mapping->host->i_sb;
	struct kstat stat;
	int err;

	err = vfs_getattr(&disk->file->f_path, &stat, STATX_DIOALIGN, AT_STATX_DONT_SYNC);
	if (err)
		return err;
	if ((stat.result_mask & STATX_DIOALIGN) && stat.dio_offset_align) {
		disk->limits.block_size = stat.dio_offset_align;
		disk->mem_mask = stat.dio_mem_align - 1;
	} else if (sb->s_bdev) {
		disk->limits.block_size = bdev_logical_block_size(sb->s_bdev);
		disk->mem_mask = disk->limits.block_size - 1;
	} else {
		disk->mem_mask = FERRY_BLK_SECTOR - 1;
	}
	disk->limits.block_size = max(disk->limits.block_size, FERRY_BLK_SECTOR);
	disk->len_mask = disk->limits.block_size - 1;
	/* File systems look at the length of each part. */
	disk->cut_mask = disk->len_mask;
	return 0;
}

static int ferry_blk_disk_file(struct ferry_blk_disk *disk, struct ferry_blk_backend *b)
{
	const struct inode *inode = disk->file->f_mapping->host;
	struct ferry_blk_limits *l = &disk->limits;
	int err;

	l->capacity = i_size_read(inode) >> SECTOR_SHIFT;
	l->block_size = FERRY_BLK_SECTOR;
	if (disk->direct) {
		err = ferry_blk_disk_dio(disk);
		if (err)
			return err;
	}
	b->phys_block_size = i_blocksize(inode);
	b->io_min = b->phys_block_size;
	if (disk->file->f_op->fallocate) {
		l->discard.max_sectors = FERRY_BLK_RANGE_MAX;
		l->discard.align = b->phys_block_size >> SECTOR_SHIFT;
		l->write_zeroes.max_sectors = FERRY_BLK_RANGE_MAX;
	}
	return 0;
}

/* What user space asks for instead of what the file has. */
static int ferry_blk_disk_override(struct ferry_blk_limits *l, const struct ferry_blk_backend *b)
{
	u64 all = l->capacity;

	if (b->block_size) {
		if (!is_power_of_2(b->block_size) || b->block_size < l->block_size ||
		    b->block_size > FERRY_BLK_BLOCK_MAX)
			return -EINVAL;
		l->block_size = b->block_size;
	}
	l->capacity = b->capacity ?: round_down(all, l->block_size >> SECTOR_SHIFT);
	if (l->capacity > all || !ferry_blk_aligned(l, l->capacity, 0))
		return -EINVAL;
	return 0;
}

static void ferry_blk_range_finish(struct ferry_blk_range_limits *r, u32 ranges, u32 block)
{
	r->align = max3(r->align, block >> SECTOR_SHIFT, 1U);
	r->max_sectors = round_down(r->max_sectors, block >> SECTOR_SHIFT);
	r->max_ranges = ranges;
}

static void ferry_blk_range_tell(struct ferry_blk_range_info *out,
				 const struct ferry_blk_range_limits *r)
{
	if (!r->max_sectors)
		return;
	out->max_sectors = r->max_sectors;
	out->max_ranges = r->max_ranges;
	out->align = r->align;
}

/* Round the limits off, and tell user space. */
static void ferry_blk_disk_tell(struct ferry_blk_disk *disk, struct ferry_blk_backend *b)
{
	struct ferry_blk_limits *l = &disk->limits;
	bool slow = !l->write_zeroes.max_sectors;
	u64 f = BIT_ULL(VIRTIO_BLK_F_SIZE_MAX) | BIT_ULL(VIRTIO_BLK_F_SEG_MAX) |
		BIT_ULL(VIRTIO_BLK_F_GEOMETRY) | BIT_ULL(VIRTIO_BLK_F_BLK_SIZE) |
		BIT_ULL(VIRTIO_BLK_F_FLUSH) | BIT_ULL(VIRTIO_BLK_F_TOPOLOGY) |
		BIT_ULL(VIRTIO_BLK_F_CONFIG_WCE) | BIT_ULL(VIRTIO_BLK_F_MQ);

	/* Zeroes can always be written. */
	if (slow)
		l->write_zeroes.max_sectors = FERRY_BLK_ZEROES_MAX >> SECTOR_SHIFT;
	ferry_blk_range_finish(&l->discard, FERRY_BLK_RANGES, l->block_size);
	ferry_blk_range_finish(&l->secure_erase, FERRY_BLK_RANGES, l->block_size);
	ferry_blk_range_finish(&l->write_zeroes, slow ? FERRY_BLK_RANGES_SLOW : FERRY_BLK_RANGES,
			       l->block_size);
	l->max_bytes = FERRY_BLK_BYTES_MAX;
	if (l->read_only) {
		f |= BIT_ULL(VIRTIO_BLK_F_RO);
	} else {
		f |= BIT_ULL(VIRTIO_BLK_F_WRITE_ZEROES);
		if (l->discard.max_sectors)
			f |= BIT_ULL(VIRTIO_BLK_F_DISCARD);
		if (l->secure_erase.max_sectors)
			f |= BIT_ULL(VIRTIO_BLK_F_SECURE_ERASE);
		ferry_blk_range_tell(&b->discard, &l->discard);
		ferry_blk_range_tell(&b->write_zeroes, &l->write_zeroes);
		ferry_blk_range_tell(&b->secure_erase, &l->secure_erase);
	}
	if (b->flags & FERRY_BLK_F_LIFETIME)
		f |= BIT_ULL(VIRTIO_BLK_F_LIFETIME);
	b->features = f;
	b->capacity = l->capacity;
	b->block_size = l->block_size;
	b->seg_max = FERRY_BLK_SEG_MAX;
	b->size_max = FERRY_BLK_SIZE_MAX;
	b->max_bytes = l->max_bytes;
	b->phys_block_size = max(b->phys_block_size, l->block_size);
	b->io_min = max(b->io_min, l->block_size);
	b->polled = disk->polled;
}

/* Fill @disk in from its file. */
static int ferry_blk_disk_init(struct ferry_blk_disk *disk, struct ferry_blk_backend *b,
			       u64 features)
{
	struct file *file = disk->file;
	int err = ferry_blk_disk_check(file, b->flags);

	if (err)
		return err;
	disk->engine = &ferry_blk_file_engine;
	disk->direct = file->f_flags & O_DIRECT;
	disk->iocb_flags = file->f_iocb_flags;
	disk->nowait = file->f_mode & FMODE_NOWAIT;
	disk->limits.read_only = b->flags & FERRY_BLK_F_READ_ONLY;
	disk->no_flush = b->flags & FERRY_BLK_F_NO_FLUSH;
	disk->no_unmap = b->flags & FERRY_BLK_F_NO_UNMAP;
	disk->writethrough = (b->flags & FERRY_BLK_F_WRITETHROUGH) ||
			     !(features & BIT_ULL(VIRTIO_BLK_F_FLUSH)) ||
			     (file->f_flags & O_DSYNC);
	disk->write_opf = REQ_OP_WRITE | REQ_SYNC | REQ_IDLE | (disk->writethrough ? REQ_FUA : 0);
	memcpy(disk->serial, b->serial, sizeof(disk->serial));
	disk->lifetime[0] = cpu_to_le16(b->lifetime.pre_eol_info);
	disk->lifetime[1] = cpu_to_le16(b->lifetime.typ_a);
	disk->lifetime[2] = cpu_to_le16(b->lifetime.typ_b);
	if (S_ISBLK(file->f_mapping->host->i_mode))
		err = ferry_blk_disk_bdev(disk, b);
	else
		err = ferry_blk_disk_file(disk, b);
	if (err)
		return err;
	err = ferry_blk_disk_override(&disk->limits, b);
	if (err)
		return err;
	ferry_blk_disk_tell(disk, b);
	disk->limits.features = features & b->features;
	return 0;
}

/* What the pool does for the disk is on the account of whoever gives it to us. */
static void ferry_blk_disk_charge(struct ferry_blk_disk *disk)
{
	disk->memcg = get_mem_cgroup_from_mm(current->mm);
#ifdef CONFIG_BLK_CGROUP
	disk->blkcg = task_get_css(current, io_cgrp_id);
#endif
}

static void ferry_blk_disk_uncharge(struct ferry_blk_disk *disk)
{
	mem_cgroup_put(disk->memcg);
#ifdef CONFIG_BLK_CGROUP
	css_put(disk->blkcg);
#endif
}

/**
 * ferry_blk_disk_create - make a disk of an open file
 * @b: what user space asks for; the rest is filled in
 * @features: VIRTIO_BLK_F_* that were acknowledged
 *
 * Return: the disk, or ERR_PTR() as Documentation/abi.rst lists.
 */
struct ferry_blk_disk *ferry_blk_disk_create(struct ferry_blk_backend *b, u64 features)
{
	struct ferry_blk_disk *disk;
	int err = -EBADF;

	disk = kzalloc(sizeof(*disk), GFP_KERNEL_ACCOUNT);
	if (!disk)
		return ERR_PTR(-ENOMEM);
	disk->file = fget(b->fd);
	if (!disk->file)
		goto free;
	memset(&b->discard, 0, sizeof(b->discard));
	memset(&b->write_zeroes, 0, sizeof(b->write_zeroes));
	memset(&b->secure_erase, 0, sizeof(b->secure_erase));
	b->io_opt = 0;
	b->align_offset = 0;
	err = ferry_blk_disk_init(disk, b, features);
	if (!err) {
		ferry_blk_disk_charge(disk);
		return disk;
	}
	fput(disk->file);
free:
	kfree(disk);
	return ERR_PTR(err);
}

/* The reverse; @disk may be NULL. Nothing in the pool may be busy with it. */
void ferry_blk_disk_destroy(struct ferry_blk_disk *disk)
{
	if (!disk)
		return;
	ferry_blk_disk_uncharge(disk);
	fput(disk->file);
	kfree(disk);
}

/**
 * ferry_blk_disk_scheduled - whether an I/O scheduler sorts the disk's requests
 * @disk: any; of a file, what its file system is on
 *
 * One that does hands requests that may not wait to a thread of its own.
 */
bool ferry_blk_disk_scheduled(const struct ferry_blk_disk *disk)
{
	struct block_device *bdev = disk->bdev ?: file_inode(disk->file)->i_sb->s_bdev;

	return bdev && READ_ONCE(bdev_get_queue(bdev)->elevator);
}
