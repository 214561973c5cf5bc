// SPDX-License-Identifier: GPL-2.0
/*
 * Role: Tread, Twrite, Tfsync, Treadlink. Payload goes straight between the file and
 *	guest memory.
 * Threads: those that serve requests, with the rights of the fid's user.
 * Locks: none.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p9loop_server.h"

static int io_segments(const struct p9loop_iter *it)
{
	return it->n < IOV_MAX ? it->n : IOV_MAX;
}

/* Move as much as there is, at once if @nowait. */
static ssize_t io_read_all(int file, struct p9loop_iter *it, u64 pos, bool nowait)
{
	ssize_t moved = 0, n;

	do {
		n = preadv2(file, it->v, io_segments(it), pos + moved, nowait ? RWF_NOWAIT : 0);
		if (n > 0) {
			moved += n;
			p9loop_iter_advance(it, n);
		}
	} while (n > 0 && it->n && !nowait);
	return n < 0 && !moved ? -errno : moved;
}

/* Short, but not because the file ends: the rest is still on its way. */
static bool io_more(int file, u64 end)
{
	struct stat st;

	return !fstat(file, &st) && end < (u64)st.st_size;
}

static ssize_t io_read_file(struct p9loop_req *req, int file, u64 pos, u32 count)
{
	struct p9loop_iter it;
	ssize_t n = p9loop_iter_init(req, &it, true, FERRY_P9_IO_HEADER, count);

	if (n)
		return n;
	if (!count)
		n = (fcntl(file, F_GETFL) & O_ACCMODE) == O_WRONLY ? -EBADF : 0;
	else
		n = io_read_all(file, &it, pos, !req->may_block);
	p9loop_iter_free(&it);
	if (!req->may_block && n >= 0 && n < count && io_more(file, pos + n))
		return -EAGAIN;
	return n;
}

int p9loop_read(struct p9loop_req *req)
{
	struct p9loop_server *s = req->s;
	int file = p9loop_file(req->fid);
	u64 pos = req->m.v[1];
	ssize_t n;

	if (req->c.in_len < FERRY_P9_IO_HEADER)
		return -EMSGSIZE;
	if (req->fid->xattr)
		return p9loop_xattr_read(req);
	if (file < 0)
		return -EBADF;
	if (p9loop_is_dir(req->fid->node)) {
		if (s->dialect == FERRY_P9_2000L)
			return -EISDIR;
		return req->may_block ? p9loop_legacy_readdir(req) : P9LOOP_LATER;
	}
	if (pos > LLONG_MAX)
		return -EINVAL;
	n = io_read_file(req, file, pos, ferry_p9_io_count(req->m.v[2], s->msize,
							   req->c.in_len));
	if ((n == -EAGAIN || n == -EOPNOTSUPP) && !req->may_block)
		return P9LOOP_LATER;
	if (n < 0)
		return n;
	ferry_p9_put(&req->enc, n, 4);
	req->payload = n;
	return 0;
}

static ssize_t io_write_all(int file, struct p9loop_iter *it, u64 pos)
{
	ssize_t moved = 0, n;

	do {
		n = pwritev(file, it->v, io_segments(it), pos + moved);
		if (n > 0) {
			moved += n;
			p9loop_iter_advance(it, n);
		}
	} while (n > 0 && it->n);
	return n < 0 && !moved ? -errno : moved;
}

static ssize_t io_write_file(struct p9loop_req *req, int file, u64 pos, u32 count)
{
	struct p9loop_iter it;
	ssize_t n;

	if (!count)
		return 0;
	/* First: once bytes are written their number is the answer. */
	n = p9loop_map_strip(req->s, req->fid->node);
	if (!n)
		n = p9loop_iter_init(req, &it, false, FERRY_P9_WRITE_HEADER, count);
	if (n)
		return n;
	n = io_write_all(file, &it, pos);
	p9loop_iter_free(&it);
	return n;
}

int p9loop_write(struct p9loop_req *req)
{
	int file = p9loop_file(req->fid);
	u64 pos = req->m.v[1];
	ssize_t n;

	if (req->fid->xattr)
		return p9loop_xattr_write(req);
	if (file < 0 || (fcntl(file, F_GETFL) & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	if (pos > LLONG_MAX)
		return -EINVAL;
	n = io_write_file(req, file, pos, req->m.v[2]);
	if (n < 0)
		return n;
	ferry_p9_put(&req->enc, n, 4);
	return 0;
}

int p9loop_fsync(struct p9loop_req *req)
{
	int file = p9loop_file(req->fid);

	if (file < 0)
		return -EBADF;
	return (req->m.v[1] ? fdatasync(file) : fsync(file)) ? -errno : 0;
}

/* In mapped a symlink is a plain file that holds its target. */
static ssize_t io_read_mapped_link(struct p9loop_server *s, const struct p9loop_node *node,
				   char *to, u32 room)
{
	struct statx st;
	int fd, err = p9loop_stat(s, node, &st);
	ssize_t n;

	if (err)
		return err;
	if (!S_ISLNK(st.stx_mode))
		return -EINVAL;
	fd = open(p9loop_name(node->fd).s, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = pread(fd, to, room, 0);
	if (n < 0)
		n = -errno;
	close(fd);
	return n;
}

/**
 * p9loop_read_link - where a symlink points
 * @s: the server
 * @node: of the symlink
 * @to: room for @room bytes; no NUL is put behind the target
 * @room: bytes
 *
 * Return: the target's length or -errno.
 */
ssize_t p9loop_read_link(struct p9loop_server *s, const struct p9loop_node *node, char *to,
			 u32 room)
{
	ssize_t n;

	if (p9loop_mapped(s) && S_ISREG(node->type))
		return io_read_mapped_link(s, node, to, room);
	if (!S_ISLNK(node->type))
		return -EINVAL;
	n = readlinkat(node->fd, "", to, room);
	return n < 0 ? -errno : n;
}

int p9loop_readlink(struct p9loop_req *req)
{
	char target[PATH_MAX];
	ssize_t n = p9loop_read_link(req->s, req->fid->node, target, sizeof(target));
	int err = n < 0 ? n : p9loop_reply_room(req, n + 2);

	if (!err)
		ferry_p9_put_str(&req->enc, target, n);
	return err;
}
