/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What stand-ins for a device of selftests/lib/dev.h have in common: a machine without
 * a guest and a virtio device of one queue. A stand is the first member of dev->server.
 */
#ifndef FERRY_VMM_TESTS_DEV_STAND_H
#define FERRY_VMM_TESTS_DEV_STAND_H

#include "dev.h"
#include "machine/machine.h"
#include "virtio/virtio.h"

struct stand {
	struct machine m;
	struct virtio_dev v;
	void (*ring_changes)(struct stand *s);	/* NULL, or told before dev_set_ring() */
};

/* Fills in @d, whose server is @s. */
void stand_init(struct stand *s, struct dev *d, enum dev_kind kind);
void stand_destroy(struct stand *s);

#endif /* FERRY_VMM_TESTS_DEV_STAND_H */
