// SPDX-License-Identifier: GPL-2.0
/*
 * Role: one request, from the bytes of its chain to the bytes of its answer, as in
 *	drivers/9p/serve.c. The message is copied once and judged as a copy. Handlers
 *	run with the rights of the fid's user.
 * Threads: the queue's and the pool's.
 * Locks: none.
 */
#include <stdlib.h>
#include <string.h>

#include "p9loop_server.h"

/* What the table says about a request. */
#define SERVE_FID	1	/* its first integer is a fid that must exist */
#define SERVE_QUICK	2	/* may be tried where nothing may block */
#define SERVE_ALONE	4	/* may block the queue if nothing else is there */
#define SERVE_CHANGES	8	/* not on a read-only export */
#define SERVE_WRITES	16	/* takes set-id bits off */
#define SERVE_PLACED	32	/* not on what the host moved out of the export */

struct serve_op {
	int (*fn)(struct p9loop_req *req);
	u8 flags;
	u8 gid;		/* 1 + which integer is the group of what is made */
};

#define SERVE_EITHER	(SERVE_FID | SERVE_QUICK | SERVE_ALONE)
#define SERVE_SLOW	(SERVE_FID | SERVE_ALONE)
#define SERVE_MAKES	(SERVE_SLOW | SERVE_CHANGES)

static int serve_auth(struct p9loop_req *req)
{
	(void)req;
	return -EOPNOTSUPP;
}

static const struct serve_op serve_ops[FERRY_P9_TYPES] = {
	[FERRY_P9_TVERSION]	= { p9loop_version, SERVE_QUICK, 0 },
	[FERRY_P9_TAUTH]	= { serve_auth, SERVE_QUICK, 0 },
	[FERRY_P9_TATTACH]	= { p9loop_attach, SERVE_QUICK, 0 },
	[FERRY_P9_TWALK]	= { p9loop_walk, SERVE_EITHER, 0 },
	[FERRY_P9_TCLUNK]	= { p9loop_clunk, SERVE_EITHER, 0 },
	[FERRY_P9_TREAD]	= { p9loop_read, SERVE_EITHER, 0 },
	[FERRY_P9_TWRITE]	= { p9loop_write, SERVE_MAKES | SERVE_WRITES, 0 },
	[FERRY_P9_TREMOVE]	= { p9loop_remove, SERVE_SLOW, 0 },
	[FERRY_P9_TGETATTR]	= { p9loop_getattr, SERVE_FID | SERVE_QUICK, 0 },
	[FERRY_P9_TSTATFS]	= { p9loop_statfs, SERVE_FID | SERVE_QUICK, 0 },
	[FERRY_P9_TLOCK]	= { p9loop_lock, SERVE_SLOW, 0 },
	[FERRY_P9_TGETLOCK]	= { p9loop_getlock, SERVE_SLOW, 0 },
	[FERRY_P9_TLOPEN]	= { p9loop_lopen, SERVE_SLOW, 0 },
	[FERRY_P9_TLCREATE]	= { p9loop_lcreate, SERVE_MAKES, 1 + 3 },
	[FERRY_P9_TREADDIR]	= { p9loop_readdir, SERVE_SLOW | SERVE_PLACED, 0 },
	[FERRY_P9_TREADLINK]	= { p9loop_readlink, SERVE_SLOW | SERVE_PLACED, 0 },
	[FERRY_P9_TSETATTR]	= { p9loop_setattr, SERVE_MAKES | SERVE_PLACED, 0 },
	[FERRY_P9_TXATTRWALK]	= { p9loop_xattrwalk, SERVE_SLOW | SERVE_PLACED, 0 },
	[FERRY_P9_TXATTRCREATE]	= { p9loop_xattrcreate, SERVE_MAKES | SERVE_PLACED, 0 },
	[FERRY_P9_TFSYNC]	= { p9loop_fsync, SERVE_FID, 0 },
	[FERRY_P9_TLINK]	= { p9loop_link, SERVE_MAKES, 0 },
	[FERRY_P9_TMKDIR]	= { p9loop_mkdir, SERVE_MAKES, 1 + 2 },
	[FERRY_P9_TMKNOD]	= { p9loop_mknod, SERVE_MAKES, 1 + 4 },
	[FERRY_P9_TSYMLINK]	= { p9loop_symlink, SERVE_MAKES, 1 + 1 },
	[FERRY_P9_TUNLINKAT]	= { p9loop_unlinkat, SERVE_MAKES, 0 },
	[FERRY_P9_TRENAME]	= { p9loop_rename, SERVE_MAKES, 0 },
	[FERRY_P9_TRENAMEAT]	= { p9loop_renameat, SERVE_MAKES, 0 },
	[FERRY_P9_TOPEN]	= { p9loop_legacy_open, SERVE_SLOW, 0 },
	[FERRY_P9_TCREATE]	= { p9loop_legacy_create, SERVE_MAKES, 0 },
	[FERRY_P9_TSTAT]	= { p9loop_legacy_stat, SERVE_SLOW | SERVE_PLACED, 0 },
	[FERRY_P9_TWSTAT]	= { p9loop_legacy_wstat, SERVE_MAKES | SERVE_PLACED, 0 },
};

