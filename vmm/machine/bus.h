/* SPDX-License-Identifier: GPL-2.0 */
/* An address space of the guest (ports or memory) and who answers where. */
#ifndef FERRY_VMM_MACHINE_BUS_H
#define FERRY_VMM_MACHINE_BUS_H

#include "../types.h"

/*
 * One range's answers. @off is relative to the range and off + size never leaves
 * it; size is 1, 2, 4 or 8. Called under the machine's lock.
 */
struct bus_ops {
	u64 (*read)(void *opaque, u64 off, unsigned int size);
	void (*write)(void *opaque, u64 off, u64 val, unsigned int size);
};

struct bus_range {
	u64 base;
	u64 len;
	const struct bus_ops *ops;
	void *opaque;
};

#define BUS_RANGES	16

struct bus {
	unsigned int n;
	struct bus_range range[BUS_RANGES];
};

/* Fails with -EEXIST where ranges overlap, -ENOSPC where the table is full. */
int bus_add(struct bus *b, u64 base, u64 len, const struct bus_ops *ops, void *opaque);

/* What nobody answers reads as all ones and swallows writes. */
void bus_access(struct bus *b, u64 addr, u8 *data, unsigned int len, bool write);

#endif /* FERRY_VMM_MACHINE_BUS_H */
