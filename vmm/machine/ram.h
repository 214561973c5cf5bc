/* SPDX-License-Identifier: GPL-2.0 */
/* Guest memory: at most two regions, below 3 GiB and from 4 GiB. */
#ifndef FERRY_VMM_MACHINE_RAM_H
#define FERRY_VMM_MACHINE_RAM_H

#include "kvm.h"

struct ram_region {
	u64 gpa;
	u64 size;
	u8 *hva;
};

struct ram {
	u64 size;
	unsigned int n;
	struct ram_region region[2];
};

/* @size is a multiple of 4 KiB; what exceeds @low_end goes to @high_base. */
int ram_init(struct ram *r, u64 size, u64 low_end, u64 high_base, struct error *e);

/* Show it to KVM. */
int ram_map(struct ram *r, const struct kvm *k, struct error *e);
void ram_destroy(struct ram *r);

/* Host address of [gpa, gpa + len), or NULL unless one region holds all of it. */
void *ram_ptr(const struct ram *r, u64 gpa, u64 len);

/*
 * Give whole pages of one region back to the host. They read as zeroes from now on and
 * are backed again when somebody writes them: the guest, this program, or the kernel on
 * behalf of a device. False if they stay as they are, for memory that is locked.
 */
bool ram_discard(void *hva, u64 len);

#endif /* FERRY_VMM_MACHINE_RAM_H */
