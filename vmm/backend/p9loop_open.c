// SPDX-License-Identifier: GPL-2.0
/*
 * Role: Tlopen and Tlcreate. Only regular files and directories are opened, by flags of
 *	a list, and never in a way that could wait for somebody else.
 * Threads: those that serve requests, with the rights of the fid's user.
 * Locks: the fid's mutex.
 */
#include <string.h>
#include <unistd.h>

#include "p9loop_server.h"

/* How often a name may come and go while it is created. */
#define OPEN_TRIES	3

/* Flags that have a meaning on the host; O_DIRECT is the guest's own affair. */
static const struct {
	u32 p9;
	int host;
} open_flags[] = {
	{ FERRY_P9_O_APPEND, O_APPEND },
	{ FERRY_P9_O_DSYNC, O_DSYNC },
	{ FERRY_P9_O_SYNC, O_SYNC },
	{ FERRY_P9_O_DIRECTORY, O_DIRECTORY },
	{ FERRY_P9_O_NOATIME, O_NOATIME },
};

static int open_host_flags(const struct p9loop_server *s, u32 flags)
{
	int host = O_NONBLOCK | O_NOCTTY | O_LARGEFILE | O_CLOEXEC;
	unsigned int i;

	host |= flags & FERRY_P9_O_ACCMODE;
	for (i = 0; i < ARRAY_SIZE(open_flags); i++)
		if ((flags & open_flags[i].p9) == open_flags[i].p9)
			host |= open_flags[i].host;
	if (s->ex.flags & FERRY_9P_F_WRITEOUT)
		host |= O_DSYNC;
	return host;
}

static bool open_writes(u32 flags)
{
	return (flags & FERRY_P9_O_ACCMODE) != FERRY_P9_O_RDONLY || (flags & FERRY_P9_O_TRUNC);
}

/* Whether a file of this type is opened at all, on either side of the model. */
static int open_type(struct p9loop_server *s, const struct p9loop_node *node, u32 flags)
{
	struct statx st = { .stx_mode = node->type };
	int err = 0;

	if (S_ISREG(node->type) && p9loop_mapped(s))
		err = p9loop_stat(s, node, &st);
	if (err)
		return err;
	if (S_ISLNK(st.stx_mode))
		return -ELOOP;
	if (S_ISDIR(st.stx_mode))
		return open_writes(flags) ? -EISDIR : 0;
	if (!S_ISREG(st.stx_mode))
		return -ENXIO;
	return flags & FERRY_P9_O_DIRECTORY ? -ENOTDIR : 0;
}

/* A descriptor of what the node names, or -errno. */
static int open_node(struct p9loop_req *req, const struct p9loop_node *node, u32 flags)
{
	int host = open_host_flags(req->s, flags);
	int fd, err = p9loop_inside(req, node);

	if (!err && (flags & FERRY_P9_O_ACCMODE) == FERRY_P9_O_ACCMODE)
		err = -EINVAL;
	if (!err)
		err = open_type(req->s, node, flags);
	if (!err && open_writes(flags) && (req->s->ex.flags & FERRY_9P_F_READ_ONLY))
		err = -EROFS;
	if (err)
		return err;
	/* The node is no symlink: this leads to it and not beyond. */
	fd = open(p9loop_name(node->fd).s, host);
	if (fd < 0 && errno == EWOULDBLOCK && S_ISREG(node->type)) {
		/* Somebody has a lease, and its time to give it up. */
		if (req->t == &req->s->queue)
			return -EWOULDBLOCK;
		fd = open(p9loop_name(node->fd).s, host & ~O_NONBLOCK);
	}
	return fd < 0 ? -errno : p9loop_keep(fd);
}

/* Open what a fid names; from now on it is open for good. May be P9LOOP_LATER. */
int p9loop_open(struct p9loop_req *req, struct p9loop_fid *fid, u32 flags)
{
	int file, err = 0;

	pthread_mutex_lock(&fid->mutex);
	file = fid->xattr || fid->file >= 0 ? -EINVAL : open_node(req, fid->node, flags);
	if (file >= 0 && (flags & FERRY_P9_O_TRUNC) && S_ISREG(fid->node->type))
		err = p9loop_resize(req, fid, 0);
	if (file < 0)
		err = file;
	else if (err)
		close(file);
	else
		__atomic_store_n(&fid->file, file, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&fid->mutex);
	return err == -EWOULDBLOCK && req->t == &req->s->queue ? P9LOOP_LATER : err;
}

