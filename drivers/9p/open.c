// SPDX-License-Identifier: GPL-2.0
/*
 * Tlopen and Tlcreate. Only regular files and directories are opened, by flags of a
 * list, and without waiting for anybody but who has a lease, which the worker leaves to
 * the pool. To open for reading what is looked up is not taken for something that blocks.
 * Any thread that serves requests, with the rights of the fid's user; takes fid->mutex.
 */
#include <linux/file.h>
#include <linux/mount.h>
#include <linux/namei.h>

#include "ferry_9p.h"

/* How often a name may come and go while it is created. */
#define FERRY_9P_TRIES	3

/* Flags that have a meaning on the host; O_DIRECT is the guest's own affair. */
static const struct {
	u32 p9;
	unsigned int host;
} ferry_9p_open_flags[] = {
	{ FERRY_P9_O_APPEND, O_APPEND },
	{ FERRY_P9_O_DSYNC, O_DSYNC },
	{ FERRY_P9_O_SYNC, O_SYNC },
	{ FERRY_P9_O_DIRECTORY, O_DIRECTORY },
	{ FERRY_P9_O_NOATIME, O_NOATIME },
};

static unsigned int ferry_9p_host_flags(const struct ferry_9p *p9, u32 flags)
{
	unsigned int i, host = O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_LARGEFILE;

	host |= flags & FERRY_P9_O_ACCMODE;
	for (i = 0; i < ARRAY_SIZE(ferry_9p_open_flags); i++)
		if ((flags & ferry_9p_open_flags[i].p9) == ferry_9p_open_flags[i].p9)
			host |= ferry_9p_open_flags[i].host;
	if (p9->export->flags & FERRY_9P_F_WRITEOUT)
		host |= O_DSYNC;
	return host;
}

static bool ferry_9p_open_writes(u32 flags)
{
	return (flags & FERRY_P9_O_ACCMODE) != FERRY_P9_O_RDONLY || (flags & FERRY_P9_O_TRUNC);
}

/* Whether a file of this type is opened at all, on either side of the model. */
static int ferry_9p_open_type(struct ferry_9p *p9, const struct path *path, u32 flags)
{
	struct kstat st;
	int err = 0;

	st.mode = d_inode(path->dentry)->i_mode;
	if (S_ISREG(st.mode) && ferry_9p_mapped(p9))
		err = ferry_9p_stat(p9, path, &st);
	if (err)
		return err;
	if (S_ISLNK(st.mode))
		return -ELOOP;
	if (S_ISDIR(st.mode))
		return ferry_9p_open_writes(flags) ? -EISDIR : 0;
	if (!S_ISREG(st.mode))
		return -ENXIO;
	return flags & FERRY_P9_O_DIRECTORY ? -ENOTDIR : 0;
}

static int ferry_9p_open_allowed(struct ferry_9p *p9, const struct path *path, u32 flags)
{
	static const int may[] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE };
	struct inode *inode = d_inode(path->dentry);
	int err;

	if ((flags & FERRY_P9_O_ACCMODE) == FERRY_P9_O_ACCMODE)
		return -EINVAL;
	err = ferry_9p_open_type(p9, path, flags);
	if (err)
		return err;
	if (ferry_9p_open_writes(flags) && (p9->export->flags & FERRY_9P_F_READ_ONLY))
		return -EROFS;
	err = inode_permission(mnt_idmap(path->mnt), inode,
			       MAY_OPEN | may[flags & FERRY_P9_O_ACCMODE]);
	if (err)
		return err;
	if (ferry_9p_open_writes(flags) && IS_APPEND(inode) &&
	    ((flags & FERRY_P9_O_TRUNC) || !(flags & FERRY_P9_O_APPEND)))
		return -EPERM;
	if ((flags & FERRY_P9_O_NOATIME) && !inode_owner_or_capable(mnt_idmap(path->mnt), inode))
		return -EPERM;
	return 0;
}

/*
 * Whoever has a lease on the file is asked to give it up, and has its time for that: it
 * is waited for as any program waits, but not in the worker, where NULL is returned.
 */
