// SPDX-License-Identifier: GPL-2.0
/*
 * Role: a device's configuration space: identity, BAR, capabilities. Follows the
 *	PCI Local Bus specification 3.0, "Configuration Space".
 * Threads: main while building and plugging, vCPUs after.
 * Locks: the machine's lock is held by the caller once the guest runs.
 */
#include <string.h>

#include "config.h"

#define PCI_FIRST_CAP	0x40

u16 pci_get16(const struct pci_dev *d, u32 off)
{
	return d->config[off] | d->config[off + 1] << 8;
}

u32 pci_get32(const struct pci_dev *d, u32 off)
{
	return pci_get16(d, off) | (u32)pci_get16(d, off + 2) << 16;
}

void pci_set16(struct pci_dev *d, u32 off, u16 val)
{
	d->config[off] = val;
	d->config[off + 1] = val >> 8;
}

void pci_set32(struct pci_dev *d, u32 off, u32 val)
{
	pci_set16(d, off, val);
	pci_set16(d, off + 2, val >> 16);
}

static void pci_set_writable(struct pci_dev *d, u32 off, u32 mask, unsigned int size)
{
	while (size--) {
		d->writable[off++] = mask;
		mask >>= 8;
	}
}

void pci_dev_init(struct pci_dev *d, const struct pci_ops *ops, const struct pci_ids *ids,
		  u32 bar_size)
{
	*d = (struct pci_dev){ .ops = ops, .bar_size = bar_size, .caps = PCI_FIRST_CAP };
	pci_set16(d, PCI_VENDOR_ID, ids->vendor);
	pci_set16(d, PCI_DEVICE_ID, ids->device);
	pci_set16(d, PCI_SUBSYSTEM_VENDOR_ID, ids->subsystem_vendor);
	pci_set16(d, PCI_SUBSYSTEM_ID, ids->subsystem);
	pci_set32(d, PCI_CLASS_REVISION, ids->class_code << 8 | ids->revision);
	pci_set_writable(d, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
			 PCI_COMMAND_INTX_DISABLE, 2);
	pci_set_writable(d, PCI_CACHE_LINE_SIZE, 0xff, 1);
	pci_set_writable(d, PCI_INTERRUPT_LINE, 0xff, 1);
	if (bar_size)
		pci_set_writable(d, PCI_BASE_ADDRESS_0, ~(bar_size - 1), 4);
}

void pci_add_ports(struct pci_dev *d, u16 size)
{
	d->ports_size = size;
	pci_set32(d, PCI_BASE_ADDRESS_1, PCI_BASE_ADDRESS_SPACE_IO);
	/* All of it, although there are 64 Ki ports: firmware takes its size from it. */
	pci_set_writable(d, PCI_BASE_ADDRESS_1, ~(size - 1U), 4);
	d->writable[PCI_COMMAND] |= PCI_COMMAND_IO;
}

u8 pci_add_cap(struct pci_dev *d, u8 id, u8 len)
{
	u8 at = d->caps;

	d->config[at] = id;
	d->config[at + 1] = 0;
	d->config[d->last_cap ? d->last_cap + 1 : PCI_CAPABILITY_LIST] = at;
	pci_set16(d, PCI_STATUS, pci_get16(d, PCI_STATUS) | PCI_STATUS_CAP_LIST);
	d->last_cap = at;
	d->caps = ALIGN_UP(at + len, 4);
	return at;
}

static void pci_move_ports(struct pci_dev *d)
{
	u32 port = 0;

	if (pci_get16(d, PCI_COMMAND) & PCI_COMMAND_IO)
		port = pci_get32(d, PCI_BASE_ADDRESS_1) & PCI_BASE_ADDRESS_IO_MASK;
	if (port > UINT16_MAX)
		port = 0;
	if (!d->ports_size || port == d->ports_mapped)
		return;
	d->ports_mapped = port;
	d->ops->bars_moved(d);
}

static void pci_move_bar(struct pci_dev *d)
{
	u64 addr = 0;

	if (pci_get16(d, PCI_COMMAND) & PCI_COMMAND_MEMORY)
		addr = pci_get32(d, PCI_BASE_ADDRESS_0) & PCI_BASE_ADDRESS_MEM_MASK & 0xffffffffULL;
	if (!d->bar_size || addr == d->bar_mapped)
		return;
	d->bar_mapped = addr;
	if (d->ops && d->ops->bars_moved)
		d->ops->bars_moved(d);
}

void pci_dev_reset(struct pci_dev *d)
{
	pci_set16(d, PCI_COMMAND, 0);
	pci_set32(d, PCI_BASE_ADDRESS_0, d->bar_initial);
	if (d->ports_size)
		pci_set32(d, PCI_BASE_ADDRESS_1, d->ports_initial | PCI_BASE_ADDRESS_SPACE_IO);
	d->config[PCI_INTERRUPT_LINE] = 0;
	pci_move_bar(d);
	pci_move_ports(d);
}

u32 pci_config_read(struct pci_dev *d, u32 off, unsigned int size)
{
	u32 val = 0;
	unsigned int i;

	if (off + size > PCI_CONFIG_SIZE)
		return 0;	/* no extended capabilities */
	if (d->ops && d->ops->config_read && d->ops->config_read(d, off, size, &val))
		return val;
	for (i = 0; i < size; i++)
		val |= (u32)d->config[off + i] << (8 * i);
	return val;
}

void pci_config_write(struct pci_dev *d, u32 off, u32 val, unsigned int size)
{
	unsigned int i;

	if (off + size > PCI_CONFIG_SIZE)
		return;
	for (i = 0; i < size; i++, val >>= 8) {
		u8 mask = d->writable[off + i];

		d->config[off + i] = (d->config[off + i] & ~mask) | (val & mask);
	}
	pci_move_bar(d);
	pci_move_ports(d);
	if (d->ops && d->ops->config_written)
		d->ops->config_written(d, off, size);
}
