// SPDX-License-Identifier: GPL-2.0
/*
 * Security models. In passthrough the guest's users are the host's. In none the host's
 * files are made and changed with one's own rights, and may come to belong to someone
 * else than the guest asked for. In mapped every file is a plain file or directory of
 * one host user; owner, mode, type and device as the guest sees them stand in four
 * little-endian extended attributes, in the format of QEMU's mapped-xattr.
 *
 * Any thread that serves requests, with the rights of the request; takes inode locks,
 * and p9->mode_mutex outside of them where a mode is read and then set.
 */
#include <linux/kdev_t.h>
#include <linux/mount.h>
#include <linux/user_namespace.h>
#include <linux/xattr.h>

#include "ferry_9p.h"

#define FERRY_9P_VIRTFS		"user.virtfs."
#define FERRY_9P_X_UID		FERRY_9P_VIRTFS "uid"
#define FERRY_9P_X_GID		FERRY_9P_VIRTFS "gid"
#define FERRY_9P_X_MODE		FERRY_9P_VIRTFS "mode"
#define FERRY_9P_X_RDEV		FERRY_9P_VIRTFS "rdev"

/* The guest never sees these. */
bool ferry_9p_hidden(const char *name)
{
	return !strncmp(name, FERRY_9P_VIRTFS, strlen(FERRY_9P_VIRTFS)) ||
	       !strcmp(name, "user.virtfs");
}

/* Only these carry attributes in mapped. */
static bool ferry_9p_maps(const struct path *path)
{
	return d_is_dir(path->dentry) || d_is_reg(path->dentry);
}

/*
 * An attribute of @size bytes. Return: 1, 0 if the file has none that can be had, or
 * -errno if that cannot be told: to take the host's for it would be wrong.
 */
static int ferry_9p_map_get(const struct path *path, const char *name, u64 *v, unsigned int size)
{
	__le64 raw = 0;
	ssize_t n = vfs_getxattr(mnt_idmap(path->mnt), path->dentry, name, &raw, sizeof(raw));

	switch (n) {
	case -ENODATA:
	case -EOPNOTSUPP:
	case -ERANGE:
	case -EACCES:
	case -EPERM:
		return 0;
	}
	if (n != size)
		return n < 0 ? n : 0;
	*v = le64_to_cpu(raw);
	return 1;
}

static int ferry_9p_map_set(const struct path *path, const char *name, u64 v, unsigned int size)
{
	__le64 raw = cpu_to_le64(v);

	return vfs_setxattr(mnt_idmap(path->mnt), path->dentry, name, &raw, size, 0);
}

static umode_t ferry_9p_map_mode(umode_t host, umode_t mode)
{
	umode_t type = mode & S_IFMT;

	if (S_ISDIR(host))
		return (mode & S_IALLUGO) | S_IFDIR;
	if (!type || S_ISDIR(mode))
		type = S_IFREG;
	return (mode & S_IALLUGO) | type;
}

static int ferry_9p_map_stat(struct ferry_9p *p9, const struct path *path, struct kstat *st)
{
	u64 v;
	int has;

	st->uid = KUIDT_INIT(from_kuid_munged(p9->export->cred->user_ns, st->uid));
	st->gid = KGIDT_INIT(from_kgid_munged(p9->export->cred->user_ns, st->gid));
	if (!ferry_9p_maps(path))
		return 0;
	has = ferry_9p_map_get(path, FERRY_9P_X_UID, &v, sizeof(u32));
	if (has > 0)
		st->uid = KUIDT_INIT(v);
	if (has >= 0)
		has = ferry_9p_map_get(path, FERRY_9P_X_GID, &v, sizeof(u32));
	if (has > 0)
		st->gid = KGIDT_INIT(v);
	if (has >= 0)
		has = ferry_9p_map_get(path, FERRY_9P_X_MODE, &v, sizeof(u32));
	if (has > 0)
		st->mode = ferry_9p_map_mode(st->mode, v);
	if (has >= 0 && (S_ISBLK(st->mode) || S_ISCHR(st->mode))) {
		has = ferry_9p_map_get(path, FERRY_9P_X_RDEV, &v, sizeof(u64));
		if (has > 0)
			st->rdev = new_decode_dev(v);
	}
	return min(has, 0);
}