static struct file *ferry_9p_open_leased(struct ferry_9p_req *req, const struct path *path,
					 unsigned int host)
{
	struct file *file = dentry_open(path, host, current_cred());
	int err, tries = FERRY_9P_TRIES;

	while (file == ERR_PTR(-EWOULDBLOCK) && tries--) {
		if (!req->thread)
			return NULL;
		err = break_lease(d_inode(path->dentry), host & ~O_NONBLOCK);
		if (err)
			return ERR_PTR(err);
		file = dentry_open(path, host, current_cred());
	}
	return file;
}

static struct file *ferry_9p_open_path(struct ferry_9p_req *req, const struct path *path,
				       u32 flags)
{
	int err = ferry_9p_inside(req->p9, path->dentry);

	if (!err)
		err = ferry_9p_open_allowed(req->p9, path, flags);
	if (err)
		return ERR_PTR(err);
	return ferry_9p_open_leased(req, path, ferry_9p_host_flags(req->p9, flags));
}

/* Open what a fid names; from now on it is open for good. May be FERRY_9P_LATER. */
int ferry_9p_open(struct ferry_9p_req *req, struct ferry_9p_fid *fid, u32 flags)
{
	struct file *file;
	int err = 0;

	mutex_lock(&fid->mutex);
	if (fid->xattr || fid->file) {
		err = -EINVAL;
		goto out;
	}
	file = ferry_9p_open_path(req, &fid->path, flags);
	if (IS_ERR_OR_NULL(file)) {
		err = file ? PTR_ERR(file) : FERRY_9P_LATER;
		goto out;
	}
	if ((flags & FERRY_P9_O_TRUNC) && d_is_reg(fid->path.dentry)) {
		err = ferry_9p_resize(req, fid, 0);
		if (err) {
			ferry_9p_close(file);
			goto out;
		}
	}
	/* Whoever sees the file sees it whole: ferry_9p_file(). */
	smp_store_release(&fid->file, file);
out:
	mutex_unlock(&fid->mutex);
	return err;
}

/* Whether to open may block, be it for another request that opens the same. */
static bool ferry_9p_open_waits(const struct ferry_9p_req *req, u32 flags)
{
	const struct ferry_9p *p9 = req->p9;

	return !req->may_block &&
	       (ferry_9p_open_writes(flags) || p9->flight > 1 || ferry_9p_silent(p9->export));
}

int ferry_9p_lopen(struct ferry_9p_req *req)
{
	u32 flags = req->m.v[1] & ~FERRY_P9_O_CREATE;
	struct kstat st;
	int err;

	if (ferry_9p_open_waits(req, flags))
		return FERRY_9P_LATER;
	err = ferry_9p_open(req, req->fid, flags);
	if (!err)
		err = ferry_9p_stat(req->p9, &req->fid->path, &st);
	if (err)
		return err;
	ferry_9p_put_qid(req->p9, &req->enc, &st);
	ferry_p9_put(&req->enc, 0, 4);	/* as much at once as a message holds */
	return 0;
}

/* What the name stands for: -ENOENT for nothing. */
int ferry_9p_child(const struct path *dir, const struct ferry_p9_str *name,
		   struct path *child)
{
	struct dentry *d = lookup_one_unlocked(mnt_idmap(dir->mnt), &QSTR_LEN(name->s, name->len),
					       dir->dentry);

	if (IS_ERR(d))
		return PTR_ERR(d);
	if (d_is_negative(d)) {
		dput(d);
		return -ENOENT;
	}
	child->dentry = d;
	child->mnt = mntget(dir->mnt);
	return 0;
}

/* Have the file: open(O_CREAT) in the fid's directory. @fresh: it was made. */
static int ferry_9p_have(struct ferry_9p_req *req, u32 flags, const struct ferry_9p_node *node,
			 struct path *path, bool *fresh)
{
	const struct ferry_p9_str *name = &req->m.s[0];
	const struct path *dir = &req->fid->path;
	int err, tries = FERRY_9P_TRIES;

