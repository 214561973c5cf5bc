// SPDX-License-Identifier: GPL-2.0
/*
 * A BIOS in memory: which files are taken, where they and the ACPI tables go, what the memory map
 * says of it, and BARs where firmware puts them.
 */
#include <fcntl.h>
#include <unistd.h>

#include "dev/rng.h"
#include "harness.h"
#include "testvm.h"
#include "x86/acpi.h"
#include "x86/firmware.h"

#define RAM_SIZE	(64 * MIB)
#define BIOS		"/tmp/unit-firmware.bin"
#define ACPI		(RAM_SIZE - X86_ACPI_SIZE)

FIXTURE(bios) {
	struct testvm t;
	struct x86_firmware f;
	struct error e;
};

FIXTURE_SETUP(bios)
{
	memset(&self->f, 0, sizeof(self->f));
	memset(&self->e, 0, sizeof(self->e));
	ASSERT_EQ(0, testvm_init(&self->t, RAM_SIZE));
}

FIXTURE_TEARDOWN(bios)
{
	unlink(BIOS);
	x86_firmware_close(&self->f);
	machine_destroy(&self->t.m);
}

/* Each byte tells its 4 KiB from the end of the file. */
static int make_bios(size_t size)
{
	int fd = open(BIOS, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600), ret = 0;
	u8 page[4096];
	size_t at;

	for (at = 0; at < size && !ret; at += sizeof(page)) {
		memset(page, (size - at) / sizeof(page), sizeof(page));
		ret = pwrite(fd, page, sizeof(page), at) != sizeof(page);
	}
	close(fd);
	return ret;
}

TEST_F(bios, it_is_copied_below_1_mib_at_each_reset)
{
	static const size_t sizes[] = { 128 * KIB, 192 * KIB, 256 * KIB };
	const struct ram *ram = &self->t.m.ram;
	struct x86_entry entry;
	size_t i;
	u8 *p;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ASSERT_EQ(0, make_bios(sizes[i]));
		ASSERT_EQ(0, x86_firmware_open(&self->f, BIOS, &self->e));
		ASSERT_EQ(0, x86_firmware_load(&self->f, ram, 1, &entry, &self->e));
		EXPECT_EQ(X86_ENTRY_RESET, entry.mode);
		p = ram_ptr(ram, X86_BIOS_END - sizes[i], sizes[i]);
		EXPECT_EQ(0, memcmp(p, self->f.rom, sizes[i]));
		EXPECT_EQ(1, p[sizes[i] - 1]);
		memset(p, 0, sizes[i]);
		ASSERT_EQ(0, x86_firmware_load(&self->f, ram, 1, &entry, &self->e));
		EXPECT_EQ(0, memcmp(p, self->f.rom, sizes[i]));
		x86_firmware_close(&self->f);
	}
}

TEST_F(bios, files_that_are_none_are_refused)
{
	static const size_t sizes[] = { 0, 64 * KIB, 132 * KIB, 320 * KIB, 4 * MIB };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ASSERT_EQ(0, make_bios(sizes[i]));
		EXPECT_EQ(-EINVAL, x86_firmware_open(&self->f, BIOS, &self->e));
		EXPECT_NE(NULL, strstr(self->e.text, "could not load PC BIOS '" BIOS "'"));
	}
	EXPECT_EQ(-EINVAL, x86_firmware_open(&self->f, "/tmp", &self->e));
	EXPECT_STREQ("could not load PC BIOS '/tmp': not a regular file", self->e.text);
	EXPECT_EQ(-EINVAL, x86_firmware_open(&self->f, "none.bin", &self->e));
	EXPECT_STREQ("could not load PC BIOS 'none.bin': No such file or directory",
		     self->e.text);
	EXPECT_NE(NULL, strstr(self->e.hint, "apt install seabios"));
	EXPECT_EQ(NULL, self->f.rom);
}

/* Tables are where the map says reserved, and nothing of the map overlaps. */
TEST_F(bios, the_acpi_tables_are_out_of_the_way)
{
	const struct ram *ram = &self->t.m.ram;
	struct x86_mem map[X86_MEM_MAX];
	struct x86_entry entry;
	unsigned int i, j, n;
	const u8 *rsdp;
	bool reserved = false;
	u64 xsdt;

	ASSERT_EQ(0, make_bios(128 * KIB));
	ASSERT_EQ(0, x86_firmware_open(&self->f, BIOS, &self->e));
	ASSERT_EQ(0, x86_firmware_load(&self->f, ram, 254, &entry, &self->e));
	rsdp = x86_firmware_rsdp(ram);
	EXPECT_EQ(0, memcmp(rsdp, "RSD PTR ", 8));
	memcpy(&xsdt, rsdp + 24, sizeof(xsdt));
	EXPECT_LE(ACPI, xsdt);
	ASSERT_GT(RAM_SIZE, xsdt);
	EXPECT_EQ(0, memcmp(ram_ptr(ram, xsdt, 4), "XSDT", 4));
	n = x86_firmware_map_of(ram, map);
	for (i = 0; i < n; i++) {
		reserved |= map[i].type == X86_MEM_RESERVED && map[i].addr == ACPI &&
			    map[i].size == X86_ACPI_SIZE;
		for (j = 0; j < i; j++)
			EXPECT_TRUE(map[i].addr >= map[j].addr + map[j].size ||
				    map[j].addr >= map[i].addr + map[i].size);
	}
	EXPECT_TRUE(reserved);
}

