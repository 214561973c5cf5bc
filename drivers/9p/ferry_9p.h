/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One open /dev/ferry-9p: a queue whose chains are requests of one 9P session.
 *
 * The life of a request: the queue's worker takes a chain, copies the message into a
 * struct ferry_9p_req and either serves it there and then or gives it to a thread of
 * the pool (queue.c, pool.c). Whoever serves it writes the answer into the chain
 * (serve.c). The worker, or an ioctl that drains the queue, hands the chain back.
 *
 * A fid names one file for all its life: struct ferry_9p_fid never changes its path,
 * and gets a file once at most. A request that makes a number mean another file puts
 * another object into the table; who still holds the old one goes on with it.
 */
#ifndef FERRY_9P_FERRY_9P_H
#define FERRY_9P_FERRY_9P_H

#include <linux/cred.h>
#include <linux/ferry.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/path.h>
#include <linux/refcount.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/stat.h>
#include <linux/uio.h>
#include <linux/wait.h>

#include "../compat/vfs.h"
#include "../vhost/vhost.h"
#include "p9_codec_core.h"

/* Requests in flight, which is also what the ring of the stock driver holds. */
#define FERRY_9P_REQS		128

/* What the thread of a kick serves, or frees, before it leaves the rest to the worker. */
#define FERRY_9P_KICK_CHAINS	16
#define FERRY_9P_KICK_BYTES	(64U << 10)

/* Threads for what may block; the most, where they may have to wait for ever. */
#define FERRY_9P_THREADS	8
#define FERRY_9P_THREADS_MAX	FERRY_9P_REQS

#define FERRY_9P_FID_BITS	12
#define FERRY_9P_SHARDS		16
#define FERRY_9P_TAG_BITS	7
#define FERRY_9P_CRED_BITS	5

/* Bytes of one Rreaddir, whatever the client asks for. */
#define FERRY_9P_DIR_BYTES	(64U << 10)

/* Message and answer without an allocation of their own. */
#define FERRY_9P_OWN_BYTES	512

/* So much of a message is fetched at once, before its size is known. */
#define FERRY_9P_FIRST_BYTES	64

/* POSIX lock owners, and locks, that one session may have. */
#define FERRY_9P_OWNERS_MAX	1024
#define FERRY_9P_LOCKS_MAX	16384

/* A handler's answer: would block, call me again from the pool. */
#define FERRY_9P_LATER		1

struct ferry_9p;
struct ferry_9p_req;

/* The directory on a mount of our own, for as long as it is served or kept. */
struct ferry_9p_mount {
	struct path root;
	unsigned int users;		/* under dev->mutex */
};

/* The directory and what is done with it. Never changes. */
struct ferry_9p_export {
	struct ferry_9p_mount *mount;
	struct path root;		/* that of the mount, which holds it */
	u32 dev;			/* of the root, as the guest would see it */
	bool local;			/* no network and no process answers for it */
	bool memory;			/* nor a disk */
	const struct cred *cred;	/* of whoever set the back end, or of uid and gid */
	const struct cred *write_cred;	/* the same without CAP_FSETID */
	enum ferry_9p_model model;
	u32 flags;
	u32 msize;
	u32 fids;
	u32 uid;			/* in cred's user namespace */
	u32 gid;
	u16 fmode;
	u16 dmode;
	u64 xattr_bytes;
};

/* The value of an extended attribute, or a list of names, behind a fid. */
struct ferry_9p_xattr {
	bool create;		/* Txattrcreate: set at clunk */
	u32 flags;		/* XATTR_* */
	u32 size;
	u32 filled;		/* bytes written so far, when creating */
	u8 *value;
	char name[FERRY_P9_XATTR_NAME_MAX + 1];
};

struct ferry_9p_fid {
	refcount_t refs;
	u32 id;
	struct hlist_node node;		/* in the table, under its shard's lock */
	struct path path;
	u32 uid;			/* the guest's, squashed */
	const struct cred *cred;
	const struct cred *write_cred;
	struct file *file;		/* set once, ferry_9p_file() */
	bool rclose;			/* its clunk removes it: ORCLOSE */

	struct mutex mutex;		/* opening, reading directories, writing xattrs, locks */
	struct ferry_9p_xattr *xattr;	/* set before the fid is in the table */
	struct list_head lockers;	/* struct ferry_9p_locker: who locked by this fid */
};

/* What is to be made. */
struct ferry_9p_node {
	umode_t mode;		/* with the type */
	dev_t rdev;
	u32 uid;		/* the guest's, squashed */
	u32 gid;
	const char *target;	/* of a symlink */
	bool rclose;		/* the fid's clunk removes it: ORCLOSE of Tcreate */
};