/**
 * ferry_9p_stat - attributes as the guest sees them
 * @p9: the device
 * @path: of what
 * @st: filled in; uid and gid are for ferry_9p_uid_out() and ferry_9p_gid_out()
 */
int ferry_9p_stat(struct ferry_9p *p9, const struct path *path, struct kstat *st)
{
	int err = vfs_getattr(path, st, STATX_BASIC_STATS | STATX_BTIME, AT_STATX_SYNC_AS_STAT);

	if (!err && ferry_9p_mapped(p9))
		err = ferry_9p_map_stat(p9, path, st);
	return err;
}

u32 ferry_9p_uid_out(const struct ferry_9p *p9, kuid_t uid)
{
	if (ferry_9p_mapped(p9))
		return __kuid_val(uid);
	return from_kuid_munged(p9->export->cred->user_ns, uid);
}

u32 ferry_9p_gid_out(const struct ferry_9p *p9, kgid_t gid)
{
	if (ferry_9p_mapped(p9))
		return __kgid_val(gid);
	return from_kgid_munged(p9->export->cred->user_ns, gid);
}

/* The version changes whenever data do that a client may have cached. */
void ferry_9p_put_qid(struct ferry_9p *p9, struct ferry_p9_enc *e, const struct kstat *st)
{
	u8 type = FERRY_P9_QTFILE;

	if (S_ISDIR(st->mode))
		type = FERRY_P9_QTDIR;
	else if (S_ISLNK(st->mode))
		type = FERRY_P9_QTSYMLINK;
	ferry_p9_put_qid(e, type, (u32)st->mtime.tv_sec ^ (u32)st->mtime.tv_nsec ^
			 (u32)(st->size << 8),
			 ferry_p9_qid_path(st->ino, new_encode_dev(st->dev), p9->export->dev));
}

/* Attributes of a new file in mapped. */
static int ferry_9p_map_made(const struct path *path, const struct ferry_9p_node *node)
{
	int err = mnt_want_write(path->mnt);

	if (err)
		return err;
	err = ferry_9p_map_set(path, FERRY_9P_X_UID, node->uid, sizeof(u32));
	if (!err)
		err = ferry_9p_map_set(path, FERRY_9P_X_GID, node->gid, sizeof(u32));
	if (!err)
		err = ferry_9p_map_set(path, FERRY_9P_X_MODE, node->mode, sizeof(u32));
	if (!err && (S_ISBLK(node->mode) || S_ISCHR(node->mode)))
		err = ferry_9p_map_set(path, FERRY_9P_X_RDEV, new_encode_dev(node->rdev),
				       sizeof(u64));
	mnt_drop_write(path->mnt);
	return err;
}

/* In none: give the new file to its owner, if that can be done. */
static void ferry_9p_try_chown(struct ferry_9p *p9, const struct path *path,
			       const struct ferry_9p_node *node)
{
	struct user_namespace *ns = p9->export->cred->user_ns;
	struct inode *inode = d_inode(path->dentry);
	kuid_t uid = make_kuid(ns, node->uid);
	kgid_t gid = make_kgid(ns, node->gid);
	struct iattr attr = { .ia_valid = ATTR_UID | ATTR_GID };

	if (!uid_valid(uid) || !gid_valid(gid) || mnt_want_write(path->mnt))
		return;
	attr.ia_vfsuid = VFSUIDT_INIT(uid);
	attr.ia_vfsgid = VFSGIDT_INIT(gid);
	inode_lock(inode);
	notify_change(mnt_idmap(path->mnt), path->dentry, &attr, NULL);
	inode_unlock(inode);
	mnt_drop_write(path->mnt);
}

