/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtqueue as seen by the device: chains are fetched in batches into a
 * private array, validated there, handed out, and handed back in batches.
 *
 * A vring belongs to one caller at a time, who holds whatever lock makes that
 * so (the queue's mutex in drivers/vhost) and runs in the owner's mm. Nothing
 * in this directory knows a file, an eventfd or an ioctl.
 *
 * Split and packed rings differ behind struct ferry_vring_ops, chosen once by
 * ferry_vring_start().
 */
#ifndef FERRY_VRING_VRING_H
#define FERRY_VRING_VRING_H

#include <linux/types.h>
#include <linux/uio.h>

#include "mem.h"
#include "vring_core.h"

/* Chains that one fetch takes from the ring at most. */
#define FERRY_BATCH		64

/* Segments that the chains of one vring share. */
#define FERRY_SEGS		2048

/*
 * One chain, validated and translated: nr_out readable segments, then nr_in
 * writable ones, at vr->seg[seg].
 */
struct ferry_chain {
	u16 id;		/* what the driver wants back: head index or buffer id */
	u16 slots;	/* descriptors of the ring that it takes */
	u16 nr_out;
	u16 nr_in;
	u32 seg;
	u32 out_len;	/* bytes */
	u32 in_len;
};

/* One chain on its way back. */
struct ferry_done {
	u16 id;
	u16 slots;
	u32 len;	/* bytes written to the chain's writable part */
};

struct ferry_vring;

/*
 * What depends on the ring's format. All run in the owner's mm under the
 * vring's lock and may sleep. Errors: -EFAULT if ring memory is not there;
 * fetch also returns an enum ferry_chain_error offset by FERRY_CHAIN_ERR().
 */
struct ferry_vring_ops {
	/* Read where the device stands; returns 0 or -errno. */
	int (*start)(struct ferry_vring *vr);
	/* Append up to @max chains; returns how many, or -errno if none. */
	int (*fetch)(struct ferry_vring *vr, unsigned int max);
	/* Step back over @n fetched chains from the tail, not handed out. */
	void (*unfetch)(struct ferry_vring *vr, const struct ferry_chain *chain, unsigned int n);
	/* Write vr->done[] to the ring; returns 0 or -errno. */
	int (*publish)(struct ferry_vring *vr);
	/* After publish: 1 if the driver wants a signal, 0 or -errno. */
	int (*need_signal)(struct ferry_vring *vr);
	/*
	 * Ask for a kick when more than @ahead chains wait, with EVENT_IDX; without it comes for
	 * the first. In a packed ring chains are counted by their slots, as many as the shortest
	 * of the last fetch took: it comes sooner for longer ones, and for shorter ones later.
	 * Returns 1 if so many came meanwhile, 0 or -errno.
	 */
	int (*enable_kick)(struct ferry_vring *vr, unsigned int ahead);
	/* Ask for no kicks; returns 0 or -errno. */
	int (*disable_kick)(struct ferry_vring *vr);
	/* 1 if chains wait to be fetched, 0 or -errno; cheap enough to spin on. */
	int (*pending)(struct ferry_vring *vr);
};

extern const struct ferry_vring_ops ferry_split_ops;
extern const struct ferry_vring_ops ferry_packed_ops;

/* Where the ring lies in the owner's address space, and how it is used. */
struct ferry_vring_config {
	u32 num;		/* descriptors */
	u64 features;		/* acknowledged VIRTIO_* bits */
	u64 desc;		/* descriptor ring */
	u64 driver;		/* split: avail ring; packed: driver event area */
	u64 device;		/* split: used ring; packed: device event area */
	u16 avail;		/* next avail index, or slot */
	u16 used;		/* packed: next used slot */
	bool avail_wrap;	/* packed: wrap counters */
	bool used_wrap;
};

struct ferry_vring {
	const struct ferry_vring_ops *ops;
	u32 num;
	bool event_idx;
	bool indirect;
	bool notify_on_empty;
	void __user *desc;
	void __user *driver;
	void __user *device;

	const struct ferry_mem *mem;
	const struct ferry_region *hit;	/* where the last address was found */

	u16 next_avail;		/* first entry or slot not fetched */
	u16 next_used;		/* next entry or slot to write */
	bool avail_wrap;
	bool used_wrap;
	bool kick_off;		/* the driver has been told not to kick */
	bool signalled_valid;	/* signalled is meaningful */
	u16 signalled;		/* next_used at the last decision to signal */
	u16 published;		/* slots advanced since that decision, packed */
	u16 least_slots;	/* of a chain of the last fetch, packed */

	u32 head;		/* chain[head..tail) are fetched, not taken */
	u32 tail;
	u32 cap;		/* room in chain[] */
	u32 seg_tail;		/* first free segment */
	bool full;		/* the last fetch found a chain but no room for it */
	u32 nr_done;
	struct ferry_chain *chain;
	struct iovec *seg;
	struct ferry_done *done;	/* cap of them */
};

/* A chain error as an errno-like int that no real errno collides with. */
#define FERRY_CHAIN_ERR_BASE	8192
#define FERRY_CHAIN_ERR(err)	((err) - FERRY_CHAIN_ERR_BASE)

int ferry_vring_init(struct ferry_vring *vr, unsigned int cap);
void ferry_vring_destroy(struct ferry_vring *vr);
bool ferry_vring_check(const struct ferry_vring_config *cfg);
int ferry_vring_start(struct ferry_vring *vr, const struct ferry_vring_config *cfg,
		      const struct ferry_mem *mem);
void ferry_vring_position(const struct ferry_vring *vr, struct ferry_vring_config *cfg);
void ferry_vring_rewind(struct ferry_vring *vr);
void ferry_vring_set_mem(struct ferry_vring *vr, const struct ferry_mem *mem);
void ferry_vring_set_addr(struct ferry_vring *vr, const struct ferry_vring_config *cfg);
int ferry_vring_fetch(struct ferry_vring *vr, unsigned int want);
bool ferry_vring_exhausted(const struct ferry_vring *vr);
const char *ferry_vring_strerror(int err);

/* Chains that are fetched and not yet taken. */
static inline unsigned int ferry_vring_ready(const struct ferry_vring *vr)
{
	return vr->tail - vr->head;
}

/* The @i-th of those; @i < ferry_vring_ready(). Valid until the next fetch. */
static inline struct ferry_chain *ferry_vring_chain(const struct ferry_vring *vr, unsigned int i)
{
	return &vr->chain[vr->head + i];
}

static inline struct iovec *ferry_chain_out(const struct ferry_vring *vr,
					    const struct ferry_chain *c)
{
	return &vr->seg[c->seg];
}

static inline struct iovec *ferry_chain_in(const struct ferry_vring *vr,
					   const struct ferry_chain *c)
{
	return &vr->seg[c->seg + c->nr_out];
}

/**
 * ferry_vring_take - take the first ready chain, to hand it back at any time
 * @vr: the vring; at least one chain is ready
 *
 * The ring's position is behind the chain from now on: whoever stops or moves
 * the ring first waits until all that was taken is handed back.
 *
 * Return: the chain, valid until the next fetch.
 */
static inline const struct ferry_chain *ferry_vring_take(struct ferry_vring *vr)
{
	return &vr->chain[vr->head++];
}

/**
 * ferry_vring_return - hand back a chain that was taken, in any order
 * @vr: the vring; fewer than cap are done
 * @id: of the chain
 * @slots: of the chain
 * @len: bytes written to the chain's writable part
 *
 * The driver sees it at the next publish.
 */
static inline void ferry_vring_return(struct ferry_vring *vr, u16 id, u16 slots, u32 len)
{
	struct ferry_done *d = &vr->done[vr->nr_done++];

	d->id = id;
	d->slots = slots;
	d->len = len;
}

/**
 * ferry_vring_complete - take the first ready chain and hand it back
 * @vr: the vring; at least one chain is ready, and fewer than cap are done
 * @len: bytes written to the chain's writable part
 */
static inline void ferry_vring_complete(struct ferry_vring *vr, u32 len)
{
	const struct ferry_chain *c = ferry_vring_take(vr);

	ferry_vring_return(vr, c->id, c->slots, len);
}

/* Room for completions before a publish is due. */
static inline unsigned int ferry_vring_done_room(const struct ferry_vring *vr)
{
	return vr->cap - vr->nr_done;
}

#endif /* FERRY_VRING_VRING_H */
