/* SPDX-License-Identifier: GPL-2.0 */
/* An unpacked kernel of Linux, as it lies in a bzImage: ELF, and where it is to be relocated. */
#ifndef FERRY_VMM_X86_VMLINUX_H
#define FERRY_VMM_X86_VMLINUX_H

#include "../machine/ram.h"

/* Where the kernel may be put. */
struct x86_vmlinux_place {
	u64 base;		/* the address that it was linked for */
	u64 align;		/* how addresses may differ from that; a power of two */
	u64 end;		/* of the memory that it may have */
	bool random;		/* other addresses are wanted, if it can be relocated */
	bool random_memory;	/* of guest memory, too */
};

/* Where it was put. */
struct x86_vmlinux {
	u64 entry;		/* in guest memory: startup_64 */
	bool random;		/* as was wanted */
};

/**
 * x86_vmlinux_load - put an unpacked kernel into guest memory
 * @fd: the file
 * @ram: guest memory
 * @where: where to
 * @k: set
 *
 * Any thread before the guest runs. Return: 0, -ENOEXEC if this is no kernel that we know how
 * to place, -ENOMEM if there is no room, or another -errno; then memory holds parts of it.
 */
int x86_vmlinux_load(int fd, const struct ram *ram, const struct x86_vmlinux_place *where,
		     struct x86_vmlinux *k);

#endif /* FERRY_VMM_X86_VMLINUX_H */