/* A file was just made: give it what the model wants it to have. */
int ferry_9p_made(struct ferry_9p *p9, const struct path *path, const struct ferry_9p_node *node)
{
	if (ferry_9p_mapped(p9))
		return ferry_9p_map_made(path, node);
	if (p9->export->model == FERRY_9P_MODEL_NONE)
		ferry_9p_try_chown(p9, path, node);
	return 0;
}

/* What a mode becomes when the file is written or gets another owner. */
umode_t ferry_9p_mode_killed(umode_t mode)
{
	if (S_ISDIR(mode))
		return mode;
	if (mode & S_IXGRP)
		mode &= ~S_ISGID;
	return mode & ~S_ISUID;
}

/* The mode goes first: no file that keeps its set-id bits gets another owner. */
static int ferry_9p_map_owner(struct ferry_9p *p9, const struct path *path,
			      const struct iattr *attr, u32 uid, u32 gid)
{
	struct kstat st;
	umode_t mode;
	int err = ferry_9p_stat(p9, path, &st);

	lockdep_assert_held(&p9->mode_mutex);
	if (err)
		return err;
	if (attr->ia_valid & ATTR_MODE)
		mode = (st.mode & S_IFMT) | (attr->ia_mode & S_IALLUGO);
	else
		mode = ferry_9p_mode_killed(st.mode);
	if (attr->ia_valid & ATTR_MODE || mode != st.mode)
		err = ferry_9p_map_set(path, FERRY_9P_X_MODE, mode, sizeof(u32));
	if (!err && (attr->ia_valid & ATTR_UID))
		err = ferry_9p_map_set(path, FERRY_9P_X_UID, uid, sizeof(u32));
	if (!err && (attr->ia_valid & ATTR_GID))
		err = ferry_9p_map_set(path, FERRY_9P_X_GID, gid, sizeof(u32));
	return err;
}

/**
 * ferry_9p_map_change - chmod and chown in mapped
 * @p9: the device
 * @path: of what
 * @attr: ia_valid says which, ia_mode is set
 * @uid: the new owner, if ATTR_UID
 * @gid: likewise
 */
int ferry_9p_map_change(struct ferry_9p *p9, const struct path *path, const struct iattr *attr,
			u32 uid, u32 gid)
{
	int err;

	if (!ferry_9p_maps(path))
		return -EPERM;
	err = mnt_want_write(path->mnt);
	if (err)
		return err;
	mutex_lock(&p9->mode_mutex);
	err = ferry_9p_map_owner(p9, path, attr, uid, gid);
	mutex_unlock(&p9->mode_mutex);
	mnt_drop_write(path->mnt);
	return err;
}

/* Return: 1 if there are set-id bits to take off, *@mode is the mode without; 0; -errno. */
static int ferry_9p_map_has_bits(const struct path *path, umode_t *mode)
{
	u64 v;
	int has = ferry_9p_map_get(path, FERRY_9P_X_MODE, &v, sizeof(u32));

	if (has <= 0)
		return has;
	*mode = ferry_9p_mode_killed(v);
	return *mode != (umode_t)v;
}

/*
 * The guest is about to write to a file: its set-id bits go, as the kernel has the
 * host's go.
 */
int ferry_9p_map_strip(struct ferry_9p *p9, const struct path *path)
{
	umode_t mode;
	int err;

	if (!ferry_9p_mapped(p9) || !d_is_reg(path->dentry))
		return 0;
	err = ferry_9p_map_has_bits(path, &mode);
	if (err <= 0)
		return err;
	err = mnt_want_write(path->mnt);
	if (err)
		return err;
	mutex_lock(&p9->mode_mutex);
	err = ferry_9p_map_has_bits(path, &mode);
	if (err > 0)
		err = ferry_9p_map_set(path, FERRY_9P_X_MODE, mode, sizeof(u32));
	mutex_unlock(&p9->mode_mutex);
	mnt_drop_write(path->mnt);
	return err;
}
