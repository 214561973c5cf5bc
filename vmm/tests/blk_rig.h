/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A disk on a file of its own, served by vhost=off, and the driver that asks it: a
 * request is a header, payload pieces and a status byte in the pages of its slot.
 */
#ifndef FERRY_VMM_TESTS_BLK_RIG_H
#define FERRY_VMM_TESTS_BLK_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "backend/drive.h"
#include "options/config.h"
#include "ring_driver.h"

#define BLK_RAM		(32 * MIB)
#define BLK_RINGS	0x100000ULL
#define BLK_RING_STEP	0x20000ULL
#define BLK_SLOTS	0x400000ULL
#define BLK_SLOT_SIZE	0x10000ULL	/* header, status, then payload from its page 1 on */
#define BLK_PATIENCE_MS	60000
#define BLK_NOT_YET	0xee

struct blk_rig {
	struct testvm t;
	struct config c;
	struct drive drive;
	struct blk_dev b;
	struct ring_driver q[2];
	struct error e;
	char path[64];		/* the file */
	char disk[64];		/* it, or the loop device on it */
	int loop;		/* that device, or -1 */
	u16 slots[256];		/* descriptors of the chain that begins at each */
};

struct blk_rig_options {
	const char *drive;	/* "" or ",key=value..." */
	const char *device;
	u64 bytes;
	bool packed;
	bool loop;		/* the disk is a block device */
	u64 without;		/* features that the driver does not take */
};

static inline void blk_rig_warn(const char *text)
{
	fprintf(stderr, "# %s\n", text);
}

static inline int blk_rig_file(struct blk_rig *g, u64 bytes)
{
	const char *dir = getenv("TMPDIR") ?: "/tmp";
	int fd;

	snprintf(g->path, sizeof(g->path), "%s/ferry-blk-XXXXXX", dir);
	fd = mkstemp(g->path);
	if (fd < 0 || ftruncate(fd, bytes))
		return -1;
	close(fd);
	memcpy(g->disk, g->path, sizeof(g->disk));
	return 0;
}

/* A loop device on the file that goes when its last user does. */
static inline int blk_rig_loop(struct blk_rig *g)
{
	struct loop_config c = { .info.lo_flags = LO_FLAGS_AUTOCLEAR };
	int control, tries, n, ret = -ENODEV;

	if (access("/dev/loop-control", F_OK) && system("modprobe -q loop"))
		return -ENODEV;
	control = open("/dev/loop-control", O_RDWR);
	if (control < 0)
		return -ENODEV;
	c.fd = open(g->path, O_RDWR);
	for (tries = 0; tries < 20 && ret; tries++) {
		n = ioctl(control, LOOP_CTL_GET_FREE);
		snprintf(g->disk, sizeof(g->disk), "/dev/loop%d", n);
		g->loop = open(g->disk, O_RDWR);
		if (g->loop >= 0 && !ioctl(g->loop, LOOP_CONFIGURE, &c))
			ret = 0;
		else
			usleep(10000);
	}
	close(control);
	close(c.fd);
	return ret;
}

/* Another size. */
static inline int blk_rig_truncate(struct blk_rig *g, u64 bytes)
{
	if (truncate(g->path, bytes))
		return -errno;
	return g->loop >= 0 && ioctl(g->loop, LOOP_SET_CAPACITY, 0) ? -errno : 0;
}

static inline int blk_rig_parse(struct blk_rig *g, const struct blk_rig_options *o)
{
	char drive[256], device[256];
	char *argv[] = { "ferry", "-kernel", "k", "-drive", drive, "-device", device, NULL };

	snprintf(drive, sizeof(drive), "file=%s,if=none,id=d0,format=raw,vhost=off%s", g->disk,
		 o->drive ?: "");
	snprintf(device, sizeof(device), "virtio-blk-pci,drive=d0,num-queues=2%s",
		 o->device ?: "");
	return config_parse(&g->c, 7, argv, &g->e);
}

