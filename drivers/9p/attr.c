// SPDX-License-Identifier: GPL-2.0
/*
 * Tgetattr, Tsetattr, Tstatfs. Any thread that serves requests, with the rights of the
 * fid's user; takes the inode's lock.
 */
#include <linux/kdev_t.h>
#include <linux/mount.h>
#include <linux/statfs.h>
#include <linux/user_namespace.h>

#include "ferry_9p.h"

static void ferry_9p_attr_time(struct ferry_p9_attr *a, unsigned int i,
			       const struct timespec64 *t)
{
	a->time[i][0] = t->tv_sec;
	a->time[i][1] = t->tv_nsec;
}

int ferry_9p_getattr(struct ferry_9p_req *req)
{
	static const struct timespec64 none;
	struct ferry_9p *p9 = req->p9;
	struct ferry_p9_enc *e = &req->enc;
	struct ferry_p9_attr a;
	bool btime;
	struct kstat st;
	int err = ferry_9p_stat(p9, &req->fid->path, &st);

	if (err)
		return err;
	btime = (req->m.v[1] & FERRY_P9_GETATTR_BTIME) && (st.result_mask & STATX_BTIME);
	a.mode = st.mode;
	a.uid = ferry_9p_uid_out(p9, st.uid);
	a.gid = ferry_9p_gid_out(p9, st.gid);
	a.nlink = st.nlink;
	a.rdev = S_ISBLK(st.mode) || S_ISCHR(st.mode) ? new_encode_dev(st.rdev) : 0;
	a.size = st.size;
	a.blksize = st.blksize;
	a.blocks = st.blocks;
	ferry_9p_attr_time(&a, 0, &st.atime);
	ferry_9p_attr_time(&a, 1, &st.mtime);
	ferry_9p_attr_time(&a, 2, &st.ctime);
	ferry_9p_attr_time(&a, 3, btime ? &st.btime : &none);
	ferry_p9_put(e, FERRY_P9_GETATTR_BASIC | (btime ? FERRY_P9_GETATTR_BTIME : 0), 8);
	ferry_9p_put_qid(p9, e, &st);
	ferry_p9_put_attr(e, &a);
	return 0;
}

/* Set-id bits and capabilities go with a change of size or owner. */
static void ferry_9p_kill_bits(const struct path *path, struct iattr *attr)
{
	struct inode *inode = d_inode(path->dentry);

	if (S_ISDIR(inode->i_mode))
		return;
	attr->ia_valid |= ATTR_KILL_PRIV;
	/* A mode that is set as well has lost them already. */
	if (attr->ia_valid & ATTR_MODE)
		return;
	if (inode->i_mode & S_ISUID)
		attr->ia_valid |= ATTR_KILL_SUID;
	attr->ia_valid |= setattr_should_drop_sgid(mnt_idmap(path->mnt), inode);
}

/*
 * As ftruncate(): who could open the file for writing may go on to do so, also if
 * that takes bits off a mode that is not theirs to change.
 */
static int ferry_9p_resize_open(struct file *file, u64 size)
{
	const struct path *path = &file->f_path;
	struct inode *inode = file_inode(file);
	struct iattr attr = {
		.ia_valid	= ATTR_SIZE | ATTR_MTIME | ATTR_CTIME | ATTR_FILE | ATTR_FORCE,
		.ia_size	= size,
		.ia_file	= file,
	};
	int err;

	if (!S_ISREG(inode->i_mode))
		return -EINVAL;
	if (IS_APPEND(inode))
		return -EPERM;
	err = mnt_want_write(path->mnt);
	if (err)
		return err;
	inode_lock(inode);
	ferry_9p_kill_bits(path, &attr);
	err = notify_change(mnt_idmap(path->mnt), path->dentry, &attr, NULL);
	inode_unlock(inode);
	mnt_drop_write(path->mnt);
	return err;
}

/* In mapped a plain file may be a symlink, whose target it holds, or a device. */
static int ferry_9p_resizable(struct ferry_9p *p9, const struct path *path)
{
	struct kstat st;
	int err;

	if (!ferry_9p_mapped(p9) || !d_is_reg(path->dentry))
		return 0;
	err = ferry_9p_stat(p9, path, &st);
	return err ?: S_ISREG(st.mode) ? 0 : -EINVAL;
}

/* Somebody has a lease, and its time to give it up. */
static bool ferry_9p_leased(const struct inode *inode)
{
	const struct file_lock_context *ctx = locks_inode_context(inode);

	return ctx && !list_empty_careful(&ctx->flc_lease);
}

/* Whoever kicks would also get the signal of a program that makes a file too large. */
static bool ferry_9p_resize_waits(const struct ferry_9p_req *req, const struct inode *inode)
{
	if (!req->thread && ferry_9p_leased(inode))
		return true;
	return ferry_9p_at_kick(req) &&
	       (ferry_9p_size_limited() || ferry_9p_frees_much(req, inode));
}

