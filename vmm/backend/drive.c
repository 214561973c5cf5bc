// SPDX-License-Identifier: GPL-2.0
/*
 * Role: one -drive: decide between the kernel and our own threads, and start and stop
 *	the queues on whichever it is.
 * Threads: main, and vCPUs (a driver becomes ready, resets, switches the write cache).
 * Locks: the machine's lock is held by the caller once the guest runs.
 */
#include "drive.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drive_open.h"
#include "image_lock.h"

int drive_init(struct drive *d, struct machine *m, const struct drive_config *cfg,
	       drive_warn warn, struct error *e)
{
	*d = (struct drive){
		.cfg = cfg, .m = m, .warn = warn, .fd = -1, .image = { .fd = -1 },
	};
	return drive_open(d, e);
}

u32 drive_uses(const struct drive *d)
{
	u32 uses = 0;

	if (d->image.child)
		uses |= SANDBOX_IMAGE;
	else if (!d->cfg->readonly)
		uses |= SANDBOX_RESIZE;
	if (!d->use_vhost || !d->cfg->vhostforce)
		uses |= SANDBOX_BLK;
	return uses;
}

static bool drive_is_file(const struct drive *d)
{
	struct stat st;

	return !fstat(d->fd, &st) && S_ISREG(st.st_mode);
}

int drive_check_resize(const struct drive *d, u64 bytes, struct error *e)
{
	if (d->cfg->readonly)
		return error_set(e, EACCES, "Image is read-only");
	if (d->image.fd >= 0)
		return error_set(e, ENOTSUP, "Image format driver does not support resize");
	if (!drive_is_file(d) && bytes > blkloop_file_size(d->fd))
		return error_set(e, EINVAL, "Cannot grow device files");
	return 0;
}

bool drive_loses(const struct drive *d, u64 bytes)
{
	return drive_is_file(d) && bytes < blkloop_file_size(d->fd);
}

int drive_resize(struct drive *d, u64 bytes, struct error *e)
{
	return drive_is_file(d) && ftruncate(d->fd, bytes) ?
	       error_errno(e, errno, "Failed to resize file") : 0;
}

void drive_share(struct drive *d)
{
	if (d->image.fd < 0)
		image_lock_share(d->fd);
}

void drive_destroy(struct drive *d)
{
	if (!d->m)
		return;
	vhost_destroy(&d->vhost);
	blkloop_destroy(&d->loop);
	if (d->image.fd >= 0) {
		image_close(&d->image);
	} else if (d->fd >= 0) {
		image_unlock(d->fd);
		close(d->fd);
	}
	d->m = NULL;
}

static int drive_probe_vhost(struct drive *d, struct ferry_blk_backend *disk, struct error *e)
{
	int fd = vhost_open(d->cfg->vhostdev, "ferry_blk", e), ret;

	if (fd < 0)
		return fd;
	ret = vhost_init(&d->vhost, d->m, fd, e);
	return ret ?: vhost_blk_probe(&d->vhost, disk, e);
}

static int drive_probe_loop(struct drive *d, struct ferry_blk_backend *disk, struct error *e)
{
	int ret = blkloop_init(&d->loop, d->m, e);

	return ret ?: blkloop_probe(disk, e);
}

/* Whether a failure of the kernel's side is the end, or a reason to do without. */
static bool drive_insists(const struct drive_config *cfg)
{
	return cfg->vhostforce || cfg->vhost == TRI_ON;
}

static int drive_probe(void *backend, struct ferry_blk_backend *disk, struct error *e)
{
	struct drive *d = backend;
	const struct drive_config *cfg = d->cfg;
	int ret = -ENODEV;

	disk->fd = d->fd;
	disk->flags = (cfg->readonly ? FERRY_BLK_F_READ_ONLY : 0) |
		      (cfg->cache.no_flush ? FERRY_BLK_F_NO_FLUSH : 0) |
		      (cfg->discard ? 0 : FERRY_BLK_F_NO_UNMAP);
	blkloop_probe_lifetime(disk);
	/* Also where the kernel serves it: see drive_fall_back(), when no file can be opened. */
	d->align = blkloop_probe_align(d->fd);
	if (cfg->vhost != TRI_OFF) {
		ret = drive_probe_vhost(d, disk, e);
		if (ret && drive_insists(cfg))
			return ret;
		d->use_vhost = !ret;
		if (ret)
			vhost_destroy(&d->vhost);
	}
	if (ret)
		ret = drive_probe_loop(d, disk, e);
	/* What is not to be discarded is not to be offered either. */
	if (!cfg->discard)
		disk->features &= ~(BIT_ULL(VIRTIO_BLK_F_DISCARD) |
				    BIT_ULL(VIRTIO_BLK_F_SECURE_ERASE));
	return ret;
}

