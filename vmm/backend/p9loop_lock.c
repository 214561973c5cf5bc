// SPDX-License-Identifier: GPL-2.0
/*
 * Role: Tlock and Tgetlock: POSIX locks on the host's file, never waited for. A lock
 *	belongs to a process of the guest, which a client names by a string and a number.
 *	Each such owner locks a file through a description of its own, shared by all fids
 *	of the session, for that is what the host tells locks apart by. Locks go with the
 *	fid, as they go when a process closes a file.
 * Threads: those that serve requests.
 * Locks: the fid's mutex, then lock_lock, for owners, their files and locks.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p9loop_server.h"

/* One lock of an owner on a file. */
struct lock_range {
	u64 start, end;		/* end is in it */
	short type;
};

/* One file that an owner locks. */
struct lock_file {
	struct lock_file *next;
	unsigned int refs;		/* one for each locker */
	u64 ino;
	u32 dev;
	int fd;
	unsigned int n;			/* locks, in order, as the host has them */
	unsigned int room;		/* in each of the two: */
	struct lock_range *range;
	struct lock_range *spare;	/* what they become */
};

/* A process of the guest. */
struct p9loop_owner {
	struct p9loop_owner *next;
	struct lock_file *files;
	u32 proc;
	u32 len;
	char client[];
};

/* That owner has locked by this fid. */
struct p9loop_locker {
	struct p9loop_locker *next;	/* in fid->lockers */
	struct p9loop_owner *owner;
	struct lock_file *file;
};

/* What a request says about a lock. */
struct lock_args {
	u64 type;
	u64 start;
	u64 length;		/* 0: to the end */
	u32 proc;
	const struct ferry_p9_str *client;
};

static struct p9loop_owner **lock_find_owner(struct p9loop_server *s, const struct lock_args *a)
{
	struct p9loop_owner **at = &s->owners;

	while (*at && ((*at)->proc != a->proc || (*at)->len != a->client->len ||
		       memcmp((*at)->client, a->client->s, a->client->len)))
		at = &(*at)->next;
	return at;
}

static struct lock_file *lock_find_file(const struct p9loop_owner *o,
					const struct p9loop_node *node)
{
	struct lock_file *f = o->files;

	while (f && (f->ino != node->ino || f->dev != node->dev))
		f = f->next;
	return f;
}

/* Whether another owner may come. */
static int lock_owner_room(const struct p9loop_server *s, const struct lock_args *a)
{
	return s->nr_owners >= P9LOOP_OWNERS_MAX || a->client->len > FERRY_P9_NAME_MAX ?
	       -ENOLCK : 0;
}

static struct p9loop_owner *lock_new_owner(struct p9loop_server *s, const struct lock_args *a)
{
	struct p9loop_owner *o = calloc(1, sizeof(*o) + a->client->len);

	if (!o)
		return NULL;
	o->proc = a->proc;
	o->len = a->client->len;
	memcpy(o->client, a->client->s, o->len);
	o->next = s->owners;
	s->owners = o;
	s->nr_owners++;
	return o;
}

/* Forget an owner without files. */
static void lock_put_owner(struct p9loop_server *s, struct p9loop_owner *o)
{
	struct p9loop_owner **at = &s->owners;

	if (o->files)
		return;
	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	s->nr_owners--;
	free(o);
}

