// SPDX-License-Identifier: GPL-2.0
/*
 * The driver's side of a virtqueue. Runs in whichever single thread owns the
 * ring; shares memory with the device, ordered by the barriers named below, and
 * takes no locks.
 */
#include <errno.h>

#include "check.h"
#include "ring.h"

#define PACKED_AVAIL	(1U << VRING_PACKED_DESC_F_AVAIL)
#define PACKED_USED	(1U << VRING_PACKED_DESC_F_USED)

/* Pairs with the device's barrier between its own store and its next load. */
static void ring_mb(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static size_t ring_up(size_t n, size_t align)
{
	return (n + align - 1) & ~(align - 1);
}

static uint16_t ring_table_max(const struct ring_layout *l)
{
	return l->table_max ? l->table_max : RING_TABLE_MAX;
}

/* Offsets of the three parts and the tables; the last one is the total. */
struct ring_parts {
	size_t driver, device, table, end;
};

static struct ring_parts ring_parts(const struct ring_layout *l)
{
	struct ring_parts p;
	size_t num = l->num;

	p.driver = ring_up(16 * num, 64);
	p.device = ring_up(p.driver + (l->packed ? 4 : 6 + 2 * num), 64);
	p.table = ring_up(p.device + (l->packed ? 4 : 6 + 8 * num), RING_ALIGN);
	p.end = p.table;
	if (l->indirect)
		p.end += ring_up(num * ring_table_max(l) * 16, RING_ALIGN);
	return p;
}

size_t ring_bytes(const struct ring_layout *l)
{
	return ring_parts(l).end;
}

void ring_init(struct ring *r, const struct ring_layout *l, void *hva, uint64_t gpa)
{
	struct ring_parts p = ring_parts(l);
	char *base = hva;

	/* Not the tables: each is written whole before it is shown, and most are never used. */
	memset(hva, 0, p.table);
	memset(r, 0, sizeof(*r));
	r->l = *l;
	r->l.table_max = ring_table_max(l);
	r->desc = hva;
	r->avail = (void *)(base + p.driver);
	r->used = (void *)(base + p.device);
	r->table = (void *)(base + p.table);
	r->table_gpa = gpa + p.table;
	r->slot = calloc(l->num, sizeof(*r->slot));
	check(r->slot, "memory for %u slots", l->num);
	for (unsigned int i = 0; i < l->num; i++)
		r->slot[i].next = i + 1;
	r->free = l->num;
	r->avail_next = l->start;
	r->avail_shown = l->start;
	r->used_next = l->start;
	r->avail_wrap = !l->start_odd;
	r->used_wrap = !l->start_odd;
	if (l->packed) {
		/* Descriptors of the other lap: neither available nor used. */
		if (l->start_odd)
			for (unsigned int i = 0; i < l->num; i++)
				r->pdesc[i].flags = PACKED_AVAIL | PACKED_USED;
		/* Slots before the start were passed in this lap already. */
		for (unsigned int i = 0; i < l->start; i++)
			r->pdesc[i].flags = l->start_odd ? 0 : PACKED_AVAIL | PACKED_USED;
		ring_enable_call(r);
	} else {
		r->avail->idx = l->start;
		r->used->idx = l->start;
		ring_enable_call(r);
	}
}

void ring_destroy(struct ring *r)
{
	free(r->slot);
	r->slot = NULL;
}

uint32_t ring_base(const struct ring *r)
{
	uint32_t avail, used;

	if (!r->l.packed)
		return r->avail_next;
	avail = r->avail_next | (uint32_t)r->avail_wrap << 15;
	used = r->used_next | (uint32_t)r->used_wrap << 15;
	return avail | used << 16;
}

static uint16_t *ring_used_event(const struct ring *r)
{
	return &r->avail->ring[r->l.num];
}

static uint16_t ring_avail_event(const struct ring *r)
{
	return __atomic_load_n((uint16_t *)&r->used->ring[r->l.num], __ATOMIC_RELAXED);
}

static uint16_t ring_take_slot(struct ring *r)
{
	uint16_t i = r->free_head;

	r->free_head = r->slot[i].next;
	return i;
}

static void ring_put_slot(struct ring *r, uint16_t i)
{
	r->slot[i].count = 0;
	r->slot[i].next = r->free_head;
	r->free_head = i;
}

/* Fill chain @id's indirect table; return its guest address. */
static uint64_t ring_fill_table(struct ring *r, uint16_t id, const struct ring_seg *seg,
				unsigned int n_out, unsigned int n)
{
	size_t first = (size_t)id * r->l.table_max;

	for (unsigned int i = 0; i < n; i++) {
		uint16_t flags = i < n_out ? 0 : VRING_DESC_F_WRITE;

		if (r->l.packed) {
			/* No NEXT: all of the table is the chain. */
			r->ptable[first + i] = (struct vring_packed_desc){
				.addr = seg[i].addr, .len = seg[i].len, .flags = flags,
			};
		} else {
			if (i + 1 < n)
				flags |= VRING_DESC_F_NEXT;
			r->table[first + i] = (struct vring_desc){
				.addr = seg[i].addr, .len = seg[i].len, .flags = flags,
				.next = i + 1,
			};
		}
	}
	return r->table_gpa + first * 16;
}

static void ring_show_split(struct ring *r, uint16_t head)
{
	r->avail->ring[r->avail_next % r->l.num] = head;
	r->avail_next++;
}

static void ring_add_split(struct ring *r, const struct ring_seg *seg, unsigned int n_out,
			   unsigned int n, uint64_t cookie)
{
	uint16_t head = ring_take_slot(r);
	uint16_t at = head;

	r->slot[head].cookie = cookie;
	if (r->l.indirect) {
		r->desc[head].addr = ring_fill_table(r, head, seg, n_out, n);
		r->desc[head].len = 16 * n;
		r->desc[head].flags = VRING_DESC_F_INDIRECT;
		n = 1;
	} else {
		for (unsigned int i = 0; i < n; i++) {
			r->desc[at].addr = seg[i].addr;
			r->desc[at].len = seg[i].len;
			r->desc[at].flags = i < n_out ? 0 : VRING_DESC_F_WRITE;
			if (i + 1 == n)
				break;
			r->desc[at].flags |= VRING_DESC_F_NEXT;
			r->slot[at].next = ring_take_slot(r);
			r->desc[at].next = r->slot[at].next;
			at = r->slot[at].next;
		}
	}
	r->slot[head].count = n;
	r->free -= n;
	ring_show_split(r, head);
}

/* Write the next slot; the head of a batch is held back until published. */
static void ring_put_packed(struct ring *r, uint64_t addr, uint32_t len, uint16_t flags,
			    uint16_t id)
{
	struct vring_packed_desc *d = &r->pdesc[r->avail_next];

	d->addr = addr;
	d->len = len;
	d->id = id;
	flags |= r->avail_wrap ? PACKED_AVAIL : PACKED_USED;
	if (!r->held_count++) {
		r->held_slot = r->avail_next;
		r->held_flags = flags;
	} else {
		d->flags = flags;
	}
	if (++r->avail_next == r->l.num) {
		r->avail_next = 0;
		r->avail_wrap = !r->avail_wrap;
	}
}

static void ring_add_packed(struct ring *r, const struct ring_seg *seg, unsigned int n_out,
			    unsigned int n, uint64_t cookie)
{
	uint16_t id = ring_take_slot(r);

	r->slot[id].cookie = cookie;
	if (r->l.indirect) {
		uint64_t table = ring_fill_table(r, id, seg, n_out, n);

		ring_put_packed(r, table, 16 * n, VRING_DESC_F_INDIRECT, id);
		n = 1;
	} else {
		for (unsigned int i = 0; i < n; i++) {
			uint16_t flags = i < n_out ? 0 : VRING_DESC_F_WRITE;

			if (i + 1 < n)
				flags |= VRING_DESC_F_NEXT;
			ring_put_packed(r, seg[i].addr, seg[i].len, flags, id);
		}
	}
	r->slot[id].count = n;
	r->free -= n;
}

int ring_add(struct ring *r, const struct ring_seg *seg, unsigned int n_out, unsigned int n_in,
	     uint64_t cookie)
{
	unsigned int n = n_out + n_in;

	if (!n)
		return -EINVAL;
	if (r->l.indirect ? !r->free || n > r->l.table_max : n > r->free)
		return -ENOSPC;
	if (r->l.packed)
		ring_add_packed(r, seg, n_out, n, cookie);
	else
		ring_add_split(r, seg, n_out, n, cookie);
	return 0;
}

static bool ring_publish_split(struct ring *r)
{
	uint16_t old = r->avail_shown;

	/* The entries must be visible before the index: pairs with the device's read of idx. */
	__atomic_store_n(&r->avail->idx, r->avail_next, __ATOMIC_RELEASE);
	r->avail_shown = r->avail_next;
	ring_mb();
	if (r->l.event_idx)
		return vring_need_event(ring_avail_event(r), r->avail_next, old);
	return !(__atomic_load_n(&r->used->flags, __ATOMIC_RELAXED) & VRING_USED_F_NO_NOTIFY);
}

static bool ring_publish_packed(struct ring *r)
{
	uint16_t added = r->held_count;
	uint16_t flags, off_wrap, event;

	if (!added)
		return false;
	/* The rest of the batch before its head: pairs with the device's read of flags. */
	__atomic_store_n(&r->pdesc[r->held_slot].flags, r->held_flags, __ATOMIC_RELEASE);
	r->held_count = 0;
	ring_mb();
	flags = __atomic_load_n(&r->device->flags, __ATOMIC_ACQUIRE);
	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	off_wrap = __atomic_load_n(&r->device->off_wrap, __ATOMIC_RELAXED);
	event = off_wrap & 0x7fff;
	if (off_wrap >> VRING_PACKED_EVENT_F_WRAP_CTR != r->avail_wrap)
		event -= r->l.num;
	return vring_need_event(event, r->avail_next, r->avail_next - added);
}

bool ring_publish(struct ring *r)
{
	return r->l.packed ? ring_publish_packed(r) : ring_publish_split(r);
}

static bool ring_has_used_packed(const struct ring *r)
{
	uint16_t flags = __atomic_load_n(&r->pdesc[r->used_next].flags, __ATOMIC_ACQUIRE);
	bool avail = flags & PACKED_AVAIL;
	bool used = flags & PACKED_USED;

	return avail == used && used == r->used_wrap;
}

bool ring_has_used(const struct ring *r)
{
	if (r->l.packed)
		return ring_has_used_packed(r);
	return __atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE) != r->used_next;
}

