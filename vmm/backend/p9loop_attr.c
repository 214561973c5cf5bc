// SPDX-License-Identifier: GPL-2.0
/*
 * Role: Tgetattr, Tsetattr, Tstatfs.
 * Threads: those that serve requests, with the rights of the fid's user.
 * Locks: none.
 */
#include <limits.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "p9loop_server.h"

#define ATTR_OWNER	(FERRY_P9_SET_UID | FERRY_P9_SET_GID)
#define ATTR_TIMES	(FERRY_P9_SET_ATIME | FERRY_P9_SET_MTIME)
#define ATTR_BITS	07777

static void attr_tell_time(struct ferry_p9_attr *a, unsigned int i,
			   const struct statx_timestamp *t)
{
	a->time[i][0] = t->tv_sec;
	a->time[i][1] = t->tv_nsec;
}

int p9loop_getattr(struct p9loop_req *req)
{
	static const struct statx_timestamp none;
	struct ferry_p9_enc *e = &req->enc;
	struct ferry_p9_attr a;
	bool btime, device;
	struct statx st;
	int err = p9loop_stat(req->s, req->fid->node, &st);

	if (err)
		return err;
	btime = (req->m.v[1] & FERRY_P9_GETATTR_BTIME) && (st.stx_mask & STATX_BTIME);
	device = S_ISBLK(st.stx_mode) || S_ISCHR(st.stx_mode);
	a.mode = st.stx_mode;
	a.uid = st.stx_uid;
	a.gid = st.stx_gid;
	a.nlink = st.stx_nlink;
	a.rdev = device ? p9loop_encode_dev(st.stx_rdev_major, st.stx_rdev_minor) : 0;
	a.size = st.stx_size;
	a.blksize = st.stx_blksize;
	a.blocks = st.stx_blocks;
	attr_tell_time(&a, 0, &st.stx_atime);
	attr_tell_time(&a, 1, &st.stx_mtime);
	attr_tell_time(&a, 2, &st.stx_ctime);
	attr_tell_time(&a, 3, btime ? &st.stx_btime : &none);
	ferry_p9_put(e, FERRY_P9_GETATTR_BASIC | (btime ? FERRY_P9_GETATTR_BTIME : 0), 8);
	p9loop_put_qid(req->s, e, &st);
	ferry_p9_put_attr(e, &a);
	return 0;
}

