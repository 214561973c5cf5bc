/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What must follow when a driver breaks the rules of a ring: that queue stops,
 * says so once, and nothing else notices.
 */
#ifndef FERRY_SELFTEST_BAD_H
#define FERRY_SELFTEST_BAD_H

#include "rig.h"

/* Shorthands for hand-made descriptors. */
#define NEXT	VRING_DESC_F_NEXT
#define WRITE	VRING_DESC_F_WRITE
#define TABLE	VRING_DESC_F_INDIRECT

/* Guest addresses of which no region knows. */
#define NOWHERE	0x7000000000ULL

/*
 * Publish what queue @i's ring holds and kick. Then the queue has to stop alone:
 * ERR is signalled once, no completion comes, statistics say BROKEN and count
 * one error more, queue @other goes on; after a stop and a fresh set-up queue
 * @i works again. Asserts all of it. @completions: how many good chains were
 * published before the bad one, and must (@i a null queue) still be completed.
 */
void bad_expect_stop(struct rig *g, unsigned int i, unsigned int other, unsigned int completions);

/* The first half: the queue stopped and said so. */
void bad_expect_broken(struct rig *g, unsigned int i);

/* The second: set up anew it works. */
void bad_mend(struct rig *g, unsigned int i);

const char *bad_kind(const struct rig *g);

#endif /* FERRY_SELFTEST_BAD_H */
