// SPDX-License-Identifier: GPL-2.0
/*
 * Role: files of the host by descriptors that only name them, and where they are. From a
 *	directory that is held the next is reached by one name, and never through a
 *	symlink or onto another mount. On a mount of its own the kernel itself does not
 *	go up from what was moved out of the export; elsewhere the way up is gone until
 *	the root is met.
 * Threads: those that serve requests.
 * Locks: none.
 */
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "p9loop_server.h"
#include "spare_fd.h"

/* What the kernel puts behind the path of a name that is gone. */
#define NODE_GONE	" (deleted)"

#define NODE_RESOLVE	(RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV)

struct p9loop_name p9loop_name(int fd)
{
	struct p9loop_name n;

	snprintf(n.s, sizeof(n.s), "%d", fd);
	return n;
}

/**
 * p9loop_keep - keep a descriptor for a guest, if there are enough
 * @fd: just opened, or -errno
 *
 * Return: @fd, or -EMFILE, and it is closed.
 */
int p9loop_keep(int fd)
{
	if (fd < 0 || !spare_fd(fd))
		return fd;
	close(fd);
	return -EMFILE;
}

static int node_openat2(int dir, const char *name, u64 flags, u64 resolve)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC | flags,
		.resolve = NODE_RESOLVE | resolve,
	};
	int fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

/**
 * p9loop_lookup - name an entry of a directory
 * @dir: the directory
 * @name: one name, or what the kernel said where a file is below the root
 * @flags: O_DIRECTORY or 0
 *
 * Return: a descriptor, or -errno: -ENOENT also for what is mounted there.
 */
int p9loop_lookup(int dir, const char *name, u64 flags)
{
	int fd = node_openat2(dir, name, flags, RESOLVE_BENEATH);

	return fd == -EXDEV ? -ENOENT : fd;
}

/* The same for what the kernel knows already; -EAGAIN: it would have to look. */
static int node_lookup_cached(int dir, const char *name)
{
	int fd = node_openat2(dir, name, 0, RESOLVE_BENEATH | RESOLVE_CACHED);

	return fd == -EXDEV ? -ENOENT : fd;
}

static bool node_same(const struct statx *st, const struct p9loop_node *n)
{
	return st->stx_ino == n->ino &&
	       p9loop_encode_dev(st->stx_dev_major, st->stx_dev_minor) == n->dev;
}

int p9loop_node_new(int fd, struct p9loop_node **node)
{
	struct p9loop_node *n;
	struct statx st;
	int err = 0;

	fd = p9loop_keep(fd);
	if (fd < 0)
		return fd;
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &st))
		err = -errno;
	n = err ? NULL : malloc(sizeof(*n));
	if (!n) {
		close(fd);
		return err ?: -ENOMEM;
	}
	*n = (struct p9loop_node){
		.refs = 1, .fd = fd, .ino = st.stx_ino,
		.dev = p9loop_encode_dev(st.stx_dev_major, st.stx_dev_minor),
		.type = st.stx_mode & S_IFMT,
	};
	*node = n;
	return 0;
}

struct p9loop_node *p9loop_node_ref(struct p9loop_node *node)
{
	__atomic_add_fetch(&node->refs, 1, __ATOMIC_RELAXED);
	return node;
}

