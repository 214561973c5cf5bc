// SPDX-License-Identifier: GPL-2.0
/*
 * What 9P2000 and 9P2000.u have instead of 9P2000.L: Topen, Tcreate, Tstat, Twstat and
 * directories that are read as files. Any thread that serves requests, with the rights
 * of the fid's user.
 */
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/kdev_t.h>
#include <linux/namei.h>
#include <linux/slab.h>

#include "../vring/copy.h"
#include "ferry_9p.h"
#include "p9_legacy_core.h"
#include "p9_session_core.h"

/* What Tstat tells of @path; with a target that the caller frees. */
static int ferry_9p_stat_of(struct ferry_9p *p9, const struct path *path, struct ferry_p9_stat *st)
{
	struct ferry_p9_enc qid = { st->qid, sizeof(st->qid) };
	struct kstat k;
	int err = ferry_9p_stat(p9, path, &k);
	ssize_t n;
	char *to;

	if (err)
		return err;
	ferry_9p_put_qid(p9, &qid, &k);
	st->mode = k.mode;
	st->uid = ferry_9p_uid_out(p9, k.uid);
	st->gid = ferry_9p_gid_out(p9, k.gid);
	st->major = MAJOR(k.rdev);
	st->minor = MINOR(k.rdev);
	st->atime = k.atime.tv_sec;
	st->mtime = k.mtime.tv_sec;
	st->size = k.size;
	if (!S_ISLNK(k.mode) || p9->dialect != FERRY_P9_2000U)
		return 0;
	to = kmalloc(FERRY_P9_TARGET_MAX, GFP_KERNEL_ACCOUNT);
	if (!to)
		return -ENOMEM;
	n = ferry_9p_read_link(p9, path, to, FERRY_P9_TARGET_MAX);
	st->target = (struct ferry_p9_str){ to, n > 0 ? n : 0 };
	return 0;
}

/* -EMSGSIZE: it did not fit, nothing was put. */
static int ferry_9p_put_stat(struct ferry_9p *p9, struct ferry_p9_enc *e, const struct path *path,
			     const char *name, u32 len)
{
	struct ferry_p9_stat st = { .name = { name, len } };
	int err = ferry_9p_stat_of(p9, path, &st);

	if (!err)
		err = ferry_p9_put_stat(e, &st, p9->dialect);
	kfree(st.target.s);
	return err;
}

int ferry_9p_legacy_stat(struct ferry_9p_req *req)
{
	struct ferry_9p *p9 = req->p9;
	const struct path *path = &req->fid->path;
	struct name_snapshot name;
	struct ferry_p9_enc *e = &req->enc, n;
	int err = ferry_9p_reply_room(req, 2 + FERRY_P9_STAT_MAX);

	if (err)
		return err;
	n = *e;
	ferry_p9_put(e, 0, 2);
	if (path->dentry == p9->export->root.dentry) {
		err = ferry_9p_put_stat(p9, e, path, "/", 1);
	} else {
		take_dentry_name_snapshot(&name, path->dentry);
		err = ferry_9p_put_stat(p9, e, path, name.name.name, name.name.len);
		release_dentry_name_snapshot(&name);
	}
	if (!err)
		ferry_p9_put(&n, e->done - 2, 2);
	return err;
}

int ferry_9p_legacy_open(struct ferry_9p_req *req)
{
	struct ferry_9p_fid *fid = req->fid;
	u8 mode = req->m.v[1];
	struct kstat st;
	int err;

	if ((mode & FERRY_P9_ORCLOSE) && (req->p9->export->flags & FERRY_9P_F_READ_ONLY))
		return -EROFS;
	err = ferry_9p_open(req, fid, ferry_p9_open_flags(mode));
	if (!err)
		err = ferry_9p_stat(req->p9, &fid->path, &st);
	if (err)
		return err;
	WRITE_ONCE(fid->rclose, mode & FERRY_P9_ORCLOSE);
	ferry_9p_put_qid(req->p9, &req->enc, &st);
	ferry_p9_put(&req->enc, 0, 4);
	return 0;
}

static int ferry_9p_legacy_node(struct ferry_9p_req *req, struct ferry_9p_node *node)
{
	const struct ferry_p9_str *extension = &req->m.s[1];
	u32 mode, type, major, minor;
	int err = ferry_p9_new_mode(req->m.v[1], req->p9->dialect, &mode);

	if (err)
		return err;
	node->mode = mode;
	node->rclose = req->m.v[2] & FERRY_P9_ORCLOSE;
	if (!mode)
		return 0;
	node->uid = req->fid->uid;
	node->gid = req->fid->uid ? FERRY_P9_NOBODY : 0;
	ferry_9p_squash(req->p9->export, &node->uid, &node->gid);
	if (S_ISLNK(mode)) {
		if (!extension->len || extension->len > FERRY_P9_TARGET_MAX)
			return -EINVAL;
		node->target = ferry_9p_cstr(extension);
	}
	if (req->m.v[1] & FERRY_P9_DMDEVICE) {
		err = ferry_p9_parse_device(extension, &type, &major, &minor);
		if (err)
			return err;
		node->mode = (mode & S_IALLUGO) | type;
		node->rdev = MKDEV(major, minor);
	}
	return 0;
}

