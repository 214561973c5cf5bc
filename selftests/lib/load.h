/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Mixed verified I/O in the background: a thread that keeps one queue of a block
 * device busy with random reads, writes, zeroes, discards and flushes, and
 * knows what every block has to hold. Requests in flight never overlap.
 *
 * It sleeps on the call eventfd whenever nothing is to be taken, so that a lost
 * notification shows. The first thing that goes wrong ends it: see enum load_fault.
 * load_start() and load_stop() may alternate; the model stays.
 */
#ifndef FERRY_SELFTEST_LOAD_H
#define FERRY_SELFTEST_LOAD_H

#include <pthread.h>

#include "blk.h"

#define LOAD_DEPTH_MAX	64
/* Guest memory of one request, payload at most LOAD_BYTES_MAX. */
#define LOAD_STRIDE	0x20000U
#define LOAD_BYTES_MAX	0x1e000U

enum load_fault {
	LOAD_FINE,
	LOAD_LOST,		/* a completion or its notification never came */
	LOAD_MISCOMPARE,	/* a read returned other data than the disk holds */
	LOAD_RING,		/* a completion of what is not in flight */
	LOAD_STATUS,		/* a status that must not be */
	LOAD_LENGTH,		/* a used length that is wrong */
};

/* Parts of a hundred requests; what is left are reads. */
struct load_mix {
	unsigned int write, zero, discard, flush;
};

struct load_slot {
	struct blk_req req;
	uint32_t first, blocks;	/* in the load's area */
	uint32_t tag;		/* what a write puts there */
	uint64_t since;
	bool busy;
};

struct load {
	struct blk *b;
	unsigned int queue;
	unsigned int depth;		/* requests in flight at most */
	uint32_t bytes_max;		/* of a payload */
	uint32_t block;			/* bytes */
	uint64_t first_sector;
	uint32_t blocks;		/* of the area */
	struct load_mix mix;
	bool odd;			/* payloads at odd addresses, cut at random */
	bool may_fail;			/* IOERR is an answer */
	int other_call;			/* a second eventfd to sleep on, or -1 */
	uint64_t at;			/* guest memory of the slots */
	uint64_t rng;

	/* The thread's; read with load_done(), or after load_stop(). */
	uint32_t *model;		/* tag of each block, LOAD_ANY: unknown */
	uint8_t *in_use;		/* blocks of requests in flight */
	struct load_slot slot[LOAD_DEPTH_MAX];
	pthread_t thread;
	unsigned int in_flight;
	uint32_t next_tag;
	unsigned long done, failed;
	uint64_t compared;		/* bytes read that the model knew */
	enum load_fault fault;
	char what[160];			/* about the fault */
	int stop;
};

#define LOAD_ANY	0xffffffffU

/*
 * Serve queue @queue of @b with @sectors sectors at @first, which must hold zeroes
 * (load_forget() if they do not). 16 requests of up to 32 KiB in flight, 40 writes,
 * 8 zeroes, 4 discards and 4 flushes of a hundred as far as negotiated. More than 16 in
 * flight take the memory of the queues behind this one.
 */
void load_init(struct load *l, struct blk *b, unsigned int queue, uint64_t first,
	       uint64_t sectors);
void load_destroy(struct load *l);
/* Nothing is known of what the area holds. */
void load_forget(struct load *l);

void load_start(struct load *l);
unsigned long load_done(const struct load *l);
/* Until @n more completed; LOAD_FINE, or the fault that ended the load. */
enum load_fault load_wait(struct load *l, unsigned long n);
/* Take back what is in flight and end the thread. */
enum load_fault load_stop(struct load *l);

/* Run in this thread until @n completed, then drain. */
enum load_fault load_run(struct load *l, unsigned long n);

/* Compare the disk behind the device with the model; LOAD_FINE or LOAD_MISCOMPARE. */
enum load_fault load_verify(struct load *l);

#endif /* FERRY_SELFTEST_LOAD_H */
