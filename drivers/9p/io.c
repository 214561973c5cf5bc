// SPDX-License-Identifier: GPL-2.0
/*
 * Tread, Twrite, Tfsync, Treadlink. Payload goes straight between the file and the
 * chain's segments in guest memory. Any thread that serves requests, in the owner's mm
 * and with the rights of the fid's user.
 */
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "ferry_9p.h"

/* Move as much as there is; the position and the iterator go on. */
static ssize_t ferry_9p_read_all(struct kiocb *iocb, struct iov_iter *iter)
{
	ssize_t moved = 0, n;

	do {
		n = vfs_iocb_iter_read(iocb->ki_filp, iocb, iter);
		if (n > 0)
			moved += n;
	} while (n > 0 && iov_iter_count(iter) && !(iocb->ki_flags & IOCB_NOWAIT));
	return moved ?: n;
}

/* In the worker a file that can say so is asked not to wait for its disk. */
static bool ferry_9p_read_nowait(const struct ferry_9p_req *req, const struct file *file)
{
	return !req->thread && (file->f_mode & FMODE_NOWAIT);
}

/* Somebody may have to say first that the file may be read. */
static bool ferry_9p_read_asks(const struct ferry_9p_req *req, const struct file *file)
{
	return !req->thread && ferry_sb_permission_watched(file_inode(file)->i_sb);
}

static ssize_t ferry_9p_read_file(struct ferry_9p_req *req, struct file *file, loff_t pos,
				  u32 count)
{
	bool nowait = ferry_9p_read_nowait(req, file);
	struct iov_iter iter;
	struct kiocb iocb;
	ssize_t n;

	if ((!req->may_block && !nowait) || ferry_9p_read_asks(req, file))
		return -EAGAIN;
	ferry_9p_iter(req, &iter, true, FERRY_P9_IO_HEADER, count);
	init_sync_kiocb(&iocb, file);
	iocb.ki_pos = pos;
	if (nowait)
		iocb.ki_flags |= IOCB_NOWAIT;
	n = ferry_9p_read_all(&iocb, &iter);
	/* Short, but not because the file ends: the rest is still on its way. */
	if (nowait && n >= 0 && n < count && iocb.ki_pos < i_size_read(file_inode(file)))
		return -EAGAIN;
	return n;
}

int ferry_9p_read(struct ferry_9p_req *req)
{
	struct ferry_9p *p9 = req->p9;
	struct file *file = ferry_9p_file(req->fid);
	u64 pos = req->m.v[1];
	ssize_t n;

	if (req->in_len < FERRY_P9_IO_HEADER)
		return -EMSGSIZE;
	if (req->fid->xattr)
		return ferry_9p_xattr_read(req);
	if (!file)
		return -EBADF;
	if (d_is_dir(file->f_path.dentry)) {
		if (p9->dialect == FERRY_P9_2000L)
			return -EISDIR;
		return req->may_block ? ferry_9p_legacy_readdir(req) : FERRY_9P_LATER;
	}
	if (pos > LLONG_MAX)
		return -EINVAL;
	n = ferry_9p_read_file(req, file, pos,
			       ferry_p9_io_count(req->m.v[2], p9->msize, req->in_len));
	if (n == -EAGAIN && !req->thread)
		return FERRY_9P_LATER;
	if (n < 0)
		return n;
	ferry_p9_put(&req->enc, n, 4);
	req->payload = n;
	return 0;
}

static ssize_t ferry_9p_write_all(struct kiocb *iocb, struct iov_iter *iter)
{
	ssize_t moved = 0, n;

	do {
		n = ferry_iocb_write(iocb->ki_filp, iocb, iter);
		if (n > 0)
			moved += n;
	} while (n > 0 && iov_iter_count(iter));
	return moved ?: n;
}

/* Where nothing may block: not what takes bits off by an attribute, nor what is to last. */
static bool ferry_9p_write_nowait(const struct ferry_9p_req *req, const struct kiocb *iocb)
{
	return ferry_file_writes_nowait(iocb->ki_filp) && !(iocb->ki_flags & IOCB_DSYNC) &&
	       !ferry_9p_mapped(req->p9) && !ferry_9p_silent(req->p9->export);
}

