// SPDX-License-Identifier: GPL-2.0
/*
 * What is exported: the directory that the owner gave, on a mount of its own, and how
 * it is served. Runs in the owner's SET_BACKEND, or in what ends it, under dev->mutex.
 *
 * The mount is a private clone of the directory's alone: nothing is mounted below it,
 * its root is the directory, and a later change of the host's mounts does not reach it.
 */
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/kdev_t.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "ferry_9p.h"
#include "p9_session_core.h"

static bool ferry_9p_may_be_anyone(void)
{
	struct user_namespace *ns = current_user_ns();

	return ns_capable(ns, CAP_SETUID) && ns_capable(ns, CAP_SETGID);
}

/* The rights that requests have, unless the guest's user has others. */
static int ferry_9p_export_cred(struct ferry_9p_export *ex, const struct ferry_9p_backend *b)
{
	struct user_namespace *ns = current_user_ns();
	bool other = b->uid != FERRY_9P_SELF || b->gid != FERRY_9P_SELF;
	struct cred *cred;
	kuid_t uid = b->uid == FERRY_9P_SELF ? current_fsuid() : make_kuid(ns, b->uid);
	kgid_t gid = b->gid == FERRY_9P_SELF ? current_fsgid() : make_kgid(ns, b->gid);

	if (!uid_valid(uid) || !gid_valid(gid))
		return -EINVAL;
	if ((other || b->model == FERRY_9P_MODEL_PASSTHROUGH) && !ferry_9p_may_be_anyone())
		return -EPERM;
	if (b->model == FERRY_9P_MODEL_PASSTHROUGH && !ns_capable(ns, CAP_CHOWN))
		return -EPERM;
	ex->uid = from_kuid(ns, uid);
	ex->gid = from_kgid(ns, gid);
	cred = prepare_creds();
	if (!cred)
		return -ENOMEM;
	ex->cred = cred;
	if (b->model == FERRY_9P_MODEL_MAPPED && other) {
		struct group_info *groups = groups_alloc(0);

		if (!groups)
			return -ENOMEM;
		/* The owner's other groups are not that user's. */
		set_groups(cred, groups);
		put_group_info(groups);
		cred->fsuid = uid;
		cred->fsgid = gid;
		if (ex->uid)
			cap_clear(cred->cap_effective);
	}
	ex->write_cred = ferry_9p_cred_drop_fsetid(cred);
	return ex->write_cred ? 0 : -ENOMEM;
}

static bool ferry_9p_export_memory(const struct super_block *sb)
{
	return sb->s_magic == TMPFS_MAGIC || sb->s_magic == RAMFS_MAGIC;
}

/*
 * Whether the file system has its answers itself: a disk's, or one in memory. Of others
 * it is not known, as of an overlay, whose layers may be anywhere.
 */
static bool ferry_9p_export_local(const struct super_block *sb)
{
	if (ferry_9p_export_memory(sb))
		return true;
	/* fuseblk is on a device, but a process is between. */
	return (sb->s_type->fs_flags & FS_REQUIRES_DEV) && sb->s_magic != FUSE_SUPER_MAGIC;
}

/*
 * Whether a request may have to wait for as long as it pleases somebody: whoever answers
 * for the file system, froze it, or has itself asked before a file is opened or read.
 */
bool ferry_9p_silent(const struct ferry_9p_export *ex)
{
	struct super_block *sb = ex->root.dentry->d_sb;

	return !ex->local || READ_ONCE(sb->s_writers.frozen) != SB_UNFROZEN ||
	       ferry_sb_permission_watched(sb);
}

static struct ferry_9p_mount *ferry_9p_mount_path(const struct path *path)
{
	struct ferry_9p_mount *m;
	struct vfsmount *mnt;

	if (!d_is_dir(path->dentry))
		return ERR_PTR(-ENOTDIR);
	m = kzalloc(sizeof(*m), GFP_KERNEL_ACCOUNT);
	if (!m)
		return ERR_PTR(-ENOMEM);
	mnt = clone_private_mount(path);
	if (IS_ERR(mnt)) {
		kfree(m);
		return ERR_CAST(mnt);
	}
	m->users = 1;
	m->root.mnt = mnt;
	m->root.dentry = dget(path->dentry);
	return m;
}

static struct ferry_9p_mount *ferry_9p_mount_get(int fd)
{
	struct file *file = fget(fd);
	struct ferry_9p_mount *m;

	if (!file)
		return ERR_PTR(-EBADF);
	m = ferry_9p_mount_path(&file->f_path);
	fput(file);
	return m;
}

/* No longer served, or no longer kept. */
void ferry_9p_mount_put(struct ferry_9p_mount *m)
{
	if (!m || --m->users)
		return;
	dput(m->root.dentry);
	kern_unmount(m->root.mnt);
	kfree(m);
}

static int ferry_9p_export_root(struct ferry_9p_export *ex, int fd, struct ferry_9p_mount *kept)
{
	struct ferry_9p_mount *m = kept;
	struct kstat st;
	int err;

	if (ex->flags & FERRY_9P_F_KEPT) {
		if (!kept)
			return -ENOENT;
		kept->users++;
	} else {
		m = ferry_9p_mount_get(fd);
		if (IS_ERR(m))
			return PTR_ERR(m);
	}
	ex->mount = m;
	ex->root = m->root;
	err = vfs_getattr(&ex->root, &st, STATX_BASIC_STATS, AT_STATX_SYNC_AS_STAT);
	ex->dev = new_encode_dev(st.dev);
	ex->local = ferry_9p_export_local(ex->root.dentry->d_sb);
	ex->memory = ferry_9p_export_memory(ex->root.dentry->d_sb);
	return err;
}

/**
 * ferry_9p_export_get - take a directory over
 * @b: from user space; the values in use are filled in
 * @kept: what FERRY_9P_F_KEPT means, or NULL
 *
 * Return: the export, or ERR_PTR() as Documentation/abi.rst lists them.
 */
struct ferry_9p_export *ferry_9p_export_get(struct ferry_9p_backend *b,
					    struct ferry_9p_mount *kept)
{
	struct ferry_9p_export *ex;
	int err;

	ferry_p9_export_defaults(b);
	err = ferry_p9_export_check(b);
	if (err)
		return ERR_PTR(err);
	ex = kzalloc(sizeof(*ex), GFP_KERNEL_ACCOUNT);
	if (!ex)
		return ERR_PTR(-ENOMEM);
	ex->model = b->model;
	ex->flags = b->flags;
	ex->msize = b->msize;
	ex->fids = b->fids;
	ex->fmode = b->fmode;
	ex->dmode = b->dmode;
	ex->xattr_bytes = b->xattr_bytes;
	err = ferry_9p_export_root(ex, b->fd, kept);
	if (!err)
		err = ferry_9p_export_cred(ex, b);
	if (err) {
		ferry_9p_export_put(ex);
		return ERR_PTR(err);
	}
	b->uid = ex->uid;
	b->gid = ex->gid;
	return ex;
}

/* The reverse; no fid is left. */
void ferry_9p_export_put(struct ferry_9p_export *ex)
{
	ferry_9p_mount_put(ex->mount);
	if (ex->write_cred)
		put_cred(ex->write_cred);
	if (ex->cred)
		put_cred(ex->cred);
	kfree(ex);
}
