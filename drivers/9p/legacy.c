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

/* Longest stat without its size: fixed fields, a name, three numbers, a symlink's target. */
#define FERRY_9P_STAT_MAX	(61 + FERRY_P9_NAME_MAX + 3 * 10 + FERRY_P9_TARGET_MAX)

static const struct {
	u32 dm;
	umode_t mode;
	bool extended;		/* only in 9P2000.u */
} ferry_9p_dm[] = {
	{ FERRY_P9_DMDIR, S_IFDIR, false },
	{ FERRY_P9_DMSYMLINK, S_IFLNK, true },
	{ FERRY_P9_DMNAMEDPIPE, S_IFIFO, true },
	{ FERRY_P9_DMSOCKET, S_IFSOCK, true },
	{ FERRY_P9_DMDEVICE, S_IFBLK, true },
	{ FERRY_P9_DMDEVICE, S_IFCHR, true },
	{ FERRY_P9_DMSETUID, S_ISUID, true },
	{ FERRY_P9_DMSETGID, S_ISGID, true },
	{ FERRY_P9_DMSETVTX, S_ISVTX, true },
};

static bool ferry_9p_is_u(const struct ferry_9p *p9)
{
	return p9->dialect == FERRY_P9_2000U;
}

static u32 ferry_9p_to_dm(const struct ferry_9p *p9, umode_t mode)
{
	u32 dm = mode & 0777;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ferry_9p_dm); i++) {
		umode_t m = ferry_9p_dm[i].mode;

		if (ferry_9p_dm[i].extended && !ferry_9p_is_u(p9))
			continue;
		if (m & S_IFMT ? (mode & S_IFMT) == m : mode & m)
			dm |= ferry_9p_dm[i].dm;
	}
	return dm;
}

static void ferry_9p_put_number(struct ferry_p9_enc *e, u32 n)
{
	char text[12];

	ferry_p9_put_str(e, text, scnprintf(text, sizeof(text), "%u", n));
}

/* The extension of 9P2000.u: a symlink's target, or what device it is. */
static void ferry_9p_put_extension(struct ferry_9p *p9, struct ferry_p9_enc *e,
				   const struct path *path, const struct kstat *st)
{
	char text[32];
	char *target;
	ssize_t n = 0;

	if (S_ISLNK(st->mode)) {
		target = kmalloc(FERRY_P9_TARGET_MAX, GFP_KERNEL_ACCOUNT);
		if (target)
			n = ferry_9p_read_link(p9, path, target, FERRY_P9_TARGET_MAX);
		ferry_p9_put_str(e, target, n > 0 ? n : 0);
		kfree(target);
		return;
	}
	if (S_ISBLK(st->mode) || S_ISCHR(st->mode))
		n = scnprintf(text, sizeof(text), "%c %u %u", S_ISBLK(st->mode) ? 'b' : 'c',
			      MAJOR(st->rdev), MINOR(st->rdev));
	ferry_p9_put_str(e, text, n);
}

static void ferry_9p_put_stat_body(struct ferry_9p *p9, struct ferry_p9_enc *e,
				   const struct path *path, const struct qstr *name,
				   const struct kstat *st)
{
	u32 uid = ferry_9p_uid_out(p9, st->uid), gid = ferry_9p_gid_out(p9, st->gid);

	ferry_p9_put(e, 0, 2);
	ferry_p9_put(e, 0, 4);
	ferry_9p_put_qid(p9, e, st);
	ferry_p9_put(e, ferry_9p_to_dm(p9, st->mode), 4);
	ferry_p9_put(e, st->atime.tv_sec, 4);
	ferry_p9_put(e, st->mtime.tv_sec, 4);
	ferry_p9_put(e, S_ISDIR(st->mode) ? 0 : st->size, 8);
	ferry_p9_put_str(e, name->name, name->len);
	ferry_9p_put_number(e, uid);
	ferry_9p_put_number(e, gid);
	ferry_9p_put_number(e, uid);
	if (!ferry_9p_is_u(p9))
		return;
	ferry_9p_put_extension(p9, e, path, st);
	ferry_p9_put(e, uid, 4);
	ferry_p9_put(e, gid, 4);
	ferry_p9_put(e, uid, 4);
}

/* A stat with its own size in front. -EMSGSIZE: it did not fit, nothing was put. */
static int ferry_9p_put_stat(struct ferry_9p *p9, struct ferry_p9_enc *e, const struct path *path,
			     const struct qstr *name)
{
	struct ferry_p9_enc size = *e, before = *e;
	struct kstat st;
	int err = ferry_9p_stat(p9, path, &st);

	if (err)
		return err;
	ferry_p9_put(e, 0, 2);
	ferry_9p_put_stat_body(p9, e, path, name, &st);
	if (e->bad) {
		*e = before;
		return -EMSGSIZE;
	}
	ferry_p9_put(&size, e->done - before.done - 2, 2);
	return 0;
}

