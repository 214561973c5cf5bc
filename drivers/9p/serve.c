// SPDX-License-Identifier: GPL-2.0
/*
 * One request, from the bytes of its chain to the bytes of its answer. Runs in the
 * worker under the queue's mutex, or in a thread of the pool without it, always in the
 * owner's mm. The handlers of the table below run with the rights of the fid's user.
 */
#include <linux/slab.h>

#include "../vring/copy.h"
#include "ferry_9p.h"
#include "p9_error_core.h"

static int ferry_9p_auth(struct ferry_9p_req *req)
{
	return -EOPNOTSUPP;
}

/* What each of ferry_p9_messages is served by. */
static int (*const ferry_9p_fns[FERRY_P9_TYPES])(struct ferry_9p_req *req) = {
	[FERRY_P9_TVERSION]	= ferry_9p_version,
	[FERRY_P9_TAUTH]	= ferry_9p_auth,
	[FERRY_P9_TATTACH]	= ferry_9p_attach,
	[FERRY_P9_TWALK]	= ferry_9p_walk,
	[FERRY_P9_TCLUNK]	= ferry_9p_clunk,
	[FERRY_P9_TREAD]	= ferry_9p_read,
	[FERRY_P9_TWRITE]	= ferry_9p_write,
	[FERRY_P9_TREMOVE]	= ferry_9p_remove,
	[FERRY_P9_TGETATTR]	= ferry_9p_getattr,
	[FERRY_P9_TSTATFS]	= ferry_9p_statfs,
	[FERRY_P9_TLOCK]	= ferry_9p_lock,
	[FERRY_P9_TGETLOCK]	= ferry_9p_getlock,
	[FERRY_P9_TLOPEN]	= ferry_9p_lopen,
	[FERRY_P9_TLCREATE]	= ferry_9p_lcreate,
	[FERRY_P9_TREADDIR]	= ferry_9p_readdir,
	[FERRY_P9_TREADLINK]	= ferry_9p_readlink,
	[FERRY_P9_TSETATTR]	= ferry_9p_setattr,
	[FERRY_P9_TXATTRWALK]	= ferry_9p_xattrwalk,
	[FERRY_P9_TXATTRCREATE]	= ferry_9p_xattrcreate,
	[FERRY_P9_TFSYNC]	= ferry_9p_fsync,
	[FERRY_P9_TLINK]	= ferry_9p_link,
	[FERRY_P9_TMKDIR]	= ferry_9p_mkdir,
	[FERRY_P9_TMKNOD]	= ferry_9p_mknod,
	[FERRY_P9_TSYMLINK]	= ferry_9p_symlink,
	[FERRY_P9_TUNLINKAT]	= ferry_9p_unlinkat,
	[FERRY_P9_TRENAME]	= ferry_9p_rename,
	[FERRY_P9_TRENAMEAT]	= ferry_9p_renameat,
	[FERRY_P9_TOPEN]	= ferry_9p_legacy_open,
	[FERRY_P9_TCREATE]	= ferry_9p_legacy_create,
	[FERRY_P9_TSTAT]	= ferry_9p_legacy_stat,
	[FERRY_P9_TWSTAT]	= ferry_9p_legacy_wstat,
};

/* Fetch all of a message that is longer than what was fetched at first. */
static int ferry_9p_fetch(struct ferry_9p_req *req, u32 bytes)
{
	if (bytes > FERRY_9P_OWN_BYTES) {
		/* One more, for the NUL behind a last string. */
		u8 *msg = kvmalloc(bytes + 1, GFP_KERNEL_ACCOUNT);

		if (!msg)
			return -ENOMEM;
		req->msg = msg;
	}
	if (ferry_copy_from_segs(req->msg, req->out, bytes)) {
		req->fault = true;
		return -EFAULT;
	}
	return 0;
}

/**
 * ferry_9p_receive - have a message in one's own memory and take it apart
 * @req: has its chain, and the first req->copied bytes of the message
 * @h: the header, fetched once
 *
 * Return: 0 or the -errno to answer.
 */
