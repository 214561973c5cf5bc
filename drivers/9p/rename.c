// SPDX-License-Identifier: GPL-2.0
/*
 * Trenameat and Trename. Both directories are named by fids, so a rename begins and
 * ends in the export. Any thread that serves requests, with the rights of the fid's
 * user; takes the locks of a rename.
 */
#include <linux/dcache.h>
#include <linux/mount.h>

#include "ferry_9p.h"

static int ferry_9p_rename_path(struct ferry_9p *p9, const struct path *from, struct qstr *old,
				const struct path *to, const struct ferry_p9_str *name,
				struct dentry *expect)
{
	struct qstr new = QSTR_LEN(name->s, name->len);
	int err = ferry_9p_inside(p9, from->dentry);

	if (!err)
		err = ferry_9p_inside(p9, to->dentry);
	if (!err)
		err = mnt_want_write(from->mnt);
	if (err)
		return err;
	err = ferry_vfs_rename(from, old, to, &new, expect);
	mnt_drop_write(from->mnt);
	return err;
}

/* A directory that a request names beside its fid. */
static struct ferry_9p_fid *ferry_9p_rename_dir(struct ferry_9p *p9, u32 id)
{
	struct ferry_9p_fid *dir = ferry_9p_fid_get(p9, id);

	if (IS_ERR(dir))
		return dir;
	if (!dir->xattr && d_can_lookup(dir->path.dentry))
		return dir;
	ferry_9p_fid_put(p9, dir);
	return ERR_PTR(-ENOTDIR);
}

int ferry_9p_renameat(struct ferry_9p_req *req)
{
	struct ferry_9p *p9 = req->p9;
	const struct ferry_p9_str *old = &req->m.s[0], *new = &req->m.s[1];
	struct ferry_9p_fid *to;
	int err;

	if (ferry_p9_dots(old->s, old->len) || ferry_p9_dots(new->s, new->len))
		return -EBUSY;
	if (req->fid->xattr || !d_can_lookup(req->fid->path.dentry))
		return -ENOTDIR;
	to = ferry_9p_rename_dir(p9, req->m.v[1]);
	if (IS_ERR(to))
		return PTR_ERR(to);
	err = ferry_9p_rename_path(p9, &req->fid->path, &QSTR_LEN(old->s, old->len), &to->path,
				   new, NULL);
	ferry_9p_fid_put(p9, to);
	return err;
}

/**
 * ferry_9p_rename_fid - give the file that a fid names another place
 * @p9: the device
 * @fid: of the file; goes on naming it
 * @dir: where to, NULL: the directory that it is in
 * @name: its name there
 */
int ferry_9p_rename_fid(struct ferry_9p *p9, struct ferry_9p_fid *fid, const struct path *dir,
			const struct ferry_p9_str *name)
{
	struct path from = { .mnt = fid->path.mnt };
	struct name_snapshot old;
	int err;

	if (ferry_p9_dots(name->s, name->len) || fid->path.dentry == p9->export->root.dentry)
		return -EBUSY;
	from.dentry = dget_parent(fid->path.dentry);
	take_dentry_name_snapshot(&old, fid->path.dentry);
	err = ferry_9p_rename_path(p9, &from, &QSTR_LEN(old.name.name, old.name.len),
				   dir ?: &from, name, fid->path.dentry);
	release_dentry_name_snapshot(&old);
	/* It has no name any more, whoever has that one now. */
	if (err == -ESTALE && d_unlinked(fid->path.dentry))
		err = -ENOENT;
	dput(from.dentry);
	return err;
}

int ferry_9p_rename(struct ferry_9p_req *req)
{
	struct ferry_9p *p9 = req->p9;
	struct ferry_9p_fid *to;
	int err;

	if (req->fid->xattr)
		return -EINVAL;
	to = ferry_9p_rename_dir(p9, req->m.v[1]);
	if (IS_ERR(to))
		return PTR_ERR(to);
	err = ferry_9p_rename_fid(p9, req->fid, &to->path, &req->m.s[0]);
	ferry_9p_fid_put(p9, to);
	return err;
}
