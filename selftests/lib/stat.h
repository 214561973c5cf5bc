/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ferry's per-queue counters, read through the generic netlink family "ferry".
 * Uses libnl-genl-3.
 */
#ifndef FERRY_SELFTEST_STAT_H
#define FERRY_SELFTEST_STAT_H

#include <stdint.h>
#include <sys/types.h>

struct stat_queue {
	uint32_t dev;
	uint32_t owner;
	uint32_t queue;
	uint32_t worker;
	uint8_t state;		/* enum ferry_queue_state */
	uint8_t packed;
	char kind[16];
	char name[16];
	uint64_t kicks, signals, chains, bytes, batches, fetched, polls, polls_paid, drops,
		 errors, at_kick;
};

/* Fill at most @max queues of all devices; return how many there are or -errno. */
int __stat_dump(struct stat_queue *q, int max);

/* Queue @queue of the device owned by @owner that was opened last; 0 or -errno. */
int __stat_get(struct stat_queue *q, pid_t owner, const char *kind, uint32_t queue);
/* The same for this process, asserting. */
void stat_get(struct stat_queue *q, const char *kind, uint32_t queue);

#endif /* FERRY_SELFTEST_STAT_H */
