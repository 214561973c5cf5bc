/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is given up once everything is set up: rights that root has, the way to files, and
 * all system calls but those that a kind of thread makes.
 */
#ifndef FERRY_VMM_MACHINE_SANDBOX_H
#define FERRY_VMM_MACHINE_SANDBOX_H

#include <linux/filter.h>

#include "../error.h"
#include "../types.h"

enum thread_kind {
	THREAD_MAIN,
	THREAD_MAKER,		/* makes the others: all that they may, and making */
	THREAD_VCPU,
	THREAD_NET,		/* a network queue */
	THREAD_USER_NET,	/* -netdev user */
	THREAD_BLK,		/* a disk's queue, or its discards */
	THREAD_9P,		/* a directory's queue, or its pool */
	THREAD_KINDS,
};

/* What is in use, so that what it takes is kept. */
#define SANDBOX_USER_NET	(1U << 0)
#define SANDBOX_BLK		(1U << 1)	/* disks that threads may have to serve */
#define SANDBOX_9P		(1U << 2)	/* directories likewise */
#define SANDBOX_9P_ANY		(1U << 3)	/* directories, whoever serves them */
#define SANDBOX_IMAGE		(1U << 4)	/* a program that reads an image */
#define SANDBOX_NET		(1U << 5)	/* taps that threads may have to serve */
#define SANDBOX_SCRIPT		(1U << 6)	/* a process that runs a script at the end */
#define SANDBOX_RESIZE		(1U << 7)	/* images that a monitor may give another size */

struct sandbox_config {
	u32 uses;
	const char *user;	/* -runas, or NULL */
	const char *dir;	/* -chroot, or NULL */
	bool filter;		/* seccomp */
};

struct sandbox {
	struct sock_fprog program[THREAD_KINDS];
};

/*
 * Give up rights and the root directory, for this thread and those that it makes, and
 * compile the filters.
 */
int sandbox_prepare(struct sandbox *s, const struct sandbox_config *cfg, struct error *e);
void sandbox_free(struct sandbox *s);

/*
 * The calling thread is of that kind from here on; nothing happens before filters are
 * compiled. There is no way back, and none on without: where the kernel refuses it, the
 * program aborts.
 */
void sandbox_enter(const struct sandbox *s, enum thread_kind kind);

/* Why there can be no filters, or NULL. */
const char *sandbox_hindrance(void);

/* What can be told of -runas and -chroot before anything is built. */
int sandbox_check(const struct sandbox_config *cfg, struct error *e);

#endif /* FERRY_VMM_MACHINE_SANDBOX_H */
