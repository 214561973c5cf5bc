// SPDX-License-Identifier: GPL-2.0
/*
 * Role: Treaddir: entries of a directory as the file system lists them, without a look
 *	at each. The offset of an entry is where the next one begins, in the file
 *	system's own terms. A client that goes on where it stopped is not made to seek,
 *	which would lose the place on file systems that count entries: the few entries
 *	that were read and found no room wait for it.
 * Threads: those that serve requests, with the rights of the fid's user.
 * Locks: the fid's mutex, because the open directory has one position.
 */
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "p9loop_server.h"

/* Bytes of an entry beside its name: on the wire, and the most from the host. */
#define DIR_ENTRY	(FERRY_P9_QID + 8 + 1 + 2)
#define DIR_HOST_MAX	288U

struct dir_fill {
	struct p9loop_server *s;
	struct p9loop_fid *fid;
	struct ferry_p9_enc enc;
	bool root;
};

ssize_t p9loop_getdents(int fd, void *buf, size_t room)
{
	ssize_t n = syscall(SYS_getdents64, fd, buf, room);

	return n < 0 ? -errno : n;
}

static u8 dir_qtype(u8 type)
{
	switch (type) {
	case DT_DIR:
		return FERRY_P9_QTDIR;
	case DT_LNK:
		return FERRY_P9_QTSYMLINK;
	default:
		return FERRY_P9_QTFILE;
	}
}

/* False if there is no room for it. */
static bool dir_put(struct dir_fill *f, const struct p9loop_dirent *d)
{
	u32 len = strlen(d->name);
	u64 ino = d->ino;
	u8 type = d->type;

	/* A few file systems have longer names, which no message could say. */
	if (len > FERRY_P9_NAME_MAX) {
		f->fid->dir_pos = d->off;
		return true;
	}
	if (f->enc.left < DIR_ENTRY + len)
		return false;
	if (f->root && !strcmp(d->name, ".."))
		ino = f->s->ex.root->ino;
	/* In mapped a plain file may be anything. */
	if (p9loop_mapped(f->s) && type == DT_REG)
		type = DT_UNKNOWN;
	ferry_p9_put_qid(&f->enc, dir_qtype(type), 0,
			 ferry_p9_qid_path(ino, f->fid->node->dev, f->s->ex.root->dev));
	ferry_p9_put(&f->enc, d->off, 8);
	ferry_p9_put(&f->enc, type, 1);
	ferry_p9_put_str(&f->enc, d->name, len);
	f->fid->dir_pos = d->off;
	return true;
}

/* Bytes of @buf that were put. */
static u32 dir_put_all(struct dir_fill *f, const u8 *buf, u32 len)
{
	u32 at = 0;

	while (at < len) {
		const struct p9loop_dirent *d = (const void *)(buf + at);

		if (!dir_put(f, d))
			break;
		at += d->len;
	}
	return at;
}

/* Entries that wait; true if some still do. */
static bool dir_put_stash(struct dir_fill *f)
{
	struct p9loop_fid *fid = f->fid;
	u32 at;

	if (!fid->stash)
		return false;
	at = dir_put_all(f, fid->stash, fid->stash_len);
	fid->stash_len -= at;
	memmove(fid->stash, fid->stash + at, fid->stash_len);
	if (fid->stash_len)
		return true;
	free(fid->stash);
	fid->stash = NULL;
	return false;
}

/*
 * As many bytes from the host as surely fit on the wire: an entry is at most 4 bytes
 * longer there, and at least 24 long here. Towards the end, one entry more.
 */
static size_t dir_room(const struct dir_fill *f, bool last)
{
	return last ? f->enc.left + 4 : f->enc.left / 7 * 6;
}

static int dir_keep(struct dir_fill *f, const u8 *from, u32 len)
{
	f->fid->stash = malloc(len);
	if (!f->fid->stash)
		return -ENOMEM;
	memcpy(f->fid->stash, from, len);
	f->fid->stash_len = len;
	return 0;
}

/* Go on from where the directory is, until there is no room or no entry. */
static int dir_fill(struct dir_fill *f, u8 *buf)
{
	bool last = false;
	ssize_t n;
	u32 at;

	if (dir_put_stash(f))
		return 0;
	for (;;) {
		last = last || dir_room(f, false) < DIR_HOST_MAX;
		n = p9loop_getdents(f->fid->file, buf, dir_room(f, last));
		if (n == -EINVAL && !last) {
			last = true;
			continue;
		}
		/* No room for the next one. */
		if (n == -EINVAL || n == 0)
			return n && !f->enc.done ? n : 0;
		if (n < 0)
			return f->enc.done ? 0 : n;
		at = dir_put_all(f, buf, n);
		if (at < n)
			return dir_keep(f, buf + at, n - at);
	}
}

static int dir_seek(struct p9loop_fid *fid, u64 pos)
{
	if (pos == fid->dir_pos)
		return 0;
	if (pos > LLONG_MAX)
		return -EINVAL;
	free(fid->stash);
	fid->stash = NULL;
	if (lseek(fid->file, pos, SEEK_SET) < 0)
		return -errno;
	fid->dir_pos = pos;
	return 0;
}

static int dir_read(struct p9loop_req *req, u32 count)
{
	struct dir_fill f = { .s = req->s, .fid = req->fid,
			      .root = p9loop_is_root(req->s, req->fid->node) };
	u8 *wire = malloc(count + 1), *host = malloc(count + 4);
	int err = wire && host ? 0 : -ENOMEM;

	f.enc = (struct ferry_p9_enc){ wire, count, 0, false };
	if (!err) {
		pthread_mutex_lock(&req->fid->mutex);
		err = dir_seek(req->fid, req->m.v[1]);
		if (!err)
			err = dir_fill(&f, host);
		/* What waits and found no room even so. */
		if (!err && !f.enc.done && req->fid->stash)
			err = -EINVAL;
		pthread_mutex_unlock(&req->fid->mutex);
	}
	if (!err)
		err = p9loop_deliver(req, wire, f.enc.done);
	free(host);
	free(wire);
	return err;
}

int p9loop_readdir(struct p9loop_req *req)
{
	u32 count;

	if (req->c.in_len < FERRY_P9_IO_HEADER)
		return -EMSGSIZE;
	if (p9loop_file(req->fid) < 0)
		return -EBADF;
	if (!p9loop_is_dir(req->fid->node))
		return -ENOTDIR;
	count = ferry_p9_io_count(req->m.v[2], req->s->msize, req->c.in_len);
	return dir_read(req, count < P9LOOP_DIR_BYTES ? count : P9LOOP_DIR_BYTES);
}
