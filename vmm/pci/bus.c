// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the bus: configuration by ports 0xcf8/0xcfc and by ECAM, the windows of
 *	BARs, one more that firmware moves them to, slots.
 * Threads: main while building and plugging, vCPUs after.
 * Locks: the machine's lock is held by the caller once the guest runs.
 */
#include <errno.h>
#include <stdlib.h>

#include "config.h"

#define PCI_ADDRESS_ENABLE	(1U << 31)
#define PCI_PORTS		8
#define PCI_DATA_PORT		4	/* from the first port */

static u32 bus_config_read(struct pci_bus *b, u32 bus, u32 devfn, u32 off, unsigned int size)
{
	struct pci_dev *d = bus || devfn & 7 ? NULL : b->slot[devfn >> 3];

	if (!d || off & (size - 1))
		return ~0U;
	return pci_config_read(d, off, size);
}

static void bus_config_write(struct pci_bus *b, u32 bus, u32 devfn, u32 off, u32 val,
			     unsigned int size)
{
	struct pci_dev *d = bus || devfn & 7 ? NULL : b->slot[devfn >> 3];

	if (d && !(off & (size - 1)))
		pci_config_write(d, off, val, size);
}

static u64 bus_ecam_read(void *opaque, u64 off, unsigned int size)
{
	if (size > 4)
		return ~0ULL;
	return bus_config_read(opaque, off >> 20, off >> 12 & 0xff, off & 0xfff, size);
}

static void bus_ecam_write(void *opaque, u64 off, u64 val, unsigned int size)
{
	if (size <= 4)
		bus_config_write(opaque, off >> 20, off >> 12 & 0xff, off & 0xfff, val, size);
}

static u64 bus_port_read(void *opaque, u64 off, unsigned int size)
{
	struct pci_bus *b = opaque;
	u32 a = b->address;

	if (off < PCI_DATA_PORT)
		return off == 0 && size == 4 ? a : ~0ULL;
	if (!(a & PCI_ADDRESS_ENABLE) || size > 4)
		return ~0ULL;
	return bus_config_read(b, a >> 16 & 0xff, a >> 8 & 0xff,
			       (a & 0xfc) + (off - PCI_DATA_PORT), size);
}

static void bus_port_write(void *opaque, u64 off, u64 val, unsigned int size)
{
	struct pci_bus *b = opaque;
	u32 a = b->address;

	if (off < PCI_DATA_PORT) {
		if (off == 0 && size == 4)
			b->address = val;
		return;
	}
	if ((a & PCI_ADDRESS_ENABLE) && size <= 4)
		bus_config_write(b, a >> 16 & 0xff, a >> 8 & 0xff,
				 (a & 0xfc) + (off - PCI_DATA_PORT), val, size);
}

/* The device whose BAR holds all of [addr, addr + size). */
static struct pci_dev *bus_find_bar(struct pci_bus *b, u64 addr, unsigned int size, u64 *off)
{
	unsigned int i;

	for (i = 0; i < PCI_SLOTS; i++) {
		struct pci_dev *d = b->slot[i];

		if (!d || !d->bar_mapped || addr < d->bar_mapped)
			continue;
		*off = addr - d->bar_mapped;
		if (*off < d->bar_size && d->bar_size - *off >= size)
			return d;
	}
	return NULL;
}

static u64 bus_mmio_read(void *opaque, u64 off, unsigned int size)
{
	struct pci_range *r = opaque;
	struct pci_dev *d = bus_find_bar(r->bus, r->base + off, size, &off);

	return d ? d->ops->bar_read(d, off, size) : ~0ULL;
}

static void bus_mmio_write(void *opaque, u64 off, u64 val, unsigned int size)
{
	struct pci_range *r = opaque;
	struct pci_dev *d = bus_find_bar(r->bus, r->base + off, size, &off);

	if (d)
		d->ops->bar_write(d, off, val, size);
}

/* Ports are only written: what is read from them is as if nobody answered. */
static u64 bus_ports_read(void *opaque, u64 off, unsigned int size)
{
	(void)opaque, (void)off, (void)size;
	return ~0ULL;
}

static void bus_ports_write(void *opaque, u64 off, u64 val, unsigned int size)
{
	struct pci_bus *b = opaque;
	u32 port = b->at.ports + off;
	unsigned int i;

	for (i = 0; i < PCI_SLOTS; i++) {
		struct pci_dev *d = b->slot[i];

		if (!d || !d->ports_mapped || port < d->ports_mapped ||
		    port + size > (u32)d->ports_mapped + d->ports_size)
			continue;
		d->ops->port_write(d, port - d->ports_mapped, val, size);
		return;
	}
}

