// SPDX-License-Identifier: GPL-2.0
/*
 * Role: what is exported: the directory, and how it is served, by the rules of
 *	drivers/9p/export.c. Who may mount serves it from a private mount of its own,
 *	below which nothing is mounted; for others what is mounted below is not there.
 * Threads: those that start and stop the server.
 * Locks: none.
 */
#include <linux/capability.h>
#include <linux/mount.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "9p/p9_session_core.h"
#include "p9loop_server.h"
#include "spare_fd.h"

/* The same order of judgement as in the kernel. */
static int export_rights(struct ferry_9p_backend *b)
{
	const u64 anyone = BIT_ULL(CAP_SETUID) | BIT_ULL(CAP_SETGID);
	bool other = b->uid != FERRY_9P_SELF || b->gid != FERRY_9P_SELF;
	u64 caps = p9loop_caps();

	if ((other || b->model == FERRY_9P_MODEL_PASSTHROUGH) && (caps & anyone) != anyone)
		return -EPERM;
	if (b->model == FERRY_9P_MODEL_PASSTHROUGH && !(caps & BIT_ULL(CAP_CHOWN)))
		return -EPERM;
	if (b->uid == FERRY_9P_SELF)
		b->uid = setfsuid(-1);
	if (b->gid == FERRY_9P_SELF)
		b->gid = setfsgid(-1);
	return 0;
}

/*
 * A fid may hold a file, its directory, and it open, and a lock another one; who may not have so
 * many has fewer.
 */
static void export_raise_limit(u32 fids)
{
	const rlim_t want = 3 * (rlim_t)fids + P9LOOP_LOCKS_MAX + SPARE_FDS;
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur >= want)
		return;
	if (r.rlim_max >= want || !setrlimit(RLIMIT_NOFILE, &(struct rlimit){ want, want })) {
		r.rlim_cur = want;
		if (r.rlim_max < want)
			return;
	} else {
		r.rlim_cur = r.rlim_max;
	}
	setrlimit(RLIMIT_NOFILE, &r);
}

int p9loop_check(struct ferry_9p_backend *b)
{
	struct stat st;
	int ret;

	ferry_p9_export_defaults(b);
	ret = ferry_p9_export_check(b);
	if (ret)
		return ret;
	if (fstat(b->fd, &st))
		return -errno;
	ret = S_ISDIR(st.st_mode) ? export_rights(b) : -ENOTDIR;
	/* Now: whoever serves may have lost the right to. */
	if (!ret)
		export_raise_limit(b->fids);
	return ret;
}

int p9loop_detach(int dir)
{
	int fd = syscall(SYS_open_tree, dir, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
			 AT_EMPTY_PATH);

	return fd < 0 ? -errno : fd;
}

static int export_root(struct p9loop_export *ex, int dir, bool detached)
{
	int fd = detached ? -1 : p9loop_detach(dir), ret;

	ex->detached = detached || fd >= 0;
	if (fd < 0)
		fd = p9loop_lookup(dir, ".", O_DIRECTORY);
	if (fd < 0)
		return fd == -1 ? -errno : fd;
	ret = p9loop_node_new(fd, &ex->root);
	return ret ?: p9loop_is_dir(ex->root) ? 0 : -ENOTDIR;
}

int p9loop_export_get(struct p9loop_export *ex, const struct ferry_9p_backend *b, bool detached)
{
	bool other = b->uid != FERRY_9P_SELF || b->gid != FERRY_9P_SELF;
	struct ferry_9p_backend in_use = *b;
	int ret = p9loop_check(&in_use);

	if (ret)
		return ret;
	*ex = (struct p9loop_export){
		.model = in_use.model, .flags = in_use.flags, .msize = in_use.msize,
		.fids = in_use.fids, .uid = in_use.uid, .gid = in_use.gid,
		.other = other && in_use.model == FERRY_9P_MODEL_MAPPED,
		.fmode = in_use.fmode, .dmode = in_use.dmode,
		.xattr_bytes = in_use.xattr_bytes,
	};
	return export_root(ex, b->fd, detached);
}

void p9loop_export_put(struct p9loop_export *ex)
{
	if (ex->root)
		p9loop_node_put(ex->root);
	ex->root = NULL;
}