/* The table that the root pointer at @gpa leads to. */
static const u8 *find_table(const struct ram *ram, u64 gpa, const char *signature)
{
	const u8 *xsdt, *table;
	u64 at;
	u32 len, i;

	memcpy(&at, (u8 *)ram_ptr(ram, gpa, X86_RSDP_SIZE) + 24, sizeof(at));
	xsdt = ram_ptr(ram, at, 36);
	memcpy(&len, xsdt + 4, sizeof(len));
	for (i = 36; i < len; i += 8) {
		memcpy(&at, xsdt + i, sizeof(at));
		table = ram_ptr(ram, at, 36);
		if (!memcmp(table, signature, 4))
			return table;
	}
	return NULL;
}

#define FADT_HW_REDUCED		(1U << 20)
#define MADT_SIZE(cpus)		(44U + (cpus) * 8U + 12U)	/* with an IOAPIC */
#define MADT_OVERRIDE_SIZE	10U

static u32 table_u32(const u8 *table, u32 off)
{
	u32 val;

	memcpy(&val, table + off, sizeof(val));
	return val;
}

/* Kernels mask the 8259, which firmware leaves running, only where they find a PC. */
TEST_F(bios, kernels_find_a_pc_behind_it_and_none_without_it)
{
	const struct ram *ram = &self->t.m.ram;
	struct x86_entry entry;
	const u8 *fadt, *facs;

	ASSERT_EQ(0, make_bios(128 * KIB));
	ASSERT_EQ(0, x86_firmware_open(&self->f, BIOS, &self->e));
	ASSERT_EQ(0, x86_firmware_load(&self->f, ram, 2, &entry, &self->e));
	fadt = find_table(ram, ACPI, "FACP");
	ASSERT_NE(NULL, fadt);
	EXPECT_EQ(0, table_u32(fadt, 112) & FADT_HW_REDUCED);
	EXPECT_EQ(X86_PORT_ACPI + X86_ACPI_PM1_EVENT, table_u32(fadt, 56));
	EXPECT_EQ(X86_PORT_ACPI + X86_ACPI_PM1_CONTROL, table_u32(fadt, 64));
	EXPECT_EQ(X86_ACPI_PM1_EVENT_LEN, fadt[88]);
	EXPECT_EQ(X86_ACPI_PM1_CONTROL_LEN, fadt[89]);
	EXPECT_EQ(0, table_u32(fadt, 36) % 64);
	facs = ram_ptr(ram, table_u32(fadt, 36), 64);
	ASSERT_NE(NULL, facs);
	EXPECT_EQ(0, memcmp(facs, "FACS", 4));
	EXPECT_EQ(MADT_SIZE(2) + 2 * MADT_OVERRIDE_SIZE,
		  table_u32(find_table(ram, ACPI, "APIC"), 4));

	ASSERT_EQ(0, x86_acpi_write(ram, &x86_acpi_low, 2, &self->e));
	fadt = find_table(ram, X86_ACPI, "FACP");
	ASSERT_NE(NULL, fadt);
	EXPECT_NE(0, table_u32(fadt, 112) & FADT_HW_REDUCED);
	EXPECT_EQ(0, table_u32(fadt, 36));
	EXPECT_EQ(0, table_u32(fadt, 64));
	EXPECT_EQ(MADT_SIZE(2), table_u32(find_table(ram, X86_ACPI, "APIC"), 4));
}

TEST_F(bios, the_root_pointer_goes_where_kernels_look)
{
	u8 script[X86_LOADER_SIZE];
	u32 command, align;

	x86_firmware_loader(script);
	memcpy(&command, script, sizeof(command));
	memcpy(&align, script + 60, sizeof(align));
	EXPECT_EQ(1, command);
	EXPECT_STREQ(X86_RSDP_FILE, (char *)script + 4);
	EXPECT_EQ(16, align);
	EXPECT_EQ(2, script[64]);
}

TEST_F(bios, bars_answer_where_firmware_moves_them)
{
	const u64 at = X86_PCI_FIRMWARE + X86_PCI_FIRMWARE_SIZE - 0x10000;
	const struct virtio_pci_config cfg = { .name = "rng", .addr = "5", .vectors = 2 };
	struct rng_dev rng = { 0 };
	struct virtio_pci pci;
	struct testvm *t = &self->t;
	const u64 config = X86_ECAM + (5 << 15);

	ASSERT_EQ(0, rng_init(&rng, &t->m, 0, &self->e));
	ASSERT_EQ(0, virtio_pci_init(&pci, &rng.v, &t->pci, &cfg, &self->e));
	/* The number of queues, as the common configuration has it. */
	EXPECT_EQ(0xffff, mmio_read(t, at + 18, 2));
	mmio_write(t, config + PCI_BASE_ADDRESS_0, at, 4);
	mmio_write(t, config + PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	EXPECT_EQ(1, mmio_read(t, at + 18, 2));
	EXPECT_EQ(0xffff, mmio_read(t, X86_PCI_MMIO + 18, 2));
	mmio_write(t, config + PCI_BASE_ADDRESS_0, X86_PCI_MMIO, 4);
	EXPECT_EQ(0xffff, mmio_read(t, at + 18, 2));
	EXPECT_EQ(1, mmio_read(t, X86_PCI_MMIO + 18, 2));
	virtio_pci_destroy(&pci);
	virtio_destroy(&rng.v);
}

TEST_HARNESS_MAIN
