/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A device set up ready to run: memory, rings, eventfds, and a tap where the
 * device wants one. What most tests begin with.
 */
#ifndef FERRY_SELFTEST_RIG_H
#define FERRY_SELFTEST_RIG_H

#include "dev.h"
#include "tap.h"

/* Buffers of all queues, in guest addresses. */
#define RIG_BUF		0x100000ULL
#define RIG_BUF_SIZE	0x400000ULL
/* Queue i's ring. */
#define RIG_RING(i)	(0x100000000ULL * (1 + (i)))

struct rig_options {
	enum dev_kind kind;
	const char *path;		/* NULL: the usual node */
	uint64_t features;		/* besides those that the layout implies */
	bool legacy;			/* no VERSION_1: net headers of 10 bytes */
	struct ring_layout layout;
	unsigned int queues;		/* 0: all of them */
	const char *tap_name;		/* NULL: "ftap0" */
	struct tap_options tap;
	struct ferry_blk_backend disk;	/* DEV_BLK: what rig_start() sets */
};

struct rig {
	struct rig_options o;
	struct mem mem;
	struct dev dev;
	struct ring ring[DEV_VQ_MAX];
	struct tap tap;			/* fd -1 but for a net device */
	int backend;			/* what dev_start() wants */
	unsigned int queues;
};

/* Feature bits that a ring layout needs, with VERSION_1. */
uint64_t rig_ring_features(const struct ring_layout *l);

/*
 * Open and set everything up; no queue runs yet. Return 0, or -errno if the
 * device node or a tap cannot be had here, which is a reason to skip; anything
 * else that fails asserts. For a net device the caller is in a network
 * namespace of its own.
 */
int __rig_init(struct rig *g, const struct rig_options *o);
void rig_destroy(struct rig *g);

/* Start or stop all queues; for a disk o.disk is filled in as the kernel answers. */
void rig_start(struct rig *g);
void rig_stop(struct rig *g);

/* Lay queue @i's ring out afresh and tell the device; it must be stopped. */
void rig_reset_ring(struct rig *g, unsigned int i);

/* Send one readable and one writable segment through queue @i and take it back. */
void rig_ping(struct rig *g, unsigned int i);

/* Whether queue @i completes a chain (null), takes a frame (net tx), answers GET_ID (blk). */
bool rig_alive(struct rig *g, unsigned int i, int ms);

void *rig_buf(struct rig *g, uint64_t offset);

#endif /* FERRY_SELFTEST_RIG_H */
