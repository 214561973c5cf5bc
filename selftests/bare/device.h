/* SPDX-License-Identifier: GPL-2.0 */
/* A virtio device on PCI and its queues, from a driver that may do as it likes. */
#ifndef FERRY_BARE_DEVICE_H
#define FERRY_BARE_DEVICE_H

#include "bare.h"

#define BARE_SLOTS	32
#define BARE_QUEUES	16	/* of a device; others are left alone */

struct queue {
	u16 size;
	u16 next;		/* available index, or slot of a packed ring */
	bool wrap;		/* packed: the driver's wrap counter */
	bool enabled;
	u64 desc, driver, device;
};

struct device {
	u32 slot;
	u16 type;		/* virtio's device number */
	u64 bar;
	u64 common, config, notify, msix;	/* addresses */
	u32 notify_step;
	u64 features;		/* what was agreed on */
	u32 n_queues;
	struct queue queue[BARE_QUEUES];
};

u32 pci_read(u32 slot, u32 off);
void pci_write(u32 slot, u32 off, u32 val);

/* Find the virtio device in a slot; false if there is none. Its BAR is where it was at reset. */
bool device_find(struct device *d, u32 slot);

/* Let it answer at @d->bar again, whatever was done to its configuration. */
void device_heal(const struct device *d);

/* Reset it and set it up, with features and queues of chance. */
void device_start(struct device *d, struct rng *r);

/* Make a chain available in queue @i: what the device expects there, more or less. */
void device_offer(struct device *d, u32 i, struct rng *r);

void device_kick(const struct device *d, u32 i);

/* An address for a buffer, aligned to @align. */
u64 arena_address(struct rng *r, u32 align);

/* Who writes the pieces of a chain. */
enum request_shape {
	REQUEST_EMPTY,		/* the device all of them */
	REQUEST_SENDS,		/* the driver all of them */
	REQUEST_ASKS,		/* the driver the first */
	REQUEST_CARRIES,	/* the device the last */
};

/* The first piece of a chain: a request as the device's driver would begin it. */
struct request {
	enum request_shape shape;
	u32 len;		/* 0 if it is empty */
};

struct request request_fill(const struct device *d, u32 queue, u64 at, struct rng *r);

#endif /* FERRY_BARE_DEVICE_H */