int pci_bus_init(struct pci_bus *b, struct machine *m, const struct pci_window *at,
		 struct error *e)
{
	static const struct bus_ops ecam = { bus_ecam_read, bus_ecam_write };
	static const struct bus_ops port = { bus_port_read, bus_port_write };
	static const struct bus_ops mmio = { bus_mmio_read, bus_mmio_write };
	static const struct bus_ops ports = { bus_ports_read, bus_ports_write };
	/* The number under which QEMU's generic host bridge is known. */
	static const struct pci_ids bridge = { .vendor = 0x1b36, .device = 0x0008,
					       .class_code = 0x060000 };
	int ret;

	*b = (struct pci_bus){ .m = m, .at = *at, .mmio = { b, at->mmio },
			       .firmware = { b, at->firmware } };
	pci_dev_init(&b->bridge, NULL, &bridge, 0);
	b->slot[0] = &b->bridge;
	ret = bus_add(&m->mmio, at->ecam, 1 << 20, &ecam, b);
	if (!ret)
		ret = bus_add(&m->mmio, at->mmio, at->mmio_size, &mmio, &b->mmio);
	if (!ret && at->firmware_size)
		ret = bus_add(&m->mmio, at->firmware, at->firmware_size, &mmio, &b->firmware);
	if (!ret)
		ret = bus_add(&m->pio, at->port, PCI_PORTS, &port, b);
	if (!ret)
		ret = bus_add(&m->pio, at->ports, 0x10000 - at->ports, &ports, b);
	return ret ? error_errno(e, ret, "PCI bus") : 0;
}

static int bus_pick_slot(struct pci_bus *b, const char *addr, const char *name,
			 unsigned int *slot, struct error *e)
{
	unsigned long v;
	char *end;

	if (!addr) {
		for (*slot = 1; *slot < PCI_SLOTS; (*slot)++)
			if (!b->slot[*slot])
				return 0;
		return error_set(e, ENOSPC, "PCI: no slot/function available for %s, all in use "
				 "or reserved", name);
	}
	v = strtoul(addr, &end, 16);
	if (end == addr || (*end && (end[0] != '.' || end[1] != '0' || end[2])) || v >= PCI_SLOTS)
		return error_set(e, EINVAL, "Property '%s.addr' doesn't take value '%s'", name,
				 addr);
	if (b->slot[v])
		return error_set(e, EBUSY, "PCI: slot %lu function 0 not available for %s, in use",
				 v, name);
	*slot = v;
	return 0;
}

static const struct pci_dev *bus_overlap(const struct pci_bus *b, u64 at, u32 size)
{
	unsigned int i;

	for (i = 0; i < PCI_SLOTS; i++) {
		const struct pci_dev *d = b->slot[i];

		if (d && at < d->bar_initial + d->bar_size && d->bar_initial < at + size)
			return d;
	}
	return NULL;
}

/* The first place in the window that no other device has at reset. */
static int bus_place_bar(const struct pci_bus *b, struct pci_dev *d)
{
	u64 at = ALIGN_UP(b->at.mmio, d->bar_size), end = b->at.mmio + b->at.mmio_size;
	const struct pci_dev *other;

	while (at + d->bar_size <= end) {
		other = bus_overlap(b, at, d->bar_size);
		if (!other) {
			d->bar_initial = at;
			return 0;
		}
		at = ALIGN_UP(other->bar_initial + other->bar_size, d->bar_size);
	}
	return -ENOSPC;
}

static bool bus_ports_free(const struct pci_bus *b, u32 port, u32 size)
{
	unsigned int i;

	for (i = 0; i < PCI_SLOTS; i++) {
		const struct pci_dev *d = b->slot[i];

		if (d && port < (u32)d->ports_initial + d->ports_size &&
		    d->ports_initial < port + size)
			return false;
	}
	return true;
}

/* Likewise; all slots with all that a BAR may have fit in. */
static int bus_place_ports(const struct pci_bus *b, struct pci_dev *d)
{
	u32 port;

	for (port = b->at.ports; port < 0x10000; port += d->ports_size)
		if (bus_ports_free(b, port, d->ports_size)) {
			d->ports_initial = port;
			return 0;
		}
	return -ENOSPC;
}

int pci_plug(struct pci_bus *b, struct pci_dev *d, const char *addr, const char *name,
	     struct error *e)
{
	unsigned int slot;
	int ret = bus_pick_slot(b, addr, name, &slot, e);

	if (ret)
		return ret;
	if ((d->bar_size && bus_place_bar(b, d)) || (d->ports_size && bus_place_ports(b, d)))
		return error_set(e, ENOSPC, "PCI: no address space for %s", name);
	d->slot = slot;
	d->bus = b;
	b->slot[slot] = d;
	pci_dev_reset(d);
	return 0;
}

void pci_unplug(struct pci_dev *d)
{
	if (!d->bus)
		return;
	pci_dev_reset(d);
	d->bus->slot[d->slot] = NULL;
	d->bus = NULL;
}

void pci_bus_reset(struct pci_bus *b)
{
	unsigned int i;

	b->address = 0;
	for (i = 0; i < PCI_SLOTS; i++)
		if (b->slot[i])
			pci_dev_reset(b->slot[i]);
}
