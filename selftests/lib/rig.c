// SPDX-License-Identifier: GPL-2.0
/*
 * Devices set up ready to run. One thread at a time may use a rig; two threads
 * may use two of its queues.
 */
#include <errno.h>

#include "check.h"
#include "rig.h"

uint64_t rig_ring_features(const struct ring_layout *l)
{
	uint64_t f = F_VERSION_1;

	if (l->packed)
		f |= F_PACKED;
	if (l->event_idx)
		f |= F_EVENT_IDX;
	if (l->indirect)
		f |= F_INDIRECT;
	return f;
}

/* A node that is absent is a reason to skip; one that fails is not. */
static int rig_open(struct rig *g, const struct rig_options *o)
{
	int err = __dev_open(&g->dev, o->kind, o->path);

	if (err == -ENOENT || err == -ENXIO || err == -ENODEV)
		return err;
	check_ok(err, "open device");
	return 0;
}

int __rig_init(struct rig *g, const struct rig_options *o)
{
	uint64_t features = rig_ring_features(&o->layout) | o->features;
	int err;

	if (o->legacy)
		features &= ~F_VERSION_1;
	memset(g, 0, sizeof(*g));
	g->o = *o;
	g->tap.fd = -1;
	g->backend = 1;
	if (o->kind == DEV_NET) {
		err = __tap_open(&g->tap, o->tap_name ? o->tap_name : "ftap0", &o->tap);
		if (err)
			return err;
		g->backend = g->tap.fd;
		tap_up(g->tap.name, true);
	}
	err = rig_open(g, o);
	if (err)
		return err;
	g->queues = o->queues ? o->queues : g->dev.nvq;
	mem_map(&g->mem, RIG_BUF, RIG_BUF_SIZE);
	for (unsigned int i = 0; i < g->queues; i++)
		mem_map(&g->mem, RIG_RING(i), ring_bytes(&o->layout));
	dev_ioctl(&g->dev, VHOST_SET_OWNER, NULL);
	err = __dev_set_features(&g->dev, features);
	check_ok(err, "features %#llx", (unsigned long long)features);
	dev_set_mem(&g->dev, &g->mem);
	for (unsigned int i = 0; i < g->queues; i++)
		rig_reset_ring(g, i);
	return 0;
}

void rig_reset_ring(struct rig *g, unsigned int i)
{
	ring_destroy(&g->ring[i]);
	ring_init(&g->ring[i], &g->o.layout, mem_hva(&g->mem, RIG_RING(i)), RIG_RING(i));
	dev_set_ring(&g->dev, i, &g->ring[i]);
}

void rig_start(struct rig *g)
{
	if (g->o.kind == DEV_BLK) {
		dev_blk_backend(&g->dev, &g->o.disk);
		return;
	}
	for (unsigned int i = 0; i < g->queues; i++)
		dev_start(&g->dev, i, g->backend);
}

void rig_stop(struct rig *g)
{
	if (g->o.kind == DEV_BLK) {
		dev_blk_stop(&g->dev);
		return;
	}
	for (unsigned int i = 0; i < g->queues; i++)
		dev_stop(&g->dev, i);
}

void rig_destroy(struct rig *g)
{
	if (g->dev.nvq)
		dev_close(&g->dev);
	for (unsigned int i = 0; i < DEV_VQ_MAX; i++)
		ring_destroy(&g->ring[i]);
	if (g->tap.fd >= 0)
		tap_close(&g->tap);
	mem_free(&g->mem);
}

void *rig_buf(struct rig *g, uint64_t offset)
{
	return mem_hva(&g->mem, RIG_BUF + offset);
}

bool rig_alive(struct rig *g, unsigned int i, int ms)
{
	/* A minimal frame behind its header, which null and net take as a buffer. */
	struct ring_seg frame = { RIG_BUF, 12 + 60 };
	/* A request of type 8, GET_ID, for a disk. */
	struct ring_seg id[] = { { RIG_BUF, 16 }, { RIG_BUF + 16, 20 }, { RIG_BUF + 36, 1 } };
	bool disk = g->o.kind == DEV_BLK;
	struct ring_used u;

	if (disk) {
		memset(rig_buf(g, 0), 0, 16);
		*(uint32_t *)rig_buf(g, 0) = 8;
	}
	if (ring_add(&g->ring[i], disk ? id : &frame, 1, disk ? 2 : 0, 0x616c697665))
		return false;
	dev_publish(&g->dev, i, &g->ring[i]);
	return dev_poll_used(&g->ring[i], &u, ms) == 1;
}

void rig_ping(struct rig *g, unsigned int i)
{
	check(rig_alive(g, i, DEV_PATIENCE_MS), "queue %u completes a chain", i);
}
