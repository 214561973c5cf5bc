// SPDX-License-Identifier: GPL-2.0
/*
 * Role: what 9P2000 and 9P2000.u have instead of 9P2000.L: Topen, Tcreate, Tstat, Twstat.
 * Threads: those that serve requests, with the rights of the fid's user.
 * Locks: none.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "p9loop_legacy.h"

static const struct {
	u32 dm;
	mode_t mode;
	bool extended;		/* only in 9P2000.u */
} legacy_dm[] = {
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

static bool legacy_is_u(const struct p9loop_server *s)
{
	return s->dialect == FERRY_P9_2000U;
}

static u32 legacy_to_dm(const struct p9loop_server *s, mode_t mode)
{
	u32 dm = mode & 0777;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(legacy_dm); i++) {
		mode_t m = legacy_dm[i].mode;

		if (legacy_dm[i].extended && !legacy_is_u(s))
			continue;
		if (m & S_IFMT ? (mode & S_IFMT) == m : mode & m)
			dm |= legacy_dm[i].dm;
	}
	return dm;
}

static void legacy_put_number(struct ferry_p9_enc *e, u32 n)
{
	char text[12];

	ferry_p9_put_str(e, text, snprintf(text, sizeof(text), "%u", n));
}

/* The extension of 9P2000.u: a symlink's target, or what device it is. */
static void legacy_put_extension(struct p9loop_server *s, struct ferry_p9_enc *e,
				 const struct p9loop_node *node, const struct statx *st)
{
	char text[PATH_MAX];
	ssize_t n = 0;

	if (S_ISLNK(st->stx_mode))
		n = p9loop_read_link(s, node, text, FERRY_P9_TARGET_MAX);
	else if (S_ISBLK(st->stx_mode) || S_ISCHR(st->stx_mode))
		n = snprintf(text, sizeof(text), "%c %u %u", S_ISBLK(st->stx_mode) ? 'b' : 'c',
			     st->stx_rdev_major, st->stx_rdev_minor);
	ferry_p9_put_str(e, text, n > 0 ? n : 0);
}

static void legacy_put_body(struct p9loop_server *s, struct ferry_p9_enc *e,
			    const struct p9loop_node *node, const char *name)
{
	struct statx st;

	if (p9loop_stat(s, node, &st)) {
		e->bad = true;
		return;
	}
	ferry_p9_put(e, 0, 2);
	ferry_p9_put(e, 0, 4);
	p9loop_put_qid(s, e, &st);
	ferry_p9_put(e, legacy_to_dm(s, st.stx_mode), 4);
	ferry_p9_put(e, st.stx_atime.tv_sec, 4);
	ferry_p9_put(e, st.stx_mtime.tv_sec, 4);
	ferry_p9_put(e, S_ISDIR(st.stx_mode) ? 0 : st.stx_size, 8);
	ferry_p9_put_str(e, name, strlen(name));
	legacy_put_number(e, st.stx_uid);
	legacy_put_number(e, st.stx_gid);
	legacy_put_number(e, st.stx_uid);
	if (!legacy_is_u(s))
		return;
	legacy_put_extension(s, e, node, &st);
	ferry_p9_put(e, st.stx_uid, 4);
	ferry_p9_put(e, st.stx_gid, 4);
	ferry_p9_put(e, st.stx_uid, 4);
}

u32 p9loop_put_stat(struct p9loop_server *s, struct ferry_p9_enc *e,
		    const struct p9loop_node *node, const char *name)
{
	struct ferry_p9_enc size = *e, before = *e;

	ferry_p9_put(e, 0, 2);
	legacy_put_body(s, e, node, name);
	if (e->bad) {
		*e = before;
		return 0;
	}
	ferry_p9_put(&size, e->done - before.done - 2, 2);
	return e->done - before.done;
}