struct ferry_9p_shard {
	spinlock_t lock;
} ____cacheline_aligned_in_smp;

struct ferry_9p_cred {
	struct hlist_node node;
	u32 uid;
	u32 gid;
	const struct cred *cred;
	const struct cred *write_cred;
};

struct ferry_9p_req {
	struct ferry_9p *p9;
	struct llist_node done;		/* in p9->done */
	struct list_head queued;	/* in p9->pool.queue */
	struct hlist_node tagged;	/* in p9->tags */
	struct ferry_9p_req *next;	/* free, or the next that flushes the same request */
	struct ferry_9p_req *flushers;	/* requests to answer once this one is */
	struct ferry_9p_req *flushes;	/* that one, for those */

	/* The chain. */
	u16 id;
	u16 slots;
	u32 out_len;
	u32 in_len;
	u16 nr_out;
	u16 nr_in;
	const struct iovec *out;
	const struct iovec *in;
	struct iovec *own_seg;		/* once it outlives the fetch */

	/* The message. */
	u16 tag;
	u8 type;
	bool alone;			/* nobody waits behind it */
	bool may_block;			/* nobody that could not: set by ferry_9p_serve() */
	bool fault;			/* the chain's memory is not there */
	u32 copied;			/* bytes of it that were fetched at first */
	u8 *msg;
	struct ferry_p9_msg m;
	struct ferry_9p_fid *fid;
	struct ferry_9p_thread *thread;	/* of the pool, that serves it; NULL: the worker does */

	/* The answer. */
	struct ferry_p9_enc enc;
	u8 *reply;
	u32 payload;			/* bytes in the chain behind the header */
	u32 written;			/* bytes taken from the chain, which are no part of it */
	u32 len;			/* of the whole answer */
	u8 own_msg[FERRY_9P_OWN_BYTES + 1];
	u8 own_reply[FERRY_9P_OWN_BYTES];
};

struct ferry_9p_thread {
	struct ferry_9p *p9;
	struct task_struct *task;
	struct ferry_9p_req *req;	/* which the file system has; under pool->lock */
};

struct ferry_9p_pool {
	spinlock_t lock;
	wait_queue_head_t wait;
	/* All below under lock. */
	struct list_head queue;
	unsigned int queued;
	unsigned int busy;		/* threads that have a request */
	unsigned int nr;
	bool closing;
	struct ferry_9p_thread thread[FERRY_9P_THREADS_MAX];
};

struct ferry_9p {
	struct ferry_dev dev;
	struct ferry_vq vq;
	struct ferry_vq *vqs[1];

	/* Any context. */
	struct llist_head done;
	wait_queue_head_t wait;		/* for p9->done */
	struct ferry_9p_pool pool;

	/* Under vq.mutex. */
	struct ferry_9p_req *reqs;
	struct ferry_9p_req *free;
	unsigned int flight;
	struct ferry_9p_req *left;	/* taken at a kick, for the worker to serve */
	struct hlist_head tags[1 << FERRY_9P_TAG_BITS];

	/* Set while nothing is in flight. */
	struct ferry_9p_export *export;	/* NULL: stopped */

	/* Under dev.mutex: for FERRY_9P_F_KEPT, or NULL. */
	struct ferry_9p_mount *kept;

	unsigned int dialect;		/* enum ferry_p9_dialect */
	u32 msize;

	/* The session. */
	struct hlist_head fids[1 << FERRY_9P_FID_BITS];
	struct ferry_9p_shard shard[FERRY_9P_SHARDS];
	u32 seed;
	atomic_t nr_fids;
	atomic64_t xattr_bytes;
	spinlock_t cred_lock;
	struct hlist_head creds[1 << FERRY_9P_CRED_BITS];	/* under cred_lock */
	unsigned int nr_creds;
	struct mutex mode_mutex;	/* modes that are read to be set again, model.c */
	struct mutex lock_mutex;	/* lock owners, lock.c */
	struct list_head owners;
	unsigned int nr_owners;
	atomic_t nr_locks;
};

static inline bool ferry_9p_mapped(const struct ferry_9p *p9)
{
	return p9->export->model == FERRY_9P_MODEL_MAPPED;
}

/* A string of the message as C has them; all of the message was decoded. */
static inline const char *ferry_9p_cstr(const struct ferry_p9_str *s)
{
	char *text = (char *)s->s;

	text[s->len] = 0;
	return text;
}

/* The open file of a fid, NULL if it is not open. */
static inline struct file *ferry_9p_file(const struct ferry_9p_fid *fid)
{
	return smp_load_acquire(&fid->file);
}

