// SPDX-License-Identifier: GPL-2.0
/*
 * Role: what makes and removes entries of a directory: Tmkdir, Tmknod, Tsymlink, Tlink,
 *	Tunlinkat, Tremove, and the making part of Tlcreate.
 * Threads: those that serve requests, with the rights of the fid's user and no mask.
 * Locks: none.
 */
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "p9loop_server.h"

#define CREATE_BITS	07777
#define CREATE_MAJORS	(1U << 12)
#define CREATE_MINORS	(1U << 20)

/* A regular file that was not there; -errno or a descriptor. */
static int create_file(const struct p9loop_node *dir, const char *name, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (flags & ~O_DIRECTORY) | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		.mode = mode & CREATE_BITS,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_XDEV,
	};
	int fd = syscall(SYS_openat2, dir->fd, name, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

/* A node of an open file that was made there. */
static int create_node(int fd, struct p9loop_node *dir, const char *name,
		       struct p9loop_node **made)
{
	int path = open(p9loop_name(fd).s, O_PATH | O_CLOEXEC);
	int err = path < 0 ? -errno : p9loop_node_new(path, made);

	if (err)
		return err;
	err = p9loop_node_found(*made, dir, name);
	if (err)
		p9loop_node_put(*made);
	return err;
}

/* Take what was just made off again. */
static void create_undo(const struct p9loop_node *dir, const char *name,
			const struct p9loop_node *made)
{
	if (p9loop_node_is(made, dir, name))
		unlinkat(dir->fd, name, p9loop_is_dir(made) ? AT_REMOVEDIR : 0);
}

/* In mapped a symlink is a plain file that holds its target. */
static int create_target(int fd, const char *target)
{
	ssize_t len = strlen(target), n = pwrite(fd, target, len, 0);

	if (n < 0)
		return -errno;
	return n == len ? 0 : -ENOSPC;
}

/**
 * p9loop_make_open - make a regular file, and have it open
 * @req: its first string is the name
 * @dir: the directory
 * @flags: for the host
 * @new: what to make; in mapped anything but a directory
 * @made: set, with a reference
 *
 * Return: the descriptor or -errno.
 */
int p9loop_make_open(struct p9loop_req *req, struct p9loop_node *dir, int flags,
		     const struct p9loop_new *new, struct p9loop_node **made)
{
	struct p9loop_entry name = p9loop_entry(&req->m.s[0]);
	mode_t mode = p9loop_mapped(req->s) ? req->s->ex.fmode : new->mode;
	int err, fd = create_file(dir, name.s, flags, mode);

	if (fd < 0)
		return fd;
	err = create_node(fd, dir, name.s, made);
	if (err) {
		unlinkat(dir->fd, name.s, 0);
		close(fd);
		return err;
	}
	if (new->target)
		err = create_target(fd, new->target);
	if (!err)
		err = p9loop_made(req->s, *made, new);
	if (err) {
		create_undo(dir, name.s, *made);
		p9loop_node_put(*made);
		close(fd);
		return err;
	}
	return fd;
}

static int create_host(struct p9loop_req *req, const struct p9loop_node *dir, const char *name,
		       const struct p9loop_new *new)
{
	mode_t mode = new->mode & CREATE_BITS;
	int ret;

	if (S_ISDIR(new->mode))
		ret = mkdirat(dir->fd, name, p9loop_mapped(req->s) ? req->s->ex.dmode : mode);
	else if (S_ISLNK(new->mode))
		ret = symlinkat(new->target, dir->fd, name);
	else
		ret = mknodat(dir->fd, name, new->mode, makedev(new->major, new->minor));
	return ret ? -errno : 0;
}

/*
 * The entry was made by its name and is looked up by it: see that nobody exchanged it
 * before it is given to somebody.
 */
static int create_check(struct p9loop_req *req, const struct p9loop_node *made,
			const struct p9loop_new *new)
{
	struct statx st;

	if (statx(made->fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st))
		return -errno;
	if ((st.stx_mode & S_IFMT) != (new->mode & S_IFMT) || st.stx_uid != req->t->now.uid)
		return -ESTALE;
	return S_ISDIR(st.stx_mode) || st.stx_nlink == 1 ? 0 : -ESTALE;
}

static int create_by_name(struct p9loop_req *req, struct p9loop_node *dir,
			  const char *name, const struct p9loop_new *new,
			  struct p9loop_node **made)
{
	int err = create_host(req, dir, name, new);

	if (err)
		return err;
	err = p9loop_node_child(dir, name, true, made);
	/* Nobody took it away: there was nothing left to name it by. */
	if (err == -EMFILE || err == -ENFILE || err == -ENOMEM)
		unlinkat(dir->fd, name, S_ISDIR(new->mode) ? AT_REMOVEDIR : 0);
	if (err || req->s->ex.model == FERRY_9P_MODEL_PASSTHROUGH)
		return err;
	err = create_check(req, *made, new);
	/* In none a file that cannot be given away is left as it is. */
	if (err && !p9loop_mapped(req->s))
		return 0;
	if (!err) {
		err = p9loop_made(req->s, *made, new);
		if (err)
			create_undo(dir, name, *made);
	}
	if (err)
		p9loop_node_put(*made);
	return err;
}

/**
 * p9loop_make - make an entry of a directory
 * @req: its first string is the name
 * @dir: the directory
 * @new: what to make
 * @made: set, with a reference
 *
 * Return: 0, -EEXIST, or what the file system said.
 */
int p9loop_make(struct p9loop_req *req, struct p9loop_node *dir,
		const struct p9loop_new *new, struct p9loop_node **made)
{
	struct p9loop_entry name = p9loop_entry(&req->m.s[0]);
	int err, fd;

	if (!p9loop_is_dir(dir))
		return -ENOTDIR;
	if (ferry_p9_dots(req->m.s[0].s, req->m.s[0].len))
		return -EEXIST;
	err = p9loop_inside(req, dir);
	if (err)
		return err;
	/* In mapped the host has plain files and directories only. */
	if (!S_ISREG(new->mode) && (!p9loop_mapped(req->s) || S_ISDIR(new->mode)))
		return create_by_name(req, dir, name.s, new, made);
	fd = p9loop_make_open(req, dir, O_WRONLY | O_NONBLOCK | O_NOCTTY, new, made);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* Make what the request names in its fid's directory, and answer with its qid. */
static int create_answer(struct p9loop_req *req, struct p9loop_new *new)
{
	struct p9loop_node *made;
	struct statx st;
	int err;

	if (req->fid->xattr)
		return -EINVAL;
	new->uid = req->fid->uid;
	p9loop_squash(&req->s->ex, &new->uid, &new->gid);
	err = p9loop_make(req, req->fid->node, new, &made);
	if (err)
		return err;
	err = p9loop_stat(req->s, made, &st);
	if (err)
		create_undo(req->fid->node, p9loop_entry(&req->m.s[0]).s, made);
	else
		p9loop_put_qid(req->s, &req->enc, &st);
	p9loop_node_put(made);
	return err;
}

int p9loop_mkdir(struct p9loop_req *req)
{
	struct p9loop_new new = { .mode = S_IFDIR | (req->m.v[1] & CREATE_BITS),
				  .gid = req->m.v[2] };

	return create_answer(req, &new);
}

int p9loop_mknod(struct p9loop_req *req)
{
	struct p9loop_new new = { .mode = (u16)req->m.v[1], .gid = req->m.v[4] };
	u64 major = req->m.v[2], minor = req->m.v[3];

	if (!(new.mode & S_IFMT))
		new.mode |= S_IFREG;
	switch (new.mode & S_IFMT) {
	case S_IFCHR:
	case S_IFBLK:
		if (major >= CREATE_MAJORS || minor >= CREATE_MINORS)
			return -EINVAL;
		new.major = major;
		new.minor = minor;
		break;
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	return create_answer(req, &new);
}

int p9loop_symlink(struct p9loop_req *req)
{
	const struct ferry_p9_str *target = &req->m.s[1];
	struct p9loop_new new = { .mode = S_IFLNK | 0777, .gid = req->m.v[1] };

	if (!target->len)
		return -ENOENT;
	if (target->len > FERRY_P9_TARGET_MAX)
		return -ENAMETOOLONG;
	new.target = p9loop_cstr(target);
	return create_answer(req, &new);
}

static int create_link(struct p9loop_req *req, const struct p9loop_node *dir,
		       const struct p9loop_node *old)
{
	struct p9loop_entry name = p9loop_entry(&req->m.s[0]);
	int err = p9loop_inside(req, dir);

	if (!err)
		err = p9loop_inside(req, old);
	if (err)
		return err;
	return linkat(AT_FDCWD, p9loop_name(old->fd).s, dir->fd, name.s, AT_SYMLINK_FOLLOW) ?
	       -errno : 0;
}

/**
 * p9loop_link_to - make a hard link in the directory of a fid
 * @req: its first string is the name
 * @id: the number of the fid that it is made to
 *
 * Return: 0, -EBADF, or what the file system said.
 */
int p9loop_link_to(struct p9loop_req *req, u32 id)
{
	const struct p9loop_node *dir = req->fid->node;
	struct p9loop_fid *old;
	int err;

	if (ferry_p9_dots(req->m.s[0].s, req->m.s[0].len))
		return -EEXIST;
	if (!p9loop_is_dir(dir))
		return -ENOTDIR;
	old = p9loop_fid_get(req->s, id);
	if (!old)
		return -EBADF;
	err = old->xattr ? -EINVAL : create_link(req, dir, old->node);
	p9loop_fid_put(req->s, old);
	return err;
}

int p9loop_link(struct p9loop_req *req)
{
	return p9loop_link_to(req, req->m.v[1]);
}

int p9loop_unlinkat(struct p9loop_req *req)
{
	struct p9loop_entry name = p9loop_entry(&req->m.s[0]);
	const struct p9loop_node *dir = req->fid->node;
	u32 flags = req->m.v[1];
	int err;

	if (flags & ~FERRY_P9_UNLINK_DIR)
		return -EINVAL;
	if (!p9loop_is_dir(dir) || req->fid->xattr)
		return -ENOTDIR;
	switch (ferry_p9_dots(req->m.s[0].s, req->m.s[0].len)) {
	case 1:
		return -EINVAL;
	case 2:
		return -ENOTEMPTY;
	}
	err = p9loop_inside(req, dir);
	if (err)
		return err;
	return unlinkat(dir->fd, name.s, flags ? AT_REMOVEDIR : 0) ? -errno : 0;
}

/* Take the file that a fid names out of the directory that it is in. */
int p9loop_unlink_fid(struct p9loop_req *req, struct p9loop_fid *fid)
{
	struct p9loop_place place;
	int err;

	if (p9loop_is_root(req->s, fid->node))
		return -EBUSY;
	err = p9loop_place(req, fid->node, &place);
	if (err)
		return err;
	if (unlinkat(place.dir->fd, place.name.s, p9loop_is_dir(fid->node) ? AT_REMOVEDIR : 0))
		err = -errno;
	p9loop_node_put(place.dir);
	return err;
}

/* The fid is gone whether or not the file is. */
int p9loop_remove(struct p9loop_req *req)
{
	if (!p9loop_fid_remove(req->s, req->fid))
		return -EBADF;
	if (req->s->ex.flags & FERRY_9P_F_READ_ONLY)
		return -EROFS;
	return req->fid->xattr ? -EINVAL : p9loop_unlink_fid(req, req->fid);
}