int ferry_9p_receive(struct ferry_9p_req *req, const struct ferry_p9_hdr *h)
{
	struct ferry_9p *p9 = req->p9;
	u32 copied = ferry_p9_copied(h, req->out_len, p9->msize);
	const char *layout;
	int err;

	if (!copied)
		return -EMSGSIZE;
	layout = ferry_p9_layout(h->type, p9->dialect);
	if (!layout)
		return -EOPNOTSUPP;
	if (copied > req->copied) {
		err = ferry_9p_fetch(req, copied);
		if (err)
			return err;
	}
	return ferry_p9_decode(&req->m, layout, req->msg + FERRY_P9_HEADER,
			       copied - FERRY_P9_HEADER, h->size - copied);
}

/* Have room for so many bytes of answer behind the header. */
int ferry_9p_reply_room(struct ferry_9p_req *req, u32 bytes)
{
	u8 *reply;

	if (bytes <= req->enc.left)
		return 0;
	reply = kvmalloc(FERRY_P9_HEADER + bytes, GFP_KERNEL_ACCOUNT);
	if (!reply)
		return -ENOMEM;
	if (req->reply != req->own_reply)
		kvfree(req->reply);
	req->reply = reply;
	req->enc = (struct ferry_p9_enc){ reply + FERRY_P9_HEADER, bytes };
	return 0;
}

/**
 * ferry_9p_iter - a request's payload where it lies in guest memory
 * @req: the request
 * @iter: set up
 * @in: whether the chain's writable part is meant
 * @skip: bytes of it in front of the payload
 * @len: bytes of payload; the chain holds them
 */
void ferry_9p_iter(struct ferry_9p_req *req, struct iov_iter *iter, bool in, u32 skip, u32 len)
{
	iov_iter_init(iter, in ? ITER_DEST : ITER_SOURCE, in ? req->in : req->out,
		      in ? req->nr_in : req->nr_out, (size_t)skip + len);
	iov_iter_advance(iter, skip);
}

/* Whether the fid's file may still be reached by name, or is open. */
static int ferry_9p_placed(struct ferry_9p *p9, struct ferry_9p_fid *fid)
{
	if (ferry_9p_file(fid) && d_is_reg(fid->path.dentry))
		return 0;
	return ferry_9p_inside(p9, fid->path.dentry);
}

static int ferry_9p_call(struct ferry_9p_req *req, const struct ferry_p9_message *m)
{
	struct ferry_9p *p9 = req->p9;
	const struct cred *cred = p9->export->cred, *old;
	const struct cred *made = NULL;
	int err;

	if (m->gid) {
		u32 uid = req->fid->uid, gid = req->m.v[m->gid - 1];

		ferry_9p_squash(p9->export, &uid, &gid);
		err = ferry_9p_cred_get(p9, uid, gid, &made, NULL);
		if (err)
			return err;
		cred = made;
	} else if (req->fid) {
		cred = m->op & FERRY_P9_OP_WRITES ? req->fid->write_cred : req->fid->cred;
	}
	old = override_creds(cred);
	err = ferry_9p_fns[req->type](req);
	revert_creds(old);
	if (made)
		put_cred(made);
	return err;
}

static void ferry_9p_req_drop_fid(struct ferry_9p_req *req)
{
	ferry_9p_fid_put(req->p9, req->fid);
	req->fid = NULL;
}

/* A copy that failed in a thread that was interrupted says nothing of the memory. */
static int ferry_9p_calm(struct ferry_9p_req *req, int err)
{
	if (!ferry_9p_pool_calm(req) || !req->fault)
		return err;
	req->fault = false;
	return -EINTR;
}

/* Whether a request may be tried where nothing may block. */
static bool ferry_9p_quick(const struct ferry_9p *p9, u16 op)
{
	return (op & (FERRY_P9_OP_QUICK | FERRY_P9_OP_TRIED)) &&
	       (p9->export->local || (op & FERRY_P9_OP_BARE));
}

/* What is made has just the mode that is asked for; the mask is not ours to change. */
static bool ferry_9p_masked(const struct ferry_p9_message *m)
{
	return m->gid && current_umask();
}

/*
 * Whether a request may take its time here. What may keep the worker for ever does not
 * run there, what a disk may keep not at a kick.
 */
