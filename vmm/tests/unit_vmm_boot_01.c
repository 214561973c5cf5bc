// SPDX-License-Identifier: GPL-2.0
/*
 * An unpacked kernel: its segments come to where they belong, zero where the file has a hole,
 * each word that is to be relocated by the same distance, and a file that is damaged in any
 * byte is refused or stays inside guest memory (which AddressSanitizer would see).
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "testvm.h"
#include "x86/vmlinux.h"

#define RAM_SIZE	(64 * MIB)
#define BASE		0x1000000ULL
#define MAP		0xffffffff80000000ULL
#define SLOT		(2 * MIB)
#define TEXT		0x1000		/* in the file */
#define DATA		0x6000
#define PERCPU		0x7000
#define ELF_END		(0x8000 + sizeof(Elf64_Shdr))
#define DATA_AT		0x200000	/* in memory, behind the base */
#define PERCPU_AT	0x204000
#define SPAN		0x205000
#define HOLE		0x2000		/* of the text, in the file and in memory */
#define TEXT_SIZE	0x4000
#define IMAGE_MAX	0x9000

/* What is relocated, behind the base. */
#define WIDE_AT		0x10
#define DISTANCE_AT	0x20
#define NARROW_AT	DATA_AT

static void put(u8 *image, u32 at, u64 value, u32 width)
{
	memcpy(image + at, &value, width);
}

/* With tables behind it if there are any: 2, or 3 with the one of per-CPU distances. */
static size_t make_kernel(u8 *image, unsigned int tables)
{
	Elf64_Ehdr *h = (void *)image;
	Elf64_Phdr *ph = (void *)(image + sizeof(*h));
	const u32 base = (u32)(MAP + BASE);
	u32 word[6] = { 0, base + WIDE_AT, 0, base + DISTANCE_AT, 0, base + NARROW_AT };
	size_t at = ELF_END;

	memset(image, 0, IMAGE_MAX);
	memcpy(h->e_ident, ELFMAG, SELFMAG);
	h->e_ident[EI_CLASS] = ELFCLASS64;
	h->e_ident[EI_DATA] = ELFDATA2LSB;
	h->e_type = ET_EXEC;
	h->e_machine = EM_X86_64;
	h->e_entry = BASE + 0x53;
	h->e_phoff = sizeof(*h);
	h->e_phentsize = sizeof(*ph);
	h->e_phnum = 3;
	h->e_shoff = 0x8000;
	h->e_shentsize = sizeof(Elf64_Shdr);
	h->e_shnum = 1;
	ph[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = TEXT, .p_vaddr = MAP + BASE,
			      .p_paddr = BASE, .p_filesz = TEXT_SIZE, .p_memsz = TEXT_SIZE };
	ph[1] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = DATA,
			      .p_vaddr = MAP + BASE + DATA_AT, .p_paddr = BASE + DATA_AT,
			      .p_filesz = 0x1000, .p_memsz = 0x3000 };
	ph[2] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = PERCPU, .p_vaddr = 0,
			      .p_paddr = BASE + PERCPU_AT, .p_filesz = 0x1000,
			      .p_memsz = 0x1000 };
	memset(image + TEXT, 0xc7, HOLE);
	put(image, TEXT + WIDE_AT, MAP + BASE + 0x1234, 8);
	put(image, TEXT + DISTANCE_AT, 100, 4);
	put(image, DATA, MAP + BASE + 0x5678, 4);
	if (tables == 3)
		memcpy(image + at, word, sizeof(word));
	if (tables == 2) {
		memcpy(image + at, word, 8);
		memcpy(image + at + 8, word + 4, 8);
	}
	return at + 8 * tables;
}

/* Zeroes of whole pages are holes. */
static int make_file(const u8 *image, size_t len)
{
	static const u8 zero[4096];
	int fd = memfd_create("vmlinux", MFD_CLOEXEC);
	size_t at;

	if (fd < 0 || ftruncate(fd, len))
		return -1;
	for (at = 0; at < len; at += sizeof(zero)) {
		size_t n = len - at < sizeof(zero) ? len - at : sizeof(zero);

		if (memcmp(image + at, zero, n) && pwrite(fd, image + at, n, at) != (ssize_t)n)
			return -1;
	}
	return fd;
}

FIXTURE(vmlinux) {
	struct testvm t;
	struct x86_vmlinux_place where;
	struct x86_vmlinux k;
	u8 image[IMAGE_MAX];
};

FIXTURE_SETUP(vmlinux)
{
	ASSERT_EQ(0, testvm_init(&self->t, RAM_SIZE));
	self->where = (struct x86_vmlinux_place){ BASE, SLOT, RAM_SIZE, true, true };
}

FIXTURE_TEARDOWN(vmlinux)
{
	machine_destroy(&self->t.m);
}

typedef FIXTURE_DATA(vmlinux) vmlinux_t;

static int load(vmlinux_t *self, size_t len)
{
	int fd = make_file(self->image, len), ret;

	memset(&self->k, 0, sizeof(self->k));
	ret = fd < 0 ? -1 : x86_vmlinux_load(fd, &self->t.m.ram, &self->where, &self->k);
	close(fd);
	return ret;
}

static u64 get(vmlinux_t *self, u64 at, u32 width)
{
	u64 value = 0;

	memcpy(&value, ram_ptr(&self->t.m.ram, self->k.entry - 0x53 + at, width), width);
	return value;
}

