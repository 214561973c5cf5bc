// SPDX-License-Identifier: GPL-2.0
/*
 * What makes and removes entries of a directory: Tmkdir, Tmknod, Tsymlink, Tlink,
 * Tunlinkat, Tremove, and the making part of Tlcreate. Any thread that serves requests,
 * with the rights of the fid's user and no file mode mask; takes the directory's lock.
 */
#include <linux/file.h>
#include <linux/kdev_t.h>
#include <linux/mount.h>
#include <linux/namei.h>

#include "ferry_9p.h"

/* In mapped the host has plain files and directories only. */
static struct dentry *ferry_9p_make_host(struct ferry_9p *p9, const struct path *dir,
					 struct dentry *d, const struct ferry_9p_node *node)
{
	struct inode *inode = d_inode(dir->dentry);
	umode_t mode = node->mode & S_IALLUGO;
	bool mapped = ferry_9p_mapped(p9);
	int err;

	if (S_ISDIR(node->mode))
		return vfs_mkdir(mnt_idmap(dir->mnt), inode, d,
				 mapped ? p9->export->dmode : mode, NULL);
	if (mapped)
		err = vfs_create(mnt_idmap(dir->mnt), d, S_IFREG | p9->export->fmode, NULL);
	else if (S_ISREG(node->mode))
		err = vfs_create(mnt_idmap(dir->mnt), d, node->mode, NULL);
	else if (S_ISLNK(node->mode))
		err = vfs_symlink(mnt_idmap(dir->mnt), inode, d, node->target, NULL);
	else
		err = vfs_mknod(mnt_idmap(dir->mnt), inode, d, node->mode, node->rdev, NULL);
	if (!err)
		return d;
	end_creating(d);
	return ERR_PTR(err);
}

/* In mapped a symlink is a plain file that holds its target. */
static int ferry_9p_make_target(const struct path *path, const char *target)
{
	struct file *file = dentry_open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_LARGEFILE,
					current_cred());
	size_t len = strlen(target);
	loff_t pos = 0;
	ssize_t n;

	if (IS_ERR(file))
		return PTR_ERR(file);
	n = kernel_write(file, target, len, &pos);
	ferry_9p_close(file);
	if (n < 0)
		return n;
	return n == len ? 0 : -ENOSPC;
}

static int ferry_9p_unlink_dentry(const struct path *dir, struct dentry *d)
{
	struct inode *parent = d_inode(dir->dentry);

	if (d_is_dir(d))
		return vfs_rmdir(mnt_idmap(dir->mnt), parent, d, NULL);
	return vfs_unlink(mnt_idmap(dir->mnt), parent, d, NULL);
}

/*
 * Whether somebody else may have data in it by now. The dentry's count tells nothing: some
 * file systems keep all of theirs. What a symlink of mapped holds is our own.
 */
static bool ferry_9p_unmade_is_used(const struct inode *inode, const struct ferry_9p_node *node)
{
	return S_ISREG(node->mode) && (i_size_read(inode) || inode_is_open_for_write(inode));
}

/* Take what was just made off again: the client is told that it is not there. */
static void ferry_9p_unmake(const struct path *dir, struct dentry *child,
			    const struct ferry_9p_node *node)
{
	struct dentry *d;

	if (mnt_want_write(dir->mnt))
		return;
	d = start_removing_dentry(dir->dentry, child);
	if (!IS_ERR(d)) {
		if (!ferry_9p_unmade_is_used(d_inode(d), node))
			ferry_9p_unlink_dentry(dir, d);
		end_removing(d);
	}
	mnt_drop_write(dir->mnt);
}

/*
 * Some file systems make a directory or a symlink without telling its dentry: then it
 * is looked up, so that nobody meets a dentry without an inode.
 */
static int ferry_9p_make_known(const struct path *dir, const struct ferry_p9_str *name,
			       struct path *made)
{
	struct dentry *d;

	if (likely(d_is_positive(made->dentry)))
		return 0;
	dput(made->dentry);
	d = lookup_one_unlocked(mnt_idmap(dir->mnt), &QSTR_LEN(name->s, name->len), dir->dentry);
	if (!IS_ERR(d) && d_is_negative(d)) {
		dput(d);
		d = ERR_PTR(-ENOENT);
	}
	made->dentry = IS_ERR(d) ? NULL : d;
	return PTR_ERR_OR_ZERO(d);
}

