/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The driver's side of a virtqueue, split or packed, behind one interface.
 *
 * A ring lives in memory the caller provides (ring_bytes() of it) and knows no
 * device: ring_add() fills chains in, ring_publish() makes them visible and
 * says whether a kick is due, ring_get() takes completions. Nothing in here
 * calls into the kernel, so that a benchmark may count its instructions. One
 * thread at a time may use a ring.
 *
 * Malformed rings: every pointer into shared memory is public, and
 * ring_raw_add() writes descriptors exactly as given.
 */
#ifndef FERRY_SELFTEST_RING_H
#define FERRY_SELFTEST_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/virtio_ring.h>

/* Alignment that suits every part of either format. */
#define RING_ALIGN	4096

struct ring_layout {
	bool packed;
	bool event_idx;
	bool indirect;		/* put every chain into an indirect table */
	uint16_t num;		/* descriptors */
	uint16_t table_max;	/* entries of each indirect table, 0: RING_TABLE_MAX */
	uint16_t start;		/* first index (split) or slot (packed) */
	bool start_odd;		/* packed: begin with wrap counters of 0 */
	const char *name;	/* as FERRY_TEST_RINGS has it; NULL: not one of a set */
};

#define RING_TABLE_MAX	32

/* One piece of a buffer, in guest physical addresses. */
struct ring_seg {
	uint64_t addr;
	uint32_t len;
};

/* One completion. */
struct ring_used {
	uint64_t cookie;	/* as given to ring_add() */
	uint32_t len;		/* bytes the device says it wrote */
	uint16_t id;		/* head index or buffer id */
};

/* A descriptor written verbatim; flags without the packed AVAIL and USED. */
struct ring_raw {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t id;		/* split: next; packed: buffer id */
};

struct ring_slot {
	uint64_t cookie;
	uint16_t next;		/* free list, or a split chain's order */
	uint16_t count;		/* ring descriptors that the chain occupies, 0: free */
};

struct ring {
	struct ring_layout l;

	/* Shared with the device. */
	union {
		struct {
			struct vring_desc *desc;
			struct vring_avail *avail;
			struct vring_used *used;
		};
		struct {
			struct vring_packed_desc *pdesc;
			struct vring_packed_desc_event *driver;
			struct vring_packed_desc_event *device;
		};
	};
	union {				/* num tables of table_max entries */
		struct vring_desc *table;
		struct vring_packed_desc *ptable;
	};
	uint64_t table_gpa;

	/* The driver's own. */
	struct ring_slot *slot;
	uint16_t free_head;	/* first free slot or buffer id */
	uint16_t free;		/* descriptors left */
	uint16_t avail_next;	/* split: shadow of avail->idx; packed: slot */
	uint16_t avail_shown;	/* split: avail->idx last published */
	uint16_t used_next;	/* split: index; packed: slot */
	uint16_t held_slot;	/* packed: head of the first unpublished chain */
	uint16_t held_flags;
	uint16_t held_count;	/* packed: descriptors not yet published */
	bool avail_wrap;
	bool used_wrap;
};

/* Bytes of memory that a ring and its indirect tables take. */
size_t ring_bytes(const struct ring_layout *l);

/* Lay a ring out in @hva, RING_ALIGN aligned, which the guest sees at @gpa. */
void ring_init(struct ring *r, const struct ring_layout *l, void *hva, uint64_t gpa);
void ring_destroy(struct ring *r);

/*
 * Add a chain of @n_out readable segments and then @n_in writable ones. Return
 * 0, -ENOSPC when the ring (or a table) has no room, -EINVAL for no segment.
 */
int ring_add(struct ring *r, const struct ring_seg *seg, unsigned int n_out, unsigned int n_in,
	     uint64_t cookie);

/* Show all added chains to the device. Return whether it asked to be kicked. */
bool ring_publish(struct ring *r);

/*
 * Take one completion. Return 1, 0 for none yet, or -EPROTO if the device
 * named a chain that it does not own.
 */
int ring_get(struct ring *r, struct ring_used *u);

/* Ask for no call; with EVENT_IDX a rare one may come nevertheless. */
void ring_disable_call(struct ring *r);

/*
 * Ask for a call once @after more completions came on top of the next one (for
 * a packed ring: descriptors). Return true if some are there already: the
 * caller must take them, no call is owed.
 */
bool ring_enable_call_after(struct ring *r, uint16_t after);
bool ring_enable_call(struct ring *r);

/* Whether a completion waits. */
bool ring_has_used(const struct ring *r);

/* The value for SET_VRING_BASE, and what GET must return once all is used. */
uint32_t ring_base(const struct ring *r);

/*
 * Write @n descriptors verbatim: into slots 0.. with head 0 of a split ring,
 * into the next slots of a packed one; ring_publish() shows them. The ring's own
 * accounting does not follow: set it up anew afterwards.
 */
void ring_raw_add(struct ring *r, const struct ring_raw *d, unsigned int n);

/* Append any value to a split ring's avail ring. */
void ring_raw_avail(struct ring *r, uint16_t head);

#endif /* FERRY_SELFTEST_RING_H */
