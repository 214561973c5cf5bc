// SPDX-License-Identifier: GPL-2.0
/*
 * The engine of a regular file, and of a block device behind the page cache: one
 * kiocb a request. It is tried in whoever serves the queue, under its mutex, if the
 * file can say that it would block; otherwise, and for what is left of it then, in the
 * pool. Direct I/O completes in any context.
 */
#include <linux/cred.h>
#include <linux/falloc.h>
#include <linux/mm.h>
#include <linux/uio.h>

#include "ferry_blk.h"

/* Pages of zeroes that one write takes. */
#define FERRY_BLK_ZERO_PAGES	16

static void ferry_blk_file_moved(struct ferry_blk_req *req, ssize_t ret);

static void ferry_blk_file_complete(struct kiocb *iocb, long ret)
{
	ferry_blk_file_moved(container_of(iocb, struct ferry_blk_req, iocb), ret);
}

/* Keep the file system from freezing until this step of the request is over. */
static bool ferry_blk_file_hold(struct ferry_blk_req *req, bool nowait)
{
	struct inode *inode = file_inode(req->iocb.ki_filp);

	if (!S_ISREG(inode->i_mode))
		return true;
	if (!nowait) {
		kiocb_start_write(&req->iocb);
	} else {
		if (!sb_start_write_trylock(inode->i_sb))
			return false;
		/* For lockdep: whoever completes the step ends it. */
		__sb_writers_release(inode->i_sb, SB_FREEZE_WRITE);
	}
	req->freeze_held = true;
	return true;
}

/*
 * A request that waits for the pool holds nothing: all threads there may themselves be
 * waiting for a freeze to end, which would then never begin.
 */
static void ferry_blk_file_unhold(struct ferry_blk_req *req)
{
	if (!req->freeze_held)
		return;
	req->freeze_held = false;
	kiocb_end_write(&req->iocb);
}

/* Begin what is not moved yet. */
static ssize_t ferry_blk_file_issue(struct ferry_blk_req *req, bool nowait)
{
	const struct ferry_blk_disk *disk = req->q->disk;
	bool write = req->op == FERRY_BLK_WRITE;
	struct kiocb *iocb = &req->iocb;
	struct iov_iter iter;

	iocb->ki_pos = (req->sector << SECTOR_SHIFT) + req->moved;
	iocb->ki_flags = disk->iocb_flags;
	if (nowait)
		iocb->ki_flags |= IOCB_NOWAIT;
	iov_iter_bvec(&iter, write ? ITER_SOURCE : ITER_DEST, req->bvec, req->nr_bvec, req->bytes);
	iov_iter_advance(&iter, req->moved);
	if (!write)
		return vfs_iocb_iter_read(disk->file, iocb, &iter);
	if (!ferry_blk_file_hold(req, nowait))
		return -EAGAIN;
	iocb->ki_flags |= IOCB_WRITE;
	if (disk->writethrough)
		iocb->ki_flags |= IOCB_DSYNC;
	/* Not vfs_iocb_iter_write(): on some kernels it holds off a freeze by itself. */
	return disk->file->f_op->write_iter(iocb, &iter);
}

/* In the pool. */
static void ferry_blk_file_job(struct ferry_blk_req *req)
{
	ssize_t ret = ferry_blk_file_issue(req, false);

	if (ret != -EIOCBQUEUED)
		ferry_blk_file_moved(req, ret);
}

/* Nothing left to read: zeroes, if the file was cut short, else an error. */
static u8 ferry_blk_file_eof(struct ferry_blk_req *req)
{
	const struct ferry_blk_disk *disk = req->q->disk;
	struct iov_iter iter;

	/* A block device does not get shorter: it is gone. */
	if (disk->bdev || req->op != FERRY_BLK_READ ||
	    i_size_read(file_inode(disk->file)) > (req->sector << SECTOR_SHIFT) + req->moved)
		return VIRTIO_BLK_S_IOERR;
	iov_iter_bvec(&iter, ITER_DEST, req->bvec, req->nr_bvec, req->bytes);
	iov_iter_advance(&iter, req->moved);
	iov_iter_zero(req->bytes - req->moved, &iter);
	return VIRTIO_BLK_S_OK;
}

/*
 * Whether what was refused there may go well in the pool. Some file systems, as f2fs, have
 * only reads that do not wait, and say EINVAL to such a write.
 */