/* Another description of the file, for both kinds of locks if that can be had. */
static int lock_reopen(struct p9loop_req *req, int file)
{
	struct p9loop_name name = p9loop_name(file);
	struct p9loop_ident as = req->t->now;
	bool both = !(req->s->ex.flags & FERRY_9P_F_READ_ONLY);
	int mode = fcntl(file, F_GETFL) & O_ACCMODE, back = p9loop_become_own(req->t), fd = -1;

	if (both)
		fd = open(name.s, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		fd = open(name.s, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	fd = fd < 0 ? -errno : p9loop_keep(fd);
	back = p9loop_become_ident(req->t, &as) ?: back;
	if (back && fd >= 0)
		close(fd);
	return back ?: fd;
}

static struct lock_file *lock_new_file(struct p9loop_req *req, struct p9loop_owner *o, int *err)
{
	const struct p9loop_fid *fid = req->fid;
	struct lock_file *f = calloc(1, sizeof(*f));
	int fd = f ? lock_reopen(req, fid->file) : -ENOMEM;

	if (fd < 0) {
		*err = fd;
		free(f);
		return NULL;
	}
	*f = (struct lock_file){ .next = o->files, .ino = fid->node->ino, .dev = fid->node->dev,
				 .fd = fd };
	o->files = f;
	return f;
}

/* The record of an owner that locks by this fid. */
static struct p9loop_locker *lock_locker(struct p9loop_req *req, const struct lock_args *a,
					 int *err)
{
	struct p9loop_server *s = req->s;
	struct p9loop_owner *o = *lock_find_owner(s, a);
	struct p9loop_locker *l;

	for (l = req->fid->lockers; l; l = l->next)
		if (l->owner == o)
			return l;
	*err = o ? 0 : lock_owner_room(s, a);
	l = *err ? NULL : calloc(1, sizeof(*l));
	if (l && !o)
		o = lock_new_owner(s, a);
	if (!l || !o) {
		free(l);
		*err = *err ?: -ENOMEM;
		return NULL;
	}
	l->owner = o;
	l->file = lock_find_file(o, req->fid->node) ?: lock_new_file(req, o, err);
	if (!l->file) {
		lock_put_owner(s, o);
		free(l);
		return NULL;
	}
	l->file->refs++;
	l->next = req->fid->lockers;
	req->fid->lockers = l;
	return l;
}

/* Append a lock, as one with the one before where they touch. */
static unsigned int lock_append(struct lock_range *to, unsigned int n, struct lock_range r)
{
	if (n && to[n - 1].type == r.type && to[n - 1].end + 1 == r.start) {
		to[n - 1].end = r.end;
		return n;
	}
	to[n] = r;
	return n + 1;
}

/* What the locks of a file become by @r; @to has room for two more. */
static unsigned int lock_merge(const struct lock_file *f, struct lock_range r,
			       struct lock_range *to)
{
	bool placed = r.type == F_UNLCK;
	unsigned int i, n = 0;

	for (i = 0; i < f->n; i++) {
		struct lock_range old = f->range[i], part = old;

		if (old.start < r.start) {
			part.end = old.end < r.start ? old.end : r.start - 1;
			n = lock_append(to, n, part);
		}
		if (!placed && old.end >= r.start) {
			n = lock_append(to, n, r);
			placed = true;
		}
		if (old.end > r.end) {
			part = old;
			part.start = old.start > r.end ? old.start : r.end + 1;
			n = lock_append(to, n, part);
		}
	}
	return placed ? n : lock_append(to, n, r);
}

static int lock_host(const struct lock_file *f, const struct lock_range *r)
{
	struct flock fl = { .l_type = r->type, .l_whence = SEEK_SET, .l_start = r->start };

	if (r->end != LLONG_MAX)
		fl.l_len = r->end - r->start + 1;
	return fcntl(f->fd, F_OFD_SETLK, &fl) ? -errno : 0;
}

/* Room for what one lock or unlock makes of them. */
static int lock_grow(struct lock_file *f)
{
	unsigned int room = (f->n + 2) * 2;
	struct lock_range *range, *spare;

	if (f->n + 2 <= f->room)
		return 0;
	range = realloc(f->range, room * sizeof(*range));
	if (range)
		f->range = range;
	spare = realloc(f->spare, room * sizeof(*spare));
	if (spare)
		f->spare = spare;
	if (!range || !spare)
		return -ENOMEM;
	f->room = room;
	return 0;
}

/* Lock or unlock, and keep account of it. */
static int lock_apply(struct p9loop_server *s, struct lock_file *f, const struct lock_range *r)
{
	struct lock_range *before;
	unsigned int n;
	int err = lock_grow(f);

	if (!err)
		err = lock_host(f, r);
	if (err)
		return err;
	before = f->range;
	n = lock_merge(f, *r, f->spare);
	s->nr_locks += n - f->n;
	f->range = f->spare;
	f->spare = before;
	f->n = n;
	return 0;
}

/* An owner locks by a fid no more. */
static void lock_put_locker(struct p9loop_server *s, struct p9loop_fid *fid,
			    struct p9loop_locker *l)
{
	struct lock_file *f = l->file, **at = &l->owner->files;
	struct p9loop_locker **link = &fid->lockers;

	while (*link != l)
		link = &(*link)->next;
	*link = l->next;
	if (!--f->refs) {
		while (*at != f)
			at = &(*at)->next;
		*at = f->next;
		close(f->fd);
		free(f->range);
		free(f->spare);
		free(f);
	}
	lock_put_owner(s, l->owner);
	free(l);
}

/* The fid goes: so do the locks of all who locked by it, by whatever fid. */
void p9loop_locks_drop(struct p9loop_server *s, struct p9loop_fid *fid)
{
	static const struct lock_range all = { 0, LLONG_MAX, F_UNLCK };

	pthread_mutex_lock(&s->lock_lock);
	while (fid->lockers) {
		struct lock_file *f = fid->lockers->file;

		lock_host(f, &all);
		s->nr_locks -= f->n;
		f->n = 0;
		lock_put_locker(s, fid, fid->lockers);
	}
	pthread_mutex_unlock(&s->lock_lock);
}

static int lock_range_of(const struct lock_args *a, struct lock_range *r)
{
	static const short types[] = {
		[FERRY_P9_LOCK_RDLCK] = F_RDLCK,
		[FERRY_P9_LOCK_WRLCK] = F_WRLCK,
		[FERRY_P9_LOCK_UNLCK] = F_UNLCK,
	};

	if (a->type >= ARRAY_SIZE(types) || a->start > LLONG_MAX ||
	    (a->length && a->length - 1 > LLONG_MAX - a->start))
		return -EINVAL;
	*r = (struct lock_range){ a->start, LLONG_MAX, types[a->type] };
	if (a->length)
		r->end = a->start + a->length - 1;
	return 0;
}

/*
 * Whether the fid's user may lock so: as the file is open, or could be. flock(2) asks for
 * nothing else than a lock of the other kind, and is a Tlock, too.
 */
static bool lock_may(const struct p9loop_server *s, int file, u64 type)
{
	int mode = fcntl(file, F_GETFL) & O_ACCMODE;
	int other = type == FERRY_P9_LOCK_RDLCK ? O_WRONLY : O_RDONLY, fd;

	if (type == FERRY_P9_LOCK_UNLCK || mode != other)
		return true;
	if (other == O_RDONLY && (s->ex.flags & FERRY_9P_F_READ_ONLY))
		return false;
	fd = open(p9loop_name(file).s, (other == O_RDONLY ? O_WRONLY : O_RDONLY) | O_NONBLOCK |
		  O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int lock_allowed(const struct p9loop_server *s, int file, const struct lock_args *a)
{
	/* An unlock may make two of one; that of a whole file never does. */
	if ((a->type != FERRY_P9_LOCK_UNLCK || a->start || a->length) &&
	    s->nr_locks >= P9LOOP_LOCKS_MAX)
		return -ENOLCK;
	return lock_may(s, file, a->type) ? 0 : -EBADF;
}

static int lock_set(struct p9loop_req *req, int file, const struct lock_args *a)
{
	struct p9loop_server *s = req->s;
	struct p9loop_locker *l;
	struct lock_range r;
	int err;

	pthread_mutex_lock(&req->fid->mutex);
	pthread_mutex_lock(&s->lock_lock);
	err = lock_allowed(s, file, a);
	l = err ? NULL : lock_locker(req, a, &err);
	if (l)
		err = lock_range_of(a, &r);
	if (l && !err)
		err = lock_apply(s, l->file, &r);
	/* Processes come and go; who holds nothing any more needs no record. */
	if (l && !l->file->n)
		lock_put_locker(s, req->fid, l);
	pthread_mutex_unlock(&s->lock_lock);
	pthread_mutex_unlock(&req->fid->mutex);
	return err;
}

int p9loop_lock(struct p9loop_req *req)
{
	const __u64 *v = req->m.v;
	struct lock_args a = { v[1], v[3], v[4], v[5], &req->m.s[0] };
	int file = p9loop_file(req->fid), err;

	if (file < 0)
		return -EBADF;
	if (v[2] & ~(u64)(FERRY_P9_LOCK_F_BLOCK | FERRY_P9_LOCK_F_RECLAIM))
		return -EINVAL;
	err = lock_set(req, file, &a);
	/* The client asks again, if it wants to wait. */
	if (err == -EAGAIN || err == -EACCES)
		ferry_p9_put(&req->enc, FERRY_P9_LOCK_BLOCKED, 1);
	else if (!err)
		ferry_p9_put(&req->enc, FERRY_P9_LOCK_SUCCESS, 1);
	else
		return err;
	return 0;
}

/* Whose lock is in the way: a process of the guest, or 0 for one of the host's. */
static u32 lock_holder(const struct p9loop_server *s, const struct p9loop_node *node,
		       const struct flock *fl)
{
	const struct p9loop_owner *o;
	unsigned int i;

	for (o = s->owners; o && fl->l_pid < 0; o = o->next) {
		const struct lock_file *f = lock_find_file(o, node);

		for (i = 0; f && i < f->n; i++)
			if (f->range[i].type == fl->l_type &&
			    f->range[i].start == (u64)fl->l_start)
				return o->proc;
	}
	return 0;
}

/* What is in the way; by a description of the owner's, or one that has no locks. */
static int lock_test(struct p9loop_req *req, int file, const struct lock_args *a,
		     struct flock *fl, u32 *holder)
{
	struct p9loop_server *s = req->s;
	struct lock_file *f = NULL;
	struct p9loop_owner *o;
	struct lock_range r;
	int err = lock_range_of(a, &r);

	pthread_mutex_lock(&s->lock_lock);
	o = *lock_find_owner(s, a);
	if (o)
		f = lock_find_file(o, req->fid->node);
	else
		err = lock_owner_room(s, a) ?: err;
	if (!err) {
		*fl = (struct flock){ .l_type = r.type, .l_whence = SEEK_SET,
				      .l_start = r.start };
		if (r.end != LLONG_MAX)
			fl->l_len = r.end - r.start + 1;
		err = fcntl(f ? f->fd : file, F_OFD_GETLK, fl) ? -errno : 0;
		*holder = err ? 0 : lock_holder(s, req->fid->node, fl);
	}
	pthread_mutex_unlock(&s->lock_lock);
	return err;
}

int p9loop_getlock(struct p9loop_req *req)
{
	const __u64 *v = req->m.v;
	struct lock_args a = { v[1], v[2], v[3], v[4], &req->m.s[0] };
	struct ferry_p9_enc *e = &req->enc;
	int file = p9loop_file(req->fid), err;
	u8 type = FERRY_P9_LOCK_UNLCK;
	struct flock fl;
	u32 holder = 0;

	if (file < 0)
		return -EBADF;
	if (a.type > FERRY_P9_LOCK_UNLCK)
		return -EINVAL;
	/* Linux does not say what lock it wants: what keeps readers out keeps out all. */
	if (a.type == FERRY_P9_LOCK_UNLCK)
		a.type = FERRY_P9_LOCK_RDLCK;
	err = lock_test(req, file, &a, &fl, &holder);
	if (err)
		return err;
	if (fl.l_type != F_UNLCK) {
		type = fl.l_type == F_WRLCK ? FERRY_P9_LOCK_WRLCK : FERRY_P9_LOCK_RDLCK;
		a.start = fl.l_start;
		a.length = fl.l_len;
		a.proc = holder;
	}
	ferry_p9_put(e, type, 1);
	ferry_p9_put(e, a.start, 8);
	ferry_p9_put(e, a.length, 8);
	ferry_p9_put(e, a.proc, 4);
	ferry_p9_put_str(e, a.client->s, a.client->len < FERRY_P9_NAME_MAX ? a.client->len :
			 FERRY_P9_NAME_MAX);
	return 0;
}
