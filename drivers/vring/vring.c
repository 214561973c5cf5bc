// SPDX-License-Identifier: GPL-2.0
/*
 * The part of a vring that does not depend on its format: set-up, position,
 * and the private array of fetched chains. The caller holds the vring's lock;
 * everything but init and destroy runs in the owner's mm.
 */
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "vring.h"

/**
 * ferry_vring_init - allocate the private arrays
 * @vr: zeroed
 * @cap: chains that may be fetched and not taken, at least FERRY_BATCH
 *
 * Return: 0 or -ENOMEM.
 */
int ferry_vring_init(struct ferry_vring *vr, unsigned int cap)
{
	vr->cap = cap;
	vr->chain = kvcalloc(cap, sizeof(*vr->chain), GFP_KERNEL_ACCOUNT);
	vr->done = kvcalloc(cap, sizeof(*vr->done), GFP_KERNEL_ACCOUNT);
	vr->seg = kvcalloc(FERRY_SEGS, sizeof(*vr->seg), GFP_KERNEL_ACCOUNT);
	if (vr->chain && vr->done && vr->seg)
		return 0;
	ferry_vring_destroy(vr);
	return -ENOMEM;
}

void ferry_vring_destroy(struct ferry_vring *vr)
{
	kvfree(vr->seg);
	kvfree(vr->done);
	kvfree(vr->chain);
	vr->seg = NULL;
	vr->done = NULL;
	vr->chain = NULL;
}

static bool ferry_vring_range_ok(u64 addr, u64 size)
{
	return addr == (unsigned long)addr && access_ok((void __user *)(unsigned long)addr, size);
}

/**
 * ferry_vring_check - whether a ring may start as configured
 * @cfg: the configuration
 *
 * Return: false if the size does not fit the format or a part lies outside the
 * user address space. Whether memory is there shows when it is used.
 */
bool ferry_vring_check(const struct ferry_vring_config *cfg)
{
	bool packed = cfg->features & BIT_ULL(VIRTIO_F_RING_PACKED);
	u64 num = cfg->num;
	u64 driver = sizeof(struct vring_packed_desc_event), device = driver;

	if (!num || num > FERRY_RING_MAX || (!packed && (num & (num - 1))))
		return false;
	if (packed && (cfg->avail >= num || cfg->used >= num))
		return false;
	if (!packed) {
		driver = sizeof(struct vring_avail) + (num + 1) * sizeof(__virtio16);
		device = sizeof(struct vring_used) + num * sizeof(struct vring_used_elem) +
			 sizeof(__virtio16);
	}
	/* Both formats' descriptors are 16 bytes. */
	return ferry_vring_range_ok(cfg->desc, num * sizeof(struct vring_desc)) &&
	       ferry_vring_range_ok(cfg->driver, driver) &&
	       ferry_vring_range_ok(cfg->device, device);
}

static void ferry_vring_place(struct ferry_vring *vr, const struct ferry_vring_config *cfg)
{
	vr->desc = u64_to_user_ptr(cfg->desc);
	vr->driver = u64_to_user_ptr(cfg->driver);
	vr->device = u64_to_user_ptr(cfg->device);
}

/**
 * ferry_vring_start - begin to serve a ring
 * @vr: initialized; not running
 * @cfg: what ferry_vring_check() accepted
 * @mem: the guest's memory
 *
 * Return: 0 or -EFAULT.
 */
int ferry_vring_start(struct ferry_vring *vr, const struct ferry_vring_config *cfg,
		      const struct ferry_mem *mem)
{
	u64 f = cfg->features;

	vr->ops = f & BIT_ULL(VIRTIO_F_RING_PACKED) ? &ferry_packed_ops : &ferry_split_ops;
	vr->num = cfg->num;
	vr->event_idx = f & BIT_ULL(VIRTIO_RING_F_EVENT_IDX);
	vr->indirect = f & BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC);
	vr->notify_on_empty = f & BIT_ULL(VIRTIO_F_NOTIFY_ON_EMPTY);
	ferry_vring_place(vr, cfg);
	vr->next_avail = cfg->avail;
	vr->avail_wrap = cfg->avail_wrap;
	vr->next_used = cfg->used;
	vr->used_wrap = cfg->used_wrap;
	vr->kick_off = false;
	vr->signalled_valid = false;
	vr->published = 0;
	vr->head = 0;
	vr->tail = 0;
	vr->seg_tail = 0;
	vr->nr_done = 0;
	vr->full = false;
	vr->mem = mem;
	vr->hit = NULL;
	return vr->ops->start(vr);
}

