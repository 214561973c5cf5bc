/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The newest kernel's file system interface on older kernels, for code that works on
 * dentries. Included by whoever needs it; each shim names the release that ends it.
 */
#ifndef FERRY_COMPAT_VFS_H
#define FERRY_COMPAT_VFS_H

#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/fsnotify.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/xattr.h>

/* Until 6.3: mounts map ids by user namespaces. */
#ifdef FERRY_LACKS_MNT_IDMAP
static inline struct user_namespace *mnt_idmap(const struct vfsmount *mnt)
{
	return mnt_user_ns(mnt);
}
#endif

/* Until 6.15: a name's length is given beside it. */
#ifdef FERRY_LACKS_QSTR_LOOKUP
#ifndef QSTR_LEN
#define QSTR_LEN(n, l)	((struct qstr)QSTR_INIT(n, l))
#endif
#define lookup_one(idmap, q, base) (lookup_one)((idmap), (q)->name, (base), (q)->len)
#define lookup_one_unlocked(idmap, q, base) \
	(lookup_one_unlocked)((idmap), (q)->name, (base), (q)->len)
#endif

/*
 * Until 6.19: the caller locks a directory before it changes it, creators take the
 * directory's inode, and a delegation is told by its inode.
 */
#ifdef FERRY_LACKS_START_CREATING
static inline void end_creating(struct dentry *child)
{
	if (IS_ERR(child))
		return;
	inode_unlock(d_inode(child->d_parent));
	dput(child);
}

#define end_removing(child) end_creating(child)

#define start_creating(idmap, parent, q) ({				\
	struct dentry *parent_ = (parent), *child_;			\
									\
	inode_lock_nested(d_inode(parent_), I_MUTEX_PARENT);		\
	child_ = lookup_one(idmap, q, parent_);				\
	if (!IS_ERR(child_) && d_is_positive(child_)) {			\
		dput(child_);						\
		child_ = ERR_PTR(-EEXIST);				\
	}								\
	if (IS_ERR(child_))						\
		inode_unlock(d_inode(parent_));				\
	child_; })

#define start_removing(idmap, parent, q) ({				\
	struct dentry *parent_ = (parent), *child_;			\
									\
	inode_lock_nested(d_inode(parent_), I_MUTEX_PARENT);		\
	child_ = lookup_one(idmap, q, parent_);				\
	if (!IS_ERR(child_) && d_is_negative(child_)) {			\
		dput(child_);						\
		child_ = ERR_PTR(-ENOENT);				\
	}								\
	if (IS_ERR(child_))						\
		inode_unlock(d_inode(parent_));				\
	child_; })

static inline struct dentry *start_removing_dentry(struct dentry *parent, struct dentry *child)
{
	inode_lock_nested(d_inode(parent), I_MUTEX_PARENT);
	if (child->d_parent == parent && !d_unhashed(child) && d_is_positive(child))
		return dget(child);
	inode_unlock(d_inode(parent));
	return ERR_PTR(-EINVAL);
}

#define vfs_create(idmap, d, mode, deleg) \
	(vfs_create)((idmap), d_inode((d)->d_parent), (d), (mode), true)
#define vfs_mkdir(idmap, dir, d, mode, deleg) ({			\
	struct dentry *made_ = (d);					\
	int err_ = (vfs_mkdir)((idmap), (dir), made_, (mode));		\
									\
	if (err_) {							\
		end_creating(made_);					\
		made_ = ERR_PTR(err_);					\
	}								\
	made_; })
#define vfs_mknod(idmap, dir, d, mode, dev, deleg) \
	(vfs_mknod)((idmap), (dir), (d), (mode), (dev))
#define vfs_symlink(idmap, dir, d, to, deleg)	(vfs_symlink)((idmap), (dir), (d), (to))
#define vfs_rmdir(idmap, dir, d, deleg)		(vfs_rmdir)((idmap), (dir), (d))

/* From here to vfs_rename(): what do_renameat2() did by hand. */
struct ferry_renaming {
	const struct path *old_dir;
	const struct path *new_dir;
	struct dentry *old_dentry;
	struct dentry *new_dentry;
};

