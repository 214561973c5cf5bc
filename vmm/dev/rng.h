/* SPDX-License-Identifier: GPL-2.0 */
/* virtio-rng: the host's entropy. */
#ifndef FERRY_VMM_DEV_RNG_H
#define FERRY_VMM_DEV_RNG_H

#include "../virtio/ring.h"
#include "../virtio/virtio.h"

struct rng_dev {
	struct virtio_dev v;
	struct virtio_ring ring;
	struct loop_source kick;
	bool ended;		/* the guest broke the ring */
};

/* @features: the ring features to offer. */
int rng_init(struct rng_dev *r, struct machine *m, u64 features, struct error *e);
void rng_destroy(struct rng_dev *r);

#endif /* FERRY_VMM_DEV_RNG_H */
