/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rules of a virtqueue, as pure functions.
 *
 * Whether the bytes a driver put into a ring are acceptable is decided here and
 * nowhere else: the kernel modules, the VMM's own devices and the fuzzers
 * compile this very file. Callers fetch each descriptor once into a struct
 * ferry_desc in CPU byte order and hand over the copy; nothing below touches
 * guest memory, allocates, sleeps or takes a lock, and everything is inlined so
 * that the kernel may call it with user access open.
 *
 * Follows the virtio specification 1.3, "Split Virtqueues" and "Packed
 * Virtqueues".
 */
#ifndef FERRY_VRING_CORE_H
#define FERRY_VRING_CORE_H

#include <linux/types.h>
#include <linux/virtio_ring.h>
#ifndef __KERNEL__
#include <stdbool.h>
#endif

#ifndef __always_inline
#define __always_inline inline __attribute__((__always_inline__))
#endif

/* Longest chain, in descriptors, that any queue accepts (as IOV_MAX). */
#define FERRY_CHAIN_MAX		1024U

/* Largest ring of either format ("Queue Size" never exceeds 32768). */
#define FERRY_RING_MAX		32768U

/* One descriptor, fetched once, in CPU byte order. */
struct ferry_desc {
	__u64 addr;	/* guest physical address */
	__u32 len;	/* bytes */
	__u16 flags;	/* VRING_DESC_F_* */
	__u16 id;	/* split: index of the next one; packed: buffer id */
};

/* What is wrong with a chain; steps return these negated. */
enum ferry_chain_error {
	FERRY_CHAIN_BAD_AVAIL = 1,	/* avail index ran more than a ring ahead */
	FERRY_CHAIN_BAD_HEAD,		/* split: head index outside the ring */
	FERRY_CHAIN_BAD_NEXT,		/* next index outside the ring or table */
	FERRY_CHAIN_LOOP,		/* more descriptors than the ring or table has */
	FERRY_CHAIN_LONG,		/* more than FERRY_CHAIN_MAX descriptors */
	FERRY_CHAIN_ORDER,		/* readable descriptor after a writable one */
	FERRY_CHAIN_BYTES,		/* more than 4 GiB in one direction */
	FERRY_CHAIN_NESTED,		/* indirect descriptor inside a table */
	FERRY_CHAIN_INDIRECT_NEXT,	/* INDIRECT and NEXT in one descriptor */
	FERRY_CHAIN_INDIRECT_LEN,	/* table length is 0 or not a multiple of 16 */
	FERRY_CHAIN_NO_INDIRECT,	/* INDIRECT without the feature */
	FERRY_CHAIN_BAD_ADDR,		/* buffer or table outside guest memory */
};

/**
 * ferry_chain_strerror - what to tell the log about a bad chain
 * @err: an enum ferry_chain_error, of either sign
 */
static inline const char *ferry_chain_strerror(int err)
{
	switch (err < 0 ? -err : err) {
	case FERRY_CHAIN_BAD_AVAIL:
		return "avail index is more than a ring ahead";
	case FERRY_CHAIN_BAD_HEAD:
		return "head index is outside the ring";
	case FERRY_CHAIN_BAD_NEXT:
		return "next index is outside the ring or table";
	case FERRY_CHAIN_LOOP:
		return "descriptor chain has a loop";
	case FERRY_CHAIN_LONG:
		return "descriptor chain is too long";
	case FERRY_CHAIN_ORDER:
		return "readable descriptor follows a writable one";
	case FERRY_CHAIN_BYTES:
		return "chain holds more than 4 GiB";
	case FERRY_CHAIN_NESTED:
		return "indirect descriptor inside an indirect table";
	case FERRY_CHAIN_INDIRECT_NEXT:
		return "indirect descriptor has a next one";
	case FERRY_CHAIN_INDIRECT_LEN:
		return "indirect table length is not a multiple of 16";
	case FERRY_CHAIN_NO_INDIRECT:
		return "indirect descriptor was not negotiated";
	case FERRY_CHAIN_BAD_ADDR:
		return "buffer is outside guest memory";
	default:
		return "unknown chain error";
	}
}

