// SPDX-License-Identifier: GPL-2.0
/*
 * Role: find the device that answers a port or memory access.
 * Threads: vCPUs, and the main thread while it builds the machine.
 * Locks: the machine's lock is held by the caller; ranges are only added before
 *	the first vCPU runs.
 */
#include "bus.h"

#include <errno.h>
#include <string.h>

int bus_add(struct bus *b, u64 base, u64 len, const struct bus_ops *ops, void *opaque)
{
	unsigned int i;

	for (i = 0; i < b->n; i++) {
		const struct bus_range *r = &b->range[i];

		if (base < r->base + r->len && r->base < base + len)
			return -EEXIST;
	}
	if (b->n == BUS_RANGES)
		return -ENOSPC;
	b->range[b->n++] = (struct bus_range){ base, len, ops, opaque };
	return 0;
}

static const struct bus_range *bus_find(const struct bus *b, u64 addr, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < b->n; i++) {
		const struct bus_range *r = &b->range[i];

		if (addr >= r->base && addr - r->base < r->len)
			return r->len - (addr - r->base) >= len ? r : NULL;
	}
	return NULL;
}

void bus_access(struct bus *b, u64 addr, u8 *data, unsigned int len, bool write)
{
	const struct bus_range *r = bus_find(b, addr, len);
	u64 val = 0;

	if (len != 1 && len != 2 && len != 4 && len != 8)
		r = NULL;
	if (!r) {
		if (!write)
			memset(data, 0xff, len);
		return;
	}
	/* The guest is little-endian, and so is every host that runs it. */
	if (write) {
		memcpy(&val, data, len);
		r->ops->write(r->opaque, addr - r->base, val, len);
	} else {
		val = r->ops->read(r->opaque, addr - r->base, len);
		memcpy(data, &val, len);
	}
}
