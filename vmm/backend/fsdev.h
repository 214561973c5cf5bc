/* SPDX-License-Identifier: GPL-2.0 */
/* -fsdev: an open directory and what serves it: the kernel (vhost), or threads of our own. */
#ifndef FERRY_VMM_BACKEND_FSDEV_H
#define FERRY_VMM_BACKEND_FSDEV_H

#include "../dev/p9.h"
#include "p9loop.h"
#include "vhost_9p.h"

/* -fsdev local,... */
struct fsdev_config {
	char *driver;		/* local */
	char *id;
	char *path;
	char *security_model;
	bool readonly;
	char *multidevs, *writeout;
	u32 fmode, dmode;	/* mapped: host modes of what the guest makes */
	char *squash;
	u32 uid, gid;		/* FERRY_9P_SELF: our own */
	bool guest_checks;
	u64 msize, xattr_bytes;	/* 0: as much as the server gives */
	u32 poll_us;		/* of vhost */
	u32 fids;

	/* Concluded from these, and from the device, by options/. */
	u32 model;		/* enum ferry_9p_model */
	u32 flags;		/* FERRY_9P_F_* */
	enum tri vhost;		/* left out: the kernel where it can */
	const char *vhostdev;	/* of the device, which owns it */
};

/* Told what the user should know though nothing failed. */
typedef void (*fsdev_warn)(const char *text);

struct fsdev {
	const struct fsdev_config *cfg;
	struct machine *m;
	fsdev_warn warn;
	struct ferry_9p_backend export;	/* its fd is the directory */
	bool use_vhost;
	bool told;		/* that a start failed, once */
	struct vhost vhost;
	struct p9loop loop;
};

/* The backend of a p9_dev; @fs is the opaque. */
extern const struct p9_backend_ops fsdev_ops;

int fsdev_init(struct fsdev *fs, struct machine *m, const struct fsdev_config *cfg,
	       fsdev_warn warn, struct error *e);
/* What it takes while the VM runs: SANDBOX_* bits. */
u32 fsdev_uses(const struct fsdev *fs);
void fsdev_destroy(struct fsdev *fs);

#endif /* FERRY_VMM_BACKEND_FSDEV_H */