/* What the caller does after a step. */
enum ferry_step {
	FERRY_STEP_DONE,	/* the descriptor ended the chain */
	FERRY_STEP_NEXT,	/* go on: split at desc->id, packed at the next slot */
	FERRY_STEP_TABLE,	/* go on in the table at desc->addr, entry 0 */
};

/*
 * The state of one walk along one chain. Set up by ferry_walk_init(), advanced
 * by ferry_walk_step(), read by the caller when a step says DONE.
 */
struct ferry_walk {
	__u32 limit;		/* entries in the ring or the indirect table */
	__u32 left;		/* entries that the walk may still visit there */
	__u32 visited;		/* descriptors seen, the indirect one not counted */
	__u32 out_len;		/* readable bytes so far */
	__u32 in_len;		/* writable bytes so far */
	bool writable;		/* a writable descriptor was seen */
	bool table;		/* inside an indirect table */
	bool may_indirect;	/* VIRTIO_RING_F_INDIRECT_DESC was negotiated */
};

/**
 * ferry_walk_init - begin a chain
 * @w: the walk
 * @num: ring size in descriptors, 1..FERRY_RING_MAX
 * @may_indirect: whether the driver acknowledged VIRTIO_RING_F_INDIRECT_DESC
 */
static __always_inline void ferry_walk_init(struct ferry_walk *w, __u32 num, bool may_indirect)
{
	w->limit = num;
	w->left = num;
	w->visited = 0;
	w->out_len = 0;
	w->in_len = 0;
	w->writable = false;
	w->table = false;
	w->may_indirect = may_indirect;
}

static __always_inline int ferry_walk_enter_table(struct ferry_walk *w,
						  const struct ferry_desc *d)
{
	if (!w->may_indirect)
		return -FERRY_CHAIN_NO_INDIRECT;
	if (w->table)
		return -FERRY_CHAIN_NESTED;
	if (d->flags & VRING_DESC_F_NEXT)
		return -FERRY_CHAIN_INDIRECT_NEXT;
	if (!d->len || d->len % 16)
		return -FERRY_CHAIN_INDIRECT_LEN;
	/* It takes an entry of the ring itself. */
	if (!w->left)
		return -FERRY_CHAIN_LOOP;
	w->table = true;
	w->limit = d->len / 16;
	/* A table may be longer than what one chain may use of it. */
	w->left = w->limit;
	return FERRY_STEP_TABLE;
}

static __always_inline int ferry_walk_buffer(struct ferry_walk *w, const struct ferry_desc *d)
{
	__u32 *sum;

	if (!w->left--)
		return -FERRY_CHAIN_LOOP;
	if (w->visited++ == FERRY_CHAIN_MAX)
		return -FERRY_CHAIN_LONG;
	if (d->flags & VRING_DESC_F_WRITE) {
		w->writable = true;
		sum = &w->in_len;
	} else {
		if (w->writable)
			return -FERRY_CHAIN_ORDER;
		sum = &w->out_len;
	}
	if (d->len > 0xffffffffU - *sum)
		return -FERRY_CHAIN_BYTES;
	*sum += d->len;
	return 0;
}

/**
 * ferry_split_step - take one descriptor of a split ring into the walk
 * @w: the walk
 * @d: the private copy of the descriptor
 *
 * Return: an enum ferry_step, or an enum ferry_chain_error negated. After NEXT,
 * d->id is known to lie inside the ring or table. On TABLE the descriptor names
 * a table and no buffer; its WRITE flag means nothing.
 */