int p9loop_legacy_stat(struct p9loop_req *req)
{
	const struct p9loop_node *node = req->fid->node;
	struct p9loop_place place = { .name.s = "/" };
	struct ferry_p9_enc *e = &req->enc, n;
	int err = 0;
	u32 size;

	if (!p9loop_is_root(req->s, node))
		err = p9loop_place(req, node, &place);
	if (err)
		return err;
	if (place.dir)
		p9loop_node_put(place.dir);
	err = p9loop_reply_room(req, 2 + P9LOOP_STAT_MAX);
	if (err)
		return err;
	n = *e;
	ferry_p9_put(e, 0, 2);
	size = p9loop_put_stat(req->s, e, node, place.name.s);
	if (!size)
		return -EIO;
	ferry_p9_put(&n, size, 2);
	return 0;
}

static u32 legacy_from_omode(u8 mode)
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

int p9loop_legacy_open(struct p9loop_req *req)
{
	struct p9loop_fid *fid = req->fid;
	u8 mode = req->m.v[1];
	struct statx st;
	int err;

	if ((mode & FERRY_P9_ORCLOSE) && (req->s->ex.flags & FERRY_9P_F_READ_ONLY))
		return -EROFS;
	err = p9loop_open(req, fid, legacy_from_omode(mode));
	if (!err)
		err = p9loop_stat(req->s, fid->node, &st);
	if (err)
		return err;
	__atomic_store_n(&fid->legacy_mode, mode & FERRY_P9_ORCLOSE, __ATOMIC_RELAXED);
	p9loop_put_qid(req->s, &req->enc, &st);
	ferry_p9_put(&req->enc, 0, 4);
	return 0;
}

/* "b 8 0": a device of 9P2000.u. */
static int legacy_parse_device(const char *text, struct p9loop_new *new)
{
	unsigned int major, minor;
	char kind;

	if (sscanf(text, "%c %u %u", &kind, &major, &minor) != 3 ||
	    (kind != 'b' && kind != 'c') || major >= 1U << 12 || minor >= 1U << 20)
		return -EINVAL;
	new->mode = (new->mode & 07777) | (kind == 'b' ? S_IFBLK : S_IFCHR);
	new->major = major;
	new->minor = minor;
	return 0;
}

static int legacy_new_mode(struct p9loop_req *req, u32 perm, mode_t *mode)
{
	unsigned int i;

	*mode = perm & 0777;
	if (perm & FERRY_P9_DMLINK)
		return -EOPNOTSUPP;
	for (i = 0; i < ARRAY_SIZE(legacy_dm); i++) {
		if (!(perm & legacy_dm[i].dm))
			continue;
		if (legacy_dm[i].extended && !legacy_is_u(req->s))
			return -EINVAL;
		if ((legacy_dm[i].mode & S_IFMT) && (*mode & S_IFMT))
			continue;
		*mode |= legacy_dm[i].mode;
	}
	if (!(*mode & S_IFMT))
		*mode |= S_IFREG;
	return 0;
}

static int legacy_new(struct p9loop_req *req, struct p9loop_new *new)
{
	u32 perm = req->m.v[1];
	int err;

	new->uid = req->fid->uid;
	new->gid = req->fid->uid ? 65534 : 0;
	p9loop_squash(&req->s->ex, &new->uid, &new->gid);
	err = legacy_new_mode(req, perm, &new->mode);
	if (err)
		return err;
	if (S_ISLNK(new->mode)) {
		if (!req->m.s[1].len || req->m.s[1].len > FERRY_P9_TARGET_MAX)
			return -EINVAL;
		new->target = p9loop_cstr(&req->m.s[1]);
	}
	return perm & FERRY_P9_DMDEVICE ?
	       legacy_parse_device(p9loop_cstr(&req->m.s[1]), new) : 0;
}

/* What is no file is made, and the fid then names it; a directory is opened as well. */
static int legacy_make(struct p9loop_req *req, const struct p9loop_new *new, struct statx *st)
{
	struct p9loop_node *made;
	struct p9loop_fid *fid;
	int err;

	if (req->fid->xattr || p9loop_file(req->fid) >= 0)
		return -EINVAL;
	err = p9loop_make(req, req->fid->node, new, &made);
	if (err)
		return err;
	fid = p9loop_fid_alloc(req->s, req->fid->id, made, req->fid, &err);
	p9loop_node_put(made);
	if (!fid)
		return err;
	if (S_ISDIR(new->mode))
		err = p9loop_open(req, fid, FERRY_P9_O_RDONLY | FERRY_P9_O_DIRECTORY);
	if (!err)
		err = p9loop_stat(req->s, fid->node, st);
	if (!err)
		err = p9loop_fid_replace(req->s, req->fid, fid);
	p9loop_fid_put(req->s, fid);
	return err;
}

