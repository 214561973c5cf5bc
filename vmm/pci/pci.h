/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PCI: one bus, devices with one memory BAR, perhaps one of ports, and MSI-X. BARs are
 * assigned when a device is plugged in and may be moved by the guest.
 */
#ifndef FERRY_VMM_PCI_PCI_H
#define FERRY_VMM_PCI_PCI_H

#include <linux/pci_regs.h>

#include "../machine/machine.h"

#define PCI_SLOTS	32U
#define PCI_CONFIG_SIZE	256U
#define PCI_PORTS_MAX	256U		/* of one BAR, by the PCI specification */

struct pci_dev;

/* What a device answers. Called under the machine's lock. */
struct pci_ops {
	/* An access inside BAR 0; off + size never leaves it. */
	u64 (*bar_read)(struct pci_dev *d, u64 off, unsigned int size);
	void (*bar_write)(struct pci_dev *d, u64 off, u64 val, unsigned int size);

	/* Likewise of BAR 1, whose ports are only written; NULL without pci_add_ports(). */
	void (*port_write)(struct pci_dev *d, u32 off, u32 val, unsigned int size);

	/* A BAR answers elsewhere from now on: bar_mapped or ports_mapped has changed. */
	void (*bars_moved)(struct pci_dev *d);

	/* Configuration space that is more than bytes; NULL where there is none. */
	bool (*config_read)(struct pci_dev *d, u32 off, unsigned int size, u32 *val);
	void (*config_written)(struct pci_dev *d, u32 off, unsigned int size);
};

struct pci_dev {
	const struct pci_ops *ops;
	struct pci_bus *bus;		/* NULL: not plugged in */
	u8 slot;
	u8 config[PCI_CONFIG_SIZE];
	u8 writable[PCI_CONFIG_SIZE];	/* bits that the guest may change */
	u32 bar_size;			/* a power of two, 0 without a BAR */
	u64 bar_initial;		/* where it is put at reset */
	u64 bar_mapped;			/* where it answers, 0 if nowhere */
	u16 ports_size;			/* of BAR 1 likewise */
	u16 ports_initial;
	u16 ports_mapped;
	u8 caps;			/* where the next capability goes */
	u8 last_cap;			/* the capability to link it to, 0 at first */
};

struct pci_window {
	u64 ecam;
	u64 mmio;
	u64 mmio_size;
	u64 firmware;			/* BARs answer here as well, where firmware puts them */
	u64 firmware_size;		/* 0: nowhere */
	u16 port;			/* of the configuration */
	u16 ports;			/* of BARs: from here to the last one */
};

struct pci_range {
	struct pci_bus *bus;
	u64 base;
};

struct pci_bus {
	struct machine *m;
	struct pci_window at;
	struct pci_range mmio, firmware;
	struct pci_dev *slot[PCI_SLOTS];
	struct pci_dev bridge;
	u32 address;			/* what was written to 0xcf8 */
};

struct pci_ids {
	u16 vendor, device;
	u16 subsystem_vendor, subsystem;
	u8 revision;
	u32 class_code;			/* class, subclass, interface */
};

/* A bus with its host bridge in slot 0. */
int pci_bus_init(struct pci_bus *b, struct machine *m, const struct pci_window *at,
		 struct error *e);

/* Fill in a device that answers nothing yet. */
void pci_dev_init(struct pci_dev *d, const struct pci_ops *ops, const struct pci_ids *ids,
		  u32 bar_size);

/* Give it @size ports in BAR 1, a power of two from 4 to PCI_PORTS_MAX. */
void pci_add_ports(struct pci_dev *d, u16 size);

/* Append a capability of @len bytes, header included; its offset. */
u8 pci_add_cap(struct pci_dev *d, u8 id, u8 len);

/*
 * Plug it in. @addr is "slot" or "slot.0" in hexadecimal, or NULL for the first
 * slot that is free.
 */
int pci_plug(struct pci_bus *b, struct pci_dev *d, const char *addr, const char *name,
	     struct error *e);

/* Take it out: nothing of it answers any more. One that is not plugged in stays out. */
void pci_unplug(struct pci_dev *d);

/* Back to the state after pci_plug(): command 0, BAR in its place. */
void pci_dev_reset(struct pci_dev *d);
void pci_bus_reset(struct pci_bus *b);

u16 pci_get16(const struct pci_dev *d, u32 off);
u32 pci_get32(const struct pci_dev *d, u32 off);
void pci_set16(struct pci_dev *d, u32 off, u16 val);
void pci_set32(struct pci_dev *d, u32 off, u32 val);

#endif /* FERRY_VMM_PCI_PCI_H */