/* Write what is not written yet; req->written goes on. May be FERRY_9P_LATER. */
static ssize_t ferry_9p_write_file(struct ferry_9p_req *req, struct file *file, loff_t pos,
				   u32 count)
{
	struct iov_iter iter;
	struct kiocb iocb;
	ssize_t n;

	init_sync_kiocb(&iocb, file);
	if (!req->may_block) {
		if (!ferry_9p_write_nowait(req, &iocb))
			return FERRY_9P_LATER;
		iocb.ki_flags |= IOCB_NOWAIT;
	}
	/* First: once bytes are written their number is the answer. */
	n = ferry_9p_map_strip(req->p9, &req->fid->path);
	if (n)
		return n;
	ferry_9p_iter(req, &iter, false, FERRY_P9_WRITE_HEADER, count);
	iov_iter_advance(&iter, req->written);
	iocb.ki_pos = pos + req->written;
	n = ferry_9p_write_all(&iocb, &iter);
	if (n > 0)
		req->written += n;
	if (!req->may_block && (n == -EAGAIN || (n >= 0 && iov_iter_count(&iter))))
		return FERRY_9P_LATER;
	return req->written ? 0 : n;
}

int ferry_9p_write(struct ferry_9p_req *req)
{
	struct file *file = ferry_9p_file(req->fid);
	u64 pos = req->m.v[1];
	u32 count = req->m.v[2];
	ssize_t n = 0;

	if (req->fid->xattr)
		return req->may_block ? ferry_9p_xattr_write(req) : FERRY_9P_LATER;
	if (!file || !(file->f_mode & FMODE_WRITE))
		return -EBADF;
	if (pos > LLONG_MAX)
		return -EINVAL;
	if (ferry_9p_at_kick(req) && ferry_9p_size_limited())
		return FERRY_9P_LATER;
	if (count)
		n = ferry_9p_write_file(req, file, pos, count);
	if (n)
		return n;
	ferry_p9_put(&req->enc, req->written, 4);
	return 0;
}

int ferry_9p_fsync(struct ferry_9p_req *req)
{
	struct file *file = ferry_9p_file(req->fid);

	return file ? vfs_fsync(file, !!req->m.v[1]) : -EBADF;
}

/* In mapped a symlink is a plain file that holds its target. */
static ssize_t ferry_9p_read_mapped_link(struct ferry_9p *p9, const struct path *path, char *to,
					 u32 room)
{
	struct file *file;
	loff_t pos = 0;
	ssize_t n;
	struct kstat st;
	int err = ferry_9p_stat(p9, path, &st);

	if (err)
		return err;
	if (!S_ISLNK(st.mode))
		return -EINVAL;
	file = dentry_open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_LARGEFILE, current_cred());
	if (IS_ERR(file))
		return PTR_ERR(file);
	n = kernel_read(file, to, room, &pos);
	ferry_9p_close(file);
	return n;
}

/**
 * ferry_9p_read_link - where a symlink points
 * @p9: the device
 * @path: of the symlink
 * @to: room for @room bytes; no NUL is put behind the target
 * @room: bytes
 *
 * Return: the target's length or -errno.
 */
ssize_t ferry_9p_read_link(struct ferry_9p *p9, const struct path *path, char *to, u32 room)
{
	DEFINE_DELAYED_CALL(done);
	const char *target;
	size_t len;

	if (ferry_9p_mapped(p9) && d_is_reg(path->dentry))
		return ferry_9p_read_mapped_link(p9, path, to, room);
	/* One that is no text but leads somewhere by itself, as in procfs, is not told. */
	if (!d_is_symlink(path->dentry) || d_inode(path->dentry)->i_op->readlink)
		return -EINVAL;
	target = vfs_get_link(path->dentry, &done);
	if (IS_ERR(target))
		return PTR_ERR(target);
	len = strlen(target);
	if (len <= room)
		memcpy(to, target, len);
	do_delayed_call(&done);
	return len <= room ? len : -ENAMETOOLONG;
}

int ferry_9p_readlink(struct ferry_9p_req *req)
{
	char *target = kmalloc(PATH_MAX, GFP_KERNEL_ACCOUNT);
	ssize_t n;
	int err;

	if (!target)
		return -ENOMEM;
	n = ferry_9p_read_link(req->p9, &req->fid->path, target, PATH_MAX);
	err = n < 0 ? n : ferry_9p_reply_room(req, n + 2);
	if (!err)
		ferry_p9_put_str(&req->enc, target, n);
	kfree(target);
	return err;
}