bool p9loop_runs_alone(u8 type)
{
	return type < FERRY_P9_TYPES && (serve_ops[type].flags & SERVE_ALONE);
}

/**
 * p9loop_receive - copy a message out of its chain and take it apart
 * @req: has its chain
 * @h: the header, fetched once
 *
 * Return: 0 or the -errno to answer.
 */
int p9loop_receive(struct p9loop_req *req, const struct ferry_p9_hdr *h)
{
	struct p9loop_server *s = req->s;
	u32 copied = ferry_p9_copied(h, req->c.out_len, s->msize);
	const char *layout;

	if (!copied)
		return -EMSGSIZE;
	layout = ferry_p9_layout(h->type, s->dialect);
	if (!layout)
		return -EOPNOTSUPP;
	if (copied > P9LOOP_OWN_BYTES) {
		/* One more, for the NUL behind a last string. */
		u8 *msg = malloc(copied + 1);

		if (!msg)
			return -ENOMEM;
		req->msg = msg;
	}
	virtio_iov_read(req->out, req->c.out_num, 0, req->msg, copied);
	return ferry_p9_decode(&req->m, layout, req->msg + FERRY_P9_HEADER,
			       copied - FERRY_P9_HEADER, h->size - copied);
}

static void serve_own_reply(struct p9loop_req *req)
{
	if (req->reply != req->own_reply)
		free(req->reply);
	req->reply = req->own_reply;
	req->enc = (struct ferry_p9_enc){ req->reply + FERRY_P9_HEADER,
					  P9LOOP_OWN_BYTES - FERRY_P9_HEADER, 0, false };
}

/* Have room for so many bytes of answer behind the header. */
int p9loop_reply_room(struct p9loop_req *req, u32 bytes)
{
	u8 *reply;

	if (bytes <= req->enc.left)
		return 0;
	reply = malloc(FERRY_P9_HEADER + bytes);
	if (!reply)
		return -ENOMEM;
	serve_own_reply(req);
	req->reply = reply;
	req->enc = (struct ferry_p9_enc){ reply + FERRY_P9_HEADER, bytes, 0, false };
	return 0;
}

/* Whether the fid's file may still be reached by name, or is open. */
static int serve_placed(struct p9loop_req *req)
{
	const struct p9loop_fid *fid = req->fid;

	if (p9loop_file(fid) >= 0 && S_ISREG(fid->node->type))
		return 0;
	return p9loop_inside(req, fid->node);
}

static int serve_call(struct p9loop_req *req, const struct serve_op *op)
{
	const struct p9loop_fid *fid = req->fid;
	int err = 0;

	if (op->gid) {
		u32 uid = fid->uid, gid = req->m.v[op->gid - 1];

		p9loop_squash(&req->s->ex, &uid, &gid);
		err = p9loop_become(req->t, uid, gid, false);
	} else if (fid) {
		err = p9loop_become(req->t, fid->uid, fid->gid, op->flags & SERVE_WRITES);
	} else {
		err = p9loop_become_own(req->t);
	}
	return err ?: op->fn(req);
}

/**
 * p9loop_serve - carry a request out and answer it
 * @req: received; req->may_block says whether it may take its time
 *
 * Return: whether it is answered; otherwise call again from where it may block.
 */