/* Give what was made all that the model and the request want it to have. */
static int ferry_9p_make_whole(struct ferry_9p *p9, const struct ferry_9p_node *node,
			       const struct path *made)
{
	int err = 0;

	if (S_ISLNK(node->mode) && ferry_9p_mapped(p9))
		err = ferry_9p_make_target(made, node->target);
	return err ?: ferry_9p_made(p9, made, node);
}

/**
 * ferry_9p_make - make an entry of a directory
 * @p9: the device
 * @dir: the directory
 * @name: passed ferry_p9_check_name()
 * @node: what to make
 * @made: set, with a reference
 *
 * Return: 0, -EEXIST, or what the file system said.
 */
int ferry_9p_make(struct ferry_9p *p9, const struct path *dir, const struct ferry_p9_str *name,
		  const struct ferry_9p_node *node, struct path *made)
{
	struct dentry *d;
	int err;

	if (!d_can_lookup(dir->dentry))
		return -ENOTDIR;
	if (ferry_p9_dots(name->s, name->len))
		return -EEXIST;
	err = ferry_9p_inside(p9, dir->dentry);
	if (!err)
		err = mnt_want_write(dir->mnt);
	if (err)
		return err;
	d = start_creating(mnt_idmap(dir->mnt), dir->dentry, &QSTR_LEN(name->s, name->len));
	if (!IS_ERR(d))
		d = ferry_9p_make_host(p9, dir, d, node);
	if (!IS_ERR(d)) {
		made->dentry = dget(d);
		made->mnt = mntget(dir->mnt);
		end_creating(d);
	}
	mnt_drop_write(dir->mnt);
	if (IS_ERR(d))
		return PTR_ERR(d);
	err = ferry_9p_make_known(dir, name, made);
	if (!err) {
		err = ferry_9p_make_whole(p9, node, made);
		if (err)
			ferry_9p_unmake(dir, made->dentry, node);
	}
	if (err)
		path_put(made);
	return err;
}

/* Make what the request names in its fid's directory, and answer with its qid. */
static int ferry_9p_make_node(struct ferry_9p_req *req, struct ferry_9p_node *node)
{
	struct path made;
	struct kstat st;
	int err;

	if (req->fid->xattr)
		return -EINVAL;
	node->uid = req->fid->uid;
	ferry_9p_squash(req->p9->export, &node->uid, &node->gid);
	err = ferry_9p_make(req->p9, &req->fid->path, &req->m.s[0], node, &made);
	if (err)
		return err;
	err = ferry_9p_stat(req->p9, &made, &st);
	if (err)
		ferry_9p_unmake(&req->fid->path, made.dentry, node);
	else
		ferry_9p_put_qid(req->p9, &req->enc, &st);
	path_put(&made);
	return err;
}

int ferry_9p_mkdir(struct ferry_9p_req *req)
{
	struct ferry_9p_node node = { .mode = S_IFDIR | (req->m.v[1] & S_IALLUGO),
				      .gid = req->m.v[2] };

	return ferry_9p_make_node(req, &node);
}

