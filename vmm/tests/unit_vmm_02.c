// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel loaders: a good bzImage and a good ELF are put where they belong, and
 * files that are cut short or damaged in any byte are refused or loaded inside
 * guest memory, never outside (which AddressSanitizer would see).
 */
#include <asm/bootparam.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "testvm.h"
#include "x86/acpi.h"
#include "x86/boot.h"

#define RAM_SIZE	(64 * MIB)
#define IMAGE_MAX	8192
#define PAYLOAD		1024
#define SETUP		(5 * 512)

static int make_file(const void *data, size_t len)
{
	int fd = memfd_create("kernel", MFD_CLOEXEC);

	if (fd < 0 || pwrite(fd, data, len, 0) != (ssize_t)len)
		return -1;
	return fd;
}

static size_t make_bzimage(u8 *image)
{
	struct setup_header h = {
		.setup_sects = 4,
		.boot_flag = 0xaa55,
		.jump = 0x66eb,
		.header = 0x53726448,
		.version = 0x020f,
		.loadflags = 1,
		.xloadflags = 1,
		.pref_address = 0x1000000,
		.init_size = 0x400000,
		.initrd_addr_max = 0x7fffffff,
		.cmdline_size = 2047,
	};

	memset(image, 0, IMAGE_MAX);
	memcpy(image + 0x1f1, &h, sizeof(h));
	memset(image + SETUP, 0xc7, PAYLOAD);
	return SETUP + PAYLOAD;
}

/* A note segment with the entry, and a load segment of PAYLOAD bytes. */
static size_t make_elf(u8 *image)
{
	Elf64_Ehdr *h = (void *)image;
	Elf64_Phdr *ph = (void *)(image + sizeof(*h));
	Elf64_Nhdr *n = (void *)(image + 512);
	u32 entry = 0x1000010;

	memset(image, 0, IMAGE_MAX);
	memcpy(h->e_ident, ELFMAG, SELFMAG);
	h->e_ident[EI_CLASS] = ELFCLASS64;
	h->e_ident[EI_DATA] = ELFDATA2LSB;
	h->e_type = ET_EXEC;
	h->e_machine = EM_X86_64;
	h->e_phoff = sizeof(*h);
	h->e_phentsize = sizeof(*ph);
	h->e_phnum = 2;
	ph[0] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = 512, .p_filesz = 20 };
	ph[1] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = 1024, .p_filesz = PAYLOAD,
			      .p_memsz = 2 * PAYLOAD, .p_paddr = 0x1000000 };
	*n = (Elf64_Nhdr){ .n_namesz = 4, .n_descsz = 4, .n_type = 18 };
	memcpy(n + 1, "Xen", 4);
	memcpy((u8 *)(n + 1) + 4, &entry, 4);
	memset(image + 1024, 0xc7, PAYLOAD);
	return 1024 + PAYLOAD;
}

FIXTURE(boot) {
	struct testvm t;
	struct x86_boot b;
	struct x86_entry entry;
	struct error e;
	u8 image[IMAGE_MAX];
};

FIXTURE_SETUP(boot)
{
	ASSERT_EQ(0, testvm_init(&self->t, RAM_SIZE));
	self->b = (struct x86_boot){
		.kernel = "k",
		.cmdline = "console=ttyS0",
		.kernel_fd = -1,
		.unpacked_fd = -1,
		.initrd_fd = -1,
	};
}

FIXTURE_TEARDOWN(boot)
{
	machine_destroy(&self->t.m);
}

static int load(struct x86_boot *b, const struct ram *ram, struct x86_entry *entry,
		struct error *e, const u8 *image, size_t len)
{
	int ret;

	b->kernel_fd = make_file(image, len);
	b->kernel_size = len;
	ret = x86_boot_load(b, ram, entry, e);
	close(b->kernel_fd);
	return ret;
}

TEST_F(boot, a_bzimage_is_loaded_at_its_address)
{
	size_t len = make_bzimage(self->image);
	struct boot_params *bp = ram_ptr(&self->t.m.ram, X86_ZERO_PAGE, sizeof(*bp));
	const u8 *at = ram_ptr(&self->t.m.ram, 0x1000000, PAYLOAD);

	ASSERT_EQ(0, load(&self->b, &self->t.m.ram, &self->entry, &self->e, self->image, len))
		TH_LOG("%s", self->e.text);
	EXPECT_EQ(X86_ENTRY_64, self->entry.mode);
	EXPECT_EQ(0x1000200, self->entry.ip);
	EXPECT_EQ(X86_ZERO_PAGE, self->entry.arg);
	EXPECT_EQ(0xc7, at[0]);
	EXPECT_EQ(0xc7, at[PAYLOAD - 1]);
	EXPECT_EQ(0, at[PAYLOAD]);
	EXPECT_EQ(0xff, bp->hdr.type_of_loader);
	EXPECT_EQ(X86_CMDLINE, bp->hdr.cmd_line_ptr);
	EXPECT_EQ(X86_ACPI, bp->acpi_rsdp_addr);
	EXPECT_LT(3, bp->e820_entries);
	EXPECT_STREQ("console=ttyS0", (char *)ram_ptr(&self->t.m.ram, X86_CMDLINE, 16));
}

