/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What both ring formats do with a descriptor once it is a private copy. All
 * of it is inlined into the fetch loops, which run with user access open: the
 * compiler must not leave a call behind (objtool checks that).
 */
#ifndef FERRY_VRING_WALK_H
#define FERRY_VRING_WALK_H

#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "vring.h"

/* No segment left: end the batch before this chain, try it again later. */
#define FERRY_WALK_FULL		1

/* A walk returns chain errors and -EFAULT through one int. */
static_assert(FERRY_CHAIN_BAD_ADDR < EFAULT);

/*
 * The one place where a guest address becomes a host address. An IOTLB would
 * hook in here, and a dirty log in here and in ferry_vring_complete().
 */
static __always_inline void __user *ferry_translate(struct ferry_vring *vr, u64 gpa, u64 *room)
{
	const struct ferry_region *r = vr->hit;
	u64 off;

	if (unlikely(!r || gpa - r->gpa >= r->size)) {
		r = ferry_mem_find(vr->mem, gpa);
		if (!r)
			return NULL;
		vr->hit = r;
	}
	/* The guest chose the address: no speculation past the region either. */
	off = array_index_nospec(gpa - r->gpa, r->size);
	*room = r->size - off;
	return (void __user *)(unsigned long)(r->hva + off);
}

/* Turn one buffer into segments, one a region that it touches. */
static __always_inline int ferry_walk_segs(struct ferry_vring *vr, struct ferry_chain *c,
					   const struct ferry_desc *d)
{
	u64 addr = d->addr, len = d->len, room = 0;

	while (len) {
		void __user *p = ferry_translate(vr, addr, &room);
		u32 at = c->seg + c->nr_out + c->nr_in;

		if (unlikely(!p))
			return -FERRY_CHAIN_BAD_ADDR;
		if (unlikely(at >= FERRY_SEGS))
			return c->seg ? FERRY_WALK_FULL : -FERRY_CHAIN_LONG;
		room = min(room, len);
		vr->seg[at].iov_base = p;
		vr->seg[at].iov_len = room;
		if (d->flags & VRING_DESC_F_WRITE)
			c->nr_in++;
		else
			c->nr_out++;
		addr += room;
		len -= room;
	}
	return 0;
}

/* Where the descriptors of a walk lie: in the ring or in an indirect table. */
struct ferry_table {
	u64 __user *base;	/* NULL: a table that spans regions */
	u64 gpa;
};

/* Begin an indirect table. Most lie in one region: one translation serves all. */
static __always_inline int ferry_table_enter(struct ferry_vring *vr, struct ferry_table *t,
					     const struct ferry_desc *d)
{
	u64 room = 0;

	t->gpa = d->addr;
	t->base = ferry_translate(vr, d->addr, &room);
	if (unlikely(!t->base))
		return -FERRY_CHAIN_BAD_ADDR;
	if (unlikely(room < d->len))
		t->base = NULL;
	return 0;
}

/* A descriptor that no one region holds whole, byte by byte. */
static __always_inline int ferry_table_read_split(struct ferry_vring *vr, u64 gpa, u64 *word)
{
	u64 room = 0;
	unsigned int i;

	for (i = 0; i < 16; i++) {
		u8 __user *p = ferry_translate(vr, gpa + i, &room);
		u8 byte;

		if (!p)
			return -FERRY_CHAIN_BAD_ADDR;
		unsafe_get_user(byte, p, fault);
		((u8 *)word)[i] = byte;
	}
	return 0;
fault:
	return -EFAULT;
}

/*
 * Fetch descriptor @at as two little-endian words. User access is open.
 * Returns 0, -FERRY_CHAIN_BAD_ADDR or -EFAULT.
 */
static __always_inline int ferry_table_read(struct ferry_vring *vr, const struct ferry_table *t,
					    u32 at, u64 *word)
{
	u64 __user *p;
	u64 room = 0;

	if (likely(t->base)) {
		p = t->base + 2 * (size_t)at;
	} else {
		u64 gpa = t->gpa + 16 * (u64)at;

		p = ferry_translate(vr, gpa, &room);
		if (!p)
			return -FERRY_CHAIN_BAD_ADDR;
		if (room < 16)
			return ferry_table_read_split(vr, gpa, word);
	}
	unsafe_get_user(word[0], p, fault);
	unsafe_get_user(word[1], p + 1, fault);
	return 0;
fault:
	return -EFAULT;
}

static __always_inline void ferry_chain_begin(struct ferry_vring *vr, struct ferry_chain *c)
{
	c->slots = 1;
	c->nr_out = 0;
	c->nr_in = 0;
	c->seg = vr->seg_tail;
}

static __always_inline void ferry_chain_end(struct ferry_vring *vr, struct ferry_chain *c,
					    const struct ferry_walk *w)
{
	c->out_len = w->out_len;
	c->in_len = w->in_len;
	vr->seg_tail = c->seg + c->nr_out + c->nr_in;
	vr->tail++;
}

#endif /* FERRY_VRING_WALK_H */
