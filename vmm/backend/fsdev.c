// SPDX-License-Identifier: GPL-2.0
/*
 * Role: one -fsdev: open its directory, have it judged by what is to serve it, and start
 *	and stop the queue there.
 * Threads: main, and vCPUs (a driver becomes ready, or resets).
 * Locks: the machine's lock is held by the caller once the guest runs.
 */
#include "fsdev.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int fsdev_open(struct fsdev *fs, struct error *e)
{
	const struct fsdev_config *cfg = fs->cfg;

	fs->export = (struct ferry_9p_backend){
		.fd = open(cfg->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.flags = cfg->flags,
		.model = cfg->model,
		.msize = cfg->msize,
		.fids = cfg->fids,
		.uid = cfg->uid,
		.gid = cfg->gid,
		.fmode = cfg->fmode,
		.dmode = cfg->dmode,
		.xattr_bytes = cfg->xattr_bytes,
	};
	if (fs->export.fd < 0)
		return error_errno(e, errno, "cannot initialize fsdev '%s': failed to open '%s'",
				   cfg->id, cfg->path);
	return 0;
}

static int fsdev_open_vhost(struct fsdev *fs, struct error *e)
{
	int fd = vhost_open(fs->cfg->vhostdev, "ferry_9p", e), ret;

	if (fd < 0)
		return fd;
	ret = vhost_init(&fs->vhost, fs->m, fd, e);
	if (!ret)
		ret = vhost_set_poll(&fs->vhost, 1, fs->cfg->poll_us, e);
	return ret ?: vhost_9p_probe(&fs->vhost, &fs->export, e);
}

/* While there is the right to: what is mounted below is not served, whatever comes. */
static void fsdev_detach(struct fsdev *fs)
{
	int fd = p9loop_detach(fs->export.fd);

	fs->loop.detached = fd >= 0;
	if (fd < 0)
		return;
	close(fs->export.fd);
	fs->export.fd = fd;
}

static int fsdev_open_loop(struct fsdev *fs, struct error *e)
{
	int ret = p9loop_init(&fs->loop, fs->m, e);

	if (ret)
		return ret;
	ret = p9loop_check(&fs->export);
	if (!ret) {
		fsdev_detach(fs);
		return 0;
	}
	error_errno(e, ret, "cannot initialize fsdev '%s': cannot serve '%s'", fs->cfg->id,
		    fs->cfg->path);
	if (ret == -EPERM)
		error_hint(e, "security_model=passthrough, uid= and gid= of others take "
			   "CAP_SETUID, CAP_SETGID and CAP_CHOWN.");
	return ret;
}

int fsdev_init(struct fsdev *fs, struct machine *m, const struct fsdev_config *cfg,
	       fsdev_warn warn, struct error *e)
{
	int ret;

	*fs = (struct fsdev){ .cfg = cfg, .m = m, .warn = warn };
	ret = fsdev_open(fs, e);
	if (ret)
		return ret;
	if (cfg->vhost != TRI_OFF) {
		ret = fsdev_open_vhost(fs, e);
		fs->use_vhost = !ret;
		if (!ret || cfg->vhost == TRI_ON)
			return ret;
		vhost_destroy(&fs->vhost);
	}
	return fsdev_open_loop(fs, e);
}

u32 fsdev_uses(const struct fsdev *fs)
{
	return SANDBOX_9P_ANY | (fs->use_vhost ? 0 : SANDBOX_9P);
}

void fsdev_destroy(struct fsdev *fs)
{
	if (!fs->m)
		return;
	vhost_destroy(&fs->vhost);
	p9loop_destroy(&fs->loop);
	if (fs->export.fd >= 0)
		close(fs->export.fd);
	fs->m = NULL;
}

static u64 fsdev_features(void *backend, u64 wanted)
{
	struct fsdev *fs = backend;

	return fs->use_vhost ? wanted & (~VHOST_RING_FEATURES | fs->vhost.features) : wanted;
}

static int fsdev_start(void *backend, struct virtio_dev *v)
{
	struct fsdev *fs = backend;
	char text[160];
	int ret;

	ret = fs->use_vhost ? vhost_9p_start(&fs->vhost, v, &fs->export) :
			      p9loop_start(&fs->loop, v, &fs->export);
	/* A driver may try as often as it likes. */
	if (ret && !fs->told) {
		fs->told = true;
		snprintf(text, sizeof(text), "unable to start %s for fsdev '%.64s': %d: its "
			 "device needs a reset", fs->use_vhost ? "vhost 9p" : "a 9p server",
			 fs->cfg->id, -ret);
		fs->warn(text);
	}
	return ret;
}

static void fsdev_stop(void *backend)
{
	struct fsdev *fs = backend;

	if (fs->use_vhost)
		vhost_9p_stop(&fs->vhost);
	else
		p9loop_stop(&fs->loop);
}

const struct p9_backend_ops fsdev_ops = {
	.features = fsdev_features,
	.start = fsdev_start,
	.stop = fsdev_stop,
};
