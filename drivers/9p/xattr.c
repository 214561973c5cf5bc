// SPDX-License-Identifier: GPL-2.0
/*
 * Txattrwalk and Txattrcreate: an extended attribute behind a fid of its own, read and
 * written like a file. A value is read as a whole when the fid is made, and set as a
 * whole when it is clunked. Any thread that serves requests, with the rights of the
 * fid's user; a value is written under fid->mutex.
 *
 * Which attributes there are is the model's choice: user.* in all but not the ones that
 * mapped lives by; access control lists in passthrough and mapped, where they are kept
 * as user.virtfs.*; security.* in passthrough.
 */
#include <linux/mount.h>
#include <linux/slab.h>
#include <linux/xattr.h>

#include "../vring/copy.h"
#include "ferry_9p.h"

#define FERRY_9P_ACL		"system.posix_acl_"
#define FERRY_9P_VIRT		"user.virtfs."

static bool ferry_9p_is_acl(const char *name)
{
	return !strcmp(name, FERRY_9P_ACL "access") || !strcmp(name, FERRY_9P_ACL "default");
}

/* What the attribute is called on the host; -EOPNOTSUPP if the guest has no such. */
static int ferry_9p_xattr_name(struct ferry_9p *p9, const char *name, char *host)
{
	enum ferry_9p_model model = p9->export->model;

	if (ferry_9p_is_acl(name) && model != FERRY_9P_MODEL_NONE) {
		snprintf(host, XATTR_NAME_MAX + 1, "%s%s",
			 model == FERRY_9P_MODEL_MAPPED ? FERRY_9P_VIRT : "", name);
		return 0;
	}
	if ((!strncmp(name, "user.", 5) && !(ferry_9p_mapped(p9) && ferry_9p_hidden(name))) ||
	    (!strncmp(name, "security.", 9) && model == FERRY_9P_MODEL_PASSTHROUGH)) {
		strscpy(host, name, XATTR_NAME_MAX + 1);
		return 0;
	}
	return -EOPNOTSUPP;
}

/* Room for a value, as long as the session may hold so much. */
static struct ferry_9p_xattr *ferry_9p_xattr_alloc(struct ferry_9p *p9, u32 size)
{
	struct ferry_9p_xattr *x;

	if (size > FERRY_P9_XATTR_MAX)
		return ERR_PTR(-E2BIG);
	if (atomic64_add_return(size, &p9->xattr_bytes) > p9->export->xattr_bytes) {
		atomic64_sub(size, &p9->xattr_bytes);
		return ERR_PTR(-ENOSPC);
	}
	x = kzalloc(sizeof(*x), GFP_KERNEL_ACCOUNT);
	if (x)
		x->value = kvzalloc(size ?: 1, GFP_KERNEL_ACCOUNT);
	if (!x || !x->value) {
		kfree(x);
		atomic64_sub(size, &p9->xattr_bytes);
		return ERR_PTR(-ENOMEM);
	}
	x->size = size;
	return x;
}

void ferry_9p_xattr_free(struct ferry_9p *p9, struct ferry_9p_xattr *x)
{
	atomic64_sub(x->size, &p9->xattr_bytes);
	kvfree(x->value);
	kfree(x);
}

static ssize_t ferry_9p_xattr_fetch(const struct path *path, const char *name, void *value,
				    size_t size)
{
	if (ferry_9p_is_acl(name))
		return ferry_get_acl(mnt_idmap(path->mnt), path->dentry, name, value, size);
	return vfs_getxattr(mnt_idmap(path->mnt), path->dentry, name, value, size);
}

/* Keep the names that the guest may see; in mapped lists have the guest's names. */
static u32 ferry_9p_xattr_filter(struct ferry_9p *p9, char *list, u32 size)
{
	char host[XATTR_NAME_MAX + 1];
	u32 from = 0, to = 0;

	while (from < size) {
		const char *name = list + from, *shown = name;
		u32 len = strnlen(name, size - from - 1) + 1;

		from += len;
		if (ferry_9p_mapped(p9) && !strncmp(name, FERRY_9P_VIRT FERRY_9P_ACL,
						    strlen(FERRY_9P_VIRT FERRY_9P_ACL)))
			shown += strlen(FERRY_9P_VIRT);
		if (ferry_9p_xattr_name(p9, shown, host) || strcmp(host, name))
			continue;
		len -= shown - name;
		memmove(list + to, shown, len);
		to += len;
	}
	return to;
}