static bool attr_open_for_writing(int file)
{
	int flags = file < 0 ? -1 : fcntl(file, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

/* In mapped a plain file may be a symlink, whose target it holds, or a device. */
static int attr_resizable(struct p9loop_server *s, const struct p9loop_node *node)
{
	struct statx st;
	int err;

	if (!p9loop_mapped(s) || !S_ISREG(node->type))
		return 0;
	err = p9loop_stat(s, node, &st);
	return err ?: S_ISREG(st.stx_mode) ? 0 : -EINVAL;
}

static int attr_resize(struct p9loop_server *s, struct p9loop_fid *fid, u64 size)
{
	int file = p9loop_file(fid), err = attr_resizable(s, fid->node);

	/* First: a file that is cut has lost them. */
	if (!err)
		err = p9loop_map_strip(s, fid->node);
	if (err)
		return err;
	/* Who could open the file for writing may go on to do so. */
	if (attr_open_for_writing(file))
		return ftruncate(file, size) ? -errno : 0;
	return truncate(p9loop_name(fid->node->fd).s, size) ? -errno : 0;
}

/*
 * Make a file so many bytes long, as somebody whose writing takes set-id bits off. Not in
 * the queue's thread, where nobody waits for who has a lease: P9LOOP_LATER.
 */
int p9loop_resize(struct p9loop_req *req, struct p9loop_fid *fid, u64 size)
{
	struct p9loop_ident as = req->t->now;
	int err, back;

	if (size > LLONG_MAX)
		return -EINVAL;
	if (req->t == &req->s->queue)
		return P9LOOP_LATER;
	err = p9loop_become(req->t, fid->uid, fid->gid, true);
	if (err)
		return err;
	err = attr_resize(req->s, fid, size);
	back = p9loop_become_ident(req->t, &as);
	return err ?: back;
}

static int attr_chmod(const struct p9loop_node *node, mode_t mode)
{
	return fchmodat(AT_FDCWD, p9loop_name(node->fd).s, mode & ATTR_BITS, 0) ? -errno : 0;
}

static int attr_chown(const struct p9loop_node *node, const struct p9loop_change *c)
{
	uid_t uid = c->valid & FERRY_P9_SET_UID ? c->uid : (uid_t)-1;
	gid_t gid = c->valid & FERRY_P9_SET_GID ? c->gid : (gid_t)-1;

	return fchownat(node->fd, "", uid, gid, AT_EMPTY_PATH) ? -errno : 0;
}

static int attr_change_host(const struct p9loop_node *node, const struct p9loop_change *c)
{
	int err = c->valid & ATTR_OWNER ? attr_chown(node, c) : 0;

	if (!err && (c->valid & FERRY_P9_SET_MODE))
		err = attr_chmod(node, c->mode);
	if (!err && (c->valid & ATTR_TIMES) &&
	    utimensat(AT_FDCWD, p9loop_name(node->fd).s, c->times, 0))
		err = -errno;
	return err;
}

/* A set-group-id bit of a guest user's, which stays only with who is in the file's group. */
static bool attr_sets_sgid(const struct p9loop_export *ex, const struct p9loop_fid *fid,
			   const struct p9loop_change *c)
{
	return ex->model == FERRY_9P_MODEL_PASSTHROUGH && fid->uid &&
	       (c->valid & FERRY_P9_SET_MODE) && (c->mode & S_ISGID) && !(c->valid & ATTR_OWNER);
}

/*
 * Which groups a user is in the guest knows, who has judged the change; it could as well
 * have the file made in that group. Have the user be in it, as far as it is not squashed.
 */
static int attr_change_in_group(struct p9loop_req *req, const struct p9loop_fid *fid,
				const struct p9loop_change *c)
{
	struct p9loop_ident as = req->t->now;
	u32 uid = fid->uid, gid;
	struct statx st;
	int err, back;

	if (statx(fid->node->fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_GID, &st))
		return -errno;
	gid = st.stx_gid;
	p9loop_squash(&req->s->ex, &uid, &gid);
	err = p9loop_become(req->t, uid, gid, false);
	if (!err)
		err = attr_change_host(fid->node, c);
	back = p9loop_become_ident(req->t, &as);
	return err ?: back;
}

/* Change attributes other than the size. */
int p9loop_change(struct p9loop_req *req, struct p9loop_fid *fid, const struct p9loop_change *c)
{
	const struct p9loop_export *ex = &req->s->ex;
	struct p9loop_change own = *c;
	int err;

	/* A new owner gets no set-id bits, also if they are asked for in the same breath. */
	if ((c->valid & ATTR_OWNER) && !p9loop_is_dir(fid->node))
		own.mode = p9loop_mode_killed(own.mode);
	if (p9loop_mapped(req->s)) {
		err = c->valid & (ATTR_OWNER | FERRY_P9_SET_MODE) ?
		      p9loop_map_change(req->s, fid->node, &own) : 0;
		own.valid &= ~(ATTR_OWNER | FERRY_P9_SET_MODE);
		return err ?: attr_change_host(fid->node, &own);
	}
	if (ex->model == FERRY_9P_MODEL_PASSTHROUGH)
		p9loop_squash(ex, &own.uid, &own.gid);
	if (attr_sets_sgid(ex, fid, c))
		return attr_change_in_group(req, fid, c);
	if (ex->model != FERRY_9P_MODEL_NONE || !(c->valid & ATTR_OWNER))
		return attr_change_host(fid->node, &own);
	/* In none an owner that cannot be had is none of the guest's worries. */
	own.valid &= ATTR_OWNER;
	err = attr_change_host(fid->node, &own);
	if (err && err != -EPERM && err != -EINVAL)
		return err;
	own.valid = c->valid & ~ATTR_OWNER;
	return attr_change_host(fid->node, &own);
}

/* One of the two times, as utimensat() takes it. */
static int attr_time(struct timespec *t, u32 how, const __u64 *v)
{
	static const u32 set = FERRY_P9_SET_ATIME_SET | FERRY_P9_SET_MTIME_SET;

	t->tv_nsec = how ? UTIME_NOW : UTIME_OMIT;
	t->tv_sec = 0;
	if (!(how & ATTR_TIMES) || !(how & set))
		return 0;
	if (v[1] >= 1000000000)
		return -EINVAL;
	*t = (struct timespec){ v[0], v[1] };
	return 0;
}

static int attr_times(struct p9loop_req *req, struct p9loop_change *c)
{
	u32 valid = req->m.v[1], a = 0, m = 0;
	const __u64 *v = &req->m.v[6];
	int err;

	if (valid & FERRY_P9_SET_ATIME)
		a = valid & (FERRY_P9_SET_ATIME | FERRY_P9_SET_ATIME_SET);
	if (valid & FERRY_P9_SET_MTIME)
		m = valid & (FERRY_P9_SET_MTIME | FERRY_P9_SET_MTIME_SET);
	c->valid |= (a | m) & ATTR_TIMES;
	err = attr_time(&c->times[0], a, v);
	return err ?: attr_time(&c->times[1], m, v + 2);
}

/* A change of the size has set this already, whoever the file belongs to. */
static void attr_omit_now(struct p9loop_change *c)
{
	if (c->times[1].tv_nsec != UTIME_NOW)
		return;
	c->times[1].tv_nsec = UTIME_OMIT;
	c->valid &= ~FERRY_P9_SET_MTIME;
}

int p9loop_setattr(struct p9loop_req *req)
{
	struct p9loop_fid *fid = req->fid;
	const __u64 *v = req->m.v;
	struct p9loop_change c = { .mode = v[2], .uid = v[3], .gid = v[4] };
	u32 valid = v[1];
	int err;

	if (fid->xattr || (valid & ~FERRY_P9_SET_ALL))
		return -EINVAL;
	err = attr_times(req, &c);
	if (err)
		return err;
	/* First the size: it sets the times. */
	if (valid & FERRY_P9_SET_SIZE) {
		err = p9loop_resize(req, fid, v[5]);
		if (err)
			return err;
		attr_omit_now(&c);
	}
	if (valid & FERRY_P9_SET_MODE) {
		if (S_ISLNK(fid->node->type))
			return -EOPNOTSUPP;
		c.valid |= FERRY_P9_SET_MODE;
	}
	if (c.uid != FERRY_9P_SELF)
		c.valid |= valid & FERRY_P9_SET_UID;
	if (c.gid != FERRY_9P_SELF)
		c.valid |= valid & FERRY_P9_SET_GID;
	return c.valid ? p9loop_change(req, fid, &c) : 0;
}

int p9loop_statfs(struct p9loop_req *req)
{
	struct ferry_p9_enc *e = &req->enc;
	struct statfs st;

	if (fstatfs(req->fid->node->fd, &st))
		return -errno;
	ferry_p9_put(e, st.f_type, 4);
	ferry_p9_put(e, st.f_bsize, 4);
	ferry_p9_put(e, st.f_blocks, 8);
	ferry_p9_put(e, st.f_bfree, 8);
	ferry_p9_put(e, st.f_bavail, 8);
	ferry_p9_put(e, st.f_files, 8);
	ferry_p9_put(e, st.f_ffree, 8);
	ferry_p9_put(e, (u32)st.f_fsid.__val[0] | (u64)(u32)st.f_fsid.__val[1] << 32, 8);
	ferry_p9_put(e, st.f_namelen < FERRY_P9_NAME_MAX ? st.f_namelen : FERRY_P9_NAME_MAX, 4);
	return 0;
}