/**
 * ferry_vring_rewind - forget the chains that are fetched and not taken
 * @vr: running
 *
 * They are fetched, and judged, anew later.
 */
void ferry_vring_rewind(struct ferry_vring *vr)
{
	vr->ops->unfetch(vr, &vr->chain[vr->head], ferry_vring_ready(vr));
	vr->head = 0;
	vr->tail = 0;
	vr->seg_tail = 0;
}

/**
 * ferry_vring_position - where the device stands
 * @vr: started at some time
 * @cfg: avail, used and the wrap counters are filled in
 *
 * The position is that of the first chain not taken.
 */
void ferry_vring_position(const struct ferry_vring *vr, struct ferry_vring_config *cfg)
{
	struct ferry_vring at = *vr;

	at.ops->unfetch(&at, &vr->chain[vr->head], ferry_vring_ready(vr));
	cfg->avail = at.next_avail;
	cfg->avail_wrap = at.avail_wrap;
	cfg->used = at.next_used;
	cfg->used_wrap = at.used_wrap;
}

/**
 * ferry_vring_set_mem - replace the memory table of a running ring
 * @vr: running
 * @mem: the new table; nothing refers to the old one afterwards
 */
void ferry_vring_set_mem(struct ferry_vring *vr, const struct ferry_mem *mem)
{
	ferry_vring_rewind(vr);
	vr->mem = mem;
	vr->hit = NULL;
}

/* Move a running ring to where ferry_vring_check() found @cfg acceptable. */
void ferry_vring_set_addr(struct ferry_vring *vr, const struct ferry_vring_config *cfg)
{
	ferry_vring_rewind(vr);
	ferry_vring_place(vr, cfg);
	/* Whatever the driver was told stands in the old place. */
	vr->kick_off = false;
}

/* Move what is fetched and not taken to the front of the arrays. */
static void ferry_vring_compact(struct ferry_vring *vr)
{
	u32 n = ferry_vring_ready(vr), from, i;

	if (!n) {
		vr->seg_tail = 0;
	} else if (vr->head) {
		from = vr->chain[vr->head].seg;
		memmove(vr->chain, &vr->chain[vr->head], n * sizeof(*vr->chain));
		memmove(vr->seg, &vr->seg[from], (vr->seg_tail - from) * sizeof(*vr->seg));
		for (i = 0; i < n; i++)
			vr->chain[i].seg -= from;
		vr->seg_tail -= from;
	}
	vr->head = 0;
	vr->tail = n;
}

/**
 * ferry_vring_fetch - have chains ready
 * @vr: running
 * @want: how many the caller can use, 1..cap
 *
 * Fetches a batch if fewer than @want chains are ready. May move those that are.
 *
 * Return: how many were fetched now, 0 if there is no more or no room for it
 * (vr->full tells which), or a negative error
 * for ferry_vring_strerror(). An error is told only when nothing was fetched
 * before it: chains in front of a bad one are served first.
 */
int ferry_vring_fetch(struct ferry_vring *vr, unsigned int want)
{
	u32 ready = ferry_vring_ready(vr);

	if (ready >= want)
		return 0;
	ferry_vring_compact(vr);
	vr->full = ready == vr->cap;
	if (vr->full)
		return 0;
	return vr->ops->fetch(vr, min_t(u32, FERRY_BATCH, vr->cap - ready));
}

/**
 * ferry_vring_exhausted - whether no more chains can become ready
 * @vr: the last fetch found nothing
 *
 * Either there is no room for them, or the whole ring is ready already: then a
 * driver that waits for one of these has nothing left to add.
 */
bool ferry_vring_exhausted(const struct ferry_vring *vr)
{
	u32 i, slots = 0;

	for (i = vr->head; i < vr->tail; i++)
		slots += vr->chain[i].slots;
	return vr->full || slots >= vr->num;
}
EXPORT_SYMBOL_GPL(ferry_vring_exhausted);

/* What to tell the log about a negative return of any function above. */
const char *ferry_vring_strerror(int err)
{
	if (err <= -FERRY_CHAIN_ERR_BASE)
		return ferry_chain_strerror(err + FERRY_CHAIN_ERR_BASE);
	return "ring memory is not accessible";
}