/* The list of names, or the value of one. */
static struct ferry_9p_xattr *ferry_9p_xattr_load(struct ferry_9p *p9, const struct path *path,
						  const char *name)
{
	struct ferry_9p_xattr *x;
	ssize_t n = name ? ferry_9p_xattr_fetch(path, name, NULL, 0) :
			   vfs_listxattr(path->dentry, NULL, 0);

	if (n < 0)
		return ERR_PTR(n);
	x = ferry_9p_xattr_alloc(p9, n);
	if (IS_ERR(x) || !n)
		return x;
	n = name ? ferry_9p_xattr_fetch(path, name, x->value, x->size) :
		   vfs_listxattr(path->dentry, x->value, x->size);
	if (n >= 0 && !name)
		n = ferry_9p_xattr_filter(p9, x->value, n);
	if (n < 0) {
		ferry_9p_xattr_free(p9, x);
		return ERR_PTR(n);
	}
	/* What is there may have become less. */
	atomic64_sub(x->size - n, &p9->xattr_bytes);
	x->size = n;
	return x;
}

int ferry_9p_xattrwalk(struct ferry_9p_req *req)
{
	struct ferry_9p *p9 = req->p9;
	struct ferry_p9_str *name = &req->m.s[0];
	char host[XATTR_NAME_MAX + 1];
	struct ferry_9p_fid *fid;
	struct ferry_9p_xattr *x;
	int err = 0;

	if (req->fid->xattr)
		return -EINVAL;
	if (name->len > FERRY_P9_XATTR_NAME_MAX)
		return -ERANGE;
	if (name->len)
		err = ferry_9p_xattr_name(p9, ferry_9p_cstr(name), host);
	if (err)
		return err;
	fid = ferry_9p_fid_alloc(p9, req->m.v[1], &req->fid->path, req->fid);
	if (IS_ERR(fid))
		return PTR_ERR(fid);
	x = ferry_9p_xattr_load(p9, &fid->path, name->len ? host : NULL);
	if (IS_ERR(x)) {
		err = PTR_ERR(x);
	} else {
		ferry_p9_put(&req->enc, x->size, 8);
		fid->xattr = x;
		err = ferry_9p_fid_add(p9, fid);
	}
	ferry_9p_fid_put(p9, fid);
	return err;
}

int ferry_9p_xattrcreate(struct ferry_9p_req *req)
{
	struct ferry_9p *p9 = req->p9;
	struct ferry_9p_fid *old = req->fid, *fid;
	struct ferry_p9_str *name = &req->m.s[0];
	char host[XATTR_NAME_MAX + 1];
	u64 size = req->m.v[1];
	u32 flags = req->m.v[2];
	struct ferry_9p_xattr *x;
	int err;

	if (old->xattr || ferry_9p_file(old) || (flags & ~(XATTR_CREATE | XATTR_REPLACE)))
		return -EINVAL;
	if (!name->len || name->len > FERRY_P9_XATTR_NAME_MAX)
		return -ERANGE;
	if (size > FERRY_P9_XATTR_MAX)
		return -E2BIG;
	err = ferry_9p_xattr_name(p9, ferry_9p_cstr(name), host);
	if (err)
		return err;
	fid = ferry_9p_fid_alloc(p9, old->id, &old->path, old);
	if (IS_ERR(fid))
		return PTR_ERR(fid);
	x = ferry_9p_xattr_alloc(p9, size);
	if (IS_ERR(x)) {
		err = PTR_ERR(x);
	} else {
		x->create = true;
		x->flags = flags;
		strscpy(x->name, host, sizeof(x->name));
		fid->xattr = x;
		err = ferry_9p_fid_replace(p9, old, fid);
	}
	ferry_9p_fid_put(p9, fid);
	return err;
}

