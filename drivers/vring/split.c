// SPDX-License-Identifier: GPL-2.0
/*
 * Split virtqueues: descriptor table, avail ring, used ring (virtio 1.3,
 * "Split Virtqueues"). Runs in whatever thread holds the vring, in the owner's
 * mm.
 *
 * A fetch opens user access once, reads the avail index, the heads and every
 * descriptor into private copies, and closes it; a publish does the same for
 * the used ring. What the driver writes after its copy was taken has no effect.
 *
 * Barriers pair with those that the specification asks of the driver: after
 * reading avail->idx (driver: between entry and idx), before writing used->idx
 * (driver: after reading it), and a full one between our write and the read of
 * what the other side wrote to suppress notifications.
 */
#include <linux/errno.h>
#include <linux/uaccess.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "vring.h"
#include "walk.h"

static struct vring_avail __user *split_avail(const struct ferry_vring *vr)
{
	return vr->driver;
}

static struct vring_used __user *split_used(const struct ferry_vring *vr)
{
	return vr->device;
}

/* Where the driver says up to which entry it wants no signal. */
static __virtio16 __user *split_used_event(const struct ferry_vring *vr)
{
	return &split_avail(vr)->ring[vr->num];
}

/* Where we say up to which entry we want no kick. */
static __virtio16 __user *split_avail_event(const struct ferry_vring *vr)
{
	return (__virtio16 __user *)&split_used(vr)->ring[vr->num];
}

static u16 split_to_cpu(__virtio16 v)
{
	return le16_to_cpu((__force __le16)v);
}

static __virtio16 split_from_cpu(u16 v)
{
	return (__force __virtio16)cpu_to_le16(v);
}

static int ferry_split_start(struct ferry_vring *vr)
{
	__virtio16 idx;

	if (put_user(0, &split_used(vr)->flags) || get_user(idx, &split_used(vr)->idx))
		return -EFAULT;
	vr->next_used = split_to_cpu(idx);
	return 0;
}

/* One descriptor from two little-endian words. */
static __always_inline void split_unpack(struct ferry_desc *d, const u64 *word)
{
	u64 rest = le64_to_cpu((__force __le64)word[1]);

	d->addr = le64_to_cpu((__force __le64)word[0]);
	d->len = rest;
	d->flags = rest >> 32;
	d->id = rest >> 48;
}

/*
 * Walk one chain from @head. User access is open.
 * Returns 0, FERRY_WALK_FULL, -enum ferry_chain_error, or -EFAULT.
 */
static __always_inline int ferry_split_walk(struct ferry_vring *vr, struct ferry_chain *c,
					    u16 head)
{
	struct ferry_table table = { .base = vr->desc };
	struct ferry_desc d;
	struct ferry_walk w;
	u32 at = head;
	int step, err;

	ferry_walk_init(&w, vr->num, vr->indirect);
	ferry_chain_begin(vr, c);
	c->id = head;
	c->slots = 0;
	for (;;) {
		u64 word[2];

		err = ferry_table_read(vr, &table, at, word);
		if (unlikely(err))
			return err;
		split_unpack(&d, word);
		c->slots += !w.table;
		step = ferry_split_step(&w, &d);
		if (unlikely(step < 0))
			return step;
		if (step == FERRY_STEP_TABLE) {
			err = ferry_table_enter(vr, &table, &d);
			if (unlikely(err))
				return err;
			at = 0;
			continue;
		}
		err = ferry_walk_segs(vr, c, &d);
		if (unlikely(err))
			return err;
		if (step == FERRY_STEP_DONE)
			break;
		at = d.id;
	}
	ferry_chain_end(vr, c, &w);
	return 0;
}

