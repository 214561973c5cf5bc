// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the device's side of a virtqueue in user space. Every descriptor is fetched
 *	once into a private copy and judged there; ring memory is the guest's, who may
 *	write it at any moment. Follows the virtio specification 1.3, "Split
 *	Virtqueues" and "Packed Virtqueues".
 * Threads: one at a time for each ring: the one that serves the queue.
 * Locks: none.
 */
#include "ring.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

static u16 load16(const void *p)
{
	return __atomic_load_n((const u16 *)p, __ATOMIC_RELAXED);
}

static void store16(void *p, u16 v)
{
	__atomic_store_n((u16 *)p, v, __ATOMIC_RELAXED);
}

/* Fields that the driver reads or writes, by their place in the split areas. */
static u16 *ring_avail_idx(const struct virtio_ring *r)
{
	return &((struct vring_avail *)r->driver)->idx;
}

static u16 *ring_used_event(const struct virtio_ring *r)
{
	return &((struct vring_avail *)r->driver)->ring[r->num];
}

static u16 *ring_used_idx(const struct virtio_ring *r)
{
	return &((struct vring_used *)r->device)->idx;
}

static u16 *ring_avail_event(const struct virtio_ring *r)
{
	return (u16 *)&((struct vring_used *)r->device)->ring[r->num];
}

int virtio_ring_init(struct virtio_ring *r, const struct virtio_dev *v,
		     const struct virtq *q)
{
	const struct ram *ram = &v->m->ram;
	struct virtq_layout l;

	virtq_layout(v, q, &l);
	*r = (struct virtio_ring){
		.ram = ram,
		.num = q->size,
		.packed = virtio_has(v, VIRTIO_F_RING_PACKED),
		.event_idx = virtio_has(v, VIRTIO_RING_F_EVENT_IDX),
		.indirect = virtio_has(v, VIRTIO_RING_F_INDIRECT_DESC),
		.call_fd = q->call_fd,
		.desc = ram_ptr(ram, q->desc, l.desc),
		.driver = ram_ptr(ram, q->driver, l.driver),
		.device = ram_ptr(ram, q->device, l.device),
		.avail_wrap = true,
		.used_wrap = true,
	};
	return q->enabled && r->desc && r->driver && r->device ? 0 : -EINVAL;
}

/* Pieces of a chain as they are collected. */
struct ring_pieces {
	struct iovec *iov;
	unsigned int n, room;
};

/* A buffer may lie across both regions of RAM only if it is broken. */
static int ring_add_piece(struct virtio_ring *r, struct ring_pieces *p,
			  const struct ferry_desc *d)
{
	void *hva;

	if (!d->len)
		return 0;
	if (p->n == p->room)
		return -ENOBUFS;
	hva = ram_ptr(r->ram, d->addr, d->len);
	if (!hva)
		return -EPROTO;
	p->iov[p->n++] = (struct iovec){ hva, d->len };
	return 0;
}

static void ring_fetch_split(const void *table, u32 i, struct ferry_desc *d)
{
	struct vring_desc raw;

	memcpy(&raw, (const struct vring_desc *)table + i, sizeof(raw));
	/* Keep the compiler from reading the shared bytes once more. */
	__asm__ __volatile__("" : : : "memory");
	*d = (struct ferry_desc){ raw.addr, raw.len, raw.flags, raw.next };
}

static void ring_fetch_packed(const void *table, u32 i, struct ferry_desc *d)
{
	struct vring_packed_desc raw;

	memcpy(&raw, (const struct vring_packed_desc *)table + i, sizeof(raw));
	__asm__ __volatile__("" : : : "memory");
	*d = (struct ferry_desc){ raw.addr, raw.len, raw.flags, raw.id };
}

/* Count a piece that was added to the readable or to the writable ones. */
static void ring_count(struct virtio_chain *c, const struct ferry_desc *d, unsigned int added)
{
	if (d->flags & VRING_DESC_F_WRITE)
		c->in_num += added;
	else
		c->out_num += added;
}

static int ring_walk_split(struct virtio_ring *r, struct virtio_chain *c,
			   struct ring_pieces *p, u16 head)
{
	const void *table = r->desc;
	struct ferry_walk w;
	struct ferry_desc d;
	u32 i = head;
	int step, ret;

