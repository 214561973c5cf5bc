/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside p9loop. The life of a request is that of drivers/9p: the queue's thread takes a
 * chain, copies the message and serves it, or gives it to a thread of the pool; whoever
 * serves it writes the answer into guest memory, the queue's thread hands the chain back.
 *
 * A node is one file of the host, held by an O_PATH descriptor; a fid names one node for
 * all its life. A request that makes a number mean another file puts another fid into the
 * table; who still holds the old one goes on with it.
 *
 * Files are reached from directories that are held, one name at a time, or through
 * "/proc/self/fd", which is the working directory of every thread here, by the number of
 * a descriptor that is held. No path of the guest's is ever given to the kernel.
 */
#ifndef FERRY_VMM_BACKEND_P9LOOP_SERVER_H
#define FERRY_VMM_BACKEND_P9LOOP_SERVER_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "../virtio/ring.h"
#include "9p/p9_codec_core.h"
#include "p9loop.h"

/* These are the kernel server's: see drivers/9p/ferry_9p.h. */
#define P9LOOP_REQS		128
#define P9LOOP_THREADS		8
#define P9LOOP_DIR_BYTES	(64U << 10)
#define P9LOOP_OWN_BYTES	512
#define P9LOOP_OWNERS_MAX	1024
#define P9LOOP_LOCKS_MAX	16384

#define P9LOOP_FID_BUCKETS	4096
#define P9LOOP_SEGMENTS		16	/* of a payload, without an allocation */

/* A handler's answer: would block, call me again from the pool. */
#define P9LOOP_LATER		1

struct p9loop_req;

struct p9loop_node {
	unsigned int refs;		/* atomic */
	int fd;
	u64 ino;
	u32 dev;			/* as the guest sees it */
	mode_t type;			/* on the host; S_IFMT */
	char *name;			/* where it was found, NULL: by no name */
	struct p9loop_node *from;	/* in which directory; NULL also for directories */
};

/* The directory and what is done with it. Never changes while it is served. */
struct p9loop_export {
	struct p9loop_node *root;
	bool detached;			/* on a mount of our own, whose root it is */
	enum ferry_9p_model model;
	u32 flags;
	u32 msize;
	u32 fids;
	u32 uid;
	u32 gid;
	bool other;			/* mapped: files belong to someone else */
	u16 fmode;
	u16 dmode;
	u64 xattr_bytes;
};

/* Whose rights a thread has. */
struct p9loop_ident {
	u32 uid;
	u32 gid;
	u64 caps;			/* effective */
};

struct p9loop_thread {
	struct p9loop_server *s;
	pthread_t thread;
	struct p9loop_ident own;	/* what it began with */
	struct p9loop_ident now;
	u64 permitted;
	u64 inheritable;
	int failed;			/* what setting the thread up failed with */
};

/* The value of an extended attribute, or a list of names, behind a fid. */
struct p9loop_xattr {
	bool create;			/* Txattrcreate: set at clunk */
	u32 flags;
	u32 size;
	u32 filled;
	u8 *value;
	char name[FERRY_P9_XATTR_NAME_MAX + 1];
};

struct p9loop_locker;

struct p9loop_fid {
	unsigned int refs;		/* atomic */
	u32 id;
	struct p9loop_fid *next;	/* in the table, under fid_lock */
	bool hashed;			/* likewise */
	struct p9loop_node *node;
	u32 uid;			/* the guest's, squashed */
	u32 gid;			/* of whoever attached */
	int file;			/* open descriptor or -1; set once, p9loop_file() */
	bool rclose;			/* its clunk removes it: ORCLOSE; atomic */

	pthread_mutex_t mutex;		/* opening, directories, writing xattrs, locks */
	struct p9loop_xattr *xattr;	/* set before the fid is in the table */
	struct p9loop_locker *lockers;
	u64 dir_pos;			/* where the open directory goes on */
	u8 *stash;			/* entries read from it that found no room */
	u32 stash_len;
};

/* What is to be made. */
struct p9loop_new {
	mode_t mode;			/* with the type */
	u32 major, minor;
	u32 uid;			/* the guest's, squashed */
	u32 gid;
	const char *target;		/* of a symlink */
	bool rclose;			/* the fid's clunk removes it: ORCLOSE of Tcreate */
};

struct p9loop_req {
	struct p9loop_server *s;
	struct p9loop_thread *t;	/* that serves it */
	struct p9loop_req *next;	/* free, or the next that flushes the same request */
	struct p9loop_req *queued;	/* the next in the pool's queue */
	struct p9loop_req *done;	/* the next that is done */
	struct p9loop_req *flushers;	/* requests to answer once this one is */
	struct p9loop_req *flushes;	/* that one, for those */
	bool tagged;