int ferry_9p_legacy_stat(struct ferry_9p_req *req)
{
	struct ferry_9p *p9 = req->p9;
	const struct path *path = &req->fid->path;
	struct name_snapshot name;
	struct ferry_p9_enc *e = &req->enc, n;
	struct qstr root = QSTR_LEN("/", 1);
	int err = ferry_9p_reply_room(req, 2 + 2 + FERRY_9P_STAT_MAX);

	if (err)
		return err;
	n = *e;
	ferry_p9_put(e, 0, 2);
	take_dentry_name_snapshot(&name, path->dentry);
	err = ferry_9p_put_stat(p9, e, path, path->dentry == p9->export->root.dentry ? &root :
				&QSTR_LEN(name.name.name, name.name.len));
	release_dentry_name_snapshot(&name);
	if (!err)
		ferry_p9_put(&n, e->done - 2, 2);
	return err;
}

static u32 ferry_9p_from_omode(u8 mode)
{
	static const u32 access[] = { FERRY_P9_O_RDONLY, FERRY_P9_O_WRONLY, FERRY_P9_O_RDWR,
				      FERRY_P9_O_RDONLY };
	u32 flags = access[mode & 3];

	if (mode & FERRY_P9_OTRUNC)
		flags |= FERRY_P9_O_TRUNC;
	if (mode & FERRY_P9_OAPPEND)
		flags |= FERRY_P9_O_APPEND;
	return flags;
}

int ferry_9p_legacy_open(struct ferry_9p_req *req)
{
	struct ferry_9p_fid *fid = req->fid;
	u8 mode = req->m.v[1];
	struct kstat st;
	int err;

	if ((mode & FERRY_P9_ORCLOSE) && (req->p9->export->flags & FERRY_9P_F_READ_ONLY))
		return -EROFS;
	err = ferry_9p_open(req->p9, fid, ferry_9p_from_omode(mode));
	if (!err)
		err = ferry_9p_stat(req->p9, &fid->path, &st);
	if (err)
		return err;
	WRITE_ONCE(fid->legacy_mode, mode & FERRY_P9_ORCLOSE);
	ferry_9p_put_qid(req->p9, &req->enc, &st);
	ferry_p9_put(&req->enc, 0, 4);
	return 0;
}

/* "b 8 0": a device of 9P2000.u. */
static int ferry_9p_parse_device(const char *text, struct ferry_9p_node *node)
{
	unsigned int major, minor;
	char kind;

	if (sscanf(text, "%c %u %u", &kind, &major, &minor) != 3 ||
	    (kind != 'b' && kind != 'c') || major >= 1 << (32 - MINORBITS) || minor > MINORMASK)
		return -EINVAL;
	node->mode = (node->mode & S_IALLUGO) | (kind == 'b' ? S_IFBLK : S_IFCHR);
	node->rdev = MKDEV(major, minor);
	return 0;
}

static int ferry_9p_legacy_node(struct ferry_9p_req *req, struct ferry_9p_node *node)
{
	u32 perm = req->m.v[1];
	unsigned int i;

	node->mode = perm & 0777;
	node->uid = req->fid->uid;
	node->gid = req->fid->uid ? 65534 : 0;
	ferry_9p_squash(req->p9->export, &node->uid, &node->gid);
	if (perm & FERRY_P9_DMLINK)
		return -EOPNOTSUPP;
	for (i = 0; i < ARRAY_SIZE(ferry_9p_dm); i++) {
		if (!(perm & ferry_9p_dm[i].dm))
			continue;
		if (ferry_9p_dm[i].extended && !ferry_9p_is_u(req->p9))
			return -EINVAL;
		if ((ferry_9p_dm[i].mode & S_IFMT) && (node->mode & S_IFMT))
			continue;
		node->mode |= ferry_9p_dm[i].mode;
	}
	if (!(node->mode & S_IFMT))
		node->mode |= S_IFREG;
	if (S_ISLNK(node->mode)) {
		if (!req->m.s[1].len || req->m.s[1].len > FERRY_P9_TARGET_MAX)
			return -EINVAL;
		node->target = ferry_9p_cstr(&req->m.s[1]);
	}
	return perm & FERRY_P9_DMDEVICE ?
	       ferry_9p_parse_device(ferry_9p_cstr(&req->m.s[1]), node) : 0;
}

/* What is no file is made, and the fid then names it; a directory is opened as well. */
static int ferry_9p_legacy_make(struct ferry_9p_req *req, const struct ferry_9p_node *node,
				struct kstat *st)
{
	struct ferry_9p *p9 = req->p9;
	struct ferry_9p_fid *fid;
	struct path made;
	int err;

	if (req->fid->xattr || ferry_9p_file(req->fid))
		return -EINVAL;
	err = ferry_9p_make(p9, &req->fid->path, &req->m.s[0], node, &made);
	if (err)
		return err;
	fid = ferry_9p_fid_alloc(p9, req->fid->id, &made, req->fid);
	err = PTR_ERR_OR_ZERO(fid);
	if (!err && S_ISDIR(node->mode))
		err = ferry_9p_open(p9, fid, FERRY_P9_O_RDONLY | FERRY_P9_O_DIRECTORY);
	if (!err)
		err = ferry_9p_stat(p9, &made, st);
	if (!err)
		err = ferry_9p_fid_replace(p9, req->fid, fid);
	if (err)
		ferry_9p_unmake(&req->fid->path, made.dentry);
	if (!IS_ERR(fid))
		ferry_9p_fid_put(p9, fid);
	path_put(&made);
	return err;
}