/* KVM maps no huge page where the two addresses of one are not alike. */
TEST(guest_memory_begins_where_huge_pages_do)
{
	static const u64 sizes[] = { 8, 129, 131, 255 };
	unsigned int i, j;
	struct error e;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct ram r;

		ASSERT_EQ(0, ram_init(&r, sizes[i] * MIB, 130 * MIB, 1ULL << 32, &e));
		for (j = 0; j < r.n; j++) {
			EXPECT_EQ(0, (uintptr_t)r.region[j].hva % (2 * MIB));
			((u8 *)r.region[j].hva)[0] = 1;
			((u8 *)r.region[j].hva)[r.region[j].size - 1] = 1;
		}
		ram_destroy(&r);
	}
}

TEST_F(boot, an_initrd_lies_above_what_the_kernel_needs)
{
	size_t len = make_bzimage(self->image);
	struct boot_params *bp = ram_ptr(&self->t.m.ram, X86_ZERO_PAGE, sizeof(*bp));
	u8 data[5000];

	memset(data, 0x3c, sizeof(data));
	self->b.initrd = "i";
	self->b.initrd_fd = make_file(data, sizeof(data));
	self->b.initrd_size = sizeof(data);
	ASSERT_EQ(0, load(&self->b, &self->t.m.ram, &self->entry, &self->e, self->image, len));
	EXPECT_EQ(sizeof(data), bp->hdr.ramdisk_size);
	EXPECT_LE(0x1400000, bp->hdr.ramdisk_image);
	EXPECT_GE(RAM_SIZE - sizeof(data), bp->hdr.ramdisk_image);
	EXPECT_EQ(0, bp->hdr.ramdisk_image % 4096);
	EXPECT_EQ(0, memcmp(data, ram_ptr(&self->t.m.ram, bp->hdr.ramdisk_image, 5000), 5000));
	close(self->b.initrd_fd);
}

TEST_F(boot, an_initrd_too_large_says_what_is_needed)
{
	size_t len = make_bzimage(self->image);
	int fd = memfd_create("initrd", MFD_CLOEXEC);

	ASSERT_EQ(0, ftruncate(fd, RAM_SIZE - 0x1000000));
	self->b.initrd = "i";
	self->b.initrd_fd = fd;
	self->b.initrd_size = RAM_SIZE - 0x1000000;
	EXPECT_EQ(-ENOMEM, load(&self->b, &self->t.m.ram, &self->entry, &self->e, self->image,
				len));
	EXPECT_STREQ("initrd 'i' does not fit into guest memory", self->e.text);
	EXPECT_STREQ("The kernel takes memory up to 20 MiB, the initrd 48 MiB, and 64 MiB are "
		     "there: try a larger -m.", self->e.hint);
	close(fd);
}

TEST_F(boot, a_command_line_too_long_is_refused)
{
	size_t len = make_bzimage(self->image);
	char line[3000];

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	self->b.cmdline = line;
	EXPECT_EQ(-EINVAL, load(&self->b, &self->t.m.ram, &self->entry, &self->e, self->image,
				len));
	EXPECT_STREQ("kernel command line is too long: 2999 bytes, 2047 are allowed",
		     self->e.text);
}

TEST_F(boot, an_elf_is_entered_by_its_note)
{
	size_t len = make_elf(self->image);
	const u8 *at = ram_ptr(&self->t.m.ram, 0x1000000, 2 * PAYLOAD);
	const u32 *info = ram_ptr(&self->t.m.ram, X86_PVH_INFO, 4);

	memset(ram_ptr(&self->t.m.ram, 0x1000000, 2 * PAYLOAD), 0xff, 2 * PAYLOAD);
	ASSERT_EQ(0, load(&self->b, &self->t.m.ram, &self->entry, &self->e, self->image, len))
		TH_LOG("%s", self->e.text);
	EXPECT_EQ(X86_ENTRY_PVH, self->entry.mode);
	EXPECT_EQ(0x1000010, self->entry.ip);
	EXPECT_EQ(X86_PVH_INFO, self->entry.arg);
	EXPECT_EQ(0xc7, at[PAYLOAD - 1]);
	EXPECT_EQ(0, at[PAYLOAD]);
	EXPECT_EQ(0, at[2 * PAYLOAD - 1]);
	EXPECT_EQ(0x336ec578, *info);
}

