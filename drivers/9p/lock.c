// SPDX-License-Identifier: GPL-2.0
/*
 * Tlock and Tgetlock: POSIX locks on the host's file, never waited for. A lock belongs
 * to a process of the guest, which a client names by a string and a number; all fids of
 * a session that lock for the same one lock for the same owner. Locks go with the fid,
 * or with the device, at the latest.
 *
 * Any thread that serves requests; takes fid->mutex and then p9->lock_mutex, which
 * protects the owners.
 */
#include <linux/slab.h>

#include "ferry_9p.h"

/* A process of the guest. Its address is what the host's locks are told apart by. */
struct ferry_9p_owner {
	struct list_head node;		/* in p9->owners */
	unsigned int refs;		/* one for each locker */
	u32 proc;
	u32 len;
	char client[];
};

/* That owner has locked by this fid. */
struct ferry_9p_locker {
	struct list_head node;		/* in fid->lockers */
	struct ferry_9p_owner *owner;
	unsigned int locks;		/* of the owner on this file, when it was last seen */
	u64 start;			/* what it locked may lie from here */
	u64 end;			/* to there, if the file system knows alone; 0: nothing */
};

static struct ferry_9p_owner *ferry_9p_owner_get(struct ferry_9p *p9, u32 proc,
						 const struct ferry_p9_str *client)
{
	struct ferry_9p_owner *o;

	lockdep_assert_held(&p9->lock_mutex);
	list_for_each_entry(o, &p9->owners, node) {
		if (o->proc == proc && o->len == client->len &&
		    !memcmp(o->client, client->s, o->len)) {
			o->refs++;
			return o;
		}
	}
	if (p9->nr_owners >= FERRY_9P_OWNERS_MAX || client->len > FERRY_P9_NAME_MAX)
		return ERR_PTR(-ENOLCK);
	o = kzalloc(struct_size(o, client, client->len), GFP_KERNEL_ACCOUNT);
	if (!o)
		return ERR_PTR(-ENOMEM);
	o->refs = 1;
	o->proc = proc;
	o->len = client->len;
	memcpy(o->client, client->s, client->len);
	list_add(&o->node, &p9->owners);
	p9->nr_owners++;
	return o;
}

static void ferry_9p_owner_put(struct ferry_9p *p9, struct ferry_9p_owner *o)
{
	lockdep_assert_held(&p9->lock_mutex);
	if (--o->refs)
		return;
	list_del(&o->node);
	p9->nr_owners--;
	kfree(o);
}

/* The record of an owner that locks by this fid. */
static struct ferry_9p_locker *ferry_9p_locker(struct ferry_9p *p9, struct ferry_9p_fid *fid,
					      u32 proc, const struct ferry_p9_str *client)
{
	struct ferry_9p_locker *l, *new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	struct ferry_9p_owner *o;

	lockdep_assert_held(&fid->mutex);
	if (!new)
		return ERR_PTR(-ENOMEM);
	mutex_lock(&p9->lock_mutex);
	o = ferry_9p_owner_get(p9, proc, client);
	if (IS_ERR(o)) {
		l = ERR_CAST(o);
		goto out;
	}
	list_for_each_entry(l, &fid->lockers, node) {
		if (l->owner == o) {
			ferry_9p_owner_put(p9, o);
			goto out;
		}
	}
	l = new;
	l->owner = o;
	list_add(&l->node, &fid->lockers);
	new = NULL;
out:
	mutex_unlock(&p9->lock_mutex);
	kfree(new);
	return l;
}

/*
 * A lock may split others and an unlock too, so their number is counted afresh. Of an
 * owner that locks a file by several fids the same locks count several times. Those that
 * only the file system knows count as one.
 */
static void ferry_9p_locks_count(struct ferry_9p *p9, struct ferry_9p_locker *l,
				 struct file *file)
{
	unsigned int n = ferry_posix_locks(file_inode(file), l->owner);

	if (!n && l->end)
		n = 1;
	atomic_add(n - l->locks, &p9->nr_locks);
	l->locks = n;
}

static void ferry_9p_locker_free(struct ferry_9p *p9, struct ferry_9p_locker *l)
{
	atomic_sub(l->locks, &p9->nr_locks);
	list_del(&l->node);
	mutex_lock(&p9->lock_mutex);
	ferry_9p_owner_put(p9, l->owner);
	mutex_unlock(&p9->lock_mutex);
	kfree(l);
}

static const u8 ferry_9p_lock_types[] = {
	[FERRY_P9_LOCK_RDLCK] = F_RDLCK,
	[FERRY_P9_LOCK_WRLCK] = F_WRLCK,
	[FERRY_P9_LOCK_UNLCK] = F_UNLCK,
};

