// SPDX-License-Identifier: GPL-2.0
/*
 * Tversion, Tattach, Twalk, Tclunk: how a client comes to a file and leaves it.
 * Any thread that serves requests, with the rights of the fid's user.
 *
 * A walk goes one name at a time from a directory that the fid holds, never by a path
 * string. ".." stops at the exported directory; a symlink or a special file is found
 * but not gone through; what the host mounted below is not seen.
 */
#include <linux/dcache.h>
#include <linux/namei.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "ferry_9p.h"
#include "p9_error_core.h"
#include "p9_session_core.h"

/*
 * Nothing else is in flight: the queue saw to that, but not yet at a kick. What the session had
 * open is closed. That may wait for whoever answers for the file system, and one in layers
 * leaves the close of what lies below to the thread's way to user space, where the worker of a
 * newer kernel never gets.
 */
int ferry_9p_version(struct ferry_9p_req *req)
{
	struct ferry_9p *p9 = req->p9;
	unsigned int dialect;
	u32 msize;

	if (ferry_9p_at_kick(req) || (!req->thread && ferry_9p_silent(p9->export)))
		return FERRY_9P_LATER;
	/* The answer may be an error of the dialect that is now agreed on. */
	if (req->in_len < FERRY_P9_ERROR_MOST)
		return -EMSGSIZE;
	msize = ferry_p9_agree(&req->m, p9->export->msize, &req->enc, &dialect);
	ferry_9p_session_reset(p9);
	if (!msize)
		return -EMSGSIZE;
	if (dialect) {
		p9->dialect = dialect;
		p9->msize = msize;
	}
	return 0;
}

static int ferry_9p_put_path(struct ferry_9p_req *req, const struct path *path)
{
	struct kstat st;
	int err = ferry_9p_stat(req->p9, path, &st);

	if (!err)
		ferry_9p_put_qid(req->p9, &req->enc, &st);
	return err;
}

int ferry_9p_attach(struct ferry_9p_req *req)
{
	struct ferry_9p *p9 = req->p9;
	u32 uid = FERRY_P9_NOBODY, gid = FERRY_P9_NOBODY;
	struct ferry_9p_fid *fid;
	int err;

	if (req->m.v[1] != FERRY_P9_NOFID)
		return -EINVAL;
	if (p9->dialect != FERRY_P9_2000 && req->m.v[2] != FERRY_P9_NONUNAME)
		uid = req->m.v[2];
	/* The protocol does not say which groups a user is in. */
	if (!uid)
		gid = 0;
	ferry_9p_squash(p9->export, &uid, &gid);
	fid = ferry_9p_fid_alloc(p9, req->m.v[0], &p9->export->root, NULL);
	if (IS_ERR(fid))
		return PTR_ERR(fid);
	fid->uid = uid;
	err = ferry_9p_cred_get(p9, uid, gid, &fid->cred, &fid->write_cred);
	if (!err)
		err = ferry_9p_put_path(req, &fid->path);
	if (!err)
		err = ferry_9p_fid_add(p9, fid);
	ferry_9p_fid_put(p9, fid);
	return err;
}

/*
 * The entry, if the dentry cache has it and nothing needs to be asked for it.
 * Otherwise NULL.
 */
static struct dentry *ferry_9p_lookup_cached(const struct path *dir, const struct ferry_p9_str *s)
{
	struct dentry *parent = dir->dentry, *child;
	struct qstr q = QSTR_LEN(s->s, s->len);

	if (parent->d_flags & (DCACHE_OP_HASH | DCACHE_OP_COMPARE))
		return NULL;
	q.hash = full_name_hash(parent, s->s, s->len);
	child = d_lookup(parent, &q);
	if (!child)
		return NULL;
	if ((child->d_flags & DCACHE_OP_REVALIDATE) || d_is_negative(child) ||
	    d_in_lookup(child)) {
		dput(child);
		return NULL;
	}
	return child;
}

static int ferry_9p_walk_down(struct ferry_9p_req *req, struct path *at,
			      const struct ferry_p9_str *s)
{
	struct dentry *child;
	int err;

	if (!d_can_lookup(at->dentry))
		return -ENOTDIR;
	child = ferry_9p_lookup_cached(at, s);
	if (child) {
		err = inode_permission(mnt_idmap(at->mnt), d_inode(at->dentry), MAY_EXEC);
		if (err) {
			dput(child);
			return err;
		}
	} else if (!req->may_block) {
		return FERRY_9P_LATER;
	} else {
		child = lookup_one_unlocked(mnt_idmap(at->mnt), &QSTR_LEN(s->s, s->len),
					    at->dentry);
		if (IS_ERR(child))
			return PTR_ERR(child);
	}
	if (d_is_negative(child)) {
		dput(child);
		return -ENOENT;
	}
	dput(at->dentry);
	at->dentry = child;
	return 0;
}

