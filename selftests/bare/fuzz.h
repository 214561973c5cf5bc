/* SPDX-License-Identifier: GPL-2.0 */
/* What a guest can do to its VMM, at random. */
#ifndef FERRY_BARE_FUZZ_H
#define FERRY_BARE_FUZZ_H

#include "device.h"

struct fuzz {
	struct rng rng;
	bool ends;		/* power off and reset, too */
	bool vectors;		/* and interrupts that the one processor minds: INIT */
	u64 operations;
	u32 n_devices;
	struct device device[BARE_SLOTS];
};

/* Look for devices, and fill the arena; ends and vectors are the caller's to set. */
void fuzz_begin(struct fuzz *f, u64 seed);

void fuzz_once(struct fuzz *f);

#endif /* FERRY_BARE_FUZZ_H */
