/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FERRY_VMM_X86_ACPI_H
#define FERRY_VMM_X86_ACPI_H

#include "../machine/ram.h"

struct x86_acpi_place {
	u64 gpa;
	u32 space;
	bool fixed;		/* with the fixed registers of a PC, not hardware-reduced */
};

/* Where a kernel that is entered without firmware finds them. */
extern const struct x86_acpi_place x86_acpi_low;

/* Write RSDP, first, XSDT, FADT, MADT, MCFG and DSDT for @cpus processors into RAM. */
int x86_acpi_write(const struct ram *ram, const struct x86_acpi_place *at, unsigned int cpus,
		   struct error *e);

#endif /* FERRY_VMM_X86_ACPI_H */
