// SPDX-License-Identifier: GPL-2.0
/*
 * Role: Txattrwalk and Txattrcreate: an extended attribute behind a fid of its own, read
 *	and written like a file; by the rules of drivers/9p/xattr.c. A value is read as a
 *	whole when the fid is made, and set as a whole when it is clunked.
 * Threads: those that serve requests, with the rights of the fid's user.
 * Locks: the fid's mutex, for writing a value.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "p9loop_server.h"

#define XATTR_ACL	"system.posix_acl_"
#define XATTR_VIRT	"user.virtfs."

struct xattr_name {
	char s[FERRY_P9_XATTR_NAME_MAX + 1];
};

static bool xattr_is_acl(const char *name)
{
	return !strcmp(name, XATTR_ACL "access") || !strcmp(name, XATTR_ACL "default");
}

/* What the attribute is called on the host; -EOPNOTSUPP if the guest has no such. */
static int xattr_host_name(struct p9loop_server *s, const char *name, struct xattr_name *host)
{
	enum ferry_9p_model model = s->ex.model;
	bool acl = xattr_is_acl(name) && model != FERRY_9P_MODEL_NONE;
	bool user = !strncmp(name, "user.", 5) && !(p9loop_mapped(s) && p9loop_hidden(name));
	bool security = !strncmp(name, "security.", 9) && model == FERRY_9P_MODEL_PASSTHROUGH;

	if (!acl && !user && !security)
		return -EOPNOTSUPP;
	if (snprintf(host->s, sizeof(host->s), "%s%s", acl && p9loop_mapped(s) ? XATTR_VIRT : "",
		     name) >= (int)sizeof(host->s))
		return -ERANGE;
	return 0;
}

/* Room for a value, as long as the session may hold so much. */
static int xattr_alloc(struct p9loop_server *s, u32 size, struct p9loop_xattr **out)
{
	struct p9loop_xattr *x;

	if (size > FERRY_P9_XATTR_MAX)
		return -E2BIG;
	if (__atomic_add_fetch(&s->xattr_bytes, size, __ATOMIC_RELAXED) > s->ex.xattr_bytes) {
		__atomic_sub_fetch(&s->xattr_bytes, size, __ATOMIC_RELAXED);
		return -ENOSPC;
	}
	x = calloc(1, sizeof(*x));
	if (x)
		x->value = calloc(1, size ?: 1);
	if (!x || !x->value) {
		free(x);
		__atomic_sub_fetch(&s->xattr_bytes, size, __ATOMIC_RELAXED);
		return -ENOMEM;
	}
	x->size = size;
	*out = x;
	return 0;
}

void p9loop_xattr_free(struct p9loop_server *s, struct p9loop_xattr *x)
{
	__atomic_sub_fetch(&s->xattr_bytes, x->size, __ATOMIC_RELAXED);
	free(x->value);
	free(x);
}

/* A value, or without a name the list of names. */
static ssize_t xattr_fetch(const struct p9loop_node *node, const char *name, void *to, u32 size)
{
	struct p9loop_name file = p9loop_name(node->fd);
	ssize_t n = name ? getxattr(file.s, name, to, size) : listxattr(file.s, to, size);

	return n < 0 ? -errno : n;
}

/* Keep the names that the guest may see; in mapped lists have the guest's names. */
static u32 xattr_filter(struct p9loop_server *s, char *list, u32 size)
{
	struct xattr_name host;
	u32 from = 0, to = 0;

	while (from < size) {
		const char *name = list + from, *shown = name;
		u32 len = strnlen(name, size - from - 1) + 1;

		from += len;
		if (p9loop_mapped(s) && !strncmp(name, XATTR_VIRT XATTR_ACL,
						 strlen(XATTR_VIRT XATTR_ACL)))
			shown += strlen(XATTR_VIRT);
		if (xattr_host_name(s, shown, &host) || strcmp(host.s, name))
			continue;
		len -= shown - name;
		memmove(list + to, shown, len);
		to += len;
	}
	return to;
}

static int xattr_load(struct p9loop_server *s, const struct p9loop_node *node, const char *name,
		      struct p9loop_xattr **out)
{
	ssize_t n = xattr_fetch(node, name, NULL, 0);
	struct p9loop_xattr *x;
	int err = n < 0 ? n : xattr_alloc(s, n, &x);

	if (err)
		return err;
	if (n)
		n = xattr_fetch(node, name, x->value, x->size);
	if (n > 0 && !name)
		n = xattr_filter(s, (char *)x->value, n);
	if (n < 0) {
		p9loop_xattr_free(s, x);
		return n;
	}
	/* What is there may have become less. */
	__atomic_sub_fetch(&s->xattr_bytes, x->size - n, __ATOMIC_RELAXED);
	x->size = n;
	*out = x;
	return 0;
}

