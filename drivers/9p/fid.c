// SPDX-License-Identifier: GPL-2.0
/*
 * The table of fids, and the session that they make up. A fid is looked up, added and
 * removed by any thread that serves requests, under the lock of its shard; the object
 * lives on until the last request that uses it is through.
 */
#include <linux/file.h>
#include <linux/jhash.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "../compat/task.h"
#include "ferry_9p.h"

/*
 * A worker never returns to user space, where a file is closed otherwise. A network file
 * system writes back what is closed.
 */
void ferry_9p_close(struct file *file)
{
	if (file->f_op->flush)
		file->f_op->flush(file, NULL);
	if (current->flags & (PF_KTHREAD | PF_USER_WORKER))
		__fput_sync(file);
	else
		fput(file);
}

static u32 ferry_9p_fid_hash(const struct ferry_9p *p9, u32 id)
{
	return jhash_1word(id, p9->seed) & ((1 << FERRY_9P_FID_BITS) - 1);
}

static spinlock_t *ferry_9p_fid_lock(struct ferry_9p *p9, u32 hash)
{
	return &p9->shard[hash % FERRY_9P_SHARDS].lock;
}

static struct ferry_9p_fid *ferry_9p_fid_find(struct ferry_9p *p9, u32 hash, u32 id)
{
	struct ferry_9p_fid *fid;

	hlist_for_each_entry(fid, &p9->fids[hash], node)
		if (fid->id == id)
			return fid;
	return NULL;
}

/**
 * ferry_9p_fid_alloc - make a fid that is in no table yet
 * @p9: the device
 * @id: its number
 * @path: what it names; a reference is taken
 * @like: has the user and the rights that the new one gets; NULL: they are set by hand
 *
 * Return: the fid with one reference, or ERR_PTR(): -ENOMEM, -EMFILE at the limit.
 */
struct ferry_9p_fid *ferry_9p_fid_alloc(struct ferry_9p *p9, u32 id, const struct path *path,
					const struct ferry_9p_fid *like)
{
	struct ferry_9p_fid *fid;

	if (atomic_inc_return(&p9->nr_fids) > p9->export->fids) {
		atomic_dec(&p9->nr_fids);
		return ERR_PTR(-EMFILE);
	}
	fid = kzalloc(sizeof(*fid), GFP_KERNEL_ACCOUNT);
	if (!fid) {
		atomic_dec(&p9->nr_fids);
		return ERR_PTR(-ENOMEM);
	}
	refcount_set(&fid->refs, 1);
	fid->id = id;
	mutex_init(&fid->mutex);
	INIT_LIST_HEAD(&fid->lockers);
	fid->path = *path;
	path_get(&fid->path);
	if (like) {
		fid->uid = like->uid;
		fid->cred = get_cred(like->cred);
		fid->write_cred = get_cred(like->write_cred);
	}
	return fid;
}

/* What a fid that is in no table yet names instead; the reference is taken over. */
void ferry_9p_fid_point(struct ferry_9p_fid *fid, const struct path *path)
{
	path_put(&fid->path);
	fid->path = *path;
}

void ferry_9p_fid_put(struct ferry_9p *p9, struct ferry_9p_fid *fid)
{
	if (!fid || !refcount_dec_and_test(&fid->refs))
		return;
	if (fid->file) {
		ferry_9p_locks_drop(p9, fid);
		ferry_9p_close(fid->file);
	}
	if (fid->xattr)
		ferry_9p_xattr_free(p9, fid->xattr);
	path_put(&fid->path);
	if (fid->cred)
		put_cred(fid->cred);
	if (fid->write_cred)
		put_cred(fid->write_cred);
	mutex_destroy(&fid->mutex);
	kfree(fid);
	atomic_dec(&p9->nr_fids);
}

/* Return: the fid with a reference, or ERR_PTR(-EBADF). */
struct ferry_9p_fid *ferry_9p_fid_get(struct ferry_9p *p9, u32 id)
{
	u32 hash = ferry_9p_fid_hash(p9, id);
	struct ferry_9p_fid *fid;