static bool ferry_blk_file_again(const struct ferry_blk_req *req, ssize_t ret)
{
	if (!(req->iocb.ki_flags & IOCB_NOWAIT))
		return false;
	return ret == 0 || ret == -EAGAIN || ret == -EOPNOTSUPP || ret == -EINVAL ||
	       ret == -EINTR || ret == -ERESTARTSYS;
}

/* One step is over: done, or on with the rest. Any context. */
static void ferry_blk_file_moved(struct ferry_blk_req *req, ssize_t ret)
{
	ferry_blk_file_unhold(req);
	if (ret > 0)
		req->moved += ret;
	if (likely(req->moved == req->bytes))
		ferry_blk_req_done(req, VIRTIO_BLK_S_OK);
	else if (ret > 0 || ferry_blk_file_again(req, ret))
		ferry_blk_req_defer(req, ferry_blk_file_job);
	else
		ferry_blk_req_done(req, ret ? VIRTIO_BLK_S_IOERR : ferry_blk_file_eof(req));
}

static void ferry_blk_file_rw(struct ferry_blk_req *req)
{
	const struct ferry_blk_disk *disk = req->q->disk;
	ssize_t ret;

	memset(&req->iocb, 0, sizeof(req->iocb));
	req->iocb.ki_filp = disk->file;
	req->iocb.ki_complete = ferry_blk_file_complete;
	req->moved = 0;
	/* A write through the page cache that is to be stable blocks until it is. */
	if (!disk->nowait || (disk->writethrough && !disk->direct && req->op == FERRY_BLK_WRITE)) {
		ferry_blk_req_defer(req, ferry_blk_file_job);
		return;
	}
	ret = ferry_blk_file_issue(req, true);
	if (ret != -EIOCBQUEUED)
		ferry_blk_file_moved(req, ret);
}

/* Write zeroes where the file system has no better way. */
static int ferry_blk_file_zero(const struct ferry_blk_req *req, loff_t pos, u64 bytes)
{
	struct file *file = req->q->disk->file;
	struct bio_vec bvec[FERRY_BLK_ZERO_PAGES];
	struct kiocb iocb;
	ssize_t ret = 0;
	u32 i;

	for (i = 0; i < FERRY_BLK_ZERO_PAGES; i++) {
		bvec[i].bv_page = ZERO_PAGE(0);
		bvec[i].bv_offset = 0;
		bvec[i].bv_len = PAGE_SIZE;
	}
	init_sync_kiocb(&iocb, file);
	iocb.ki_flags |= IOCB_WRITE;
	iocb.ki_pos = pos;
	while (bytes && ret >= 0) {
		struct iov_iter iter;

		iov_iter_bvec(&iter, ITER_SOURCE, bvec, FERRY_BLK_ZERO_PAGES,
			      min_t(u64, bytes, sizeof(bvec) / sizeof(bvec[0]) * PAGE_SIZE));
		file_start_write(file);
		ret = file->f_op->write_iter(&iocb, &iter);
		file_end_write(file);
		if (!ret)
			ret = -EIO;
		if (ret > 0)
			bytes -= ret;
		if (READ_ONCE(ferry_blk_of(req->q)->orphan))
			ret = -EINTR;
		cond_resched();
	}
	return min_t(ssize_t, ret, 0);
}

static int ferry_blk_file_range(struct ferry_blk_req *req, const struct ferry_blk_range *r)
{
	const struct ferry_blk_disk *disk = req->q->disk;
	bool unmap = !disk->no_unmap && (r->flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);
	loff_t pos = r->sector << SECTOR_SHIFT, bytes = (loff_t)r->num_sectors << SECTOR_SHIFT;
	int err = -EOPNOTSUPP;

	if (req->type == VIRTIO_BLK_T_DISCARD || unmap)
		err = vfs_fallocate(disk->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, pos,
				    bytes);
	if (req->type == VIRTIO_BLK_T_DISCARD || err != -EOPNOTSUPP)
		return err;
	err = vfs_fallocate(disk->file, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, pos, bytes);
	if (err != -EOPNOTSUPP || !ferry_blk_zeroes_writable(req->range, req->nr_range))
		return err;
	return ferry_blk_file_zero(req, pos, bytes);
}

const struct ferry_blk_engine ferry_blk_file_engine = {
	.rw	= ferry_blk_file_rw,
	.flush	= ferry_blk_req_sync,
	.range	= ferry_blk_file_range,
};