/* What a request says about a lock. */
struct ferry_9p_lock_args {
	u64 type;
	u64 start;
	u64 length;	/* 0: to the end */
	u32 proc;
	const struct ferry_p9_str *client;
};

static int ferry_9p_lock_fill(struct file_lock *fl, const struct ferry_9p_lock_args *a,
			      struct file *file, struct ferry_9p_owner *owner)
{
	if (a->type >= ARRAY_SIZE(ferry_9p_lock_types) || a->start > OFFSET_MAX ||
	    (a->length && a->length - 1 > OFFSET_MAX - a->start))
		return -EINVAL;
	locks_init_lock(fl);
	ferry_lock_field(fl, type) = ferry_9p_lock_types[a->type];
	ferry_lock_field(fl, flags) = FL_POSIX;
	ferry_lock_field(fl, owner) = owner;
	ferry_lock_field(fl, pid) = current->tgid;
	ferry_lock_field(fl, file) = file;
	fl->fl_start = a->start;
	fl->fl_end = a->length ? a->start + a->length - 1 : OFFSET_MAX;
	return 0;
}

/* A file system that sees to locks itself, as FUSE may, leaves no trace of them elsewhere. */
static void ferry_9p_locker_note(struct ferry_9p_locker *l, const struct ferry_9p_lock_args *a)
{
	u64 end = a->length ? a->start + a->length : U64_MAX;

	if (a->type != FERRY_P9_LOCK_UNLCK) {
		l->start = l->end ? min(l->start, a->start) : a->start;
		l->end = max(l->end, end);
	} else if (a->start <= l->start && end >= l->end) {
		l->end = 0;
	}
}

/* locks_remove_posix() does nothing where it sees no lock. */
static void ferry_9p_locker_unlock(struct ferry_9p_locker *l, struct file *file)
{
	const struct ferry_9p_lock_args all = { .type = FERRY_P9_LOCK_UNLCK };
	struct file_lock fl;

	if (ferry_9p_lock_fill(&fl, &all, file, l->owner))
		return;
	vfs_lock_file(file, F_SETLK, &fl, NULL);
	locks_release_private(&fl);
}

/* The fid goes: so do the locks of all who locked by it. */
void ferry_9p_locks_drop(struct ferry_9p *p9, struct ferry_9p_fid *fid)
{
	struct ferry_9p_locker *l, *next;

	list_for_each_entry_safe(l, next, &fid->lockers, node) {
		locks_remove_posix(fid->file, l->owner);
		if (l->end)
			ferry_9p_locker_unlock(l, fid->file);
		ferry_9p_locker_free(p9, l);
	}
}

/*
 * Whether the fid's user may lock so: as the file is open, or could be. flock(2) asks for
 * nothing else than a lock of the other kind, and is a Tlock, too.
 */
static bool ferry_9p_lock_may(struct ferry_9p *p9, struct file *file, u64 type)
{
	int need = type == FERRY_P9_LOCK_RDLCK ? MAY_READ : MAY_WRITE;

	if (type == FERRY_P9_LOCK_UNLCK)
		return true;
	if (file->f_mode & (need == MAY_READ ? FMODE_READ : FMODE_WRITE))
		return true;
	/* A directory is open for writing nowhere. */
	if (need == MAY_WRITE && (d_is_dir(file->f_path.dentry) ||
				  (p9->export->flags & FERRY_9P_F_READ_ONLY)))
		return false;
	return !file_permission(file, need);
}

static int ferry_9p_lock_set(struct ferry_9p *p9, struct ferry_9p_fid *fid, struct file *file,
			     const struct ferry_9p_lock_args *a)
{
	struct ferry_9p_locker *l;
	struct file_lock *fl;
	int err;

	/* An unlock may make two of one; that of a whole file never does. */
	if ((a->type != FERRY_P9_LOCK_UNLCK || a->start || a->length) &&
	    atomic_read(&p9->nr_locks) >= FERRY_9P_LOCKS_MAX)
		return -ENOLCK;
	if (!ferry_9p_lock_may(p9, file, a->type))
		return -EBADF;
	fl = locks_alloc_lock();
	if (!fl)
		return -ENOMEM;
	mutex_lock(&fid->mutex);
	l = ferry_9p_locker(p9, fid, a->proc, a->client);
	err = PTR_ERR_OR_ZERO(l);
	if (!err) {
		err = ferry_9p_lock_fill(fl, a, file, l->owner);
		if (!err)
			err = vfs_lock_file(file, F_SETLK, fl, NULL);
		if (!err && file->f_op->lock)
			ferry_9p_locker_note(l, a);
		ferry_9p_locks_count(p9, l, file);
		/* Processes come and go; who holds nothing any more needs no record. */
		if (!l->locks)
			ferry_9p_locker_free(p9, l);
	}
	mutex_unlock(&fid->mutex);
	locks_free_lock(fl);
	return err;
}