	ferry_walk_init(&w, r->num, r->indirect);
	do {
		unsigned int before = p->n;

		ring_fetch_split(table, i, &d);
		c->slots += !w.table;
		step = ferry_split_step(&w, &d);
		if (step < 0)
			return -EPROTO;
		if (step == FERRY_STEP_TABLE) {
			table = ram_ptr(r->ram, d.addr, d.len);
			if (!table)
				return -EPROTO;
			i = 0;
			continue;
		}
		ret = ring_add_piece(r, p, &d);
		if (ret)
			return ret;
		ring_count(c, &d, p->n - before);
		i = d.id;
	} while (step != FERRY_STEP_DONE);
	c->out_len = w.out_len;
	c->in_len = w.in_len;
	return 1;
}

static int ring_pop_split(struct virtio_ring *r, struct virtio_chain *c,
			  struct ring_pieces *p)
{
	struct vring_avail *avail = r->driver;
	/* Pairs with the driver's write barrier before it moves the index. */
	u16 idx = __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE);
	int n = ferry_split_pending(idx, r->next_avail, r->num);
	u16 head;

	if (n <= 0)
		return n ? -EPROTO : 0;
	head = load16(&avail->ring[r->next_avail & (r->num - 1)]);
	if (head >= r->num)
		return -EPROTO;
	c->id = head;
	n = ring_walk_split(r, c, p, head);
	if (n == 1)
		r->next_avail++;
	return n;
}

static int ring_walk_packed(struct virtio_ring *r, struct virtio_chain *c,
			    struct ring_pieces *p)
{
	const void *table = r->desc;
	u32 i = r->next_avail;
	bool in_table = false;
	struct ferry_walk w;
	struct ferry_desc d;
	int step, ret;

	ferry_walk_init(&w, r->num, r->indirect);
	do {
		unsigned int before = p->n;

		ring_fetch_packed(table, i, &d);
		step = ferry_packed_step(&w, &d);
		if (step < 0)
			return -EPROTO;
		if (!in_table) {
			/* The buffer id is in the last descriptor of the chain. */
			c->slots++;
			c->id = d.id;
		}
		if (step == FERRY_STEP_TABLE) {
			table = ram_ptr(r->ram, d.addr, d.len);
			if (!table)
				return -EPROTO;
			in_table = true;
			i = 0;
			continue;
		}
		ret = ring_add_piece(r, p, &d);
		if (ret)
			return ret;
		ring_count(c, &d, p->n - before);
		if (++i == r->num && !in_table)
			i = 0;
	} while (step != FERRY_STEP_DONE);
	c->out_len = w.out_len;
	c->in_len = w.in_len;
	return 1;
}

static bool ring_packed_ready(const struct virtio_ring *r)
{
	const struct vring_packed_desc *d = r->desc;

	/* Pairs with the driver's write barrier before the first descriptor's flags. */
	return ferry_packed_is_avail(__atomic_load_n(&d[r->next_avail].flags, __ATOMIC_ACQUIRE),
				     r->avail_wrap);
}

static int ring_pop_packed(struct virtio_ring *r, struct virtio_chain *c,
			   struct ring_pieces *p)
{
	int ret;

	if (!ring_packed_ready(r))
		return 0;
	ret = ring_walk_packed(r, c, p);
	if (ret != 1)
		return ret;
	/* The id is the driver's own affair; the walk has bounded the slots by the ring. */
	r->next_avail += c->slots;
	if (r->next_avail >= r->num) {
		r->next_avail -= r->num;
		r->avail_wrap = !r->avail_wrap;
	}
	return 1;
}

int virtio_ring_pop(struct virtio_ring *r, struct virtio_chain *c, struct iovec *iov,
		    unsigned int room)
{
	struct ring_pieces p = { iov, 0, room };

	*c = (struct virtio_chain){ 0 };
	return r->packed ? ring_pop_packed(r, c, &p) : ring_pop_split(r, c, &p);
}

bool virtio_ring_ready(const struct virtio_ring *r)
{
	if (r->packed)
		return ring_packed_ready(r);
	return load16(ring_avail_idx(r)) != r->next_avail;
}

static void ring_fill_split(struct virtio_ring *r, const struct virtio_chain *c, u32 written)
{
	struct vring_used *used = r->device;
	u16 i = (u16)(r->next_used + r->filled) & (r->num - 1);

	used->ring[i].id = c->id;
	used->ring[i].len = written;
	r->filled++;
}