bool p9loop_serve(struct p9loop_req *req)
{
	const struct serve_op *op = &serve_ops[req->type];
	struct p9loop_server *s = req->s;
	int err = req->t->failed;

	serve_own_reply(req);
	if (!req->may_block && !(op->flags & SERVE_QUICK))
		return false;
	if (!err && (op->flags & SERVE_FID) && !req->fid) {
		req->fid = p9loop_fid_get(s, req->m.v[0]);
		if (!req->fid)
			err = -EBADF;
	}
	if (!err && (op->flags & SERVE_CHANGES) && (s->ex.flags & FERRY_9P_F_READ_ONLY))
		err = -EROFS;
	if (!err && (op->flags & SERVE_PLACED))
		err = serve_placed(req);
	if (!err)
		err = serve_call(req, op);
	if (err == P9LOOP_LATER)
		return false;
	p9loop_answer(req, err);
	return true;
}

/* What the client understands as an errno. */
static u32 serve_errno(int err)
{
	err = -err;
	return err > 0 && err < 134 ? err : EIO;
}

/* Names that plain 9P2000 clients look for; they are those of the kernel server. */
static const char *serve_strerror(u32 err)
{
	switch (err) {
	case EPERM: return "Operation not permitted";
	case ENOENT: return "No such file or directory";
	case EIO: return "Input/output error";
	case EBADF: return "Bad file descriptor";
	case ENOMEM: return "Cannot allocate memory";
	case EACCES: return "Permission denied";
	case EBUSY: return "Device or resource busy";
	case EEXIST: return "File exists";
	case ENOTDIR: return "Not a directory";
	case EISDIR: return "Is a directory";
	case EINVAL: return "Invalid argument";
	case EFBIG: return "File too large";
	case ENOSPC: return "No space left on device";
	case EROFS: return "Read-only file system";
	case ENAMETOOLONG: return "File name too long";
	case ENOTEMPTY: return "Directory not empty";
	case ELOOP: return "Too many levels of symbolic links";
	case EOPNOTSUPP: return "Operation not supported";
	default: return "Input/output error";
	}
}

/* Bytes of the shortest error; a chain with less room is no request. */
u32 p9loop_error_bytes(const struct p9loop_server *s)
{
	bool legacy = s->dialect & (FERRY_P9_2000 | FERRY_P9_2000U);

	return FERRY_P9_HEADER + (legacy ? 2 + 4 : 4);
}

/* Return: the answer's type. */
static u8 serve_put_error(struct p9loop_req *req, int err)
{
	u32 no = serve_errno(err), room = req->c.in_len - FERRY_P9_HEADER, len;
	unsigned int dialect = req->s->dialect;
	const char *text;

	req->payload = 0;
	serve_own_reply(req);
	if (!(dialect & (FERRY_P9_2000 | FERRY_P9_2000U))) {
		ferry_p9_put(&req->enc, no, 4);
		return FERRY_P9_RLERROR;
	}
	text = serve_strerror(no);
	len = strlen(text);
	ferry_p9_put_str(&req->enc, text, len < room - 2 - 4 ? len : room - 2 - 4);
	if (dialect == FERRY_P9_2000U)
		ferry_p9_put(&req->enc, no, 4);
	return FERRY_P9_RERROR;
}

/**
 * p9loop_answer - write the answer into the chain
 * @req: a handler filled in req->enc and req->payload
 * @err: 0, or -errno: an error is the answer
 */
void p9loop_answer(struct p9loop_req *req, int err)
{
	struct ferry_p9_enc head;
	u8 type = req->type + 1;
	u32 own;

	if (req->type == FERRY_P9_TFLUSH)
		req->enc.done = 0;
	if (!err && (req->enc.bad || FERRY_P9_HEADER + req->enc.done > req->c.in_len))
		err = -EMSGSIZE;
	if (err)
		type = serve_put_error(req, err);
	own = FERRY_P9_HEADER + req->enc.done;
	head = (struct ferry_p9_enc){ req->reply, FERRY_P9_HEADER, 0, false };
	req->len = own + req->payload;
	ferry_p9_put(&head, req->len, 4);
	ferry_p9_put(&head, type, 1);
	ferry_p9_put(&head, req->tag, 2);
	virtio_iov_write(req->in, req->c.in_num, 0, req->reply, own);
	if (req->fid)
		p9loop_fid_put(req->s, req->fid);
	req->fid = NULL;
}