/* Make a file so many bytes long. May be FERRY_9P_LATER. */
int ferry_9p_resize(struct ferry_9p_req *req, struct ferry_9p_fid *fid, u64 size)
{
	struct ferry_9p *p9 = req->p9;
	struct file *file = ferry_9p_file(fid);
	const struct cred *old;
	int err;

	if (size > MAX_LFS_FILESIZE)
		return -EINVAL;
	if (ferry_9p_resize_waits(req, d_inode(fid->path.dentry)))
		return FERRY_9P_LATER;
	err = ferry_9p_resizable(p9, &fid->path);
	if (!err)
		err = ferry_9p_map_strip(p9, &fid->path);
	if (err)
		return err;
	if (file && (file->f_mode & FMODE_WRITE)) {
		err = ferry_9p_resize_open(file, size);
	} else {
		old = override_creds(fid->write_cred);
		err = vfs_truncate(&fid->path, size);
		revert_creds(old);
	}
	return err;
}

static int ferry_9p_change_host(struct ferry_9p *p9, const struct path *path, struct iattr *attr,
				u32 uid, u32 gid)
{
	struct user_namespace *ns = p9->export->cred->user_ns;
	struct inode *inode = d_inode(path->dentry);
	int err;

	if (attr->ia_valid & ATTR_UID) {
		kuid_t kuid = make_kuid(ns, uid);

		if (!uid_valid(kuid))
			return -EINVAL;
		attr->ia_vfsuid = VFSUIDT_INIT(kuid);
	}
	if (attr->ia_valid & ATTR_GID) {
		kgid_t kgid = make_kgid(ns, gid);

		if (!gid_valid(kgid))
			return -EINVAL;
		attr->ia_vfsgid = VFSGIDT_INIT(kgid);
	}
	err = mnt_want_write(path->mnt);
	if (err)
		return err;
	inode_lock(inode);
	/* A file system takes the whole of it over: the type stays. */
	attr->ia_mode = (attr->ia_mode & S_IALLUGO) | (inode->i_mode & ~S_IALLUGO);
	if (attr->ia_valid & (ATTR_UID | ATTR_GID))
		ferry_9p_kill_bits(path, attr);
	/* Not of what is immutable or may only grow. */
	if (attr->ia_valid & (ATTR_ATIME_SET | ATTR_MTIME_SET))
		attr->ia_valid |= ATTR_TIMES_SET;
	err = notify_change(mnt_idmap(path->mnt), path->dentry, attr, NULL);
	inode_unlock(inode);
	mnt_drop_write(path->mnt);
	return err;
}

/* A set-group-id bit of a guest user's, which stays only with who is in the file's group. */
static bool ferry_9p_sets_sgid(const struct ferry_9p *p9, const struct ferry_9p_fid *fid,
			       const struct iattr *attr)
{
	return p9->export->model == FERRY_9P_MODEL_PASSTHROUGH && fid->uid &&
	       (attr->ia_valid & ATTR_MODE) && (attr->ia_mode & S_ISGID) &&
	       !(attr->ia_valid & (ATTR_UID | ATTR_GID));
}

/*
 * Which groups a user is in the guest knows, who has judged the change; it could as well
 * have the file made in that group. Have the user be in it, as far as it is not squashed.
 */
static int ferry_9p_change_in_group(struct ferry_9p *p9, struct ferry_9p_fid *fid,
				    struct iattr *attr)
{
	const struct path *path = &fid->path;
	vfsgid_t vfsgid = i_gid_into_vfsgid(mnt_idmap(path->mnt), d_inode(path->dentry));
	u32 uid = fid->uid, gid = ferry_9p_gid_out(p9, vfsgid_into_kgid(vfsgid));
	const struct cred *cred, *old;
	int err;

	ferry_9p_squash(p9->export, &uid, &gid);
	err = ferry_9p_cred_get(p9, uid, gid, &cred, NULL);
	if (err)
		return err;
	old = override_creds(cred);
	err = ferry_9p_change_host(p9, path, attr, 0, 0);
	revert_creds(old);
	put_cred(cred);
	return err;
}

/**
 * ferry_9p_change - change attributes other than the size
 * @p9: the device
 * @fid: of what
 * @attr: ia_valid, ia_mode and times
 * @uid: if ATTR_UID, as the guest gave it
 * @gid: likewise
 */
