// SPDX-License-Identifier: GPL-2.0
/*
 * Role: whose rights a request has, as drivers/9p/cred.c decides. Identity, groups,
 *	capabilities, working directory and file mode mask are the thread's alone:
 *	system calls are made directly where the library would tell all threads.
 * Threads: each for itself.
 * Locks: none.
 */
#include <linux/capability.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "p9loop_server.h"

#define CRED_CHECKS	(BIT_ULL(CAP_DAC_OVERRIDE) | BIT_ULL(CAP_DAC_READ_SEARCH))

static u64 cred_get_caps(u64 *permitted, u64 *inheritable)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { 0 };

	syscall(SYS_capget, &h, d);
	*permitted = d[0].permitted | (u64)d[1].permitted << 32;
	*inheritable = d[0].inheritable | (u64)d[1].inheritable << 32;
	return d[0].effective | (u64)d[1].effective << 32;
}

/* What the calling thread may do. */
u64 p9loop_caps(void)
{
	u64 permitted, inheritable;

	return cred_get_caps(&permitted, &inheritable);
}

static int cred_set_caps(const struct p9loop_thread *t, u64 effective)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = {
		{ (u32)effective, (u32)t->permitted, (u32)t->inheritable },
		{ effective >> 32, t->permitted >> 32, t->inheritable >> 32 },
	};

	return syscall(SYS_capset, &h, d) ? -errno : 0;
}

/* Make the calling thread one that serves. */
void p9loop_thread_init(struct p9loop_thread *t)
{
	t->own = (struct p9loop_ident){
		.uid = setfsuid(-1),
		.gid = setfsgid(-1),
		.caps = cred_get_caps(&t->permitted, &t->inheritable),
	};
	t->now = t->own;
	if (unshare(CLONE_FS) || fchdir(t->s->proc_fd))
		t->failed = -errno;
	umask(0);
	/* Our groups are neither the guest's users' nor another user's. */
	if ((t->s->ex.model == FERRY_9P_MODEL_PASSTHROUGH || t->s->ex.other) &&
	    syscall(SYS_setgroups, 0, NULL))
		t->failed = -errno;
}

/* Who a guest user is on the host. */
void p9loop_squash(const struct p9loop_export *ex, u32 *uid, u32 *gid)
{
	bool all = ex->flags & FERRY_9P_F_ALL_SQUASH;
	bool root = ex->flags & FERRY_9P_F_ROOT_SQUASH;

	if (all || (root && !*uid))
		*uid = ex->uid;
	if (all || (root && !*gid))
		*gid = ex->gid;
}

static struct p9loop_ident cred_ident(const struct p9loop_thread *t, u32 uid, u32 gid)
{
	const struct p9loop_export *ex = &t->s->ex;
	struct p9loop_ident id = t->own;

	if (ex->model == FERRY_9P_MODEL_PASSTHROUGH) {
		id.uid = uid;
		id.gid = gid;
		if (uid)
			id.caps &= ex->flags & FERRY_9P_F_GUEST_CHECKS ? CRED_CHECKS : 0;
	} else if (ex->other) {
		id.uid = ex->uid;
		id.gid = ex->gid;
		if (id.uid)
			id.caps = 0;
	}
	return id;
}

/* Have exactly these rights; on failure one's own. */
int p9loop_become_ident(struct p9loop_thread *t, const struct p9loop_ident *want)
{
	bool same = t->now.uid == want->uid && t->now.gid == want->gid;
	int ret = 0;

	if (same && t->now.caps == want->caps)
		return 0;
	if (!same) {
		/* To become anyone takes the rights that one began with. */
		cred_set_caps(t, t->own.caps);
		setfsgid(want->gid);
		setfsuid(want->uid);
		if ((u32)setfsuid(-1) != want->uid || (u32)setfsgid(-1) != want->gid)
			ret = -EINVAL;
	}
	if (!ret)
		ret = cred_set_caps(t, want->caps);
	if (!ret) {
		t->now = *want;
		return 0;
	}
	setfsgid(t->own.gid);
	setfsuid(t->own.uid);
	cred_set_caps(t, t->own.caps);
	t->now = t->own;
	return ret;
}

/**
 * p9loop_become - have the rights of a guest user
 * @t: the calling thread
 * @uid: the guest's, squashed
 * @gid: likewise
 * @write: take the set-id bits off files that are written
 *
 * Return: 0, or -EINVAL for a user that the host has not.
 */
int p9loop_become(struct p9loop_thread *t, u32 uid, u32 gid, bool write)
{
	struct p9loop_ident want = cred_ident(t, uid, gid);

	if (want.uid == FERRY_9P_SELF || want.gid == FERRY_9P_SELF)
		return -EINVAL;
	if (write)
		want.caps &= ~BIT_ULL(CAP_FSETID);
	return p9loop_become_ident(t, &want);
}

int p9loop_become_own(struct p9loop_thread *t)
{
	return p9loop_become_ident(t, &t->own);
}