/* Close a file now, also in a thread that never returns to user space. */
void ferry_9p_close(struct file *file);

/* export.c */
struct ferry_9p_export *ferry_9p_export_get(struct ferry_9p_backend *b,
					    struct ferry_9p_mount *kept);
void ferry_9p_export_put(struct ferry_9p_export *ex);
void ferry_9p_mount_put(struct ferry_9p_mount *m);
bool ferry_9p_silent(const struct ferry_9p_export *ex);

/* A request that the thread of a kick serves, which is not to be kept by it. */
static inline bool ferry_9p_at_kick(const struct ferry_9p_req *req)
{
	return !req->thread && req->p9->vq.at_kick;
}

/* A file that becomes too large has its writer killed, who is not to be that thread. */
static inline bool ferry_9p_size_limited(void)
{
	return rlimit(RLIMIT_FSIZE) != RLIM_INFINITY;
}

/* Whether the pages of a file are too many to be freed here. */
static inline bool ferry_9p_frees_much(const struct ferry_9p_req *req, const struct inode *inode)
{
	return ferry_9p_at_kick(req) && inode->i_blocks > FERRY_9P_KICK_BYTES / 512;
}

/* queue.c */
int ferry_9p_queue_init(struct ferry_9p *p9);
void ferry_9p_queue_destroy(struct ferry_9p *p9);
bool ferry_9p_run(struct ferry_vq *vq);
void ferry_9p_drain(struct ferry_vq *vq, bool wait);
void ferry_9p_req_done(struct ferry_9p_req *req);

/* pool.c */
int ferry_9p_pool_start(struct ferry_9p *p9);
void ferry_9p_pool_stop(struct ferry_9p *p9);
void ferry_9p_pool_add(struct ferry_9p_req *req);
bool ferry_9p_pool_cancel(struct ferry_9p_req *req);
bool ferry_9p_pool_calm(struct ferry_9p_req *req);
void ferry_9p_pool_close(struct ferry_9p *p9);
int ferry_9p_own_umask(void);

/* serve.c: in the worker or a thread of the pool, in the owner's mm */
int ferry_9p_receive(struct ferry_9p_req *req, const struct ferry_p9_hdr *h);
bool ferry_9p_serve(struct ferry_9p_req *req);
void ferry_9p_answer(struct ferry_9p_req *req, int err);
int ferry_9p_reply_room(struct ferry_9p_req *req, u32 bytes);
void ferry_9p_iter(struct ferry_9p_req *req, struct iov_iter *iter, bool in, u32 skip, u32 len);

/* fid.c */
void ferry_9p_session_init(struct ferry_9p *p9);
void ferry_9p_session_reset(struct ferry_9p *p9);
struct ferry_9p_fid *ferry_9p_fid_alloc(struct ferry_9p *p9, u32 id, const struct path *path,
					const struct ferry_9p_fid *like);
struct ferry_9p_fid *ferry_9p_fid_get(struct ferry_9p *p9, u32 id);
void ferry_9p_fid_point(struct ferry_9p_fid *fid, const struct path *path);
void ferry_9p_fid_put(struct ferry_9p *p9, struct ferry_9p_fid *fid);
int ferry_9p_fid_add(struct ferry_9p *p9, struct ferry_9p_fid *fid);
int ferry_9p_fid_replace(struct ferry_9p *p9, struct ferry_9p_fid *old,
			 struct ferry_9p_fid *fid);
bool ferry_9p_fid_remove(struct ferry_9p *p9, struct ferry_9p_fid *fid);
int ferry_9p_inside(const struct ferry_9p *p9, const struct dentry *dentry);

/* cred.c */
int ferry_9p_cred_get(struct ferry_9p *p9, u32 uid, u32 gid, const struct cred **cred,
		      const struct cred **write_cred);
void ferry_9p_creds_drop(struct ferry_9p *p9);
const struct cred *ferry_9p_cred_drop_fsetid(const struct cred *from);
void ferry_9p_squash(const struct ferry_9p_export *ex, u32 *uid, u32 *gid);

/* model.c: what the guest sees, and what the host gets */
int ferry_9p_stat(struct ferry_9p *p9, const struct path *path, struct kstat *st);
int ferry_9p_made(struct ferry_9p *p9, const struct path *path, const struct ferry_9p_node *node);
int ferry_9p_map_change(struct ferry_9p *p9, const struct path *path, const struct iattr *attr,
			u32 uid, u32 gid);