/* The driver comes up; false where the device did not take it. */
static inline bool blk_rig_up(struct blk_rig *g, bool packed, u64 without)
{
	struct virtio_dev *v = &g->b.v;
	unsigned int i;

	pthread_mutex_lock(&g->t.m.lock);
	virtio_reset(v);
	virtio_set_status(v, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	v->acked = v->offered & ~without;
	if (!packed)
		v->acked &= ~VIRTIO_BIT(F_RING_PACKED);
	virtio_set_status(v, v->status | VIRTIO_CONFIG_S_FEATURES_OK);
	for (i = 0; i < 2; i++)
		ring_driver_init(&g->q[i], &g->t, &v->queue[i], 256,
				 BLK_RINGS + i * BLK_RING_STEP, packed);
	virtio_set_status(v, v->status | VIRTIO_CONFIG_S_DRIVER_OK);
	pthread_mutex_unlock(&g->t.m.lock);
	return !(v->status & VIRTIO_CONFIG_S_NEEDS_RESET);
}

static inline int blk_rig_init(struct blk_rig *g, const struct blk_rig_options *o)
{
	const struct device_config *d;
	struct blk_dev_config cfg;
	int ret;

	memset(g, 0, sizeof(*g));
	g->loop = -1;
	if (testvm_init(&g->t, BLK_RAM) || blk_rig_file(g, o->bytes))
		return -EIO;
	ret = o->loop ? blk_rig_loop(g) : 0;
	if (!ret)
		ret = blk_rig_parse(g, o);
	if (!ret)
		ret = drive_init(&g->drive, &g->t.m, g->c.drive[0], blk_rig_warn, &g->e);
	if (ret)
		return ret;
	d = g->c.device[0];
	cfg = (struct blk_dev_config){
		.features = blk_config_features(&d->blk) | virtio_ring_features(true, true, true),
		.queues = d->blk.num_queues, .queue_size = d->blk.queue_size,
		.write_cache = g->c.drive[0]->cache.writeback,
		.logical_block = d->blk.logical_block, .physical_block = d->blk.physical_block,
		.min_io = d->blk.min_io, .opt_io = d->blk.opt_io,
		.serial = d->blk.serial ?: g->c.drive[0]->serial,
	};
	ret = blk_init(&g->b, &g->t.m, &cfg, &drive_ops, &g->drive, &g->e);
	return ret ?: blk_rig_up(g, o->packed, o->without) ? 0 : -EIO;
}

static inline void blk_rig_destroy(struct blk_rig *g)
{
	blk_destroy(&g->b);
	drive_destroy(&g->drive);
	config_free(&g->c);
	machine_destroy(&g->t.m);
	if (g->loop >= 0)
		close(g->loop);
	unlink(g->path);
}

static inline u64 blk_slot(unsigned int slot)
{
	return BLK_SLOTS + slot * BLK_SLOT_SIZE;
}

static inline u8 *blk_payload(struct blk_rig *g, unsigned int slot)
{
	return ram_ptr(&g->t.m.ram, blk_slot(slot) + 0x1000, BLK_SLOT_SIZE - 0x1000);
}

static inline u8 *blk_status(struct blk_rig *g, unsigned int slot)
{
	return ram_ptr(&g->t.m.ram, blk_slot(slot) + 0x800, 1);
}

static inline void blk_header(struct blk_rig *g, unsigned int slot, u32 type, u64 sector)
{
	const struct virtio_blk_outhdr h = { .type = type, .sector = sector };

	memcpy(ram_ptr(&g->t.m.ram, blk_slot(slot), sizeof(h)), &h, sizeof(h));
	*blk_status(g, slot) = BLK_NOT_YET;
}

/* Hand out a chain whose header is in place, and notify. */
static inline void blk_send(struct blk_rig *g, unsigned int queue, const struct ring_piece *p,
			    unsigned int n)
{
	struct ring_driver *q = &g->q[queue];

	g->slots[q->next] = n;
	ring_driver_add(q, p, n);
	eventfd_write(q->q->kick_fd, 1);
}

/* The usual shape: header, one payload piece, status. */
static inline void blk_ask(struct blk_rig *g, unsigned int queue, unsigned int slot, u32 type,
			   u64 sector, u32 bytes)
{
	bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID ||
		  type == VIRTIO_BLK_T_GET_LIFETIME;
	const struct ring_piece p[] = {
		{ blk_slot(slot), sizeof(struct virtio_blk_outhdr), false },
		{ blk_slot(slot) + 0x1000, bytes, in },
		{ blk_slot(slot) + 0x800, 1, true },
	};

	blk_header(g, slot, type, sector);
	if (bytes)
		blk_send(g, queue, p, 3);
	else
		blk_send(g, queue, (struct ring_piece[]){ p[0], p[2] }, 2);
}

/* Ask to be told of the next answer. */
static inline void blk_want_call(struct ring_driver *q)
{
	struct vring_avail *avail = ram_ptr(&q->t->m.ram, q->q->driver, 6);

	if (!q->packed)
		__atomic_store_n(&avail->ring[q->q->size], q->used, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Wait for the next answer of a queue; its length, or -1. */
static inline int blk_await(struct blk_rig *g, unsigned int queue)
{
	struct ring_driver *q = &g->q[queue];
	struct pollfd p = { .fd = q->q->call_fd, .events = POLLIN };
	eventfd_t n;
	u32 len;
	u16 id;

	for (;;) {
		unsigned int slots = 1;

		blk_want_call(q);

		if (q->packed) {
			struct vring_packed_desc *d = ram_ptr(&g->t.m.ram, q->q->desc, 16);

			slots = g->slots[d[q->used].id % 256];
		}
		if (ring_driver_take(q, slots, &id, &len))
			return len;
		if (poll(&p, 1, BLK_PATIENCE_MS) <= 0)
			return -1;
		eventfd_read(q->q->call_fd, &n);
	}
}

/* Ask on slot 0 and wait; the status, or -1 if no answer came. */
static inline int blk_do(struct blk_rig *g, u32 type, u64 sector, u32 bytes)
{
	blk_ask(g, 0, 0, type, sector, bytes);
	return blk_await(g, 0) < 0 ? -1 : *blk_status(g, 0);
}

/* Wait until the main loop was told, and tell the device. */
static inline bool blk_needs_reset(struct blk_rig *g)
{
	struct pollfd p = { .fd = g->t.m.loop.epfd, .events = POLLIN };

	poll(&p, 1, BLK_PATIENCE_MS);
	testvm_run_loop(&g->t);
	return g->b.v.status & VIRTIO_CONFIG_S_NEEDS_RESET;
}

#endif /* FERRY_VMM_TESTS_BLK_RIG_H */