static int ferry_9p_walk_up(struct ferry_9p *p9, struct path *at)
{
	struct dentry *parent;
	int err;

	if (!d_can_lookup(at->dentry))
		return -ENOTDIR;
	err = inode_permission(mnt_idmap(at->mnt), d_inode(at->dentry), MAY_EXEC);
	if (err || at->dentry == p9->export->root.dentry)
		return err;
	parent = dget_parent(at->dentry);
	err = ferry_9p_inside(p9, parent);
	if (err) {
		dput(parent);
		return err;
	}
	dput(at->dentry);
	at->dentry = parent;
	return 0;
}

/* One name; @at is replaced by what it leads to. */
static int ferry_9p_walk_one(struct ferry_9p_req *req, struct path *at,
			     const struct ferry_p9_str *s)
{
	int err = ferry_9p_inside(req->p9, at->dentry);

	if (err)
		return err;
	switch (ferry_p9_dots(s->s, s->len)) {
	case 1:
		return d_can_lookup(at->dentry) ? 0 : -ENOTDIR;
	case 2:
		return ferry_9p_walk_up(req->p9, at);
	default:
		return ferry_9p_walk_down(req, at, s);
	}
}

/* The answer of a walk that got somewhere, though perhaps not all the way. */
static int ferry_9p_walk_names(struct ferry_9p_req *req, struct path *at)
{
	u32 i, n = req->m.nr_s;
	int err = 0;

	ferry_p9_put(&req->enc, n, 2);
	for (i = 0; i < n; i++) {
		err = ferry_9p_walk_one(req, at, &req->m.s[i]);
		if (!err)
			err = ferry_9p_put_path(req, at);
		if (err)
			break;
	}
	if (i == n || !i || err == FERRY_9P_LATER)
		return err;
	req->reply[FERRY_P9_HEADER] = i;
	return -ENOENT;
}

int ferry_9p_walk(struct ferry_9p_req *req)
{
	struct ferry_9p *p9 = req->p9;
	struct ferry_9p_fid *from = req->fid, *to;
	struct path at = from->path;
	int err;

	if (from->xattr)
		return -EINVAL;
	/* An open fid stays where it is. */
	if (req->m.v[1] == from->id && ferry_9p_file(from))
		return -EINVAL;
	path_get(&at);
	err = ferry_9p_walk_names(req, &at);
	if (err && (err == FERRY_9P_LATER || req->enc.done <= 2)) {
		path_put(&at);
		return err;
	}
	if (err) {
		/* Part of the way: the client is told how far, and gets no fid. */
		path_put(&at);
		return 0;
	}
	to = ferry_9p_fid_alloc(p9, req->m.v[1], &at, from);
	path_put(&at);
	if (IS_ERR(to))
		return PTR_ERR(to);
	err = to->id == from->id ? ferry_9p_fid_replace(p9, from, to) : ferry_9p_fid_add(p9, to);
	ferry_9p_fid_put(p9, to);
	return err;
}

/* Whether a clunk does more than to forget the fid. */
static bool ferry_9p_clunk_waits(const struct ferry_9p_req *req)
{
	const struct ferry_9p_fid *fid = req->fid;
	const struct inode *inode = d_inode(fid->path.dentry);

	if ((fid->xattr && fid->xattr->create) || fid->rclose)
		return !req->may_block || ferry_9p_at_kick(req);
	return !inode->i_nlink && (!req->may_block || ferry_9p_frees_much(req, inode));
}

int ferry_9p_clunk(struct ferry_9p_req *req)
{
	struct ferry_9p *p9 = req->p9;
	struct ferry_9p_fid *fid = req->fid;
	int err = 0;

	if (ferry_9p_clunk_waits(req))
		return FERRY_9P_LATER;
	if (!ferry_9p_fid_remove(p9, fid))
		return -EBADF;
	if (fid->xattr && fid->xattr->create)
		err = ferry_9p_xattr_commit(p9, fid);
	if (fid->rclose)
		err = ferry_9p_unlink_fid(p9, fid);
	return err;
}
