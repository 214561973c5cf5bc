// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the table of fids, and the session that they make up. A fid is looked up, added
 *	and removed by any thread that serves requests; the object lives on until the
 *	last request that uses it is through.
 * Threads: those that serve requests.
 * Locks: fid_lock, for the table.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p9loop_server.h"

static struct p9loop_fid **fid_bucket(struct p9loop_server *s, u32 id)
{
	return &s->fids[(id * 0x9e3779b1U) >> 20];
}

static struct p9loop_fid **fid_find(struct p9loop_server *s, u32 id)
{
	struct p9loop_fid **at = fid_bucket(s, id);

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

static void fid_insert(struct p9loop_server *s, struct p9loop_fid *fid)
{
	struct p9loop_fid **at = fid_bucket(s, fid->id);

	__atomic_add_fetch(&fid->refs, 1, __ATOMIC_RELAXED);
	fid->hashed = true;
	fid->next = *at;
	*at = fid;
}

/* Take it off; false if another request did that before. The table's reference stays. */
static bool fid_unhash(struct p9loop_server *s, struct p9loop_fid *fid)
{
	if (!fid->hashed)
		return false;
	*fid_find(s, fid->id) = fid->next;
	fid->hashed = false;
	return true;
}

/**
 * p9loop_fid_alloc - make a fid that is in no table yet
 * @s: the server
 * @id: its number
 * @node: what it names; a reference is taken
 * @like: has the user that the new one gets; NULL: it is set by hand
 * @err: set to -EMFILE at the limit, or -ENOMEM
 *
 * Return: the fid with one reference, or NULL.
 */
struct p9loop_fid *p9loop_fid_alloc(struct p9loop_server *s, u32 id, struct p9loop_node *node,
				    const struct p9loop_fid *like, int *err)
{
	struct p9loop_fid *fid;

	*err = 0;
	if (__atomic_add_fetch(&s->nr_fids, 1, __ATOMIC_RELAXED) > s->ex.fids)
		*err = -EMFILE;
	fid = *err ? NULL : calloc(1, sizeof(*fid));
	if (!fid) {
		*err = *err ?: -ENOMEM;
		__atomic_sub_fetch(&s->nr_fids, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	fid->refs = 1;
	fid->id = id;
	fid->file = -1;
	fid->node = p9loop_node_ref(node);
	pthread_mutex_init(&fid->mutex, NULL);
	if (like) {
		fid->uid = like->uid;
		fid->gid = like->gid;
	}
	return fid;
}

/* What a fid that is in no table yet names instead; the reference is taken over. */
void p9loop_fid_point(struct p9loop_fid *fid, struct p9loop_node *node)
{
	p9loop_node_put(fid->node);
	fid->node = node;
}

void p9loop_fid_put(struct p9loop_server *s, struct p9loop_fid *fid)
{
	if (!fid || __atomic_sub_fetch(&fid->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (fid->file >= 0) {
		p9loop_locks_drop(s, fid);
		close(fid->file);
	}
	if (fid->xattr)
		p9loop_xattr_free(s, fid->xattr);
	p9loop_node_put(fid->node);
	pthread_mutex_destroy(&fid->mutex);
	free(fid->stash);
	free(fid);
	__atomic_sub_fetch(&s->nr_fids, 1, __ATOMIC_RELAXED);
}

/* Return: the fid with a reference, or NULL. */
struct p9loop_fid *p9loop_fid_get(struct p9loop_server *s, u32 id)
{
	struct p9loop_fid *fid;

	pthread_mutex_lock(&s->fid_lock);
	fid = *fid_find(s, id);
	if (fid)
		__atomic_add_fetch(&fid->refs, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&s->fid_lock);
	return fid;
}

/* Show a fid to the client; the table takes a reference. -EINVAL: number in use. */
int p9loop_fid_add(struct p9loop_server *s, struct p9loop_fid *fid)
{
	int err = 0;

	if (fid->id == FERRY_P9_NOFID)
		return -EINVAL;
	pthread_mutex_lock(&s->fid_lock);
	if (*fid_find(s, fid->id))
		err = -EINVAL;
	else
		fid_insert(s, fid);
	pthread_mutex_unlock(&s->fid_lock);
	return err;
}

/**
 * p9loop_fid_replace - have a number mean another file from now on
 * @s: the server
 * @old: what it means now
 * @fid: what it shall mean, with the same number; the table takes a reference
 *
 * Return: 0, or -EBADF if the number does not mean @old any more.
 */
int p9loop_fid_replace(struct p9loop_server *s, struct p9loop_fid *old, struct p9loop_fid *fid)
{
	bool there;

	pthread_mutex_lock(&s->fid_lock);
	there = fid_unhash(s, old);
	if (there)
		fid_insert(s, fid);
	pthread_mutex_unlock(&s->fid_lock);
	if (there)
		p9loop_fid_put(s, old);
	return there ? 0 : -EBADF;
}

/* Take a fid off the table; false if another request did that before. */
bool p9loop_fid_remove(struct p9loop_server *s, struct p9loop_fid *fid)
{
	bool there;

	pthread_mutex_lock(&s->fid_lock);
	there = fid_unhash(s, fid);
	pthread_mutex_unlock(&s->fid_lock);
	if (there)
		p9loop_fid_put(s, fid);
	return there;
}

void p9loop_session_init(struct p9loop_server *s)
{
	pthread_mutex_init(&s->fid_lock, NULL);
	pthread_mutex_init(&s->mode_lock, NULL);
	pthread_mutex_init(&s->lock_lock, NULL);
}

/* Forget every fid and what hangs on them; nothing is in flight. */
void p9loop_session_reset(struct p9loop_server *s)
{
	unsigned int i;

	for (i = 0; i < P9LOOP_FID_BUCKETS; i++) {
		while (s->fids[i]) {
			struct p9loop_fid *fid = s->fids[i];

			fid_unhash(s, fid);
			p9loop_fid_put(s, fid);
		}
	}
	s->dialect = FERRY_P9_NONE;
	s->msize = FERRY_P9_REQUEST_MAX;
}

void p9loop_session_destroy(struct p9loop_server *s)
{
	p9loop_session_reset(s);
	pthread_mutex_destroy(&s->lock_lock);
	pthread_mutex_destroy(&s->mode_lock);
	pthread_mutex_destroy(&s->fid_lock);
}
