// SPDX-License-Identifier: GPL-2.0
/*
 * Role: a guest that does at random whatever a guest can do to its VMM: ports, holes and devices
 *	in memory, PCI configuration, MSI-X tables, virtio's registers, and queues whose rings and
 *	requests are right but for some of their bytes.
 *
 *	Also linked with the VMM's own code and no processor: vmm/tests/unit_vmm_fuzz_01.c.
 * Threads: the one processor.
 * Locks: none.
 */
#include "fuzz.h"

#define HEAL		64U	/* operations until devices are where they were */
#define END		1024U	/* until the guest ends itself, on the average */

#define PORT_KBD	0x64
#define KBD_RESET	0xfe
#define PORT_ACPI	0x600
#define POWER_OFF	0x34
#define PORT_ACPI_END	0x608
#define PORT_EJECT	0x618
#define PORT_EJECT_END	0x61c
#define PORT_PCI	0xcf8

static u64 value(struct rng *r)
{
	switch (rng_below(r, 8)) {
	case 0:
		return 0;
	case 1:
		return ~0ULL;
	case 2:
		return 1ULL << rng_below(r, 64);
	case 3:
		return arena_address(r, 16);
	case 4:
	case 5:
		return rng_below(r, 256);
	default:
		return rng_next(r);
	}
}

static struct device *any_device(struct fuzz *f)
{
	return &f->device[rng_below(&f->rng, f->n_devices)];
}

static bool port_ends(u32 port, u32 size)
{
	return (port <= PORT_KBD && port + size > PORT_KBD) ||
	       (port < PORT_ACPI_END && port + size > PORT_ACPI);
}

static bool port_ejects(u32 port, u32 size)
{
	return port < PORT_EJECT_END && port + size > PORT_EJECT;
}

static void fuzz_port(struct fuzz *f)
{
	static const struct { u16 first, n; } known[] = {
		{ 0x20, 2 }, { 0x40, 4 }, { 0x60, 5 }, { 0x70, 2 }, { 0x80, 1 }, { 0xa0, 2 },
		{ 0x3f8, 8 }, { 0x600, 16 }, { 0x610, 16 }, { PORT_PCI, 8 },
	};
	struct rng *r = &f->rng;
	u32 i = rng_below(r, sizeof(known) / sizeof(known[0]));
	u32 port = known[i].first + rng_below(r, known[i].n), size = 1U << rng_below(r, 3);
	bool write = rng_one_in(r, 2);

	if (rng_one_in(r, 4))
		port = rng_below(r, 0x10000);
	/* A device that was ejected does not come back: not too often. */
	if (write && ((port_ends(port, size) && !f->ends) ||
		      (port_ejects(port, size) && !rng_one_in(r, 256))))
		write = false;
	if (rng_one_in(r, 16))
		io_string(port, arena_address(r, 16), 1 + rng_below(r, 64),
			  write && !port_ends(port, 1) && !port_ejects(port, 1));
	else if (write)
		io_write(port, port_ejects(port, size) ? 1U << rng_below(r, 32) : value(r), size);
	else
		io_read(port, size);
}

static void fuzz_config(struct fuzz *f)
{
	struct rng *r = &f->rng;
	u32 slot = rng_one_in(r, 8) ? rng_below(r, 256) : any_device(f)->slot;
	u32 off = rng_below(r, rng_one_in(r, 8) ? 4096 : 256), size = 1U << rng_below(r, 3);
	bool write = rng_one_in(r, 2);

	if (rng_one_in(r, 2)) {
		u64 at = BARE_ECAM + (slot << 15) + off + (rng_one_in(r, 8) << 12);

		if (write)
			mem_write(at, value(r), size);
		else
			mem_read(at, rng_one_in(r, 8) ? 8 : size);
		return;
	}
	io_write(PORT_PCI, 1U << 31 | slot << 11 | (off & 0xfc), 4);
	if (write)
		io_write(PORT_PCI + 4 + (off & 3), value(r), size);
	else
		io_read(PORT_PCI + 4 + (off & 3), size);
}

/* Registers of a device: common configuration, its own, table of vectors, anywhere. */
static void fuzz_bar(struct fuzz *f)
{
	struct rng *r = &f->rng;
	const struct device *d = any_device(f);
	u64 at = d->bar + rng_below(r, 0x10000);
	u32 size = 1U << rng_below(r, 4);

	switch (rng_below(r, 5)) {
	case 0:
		at = d->common + rng_below(r, 64);
		break;
	case 1:
		at = (d->config ? d->config : d->common) + rng_below(r, 72);
		break;
	case 2:
		at = d->notify + rng_below(r, 72);
		break;
	case 3:
		at = d->msix + rng_below(r, 96);
		break;
	}
	/* What is written there may be an INIT. */
	if (!f->vectors && at + size > d->msix && at < d->msix + 0x1000)
		return;
	if (rng_one_in(r, 2))
		at &= ~(u64)(size - 1);
	if (rng_one_in(r, 2))
		mem_write(at, value(r), size);
	else
		mem_read(at, size);
}

