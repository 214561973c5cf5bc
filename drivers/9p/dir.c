// SPDX-License-Identifier: GPL-2.0
/*
 * Treaddir: entries of a directory as the file system lists them, without a look at
 * each. Any thread that serves requests, with the rights of the fid's user; takes
 * fid->mutex, because the open directory has one position.
 *
 * The offset of an entry is where the next one begins, in the file system's own terms:
 * it stays good while entries come and go. A client that goes on where it stopped is
 * not made to seek, which would lose the place on file systems that count entries.
 */
#include <linux/file.h>
#include <linux/kdev_t.h>
#include <linux/slab.h>

#include "../vring/copy.h"
#include "ferry_9p.h"

struct ferry_9p_dir {
	struct dir_context ctx;
	struct ferry_9p *p9;
	struct ferry_p9_enc enc;
	u8 *offset;		/* of the last entry, to be filled in; NULL: none yet */
	bool full;		/* an entry found no room */
	u64 self;		/* inode number to tell for ".." of the root; 0: it is another */
	u32 dev;		/* that the entries are on */
	int err;
};

static void ferry_9p_dir_offset(struct ferry_9p_dir *d, u64 pos)
{
	struct ferry_p9_enc at = { d->offset, 8 };

	if (d->offset)
		ferry_p9_put(&at, pos, 8);
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

	type &= 0xf;
	/* Where the one before ends. */
	ferry_9p_dir_offset(d, pos);
	if (d->enc.left < FERRY_P9_QID + 8 + 1 + 2 + len) {
		d->err = d->offset ? 0 : -EINVAL;
		d->full = true;
		return false;
	}
	if (d->self && len == 2 && name[0] == '.' && name[1] == '.')
		ino = d->self;
	/* In mapped a plain file may be anything. */
	if (ferry_9p_mapped(d->p9) && type == DT_REG)
		type = DT_UNKNOWN;
	ferry_p9_put_qid(&d->enc, ferry_9p_qtype(type), 0,
			 ferry_p9_qid_path(ino, d->dev, d->p9->export->dev));
	d->offset = d->enc.p;
	ferry_p9_put(&d->enc, pos, 8);
	ferry_p9_put(&d->enc, type, 1);
	ferry_p9_put_str(&d->enc, name, len);
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
	if (!d->full)
		ferry_9p_dir_offset(d, d->ctx.pos);
	return d->err;
}

/* Copy what was listed behind the header. */
static int ferry_9p_dir_deliver(struct ferry_9p_req *req, const u8 *from, u32 len)
{
	struct iov_iter iter;

	ferry_9p_iter(req, &iter, true, FERRY_P9_IO_HEADER, len);
	if (copy_to_iter(from, len, &iter) != len) {
		req->fault = true;
		return -EFAULT;
	}
	ferry_p9_put(&req->enc, len, 4);
	req->payload = len;
	return 0;
}

static int ferry_9p_dir_read(struct ferry_9p_req *req, struct file *file, u32 count)
{
	struct ferry_9p_fid *fid = req->fid;
	struct ferry_9p_dir d = { .ctx.actor = ferry_9p_dir_entry, .p9 = req->p9 };
	struct kstat st;
	u8 *buf;
	int err = vfs_getattr(&fid->path, &st, STATX_INO, AT_STATX_DONT_SYNC);

	if (err)
		return err;
	buf = kvmalloc(count ?: 1, GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;
	d.enc = (struct ferry_p9_enc){ buf, count };
	d.dev = new_encode_dev(st.dev);
	if (fid->path.dentry == req->p9->export->root.dentry)
		d.self = st.ino;
	mutex_lock(&fid->mutex);
	err = ferry_9p_dir_fill(&d, file, req->m.v[1]);
	mutex_unlock(&fid->mutex);
	if (!err)
		err = ferry_9p_dir_deliver(req, buf, d.enc.done);
	kvfree(buf);
	return err;
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
