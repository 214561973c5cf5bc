// SPDX-License-Identifier: GPL-2.0
/*
 * Role: directories of 9P2000 and 9P2000.u, which are read as files that hold stats.
 * Threads: those that serve requests, with the rights of the fid's user.
 * Locks: the fid's mutex, because the open directory has one position.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p9loop_legacy.h"

#define LEGACY_NAMES	8192

/* Stats of entries that were read; @next: where the first that did not fit begins. */
static int legacy_put_entries(struct p9loop_req *req, const u8 *buf, ssize_t len,
			      struct ferry_p9_enc *e, u64 *next)
{
	const struct p9loop_dirent *d;
	struct p9loop_node *node;
	ssize_t at;
	int err;

	for (at = 0; at < len; at += d->len, *next = d->off) {
		d = (const void *)(buf + at);
		if (ferry_p9_dots(d->name, strlen(d->name)))
			continue;
		err = p9loop_node_child(req->fid->node, d->name, true, &node);
		/* What went away since is not listed. */
		if (err == -ENOENT)
			continue;
		if (err)
			return err;
		err = p9loop_put_stat(req->s, e, node, d->name);
		p9loop_node_put(node);
		if (err == -EMSGSIZE)
			return e->done ? 0 : err;
		if (err == -ENOMEM || err == -EINTR)
			return err;
	}
	return 0;
}

static int legacy_read(struct p9loop_req *req, struct ferry_p9_enc *e)
{
	struct p9loop_fid *fid = req->fid;
	_Alignas(8) u8 buf[LEGACY_NAMES];
	ssize_t n;
	bool full;
	u64 next;
	int err;

	if (!req->m.v[1])
		fid->dir_pos = 0;
	do {
		if (lseek(fid->file, fid->dir_pos, SEEK_SET) < 0)
			return -EIO;
		n = p9loop_getdents(fid->file, buf, sizeof(buf));
		next = fid->dir_pos;
		err = n < 0 ? n : legacy_put_entries(req, buf, n, e, &next);
		/* Linux fills its buffer to the last byte and takes 0 for enough. */
		full = err == -EMSGSIZE;
		if (full)
			err = req->m.v[1] ? 0 : -EINVAL;
		if (!err)
			fid->dir_pos = next;
	} while (!err && !full && n && !e->done);
	return err;
}

/* Tread of a directory: stats, whole ones, from the beginning or where it stopped. */
int p9loop_legacy_readdir(struct p9loop_req *req)
{
	u32 count = ferry_p9_io_count(req->m.v[2], req->s->msize, req->c.in_len);
	struct ferry_p9_enc e;
	u8 *buf;
	int err = p9loop_inside(req, req->fid->node);

	if (err)
		return err;
	if (count > P9LOOP_DIR_BYTES)
		count = P9LOOP_DIR_BYTES;
	buf = malloc(count + 1);
	if (!buf)
		return -ENOMEM;
	e = (struct ferry_p9_enc){ buf, count, 0, false };
	pthread_mutex_lock(&req->fid->mutex);
	err = legacy_read(req, &e);
	pthread_mutex_unlock(&req->fid->mutex);
	if (!err)
		err = p9loop_deliver(req, buf, e.done);
	free(buf);
	return err;
}
