/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The driver's side of a virtqueue in the simplest form: chains of direct
 * descriptors, handed out in order, split or packed.
 */
#ifndef FERRY_VMM_TESTS_RING_DRIVER_H
#define FERRY_VMM_TESTS_RING_DRIVER_H

#include "testvm.h"
#include "virtio/ring.h"

struct ring_driver {
	struct testvm *t;
	struct virtq *q;
	bool packed;
	u16 next;		/* descriptor handed out next */
	bool wrap;
	u16 used;		/* taken back next: index or slot */
	bool used_wrap;
};

/* One piece of a chain. */
struct ring_piece {
	u64 gpa;
	u32 len;
	bool write;
};

/* Rings at @area and the two pages after its first 16 KiB. */
static inline void ring_driver_init(struct ring_driver *d, struct testvm *t, struct virtq *q,
				    u16 size, u64 area, bool packed)
{
	*d = (struct ring_driver){ .t = t, .q = q, .packed = packed, .wrap = true,
				   .used_wrap = true };
	q->size = size;
	q->max_size = size;
	q->desc = area;
	q->driver = area + 0x8000;
	q->device = area + 0xc000;
	q->enabled = true;
	memset(ram_ptr(&t->m.ram, area, 0x14000), 0, 0x14000);
}

static inline void ring_driver_add_split(struct ring_driver *d, const struct ring_piece *p,
					 unsigned int n)
{
	struct vring_desc *desc = ram_ptr(&d->t->m.ram, d->q->desc, 16);
	struct vring_avail *avail = ram_ptr(&d->t->m.ram, d->q->driver, 6);
	u16 head = d->next;
	unsigned int i;

	for (i = 0; i < n; i++) {
		u16 next = (d->next + 1) % d->q->size;

		desc[d->next] = (struct vring_desc){ p[i].gpa, p[i].len,
			(i + 1 < n ? VRING_DESC_F_NEXT : 0) |
			(p[i].write ? VRING_DESC_F_WRITE : 0), next };
		d->next = next;
	}
	avail->ring[avail->idx % d->q->size] = head;
	__atomic_store_n(&avail->idx, avail->idx + 1, __ATOMIC_RELEASE);
}

static inline void ring_driver_add_packed(struct ring_driver *d, const struct ring_piece *p,
					  unsigned int n)
{
	struct vring_packed_desc *desc = ram_ptr(&d->t->m.ram, d->q->desc, 16);
	u16 head = d->next, head_flags = 0, id = d->next;
	unsigned int i;

	for (i = 0; i < n; i++) {
		u16 flags = (i + 1 < n ? VRING_DESC_F_NEXT : 0) |
			    (p[i].write ? VRING_DESC_F_WRITE : 0) |
			    (d->wrap ? 1 << VRING_PACKED_DESC_F_AVAIL :
			     1 << VRING_PACKED_DESC_F_USED);

		desc[d->next].addr = p[i].gpa;
		desc[d->next].len = p[i].len;
		desc[d->next].id = id;
		if (i)
			desc[d->next].flags = flags;
		else
			head_flags = flags;
		if (++d->next == d->q->size) {
			d->next = 0;
			d->wrap = !d->wrap;
		}
	}
	__atomic_store_n(&desc[head].flags, head_flags, __ATOMIC_RELEASE);
}

static inline void ring_driver_add(struct ring_driver *d, const struct ring_piece *p,
				   unsigned int n)
{
	if (d->packed)
		ring_driver_add_packed(d, p, n);
	else
		ring_driver_add_split(d, p, n);
}

/* Take one chain of @slots descriptors back; false if there is none. */
static inline bool ring_driver_take(struct ring_driver *d, unsigned int slots, u16 *id, u32 *len)
{
	struct vring_used *used = ram_ptr(&d->t->m.ram, d->q->device, 6);
	struct vring_packed_desc *desc = ram_ptr(&d->t->m.ram, d->q->desc, 16);
	u16 flags;

	if (!d->packed) {
		if (__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE) == d->used)
			return false;
		*id = used->ring[d->used % d->q->size].id;
		*len = used->ring[d->used % d->q->size].len;
		d->used++;
		return true;
	}
	flags = __atomic_load_n(&desc[d->used].flags, __ATOMIC_ACQUIRE);
	if (!!(flags & 1 << VRING_PACKED_DESC_F_AVAIL) != d->used_wrap ||
	    !!(flags & 1 << VRING_PACKED_DESC_F_USED) != d->used_wrap)
		return false;
	*id = desc[d->used].id;
	*len = desc[d->used].len;
	d->used += slots;
	if (d->used >= d->q->size) {
		d->used -= d->q->size;
		d->used_wrap = !d->used_wrap;
	}
	return true;
}

#endif /* FERRY_VMM_TESTS_RING_DRIVER_H */
