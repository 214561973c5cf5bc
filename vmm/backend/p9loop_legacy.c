// SPDX-License-Identifier: GPL-2.0
/*
 * Role: what 9P2000 and 9P2000.u have instead of 9P2000.L: Topen, Tcreate, Tstat, Twstat.
 * Threads: those that serve requests, with the rights of the fid's user.
 * Locks: none.
 */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "9p/p9_session_core.h"
#include "p9loop_legacy.h"

int p9loop_put_stat(struct p9loop_server *s, struct ferry_p9_enc *e,
		    const struct p9loop_node *node, const char *name)
{
	struct ferry_p9_stat st = { .name = { name, strlen(name) } };
	struct ferry_p9_enc qid = { st.qid, sizeof(st.qid), 0, false };
	char target[PATH_MAX];
	struct statx x;
	ssize_t n = 0;
	int err = p9loop_stat(s, node, &x);

	if (err)
		return err;
	p9loop_put_qid(s, &qid, &x);
	st.mode = x.stx_mode;
	st.uid = x.stx_uid;
	st.gid = x.stx_gid;
	st.major = x.stx_rdev_major;
	st.minor = x.stx_rdev_minor;
	st.atime = x.stx_atime.tv_sec;
	st.mtime = x.stx_mtime.tv_sec;
	st.size = x.stx_size;
	if (S_ISLNK(x.stx_mode))
		n = p9loop_read_link(s, node, target, FERRY_P9_TARGET_MAX);
	st.target = (struct ferry_p9_str){ target, n > 0 ? n : 0 };
	return ferry_p9_put_stat(e, &st, s->dialect);
}

/* What is no more where it was, but open, goes by the name that it was found by. */
static int legacy_name(struct p9loop_req *req, const struct p9loop_node *node,
		       struct p9loop_entry *name)
{
	struct p9loop_place place;
	int err;

	*name = (struct p9loop_entry){ "/" };
	if (p9loop_is_root(req->s, node))
		return 0;
	err = p9loop_place(req, node, &place);
	if (!err) {
		*name = place.name;
		p9loop_node_put(place.dir);
	} else if ((err == -ENOENT || err == -ESTALE) && node->name &&
		   strlen(node->name) <= FERRY_P9_NAME_MAX) {
		strcpy(name->s, node->name);
		err = 0;
	}
	return err;
}

int p9loop_legacy_stat(struct p9loop_req *req)
{
	const struct p9loop_node *node = req->fid->node;
	struct ferry_p9_enc *e = &req->enc, n;
	struct p9loop_entry name;
	int err = legacy_name(req, node, &name);

	if (!err)
		err = p9loop_reply_room(req, 2 + FERRY_P9_STAT_MAX);
	if (err)
		return err;
	n = *e;
	ferry_p9_put(e, 0, 2);
	err = p9loop_put_stat(req->s, e, node, name.s);
	if (!err)
		ferry_p9_put(&n, e->done - 2, 2);
	return err;
}

int p9loop_legacy_open(struct p9loop_req *req)
{
	struct p9loop_fid *fid = req->fid;
	u8 mode = req->m.v[1];
	struct statx st;
	int err;

	if ((mode & FERRY_P9_ORCLOSE) && (req->s->ex.flags & FERRY_9P_F_READ_ONLY))
		return -EROFS;
	err = p9loop_open(req, fid, ferry_p9_open_flags(mode));
	if (!err)
		err = p9loop_stat(req->s, fid->node, &st);
	if (err)
		return err;
	__atomic_store_n(&fid->rclose, mode & FERRY_P9_ORCLOSE, __ATOMIC_RELAXED);
	p9loop_put_qid(req->s, &req->enc, &st);
	ferry_p9_put(&req->enc, 0, 4);
	return 0;
}

static int legacy_new(struct p9loop_req *req, struct p9loop_new *new)
{
	const struct ferry_p9_str *extension = &req->m.s[1];
	u32 mode, type, major, minor;
	int err = ferry_p9_new_mode(req->m.v[1], req->s->dialect, &mode);

	if (err)
		return err;
	new->mode = mode;
	new->rclose = req->m.v[2] & FERRY_P9_ORCLOSE;
	if (!mode)
		return 0;
	new->uid = req->fid->uid;
	new->gid = req->fid->uid ? FERRY_P9_NOBODY : 0;
	p9loop_squash(&req->s->ex, &new->uid, &new->gid);
	if (S_ISLNK(mode)) {
		if (!extension->len || extension->len > FERRY_P9_TARGET_MAX)
			return -EINVAL;
		new->target = p9loop_cstr(extension);
	}
	if (req->m.v[1] & FERRY_P9_DMDEVICE) {
		err = ferry_p9_parse_device(extension, &type, &major, &minor);
		if (err)
			return err;
		new->mode = (mode & 07777) | type;
		new->major = major;
		new->minor = minor;
	}
	return 0;
}