int ferry_9p_mknod(struct ferry_9p_req *req)
{
	struct ferry_9p_node node = { .mode = req->m.v[1], .gid = req->m.v[4] };
	u64 major = req->m.v[2], minor = req->m.v[3];

	if (!(node.mode & S_IFMT))
		node.mode |= S_IFREG;
	switch (node.mode & S_IFMT) {
	case S_IFCHR:
	case S_IFBLK:
		if (major >= 1 << (32 - MINORBITS) || minor > MINORMASK)
			return -EINVAL;
		node.rdev = MKDEV(major, minor);
		break;
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	return ferry_9p_make_node(req, &node);
}

int ferry_9p_symlink(struct ferry_9p_req *req)
{
	const struct ferry_p9_str *target = &req->m.s[1];
	struct ferry_9p_node node = { .mode = S_IFLNK | 0777, .gid = req->m.v[1] };

	if (!target->len)
		return -ENOENT;
	if (target->len > FERRY_P9_TARGET_MAX)
		return -ENAMETOOLONG;
	node.target = ferry_9p_cstr(target);
	return ferry_9p_make_node(req, &node);
}

static int ferry_9p_link_path(struct ferry_9p *p9, const struct path *dir,
			      const struct ferry_p9_str *name, const struct path *old)
{
	struct dentry *d;
	int err = ferry_9p_inside(p9, dir->dentry);

	if (!err)
		err = ferry_9p_inside(p9, old->dentry);
	if (!err)
		err = mnt_want_write(dir->mnt);
	if (err)
		return err;
	d = start_creating(mnt_idmap(dir->mnt), dir->dentry, &QSTR_LEN(name->s, name->len));
	if (IS_ERR(d)) {
		err = PTR_ERR(d);
	} else {
		err = vfs_link(old->dentry, mnt_idmap(dir->mnt), d_inode(dir->dentry), d, NULL);
		end_creating(d);
	}
	mnt_drop_write(dir->mnt);
	return err;
}

/**
 * ferry_9p_link_to - make a hard link in the directory of a fid
 * @req: its first string is the name
 * @id: the number of the fid that it is made to
 *
 * Return: 0, -EBADF, or what the file system said.
 */
int ferry_9p_link_to(struct ferry_9p_req *req, u32 id)
{
	struct ferry_9p *p9 = req->p9;
	const struct path *dir = &req->fid->path;
	struct ferry_9p_fid *old;
	int err;

	if (ferry_p9_dots(req->m.s[0].s, req->m.s[0].len))
		return -EEXIST;
	if (!d_can_lookup(dir->dentry))
		return -ENOTDIR;
	old = ferry_9p_fid_get(p9, id);
	if (IS_ERR(old))
		return PTR_ERR(old);
	err = old->xattr ? -EINVAL : ferry_9p_link_path(p9, dir, &req->m.s[0], &old->path);
	ferry_9p_fid_put(p9, old);
	return err;
}

int ferry_9p_link(struct ferry_9p_req *req)
{
	return ferry_9p_link_to(req, req->m.v[1]);
}

/* May be FERRY_9P_LATER. */
static int ferry_9p_unlink_name(struct ferry_9p_req *req, bool is_dir)
{
	const struct path *dir = &req->fid->path;
	const struct ferry_p9_str *name = &req->m.s[0];
	struct inode *inode = NULL;
	struct dentry *d;
	int err = ferry_9p_inside(req->p9, dir->dentry);

	if (!err)
		err = mnt_want_write(dir->mnt);
	if (err)
		return err;
	d = start_removing(mnt_idmap(dir->mnt), dir->dentry, &QSTR_LEN(name->s, name->len));
	if (IS_ERR(d)) {
		err = PTR_ERR(d);
	} else {
		/* A large file is freed once the directory is unlocked. */
		inode = d_inode(d);
		ihold(inode);
		if (ferry_9p_frees_much(req, inode))
			err = FERRY_9P_LATER;
		else if (is_dir)
			err = vfs_rmdir(mnt_idmap(dir->mnt), d_inode(dir->dentry), d, NULL);
		else
			err = vfs_unlink(mnt_idmap(dir->mnt), d_inode(dir->dentry), d, NULL);
		end_removing(d);
	}
	iput(inode);
	mnt_drop_write(dir->mnt);
	return err;
}

int ferry_9p_unlinkat(struct ferry_9p_req *req)
{
	const struct path *dir = &req->fid->path;
	u32 flags = req->m.v[1];

	if (flags & ~FERRY_P9_UNLINK_DIR)
		return -EINVAL;
	if (!d_can_lookup(dir->dentry) || req->fid->xattr)
		return -ENOTDIR;
	switch (ferry_p9_dots(req->m.s[0].s, req->m.s[0].len)) {
	case 1:
		return -EINVAL;
	case 2:
		return -ENOTEMPTY;
	}
	return ferry_9p_unlink_name(req, flags);
}

/* Take the file that a fid names out of the directory that it is in. */
int ferry_9p_unlink_fid(struct ferry_9p *p9, struct ferry_9p_fid *fid)
{
	struct path dir = { .mnt = fid->path.mnt };
	struct dentry *d;
	int err;

	if (fid->path.dentry == p9->export->root.dentry)
		return -EBUSY;
	dir.dentry = dget_parent(fid->path.dentry);
	err = ferry_9p_inside(p9, dir.dentry);
	if (!err)
		err = mnt_want_write(dir.mnt);
	if (!err) {
		d = start_removing_dentry(dir.dentry, fid->path.dentry);
		if (IS_ERR(d)) {
			err = -ENOENT;
		} else {
			err = ferry_9p_unlink_dentry(&dir, d);
			end_removing(d);
		}
		mnt_drop_write(dir.mnt);
	}
	dput(dir.dentry);
	return err;
}

/* The fid is gone whether or not the file is. */
int ferry_9p_remove(struct ferry_9p_req *req)
{
	struct ferry_9p *p9 = req->p9;
	int err;

	if (!ferry_9p_fid_remove(p9, req->fid))
		return -EBADF;
	if (p9->export->flags & FERRY_9P_F_READ_ONLY)
		return -EROFS;
	err = req->fid->xattr ? -EINVAL : ferry_9p_unlink_fid(p9, req->fid);
	return err;
}
