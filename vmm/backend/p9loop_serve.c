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

#include "9p/p9_error_core.h"
#include "p9loop_server.h"

static int serve_auth(struct p9loop_req *req)
{
	(void)req;
	return -EOPNOTSUPP;
}

/* What each of ferry_p9_messages is served by. */
static int (*const serve_fns[FERRY_P9_TYPES])(struct p9loop_req *req) = {
	[FERRY_P9_TVERSION]	= p9loop_version,
	[FERRY_P9_TAUTH]	= serve_auth,
	[FERRY_P9_TATTACH]	= p9loop_attach,
	[FERRY_P9_TWALK]	= p9loop_walk,
	[FERRY_P9_TCLUNK]	= p9loop_clunk,
	[FERRY_P9_TREAD]	= p9loop_read,
	[FERRY_P9_TWRITE]	= p9loop_write,
	[FERRY_P9_TREMOVE]	= p9loop_remove,
	[FERRY_P9_TGETATTR]	= p9loop_getattr,
	[FERRY_P9_TSTATFS]	= p9loop_statfs,
	[FERRY_P9_TLOCK]	= p9loop_lock,
	[FERRY_P9_TGETLOCK]	= p9loop_getlock,
	[FERRY_P9_TLOPEN]	= p9loop_lopen,
	[FERRY_P9_TLCREATE]	= p9loop_lcreate,
	[FERRY_P9_TREADDIR]	= p9loop_readdir,
	[FERRY_P9_TREADLINK]	= p9loop_readlink,
	[FERRY_P9_TSETATTR]	= p9loop_setattr,
	[FERRY_P9_TXATTRWALK]	= p9loop_xattrwalk,
	[FERRY_P9_TXATTRCREATE]	= p9loop_xattrcreate,
	[FERRY_P9_TFSYNC]	= p9loop_fsync,
	[FERRY_P9_TLINK]	= p9loop_link,
	[FERRY_P9_TMKDIR]	= p9loop_mkdir,
	[FERRY_P9_TMKNOD]	= p9loop_mknod,
	[FERRY_P9_TSYMLINK]	= p9loop_symlink,
	[FERRY_P9_TUNLINKAT]	= p9loop_unlinkat,
	[FERRY_P9_TRENAME]	= p9loop_rename,
	[FERRY_P9_TRENAMEAT]	= p9loop_renameat,
	[FERRY_P9_TOPEN]	= p9loop_legacy_open,
	[FERRY_P9_TCREATE]	= p9loop_legacy_create,
	[FERRY_P9_TSTAT]	= p9loop_legacy_stat,
	[FERRY_P9_TWSTAT]	= p9loop_legacy_wstat,
};

bool p9loop_runs_alone(u8 type)
{
	return type < FERRY_P9_TYPES && (ferry_p9_messages[type].op & FERRY_P9_OP_ALONE);
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

static int serve_call(struct p9loop_req *req, const struct ferry_p9_message *m)
{
	const struct p9loop_fid *fid = req->fid;
	int err = 0;

	if (m->gid) {
		u32 uid = fid->uid, gid = req->m.v[m->gid - 1];

		p9loop_squash(&req->s->ex, &uid, &gid);
		err = p9loop_become(req->t, uid, gid, false);
	} else if (fid) {
		err = p9loop_become(req->t, fid->uid, fid->gid, m->op & FERRY_P9_OP_WRITES);
	} else {
		err = p9loop_become_own(req->t);
	}
	return err ?: serve_fns[req->type](req);
}

/**
 * p9loop_serve - carry a request out and answer it
 * @req: received; req->may_block says whether it may take its time
 *
 * Return: whether it is answered; otherwise call again from where it may block.
 */
bool p9loop_serve(struct p9loop_req *req)
{
	const struct ferry_p9_message *m = &ferry_p9_messages[req->type];
	struct p9loop_server *s = req->s;
	int err = req->t->failed;

	serve_own_reply(req);
	if (!req->may_block && !(m->op & FERRY_P9_OP_QUICK))
		return false;
	if (!err && (m->op & FERRY_P9_OP_FID) && !req->fid) {
		req->fid = p9loop_fid_get(s, req->m.v[0]);
		if (!req->fid)
			err = -EBADF;
	}
	if (!err && (m->op & FERRY_P9_OP_CHANGES) && (s->ex.flags & FERRY_9P_F_READ_ONLY))
		err = -EROFS;
	if (!err && (m->op & FERRY_P9_OP_PLACED))
		err = serve_placed(req);
	if (!err)
		err = serve_call(req, m);
	if (err == P9LOOP_LATER)
		return false;
	p9loop_answer(req, err);
	return true;
}

/* Return: the answer's type. */
static u8 serve_put_error(struct p9loop_req *req, int err)
{
	req->payload = 0;
	serve_own_reply(req);
	return ferry_p9_put_error(&req->enc, err, req->s->dialect, req->c.in_len);
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
	u32 own, most;

	if (req->type == FERRY_P9_TFLUSH)
		req->enc.done = 0;
	most = req->c.in_len < req->s->msize ? req->c.in_len : req->s->msize;
	if (!err && (req->enc.bad || FERRY_P9_HEADER + req->enc.done > most))
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