int ferry_9p_change(struct ferry_9p *p9, struct ferry_9p_fid *fid, struct iattr *attr, u32 uid,
		    u32 gid)
{
	const unsigned int owner = ATTR_MODE | ATTR_UID | ATTR_GID;
	struct iattr own;
	int err;

	/* A new owner gets no set-id bits, also if they are asked for in the same breath. */
	if ((attr->ia_valid & (ATTR_UID | ATTR_GID)) && !d_is_dir(fid->path.dentry))
		attr->ia_mode = ferry_9p_mode_killed(attr->ia_mode);
	own = *attr;
	if (ferry_9p_mapped(p9)) {
		if (attr->ia_valid & owner) {
			err = ferry_9p_map_change(p9, &fid->path, attr, uid, gid);
			if (err)
				return err;
		}
		own.ia_valid &= ~owner;
		return own.ia_valid ? ferry_9p_change_host(p9, &fid->path, &own, 0, 0) : 0;
	}
	if (p9->export->model == FERRY_9P_MODEL_PASSTHROUGH)
		ferry_9p_squash(p9->export, &uid, &gid);
	if (ferry_9p_sets_sgid(p9, fid, attr))
		return ferry_9p_change_in_group(p9, fid, attr);
	if (p9->export->model != FERRY_9P_MODEL_NONE || !(attr->ia_valid & (ATTR_UID | ATTR_GID)))
		return ferry_9p_change_host(p9, &fid->path, &own, uid, gid);
	/* In none an owner that cannot be had is none of the guest's worries. */
	own.ia_valid &= ATTR_UID | ATTR_GID;
	err = ferry_9p_change_host(p9, &fid->path, &own, uid, gid);
	if (err && err != -EPERM && err != -EINVAL)
		return err;
	own = *attr;
	own.ia_valid &= ~(ATTR_UID | ATTR_GID);
	return own.ia_valid ? ferry_9p_change_host(p9, &fid->path, &own, 0, 0) : 0;
}

static int ferry_9p_set_times(struct ferry_9p_req *req, struct iattr *attr)
{
	u32 valid = req->m.v[1];
	const u64 *v = &req->m.v[6];

	if (valid & FERRY_P9_SET_ATIME)
		attr->ia_valid |= ATTR_ATIME;
	if (valid & FERRY_P9_SET_MTIME)
		attr->ia_valid |= ATTR_MTIME;
	if (valid & FERRY_P9_SET_CTIME)
		attr->ia_valid |= ATTR_CTIME;
	if ((valid & FERRY_P9_SET_ATIME) && (valid & FERRY_P9_SET_ATIME_SET)) {
		if (v[1] >= NSEC_PER_SEC)
			return -EINVAL;
		attr->ia_valid |= ATTR_ATIME_SET;
		attr->ia_atime = (struct timespec64){ v[0], v[1] };
	}
	if ((valid & FERRY_P9_SET_MTIME) && (valid & FERRY_P9_SET_MTIME_SET)) {
		if (v[3] >= NSEC_PER_SEC)
			return -EINVAL;
		attr->ia_valid |= ATTR_MTIME_SET;
		attr->ia_mtime = (struct timespec64){ v[2], v[3] };
	}
	/* To set the time to now takes the right to write. */
	if ((attr->ia_valid & (ATTR_ATIME | ATTR_MTIME)) &&
	    !(attr->ia_valid & (ATTR_ATIME_SET | ATTR_MTIME_SET)))
		attr->ia_valid |= ATTR_TOUCH;
	return 0;
}

int ferry_9p_setattr(struct ferry_9p_req *req)
{
	struct ferry_9p_fid *fid = req->fid;
	const u64 *v = req->m.v;
	struct iattr attr = {};
	u32 valid = v[1];
	int err;

	if (fid->xattr || (valid & ~FERRY_P9_SET_ALL))
		return -EINVAL;
	err = ferry_9p_set_times(req, &attr);
	if (err)
		return err;
	/* First the size: it sets the times. */
	if (valid & FERRY_P9_SET_SIZE) {
		err = ferry_9p_resize(req, fid, v[5]);
		if (err)
			return err;
		attr.ia_valid &= ~ATTR_TOUCH;
	}
	if (valid & FERRY_P9_SET_MODE) {
		if (d_is_symlink(fid->path.dentry))
			return -EOPNOTSUPP;
		attr.ia_valid |= ATTR_MODE;
		attr.ia_mode = v[2] & S_IALLUGO;
	}
	if ((valid & FERRY_P9_SET_UID) && (u32)v[3] != U32_MAX)
		attr.ia_valid |= ATTR_UID;
	if ((valid & FERRY_P9_SET_GID) && (u32)v[4] != U32_MAX)
		attr.ia_valid |= ATTR_GID;
	if (!attr.ia_valid)
		return 0;
	attr.ia_valid |= ATTR_CTIME;
	return ferry_9p_change(req->p9, fid, &attr, v[3], v[4]);
}

int ferry_9p_statfs(struct ferry_9p_req *req)
{
	struct ferry_p9_enc *e = &req->enc;
	struct kstatfs st;
	int err = vfs_statfs(&req->fid->path, &st);

	if (err)
		return err;
	ferry_p9_put(e, st.f_type, 4);
	ferry_p9_put(e, st.f_bsize, 4);
	ferry_p9_put(e, st.f_blocks, 8);
	ferry_p9_put(e, st.f_bfree, 8);
	ferry_p9_put(e, st.f_bavail, 8);
	ferry_p9_put(e, st.f_files, 8);
	ferry_p9_put(e, st.f_ffree, 8);
	ferry_p9_put(e, (u32)st.f_fsid.val[0] | (u64)(u32)st.f_fsid.val[1] << 32, 8);
	ferry_p9_put(e, min_t(u64, st.f_namelen, FERRY_P9_NAME_MAX), 4);
	return 0;
}