/* A vector that reaches nobody who minds: fixed, to this processor, whose interrupts are off. */
static void fuzz_vector(struct fuzz *f)
{
	const struct device *d = any_device(f);
	struct rng *r = &f->rng;
	u64 at = d->msix + 16 * rng_below(r, 6);

	mem_write(at, BARE_LAPIC | (rng_one_in(r, 4) ? value(r) & 0xff000 : 0), 4);
	mem_write(at + 4, rng_one_in(r, 8) ? value(r) : 0, 4);
	mem_write(at + 8, 32 + rng_below(r, 224), 4);
	mem_write(at + 12, rng_below(r, 2), 4);
	/* Its capabilities, too: those of MSI-X and of the window into the BAR. */
	pci_write(d->slot, 0x40 + 4 * rng_below(r, 32), rng_one_in(r, 2) ? value(r) : 0);
	device_heal(d);
}

/* MSI-X on or off, masked or not, by its capability. */
static void fuzz_msix(struct fuzz *f)
{
	const struct device *d = any_device(f);
	u32 cap, steps = 0;

	for (cap = pci_read(d->slot, 0x34) & 0xfc; cap && steps++ < 32;
	     cap = pci_read(d->slot, cap) >> 8 & 0xfc)
		if ((pci_read(d->slot, cap) & 0xff) == 0x11)
			pci_write(d->slot, cap, rng_below(&f->rng, 4) << 30);
}

static void fuzz_memory(struct fuzz *f)
{
	struct rng *r = &f->rng;
	u32 size = 1U << rng_below(r, 4);
	u64 at;

	switch (rng_below(r, 5)) {
	case 0:
		at = BARE_PCI_MMIO + rng_below(r, BARE_PCI_SIZE);
		break;
	case 1:
		at = f->vectors ? BARE_IOAPIC + 16 * rng_below(r, 2) : BARE_IOAPIC + 0x40;
		break;
	case 2:
		/* A local APIC's command and its own vectors could be an INIT as well. */
		at = BARE_LAPIC + 16 * rng_below(r, 64);
		if (!f->vectors && (at & 0xfff) >= 0x300)
			at = BARE_LAPIC + 0x20;
		break;
	case 3:
		at = 0x100000000ULL + (rng_next(r) & 0xffffffff);
		break;
	default:
		at = BARE_RAM + (rng_next(r) % (0xfec00000 - BARE_RAM));
	}
	if (rng_one_in(r, 2))
		mem_write(at, value(r), size);
	else
		mem_read(at, size);
}

/* Write over what a device may be reading now. */
static void fuzz_arena(struct fuzz *f)
{
	struct rng *r = &f->rng;
	u32 n = 1 + rng_below(r, 32);

	while (n--)
		mem_write(BARE_ARENA + rng_below(r, BARE_ARENA_SIZE - 8), value(r),
			  1U << rng_below(r, 4));
}

static void fuzz_requests(struct fuzz *f)
{
	struct device *d = any_device(f);
	struct rng *r = &f->rng;
	u32 n = 1 + rng_below(r, 8), i;

	if (!d->n_queues)
		return;
	i = rng_below(r, d->n_queues);
	while (n--)
		device_offer(d, i, r);
	device_kick(d, i);
}

/* The ways to an end that take more than chance. */
static void fuzz_end(struct fuzz *f)
{
	switch (rng_below(&f->rng, 8)) {
	case 0:
		io_write(PORT_ACPI, POWER_OFF, 1);
		break;
	case 1 ... 3:
		io_write(PORT_KBD, KBD_RESET, 1);
		break;
	default:
		io_write(PORT_RESET, RESET_VALUE, 1);
	}
}

static void fuzz_any(struct fuzz *f)
{
	u32 what = rng_below(&f->rng, 200);

	if (what < 40)
		fuzz_port(f);
	else if (what < 64)
		fuzz_config(f);
	else if (what < 90)
		fuzz_bar(f);
	else if (what < 92)
		fuzz_vector(f);
	else if (what < 93)
		fuzz_msix(f);
	else if (what < 110)
		fuzz_memory(f);
	else if (what < 118)
		fuzz_arena(f);
	else if (what < 120)
		device_start(any_device(f), &f->rng);
	else
		fuzz_requests(f);
}

void fuzz_once(struct fuzz *f)
{
	u32 i;

	if (++f->operations % HEAL == 0)
		for (i = 0; i < f->n_devices; i++)
			device_heal(&f->device[i]);
	if (f->ends && rng_one_in(&f->rng, END))
		fuzz_end(f);
	fuzz_any(f);
}

void fuzz_begin(struct fuzz *f, u64 seed)
{
	u64 at;
	u32 slot;

	rng_seed(&f->rng, seed);
	f->operations = 0;
	f->n_devices = 0;
	for (at = BARE_ARENA; at < BARE_ARENA + BARE_ARENA_SIZE; at += 8)
		mem_write(at, rng_next(&f->rng), 8);
	for (slot = 1; slot < BARE_SLOTS; slot++)
		if (device_find(&f->device[f->n_devices], slot))
			f->n_devices++;
}
