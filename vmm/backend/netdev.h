/* SPDX-License-Identifier: GPL-2.0 */
/*
 * -netdev: a tap, or a network in user space that looks like one, and what moves its
 * packets, the kernel (vhost) or our threads.
 */
#ifndef FERRY_VMM_BACKEND_NETDEV_H
#define FERRY_VMM_BACKEND_NETDEV_H

#include "../dev/net.h"
#include "netloop.h"
#include "tap.h"
#include "user_net.h"
#include "vhost_net.h"

#define NETDEV_PAIRS_MAX	128U

/* -netdev tap,... and -netdev user,... */
struct netdev_config {
	char *type;
	char *id;
	char *ifname;
	char *script, *downscript;
	char *br, *helper;
	char *fd, *fds;
	enum tri vnet_hdr;
	enum tri vhost;
	bool vhostforce;
	char *vhostfd, *vhostfds;
	char *vhostdev;
	u32 queues;
	u64 sndbuf;
	u32 poll_us;

	bool is_user;		/* concluded by options/: then @user counts, and not the above */
	struct user_net_config user;

	char *where;		/* "-netdev tap,...", for messages */
};

/* Told what the user should know though nothing failed. */
typedef void (*netdev_warn)(const char *text);

struct netdev {
	const struct netdev_config *cfg;
	struct machine *m;
	netdev_warn warn;
	struct tap tap;
	struct user_net *user;		/* behind the "tap", or NULL */
	bool use_vhost;
	struct vhost *vhost;	/* one a pair */
	struct netloop *loop;		/* one a pair */
	struct net_dev *dev;		/* while started */
	unsigned int pairs;		/* in use: the first so many */
	unsigned int begun;		/* set up since the driver was ready, perhaps more */
};

/* The backend of a net_dev; @nd is the opaque. */
extern const struct net_backend_ops netdev_ops;

int netdev_init(struct netdev *nd, struct machine *m, const struct netdev_config *cfg,
		netdev_warn warn, struct error *e);
/* What it takes while the VM runs: SANDBOX_* bits. */
u32 netdev_uses(const struct netdev *nd);
void netdev_destroy(struct netdev *nd);

#endif /* FERRY_VMM_BACKEND_NETDEV_H */
