// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the ACPI tables. A machine without firmware is hardware-reduced: no fixed events,
 *	no SCI; sleeping, reset and the event device are plain ports. Firmware leaves the
 *	8259 and its timer running, which kernels mask only where they find a PC: for them
 *	the tables have the fixed registers of one, whose SCI never comes, and no PM timer.
 *	Follows the ACPI specification 6.3, "ACPI Software Programming Model".
 * Threads: main, before the guest runs and at each reset.
 * Locks: none.
 */
#include "acpi.h"

#include <errno.h>
#include <string.h>

#include "map.h"

extern const u8 x86_dsdt[], x86_dsdt_end[];

struct acpi_header {
	char signature[4];
	u32 length;
	u8 revision;
	u8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	u32 oem_revision;
	char creator_id[4];
	u32 creator_revision;
} __attribute__((packed));

struct acpi_rsdp {
	char signature[8];
	u8 checksum;
	char oem_id[6];
	u8 revision;
	u32 rsdt;
	u32 length;
	u64 xsdt;
	u8 extended_checksum;
	u8 reserved[3];
} __attribute__((packed));

/* Generic address structure. */
struct acpi_gas {
	u8 space;
	u8 bits;
	u8 offset;
	u8 access;
	u64 address;
} __attribute__((packed));

#define ACPI_SPACE_IO		1
#define ACPI_ACCESS_BYTE	1

struct acpi_fadt {
	struct acpi_header h;
	u32 facs;
	u32 dsdt;
	u8 reserved;
	u8 pm_profile;
	u16 sci;
	u32 smi_command;	/* 0: it is always in ACPI mode */
	u8 smi_values[4];
	u32 pm1_event[2];
	u32 pm1_control[2];
	u32 pm2_control;
	u32 pm_timer;
	u32 gpe[2];
	u8 pm1_event_len;
	u8 pm1_control_len;
	u8 pm2_control_len;
	u8 pm_timer_len;
	u8 gpe_len[3];
	u8 cst;
	u16 c2_latency;
	u16 c3_latency;
	u8 caches[6];
	u8 alarm[2];
	u8 century;
	u16 boot_arch;
	u8 reserved2;
	u32 flags;
	struct acpi_gas reset;
	u8 reset_value;
	u16 arm_boot_arch;
	u8 minor;
	u64 x_facs;
	u64 x_dsdt;
	struct acpi_gas x_fixed[8];
	struct acpi_gas sleep_control;
	struct acpi_gas sleep_status;
	u64 hypervisor;
} __attribute__((packed));

_Static_assert(sizeof(struct acpi_fadt) == 276, "FADT of revision 6");
_Static_assert(offsetof(struct acpi_fadt, boot_arch) == 109, "FADT boot flags");

#define FADT_NO_C2		101	/* microseconds that say so */
#define FADT_NO_C3		1001

/* What firmware and the kernel would share; nobody takes its lock. */
struct acpi_facs {
	char signature[4];
	u32 length;
	u32 hardware_signature;
	u32 waking_vector;
	u32 global_lock;
	u32 flags;
	u64 x_waking_vector;
	u8 version;
	u8 reserved[31];
} __attribute__((packed));

_Static_assert(sizeof(struct acpi_facs) == 64, "FACS");

#define FADT_NO_VGA		BIT_ULL(2)
#define FADT_NO_RTC		BIT_ULL(5)
#define FADT_WBINVD		BIT_ULL(0)
#define FADT_PWR_BUTTON		BIT_ULL(4)	/* there is no fixed power button */
#define FADT_SLP_BUTTON		BIT_ULL(5)	/* nor a sleep button */
#define FADT_RESET_REG		BIT_ULL(10)
#define FADT_HW_REDUCED		BIT_ULL(20)

struct acpi_madt {
	struct acpi_header h;
	u32 lapic;
	u32 flags;
} __attribute__((packed));

struct acpi_madt_lapic {
	u8 type;
	u8 length;
	u8 uid;
	u8 id;
	u32 flags;
} __attribute__((packed));

struct acpi_madt_ioapic {
	u8 type;
	u8 length;
	u8 id;
	u8 reserved;
	u32 address;
	u32 gsi;
} __attribute__((packed));

struct acpi_madt_override {
	u8 type;
	u8 length;
	u8 bus;
	u8 irq;
	u32 gsi;
	u16 flags;
} __attribute__((packed));

