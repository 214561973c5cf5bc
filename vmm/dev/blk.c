// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the virtio-blk device but for its requests: features, configuration space,
 *	write cache, size. Follows the virtio specification 1.3, "Block Device".
 * Threads: vCPUs (registers), main (reset, another size).
 * Locks: the machine's lock is held by the caller.
 */
#include "blk.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <stddef.h>
#include <string.h>

#define BLK_CLASS	0x010000
#define BLK_QUEUES_MAX	FERRY_BLK_QUEUES

/* A chain has the header and the status beside its segments. */
#define BLK_EXTRA_SEGMENTS	2U

static struct blk_dev *to_blk(struct virtio_dev *v)
{
	return container_of(v, struct blk_dev, v);
}

static void blk_config_read(struct virtio_dev *v, u32 off, void *buf, u32 size)
{
	struct blk_dev *b = to_blk(v);

	b->config.capacity = b->disk.capacity;
	b->config.wce = b->write_cache;
	memcpy(buf, (u8 *)&b->config + off, size);
}

/* Without FLUSH the guest cannot ask for stability, so it has it all the time. */
static void blk_set_flags(struct blk_dev *b)
{
	bool cached = b->write_cache && virtio_has(&b->v, VIRTIO_BLK_F_FLUSH);

	b->disk.flags &= ~FERRY_BLK_F_WRITETHROUGH;
	if (!cached && !(b->disk.flags & FERRY_BLK_F_NO_FLUSH))
		b->disk.flags |= FERRY_BLK_F_WRITETHROUGH;
}

static int blk_update(struct blk_dev *b)
{
	int ret;

	blk_set_flags(b);
	if (!b->v.running)
		return 0;
	ret = b->ops->update(b->backend, &b->disk);
	if (ret)
		virtio_needs_reset(&b->v);
	return ret;
}

/* One byte can be written: the write cache. */
static void blk_config_write(struct virtio_dev *v, u32 off, const void *buf, u32 size)
{
	const u32 wce = offsetof(struct virtio_blk_config, wce);
	struct blk_dev *b = to_blk(v);
	bool was = b->write_cache;

	if (off > wce || off + size <= wce || !virtio_has(v, VIRTIO_BLK_F_CONFIG_WCE))
		return;
	/* Of a file that got shorter unseen. */
	blk_refresh(b);
	b->write_cache = ((const u8 *)buf)[wce - off];
	if (!blk_update(b))
		return;
	/* It has what it had, and the driver, who looks, is not to believe otherwise. */
	b->write_cache = was;
	blk_set_flags(b);
}

/* Have the capacity that bytes make; returns whether it is another one. */
static bool blk_set_bytes(struct blk_dev *b, u64 bytes)
{
	u64 capacity = ALIGN_DOWN(bytes, b->disk.block_size) >> FERRY_BLK_SECTOR_SHIFT;
	bool other = capacity != b->disk.capacity;

	b->disk.capacity = capacity;
	return other;
}

static u64 blk_bytes(const struct blk_dev *b)
{
	return b->ops->capacity(b->backend) << FERRY_BLK_SECTOR_SHIFT;
}

/* A file that got shorter unseen is no longer as large as was said. */
static int blk_start(struct virtio_dev *v)
{
	struct blk_dev *b = to_blk(v);
	bool other;
	int ret;

	if (!v->queue[0].enabled)
		return -EINVAL;
	blk_set_flags(b);
	other = blk_set_bytes(b, blk_bytes(b));
	ret = b->ops->start(b->backend, v, &b->disk);
	if (!ret && other)
		virtio_config_changed(v);
	return ret;
}

static void blk_stop(struct virtio_dev *v)
{
	struct blk_dev *b = to_blk(v);

	b->ops->stop(b->backend);
}

static void blk_reset(struct virtio_dev *v)
{
	struct blk_dev *b = to_blk(v);

	b->write_cache = b->initial_write_cache;
}

static void blk_pause(struct virtio_dev *v)
{
	struct blk_dev *b = to_blk(v);

	b->ops->pause(b->backend);
}

static int blk_resume(struct virtio_dev *v)
{
	struct blk_dev *b = to_blk(v);

	/* Who is paused takes it and does not begin yet. */
	blk_refresh(b);
	return b->ops->resume(b->backend);
}

static const struct virtio_ops blk_ops = {
	.config_read = blk_config_read,
	.config_write = blk_config_write,
	.start = blk_start,
	.stop = blk_stop,
	.reset = blk_reset,
	.pause = blk_pause,
	.resume = blk_resume,
};

