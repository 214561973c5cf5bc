// SPDX-License-Identifier: GPL-2.0
/*
 * Role: Trenameat and Trename. Both directories are named by fids, so a rename begins
 *	and ends in the export.
 * Threads: those that serve requests, with the rights of the fid's user.
 * Locks: none.
 */
#include <stdio.h>

#include "p9loop_server.h"

static int rename_entry(struct p9loop_req *req, const struct p9loop_node *from, const char *old,
			const struct p9loop_node *to, const struct ferry_p9_str *name)
{
	struct p9loop_entry new = p9loop_entry(name);
	int err = p9loop_inside(req, from);

	if (!err)
		err = p9loop_inside(req, to);
	if (err)
		return err;
	return renameat2(from->fd, old, to->fd, new.s, 0) ? -errno : 0;
}

/* A directory that a request names beside its fid. */
static struct p9loop_fid *rename_dir(struct p9loop_server *s, u32 id, int *err)
{
	struct p9loop_fid *dir = p9loop_fid_get(s, id);

	*err = dir ? 0 : -EBADF;
	if (!dir || (!dir->xattr && p9loop_is_dir(dir->node)))
		return dir;
	p9loop_fid_put(s, dir);
	*err = -ENOTDIR;
	return NULL;
}

int p9loop_renameat(struct p9loop_req *req)
{
	const struct ferry_p9_str *old = &req->m.s[0], *new = &req->m.s[1];
	struct p9loop_entry name = p9loop_entry(old);
	struct p9loop_fid *to;
	int err;

	if (ferry_p9_dots(old->s, old->len) || ferry_p9_dots(new->s, new->len))
		return -EBUSY;
	if (req->fid->xattr || !p9loop_is_dir(req->fid->node))
		return -ENOTDIR;
	to = rename_dir(req->s, req->m.v[1], &err);
	if (!to)
		return err;
	err = rename_entry(req, req->fid->node, name.s, to->node, new);
	p9loop_fid_put(req->s, to);
	return err;
}

/**
 * p9loop_rename_fid - give the file that a fid names another place
 * @req: the request
 * @fid: of the file; goes on naming it
 * @dir: where to, NULL: the directory that it is in
 * @name: its name there
 */
int p9loop_rename_fid(struct p9loop_req *req, struct p9loop_fid *fid,
		      const struct p9loop_node *dir, const struct ferry_p9_str *name)
{
	struct p9loop_place from;
	int err;

	if (ferry_p9_dots(name->s, name->len) || p9loop_is_root(req->s, fid->node))
		return -EBUSY;
	err = p9loop_place(req, fid->node, &from);
	if (err)
		return err;
	err = rename_entry(req, from.dir, from.name.s, dir ?: from.dir, name);
	p9loop_node_put(from.dir);
	return err;
}

int p9loop_rename(struct p9loop_req *req)
{
	struct p9loop_fid *to;
	int err;

	if (req->fid->xattr)
		return -EINVAL;
	to = rename_dir(req->s, req->m.v[1], &err);
	if (!to)
		return err;
	err = p9loop_rename_fid(req, req->fid, to->node, &req->m.s[0]);
	p9loop_fid_put(req->s, to);
	return err;
}