TEST_F(boot, an_elf_without_the_note_is_refused)
{
	size_t len = make_elf(self->image);

	((Elf64_Nhdr *)(self->image + 512))->n_type = 17;
	EXPECT_EQ(-ENOTSUP, load(&self->b, &self->t.m.ram, &self->entry, &self->e, self->image,
				 len));
	EXPECT_STREQ("kernel 'k' has no PVH entry (it was built without CONFIG_PVH, or is no "
		     "kernel)", self->e.text);
}

TEST_F(boot, a_file_that_is_no_kernel_is_refused)
{
	memset(self->image, 'x', IMAGE_MAX);
	EXPECT_EQ(-EINVAL, load(&self->b, &self->t.m.ram, &self->entry, &self->e, self->image,
				IMAGE_MAX));
	EXPECT_STREQ("kernel 'k' is neither a bzImage nor an ELF file", self->e.text);
	EXPECT_EQ(-EINVAL, load(&self->b, &self->t.m.ram, &self->entry, &self->e, self->image,
				0));
}

TEST_F(boot, every_cut_of_a_file_is_refused)
{
	size_t len = make_bzimage(self->image), i;

	for (i = 0; i <= SETUP; i += 13)
		EXPECT_GT(0, load(&self->b, &self->t.m.ram, &self->entry, &self->e, self->image,
				  i)) TH_LOG("bzImage of %zu bytes out of %zu", i, len);
	len = make_elf(self->image);
	for (i = 0; i < len; i += 7)
		EXPECT_GT(0, load(&self->b, &self->t.m.ram, &self->entry, &self->e, self->image,
				  i)) TH_LOG("ELF of %zu bytes out of %zu", i, len);
}

/* Damage a few header bytes; whatever comes out, an entry lies inside memory. */
static unsigned int damage(struct testvm *t, struct x86_boot *b, u8 *image,
			   size_t (*make)(u8 *), size_t first, size_t span, u64 *seed)
{
	unsigned int i, k, loaded = 0;
	struct x86_entry entry;
	struct error e;

	for (i = 0; i < 4000; i++) {
		size_t len = make(image);

		for (k = test_random(seed) % 4 + 1; k; k--)
			image[first + test_random(seed) % span] = test_random(seed);
		if (load(b, &t->m.ram, &entry, &e, image, len))
			continue;
		loaded++;
		if (!ram_ptr(&t->m.ram, entry.ip, 1))
			return 0;
	}
	return loaded;
}

TEST_F(boot, damaged_files_stay_inside_memory)
{
	u64 seed = 20240607;

	EXPECT_LT(0, damage(&self->t, &self->b, self->image, make_bzimage, 0x1f1,
			    sizeof(struct setup_header), &seed));
	EXPECT_LT(0, damage(&self->t, &self->b, self->image, make_elf, 16,
			    sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr) - 16, &seed));
	EXPECT_LT(0, damage(&self->t, &self->b, self->image, make_elf, 512, 24, &seed));
}

static u8 sum(const u8 *p, u32 len)
{
	u8 s = 0;

	while (len--)
		s += *p++;
	return s;
}

TEST_F(boot, acpi_tables_add_up_to_zero_and_name_every_processor)
{
	const u8 *rsdp, *xsdt;
	u64 at;
	u32 len, i, lapics = 0;

	ASSERT_EQ(0, x86_acpi_write(&self->t.m.ram, &x86_acpi_low, 254, &self->e));
	rsdp = ram_ptr(&self->t.m.ram, X86_ACPI, 36);
	EXPECT_EQ(0, memcmp(rsdp, "RSD PTR ", 8));
	EXPECT_EQ(0, sum(rsdp, 20));
	EXPECT_EQ(0, sum(rsdp, 36));
	memcpy(&at, rsdp + 24, 8);
	xsdt = ram_ptr(&self->t.m.ram, at, 60);
	memcpy(&len, xsdt + 4, 4);
	ASSERT_EQ(60, len);
	EXPECT_EQ(0, sum(xsdt, len));
	for (i = 36; i < len; i += 8) {
		const u8 *table;
		u32 size, off;

		memcpy(&at, xsdt + i, 8);
		table = ram_ptr(&self->t.m.ram, at, 36);
		memcpy(&size, table + 4, 4);
		EXPECT_EQ(0, sum(table, size)) TH_LOG("table %.4s", table);
		EXPECT_GE(X86_ACPI_END, at + size);
		if (memcmp(table, "APIC", 4))
			continue;
		for (off = 44; off < size; off += table[off + 1])
			lapics += table[off] == 0;
	}
	EXPECT_EQ(254, lapics);
}

TEST_HARNESS_MAIN
