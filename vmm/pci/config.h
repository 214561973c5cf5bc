/* SPDX-License-Identifier: GPL-2.0 */
/* Between bus.c and dev.c: accesses to one device's configuration space. */
#ifndef FERRY_VMM_PCI_CONFIG_H
#define FERRY_VMM_PCI_CONFIG_H

#include "pci.h"

/* @size is 1, 2 or 4; what lies beyond 256 bytes reads as 0. */
u32 pci_config_read(struct pci_dev *d, u32 off, unsigned int size);
void pci_config_write(struct pci_dev *d, u32 off, u32 val, unsigned int size);

#endif /* FERRY_VMM_PCI_CONFIG_H */