static int ferry_split_fetch(struct ferry_vring *vr, unsigned int max)
{
	struct vring_avail __user *avail = split_avail(vr);
	int n, got = 0, err = 0;
	__virtio16 word;

	if (!user_read_access_begin(vr->desc, vr->num * sizeof(struct vring_desc)))
		return -EFAULT;
	unsafe_get_user(word, &avail->idx, fault);
	n = ferry_split_pending(split_to_cpu(word), vr->next_avail, vr->num);
	if (unlikely(n < 0)) {
		err = n;
		goto out;
	}
	n = min_t(unsigned int, n, max);
	/* Entries were written before the index: see the top of the file. */
	smp_rmb();
	while (got < n) {
		u16 head;

		unsafe_get_user(word, &avail->ring[vr->next_avail & (vr->num - 1)], fault);
		head = split_to_cpu(word);
		if (unlikely(head >= vr->num)) {
			err = -FERRY_CHAIN_BAD_HEAD;
			break;
		}
		err = ferry_split_walk(vr, &vr->chain[vr->tail], head);
		if (unlikely(err))
			break;
		vr->next_avail++;
		got++;
	}
out:
	user_read_access_end();
	vr->full = err == FERRY_WALK_FULL;
	if (got || !err || vr->full)
		return got;
	return err == -EFAULT ? err : FERRY_CHAIN_ERR(err);
fault:
	user_read_access_end();
	return got ? got : -EFAULT;
}

static void ferry_split_unfetch(struct ferry_vring *vr, const struct ferry_chain *chain,
				unsigned int n)
{
	vr->next_avail -= n;
}

static int ferry_split_publish(struct ferry_vring *vr)
{
	struct vring_used __user *used = split_used(vr);
	u32 i;

	if (!user_write_access_begin(used, sizeof(*used)))
		return -EFAULT;
	for (i = 0; i < vr->nr_done; i++) {
		const struct ferry_done *d = &vr->done[i];
		u16 at = (vr->next_used + i) & (vr->num - 1);

		unsafe_put_user((__force u64)cpu_to_le64(d->id | (u64)d->len << 32),
				(u64 __user *)&used->ring[at], fault);
	}
	/* The driver reads idx, then the entries. */
	smp_wmb();
	unsafe_put_user(split_from_cpu(vr->next_used + vr->nr_done), &used->idx, fault);
	user_write_access_end();
	vr->next_used += vr->nr_done;
	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

static int ferry_split_need_signal(struct ferry_vring *vr)
{
	u16 new = vr->next_used, old = vr->signalled;
	bool valid = vr->signalled_valid;
	__virtio16 word;

	/* Our used->idx before the driver's wish: it writes, then reads idx. */
	smp_mb();
	if (vr->notify_on_empty && !ferry_vring_ready(vr)) {
		if (get_user(word, &split_avail(vr)->idx))
			return -EFAULT;
		if (split_to_cpu(word) == vr->next_avail) {
			vr->signalled_valid = false;
			return 1;
		}
	}
	if (!vr->event_idx) {
		if (get_user(word, &split_avail(vr)->flags))
			return -EFAULT;
		return !(split_to_cpu(word) & VRING_AVAIL_F_NO_INTERRUPT);
	}
	vr->signalled = new;
	vr->signalled_valid = true;
	if (get_user(word, split_used_event(vr)))
		return -EFAULT;
	return !valid || vring_need_event(split_to_cpu(word), new, old);
}

static int ferry_split_more(struct ferry_vring *vr)
{
	__virtio16 word;

	if (get_user(word, &split_avail(vr)->idx))
		return -EFAULT;
	return split_to_cpu(word) != vr->next_avail;
}

static int ferry_split_enable_kick(struct ferry_vring *vr, unsigned int ahead)
{
	__virtio16 word;
	int err;

	if (vr->event_idx)
		err = put_user(split_from_cpu(vr->next_avail + ahead), split_avail_event(vr));
	else
		err = put_user(0, &split_used(vr)->flags);
	if (err)
		return -EFAULT;
	/* Our wish before the driver's index: it writes idx, then reads this. */
	smp_mb();
	if (get_user(word, &split_avail(vr)->idx))
		return -EFAULT;
	return (u16)(split_to_cpu(word) - vr->next_avail) > ahead;
}

static int ferry_split_disable_kick(struct ferry_vring *vr)
{
	/* With EVENT_IDX an old avail_event suppresses kicks by itself. */
	if (vr->event_idx)
		return 0;
	return put_user(split_from_cpu(VRING_USED_F_NO_NOTIFY), &split_used(vr)->flags) ?
	       -EFAULT : 0;
}

const struct ferry_vring_ops ferry_split_ops = {
	.start		= ferry_split_start,
	.fetch		= ferry_split_fetch,
	.unfetch	= ferry_split_unfetch,
	.publish	= ferry_split_publish,
	.need_signal	= ferry_split_need_signal,
	.enable_kick	= ferry_split_enable_kick,
	.disable_kick	= ferry_split_disable_kick,
	.pending	= ferry_split_more,
};