static inline int ferry_renaming_lookup(struct ferry_renaming *r, struct dentry *trap,
					struct qstr *old_name, struct qstr *new_name)
{
	r->old_dentry = lookup_one(mnt_idmap(r->old_dir->mnt), old_name, r->old_dir->dentry);
	if (IS_ERR(r->old_dentry))
		return PTR_ERR(r->old_dentry);
	r->new_dentry = lookup_one(mnt_idmap(r->new_dir->mnt), new_name, r->new_dir->dentry);
	if (IS_ERR(r->new_dentry)) {
		dput(r->old_dentry);
		return PTR_ERR(r->new_dentry);
	}
	if (d_is_negative(r->old_dentry))
		return -ENOENT;
	if (r->old_dentry == trap)
		return -EINVAL;
	return r->new_dentry == trap ? -ENOTEMPTY : 0;
}

static inline int ferry_rename_locked(struct ferry_renaming *r)
{
	struct renamedata rd = {
#ifdef FERRY_LACKS_MNT_IDMAP
		.old_mnt_userns = mnt_idmap(r->old_dir->mnt),
		.new_mnt_userns = mnt_idmap(r->new_dir->mnt),
#else
		.old_mnt_idmap	= mnt_idmap(r->old_dir->mnt),
		.new_mnt_idmap	= mnt_idmap(r->new_dir->mnt),
#endif
		.old_dir	= d_inode(r->old_dir->dentry),
		.old_dentry	= r->old_dentry,
		.new_dir	= d_inode(r->new_dir->dentry),
		.new_dentry	= r->new_dentry,
	};

	return vfs_rename(&rd);
}

static inline int ferry_vfs_rename(const struct path *old_dir, struct qstr *old_name,
				   const struct path *new_dir, struct qstr *new_name,
				   struct dentry *expect)
{
	struct ferry_renaming r = { .old_dir = old_dir, .new_dir = new_dir };
	struct dentry *trap = lock_rename(new_dir->dentry, old_dir->dentry);
	int err;

	if (IS_ERR(trap))
		return PTR_ERR(trap);
	err = ferry_renaming_lookup(&r, trap, old_name, new_name);
	if (!IS_ERR_OR_NULL(r.new_dentry)) {
		if (!err && expect && r.old_dentry != expect)
			err = -ESTALE;
		if (!err)
			err = ferry_rename_locked(&r);
		dput(r.new_dentry);
		dput(r.old_dentry);
	}
	unlock_rename(new_dir->dentry, old_dir->dentry);
	return err;
}
#else
/*
 * Rename one entry, in one mount.  @expect, unless NULL, is what the old name must
 * stand for: otherwise -ESTALE.
 */
static inline int ferry_vfs_rename(const struct path *old_dir, struct qstr *old_name,
				   const struct path *new_dir, struct qstr *new_name,
				   struct dentry *expect)
{
	struct renamedata rd = {
		.mnt_idmap	= mnt_idmap(old_dir->mnt),
		.old_parent	= old_dir->dentry,
		.new_parent	= new_dir->dentry,
	};
	int err = start_renaming(&rd, 0, old_name, new_name);

	if (err)
		return err;
	err = expect && rd.old_dentry != expect ? -ESTALE : vfs_rename(&rd);
	end_renaming(&rd);
	return err;
}
#endif

/* Until 6.2: access control lists are set as extended attributes. */
#ifdef FERRY_LACKS_VFS_SET_ACL
#define ferry_set_acl(idmap, d, name, value, size) \
	vfs_setxattr((idmap), (d), (name), (value), (size), 0)
#define ferry_remove_acl(idmap, d, name) vfs_removexattr((idmap), (d), (name))
#else
static inline int ferry_set_acl(struct mnt_idmap *idmap, struct dentry *dentry, const char *name,
				const void *value, size_t size)
{
	struct posix_acl *acl = posix_acl_from_xattr(current_user_ns(), value, size);
	int err;

	if (IS_ERR(acl))
		return PTR_ERR(acl);
	err = vfs_set_acl(idmap, dentry, name, acl);
	posix_acl_release(acl);
	return err;
}

#define ferry_remove_acl(idmap, d, name) vfs_remove_acl((idmap), (d), (name))
#endif