	struct virtio_chain c;
	const struct iovec *out, *in;
	struct iovec *own_seg;		/* in the pool */

	u16 tag;
	u8 type;
	bool may_block;
	u8 *msg;
	struct ferry_p9_msg m;
	struct p9loop_fid *fid;

	struct ferry_p9_enc enc;
	u8 *reply;
	u32 payload;			/* bytes in the chain behind the header */
	u32 len;			/* of the whole answer */
	u8 own_msg[P9LOOP_OWN_BYTES + 1];
	u8 own_reply[P9LOOP_OWN_BYTES];
};

struct p9loop_server {
	struct p9loop_export ex;
	struct threads *threads_of;	/* the program's */
	int proc_fd;			/* /proc/self/fd */
	int err_fd;

	/* The queue's thread. */
	struct virtio_ring ring;
	int kick_fd;
	bool broken;
	struct p9loop_req *reqs;
	struct p9loop_req *free;
	unsigned int flight;
	struct iovec chain[FERRY_CHAIN_MAX];
	struct p9loop_thread queue;
	bool queue_started;

	/* Any thread. */
	int wake_fd;			/* look at end and at done */
	bool end;			/* atomic */
	pthread_mutex_t done_lock;
	struct p9loop_req *done, **done_tail;

	pthread_mutex_t pool_lock;
	pthread_cond_t pool_wait;
	struct p9loop_req *pool, **pool_tail;
	bool pool_end;
	struct p9loop_thread thread[P9LOOP_THREADS];
	unsigned int threads;

	/* Set while nothing is in flight. */
	unsigned int dialect;		/* enum ferry_p9_dialect */
	u32 msize;

	/* The session. */
	pthread_mutex_t fid_lock;
	struct p9loop_fid *fids[P9LOOP_FID_BUCKETS];
	unsigned int nr_fids;		/* atomic */
	u64 xattr_bytes;		/* atomic */
	pthread_mutex_t mode_lock;	/* modes that are read to be set again, p9loop_model.c */
	pthread_mutex_t lock_lock;	/* lock owners and their files, p9loop_lock.c */
	struct p9loop_owner *owners;
	unsigned int nr_owners;
	unsigned int nr_locks;
};

/* Segments of a payload in guest memory. */
struct p9loop_iter {
	struct iovec *v;
	unsigned int n;
	struct iovec *alloc;
	struct iovec own[P9LOOP_SEGMENTS];
};

/* The name of a descriptor in /proc/self/fd. */
struct p9loop_name {
	char s[12];
};

struct p9loop_name p9loop_name(int fd);

static inline bool p9loop_mapped(const struct p9loop_server *s)
{
	return s->ex.model == FERRY_9P_MODEL_MAPPED;
}

static inline bool p9loop_is_dir(const struct p9loop_node *n)
{
	return S_ISDIR(n->type);
}

static inline bool p9loop_is_root(const struct p9loop_server *s, const struct p9loop_node *n)
{
	return n->ino == s->ex.root->ino && n->dev == s->ex.root->dev;
}

/* The open file of a fid, -1 if it is not open. */
static inline int p9loop_file(const struct p9loop_fid *fid)
{
	return __atomic_load_n(&fid->file, __ATOMIC_ACQUIRE);
}

/* A string of the message as C has them; all of the message was decoded. */
static inline const char *p9loop_cstr(const struct ferry_p9_str *s)
{
	char *text = (char *)s->s;

	text[s->len] = 0;
	return text;
}

/* One name of the message, which passed ferry_p9_check_name(). */
struct p9loop_entry {
	char s[FERRY_P9_NAME_MAX + 1];
};

static inline struct p9loop_entry p9loop_entry(const struct ferry_p9_str *s)
{
	struct p9loop_entry e;

	memcpy(e.s, s->s, s->len);
	e.s[s->len] = 0;
	return e;
}

/* p9loop_export.c */
int p9loop_export_get(struct p9loop_export *ex, const struct ferry_9p_backend *b, bool detached);
void p9loop_export_put(struct p9loop_export *ex);

/* p9loop.c: the two halves of p9loop_stop() */
void p9loop_quiesce(struct p9loop_server *s);
void p9loop_free(struct p9loop_server *s);

/* p9loop_queue.c */
int p9loop_queue_init(struct p9loop_server *s);
void p9loop_queue_destroy(struct p9loop_server *s);
void *p9loop_queue_thread(void *thread);
void p9loop_req_done(struct p9loop_req *req);