int ferry_9p_lock(struct ferry_9p_req *req)
{
	const u64 *v = req->m.v;
	struct ferry_9p_lock_args a = { v[1], v[3], v[4], v[5], &req->m.s[0] };
	struct file *file = ferry_9p_file(req->fid);
	int err;

	if (!file)
		return -EBADF;
	if (v[2] & ~(u64)(FERRY_P9_LOCK_F_BLOCK | FERRY_P9_LOCK_F_RECLAIM))
		return -EINVAL;
	err = ferry_9p_lock_set(req->p9, req->fid, file, &a);
	/* The client asks again, if it wants to wait. */
	if (err == -EAGAIN || err == -EACCES)
		ferry_p9_put(&req->enc, FERRY_P9_LOCK_BLOCKED, 1);
	else if (!err)
		ferry_p9_put(&req->enc, FERRY_P9_LOCK_SUCCESS, 1);
	else
		return err;
	return 0;
}

/*
 * Whose lock is in the way: a process of the guest, or 0 for one of the host's. A file
 * system that was told by somebody else, as NFS and FUSE are, leaves the owner who asks.
 */
static u32 ferry_9p_lock_holder(struct ferry_9p *p9, const struct file_lock *fl,
				const struct ferry_9p_owner *asks)
{
	struct ferry_9p_owner *o;

	lockdep_assert_held(&p9->lock_mutex);
	list_for_each_entry(o, &p9->owners, node)
		if (o != asks && o == ferry_lock_field(fl, owner))
			return o->proc;
	return 0;
}

/* An owner to ask for, without a record of it: nothing will be locked. */
static int ferry_9p_lock_test(struct ferry_9p *p9, struct file *file, struct file_lock *fl,
			      const struct ferry_9p_lock_args *a, u32 *holder)
{
	struct ferry_9p_owner *owner;
	int err;

	mutex_lock(&p9->lock_mutex);
	owner = ferry_9p_owner_get(p9, a->proc, a->client);
	mutex_unlock(&p9->lock_mutex);
	if (IS_ERR(owner))
		return PTR_ERR(owner);
	err = ferry_9p_lock_fill(fl, a, file, owner);
	if (!err)
		err = vfs_test_lock(file, fl);
	mutex_lock(&p9->lock_mutex);
	*holder = ferry_9p_lock_holder(p9, fl, owner);
	ferry_9p_owner_put(p9, owner);
	mutex_unlock(&p9->lock_mutex);
	return err;
}

int ferry_9p_getlock(struct ferry_9p_req *req)
{
	const u64 *v = req->m.v;
	struct ferry_9p_lock_args a = { v[1], v[2], v[3], v[4], &req->m.s[0] };
	struct file *file = ferry_9p_file(req->fid);
	struct ferry_p9_enc *e = &req->enc;
	struct file_lock *fl;
	u8 type = FERRY_P9_LOCK_UNLCK;
	u32 holder;
	int err;

	if (!file)
		return -EBADF;
	if (a.type > FERRY_P9_LOCK_UNLCK)
		return -EINVAL;
	/* Linux does not say what lock it wants: what keeps readers out keeps out all. */
	if (a.type == FERRY_P9_LOCK_UNLCK)
		a.type = FERRY_P9_LOCK_RDLCK;
	fl = locks_alloc_lock();
	if (!fl)
		return -ENOMEM;
	err = ferry_9p_lock_test(req->p9, file, fl, &a, &holder);
	if (!err && ferry_lock_field(fl, type) != F_UNLCK) {
		type = ferry_lock_field(fl, type) == F_WRLCK ? FERRY_P9_LOCK_WRLCK :
		       FERRY_P9_LOCK_RDLCK;
		a.start = fl->fl_start;
		a.length = fl->fl_end == OFFSET_MAX ? 0 : fl->fl_end - fl->fl_start + 1;
		a.proc = holder;
	}
	locks_free_lock(fl);
	if (err)
		return err;
	ferry_p9_put(e, type, 1);
	ferry_p9_put(e, a.start, 8);
	ferry_p9_put(e, a.length, 8);
	ferry_p9_put(e, a.proc, 4);
	ferry_p9_put_str(e, a.client->s, min_t(u32, a.client->len, FERRY_P9_NAME_MAX));
	return 0;
}
