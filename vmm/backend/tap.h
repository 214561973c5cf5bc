/* SPDX-License-Identifier: GPL-2.0 */
/* A tap or macvtap interface: one descriptor a queue pair. */
#ifndef FERRY_VMM_BACKEND_TAP_H
#define FERRY_VMM_BACKEND_TAP_H

#include <net/if.h>

#include "../error.h"
#include "../types.h"
#include "tap_script.h"

struct tap_config {
	const char *ifname;
	const char *script, *downscript;	/* NULL: the default, if it exists */
	const char *br;
	unsigned int queues;
	enum tri vnet_hdr;
	u64 sndbuf;
	const int *fds;			/* open ones, or NULL */
};

struct tap {
	unsigned int n;
	int *fd;
	char name[IFNAMSIZ];
	bool multi;		/* queues can be switched off and on */
	bool vnet_hdr;		/* frames are preceded by a virtio-net header */
	u64 offloads;		/* VIRTIO_NET_F_* bits it can do */
	struct tap_script down;	/* to be run at the end */
};

int tap_open(struct tap *t, const struct tap_config *cfg, struct error *e);

/* Take @fd, which gives and takes a frame a read or write, for a tap of one queue. */
int tap_adopt(struct tap *t, int fd, const char *name, struct error *e);
void tap_close(struct tap *t);

/* The offloads the guest takes: VIRTIO_NET_F_GUEST_* bits. */
int tap_set_offloads(const struct tap *t, u64 offloads);

/* Switch queue @i on or off; nothing to do with a single one. */
int tap_set_queue(const struct tap *t, unsigned int i, bool on);

#endif /* FERRY_VMM_BACKEND_TAP_H */
