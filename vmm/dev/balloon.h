/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio-balloon: memory that the guest gives back, because it is asked to (the
 * balloon) or because it has no use for it now (reporting), and what the guest says of
 * its memory (statistics).
 */
#ifndef FERRY_VMM_DEV_BALLOON_H
#define FERRY_VMM_DEV_BALLOON_H

#include <linux/virtio_balloon.h>

#include "../virtio/ring.h"
#include "../virtio/virtio.h"

/* By their numbers; the rest are for reporting. */
enum {
	BALLOON_INFLATE,
	BALLOON_DEFLATE,
	BALLOON_STATISTICS,
	BALLOON_QUEUES = 5,
};

#define BALLOON_STATS		16U	/* kinds of values */
#define BALLOON_STAT_UNKNOWN	UINT64_MAX

/* What the guest last said of its memory; BALLOON_STAT_UNKNOWN where it did not. */
struct balloon_stats {
	u64 value[BALLOON_STATS];	/* by VIRTIO_BALLOON_S_* */
	u64 updated;			/* seconds since 1970, 0 if never */
};

struct balloon_dev_config {
	u64 features;		/* of the ring */
	bool deflate_on_oom, reporting, page_poison;
	u32 interval;		/* seconds between statistics, 0 for none */
};

/* Told of another actual size: by the main thread, under the machine's lock. */
typedef void (*balloon_changed)(void *opaque, u64 actual);

struct balloon_dev;

struct balloon_queue {
	struct balloon_dev *b;
	struct virtio_ring ring;
	struct loop_source kick;
	bool ended;		/* the guest broke it */

	/* Do what a chain asks: 0, 1 if the chain is kept, or the guest's error. */
	int (*take)(struct balloon_queue *q, const struct virtio_chain *c,
		    const struct iovec *iov);
};

struct balloon_dev {
	struct virtio_dev v;
	struct balloon_queue queue[BALLOON_QUEUES];
	union {
		struct virtio_balloon_config config;
		u8 bytes[sizeof(struct virtio_balloon_config)];
	};

	struct balloon_stats stats;
	u32 interval;
	struct loop_source poll;	/* a timer: ask for statistics */
	bool holds;			/* the guest's chain for them, below, is here */
	struct virtio_chain held;

	balloon_changed changed;
	void *opaque;
	struct loop_source tell;	/* a timer: call changed() */
	bool telling;			/* it runs */
	u64 told;			/* when changed() was called, monotonic ns */
};

int balloon_init(struct balloon_dev *b, struct machine *m, const struct balloon_dev_config *cfg,
		 struct error *e);
void balloon_destroy(struct balloon_dev *b);

/*
 * For a monitor, under the machine's lock.
 *
 * The target is how much memory the guest is to have, in bytes, at most all; actual is
 * what it has left itself. A guest goes from one to the other when it likes.
 */
void balloon_set_target(struct balloon_dev *b, u64 bytes);
u64 balloon_actual(const struct balloon_dev *b);

/* Call @changed, at most once a second, after the guest changed its actual size. */
void balloon_on_change(struct balloon_dev *b, balloon_changed changed, void *opaque);

/* Ask for statistics every @seconds, or with 0 no more. */
int balloon_set_interval(struct balloon_dev *b, u32 seconds);

/* QEMU's name of a value, "stat-swap-in"; NULL from BALLOON_STATS on. */
const char *balloon_stat_name(unsigned int i);

#endif /* FERRY_VMM_DEV_BALLOON_H */