static __always_inline int ferry_split_step(struct ferry_walk *w, const struct ferry_desc *d)
{
	int err;

	if (d->flags & VRING_DESC_F_INDIRECT)
		return ferry_walk_enter_table(w, d);
	err = ferry_walk_buffer(w, d);
	if (err)
		return err;
	if (!(d->flags & VRING_DESC_F_NEXT))
		return FERRY_STEP_DONE;
	if (d->id >= w->limit)
		return -FERRY_CHAIN_BAD_NEXT;
	return FERRY_STEP_NEXT;
}

/**
 * ferry_packed_step - take one descriptor of a packed ring into the walk
 * @w: the walk
 * @d: the private copy of the descriptor
 *
 * Return: as ferry_split_step(). Inside a table the entries follow one another
 * and NEXT means nothing ("Scatter-Gather Support"): the table's length ends it.
 */
static __always_inline int ferry_packed_step(struct ferry_walk *w, const struct ferry_desc *d)
{
	int err;

	if (!w->table && (d->flags & VRING_DESC_F_INDIRECT))
		return ferry_walk_enter_table(w, d);
	if (w->table && (d->flags & VRING_DESC_F_INDIRECT))
		return -FERRY_CHAIN_NESTED;
	err = ferry_walk_buffer(w, d);
	if (err)
		return err;
	if (w->table)
		return w->left ? FERRY_STEP_NEXT : FERRY_STEP_DONE;
	return d->flags & VRING_DESC_F_NEXT ? FERRY_STEP_NEXT : FERRY_STEP_DONE;
}

/**
 * ferry_split_pending - how many chains a split ring's driver made available
 * @avail_idx: the avail index just read
 * @next: the index the device takes next
 * @num: ring size
 *
 * Return: 0..num, or -FERRY_CHAIN_BAD_AVAIL.
 */
static __always_inline int ferry_split_pending(__u16 avail_idx, __u16 next, __u32 num)
{
	__u16 n = avail_idx - next;

	return n > num ? -FERRY_CHAIN_BAD_AVAIL : n;
}

/**
 * ferry_packed_is_avail - whether a packed descriptor belongs to the device
 * @flags: its flags
 * @wrap: the device's avail wrap counter
 */
static __always_inline bool ferry_packed_is_avail(__u16 flags, bool wrap)
{
	bool avail = flags & (1U << VRING_PACKED_DESC_F_AVAIL);
	bool used = flags & (1U << VRING_PACKED_DESC_F_USED);

	return avail == wrap && used != wrap;
}

/**
 * ferry_packed_used_flags - flags of a descriptor handed back
 * @wrap: the device's used wrap counter
 * @written: whether the device wrote any byte of the buffer
 */
static __always_inline __u16 ferry_packed_used_flags(bool wrap, bool written)
{
	__u16 flags = written ? VRING_DESC_F_WRITE : 0;

	if (wrap)
		flags |= 1U << VRING_PACKED_DESC_F_AVAIL | 1U << VRING_PACKED_DESC_F_USED;
	return flags;
}

/**
 * ferry_packed_need_event - whether a packed ring's driver wants a notification
 * @off_wrap: off_wrap of the driver's event suppression area
 * @flags: flags of that area
 * @event_idx: whether VIRTIO_RING_F_EVENT_IDX was negotiated
 * @next: the slot the device writes next, after the batch
 * @wrap: the device's used wrap counter, after the batch
 * @added: slots that the batch advanced by, at least 1
 * @num: ring size
 */
static __always_inline bool ferry_packed_need_event(__u16 off_wrap, __u16 flags, bool event_idx,
						    __u16 next, bool wrap, __u16 added, __u32 num)
{
	__u16 event = off_wrap & ~(1U << VRING_PACKED_EVENT_F_WRAP_CTR);

	if (flags == VRING_PACKED_EVENT_FLAG_DISABLE)
		return false;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !event_idx)
		return true;
	if (!!(off_wrap & (1U << VRING_PACKED_EVENT_F_WRAP_CTR)) != wrap)
		event -= num;
	return vring_need_event(event, next, (__u16)(next - added));
}

#endif /* FERRY_VRING_CORE_H */
