/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A network block device: Debian's nbd-server on 127.0.0.1, which can be killed and started again,
 * and disks on /dev/nbdN. One thread uses a server.
 */
#ifndef FERRY_SELFTEST_NBDSRV_H
#define FERRY_SELFTEST_NBDSRV_H

#include <stdbool.h>
#include <sys/types.h>

#include "disk.h"

struct nbdsrv {
	char dir[64];
	char file[96];		/* what it exports, as "disk" */
	char conf[96];
	unsigned int port;
	pid_t group;		/* of its processes, 0: none runs */
	char why[128];		/* why there is none */
};

/* A server of a file of @mb MiB of zeroes; 0, or -errno with a reason to skip. */
int __nbdsrv_init(struct nbdsrv *s, unsigned int mb);
void nbdsrv_destroy(struct nbdsrv *s);

/* Start it; it answers when this returns. Kill it, and all that serve connections. */
void nbdsrv_start(struct nbdsrv *s);
void nbdsrv_kill(struct nbdsrv *s);

/* A connection; asserts. */
int nbdsrv_connect(const struct nbdsrv *s);

/* Whether @len bytes of the exported file at @offset are what blk_fill() made of @tag. */
bool nbdsrv_filled(const struct nbdsrv *s, unsigned int len, uint64_t offset, unsigned int tag);

#endif /* FERRY_SELFTEST_NBDSRV_H */