int ferry_9p_map_strip(struct ferry_9p *p9, const struct path *path);
umode_t ferry_9p_mode_killed(umode_t mode);
bool ferry_9p_hidden(const char *name);
void ferry_9p_put_qid(struct ferry_9p *p9, struct ferry_p9_enc *e, const struct kstat *st);
u32 ferry_9p_uid_out(const struct ferry_9p *p9, kuid_t uid);
u32 ferry_9p_gid_out(const struct ferry_9p *p9, kgid_t gid);

/* create.c */
int ferry_9p_make(struct ferry_9p *p9, const struct path *dir, const struct ferry_p9_str *name,
		  const struct ferry_9p_node *node, struct path *made);
int ferry_9p_link_to(struct ferry_9p_req *req, u32 id);
int ferry_9p_unlink_fid(struct ferry_9p *p9, struct ferry_9p_fid *fid);

/* rename.c */
int ferry_9p_rename_fid(struct ferry_9p *p9, struct ferry_9p_fid *fid, const struct path *dir,
			const struct ferry_p9_str *name);

/* dir.c */
int ferry_9p_iterate(struct file *file, struct dir_context *ctx);

/* open.c */
int ferry_9p_child(const struct path *dir, const struct ferry_p9_str *name, struct path *path);
int ferry_9p_open(struct ferry_9p_req *req, struct ferry_9p_fid *fid, u32 flags);
int ferry_9p_become(struct ferry_9p_req *req, struct ferry_9p_fid *fid, u32 flags, bool fresh,
		    struct kstat *st);
int ferry_9p_create(struct ferry_9p_req *req, u32 flags, const struct ferry_9p_node *node,
		    struct kstat *st);

/* attr.c */
int ferry_9p_change(struct ferry_9p *p9, struct ferry_9p_fid *fid, struct iattr *attr, u32 uid,
		    u32 gid);
int ferry_9p_resize(struct ferry_9p_req *req, struct ferry_9p_fid *fid, u64 size);

/* io.c */
ssize_t ferry_9p_read_link(struct ferry_9p *p9, const struct path *path, char *to, u32 room);

/* xattr.c */
int ferry_9p_xattr_commit(struct ferry_9p *p9, struct ferry_9p_fid *fid);
void ferry_9p_xattr_free(struct ferry_9p *p9, struct ferry_9p_xattr *x);
int ferry_9p_xattr_read(struct ferry_9p_req *req);
int ferry_9p_xattr_write(struct ferry_9p_req *req);

/* lock.c */
void ferry_9p_locks_drop(struct ferry_9p *p9, struct ferry_9p_fid *fid);

/* Handlers: fill the answer in; return 0, -errno or FERRY_9P_LATER. */
int ferry_9p_version(struct ferry_9p_req *req);
int ferry_9p_attach(struct ferry_9p_req *req);
int ferry_9p_walk(struct ferry_9p_req *req);
int ferry_9p_clunk(struct ferry_9p_req *req);
int ferry_9p_lopen(struct ferry_9p_req *req);
int ferry_9p_lcreate(struct ferry_9p_req *req);
int ferry_9p_read(struct ferry_9p_req *req);
int ferry_9p_write(struct ferry_9p_req *req);
int ferry_9p_fsync(struct ferry_9p_req *req);
int ferry_9p_readdir(struct ferry_9p_req *req);
int ferry_9p_getattr(struct ferry_9p_req *req);
int ferry_9p_setattr(struct ferry_9p_req *req);
int ferry_9p_statfs(struct ferry_9p_req *req);
int ferry_9p_readlink(struct ferry_9p_req *req);
int ferry_9p_xattrwalk(struct ferry_9p_req *req);
int ferry_9p_xattrcreate(struct ferry_9p_req *req);
int ferry_9p_lock(struct ferry_9p_req *req);
int ferry_9p_getlock(struct ferry_9p_req *req);
int ferry_9p_link(struct ferry_9p_req *req);
int ferry_9p_mkdir(struct ferry_9p_req *req);
int ferry_9p_mknod(struct ferry_9p_req *req);
int ferry_9p_symlink(struct ferry_9p_req *req);
int ferry_9p_unlinkat(struct ferry_9p_req *req);
int ferry_9p_remove(struct ferry_9p_req *req);
int ferry_9p_rename(struct ferry_9p_req *req);
int ferry_9p_renameat(struct ferry_9p_req *req);
int ferry_9p_legacy_open(struct ferry_9p_req *req);
int ferry_9p_legacy_create(struct ferry_9p_req *req);
int ferry_9p_legacy_stat(struct ferry_9p_req *req);
int ferry_9p_legacy_wstat(struct ferry_9p_req *req);
int ferry_9p_legacy_readdir(struct ferry_9p_req *req);

#endif /* FERRY_9P_FERRY_9P_H */