void p9loop_node_put(struct p9loop_node *node)
{
	if (__atomic_sub_fetch(&node->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (node->from)
		p9loop_node_put(node->from);
	close(node->fd);
	free(node->name);
	free(node);
}

int p9loop_node_found(struct p9loop_node *node, struct p9loop_node *dir, const char *name)
{
	node->name = strdup(name);
	/* A directory knows the one that it is in; a chain of them would never end. */
	if (node->name && !p9loop_is_dir(node))
		node->from = p9loop_node_ref(dir);
	return node->name ? 0 : -ENOMEM;
}

/* An entry of a directory; unless @may_block perhaps -EAGAIN. */
int p9loop_node_child(struct p9loop_node *dir, const char *name, bool may_block,
		      struct p9loop_node **child)
{
	int fd, err;

	if (!p9loop_is_dir(dir))
		return -ENOTDIR;
	fd = may_block ? p9loop_lookup(dir->fd, name, 0) : node_lookup_cached(dir->fd, name);
	err = fd < 0 ? fd : p9loop_node_new(fd, child);
	if (err)
		return err;
	err = p9loop_node_found(*child, dir, name);
	if (err)
		p9loop_node_put(*child);
	return err;
}

/* Whether the entry is that file. */
bool p9loop_node_is(const struct p9loop_node *node, const struct p9loop_node *dir,
		    const char *name)
{
	struct statx st;

	return !statx(dir->fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		      STATX_INO, &st) && node_same(&st, node);
}

/* Up; what has no way up, or one that leads elsewhere, is not in the export. */
static int node_up(int dir)
{
	int fd = node_openat2(dir, "..", O_DIRECTORY, 0);

	return fd == -ENOENT || fd == -EXDEV ? -ESTALE : fd;
}

/* The way up until the root; the root of everything is its own parent. */
static int node_climb(const struct p9loop_server *s, int dir)
{
	struct p9loop_node *at = NULL, *up;
	int fd = node_up(dir), err;

	while (fd >= 0) {
		err = p9loop_node_new(fd, &up);
		if (err)
			break;
		if (at && at->ino == up->ino && at->dev == up->dev)
			err = -ESTALE;
		if (at)
			p9loop_node_put(at);
		at = up;
		if (err || p9loop_is_root(s, at))
			break;
		fd = node_up(at->fd);
	}
	if (at)
		p9loop_node_put(at);
	return fd < 0 ? fd : err;
}

static int node_dir_inside(const struct p9loop_server *s, const struct p9loop_node *dir)
{
	struct statx st;

	if (!s->ex.detached)
		return node_climb(s, dir->fd);
	if (!statx(dir->fd, "..", AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, 0,
		   &st))
		return 0;
	return errno == ENOENT ? -ESTALE : -errno;
}

/* What the kernel says where a file is, below the root; NULL: not there, or @err. */
static char *node_path(struct p9loop_req *req, const struct p9loop_node *node, char *text,
		       int *err)
{
	char root[PATH_MAX];
	ssize_t n = readlink(p9loop_name(node->fd).s, text, PATH_MAX - 1), r;

	*err = -ESTALE;
	r = n < 0 ? n : readlink(p9loop_name(req->s->ex.root->fd).s, root, PATH_MAX - 1);
	if (r < 0) {
		*err = -errno;
		return NULL;
	}
	text[n] = 0;
	if (r == 1)
		r = 0;
	return n > r + 1 && !memcmp(text, root, r) && text[r] == '/' ? text + r + 1 : NULL;
}

/* The place that a path tells. */
static int node_place_told(struct p9loop_req *req, const struct p9loop_node *node, char *path,
			   struct p9loop_place *place)
{
	char *slash = strrchr(path, '/');
	int fd;

	if (strlen(slash ? slash + 1 : path) > FERRY_P9_NAME_MAX)
		return -ENOENT;
	strcpy(place->name.s, slash ? slash + 1 : path);
	if (slash)
		*slash = 0;
	if (p9loop_is_dir(node)) {
		fd = node_up(node->fd);
	} else {
		fd = p9loop_lookup(req->s->ex.root->fd, slash ? path : ".", O_DIRECTORY);
		if (fd == -ENOENT || fd == -ELOOP || fd == -ENOTDIR)
			fd = -ESTALE;
	}
	return fd < 0 ? fd : p9loop_node_new(fd, &place->dir);
}

/* The place where it was found, if it still is there. */
static int node_place_known(const struct p9loop_node *node, struct p9loop_place *place)
{
	int fd, err;

	if (!node->name || strlen(node->name) > FERRY_P9_NAME_MAX)
		return -ENOENT;
	strcpy(place->name.s, node->name);
	if (node->from) {
		place->dir = p9loop_node_ref(node->from);
	} else {
		fd = p9loop_is_dir(node) ? node_up(node->fd) : -ENOENT;
		err = fd < 0 ? fd : p9loop_node_new(fd, &place->dir);
		if (err)
			return err;
	}
	if (p9loop_node_is(node, place->dir, place->name.s))
		return 0;
	p9loop_node_put(place->dir);
	return -ENOENT;
}

static int node_place_own(struct p9loop_req *req, const struct p9loop_node *node,
			  struct p9loop_place *place)
{
	char text[PATH_MAX], *path;
	int err = node_place_known(node, place);

	if (err == -ENOENT) {
		path = node_path(req, node, text, &err);
		if (path)
			err = node_place_told(req, node, path, place);
	}
	if (err)
		return err;
	if (!p9loop_is_root(req->s, place->dir))
		err = node_dir_inside(req->s, place->dir);
	if (!err && !p9loop_node_is(node, place->dir, place->name.s))
		err = -ENOENT;
	if (err)
		p9loop_node_put(place->dir);
	return err;
}

/**
 * p9loop_place - where a file is now
 * @req: any request; what is asked here is asked with one's own rights
 * @node: the file, not the root
 * @place: set; place->dir has a reference
 *
 * Return: 0, -ESTALE for what was moved out of the export, -ENOENT for what is gone.
 */
int p9loop_place(struct p9loop_req *req, const struct p9loop_node *node,
		 struct p9loop_place *place)
{
	struct p9loop_ident as = req->t->now;
	int err = p9loop_become_own(req->t), back;

	if (!err)
		err = node_place_own(req, node, place);
	back = p9loop_become_ident(req->t, &as);
	if (!err && back)
		p9loop_node_put(place->dir);
	return err ?: back;
}

/*
 * Whether a name that is gone was in the export: the file may have another. On a mount of
 * our own a path does not tell which root it begins at, so it has to lead to the directory
 * where the file was found.
 */
static int node_gone_inside(struct p9loop_req *req, const struct p9loop_node *node)
{
	char text[PATH_MAX], *path;
	struct p9loop_place place;
	size_t len, gone = strlen(NODE_GONE);
	int err;

	path = node_path(req, node, text, &err);
	if (!path)
		return err;
	len = strlen(path);
	if (len <= gone || strcmp(path + len - gone, NODE_GONE))
		return -ESTALE;
	path[len - gone] = 0;
	err = node_place_told(req, node, path, &place);
	if (err)
		return err == -ENOENT ? -ESTALE : err;
	if (req->s->ex.detached && (!node->from || node->from->ino != place.dir->ino ||
				    node->from->dev != place.dir->dev))
		err = -ESTALE;
	else if (!p9loop_is_root(req->s, place.dir))
		err = node_dir_inside(req->s, place.dir);
	p9loop_node_put(place.dir);
	return err;
}

static int node_file_inside(struct p9loop_req *req, const struct p9loop_node *node)
{
	struct p9loop_place place;
	struct statx st;
	int err;

	/* It has no name anywhere. */
	if (!statx(node->fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_NLINK, &st) &&
	    !st.stx_nlink)
		return 0;
	err = node_place_own(req, node, &place);
	if (!err)
		p9loop_node_put(place.dir);
	return err == -ENOENT ? node_gone_inside(req, node) : err;
}

int p9loop_inside(struct p9loop_req *req, const struct p9loop_node *node)
{
	struct p9loop_ident as = req->t->now;
	int err, back;

	if (p9loop_is_root(req->s, node))
		return 0;
	if (p9loop_is_dir(node) && req->s->ex.detached) {
		err = node_dir_inside(req->s, node);
		if (err != -EACCES)
			return err;
	}
	/* Where it lies does not depend on who asks. */
	err = p9loop_become_own(req->t);
	if (!err)
		err = p9loop_is_dir(node) ? node_dir_inside(req->s, node) :
					    node_file_inside(req, node);
	back = p9loop_become_ident(req->t, &as);
	return err ?: back;
}

/* The directory that a directory is in, which is in the export as well. */
int p9loop_node_parent(struct p9loop_req *req, const struct p9loop_node *dir,
		       struct p9loop_node **parent)
{
	int fd = node_up(dir->fd), err;

	if (fd < 0)
		return fd;
	err = p9loop_node_new(fd, parent);
	if (err)
		return err;
	err = p9loop_inside(req, *parent);
	if (err)
		p9loop_node_put(*parent);
	return err;
}