static void open_put(struct p9loop_req *req, const struct statx *st)
{
	p9loop_put_qid(req->s, &req->enc, st);
	ferry_p9_put(&req->enc, 0, 4);	/* as much at once as a message holds */
}

int p9loop_lopen(struct p9loop_req *req)
{
	struct statx st;
	int err = p9loop_open(req, req->fid, req->m.v[1] & ~FERRY_P9_O_CREATE);

	if (!err)
		err = p9loop_stat(req->s, req->fid->node, &st);
	if (!err)
		open_put(req, &st);
	return err;
}

/*
 * Have the file: open(O_CREAT) in the fid's directory. Return: a descriptor if it was
 * made, -1 if it was there and is still to be opened, or -errno in @err.
 */
static int open_have(struct p9loop_req *req, u32 flags, const struct p9loop_new *new,
		     struct p9loop_node **node, int *err)
{
	struct p9loop_entry name = p9loop_entry(&req->m.s[0]);
	struct p9loop_node *dir = req->fid->node;
	int tries = OPEN_TRIES, fd = -1;

	do {
		*err = p9loop_node_child(dir, name.s, true, node);
		if (!*err && (flags & FERRY_P9_O_EXCL)) {
			p9loop_node_put(*node);
			*err = -EEXIST;
		}
		if (*err != -ENOENT)
			return -1;
		fd = p9loop_make_open(req, dir, open_host_flags(req->s, flags), new, node);
		*err = fd < 0 ? fd : 0;
	} while (*err == -EEXIST && !(flags & FERRY_P9_O_EXCL) && --tries);
	return fd < 0 ? -1 : fd;
}

static int open_may_create(struct p9loop_req *req, u32 flags)
{
	const struct p9loop_fid *dir = req->fid;

	if (dir->xattr || p9loop_file(dir) >= 0)
		return -EINVAL;
	if (ferry_p9_dots(req->m.s[0].s, req->m.s[0].len))
		return -EEXIST;
	if (!p9loop_is_dir(dir->node))
		return -ENOTDIR;
	if ((flags & FERRY_P9_O_ACCMODE) == FERRY_P9_O_ACCMODE)
		return -EINVAL;
	return p9loop_inside(req, dir->node);
}

/*
 * What was there is reached and opened with the user's own rights: the group in the message is
 * for what is made.
 */
static int open_found(struct p9loop_req *req, struct p9loop_fid *fid, u32 flags)
{
	struct p9loop_entry name = p9loop_entry(&req->m.s[0]);
	int err = p9loop_become(req->t, fid->uid, fid->gid, false), fd;

	if (err)
		return err;
	fd = p9loop_lookup(req->fid->node->fd, name.s, 0);
	if (fd < 0)
		return fd;
	close(fd);
	return p9loop_open(req, fid, flags);
}

/**
 * p9loop_create - create a file in the directory of a fid, which then is that file
 * @req: its first string is the name
 * @flags: FERRY_P9_O_*
 * @new: what to make if there is none
 * @st: filled in
 *
 * As open(2) does, it has a fid before the file is made: what fails then leaves it.
 */
int p9loop_create(struct p9loop_req *req, u32 flags, const struct p9loop_new *new,
		  struct statx *st)
{
	struct p9loop_server *s = req->s;
	struct p9loop_fid *dir = req->fid, *fid;
	struct p9loop_node *node;
	int err = open_may_create(req, flags), fd;

	if (err)
		return err;
	fid = p9loop_fid_alloc(s, dir->id, dir->node, dir, &err);
	if (!fid)
		return err;
	fid->rclose = new->rclose;
	fd = open_have(req, flags, new, &node, &err);
	if (!err) {
		p9loop_fid_point(fid, node);
		/* Whoever made the file has it open, whatever its mode. */
		fid->file = fd;
		if (fd < 0)
			err = open_found(req, fid, flags);
		if (!err)
			err = p9loop_stat(s, fid->node, st);
		if (!err)
			err = p9loop_fid_replace(s, dir, fid);
	}
	p9loop_fid_put(s, fid);
	return err;
}

int p9loop_lcreate(struct p9loop_req *req)
{
	struct p9loop_new new = { .mode = S_IFREG | (req->m.v[2] & 07777),
				  .uid = req->fid->uid, .gid = req->m.v[3] };
	struct statx st;
	int err;

	p9loop_squash(&req->s->ex, &new.uid, &new.gid);
	err = p9loop_create(req, req->m.v[1], &new, &st);
	if (!err)
		open_put(req, &st);
	return err;
}