static bool ferry_9p_may_block(const struct ferry_9p_req *req, const struct ferry_p9_message *m)
{
	const struct ferry_9p_export *ex = req->p9->export;

	if (req->thread)
		return true;
	if (!req->alone || !(m->op & FERRY_P9_OP_ALONE) || ferry_9p_silent(ex))
		return false;
	return !ferry_9p_at_kick(req) ||
	       (ex->memory && !(m->op & FERRY_P9_OP_LONG) && !ferry_9p_masked(m));
}

/**
 * ferry_9p_serve - carry a request out and answer it
 * @req: received; req->thread and req->alone say whether it may take its time
 *
 * Return: whether it is answered; otherwise call again from where it may block.
 */
bool ferry_9p_serve(struct ferry_9p_req *req)
{
	const struct ferry_p9_message *m = &ferry_p9_messages[req->type];
	struct ferry_9p *p9 = req->p9;
	int err = 0;

	req->enc = (struct ferry_p9_enc){ req->reply + FERRY_P9_HEADER,
					  FERRY_9P_OWN_BYTES - FERRY_P9_HEADER };
	req->may_block = ferry_9p_may_block(req, m);
	if (!req->may_block && !ferry_9p_quick(p9, m->op))
		return false;
	if ((m->op & FERRY_P9_OP_FID) && !req->fid) {
		struct ferry_9p_fid *fid = ferry_9p_fid_get(p9, req->m.v[0]);

		if (IS_ERR(fid))
			err = PTR_ERR(fid);
		else
			req->fid = fid;
	}
	if (!err && (m->op & FERRY_P9_OP_CHANGES) && (p9->export->flags & FERRY_9P_F_READ_ONLY))
		err = -EROFS;
	if (!err && (m->op & FERRY_P9_OP_PLACED))
		err = ferry_9p_placed(p9, req->fid);
	if (!err)
		err = ferry_9p_call(req, m);
	if (err == FERRY_9P_LATER)
		return false;
	if (req->thread) {
		/* Its file may be closed with it, which may wait like anything else. */
		ferry_9p_req_drop_fid(req);
		err = ferry_9p_calm(req, err);
	}
	ferry_9p_answer(req, err);
	return true;
}

/* Return: the answer's type. */
static u8 ferry_9p_put_error(struct ferry_9p_req *req, int err)
{
	req->payload = 0;
	if (req->reply != req->own_reply) {
		kvfree(req->reply);
		req->reply = req->own_reply;
	}
	req->enc = (struct ferry_p9_enc){ req->reply + FERRY_P9_HEADER,
					  FERRY_9P_OWN_BYTES - FERRY_P9_HEADER };
	return ferry_p9_put_error(&req->enc, err, req->p9->dialect, req->in_len);
}

/**
 * ferry_9p_answer - write the answer into the chain
 * @req: a handler filled in req->enc and req->payload
 * @err: 0, or -errno: an error is the answer
 */
void ferry_9p_answer(struct ferry_9p_req *req, int err)
{
	struct ferry_9p *p9 = req->p9;
	struct ferry_seg_cursor at = { req->in, 0 };
	struct ferry_p9_enc head;
	u8 type = req->type + 1;
	u32 own;

	if (req->type == FERRY_P9_TFLUSH)
		req->enc.done = 0;
	if (!err && (req->enc.bad ||
		     FERRY_P9_HEADER + req->enc.done > min(req->in_len, p9->msize)))
		err = -EMSGSIZE;
	if (err)
		type = ferry_9p_put_error(req, err);
	own = FERRY_P9_HEADER + req->enc.done;
	head = (struct ferry_p9_enc){ req->reply, FERRY_P9_HEADER };
	ferry_p9_put(&head, own + req->payload, 4);
	ferry_p9_put(&head, type, 1);
	ferry_p9_put(&head, req->tag, 2);
	req->len = own + req->payload;
	if (req->fault || current->mm != p9->dev.mm)
		req->len = 0;
	else if (own > req->in_len || ferry_copy_to_segs(&at, req->reply, own))
		req->fault = true;
	if (req->fault)
		req->len = 0;
	ferry_9p_req_drop_fid(req);
}