#define MADT_LEVEL_HIGH		0x0d
#define MADT_OVERRIDES		2

struct acpi_mcfg {
	struct acpi_header h;
	u64 reserved;
	u64 address;
	u16 segment;
	u8 bus_start;
	u8 bus_end;
	u32 reserved2;
} __attribute__((packed));

/* Where the next table goes. */
struct acpi_writer {
	u8 *base;
	u64 gpa;		/* of the base */
	u32 used;
	u32 space;
};

static u8 acpi_checksum(const void *p, size_t n)
{
	const u8 *b = p;
	u8 sum = 0;

	while (n--)
		sum += *b++;
	return -sum;
}

/* Room for a table with its header filled in; the length may grow until sealed. */
static void *acpi_begin(struct acpi_writer *w, const char *sig, u8 revision, u32 len)
{
	struct acpi_header *h = (void *)(w->base + w->used);

	if (len > w->space - w->used)
		return NULL;
	memset(h, 0, len);
	memcpy(h->signature, sig, 4);
	h->length = len;
	h->revision = revision;
	memcpy(h->oem_id, "FERRY ", 6);
	memcpy(h->oem_table_id, "FERRYVMM", 8);
	h->oem_revision = 1;
	memcpy(h->creator_id, "FERY", 4);
	h->creator_revision = 1;
	return h;
}

/* Returns the table's guest-physical address. */
static u64 acpi_seal(struct acpi_writer *w, struct acpi_header *h)
{
	u64 gpa = w->gpa + ((u8 *)h - w->base);

	h->checksum = 0;
	h->checksum = acpi_checksum(h, h->length);
	w->used = ALIGN_UP(w->used + h->length, 16);
	return gpa;
}

static struct acpi_gas acpi_port(u16 off)
{
	return (struct acpi_gas){ ACPI_SPACE_IO, 8, 0, ACPI_ACCESS_BYTE, X86_PORT_ACPI + off };
}

static u64 acpi_write_dsdt(struct acpi_writer *w)
{
	u32 len = x86_dsdt_end - x86_dsdt;
	u8 *p = w->base + w->used;
	u64 gpa = w->gpa + w->used;

	if (len > w->space - w->used)
		return 0;
	memcpy(p, x86_dsdt, len);
	w->used = ALIGN_UP(w->used + len, 16);
	return gpa;
}

/* It has no checksum. */
static u64 acpi_write_facs(struct acpi_writer *w)
{
	u32 at = ALIGN_UP(w->used, 64);
	struct acpi_facs *f = (void *)(w->base + at);

	if (at > w->space || sizeof(*f) > w->space - at)
		return 0;
	*f = (struct acpi_facs){ .length = sizeof(*f), .version = 2 };
	memcpy(f->signature, "FACS", 4);
	w->used = at + sizeof(*f);
	return w->gpa + at;
}

static void acpi_fill_fixed(struct acpi_fadt *f, u64 facs)
{
	f->facs = facs;
	f->sci = X86_IRQ_SCI;
	f->pm1_event[0] = X86_PORT_ACPI + X86_ACPI_PM1_EVENT;
	f->pm1_event_len = X86_ACPI_PM1_EVENT_LEN;
	f->pm1_control[0] = X86_PORT_ACPI + X86_ACPI_PM1_CONTROL;
	f->pm1_control_len = X86_ACPI_PM1_CONTROL_LEN;
	f->c2_latency = FADT_NO_C2;
	f->c3_latency = FADT_NO_C3;
}

static u64 acpi_write_fadt(struct acpi_writer *w, u64 dsdt, u64 facs)
{
	struct acpi_fadt *f = acpi_begin(w, "FACP", 6, sizeof(*f));

	if (!f || !dsdt)
		return 0;
	f->minor = 3;
	f->dsdt = dsdt;
	f->x_dsdt = dsdt;
	f->boot_arch = FADT_NO_VGA | FADT_NO_RTC;
	f->flags = FADT_WBINVD | FADT_PWR_BUTTON | FADT_SLP_BUTTON | FADT_RESET_REG;
	if (facs)
		acpi_fill_fixed(f, facs);
	else
		f->flags |= FADT_HW_REDUCED;
	f->reset = acpi_port(X86_ACPI_RESET);
	f->reset_value = X86_ACPI_RESET_VALUE;
	f->sleep_control = acpi_port(X86_ACPI_SLEEP_CONTROL);
	f->sleep_status = acpi_port(X86_ACPI_SLEEP_STATUS);
	memcpy(&f->hypervisor, "FERRYVMM", 8);
	return acpi_seal(w, &f->h);
}