/*
 * The value of an access control list.  Until 6.2 it is an extended attribute like
 * any other, until 7.0 whoever encodes it has the room ready.
 */
#ifdef FERRY_LACKS_VFS_SET_ACL
#define ferry_get_acl(idmap, d, name, value, size) \
	vfs_getxattr((idmap), (d), (name), (value), (size))
#else
static inline ssize_t ferry_get_acl(struct mnt_idmap *idmap, struct dentry *dentry,
				    const char *name, void *value, size_t size)
{
	struct posix_acl *acl = vfs_get_acl(idmap, dentry, name);
	ssize_t len;

	if (IS_ERR(acl))
		return PTR_ERR(acl);
#ifdef FERRY_ACL_BUFFER_GIVEN
	len = posix_acl_to_xattr(current_user_ns(), acl, value, size);
#else
	{
		size_t n;
		void *made = posix_acl_to_xattr(current_user_ns(), acl, &n, GFP_KERNEL);

		len = made ? n : -ENOMEM;
		if (made && value && n > size)
			len = -ERANGE;
		else if (made && value)
			memcpy(value, made, n);
		kfree(made);
	}
#endif
	posix_acl_release(acl);
	return len;
}
#endif

/* Until 6.3: locks stand in <linux/fs.h>. Until 6.9: a lock's fields are its own. */
#ifndef FERRY_LACKS_FILELOCK_H
#include <linux/filelock.h>
#endif
#ifdef FERRY_FLAT_FILE_LOCK
#define ferry_lock_field(fl, name)	((fl)->fl_##name)
#else
#define ferry_lock_field(fl, name)	((fl)->c.flc_##name)
#endif

/* POSIX locks that an owner has on a file. */
static inline unsigned int ferry_posix_locks(struct inode *inode, fl_owner_t owner)
{
	struct file_lock_context *ctx = locks_inode_context(inode);
	unsigned int n = 0;
#ifdef FERRY_FLAT_FILE_LOCK
	struct file_lock *fl;
#else
	struct file_lock_core *flc;
#endif

	if (!ctx)
		return 0;
	spin_lock(&ctx->flc_lock);
#ifdef FERRY_FLAT_FILE_LOCK
	list_for_each_entry(fl, &ctx->flc_posix, fl_list)
		n += fl->fl_owner == owner;
#else
	list_for_each_entry(flc, &ctx->flc_posix, flc_list)
		n += flc->flc_owner == owner;
#endif
	spin_unlock(&ctx->flc_lock);
	return n;
}

/*
 * Whether somebody may have to be asked before a file is opened or read (fanotify(7)).
 * Until 6.10 only who watches the whole file system is known of.
 */
static inline bool ferry_sb_permission_watched(struct super_block *sb)
{
#ifdef FERRY_LACKS_PRIORITY_WATCHERS
	return READ_ONCE(sb->s_fsnotify_mask) & ALL_FSNOTIFY_PERM_EVENTS;
#else
	return fsnotify_sb_has_priority_watchers(sb, FSNOTIFY_PRIO_CONTENT);
#endif
}

/* Whether a write to the page cache may be told not to wait. Until 6.10 the file says so. */
static inline bool ferry_file_writes_nowait(const struct file *file)
{
#ifdef FERRY_LACKS_FOP_BUFFER_WASYNC
	return (file->f_mode & FMODE_NOWAIT) && (file->f_mode & FMODE_BUF_WASYNC);
#else
	return (file->f_mode & FMODE_NOWAIT) && (file->f_op->fop_flags & FOP_BUFFER_WASYNC);
#endif
}

/* Until 6.8: who writes to a file says so to its file system beforehand. */
static inline ssize_t ferry_iocb_write(struct file *file, struct kiocb *iocb,
				       struct iov_iter *iter)
{
#ifdef FERRY_CALLER_STARTS_WRITE
	ssize_t n;

	file_start_write(file);
	n = vfs_iocb_iter_write(file, iocb, iter);
	file_end_write(file);
	return n;
#else
	return vfs_iocb_iter_write(file, iocb, iter);
#endif
}

#endif /* FERRY_COMPAT_VFS_H */