/* Sizes are told in logical blocks. */
static void blk_fill_topology(struct blk_dev *b, const struct blk_dev_config *cfg)
{
	struct virtio_blk_config *c = &b->config;
	u32 block = b->disk.block_size;
	u32 physical = cfg->physical_block ?: b->disk.phys_block_size;
	u32 min_io = (cfg->min_io ?: b->disk.io_min) / block;

	while (physical >> c->physical_block_exp > block)
		c->physical_block_exp++;
	c->alignment_offset = b->disk.align_offset / block;
	c->min_io_size = min_io < UINT16_MAX ? min_io : UINT16_MAX;
	c->opt_io_size = (cfg->opt_io ?: b->disk.io_opt) / block;
}

static void blk_fill_ranges(struct blk_dev *b)
{
	const struct ferry_blk_backend *d = &b->disk;
	struct virtio_blk_config *c = &b->config;

	if (b->v.offered & BIT_ULL(VIRTIO_BLK_F_DISCARD)) {
		c->max_discard_sectors = d->discard.max_sectors;
		c->max_discard_seg = d->discard.max_ranges;
		c->discard_sector_alignment = d->discard.align;
	}
	if (b->v.offered & BIT_ULL(VIRTIO_BLK_F_WRITE_ZEROES)) {
		c->max_write_zeroes_sectors = d->write_zeroes.max_sectors;
		c->max_write_zeroes_seg = d->write_zeroes.max_ranges;
		c->write_zeroes_may_unmap = !(d->flags & FERRY_BLK_F_NO_UNMAP);
	}
	if (b->v.offered & BIT_ULL(VIRTIO_BLK_F_SECURE_ERASE)) {
		c->max_secure_erase_sectors = d->secure_erase.max_sectors;
		c->max_secure_erase_seg = d->secure_erase.max_ranges;
		c->secure_erase_sector_alignment = d->secure_erase.align;
	}
}

static void blk_fill_config(struct blk_dev *b, const struct blk_dev_config *cfg)
{
	u32 segments = cfg->queue_size - BLK_EXTRA_SEGMENTS;

	b->config = (struct virtio_blk_config){
		.size_max = b->disk.size_max,
		.seg_max = segments < b->disk.seg_max ? segments : b->disk.seg_max,
		.blk_size = b->disk.block_size,
		.num_queues = cfg->queues,
	};
	blk_fill_topology(b, cfg);
	blk_fill_ranges(b);
}

static u64 blk_features(const struct blk_dev *b, u64 wanted)
{
	const u64 changing = BIT_ULL(VIRTIO_BLK_F_DISCARD) | BIT_ULL(VIRTIO_BLK_F_WRITE_ZEROES) |
			     BIT_ULL(VIRTIO_BLK_F_SECURE_ERASE);
	u64 f = wanted & (~BLK_DISK_FEATURES | b->disk.features);

	if (!(b->disk.flags & FERRY_BLK_F_READ_ONLY))
		return b->ops->features(b->backend, f);
	return b->ops->features(b->backend, (f & ~changing) | BIT_ULL(VIRTIO_BLK_F_RO));
}

int blk_init(struct blk_dev *b, struct machine *m, const struct blk_dev_config *cfg,
	     const struct blk_backend_ops *ops, void *backend, struct error *e)
{
	u16 sizes[BLK_QUEUES_MAX];
	unsigned int i;
	int ret;

	if (!cfg->queues || cfg->queues > BLK_QUEUES_MAX)
		return error_set(e, ERANGE, "num-queues property must be between 1 and %u",
				 BLK_QUEUES_MAX);
	*b = (struct blk_dev){
		.ops = ops, .backend = backend, .write_cache = cfg->write_cache,
		.initial_write_cache = cfg->write_cache,
		.disk = { .fd = -1, .block_size = cfg->logical_block },
	};
	if (cfg->serial)
		memcpy(b->disk.serial, cfg->serial, strnlen(cfg->serial, FERRY_BLK_SERIAL));
	ret = ops->probe(backend, &b->disk, e);
	if (ret)
		return ret;
	for (i = 0; i < cfg->queues; i++)
		sizes[i] = cfg->queue_size;
	b->v.ops = &blk_ops;
	b->v.type = VIRTIO_ID_BLOCK;
	b->v.class_code = BLK_CLASS;
	b->v.config_size = sizeof(struct virtio_blk_config);
	b->v.offered = blk_features(b, cfg->features);
	blk_fill_config(b, cfg);
	return virtio_init(&b->v, m, cfg->queues, sizes, e);
}

void blk_destroy(struct blk_dev *b)
{
	virtio_destroy(&b->v);
}

int blk_resize(struct blk_dev *b, u64 bytes)
{
	u64 was = b->disk.capacity;
	int ret;

	if (!blk_set_bytes(b, bytes))
		return 0;
	ret = blk_update(b);
	if (!ret)
		virtio_config_changed(&b->v);
	else
		b->disk.capacity = was;
	return ret;
}

int blk_refresh(struct blk_dev *b)
{
	return blk_resize(b, blk_bytes(b));
}