/* Of a PC, interrupts below 16 are edges unless they are named. */
static void acpi_fill_overrides(struct acpi_madt_override over[MADT_OVERRIDES])
{
	static const u8 level[MADT_OVERRIDES] = { X86_IRQ_ACPI, X86_IRQ_SCI };
	unsigned int i;

	for (i = 0; i < MADT_OVERRIDES; i++)
		over[i] = (struct acpi_madt_override){ .type = 2, .length = sizeof(over[i]),
						       .irq = level[i], .gsi = level[i],
						       .flags = MADT_LEVEL_HIGH };
}

static u64 acpi_write_madt(struct acpi_writer *w, unsigned int cpus, bool fixed)
{
	struct acpi_madt_lapic *cpu;
	struct acpi_madt_ioapic *io;
	struct acpi_madt *m;
	unsigned int i;

	m = acpi_begin(w, "APIC", 5, sizeof(*m) + cpus * sizeof(*cpu) + sizeof(*io) +
		       (fixed ? MADT_OVERRIDES * sizeof(struct acpi_madt_override) : 0));
	if (!m)
		return 0;
	m->lapic = X86_LAPIC;
	m->flags = 1;		/* there are 8259s, which the guest is to mask */
	cpu = (void *)(m + 1);
	for (i = 0; i < cpus; i++)
		cpu[i] = (struct acpi_madt_lapic){ 0, sizeof(*cpu), i, i, 1 };
	io = (void *)(cpu + cpus);
	*io = (struct acpi_madt_ioapic){ .type = 1, .length = sizeof(*io), .id = 0,
					 .address = X86_IOAPIC };
	if (fixed)
		acpi_fill_overrides((void *)(io + 1));
	return acpi_seal(w, &m->h);
}

static u64 acpi_write_mcfg(struct acpi_writer *w)
{
	struct acpi_mcfg *m = acpi_begin(w, "MCFG", 1, sizeof(*m));

	if (!m)
		return 0;
	m->address = X86_ECAM;
	m->bus_end = (X86_ECAM_SIZE >> 20) - 1;
	return acpi_seal(w, &m->h);
}

static u64 acpi_write_xsdt(struct acpi_writer *w, const u64 *tables, unsigned int n)
{
	struct acpi_header *h = acpi_begin(w, "XSDT", 1, sizeof(*h) + n * sizeof(u64));

	if (!h)
		return 0;
	memcpy(h + 1, tables, n * sizeof(u64));
	return acpi_seal(w, h);
}

static void acpi_write_rsdp(struct acpi_writer *w, u64 xsdt)
{
	struct acpi_rsdp *r = (void *)w->base;

	*r = (struct acpi_rsdp){ .revision = 2, .length = sizeof(*r), .xsdt = xsdt };
	memcpy(r->signature, "RSD PTR ", 8);
	memcpy(r->oem_id, "FERRY ", 6);
	/* The first checksum covers the 20 bytes that ACPI 1.0 knew. */
	r->checksum = acpi_checksum(r, 20);
	r->extended_checksum = acpi_checksum(r, sizeof(*r));
}

const struct x86_acpi_place x86_acpi_low = { X86_ACPI, X86_ACPI_END - X86_ACPI, false };

int x86_acpi_write(const struct ram *ram, const struct x86_acpi_place *at, unsigned int cpus,
		   struct error *e)
{
	struct acpi_writer w = { ram_ptr(ram, at->gpa, at->space), at->gpa, 64, at->space };
	u64 tables[3], xsdt, facs = 0;

	if (!w.base)
		return error_set(e, ENOMEM, "guest memory is too small for the ACPI tables");
	if (at->fixed)
		facs = acpi_write_facs(&w);
	tables[0] = acpi_write_fadt(&w, acpi_write_dsdt(&w), facs);
	tables[1] = acpi_write_madt(&w, cpus, at->fixed);
	tables[2] = acpi_write_mcfg(&w);
	xsdt = acpi_write_xsdt(&w, tables, ARRAY_SIZE(tables));
	if (!tables[0] || !tables[1] || !tables[2] || !xsdt || (at->fixed && !facs))
		return error_set(e, ENOMEM, "ACPI tables do not fit into their place");
	acpi_write_rsdp(&w, xsdt);
	return 0;
}