/* Make it; @node has no mode where it is a hard link. */
static int ferry_9p_legacy_have(struct ferry_9p_req *req, const struct ferry_9p_node *node,
				struct path *path)
{
	const struct ferry_p9_str *name = &req->m.s[0];
	int err;
	u32 id;

	if (node->mode)
		return ferry_9p_make(req->p9, &req->fid->path, name, node, path);
	err = ferry_p9_parse_fid(&req->m.s[1], &id);
	if (!err)
		err = ferry_9p_link_to(req, id);
	return err ?: ferry_9p_child(&req->fid->path, name, path);
}

/* What is no file is made, and the fid then names it; a directory is opened as well. */
static int ferry_9p_legacy_make(struct ferry_9p_req *req, const struct ferry_9p_node *node,
				struct kstat *st)
{
	const u32 flags = FERRY_P9_O_RDONLY | FERRY_P9_O_DIRECTORY;
	struct ferry_9p *p9 = req->p9;
	struct ferry_9p_fid *fid;
	struct path made;
	int err;

	if (req->fid->xattr || ferry_9p_file(req->fid))
		return -EINVAL;
	fid = ferry_9p_fid_alloc(p9, req->fid->id, &req->fid->path, req->fid);
	if (IS_ERR(fid))
		return PTR_ERR(fid);
	fid->rclose = node->rclose;
	err = ferry_9p_legacy_have(req, node, &made);
	if (!err) {
		ferry_9p_fid_point(fid, &made);
		err = S_ISDIR(node->mode) ? ferry_9p_become(req, fid, flags, true, st) :
		      ferry_9p_stat(p9, &fid->path, st);
		if (!err && !S_ISDIR(node->mode))
			err = ferry_9p_fid_replace(p9, req->fid, fid);
	}
	ferry_9p_fid_put(p9, fid);
	return err;
}

int ferry_9p_legacy_create(struct ferry_9p_req *req)
{
	u32 flags = ferry_p9_open_flags(req->m.v[2]) | FERRY_P9_O_EXCL;
	struct ferry_9p_node node = {};
	struct kstat st;
	int err = ferry_9p_legacy_node(req, &node);

	if (err)
		return err;
	if (S_ISREG(node.mode))
		err = ferry_9p_create(req, flags, &node, &st);
	else
		err = ferry_9p_legacy_make(req, &node, &st);
	if (err)
		return err;
	ferry_9p_put_qid(req->p9, &req->enc, &st);
	ferry_p9_put(&req->enc, 0, 4);
	return 0;
}

static int ferry_9p_wstat_attr(struct ferry_9p *p9, struct ferry_9p_fid *fid,
			       const struct ferry_p9_wstat *w)
{
	struct iattr attr = {};

	if (w->mode != FERRY_P9_STAT_SAME32) {
		if (d_is_symlink(fid->path.dentry))
			return -EOPNOTSUPP;
		attr.ia_valid |= ATTR_MODE;
		attr.ia_mode = ferry_p9_dm_to_bits(w->mode, p9->dialect);
	}
	if (w->atime != FERRY_P9_STAT_SAME32) {
		attr.ia_valid |= ATTR_ATIME | ATTR_ATIME_SET;
		attr.ia_atime.tv_sec = w->atime;
	}
	if (w->mtime != FERRY_P9_STAT_SAME32) {
		attr.ia_valid |= ATTR_MTIME | ATTR_MTIME_SET;
		attr.ia_mtime.tv_sec = w->mtime;
	}
	if (w->uid != FERRY_P9_STAT_SAME32)
		attr.ia_valid |= ATTR_UID;
	if (w->gid != FERRY_P9_STAT_SAME32)
		attr.ia_valid |= ATTR_GID;
	if (!attr.ia_valid)
		return 0;
	attr.ia_valid |= ATTR_CTIME;
	return ferry_9p_change(p9, fid, &attr, w->uid, w->gid);
}

int ferry_9p_legacy_wstat(struct ferry_9p_req *req)
{
	struct ferry_9p *p9 = req->p9;
	struct ferry_9p_fid *fid = req->fid;
	struct ferry_p9_wstat w;
	int err = ferry_p9_parse_wstat(&req->m.s[0], p9->dialect, &w);

	if (err || fid->xattr)
		return err ?: -EINVAL;
	if (ferry_p9_wstat_syncs(&w))
		return ferry_9p_file(fid) ? vfs_fsync(fid->file, 0) : 0;
	if (p9->export->flags & FERRY_9P_F_READ_ONLY)
		return -EROFS;
	if (w.length != FERRY_P9_STAT_SAME64)
		err = ferry_9p_resize(req, fid, w.length);
	if (!err)
		err = ferry_9p_wstat_attr(p9, fid, &w);
	if (!err && w.name.len)
		err = ferry_9p_rename_fid(p9, fid, NULL, &w.name);
	return err;
}

