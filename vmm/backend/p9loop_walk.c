// SPDX-License-Identifier: GPL-2.0
/*
 * Role: Tversion, Tattach, Twalk, Tclunk: how a client comes to a file and leaves it. A
 *	walk goes one name at a time from a directory that the fid holds; ".." stops at
 *	the exported directory; a symlink or a special file is found but not gone through.
 * Threads: those that serve requests, with the rights of the fid's user.
 * Locks: none.
 */
#include <string.h>

#include "9p/p9_error_core.h"
#include "9p/p9_session_core.h"
#include "p9loop_server.h"

/* Nothing else is in flight: the queue saw to that. */
int p9loop_version(struct p9loop_req *req)
{
	struct p9loop_server *s = req->s;
	unsigned int dialect;
	u32 msize;

	/* The answer may be an error of the dialect that is now agreed on. */
	if (req->c.in_len < FERRY_P9_ERROR_MOST)
		return -EMSGSIZE;
	msize = ferry_p9_agree(&req->m, s->ex.msize, &req->enc, &dialect);
	p9loop_session_reset(s);
	if (!msize)
		return -EMSGSIZE;
	if (dialect) {
		s->dialect = dialect;
		s->msize = msize;
	}
	return 0;
}

static int walk_put_node(struct p9loop_req *req, const struct p9loop_node *node)
{
	struct statx st;
	int err = p9loop_stat(req->s, node, &st);

	if (!err)
		p9loop_put_qid(req->s, &req->enc, &st);
	return err;
}

int p9loop_attach(struct p9loop_req *req)
{
	struct p9loop_server *s = req->s;
	u32 uid = FERRY_P9_NOBODY, gid = FERRY_P9_NOBODY;
	struct p9loop_fid *fid;
	int err;

	if (req->m.v[1] != FERRY_P9_NOFID)
		return -EINVAL;
	if (s->dialect != FERRY_P9_2000 && req->m.v[2] != FERRY_P9_NONUNAME)
		uid = req->m.v[2];
	/* The protocol does not say which groups a user is in. */
	if (!uid)
		gid = 0;
	p9loop_squash(&s->ex, &uid, &gid);
	fid = p9loop_fid_alloc(s, req->m.v[0], s->ex.root, NULL, &err);
	if (!fid)
		return err;
	fid->uid = uid;
	fid->gid = gid;
	err = p9loop_become(req->t, uid, gid, false);
	if (!err)
		err = walk_put_node(req, fid->node);
	if (!err)
		err = p9loop_fid_add(s, fid);
	p9loop_fid_put(s, fid);
	return err;
}

/* ".." is looked up in a directory, so it takes the right to search it. */
static int walk_up(struct p9loop_req *req, struct p9loop_node *at, struct p9loop_node **to)
{
	if (!p9loop_is_root(req->s, at))
		return p9loop_node_parent(req, at, to);
	return p9loop_node_child(at, ".", true, to);
}

/* One name; @at is replaced by what it leads to. */
static int walk_one(struct p9loop_req *req, struct p9loop_node **at, const struct ferry_p9_str *s)
{
	struct p9loop_entry name = p9loop_entry(s);
	struct p9loop_node *to = NULL;
	int dots = ferry_p9_dots(s->s, s->len), err;

	if (!p9loop_is_dir(*at))
		return -ENOTDIR;
	err = p9loop_inside(req, *at);
	if (err || dots == 1)
		return err;
	if (dots == 2)
		err = walk_up(req, *at, &to);
	else
		err = p9loop_node_child(*at, name.s, req->may_block, &to);
	if (err)
		return err == -EAGAIN && !req->may_block ? P9LOOP_LATER : err;
	p9loop_node_put(*at);
	*at = to;
	return 0;
}

/* The answer of a walk that got somewhere, though perhaps not all the way. */
static int walk_names(struct p9loop_req *req, struct p9loop_node **at)
{
	u32 i, n = req->m.nr_s;
	int err = 0;

	ferry_p9_put(&req->enc, n, 2);
	for (i = 0; i < n; i++) {
		err = walk_one(req, at, &req->m.s[i]);
		if (!err)
			err = walk_put_node(req, *at);
		if (err)
			break;
	}
	if (i == n || !i || err == P9LOOP_LATER)
		return err;
	req->reply[FERRY_P9_HEADER] = i;
	return -ENOENT;
}

int p9loop_walk(struct p9loop_req *req)
{
	struct p9loop_server *s = req->s;
	struct p9loop_fid *from = req->fid, *to;
	struct p9loop_node *at;
	int err;

	if (from->xattr)
		return -EINVAL;
	/* An open fid stays where it is. */
	if (req->m.v[1] == from->id && p9loop_file(from) >= 0)
		return -EINVAL;
	at = p9loop_node_ref(from->node);
	err = walk_names(req, &at);
	if (err) {
		p9loop_node_put(at);
		/* Part of the way: the client is told how far, and gets no fid. */
		return err == P9LOOP_LATER || req->enc.done <= 2 ? err : 0;
	}
	to = p9loop_fid_alloc(s, req->m.v[1], at, from, &err);
	p9loop_node_put(at);
	if (!to)
		return err;
	err = to->id == from->id ? p9loop_fid_replace(s, from, to) : p9loop_fid_add(s, to);
	p9loop_fid_put(s, to);
	return err;
}

int p9loop_clunk(struct p9loop_req *req)
{
	struct p9loop_fid *fid = req->fid;
	bool rclose = __atomic_load_n(&fid->rclose, __ATOMIC_RELAXED);
	int err = 0;

	if (!req->may_block && ((fid->xattr && fid->xattr->create) || rclose))
		return P9LOOP_LATER;
	if (!p9loop_fid_remove(req->s, fid))
		return -EBADF;
	if (fid->xattr && fid->xattr->create)
		err = p9loop_xattr_commit(req, fid);
	if (rclose)
		err = p9loop_unlink_fid(req, fid);
	return err;
}