int p9loop_legacy_create(struct p9loop_req *req)
{
	u32 flags = legacy_from_omode(req->m.v[2]) | FERRY_P9_O_EXCL;
	struct p9loop_new new = { 0 };
	struct statx st;
	int err;

	err = legacy_new(req, &new);
	if (err)
		return err;
	if (S_ISREG(new.mode))
		err = p9loop_create(req, flags, &new, &st);
	else
		err = legacy_make(req, &new, &st);
	if (err)
		return err;
	p9loop_put_qid(req->s, &req->enc, &st);
	ferry_p9_put(&req->enc, 0, 4);
	return 0;
}

/* A 9P2000 stat that says what to change: what is all ones or empty stays. */
struct legacy_wstat {
	u32 mode;
	u32 atime;
	u32 mtime;
	u64 length;
	struct ferry_p9_str name;
	u32 uid;
	u32 gid;
};

static int legacy_parse_wstat(struct p9loop_server *s, const struct ferry_p9_str *text,
			      struct legacy_wstat *w)
{
	struct ferry_p9_dec d = { (const u8 *)text->s, text->len, false };
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
	w->uid = UINT_MAX;
	w->gid = UINT_MAX;
	if (legacy_is_u(s)) {
		ferry_p9_get_str(&d);
		w->uid = ferry_p9_get(&d, 4);
		w->gid = ferry_p9_get(&d, 4);
		ferry_p9_get(&d, 4);
	}
	if (d.bad || d.left)
		return -EINVAL;
	return w->name.len ? ferry_p9_check_name(w->name.s, w->name.len) : 0;
}

static mode_t legacy_wstat_mode(const struct p9loop_server *s, u32 perm)
{
	mode_t mode = perm & 0777;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(legacy_dm); i++)
		if ((perm & legacy_dm[i].dm) && !(legacy_dm[i].mode & S_IFMT) && legacy_is_u(s))
			mode |= legacy_dm[i].mode;
	return mode;
}

static int legacy_wstat_attr(struct p9loop_req *req, const struct legacy_wstat *w)
{
	struct p9loop_change c = { .uid = w->uid, .gid = w->gid,
				   .times = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } } };

	if (w->mode != UINT_MAX) {
		if (S_ISLNK(req->fid->node->type))
			return -EOPNOTSUPP;
		c.valid |= FERRY_P9_SET_MODE;
		c.mode = legacy_wstat_mode(req->s, w->mode);
	}
	if (w->atime != UINT_MAX) {
		c.valid |= FERRY_P9_SET_ATIME;
		c.times[0] = (struct timespec){ w->atime, 0 };
	}
	if (w->mtime != UINT_MAX) {
		c.valid |= FERRY_P9_SET_MTIME;
		c.times[1] = (struct timespec){ w->mtime, 0 };
	}
	if (w->uid != UINT_MAX)
		c.valid |= FERRY_P9_SET_UID;
	if (w->gid != UINT_MAX)
		c.valid |= FERRY_P9_SET_GID;
	return c.valid ? p9loop_change(req, req->fid, &c) : 0;
}

int p9loop_legacy_wstat(struct p9loop_req *req)
{
	struct p9loop_fid *fid = req->fid;
	struct legacy_wstat w;
	int err = legacy_parse_wstat(req->s, &req->m.s[0], &w);

	if (err || fid->xattr)
		return err ?: -EINVAL;
	if (w.length != ULLONG_MAX)
		err = p9loop_resize(req, fid, w.length);
	if (!err)
		err = legacy_wstat_attr(req, &w);
	if (!err && w.name.len)
		err = p9loop_rename_fid(req, fid, NULL, &w.name);
	return err;
}