	spin_lock(ferry_9p_fid_lock(p9, hash));
	fid = ferry_9p_fid_find(p9, hash, id);
	if (fid)
		refcount_inc(&fid->refs);
	spin_unlock(ferry_9p_fid_lock(p9, hash));
	return fid ?: ERR_PTR(-EBADF);
}

/* Show a fid to the client; the table takes a reference. -EINVAL: number in use. */
int ferry_9p_fid_add(struct ferry_9p *p9, struct ferry_9p_fid *fid)
{
	u32 hash = ferry_9p_fid_hash(p9, fid->id);
	int err = 0;

	if (fid->id == FERRY_P9_NOFID)
		return -EINVAL;
	spin_lock(ferry_9p_fid_lock(p9, hash));
	if (ferry_9p_fid_find(p9, hash, fid->id)) {
		err = -EINVAL;
	} else {
		refcount_inc(&fid->refs);
		hlist_add_head(&fid->node, &p9->fids[hash]);
	}
	spin_unlock(ferry_9p_fid_lock(p9, hash));
	return err;
}

/**
 * ferry_9p_fid_replace - have a number mean another file from now on
 * @p9: the device
 * @old: what it means now
 * @fid: what it shall mean, with the same number; the table takes a reference
 *
 * Return: 0, or -EBADF if the number does not mean @old any more.
 */
int ferry_9p_fid_replace(struct ferry_9p *p9, struct ferry_9p_fid *old, struct ferry_9p_fid *fid)
{
	u32 hash = ferry_9p_fid_hash(p9, old->id);
	bool there;

	spin_lock(ferry_9p_fid_lock(p9, hash));
	there = !hlist_unhashed(&old->node);
	if (there) {
		refcount_inc(&fid->refs);
		hlist_del_init(&old->node);
		hlist_add_head(&fid->node, &p9->fids[hash]);
	}
	spin_unlock(ferry_9p_fid_lock(p9, hash));
	if (there)
		ferry_9p_fid_put(p9, old);
	return there ? 0 : -EBADF;
}

/* Take a fid off the table; false if another request did that before. */
bool ferry_9p_fid_remove(struct ferry_9p *p9, struct ferry_9p_fid *fid)
{
	u32 hash = ferry_9p_fid_hash(p9, fid->id);
	bool there;

	spin_lock(ferry_9p_fid_lock(p9, hash));
	there = !hlist_unhashed(&fid->node);
	if (there)
		hlist_del_init(&fid->node);
	spin_unlock(ferry_9p_fid_lock(p9, hash));
	if (there)
		ferry_9p_fid_put(p9, fid);
	return there;
}

/*
 * Whether a directory still lies in the export: the host may have moved it out, and
 * then neither its entries nor its parents are the guest's business.
 */
int ferry_9p_inside(const struct ferry_9p *p9, const struct dentry *dentry)
{
	struct dentry *root = p9->export->root.dentry;

	return dentry == root || is_subdir((struct dentry *)dentry, root) ? 0 : -ESTALE;
}

/* Once for a device. */
void ferry_9p_session_init(struct ferry_9p *p9)
{
	unsigned int i;

	for (i = 0; i < FERRY_9P_SHARDS; i++)
		spin_lock_init(&p9->shard[i].lock);
	p9->seed = get_random_u32();
	spin_lock_init(&p9->cred_lock);
	mutex_init(&p9->mode_mutex);
	mutex_init(&p9->lock_mutex);
	INIT_LIST_HEAD(&p9->owners);
}

/* Forget every fid and what hangs on them; nothing is in flight. */
void ferry_9p_session_reset(struct ferry_9p *p9)
{
	struct ferry_9p_fid *fid;
	struct hlist_node *next;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(p9->fids); i++) {
		hlist_for_each_entry_safe(fid, next, &p9->fids[i], node) {
			hlist_del_init(&fid->node);
			ferry_9p_fid_put(p9, fid);
		}
		cond_resched();
	}
	ferry_9p_creds_drop(p9);
	p9->dialect = FERRY_P9_NONE;
	p9->msize = FERRY_P9_REQUEST_MAX;
}