int ferry_9p_legacy_create(struct ferry_9p_req *req)
{
	u32 flags = ferry_9p_from_omode(req->m.v[2]) | FERRY_P9_O_EXCL;
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

/* A 9P2000 stat that says what to change: what is all ones or empty stays. */
struct ferry_9p_wstat {
	u32 mode;
	u32 atime;
	u32 mtime;
	u64 length;
	struct ferry_p9_str name;
	u32 uid;
	u32 gid;
};

static int ferry_9p_parse_wstat(struct ferry_9p *p9, const struct ferry_p9_str *s,
				struct ferry_9p_wstat *w)
{
	struct ferry_p9_dec d = { (const u8 *)s->s, s->len };
	u32 size = ferry_p9_get(&d, 2);
	unsigned int i;

	if (size != d.left)
		return -EINVAL;
	ferry_p9_get(&d, 2);
	ferry_p9_get(&d, 4);
	ferry_p9_get(&d, 1);
	ferry_p9_get(&d, 4);
	ferry_p9_get(&d, 8);
	w->mode = ferry_p9_get(&d, 4);
	w->atime = ferry_p9_get(&d, 4);
	w->mtime = ferry_p9_get(&d, 4);
	w->length = ferry_p9_get(&d, 8);
	w->name = ferry_p9_get_str(&d);
	for (i = 0; i < 3; i++)
		ferry_p9_get_str(&d);
	w->uid = U32_MAX;
	w->gid = U32_MAX;
	if (ferry_9p_is_u(p9)) {
		ferry_p9_get_str(&d);
		w->uid = ferry_p9_get(&d, 4);
		w->gid = ferry_p9_get(&d, 4);
		ferry_p9_get(&d, 4);
	}
	if (d.bad || d.left)
		return -EINVAL;
	return w->name.len ? ferry_p9_check_name(w->name.s, w->name.len) : 0;
}

static umode_t ferry_9p_wstat_mode(const struct ferry_9p *p9, u32 perm)
{
	umode_t mode = perm & 0777;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ferry_9p_dm); i++)
		if ((perm & ferry_9p_dm[i].dm) && !(ferry_9p_dm[i].mode & S_IFMT) &&
		    ferry_9p_is_u(p9))
			mode |= ferry_9p_dm[i].mode;
	return mode;
}

static int ferry_9p_wstat_attr(struct ferry_9p *p9, struct ferry_9p_fid *fid,
			       const struct ferry_9p_wstat *w)
{
	struct iattr attr = {};

	if (w->mode != U32_MAX) {
		if (d_is_symlink(fid->path.dentry))
			return -EOPNOTSUPP;
		attr.ia_valid |= ATTR_MODE;
		attr.ia_mode = ferry_9p_wstat_mode(p9, w->mode);
	}
	if (w->atime != U32_MAX) {
		attr.ia_valid |= ATTR_ATIME | ATTR_ATIME_SET;
		attr.ia_atime.tv_sec = w->atime;
	}
	if (w->mtime != U32_MAX) {
		attr.ia_valid |= ATTR_MTIME | ATTR_MTIME_SET;
		attr.ia_mtime.tv_sec = w->mtime;
	}
	if (w->uid != U32_MAX)
		attr.ia_valid |= ATTR_UID;
	if (w->gid != U32_MAX)
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
	struct ferry_9p_wstat w;
	int err = ferry_9p_parse_wstat(p9, &req->m.s[0], &w);

	if (err || fid->xattr)
		return err ?: -EINVAL;
	if (w.length != U64_MAX)
		err = ferry_9p_resize(p9, fid, w.length);
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

/* Stats of the names that were listed; @next: where the first that did not fit begins. */
static int ferry_9p_stat_names(struct ferry_9p_req *req, const struct ferry_9p_names *n,
			       struct ferry_p9_enc *e, loff_t *next)
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
			err = ferry_9p_put_stat(req->p9, e, &path, &q);
		dput(path.dentry);
		if (err == -EMSGSIZE) {
			*next = pos;
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
	int err;

	n.buf = kmalloc(n.room, GFP_KERNEL_ACCOUNT);
	if (!n.buf)
		return -ENOMEM;
	if (!req->m.v[1])
		vfs_llseek(file, 0, SEEK_SET);
	begin = file->f_pos;
	err = iterate_dir(file, &n.ctx);
	next = file->f_pos;
	if (!err)
		err = ferry_9p_stat_names(req, &n, e, &next);
	/* What was listed but not told is told the next time. */
	if (err)
		next = begin;
	if (next != file->f_pos && vfs_llseek(file, next, SEEK_SET) < 0 && !err)
		err = -EIO;
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
	int err;

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