/* Names that a directory holds, put down before each is looked at. */
struct ferry_9p_names {
	struct dir_context ctx;
	u8 *buf;
	u32 done;
	u32 room;
	loff_t next;
	bool full;
};

static bool ferry_9p_name_entry(struct dir_context *ctx, const char *name, int len, loff_t pos,
				u64 ino, unsigned int type)
{
	struct ferry_9p_names *n = container_of(ctx, struct ferry_9p_names, ctx);
	struct ferry_p9_enc e = { n->buf + n->done, n->room - n->done };

	if (ferry_p9_dots(name, len))
		return true;
	ferry_p9_put(&e, pos, 8);
	ferry_p9_put_str(&e, name, len);
	n->full = e.bad;
	if (!e.bad)
		n->done += e.done;
	return !e.bad;
}

/* Stats of the names that were listed; @full: one did not fit, it begins at @next. */
static int ferry_9p_stat_names(struct ferry_9p_req *req, const struct ferry_9p_names *n,
			       struct ferry_p9_enc *e, loff_t *next, bool *full)
{
	const struct path *dir = &req->fid->path;
	struct ferry_p9_dec d = { n->buf, n->done };

	while (d.left) {
		loff_t pos = ferry_p9_get(&d, 8);
		struct ferry_p9_str s = ferry_p9_get_str(&d);
		struct qstr q = QSTR_LEN(s.s, s.len);
		struct path path = { .mnt = dir->mnt };
		int err = 0;

		path.dentry = lookup_one_unlocked(mnt_idmap(dir->mnt), &q, dir->dentry);
		if (IS_ERR(path.dentry))
			return PTR_ERR(path.dentry);
		/* What went away since, or cannot say what it is, is not listed. */
		if (d_is_positive(path.dentry))
			err = ferry_9p_put_stat(req->p9, e, &path, s.s, s.len);
		dput(path.dentry);
		if (err == -EMSGSIZE) {
			*next = pos;
			*full = true;
			/* Linux fills its buffer to the last byte and takes 0 for enough. */
			return e->done || req->m.v[1] ? 0 : -EINVAL;
		}
		if (err == -ENOMEM || err == -EINTR)
			return err;
	}
	return 0;
}

static int ferry_9p_read_stats(struct ferry_9p_req *req, struct file *file,
			       struct ferry_p9_enc *e)
{
	struct ferry_9p_names n = { .ctx.actor = ferry_9p_name_entry,
				    .room = FERRY_P9_REQUEST_MAX };
	loff_t begin, next;
	bool full;
	int err;

	n.buf = kmalloc(n.room, GFP_KERNEL_ACCOUNT);
	if (!n.buf)
		return -ENOMEM;
	if (!req->m.v[1])
		vfs_llseek(file, 0, SEEK_SET);
	/* No bytes are the end: go on if all that was listed went away since. */
	do {
		n.done = 0;
		begin = file->f_pos;
		err = ferry_9p_iterate(file, &n.ctx);
		next = file->f_pos;
		full = false;
		if (!err)
			err = ferry_9p_stat_names(req, &n, e, &next, &full);
		/* What was listed but not told is told the next time. */
		if (err)
			next = begin;
		if (next != file->f_pos && vfs_llseek(file, next, SEEK_SET) < 0 && !err)
			err = -EIO;
	} while (!err && !full && n.done && !e->done && !fatal_signal_pending(current));
	kfree(n.buf);
	return err;
}

/* Tread of a directory: stats, whole ones, from the beginning or where it stopped. */
int ferry_9p_legacy_readdir(struct ferry_9p_req *req)
{
	struct ferry_9p_fid *fid = req->fid;
	u32 count = ferry_p9_io_count(req->m.v[2], req->p9->msize, req->in_len);
	struct ferry_p9_enc e;
	struct iov_iter iter;
	u8 *buf;
	int err = ferry_9p_inside(req->p9, fid->path.dentry);

	if (err)
		return err;
	count = min(count, FERRY_9P_DIR_BYTES);
	buf = kvmalloc(count ?: 1, GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;
	e = (struct ferry_p9_enc){ buf, count };
	mutex_lock(&fid->mutex);
	err = ferry_9p_read_stats(req, fid->file, &e);
	mutex_unlock(&fid->mutex);
	if (!err) {
		ferry_9p_iter(req, &iter, true, FERRY_P9_IO_HEADER, e.done);
		if (copy_to_iter(buf, e.done, &iter) == e.done) {
			ferry_p9_put(&req->enc, e.done, 4);
			req->payload = e.done;
		} else {
			req->fault = true;
		}
	}
	kvfree(buf);
	return err;
}
