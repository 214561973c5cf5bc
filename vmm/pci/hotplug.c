// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the registers of hot plug. The guest may write what it likes: it can eject what
 *	is in a slot, asked or not, which is no more than it could do by leaving the device
 *	alone, and nothing else.
 * Threads: main (a monitor's commands, reset), vCPUs (registers).
 * Locks: the machine's lock is held by the caller.
 */
#include "hotplug.h"

static u32 hotplug_take(u32 *slots)
{
	u32 val = *slots;

	*slots = 0;
	return val;
}

static u64 hotplug_read(void *opaque, u64 off, unsigned int size)
{
	struct pci_hotplug *h = opaque;

	if (size != 4)
		return 0;
	switch (off) {
	case PCI_HOTPLUG_UP:
		return hotplug_take(&h->up);
	case PCI_HOTPLUG_DOWN:
		return hotplug_take(&h->down);
	}
	return 0;
}

static void hotplug_write(void *opaque, u64 off, u64 val, unsigned int size)
{
	struct pci_hotplug *h = opaque;
	unsigned int slot;

	if (off != PCI_HOTPLUG_EJECT || size != 4)
		return;
	for (slot = 0; slot < PCI_SLOTS; slot++)
		if ((val >> slot & 1) && h->bus->slot[slot])
			h->eject(h->opaque, h->bus->slot[slot]);
}

static const struct bus_ops hotplug_bus_ops = {
	.read = hotplug_read,
	.write = hotplug_write,
};

int pci_hotplug_init(struct pci_hotplug *h, struct pci_bus *b, u16 port,
		     void (*eject)(void *opaque, struct pci_dev *d), void *opaque)
{
	*h = (struct pci_hotplug){ .bus = b, .eject = eject, .opaque = opaque };
	return bus_add(&b->m->pio, port, PCI_HOTPLUG_PORTS, &hotplug_bus_ops, h);
}

void pci_hotplug_reset(struct pci_hotplug *h)
{
	h->up = 0;
	h->down = 0;
	h->leaving = 0;
}

void pci_hotplug_look_at(struct pci_hotplug *h, unsigned int slot)
{
	h->up |= 1U << slot;
}

void pci_hotplug_let_go(struct pci_hotplug *h, unsigned int slot)
{
	h->down |= 1U << slot;
	h->leaving |= 1U << slot;
}

void pci_hotplug_gone(struct pci_hotplug *h, unsigned int slot)
{
	h->up &= ~(1U << slot);
	h->down &= ~(1U << slot);
	h->leaving &= ~(1U << slot);
}