TEST_F(vmlinux, segments_come_to_their_places)
{
	size_t len = make_kernel(self->image, 3);
	const u8 *at = ram_ptr(&self->t.m.ram, BASE, SPAN);

	/* As a guest leaves it that is reset. */
	memset(ram_ptr(&self->t.m.ram, BASE, SPAN), 0xff, SPAN);
	self->where.random = false;
	ASSERT_EQ(0, load(self, len));
	EXPECT_FALSE(self->k.random);
	EXPECT_EQ(BASE + 0x53, self->k.entry);
	EXPECT_EQ(0, memcmp(at, self->image + TEXT, TEXT_SIZE));
	EXPECT_EQ(0, memcmp(at + DATA_AT, self->image + DATA, 0x1000));
	for (unsigned int i = 0; i < 0x2000; i++)
		ASSERT_EQ(0, at[DATA_AT + 0x1000 + i]);
	EXPECT_EQ(0, memcmp(at + PERCPU_AT, self->image + PERCPU, 0x1000));
}

static bool relocated(vmlinux_t *self, bool distances, u64 *shift)
{
	*shift = get(self, WIDE_AT, 8) - (MAP + BASE + 0x1234);
	return !(*shift % SLOT) && *shift <= GIB - BASE - SPAN &&
	       get(self, NARROW_AT, 4) == (u32)(MAP + BASE + 0x5678 + *shift) &&
	       get(self, DISTANCE_AT, 4) == (distances ? (u32)(100 - *shift) : 100);
}

TEST_F(vmlinux, it_is_relocated_as_a_whole)
{
	unsigned int tables, i, moved = 0, shifted = 0;
	u64 shift;

	for (tables = 2; tables <= 3; tables++) {
		size_t len = make_kernel(self->image, tables);

		for (i = 0; i < 40; i++) {
			u64 at;

			ASSERT_EQ(0, load(self, len));
			EXPECT_TRUE(self->k.random);
			at = self->k.entry - 0x53;
			EXPECT_EQ(0, at % SLOT);
			EXPECT_LE(BASE, at);
			EXPECT_GE(RAM_SIZE, at + SPAN);
			EXPECT_TRUE(relocated(self, tables == 3, &shift));
			moved += at != BASE;
			shifted += shift != 0;
		}
	}
	EXPECT_LT(40, moved);
	EXPECT_LT(60, shifted);
}

TEST_F(vmlinux, only_its_virtual_addresses_differ)
{
	size_t len = make_kernel(self->image, 3);
	u64 shift;

	self->where.random_memory = false;
	ASSERT_EQ(0, load(self, len));
	EXPECT_EQ(BASE + 0x53, self->k.entry);
	EXPECT_TRUE(relocated(self, true, &shift));
}

TEST_F(vmlinux, without_tables_it_stays)
{
	size_t len = make_kernel(self->image, 0);

	ASSERT_EQ(0, load(self, len));
	EXPECT_FALSE(self->k.random);
	EXPECT_EQ(BASE + 0x53, self->k.entry);
	EXPECT_EQ(MAP + BASE + 0x1234, get(self, WIDE_AT, 8));
}

TEST_F(vmlinux, what_cannot_be_placed_is_refused)
{
	size_t len = make_kernel(self->image, 3);

	self->where.end = BASE + SPAN - 1;
	EXPECT_EQ(-ENOMEM, load(self, len));
	self->where.end = BASE + SPAN;
	EXPECT_EQ(0, load(self, len));
	/* Linked for another address. */
	self->where.base = BASE + SLOT;
	EXPECT_EQ(-ENOEXEC, load(self, len));
	self->where.base = BASE;
	/* Four tables, none of 32 bits, one that begins too late, half a word. */
	put(self->image, ELF_END + 24, 0, 8);
	EXPECT_EQ(-ENOEXEC, load(self, len + 8));
	EXPECT_EQ(-ENOEXEC, load(self, ELF_END + 8));
	put(self->image, ELF_END, 1, 4);
	EXPECT_EQ(-ENOEXEC, load(self, len));
	len = make_kernel(self->image, 3);
	EXPECT_EQ(-ENOEXEC, load(self, len - 2));
	/* A word across the end, and before the beginning. */
	put(self->image, ELF_END + 4, MAP + BASE + SPAN - 4, 4);
	EXPECT_EQ(-ENOEXEC, load(self, len));
	put(self->image, ELF_END + 4, MAP + BASE - 8, 4);
	EXPECT_EQ(-ENOEXEC, load(self, len));
	/* Every cut. */
	len = make_kernel(self->image, 3);
	for (size_t i = 0; i < ELF_END; i += 97)
		EXPECT_GT(0, load(self, i));
}

TEST_F(vmlinux, damaged_files_stay_inside_memory)
{
	unsigned int i, k, loaded = 0;
	u64 seed = 20261128;

	for (i = 0; i < 4000; i++) {
		size_t len = make_kernel(self->image, i % 2 ? 3 : 2);
		bool tables = test_random(&seed) % 2;
		size_t first = tables ? ELF_END : 16, end = tables ? len :
			       sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr);

		for (k = test_random(&seed) % 4 + 1; k; k--)
			self->image[first + test_random(&seed) % (end - first)] =
				test_random(&seed);
		if (load(self, len))
			continue;
		loaded++;
		ASSERT_NE(NULL, ram_ptr(&self->t.m.ram, self->k.entry, 1));
	}
	EXPECT_LT(0, loaded);
}

TEST_HARNESS_MAIN