/*
 * Whoever made a directory has it open, whatever its mode. It was found by its name, where
 * another one may be by now: that of somebody else is opened if that one lets them.
 */
static int legacy_open_made(struct p9loop_req *req, struct p9loop_fid *fid)
{
	const u32 flags = FERRY_P9_O_RDONLY | FERRY_P9_O_DIRECTORY;
	struct p9loop_ident as = req->t->now;
	int err = p9loop_open(req, fid, flags), back;
	struct statx st;

	if (err != -EACCES || statx(fid->node->fd, "", AT_EMPTY_PATH, STATX_UID, &st) ||
	    st.stx_uid != as.uid)
		return err;
	err = p9loop_become_own(req->t);
	if (!err)
		err = p9loop_open(req, fid, flags);
	back = p9loop_become_ident(req->t, &as);
	return err ?: back;
}

/* Make it; @new has no mode where it is a hard link. */
static int legacy_have(struct p9loop_req *req, const struct p9loop_new *new,
		       struct p9loop_node **node)
{
	struct p9loop_entry name = p9loop_entry(&req->m.s[0]);
	int err;
	u32 id;

	if (new->mode)
		return p9loop_make(req, req->fid->node, new, node);
	err = ferry_p9_parse_fid(&req->m.s[1], &id);
	if (!err)
		err = p9loop_link_to(req, id);
	return err ?: p9loop_node_child(req->fid->node, name.s, true, node);
}

/* What is no file is made, and the fid then names it; a directory is opened as well. */
static int legacy_make(struct p9loop_req *req, const struct p9loop_new *new, struct statx *st)
{
	struct p9loop_node *made;
	struct p9loop_fid *fid;
	int err;

	if (req->fid->xattr || p9loop_file(req->fid) >= 0)
		return -EINVAL;
	fid = p9loop_fid_alloc(req->s, req->fid->id, req->fid->node, req->fid, &err);
	if (!fid)
		return err;
	fid->rclose = new->rclose;
	err = legacy_have(req, new, &made);
	if (!err) {
		p9loop_fid_point(fid, made);
		if (S_ISDIR(new->mode))
			err = legacy_open_made(req, fid);
		if (!err)
			err = p9loop_stat(req->s, fid->node, st);
		if (!err)
			err = p9loop_fid_replace(req->s, req->fid, fid);
	}
	p9loop_fid_put(req->s, fid);
	return err;
}

int p9loop_legacy_create(struct p9loop_req *req)
{
	u32 flags = ferry_p9_open_flags(req->m.v[2]) | FERRY_P9_O_EXCL;
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

static int legacy_wstat_attr(struct p9loop_req *req, const struct ferry_p9_wstat *w)
{
	struct p9loop_change c = { .uid = w->uid, .gid = w->gid,
				   .times = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } } };

	if (w->mode != FERRY_P9_STAT_SAME32) {
		if (S_ISLNK(req->fid->node->type))
			return -EOPNOTSUPP;
		c.valid |= FERRY_P9_SET_MODE;
		c.mode = ferry_p9_dm_to_bits(w->mode, req->s->dialect);
	}
	if (w->atime != FERRY_P9_STAT_SAME32) {
		c.valid |= FERRY_P9_SET_ATIME;
		c.times[0] = (struct timespec){ w->atime, 0 };
	}
	if (w->mtime != FERRY_P9_STAT_SAME32) {
		c.valid |= FERRY_P9_SET_MTIME;
		c.times[1] = (struct timespec){ w->mtime, 0 };
	}
	if (w->uid != FERRY_P9_STAT_SAME32)
		c.valid |= FERRY_P9_SET_UID;
	if (w->gid != FERRY_P9_STAT_SAME32)
		c.valid |= FERRY_P9_SET_GID;
	return c.valid ? p9loop_change(req, req->fid, &c) : 0;
}

int p9loop_legacy_wstat(struct p9loop_req *req)
{
	struct p9loop_fid *fid = req->fid;
	struct ferry_p9_wstat w;
	int err = ferry_p9_parse_wstat(&req->m.s[0], req->s->dialect, &w);

	if (err || fid->xattr)
		return err ?: -EINVAL;
	if (ferry_p9_wstat_syncs(&w))
		return p9loop_file(fid) >= 0 && fsync(p9loop_file(fid)) ? -errno : 0;
	if (req->s->ex.flags & FERRY_9P_F_READ_ONLY)
		return -EROFS;
	if (w.length != FERRY_P9_STAT_SAME64)
		err = p9loop_resize(req, fid, w.length);
	if (!err)
		err = legacy_wstat_attr(req, &w);
	if (!err && w.name.len)
		err = p9loop_rename_fid(req, fid, NULL, &w.name);
	return err;
}