static void ring_free_split(struct ring *r, uint16_t head)
{
	uint16_t count = r->slot[head].count;

	r->free += count;
	while (count--) {
		uint16_t next = r->slot[head].next;

		ring_put_slot(r, head);
		head = next;
	}
}

static void ring_step_used(struct ring *r, uint16_t count)
{
	if (!r->l.packed) {
		r->used_next++;
		return;
	}
	r->used_next += count;
	if (r->used_next >= r->l.num) {
		r->used_next -= r->l.num;
		r->used_wrap = !r->used_wrap;
	}
}

int ring_get(struct ring *r, struct ring_used *u)
{
	uint32_t id;
	uint16_t count;

	if (!ring_has_used(r))
		return 0;
	if (r->l.packed) {
		id = r->pdesc[r->used_next].id;
		u->len = r->pdesc[r->used_next].len;
	} else {
		const struct vring_used_elem *e = &r->used->ring[r->used_next % r->l.num];

		id = e->id;
		u->len = e->len;
	}
	if (id >= r->l.num || !r->slot[id].count)
		return -EPROTO;
	u->id = id;
	u->cookie = r->slot[id].cookie;
	count = r->slot[id].count;
	if (r->l.packed) {
		r->free += count;
		ring_put_slot(r, id);
	} else {
		ring_free_split(r, id);
	}
	ring_step_used(r, count);
	return 1;
}