/* p9loop_pool.c */
int p9loop_spawn(struct p9loop_thread *t, void *(*fn)(void *));
int p9loop_pool_start(struct p9loop_server *s);
void p9loop_pool_stop(struct p9loop_server *s);
void p9loop_pool_add(struct p9loop_req *req);
bool p9loop_pool_cancel(struct p9loop_req *req);

/* p9loop_cred.c */
u64 p9loop_caps(void);
void p9loop_thread_init(struct p9loop_thread *t);
int p9loop_become(struct p9loop_thread *t, u32 uid, u32 gid, bool write);
int p9loop_become_own(struct p9loop_thread *t);
int p9loop_become_ident(struct p9loop_thread *t, const struct p9loop_ident *want);
void p9loop_squash(const struct p9loop_export *ex, u32 *uid, u32 *gid);

/* p9loop_serve.c */
int p9loop_receive(struct p9loop_req *req, const struct ferry_p9_hdr *h);
bool p9loop_serve(struct p9loop_req *req);
void p9loop_answer(struct p9loop_req *req, int err);
bool p9loop_runs_alone(u8 type);
int p9loop_reply_room(struct p9loop_req *req, u32 bytes);

/* p9loop_iter.c */
int p9loop_iter_init(struct p9loop_req *req, struct p9loop_iter *it, bool in, u32 skip, u32 len);
void p9loop_iter_advance(struct p9loop_iter *it, size_t len);
void p9loop_iter_free(struct p9loop_iter *it);
/* Bytes behind an Rread's header, and the header's count. */
int p9loop_deliver(struct p9loop_req *req, const void *from, u32 len);

/* p9loop_fid.c */
void p9loop_session_init(struct p9loop_server *s);
void p9loop_session_reset(struct p9loop_server *s);
void p9loop_session_destroy(struct p9loop_server *s);
struct p9loop_fid *p9loop_fid_alloc(struct p9loop_server *s, u32 id, struct p9loop_node *node,
				    const struct p9loop_fid *like, int *err);
struct p9loop_fid *p9loop_fid_get(struct p9loop_server *s, u32 id);
void p9loop_fid_point(struct p9loop_fid *fid, struct p9loop_node *node);
void p9loop_fid_put(struct p9loop_server *s, struct p9loop_fid *fid);
int p9loop_fid_add(struct p9loop_server *s, struct p9loop_fid *fid);
int p9loop_fid_replace(struct p9loop_server *s, struct p9loop_fid *old, struct p9loop_fid *fid);
bool p9loop_fid_remove(struct p9loop_server *s, struct p9loop_fid *fid);

/* p9loop_node.c */
int p9loop_keep(int fd);
int p9loop_lookup(int dir, const char *name, u64 flags);
/* A node of a descriptor, which it takes over in any case. */
int p9loop_node_new(int fd, struct p9loop_node **node);
/* Remember where it was found. */
int p9loop_node_found(struct p9loop_node *node, struct p9loop_node *dir, const char *name);
struct p9loop_node *p9loop_node_ref(struct p9loop_node *node);
void p9loop_node_put(struct p9loop_node *node);
int p9loop_node_child(struct p9loop_node *dir, const char *name, bool may_block,
		      struct p9loop_node **child);
int p9loop_node_parent(struct p9loop_req *req, const struct p9loop_node *dir,
		       struct p9loop_node **parent);
bool p9loop_node_is(const struct p9loop_node *node, const struct p9loop_node *dir,
		    const char *name);
/* Whether a file still lies in the export: 0 or -ESTALE. */
int p9loop_inside(struct p9loop_req *req, const struct p9loop_node *node);

/* Where a file is: the directory, and its name there. */
struct p9loop_place {
	struct p9loop_node *dir;
	struct p9loop_entry name;
};

int p9loop_place(struct p9loop_req *req, const struct p9loop_node *node,
		 struct p9loop_place *place);

/* What is to become of attributes other than the size. */
struct p9loop_change {
	u32 valid;			/* FERRY_P9_SET_* */
	mode_t mode;
	u32 uid, gid;
	struct timespec times[2];	/* for utimensat() */
};

/* p9loop_model.c: what the guest sees, and what the host gets */
u32 p9loop_encode_dev(u32 major, u32 minor);
int p9loop_stat(struct p9loop_server *s, const struct p9loop_node *node, struct statx *st);
int p9loop_made(struct p9loop_server *s, const struct p9loop_node *node,
		const struct p9loop_new *new);
