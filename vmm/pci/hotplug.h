/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hot plug by ACPI: three registers of 32 bits, a bit a slot, that the guest's ACPI code
 * (x86/dsdt.asl) reads and writes when an event tells it to.
 *
 *	0	slots to look at: a device came; reading takes them
 *	4	slots to let go of; reading takes them
 *	8	written: slots that the guest has let go of
 */
#ifndef FERRY_VMM_PCI_HOTPLUG_H
#define FERRY_VMM_PCI_HOTPLUG_H

#include "pci.h"

#define PCI_HOTPLUG_UP		0U
#define PCI_HOTPLUG_DOWN	4U
#define PCI_HOTPLUG_EJECT	8U
#define PCI_HOTPLUG_PORTS	16U

struct pci_hotplug {
	struct pci_bus *bus;

	/*
	 * The guest has let go of what is in that slot, whether it was asked to or not. May
	 * unplug it. A vCPU, under the machine's lock.
	 */
	void (*eject)(void *opaque, struct pci_dev *d);
	void *opaque;

	u32 up, down;		/* what the guest has not read yet */
	u32 leaving;		/* asked to go, until it is gone */
};

/* @eject and @opaque as in the struct. */
int pci_hotplug_init(struct pci_hotplug *h, struct pci_bus *b, u16 port,
		     void (*eject)(void *opaque, struct pci_dev *d), void *opaque);

/* Nobody is asked for anything any more. */
void pci_hotplug_reset(struct pci_hotplug *h);

/* What the guest shall do with that slot; it has to be told by an event as well. */
void pci_hotplug_look_at(struct pci_hotplug *h, unsigned int slot);
void pci_hotplug_let_go(struct pci_hotplug *h, unsigned int slot);

/* The slot is empty now: what was said of it is no longer so. */
void pci_hotplug_gone(struct pci_hotplug *h, unsigned int slot);

static inline bool pci_hotplug_leaving(const struct pci_hotplug *h, unsigned int slot)
{
	return h->leaving & (1U << slot);
}

#endif /* FERRY_VMM_PCI_HOTPLUG_H */
