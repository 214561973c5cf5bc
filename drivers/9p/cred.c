// SPDX-License-Identifier: GPL-2.0
/*
 * Whose rights a request has. In passthrough each guest user has credentials of its
 * own: the owner's with another fsuid and fsgid, no supplementary groups and, unless
 * the user is 0, no capabilities; with FERRY_9P_F_GUEST_CHECKS those by which the owner
 * passes over mode bits are left to all. They are made once and kept by (uid, gid).
 *
 * Any thread that serves requests; takes p9->cred_lock.
 */
#include <linux/capability.h>
#include <linux/hash.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "ferry_9p.h"

/* Pairs that are kept; more are made for one request and forgotten. */
#define FERRY_9P_CREDS_MAX	256

/* The same rights, but a write takes the set-id bits off a file. */
const struct cred *ferry_9p_cred_drop_fsetid(const struct cred *from)
{
	const struct cred *old = override_creds(from);
	struct cred *cred = prepare_creds();

	revert_creds(old);
	if (cred)
		cap_lower(cred->cap_effective, CAP_FSETID);
	return cred;
}

/* Who a guest user is on the host. */
void ferry_9p_squash(const struct ferry_9p_export *ex, u32 *uid, u32 *gid)
{
	bool all = ex->flags & FERRY_9P_F_ALL_SQUASH;
	bool root = ex->flags & FERRY_9P_F_ROOT_SQUASH;

	if (all || (root && !*uid))
		*uid = ex->uid;
	if (all || (root && !*gid))
		*gid = ex->gid;
}

static const struct cred *ferry_9p_cred_make(const struct ferry_9p_export *ex, u32 uid, u32 gid)
{
	struct user_namespace *ns = ex->cred->user_ns;
	struct group_info *groups;
	const struct cred *old;
	struct cred *cred;

	groups = groups_alloc(0);
	if (!groups)
		return ERR_PTR(-ENOMEM);
	old = override_creds(ex->cred);
	cred = prepare_creds();
	revert_creds(old);
	if (!cred) {
		put_group_info(groups);
		return ERR_PTR(-ENOMEM);
	}
	set_groups(cred, groups);
	put_group_info(groups);
	cred->fsuid = make_kuid(ns, uid);
	cred->fsgid = make_kgid(ns, gid);
	if (!uid_valid(cred->fsuid) || !gid_valid(cred->fsgid)) {
		put_cred(cred);
		return ERR_PTR(-EINVAL);
	}
	if (uid) {
		kernel_cap_t had = cred->cap_effective;

		cap_clear(cred->cap_effective);
		if (ex->flags & FERRY_9P_F_GUEST_CHECKS) {
			if (cap_raised(had, CAP_DAC_OVERRIDE))
				cap_raise(cred->cap_effective, CAP_DAC_OVERRIDE);
			if (cap_raised(had, CAP_DAC_READ_SEARCH))
				cap_raise(cred->cap_effective, CAP_DAC_READ_SEARCH);
		}
	}
	return cred;
}

static struct ferry_9p_cred *ferry_9p_cred_find(struct ferry_9p *p9, u32 uid, u32 gid)
{
	struct ferry_9p_cred *c;

	lockdep_assert_held(&p9->cred_lock);
	hlist_for_each_entry(c, &p9->creds[hash_32(uid ^ (gid << 16), FERRY_9P_CRED_BITS)], node)
		if (c->uid == uid && c->gid == gid)
			return c;
	return NULL;
}

static void ferry_9p_cred_free(struct ferry_9p_cred *c)
{
	if (!IS_ERR_OR_NULL(c->cred))
		put_cred(c->cred);
	if (c->write_cred)
		put_cred(c->write_cred);
	kfree(c);
}

static struct ferry_9p_cred *ferry_9p_cred_new(struct ferry_9p *p9, u32 uid, u32 gid)
{
	struct ferry_9p_cred *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);
	int err;

	if (!c)
		return ERR_PTR(-ENOMEM);
	c->uid = uid;
	c->gid = gid;
	c->cred = ferry_9p_cred_make(p9->export, uid, gid);
	if (!IS_ERR(c->cred))
		c->write_cred = ferry_9p_cred_drop_fsetid(c->cred);
	if (c->write_cred)
		return c;
	err = IS_ERR(c->cred) ? PTR_ERR(c->cred) : -ENOMEM;
	ferry_9p_cred_free(c);
	return ERR_PTR(err);
}

/* Keep it for the next time, if there is room and nobody was faster. */
static bool ferry_9p_cred_keep(struct ferry_9p *p9, struct ferry_9p_cred *c)
{
	bool keep;

	spin_lock(&p9->cred_lock);
	keep = p9->nr_creds < FERRY_9P_CREDS_MAX && !ferry_9p_cred_find(p9, c->uid, c->gid);
	if (keep) {
		hlist_add_head(&c->node, &p9->creds[hash_32(c->uid ^ (c->gid << 16),
							    FERRY_9P_CRED_BITS)]);
		p9->nr_creds++;
	}
	spin_unlock(&p9->cred_lock);
	return keep;
}

/**
 * ferry_9p_cred_get - the rights of a guest user
 * @p9: the device
 * @uid: the guest's, squashed
 * @gid: likewise
 * @cred: set, with a reference
 * @write_cred: set to the same for writing files, with a reference; may be NULL
 *
 * Return: 0, -EINVAL for a user that the owner's namespace has not, or -ENOMEM.
 */
int ferry_9p_cred_get(struct ferry_9p *p9, u32 uid, u32 gid, const struct cred **cred,
		      const struct cred **write_cred)
{
	struct ferry_9p_cred *c, *new = NULL;

	if (p9->export->model != FERRY_9P_MODEL_PASSTHROUGH) {
		*cred = get_cred(p9->export->cred);
		if (write_cred)
			*write_cred = get_cred(p9->export->write_cred);
		return 0;
	}
	spin_lock(&p9->cred_lock);
	c = ferry_9p_cred_find(p9, uid, gid);
	if (c) {
		*cred = get_cred(c->cred);
		if (write_cred)
			*write_cred = get_cred(c->write_cred);
	}
	spin_unlock(&p9->cred_lock);
	if (c)
		return 0;
	new = ferry_9p_cred_new(p9, uid, gid);
	if (IS_ERR(new))
		return PTR_ERR(new);
	*cred = get_cred(new->cred);
	if (write_cred)
		*write_cred = get_cred(new->write_cred);
	if (!ferry_9p_cred_keep(p9, new))
		ferry_9p_cred_free(new);
	return 0;
}

/* Forget all; nothing is in flight. */
void ferry_9p_creds_drop(struct ferry_9p *p9)
{
	struct hlist_node *next;
	struct ferry_9p_cred *c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(p9->creds); i++) {
		hlist_for_each_entry_safe(c, next, &p9->creds[i], node)
			ferry_9p_cred_free(c);
		INIT_HLIST_HEAD(&p9->creds[i]);
	}
	p9->nr_creds = 0;
}
