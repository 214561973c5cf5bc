// SPDX-License-Identifier: GPL-2.0
/*
 * Packed virtqueues: one descriptor ring that both sides write, and an event
 * suppression area for each (virtio 1.3, "Packed Virtqueues"). Runs in whatever
 * thread holds the vring, in the owner's mm.
 *
 * As in split.c a fetch and a publish open user access once each. Barriers pair
 * with the driver's: it writes a descriptor's flags last and reads ours first;
 * we write the flags of a batch's first descriptor last.
 */
#include <linux/errno.h>
#include <linux/uaccess.h>
#include <linux/virtio_ring.h>

#include "vring.h"
#include "walk.h"

static struct vring_packed_desc __user *packed_desc(const struct ferry_vring *vr)
{
	return vr->desc;
}

/* Move a position in the ring on by @by slots, @by <= ring size. */
static __always_inline void packed_advance(const struct ferry_vring *vr, u16 *pos, bool *wrap,
					   u32 by)
{
	u32 to = *pos + by;

	if (to >= vr->num) {
		to -= vr->num;
		*wrap = !*wrap;
	}
	*pos = to;
}

static int ferry_packed_start(struct ferry_vring *vr)
{
	struct vring_packed_desc_event __user *device = vr->device;

	vr->least_slots = 1;
	/* Kicks wanted: the state that enable_kick() leaves without EVENT_IDX. */
	if (put_user(cpu_to_le16(VRING_PACKED_EVENT_FLAG_ENABLE), &device->flags))
		return -EFAULT;
	return 0;
}

/* One descriptor from two little-endian words. */
static __always_inline void packed_unpack(struct ferry_desc *d, const u64 *word)
{
	u64 rest = le64_to_cpu((__force __le64)word[1]);

	d->addr = le64_to_cpu((__force __le64)word[0]);
	d->len = rest;
	d->id = rest >> 32;
	d->flags = rest >> 48;
}

/* The entries of one indirect table. User access is open. */
static __always_inline int ferry_packed_walk_table(struct ferry_vring *vr, struct ferry_chain *c,
						   struct ferry_walk *w,
						   const struct ferry_desc *head)
{
	struct ferry_table table;
	struct ferry_desc d;
	int step, err;
	u32 at = 0;

	err = ferry_table_enter(vr, &table, head);
	if (unlikely(err))
		return err;
	do {
		u64 word[2];

		err = ferry_table_read(vr, &table, at++, word);
		if (unlikely(err))
			return err;
		packed_unpack(&d, word);
		step = ferry_packed_step(w, &d);
		if (unlikely(step < 0))
			return step;
		err = ferry_walk_segs(vr, c, &d);
		if (unlikely(err))
			return err;
	} while (step == FERRY_STEP_NEXT);
	return 0;
}

/* Walk the chain at the fetch position, which is known to be available. */
static __always_inline int ferry_packed_walk(struct ferry_vring *vr, struct ferry_chain *c)
{
	struct ferry_desc d;
	struct ferry_walk w;
	const struct ferry_table ring = { .base = vr->desc };
	u32 at = vr->next_avail, slots = 0;
	int step, err;

	ferry_walk_init(&w, vr->num, vr->indirect);
	ferry_chain_begin(vr, c);
	do {
		u64 word[2];

		err = ferry_table_read(vr, &ring, at, word);
		if (unlikely(err))
			return err;
		packed_unpack(&d, word);
		slots++;
		if (++at == vr->num)
			at = 0;
		step = ferry_packed_step(&w, &d);
		if (unlikely(step < 0))
			return step;
		if (step == FERRY_STEP_TABLE) {
			err = ferry_packed_walk_table(vr, c, &w, &d);
			step = FERRY_STEP_DONE;
		} else {
			err = ferry_walk_segs(vr, c, &d);
		}
		if (unlikely(err))
			return err;
	} while (step == FERRY_STEP_NEXT);
	c->id = d.id;
	c->slots = slots;
	ferry_chain_end(vr, c, &w);
	return 0;
}

static int ferry_packed_fetch(struct ferry_vring *vr, unsigned int max)
{
	u16 slots, least = U16_MAX;
	int got = 0, err = 0;

	if (!user_read_access_begin(vr->desc, vr->num * sizeof(struct vring_packed_desc)))
		return -EFAULT;
	while (got < max) {
		__le16 flags;

		unsafe_get_user(flags, &packed_desc(vr)[vr->next_avail].flags, fault);
		if (!ferry_packed_is_avail(le16_to_cpu(flags), vr->avail_wrap))
			break;
		/* The driver wrote the rest before the flags. */
		smp_rmb();
		err = ferry_packed_walk(vr, &vr->chain[vr->tail]);
		if (unlikely(err))
			break;
		slots = vr->chain[vr->tail - 1].slots;
		packed_advance(vr, &vr->next_avail, &vr->avail_wrap, slots);
		least = min(least, slots);
		got++;
	}
	user_read_access_end();
	if (got)
		vr->least_slots = least;
	vr->full = err == FERRY_WALK_FULL;
	if (got || !err || vr->full)
		return got;
	return err == -EFAULT ? err : FERRY_CHAIN_ERR(err);
fault:
	user_read_access_end();
	return got ? got : -EFAULT;
}