/* All but the first of a batch are complete at once: the driver stops at the first. */
static void ring_fill_packed(struct virtio_ring *r, const struct virtio_chain *c, u32 written)
{
	struct vring_packed_desc *d = (struct vring_packed_desc *)r->desc + r->next_used;
	u16 flags = ferry_packed_used_flags(r->used_wrap, written);

	d->id = c->id;
	d->len = written;
	if (!r->filled) {
		r->first_slot = r->next_used;
		r->first_flags = flags;
	} else {
		__atomic_store_n(&d->flags, flags, __ATOMIC_RELEASE);
	}
	r->filled += c->slots;
	r->next_used += c->slots;
	if (r->next_used >= r->num) {
		r->next_used -= r->num;
		r->used_wrap = !r->used_wrap;
	}
}

void virtio_ring_fill(struct virtio_ring *r, const struct virtio_chain *c, u32 written)
{
	if (r->packed)
		ring_fill_packed(r, c, written);
	else
		ring_fill_split(r, c, written);
}

static bool ring_publish_split(struct virtio_ring *r)
{
	u16 old = r->next_used;

	r->next_used += r->filled;
	__atomic_store_n(ring_used_idx(r), r->next_used, __ATOMIC_RELEASE);
	/* Pairs with the driver's barrier between its event index and the used index. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (r->event_idx)
		return vring_need_event(load16(ring_used_event(r)), r->next_used, old);
	return !(load16(&((struct vring_avail *)r->driver)->flags) & VRING_AVAIL_F_NO_INTERRUPT);
}

static bool ring_publish_packed(struct virtio_ring *r)
{
	struct vring_packed_desc *d = r->desc;
	struct vring_packed_desc_event *ev = r->driver;

	__atomic_store_n(&d[r->first_slot].flags, r->first_flags, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return ferry_packed_need_event(load16(&ev->off_wrap), load16(&ev->flags), r->event_idx,
				       r->next_used, r->used_wrap, r->filled, r->num);
}

void virtio_ring_publish(struct virtio_ring *r)
{
	bool notify;

	if (!r->filled)
		return;
	notify = r->packed ? ring_publish_packed(r) : ring_publish_split(r);
	r->filled = 0;
	if (notify)
		eventfd_write(r->call_fd, 1);
}

static bool ring_enable_packed(struct virtio_ring *r)
{
	struct vring_packed_desc_event *ev = r->device;

	if (r->event_idx)
		store16(&ev->off_wrap, r->next_avail |
			r->avail_wrap << VRING_PACKED_EVENT_F_WRAP_CTR);
	__atomic_store_n(&ev->flags, r->event_idx ? VRING_PACKED_EVENT_FLAG_DESC :
			 VRING_PACKED_EVENT_FLAG_ENABLE, __ATOMIC_RELEASE);
	/* Pairs with the driver's barrier between its descriptor and these flags. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return ring_packed_ready(r);
}

bool virtio_ring_enable_kick(struct virtio_ring *r)
{
	if (r->packed)
		return ring_enable_packed(r);
	if (r->event_idx)
		store16(ring_avail_event(r), r->next_avail);
	else
		store16(&((struct vring_used *)r->device)->flags, 0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return load16(ring_avail_idx(r)) != r->next_avail;
}

void virtio_ring_disable_kick(struct virtio_ring *r)
{
	if (r->packed)
		store16(&((struct vring_packed_desc_event *)r->device)->flags,
			VRING_PACKED_EVENT_FLAG_DISABLE);
	else if (!r->event_idx)
		store16(&((struct vring_used *)r->device)->flags, VRING_USED_F_NO_NOTIFY);
	/* With an event index, one that was passed already asks for nothing. */
}

static size_t iov_copy(const struct iovec *iov, unsigned int n, size_t off, u8 *buf, size_t len,
		       bool to_iov)
{
	size_t done = 0;
	unsigned int i;

	for (i = 0; i < n && done < len; i++) {
		size_t part;

		if (off >= iov[i].iov_len) {
			off -= iov[i].iov_len;
			continue;
		}
		part = iov[i].iov_len - off;
		if (part > len - done)
			part = len - done;
		if (to_iov)
			memcpy((u8 *)iov[i].iov_base + off, buf + done, part);
		else
			memcpy(buf + done, (u8 *)iov[i].iov_base + off, part);
		done += part;
		off = 0;
	}
	return done;
}

size_t virtio_iov_write(const struct iovec *iov, unsigned int n, size_t off,
			const void *buf, size_t len)
{
	return iov_copy(iov, n, off, (u8 *)buf, len, true);
}

size_t virtio_iov_read(const struct iovec *iov, unsigned int n, size_t off, void *buf,
		       size_t len)
{
	return iov_copy(iov, n, off, buf, len, false);
}