int p9loop_map_change(struct p9loop_server *s, const struct p9loop_node *node,
		      const struct p9loop_change *c);
int p9loop_map_strip(struct p9loop_server *s, const struct p9loop_node *node);
mode_t p9loop_mode_killed(mode_t mode);
bool p9loop_hidden(const char *name);
void p9loop_put_qid(struct p9loop_server *s, struct ferry_p9_enc *e, const struct statx *st);

/* p9loop_create.c */
int p9loop_make(struct p9loop_req *req, struct p9loop_node *dir,
		const struct p9loop_new *new, struct p9loop_node **made);
int p9loop_make_open(struct p9loop_req *req, struct p9loop_node *dir, int flags,
		     const struct p9loop_new *new, struct p9loop_node **made);
int p9loop_link_to(struct p9loop_req *req, u32 id);
int p9loop_unlink_fid(struct p9loop_req *req, struct p9loop_fid *fid);

/* p9loop_rename.c */
int p9loop_rename_fid(struct p9loop_req *req, struct p9loop_fid *fid,
		      const struct p9loop_node *dir, const struct ferry_p9_str *name);

/* p9loop_open.c */
int p9loop_open(struct p9loop_req *req, struct p9loop_fid *fid, u32 flags);
int p9loop_create(struct p9loop_req *req, u32 flags, const struct p9loop_new *new,
		  struct statx *st);

/* p9loop_attr.c */
int p9loop_change(struct p9loop_req *req, struct p9loop_fid *fid, const struct p9loop_change *c);
int p9loop_resize(struct p9loop_req *req, struct p9loop_fid *fid, u64 size);

/* p9loop_io.c */
ssize_t p9loop_read_link(struct p9loop_server *s, const struct p9loop_node *node, char *to,
			 u32 room);

/* The head of what getdents64 fills in. */
struct p9loop_dirent {
	u64 ino;
	u64 off;			/* where the next one begins */
	u16 len;			/* of all of it */
	u8 type;
	char name[];
};

/* p9loop_dir.c */
ssize_t p9loop_getdents(int fd, void *buf, size_t room);

/* p9loop_xattr.c */
int p9loop_xattr_commit(struct p9loop_req *req, struct p9loop_fid *fid);
void p9loop_xattr_free(struct p9loop_server *s, struct p9loop_xattr *x);
int p9loop_xattr_read(struct p9loop_req *req);
int p9loop_xattr_write(struct p9loop_req *req);

/* p9loop_lock.c */
void p9loop_locks_drop(struct p9loop_server *s, struct p9loop_fid *fid);

/* Handlers: fill the answer in; return 0, -errno or P9LOOP_LATER. */
int p9loop_version(struct p9loop_req *req);
int p9loop_attach(struct p9loop_req *req);
int p9loop_walk(struct p9loop_req *req);
int p9loop_clunk(struct p9loop_req *req);
int p9loop_lopen(struct p9loop_req *req);
int p9loop_lcreate(struct p9loop_req *req);
int p9loop_read(struct p9loop_req *req);
int p9loop_write(struct p9loop_req *req);
int p9loop_fsync(struct p9loop_req *req);
int p9loop_readdir(struct p9loop_req *req);
int p9loop_getattr(struct p9loop_req *req);
int p9loop_setattr(struct p9loop_req *req);
int p9loop_statfs(struct p9loop_req *req);
int p9loop_readlink(struct p9loop_req *req);
int p9loop_xattrwalk(struct p9loop_req *req);
int p9loop_xattrcreate(struct p9loop_req *req);
int p9loop_lock(struct p9loop_req *req);
int p9loop_getlock(struct p9loop_req *req);
int p9loop_link(struct p9loop_req *req);
int p9loop_mkdir(struct p9loop_req *req);
int p9loop_mknod(struct p9loop_req *req);
int p9loop_symlink(struct p9loop_req *req);
int p9loop_unlinkat(struct p9loop_req *req);
int p9loop_remove(struct p9loop_req *req);
int p9loop_rename(struct p9loop_req *req);
int p9loop_renameat(struct p9loop_req *req);
int p9loop_legacy_open(struct p9loop_req *req);
int p9loop_legacy_create(struct p9loop_req *req);
int p9loop_legacy_stat(struct p9loop_req *req);
int p9loop_legacy_wstat(struct p9loop_req *req);
int p9loop_legacy_readdir(struct p9loop_req *req);

#endif /* FERRY_VMM_BACKEND_P9LOOP_SERVER_H */