void ring_disable_call(struct ring *r)
{
	if (r->l.packed) {
		__atomic_store_n(&r->driver->flags, VRING_PACKED_EVENT_FLAG_DISABLE,
				 __ATOMIC_RELAXED);
		return;
	}
	/*
	 * With EVENT_IDX the flag must stay 0. The index just passed will not do:
	 * the device may be about to look whether it has been passed.
	 */
	if (r->l.event_idx)
		__atomic_store_n(ring_used_event(r), r->used_next + 0x8000, __ATOMIC_RELAXED);
	else
		__atomic_store_n(&r->avail->flags, VRING_AVAIL_F_NO_INTERRUPT, __ATOMIC_RELAXED);
}

static void ring_enable_packed(struct ring *r, uint16_t after)
{
	uint16_t slot = r->used_next + after;
	bool wrap = r->used_wrap;
	uint16_t flags = VRING_PACKED_EVENT_FLAG_ENABLE;

	if (r->l.event_idx) {
		if (slot >= r->l.num) {
			slot -= r->l.num;
			wrap = !wrap;
		}
		__atomic_store_n(&r->driver->off_wrap,
				 slot | wrap << VRING_PACKED_EVENT_F_WRAP_CTR, __ATOMIC_RELAXED);
		flags = VRING_PACKED_EVENT_FLAG_DESC;
	}
	/* The device reads flags first: the offset must be there by then. */
	__atomic_store_n(&r->driver->flags, flags, __ATOMIC_RELEASE);
}

bool ring_enable_call_after(struct ring *r, uint16_t after)
{
	if (r->l.packed)
		ring_enable_packed(r, after);
	else if (r->l.event_idx)
		__atomic_store_n(ring_used_event(r), r->used_next + after, __ATOMIC_RELAXED);
	else
		__atomic_store_n(&r->avail->flags, 0, __ATOMIC_RELAXED);
	ring_mb();
	if (r->l.packed || !r->l.event_idx || !after)
		return ring_has_used(r);
	return (uint16_t)(__atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE) - r->used_next) > after;
}

bool ring_enable_call(struct ring *r)
{
	return ring_enable_call_after(r, 0);
}

void ring_raw_avail(struct ring *r, uint16_t head)
{
	ring_show_split(r, head);
}

void ring_raw_add(struct ring *r, const struct ring_raw *d, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (r->l.packed) {
			ring_put_packed(r, d[i].addr, d[i].len, d[i].flags, d[i].id);
			continue;
		}
		r->desc[i].addr = d[i].addr;
		r->desc[i].len = d[i].len;
		r->desc[i].flags = d[i].flags;
		r->desc[i].next = d[i].id;
	}
	if (!r->l.packed)
		ring_show_split(r, 0);
}