	do {
		*fresh = false;
		err = ferry_9p_child(dir, name, path);
		if (!err && (flags & FERRY_P9_O_EXCL)) {
			path_put(path);
			return -EEXIST;
		}
		if (err != -ENOENT)
			return err;
		*fresh = true;
		err = ferry_9p_make(req->p9, dir, name, node, path);
	} while (err == -EEXIST && !(flags & FERRY_P9_O_EXCL) && --tries);
	return err;
}

/*
 * @fid becomes the file, open, and takes the number of the request's. @fresh: just made. What
 * was there is opened with the user's own rights: the group in the message is for what is made.
 */
int ferry_9p_become(struct ferry_9p_req *req, struct ferry_9p_fid *fid, u32 flags, bool fresh,
		    struct kstat *st)
{
	const struct path *dir = &req->fid->path;
	struct ferry_9p *p9 = req->p9;
	const struct cred *old;
	struct file *file;
	int err;

	if (fresh) {
		/* Whoever made the file may open it, whatever its mode. */
		file = dentry_open(&fid->path, ferry_9p_host_flags(p9, flags), current_cred());
		err = PTR_ERR_OR_ZERO(file);
		if (!err)
			fid->file = file;
	} else {
		old = override_creds(fid->cred);
		/* By that name, too. */
		err = inode_permission(mnt_idmap(dir->mnt), d_inode(dir->dentry), MAY_EXEC);
		if (!err)
			err = ferry_9p_open(req, fid, flags);
		revert_creds(old);
	}
	if (!err)
		err = ferry_9p_stat(p9, &fid->path, st);
	if (!err)
		err = ferry_9p_fid_replace(p9, req->fid, fid);
	return err;
}

/**
 * ferry_9p_create - create a file in the directory of a fid, which then is that file
 * @req: its first string is the name
 * @flags: FERRY_P9_O_*
 * @node: what to make if there is none
 * @st: filled in
 *
 * As open(2) does, it has all it needs before the file is made: what fails then leaves it,
 * for others may use it by now.
 */
int ferry_9p_create(struct ferry_9p_req *req, u32 flags, const struct ferry_9p_node *node,
		    struct kstat *st)
{
	struct ferry_9p *p9 = req->p9;
	struct ferry_9p_fid *dir = req->fid, *fid;
	struct path path;
	bool fresh;
	int err;

	if (dir->xattr || ferry_9p_file(dir))
		return -EINVAL;
	if (ferry_p9_dots(req->m.s[0].s, req->m.s[0].len))
		return -EEXIST;
	if (!d_can_lookup(dir->path.dentry))
		return -ENOTDIR;
	if ((flags & FERRY_P9_O_ACCMODE) == FERRY_P9_O_ACCMODE)
		return -EINVAL;
	err = ferry_9p_inside(p9, dir->path.dentry);
	if (err)
		return err;
	fid = ferry_9p_fid_alloc(p9, dir->id, &dir->path, dir);
	if (IS_ERR(fid))
		return PTR_ERR(fid);
	fid->rclose = node->rclose;
	err = ferry_9p_have(req, flags, node, &path, &fresh);
	if (!err) {
		ferry_9p_fid_point(fid, &path);
		err = ferry_9p_become(req, fid, flags, fresh, st);
	}
	ferry_9p_fid_put(p9, fid);
	return err;
}

int ferry_9p_lcreate(struct ferry_9p_req *req)
{
	struct ferry_9p_node node = { .mode = S_IFREG | (req->m.v[2] & S_IALLUGO),
				      .uid = req->fid->uid, .gid = req->m.v[3] };
	struct kstat st;
	int err;

	ferry_9p_squash(req->p9->export, &node.uid, &node.gid);
	err = ferry_9p_create(req, req->m.v[1], &node, &st);
	if (err)
		return err;
	ferry_9p_put_qid(req->p9, &req->enc, &st);
	ferry_p9_put(&req->enc, 0, 4);
	return 0;
}