/* Tread of an attribute. */
int ferry_9p_xattr_read(struct ferry_9p_req *req)
{
	struct ferry_9p_xattr *x = req->fid->xattr;
	u64 pos = req->m.v[1];
	struct iov_iter iter;
	u32 n;

	if (x->create)
		return -EINVAL;
	n = pos < x->size ? x->size - pos : 0;
	n = ferry_p9_io_count(min_t(u32, n, req->m.v[2]), req->p9->msize, req->in_len);
	ferry_9p_iter(req, &iter, true, FERRY_P9_IO_HEADER, n);
	if (n && copy_to_iter(x->value + pos, n, &iter) != n) {
		req->fault = true;
		return -EFAULT;
	}
	ferry_p9_put(&req->enc, n, 4);
	req->payload = n;
	return 0;
}

/* Twrite of an attribute: in order, and not beyond the size that was announced. */
int ferry_9p_xattr_write(struct ferry_9p_req *req)
{
	struct ferry_9p_fid *fid = req->fid;
	struct ferry_9p_xattr *x = fid->xattr;
	u64 pos = req->m.v[1];
	u32 count = req->m.v[2];
	struct iov_iter iter;
	int err = 0;

	mutex_lock(&fid->mutex);
	if (!x->create || pos != x->filled) {
		err = -EINVAL;
	} else if (count > x->size - x->filled) {
		err = -ENOSPC;
	} else {
		ferry_9p_iter(req, &iter, false, FERRY_P9_WRITE_HEADER, count);
		if (copy_from_iter(x->value + pos, count, &iter) != count)
			err = -EFAULT;
		else
			x->filled += count;
	}
	mutex_unlock(&fid->mutex);
	if (!err)
		ferry_p9_put(&req->enc, count, 4);
	return err;
}

/* An access control list, under the name that mapped keeps it by. */
static bool ferry_9p_is_virt_acl(const char *name)
{
	return !strncmp(name, FERRY_9P_VIRT, strlen(FERRY_9P_VIRT)) &&
	       ferry_9p_is_acl(name + strlen(FERRY_9P_VIRT));
}

static int ferry_9p_xattr_store(const struct path *path, const struct ferry_9p_xattr *x)
{
	/* A removal and an empty value look the same on the wire but for this. */
	bool remove = !x->size && x->flags == XATTR_REPLACE;

	if (!x->size && ferry_9p_is_virt_acl(x->name)) {
		int err = vfs_removexattr(mnt_idmap(path->mnt), path->dentry, x->name);

		/* There is no empty list: to have none is what was asked for. */
		return err == -ENODATA ? 0 : err;
	}
	if (ferry_9p_is_acl(x->name)) {
		if (!x->size)
			return ferry_remove_acl(mnt_idmap(path->mnt), path->dentry, x->name);
		return ferry_set_acl(mnt_idmap(path->mnt), path->dentry, x->name, x->value,
				     x->size);
	}
	if (remove)
		return vfs_removexattr(mnt_idmap(path->mnt), path->dentry, x->name);
	return vfs_setxattr(mnt_idmap(path->mnt), path->dentry, x->name, x->value, x->size,
			    x->flags);
}

/* The fid is clunked: set the attribute, if all of its value came. */
int ferry_9p_xattr_commit(struct ferry_9p *p9, struct ferry_9p_fid *fid)
{
	struct ferry_9p_xattr *x = fid->xattr;
	bool whole;
	int err;

	mutex_lock(&fid->mutex);
	whole = x->filled == x->size;
	mutex_unlock(&fid->mutex);
	if (!whole)
		return -EINVAL;
	/* The host may have moved the file out since the fid was made. */
	err = ferry_9p_inside(p9, fid->path.dentry);
	if (!err)
		err = mnt_want_write(fid->path.mnt);
	if (err)
		return err;
	err = ferry_9p_xattr_store(&fid->path, x);
	mnt_drop_write(fid->path.mnt);
	return err;
}
