// SPDX-License-Identifier: GPL-2.0
/*
 * Treaddir: entries of a directory as the file system lists them, without a look at
 * each. Any thread that serves requests, with the rights of the fid's user; takes
 * fid->mutex, because the open directory has one position.
 *
 * The offset of an entry is where the next one begins, in the file system's own terms:
 * it stays good while entries come and go. A client that goes on where it stopped is
 * not made to seek, which would lose the place on file systems that count entries.
 *
 * Entries go to the guest from within the directory's iteration, as getdents() hands them
 * over, by way of a small buffer on the stack: most directories are small, and the kernel
 * clears what it allocates.
 */
#include <linux/file.h>
#include <linux/kdev_t.h>

#include "../vring/copy.h"
#include "ferry_9p.h"

/* Qid, offset, type and the name's length. */
#define FERRY_9P_DIRENT		(FERRY_P9_QID + 8 + 1 + 2)

struct ferry_9p_dir {
	struct dir_context ctx;
	struct ferry_9p_req *req;
	struct iov_iter to;	/* where in the answer the buffer goes */
	u32 left;		/* bytes that the answer has room for */
	u32 held;		/* bytes that the buffer holds */
	u8 *offset;		/* of the last entry, to be filled in; NULL: none yet */
	bool full;		/* an entry found no room */
	bool plain_unknown;	/* a plain file may be anything: mapped */
	u64 self;		/* inode number to tell for ".." of the root; 0: it is another */
	u64 mix;		/* makes a qid's path of an inode number */
	int err;
	u8 buf[512];
};

static void ferry_9p_dir_offset(struct ferry_9p_dir *d, u64 pos)
{
	if (d->offset)
		ferry_p9_store(d->offset, pos, 8);
}

/* Hand over what the buffer holds. Return: whether the guest's memory took it. */
static bool ferry_9p_dir_flush(struct ferry_9p_dir *d)
{
	if (copy_to_iter(d->buf, d->held, &d->to) != d->held) {
		d->req->fault = true;
		d->err = -EFAULT;
		return false;
	}
	d->held = 0;
	return true;
}

/*
 * Return: where an entry of so many bytes, which the buffer holds, goes; NULL: nowhere, so
 * that the listing ends.
 */
static u8 *ferry_9p_dir_room(struct ferry_9p_dir *d, u32 bytes)
{
	if (unlikely(bytes > d->left)) {
		d->err = d->offset ? 0 : -EINVAL;
		d->full = true;
		return NULL;
	}
	if (unlikely(bytes > sizeof(d->buf) - d->held) && !ferry_9p_dir_flush(d))
		return NULL;
	return d->buf + d->held;
}

static u8 ferry_9p_qtype(unsigned int type)
{
	switch (type) {
	case DT_DIR:
		return FERRY_P9_QTDIR;
	case DT_LNK:
		return FERRY_P9_QTSYMLINK;
	default:
		return FERRY_P9_QTFILE;
	}
}

static bool ferry_9p_dir_entry(struct dir_context *ctx, const char *name, int len, loff_t pos,
			       u64 ino, unsigned int type)
{
	struct ferry_9p_dir *d = container_of(ctx, struct ferry_9p_dir, ctx);
	u32 bytes = FERRY_9P_DIRENT + len;
	u8 *p;

	type &= 0xf;
	/* Where the one before ends. */
	ferry_9p_dir_offset(d, pos);
	/* A few file systems have longer names, which no message could say. */
	if (len > FERRY_P9_NAME_MAX)
		return true;
	p = ferry_9p_dir_room(d, bytes);
	if (!p)
		return false;
	if (d->self && len == 2 && name[0] == '.' && name[1] == '.')
		ino = d->self;
	if (d->plain_unknown && type == DT_REG)
		type = DT_UNKNOWN;
	p = ferry_p9_store(p, ferry_9p_qtype(type), 1);
	p = ferry_p9_store(p, 0, 4);
	d->offset = ferry_p9_store(p, ino ^ d->mix, 8);
	p = ferry_p9_store(d->offset, pos, 8);
	p = ferry_p9_store(p, type, 1);
	p = ferry_p9_store(p, len, 2);
	memcpy(p, name, len);
	d->left -= bytes;
	d->held += bytes;
	return true;
}

/* List a directory from where its file is; some file systems say more than 0 if all is well. */
int ferry_9p_iterate(struct file *file, struct dir_context *ctx)
{
	return min(iterate_dir(file, ctx), 0);
}

/* Fill the buffer from where the client wants to go on. */
static int ferry_9p_dir_fill(struct ferry_9p_dir *d, struct file *file, u64 pos)
{
	loff_t at;
	int err;

	if (pos > LLONG_MAX)
		return -EINVAL;
	if (file->f_pos != pos) {
		at = vfs_llseek(file, pos, SEEK_SET);
		if (at < 0)
			return at;
	}
	err = ferry_9p_iterate(file, &d->ctx);
	if (err && !d->offset)
		return err;
	if (d->err)
		return d->err;
	if (!d->full)
		ferry_9p_dir_offset(d, d->ctx.pos);
	return ferry_9p_dir_flush(d) ? 0 : d->err;
}

static int ferry_9p_dir_read(struct ferry_9p_req *req, struct file *file, u32 count)
{
	struct ferry_9p_fid *fid = req->fid;
	struct ferry_9p_dir d;
	struct kstat st;
	u32 root_dev = req->p9->export->dev;
	int err = vfs_getattr(&fid->path, &st, STATX_INO, AT_STATX_DONT_SYNC);

	if (err)
		return err;
	memset(&d, 0, offsetof(struct ferry_9p_dir, buf));
	d.ctx.actor = ferry_9p_dir_entry;
	d.req = req;
	ferry_9p_iter(req, &d.to, true, FERRY_P9_IO_HEADER, count);
	d.left = count;
	d.plain_unknown = ferry_9p_mapped(req->p9);
	d.mix = ferry_p9_qid_path(0, new_encode_dev(st.dev), root_dev);
	if (fid->path.dentry == req->p9->export->root.dentry)
		d.self = st.ino;
	mutex_lock(&fid->mutex);
	err = ferry_9p_dir_fill(&d, file, req->m.v[1]);
	mutex_unlock(&fid->mutex);
	if (err)
		return err;
	req->payload = count - d.left;
	ferry_p9_put(&req->enc, req->payload, 4);
	return 0;
}

int ferry_9p_readdir(struct ferry_9p_req *req)
{
	struct file *file = ferry_9p_file(req->fid);
	u32 count;

	if (req->in_len < FERRY_P9_IO_HEADER)
		return -EMSGSIZE;
	if (!file)
		return -EBADF;
	if (!d_is_dir(file->f_path.dentry))
		return -ENOTDIR;
	count = ferry_p9_io_count(req->m.v[2], req->p9->msize, req->in_len);
	return ferry_9p_dir_read(req, file, min(count, FERRY_9P_DIR_BYTES));
}