int p9loop_xattrwalk(struct p9loop_req *req)
{
	struct p9loop_server *s = req->s;
	struct ferry_p9_str *name = &req->m.s[0];
	struct xattr_name host;
	struct p9loop_fid *fid;
	int err = 0;

	if (req->fid->xattr)
		return -EINVAL;
	if (name->len > FERRY_P9_XATTR_NAME_MAX)
		return -ERANGE;
	if (name->len)
		err = xattr_host_name(s, p9loop_cstr(name), &host);
	if (err)
		return err;
	fid = p9loop_fid_alloc(s, req->m.v[1], req->fid->node, req->fid, &err);
	if (!fid)
		return err;
	err = xattr_load(s, fid->node, name->len ? host.s : NULL, &fid->xattr);
	if (!err) {
		ferry_p9_put(&req->enc, fid->xattr->size, 8);
		err = p9loop_fid_add(s, fid);
	}
	p9loop_fid_put(s, fid);
	return err;
}

int p9loop_xattrcreate(struct p9loop_req *req)
{
	struct p9loop_fid *old = req->fid, *fid;
	struct ferry_p9_str *name = &req->m.s[0];
	u64 size = req->m.v[1];
	u32 flags = req->m.v[2];
	struct xattr_name host;
	int err;

	if (old->xattr || p9loop_file(old) >= 0 || (flags & ~(XATTR_CREATE | XATTR_REPLACE)))
		return -EINVAL;
	if (!name->len || name->len > FERRY_P9_XATTR_NAME_MAX)
		return -ERANGE;
	if (size > FERRY_P9_XATTR_MAX)
		return -E2BIG;
	err = xattr_host_name(req->s, p9loop_cstr(name), &host);
	if (err)
		return err;
	fid = p9loop_fid_alloc(req->s, old->id, old->node, old, &err);
	if (!fid)
		return err;
	err = xattr_alloc(req->s, size, &fid->xattr);
	if (!err) {
		fid->xattr->create = true;
		fid->xattr->flags = flags;
		memcpy(fid->xattr->name, host.s, sizeof(host.s));
		err = p9loop_fid_replace(req->s, old, fid);
	}
	p9loop_fid_put(req->s, fid);
	return err;
}

/* Tread of an attribute. */
int p9loop_xattr_read(struct p9loop_req *req)
{
	const struct p9loop_xattr *x = req->fid->xattr;
	u64 pos = req->m.v[1];
	u32 n, wanted = req->m.v[2];

	if (x->create)
		return -EINVAL;
	n = pos < x->size ? x->size - pos : 0;
	n = ferry_p9_io_count(n < wanted ? n : wanted, req->s->msize, req->c.in_len);
	return p9loop_deliver(req, x->value + (n ? pos : 0), n);
}

/* Twrite of an attribute: in order, and not beyond the size that was announced. */
int p9loop_xattr_write(struct p9loop_req *req)
{
	struct p9loop_fid *fid = req->fid;
	struct p9loop_xattr *x = fid->xattr;
	u64 pos = req->m.v[1];
	u32 count = req->m.v[2];
	int err = 0;

	pthread_mutex_lock(&fid->mutex);
	if (!x->create || pos != x->filled) {
		err = -EINVAL;
	} else if (count > x->size - x->filled) {
		err = -ENOSPC;
	} else {
		virtio_iov_read(req->out, req->c.out_num, FERRY_P9_WRITE_HEADER, x->value + pos,
				count);
		x->filled += count;
	}
	pthread_mutex_unlock(&fid->mutex);
	if (!err)
		ferry_p9_put(&req->enc, count, 4);
	return err;
}

static bool xattr_is_virt_acl(const char *name)
{
	return !strncmp(name, XATTR_VIRT, strlen(XATTR_VIRT)) &&
	       xattr_is_acl(name + strlen(XATTR_VIRT));
}

/* A removal and an empty value look the same on the wire but for the flag. */
static int xattr_store(const struct p9loop_fid *fid)
{
	const struct p9loop_xattr *x = fid->xattr;
	struct p9loop_name file = p9loop_name(fid->node->fd);
	bool acl = xattr_is_acl(x->name), virt = xattr_is_virt_acl(x->name);

	if (x->size || !(acl || virt || x->flags == XATTR_REPLACE))
		return setxattr(file.s, x->name, x->value, x->size, acl ? 0 : x->flags) ?
		       -errno : 0;
	if (!removexattr(file.s, x->name))
		return 0;
	/* There is no empty list: to have none is what was asked for. */
	return virt && errno == ENODATA ? 0 : -errno;
}

/* The fid is clunked: set the attribute, if all of its value came. */
int p9loop_xattr_commit(struct p9loop_req *req, struct p9loop_fid *fid)
{
	const struct p9loop_xattr *x = fid->xattr;
	bool whole;
	int err;

	pthread_mutex_lock(&fid->mutex);
	whole = x->filled == x->size;
	pthread_mutex_unlock(&fid->mutex);
	if (!whole)
		return -EINVAL;
	/* The host may have moved the file out since the fid was made. */
	err = p9loop_inside(req, fid->node);
	return err ?: xattr_store(fid);
}