static u64 drive_features(void *backend, u64 wanted)
{
	struct drive *d = backend;

	return d->use_vhost ? wanted & (~VHOST_RING_FEATURES | d->vhost.features) : wanted;
}

static u64 drive_capacity(void *backend)
{
	struct drive *d = backend;

	return blkloop_file_size(d->fd) >> FERRY_BLK_SECTOR_SHIFT;
}

/* The kernel took the disk but not this guest's queues: go on without it. */
static int drive_fall_back(struct drive *d, int err)
{
	char text[160];
	struct error e;

	if (d->cfg->vhostforce)
		return err;
	if (blkloop_init(&d->loop, d->m, &e)) {
		/* The driver may try again. */
		blkloop_destroy(&d->loop);
		return err;
	}
	snprintf(text, sizeof(text), "unable to start vhost blk: %d: falling back on userspace "
		 "virtio", -err);
	d->warn(text);
	vhost_destroy(&d->vhost);
	d->use_vhost = false;
	return 0;
}

static int drive_start(void *backend, struct virtio_dev *v, const struct ferry_blk_backend *disk)
{
	struct drive *d = backend;
	int ret;

	d->disk = *disk;
	d->paused = false;
	if (!d->use_vhost)
		return blkloop_start(&d->loop, v, disk, d->align);
	ret = vhost_blk_start(&d->vhost, v, disk, d->cfg->poll_us);
	if (!ret)
		return 0;
	ret = drive_fall_back(d, ret);
	return ret ?: blkloop_start(&d->loop, v, disk, d->align);
}

static int drive_set_disk(struct drive *d)
{
	return d->use_vhost ? vhost_blk_update(&d->vhost, &d->disk) :
			      blkloop_update(&d->loop, &d->disk);
}

static int drive_update(void *backend, const struct ferry_blk_backend *disk)
{
	struct drive *d = backend;
	u32 stable = disk->flags & ~d->disk.flags & FERRY_BLK_F_WRITETHROUGH;
	struct ferry_blk_backend was = d->disk;
	int ret = 0;

	d->disk = *disk;
	/* Who is paused gets it when they go on. */
	if (!d->paused)
		ret = drive_set_disk(d);
	if (ret)
		d->disk = was;
	/* From here on the guest flushes no more, not even what it wrote before. */
	if (!ret && stable && fdatasync(d->fd)) {
		ret = -errno;
		/* The next attempt is to try that again. */
		d->disk.flags &= ~stable;
	}
	return ret;
}

static void drive_stop(void *backend)
{
	struct drive *d = backend;

	if (d->use_vhost)
		vhost_blk_stop(&d->vhost);
	else
		blkloop_stop(&d->loop);
}

static void drive_pause(void *backend)
{
	struct drive *d = backend;

	d->paused = true;
	if (d->use_vhost)
		vhost_blk_pause(&d->vhost);
	else
		blkloop_pause(&d->loop);
}

static int drive_resume(void *backend)
{
	struct drive *d = backend;

	d->paused = false;
	return drive_set_disk(d);
}

void drive_stats(const struct drive *d, struct ferry_blk_stats *stats)
{
	if (d->use_vhost)
		vhost_blk_stats(&d->vhost, stats);
	else
		blkloop_stats(&d->loop, stats);
}

const struct blk_backend_ops drive_ops = {
	.probe = drive_probe,
	.features = drive_features,
	.capacity = drive_capacity,
	.start = drive_start,
	.update = drive_update,
	.stop = drive_stop,
	.pause = drive_pause,
	.resume = drive_resume,
};
