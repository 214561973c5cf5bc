/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FERRY_VMM_X86_ACPI_H
#define FERRY_VMM_X86_ACPI_H

#include "../machine/ram.h"

/* Write RSDP, XSDT, FADT, MADT, MCFG and DSDT for @cpus processors into RAM. */
int x86_acpi_write(const struct ram *ram, unsigned int cpus, struct error *e);

#endif /* FERRY_VMM_X86_ACPI_H */