static void ferry_packed_unfetch(struct ferry_vring *vr, const struct ferry_chain *chain,
				 unsigned int n)
{
	while (n--) {
		u32 slots = chain[n].slots;

		if (slots > vr->next_avail) {
			vr->next_avail += vr->num;
			vr->avail_wrap = !vr->avail_wrap;
		}
		vr->next_avail -= slots;
	}
}

static __always_inline u64 packed_used_word(const struct ferry_done *d, bool wrap)
{
	u64 flags = ferry_packed_used_flags(wrap, d->len);

	return (__force u64)cpu_to_le64(d->len | (u64)d->id << 32 | flags << 48);
}

/* Second word of the descriptor at @at: length, id and flags in one store. */
static __always_inline u64 __user *packed_word(const struct ferry_vring *vr, u16 at)
{
	return (u64 __user *)&packed_desc(vr)[at] + 1;
}

static int ferry_packed_publish(struct ferry_vring *vr)
{
	u16 first = vr->next_used, at = first;
	bool first_wrap = vr->used_wrap, wrap = first_wrap;
	u32 i, slots = 0;

	if (!user_write_access_begin(vr->desc, vr->num * sizeof(struct vring_packed_desc)))
		return -EFAULT;
	for (i = 0; i < vr->nr_done; i++) {
		if (i)
			unsafe_put_user(packed_used_word(&vr->done[i], wrap),
					packed_word(vr, at), fault);
		packed_advance(vr, &at, &wrap, vr->done[i].slots);
		slots += vr->done[i].slots;
	}
	/* The driver looks at the first one first. */
	smp_wmb();
	unsafe_put_user(packed_used_word(&vr->done[0], first_wrap), packed_word(vr, first), fault);
	user_write_access_end();
	vr->next_used = at;
	vr->used_wrap = wrap;
	vr->published = min_t(u32, vr->published + slots, vr->num);
	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

static int ferry_packed_need_signal(struct ferry_vring *vr)
{
	struct vring_packed_desc_event __user *driver = vr->driver;
	u16 slots = vr->published;
	__le16 off_wrap = 0, flags;

	/* Our descriptor before the driver's wish: it writes, then looks. */
	smp_mb();
	if (get_user(flags, &driver->flags))
		return -EFAULT;
	vr->published = 0;
	if (flags == cpu_to_le16(VRING_PACKED_EVENT_FLAG_DESC)) {
		/* The driver wrote the offset before the flags. */
		smp_rmb();
		if (get_user(off_wrap, &driver->off_wrap))
			return -EFAULT;
	}
	return ferry_packed_need_event(le16_to_cpu(off_wrap), le16_to_cpu(flags), vr->event_idx,
				       vr->next_used, vr->used_wrap, slots, vr->num);
}

static int packed_avail_at(struct ferry_vring *vr, u16 at, bool wrap)
{
	__le16 flags;

	if (get_user(flags, &packed_desc(vr)[at].flags))
		return -EFAULT;
	return ferry_packed_is_avail(le16_to_cpu(flags), wrap);
}

static int ferry_packed_more(struct ferry_vring *vr)
{
	return packed_avail_at(vr, vr->next_avail, vr->avail_wrap);
}

static int ferry_packed_enable_kick(struct ferry_vring *vr, unsigned int ahead)
{
	struct vring_packed_desc_event __user *device = vr->device;
	u16 flags = VRING_PACKED_EVENT_FLAG_ENABLE, at = vr->next_avail;
	bool wrap = vr->avail_wrap;
	int more;

	/* The next chains are taken to be as long as the shortest of the last ones. */
	packed_advance(vr, &at, &wrap, min(ahead * vr->least_slots, vr->num - 1));
	if (vr->event_idx) {
		u16 off_wrap = at | wrap << VRING_PACKED_EVENT_F_WRAP_CTR;

		if (put_user(cpu_to_le16(off_wrap), &device->off_wrap))
			return -EFAULT;
		/* The driver reads the flags, then the offset. */
		smp_wmb();
		flags = VRING_PACKED_EVENT_FLAG_DESC;
	}
	if (put_user(cpu_to_le16(flags), &device->flags))
		return -EFAULT;
	/* Our wish before the driver's descriptor: it writes, then reads this. */
	smp_mb();
	more = packed_avail_at(vr, at, wrap);
	/* Of a chain that is being written others than its first may be there already. */
	return more > 0 && ahead ? ferry_packed_more(vr) : more;
}

static int ferry_packed_disable_kick(struct ferry_vring *vr)
{
	struct vring_packed_desc_event __user *device = vr->device;

	return put_user(cpu_to_le16(VRING_PACKED_EVENT_FLAG_DISABLE), &device->flags) ?
	       -EFAULT : 0;
}

const struct ferry_vring_ops ferry_packed_ops = {
	.start		= ferry_packed_start,
	.fetch		= ferry_packed_fetch,
	.unfetch	= ferry_packed_unfetch,
	.publish	= ferry_packed_publish,
	.need_signal	= ferry_packed_need_signal,
	.enable_kick	= ferry_packed_enable_kick,
	.disable_kick	= ferry_packed_disable_kick,
	.pending	= ferry_packed_more,
};
