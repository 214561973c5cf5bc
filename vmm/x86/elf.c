// SPDX-License-Identifier: GPL-2.0
/*
 * Role: load an ELF kernel with a PVH entry, as an uncompressed vmlinux has one.
 *	Follows Xen's "x86/HVM direct boot ABI" (docs/misc/pvh.pandoc there).
 * Threads: main, before the guest runs and at each reset.
 * Locks: none.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "boot.h"
#include "map.h"

#define PVH_MAGIC		0x336ec578
#define PVH_NOTE_PHYS32_ENTRY	18
#define PVH_NOTES_MAX		(1U << 20)	/* bytes of notes that are looked at */
#define ELF_PHDRS_MAX		64U

struct pvh_start_info {
	u32 magic;
	u32 version;
	u32 flags;
	u32 nr_modules;
	u64 modlist;
	u64 cmdline;
	u64 rsdp;
	u64 memmap;
	u32 memmap_entries;
	u32 reserved;
};

struct pvh_module {
	u64 addr;
	u64 size;
	u64 cmdline;
	u64 reserved;
};

struct pvh_memmap {
	u64 addr;
	u64 size;
	u32 type;
	u32 reserved;
};

/* All that the guest reads, in one page. */
struct pvh_page {
	struct pvh_start_info info;
	struct pvh_module initrd;
	struct pvh_memmap map[X86_MEM_MAX];
};

bool x86_is_elf(const u8 *head, size_t len)
{
	return len >= sizeof(Elf64_Ehdr) && !memcmp(head, ELFMAG, SELFMAG);
}

static int elf_read_header(const struct x86_boot *b, Elf64_Ehdr *h, struct error *e)
{
	int ret = x86_pread(b->kernel_fd, h, sizeof(*h), 0);

	if (ret)
		return error_errno(e, ret, "could not read kernel file '%s'", b->kernel);
	if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB ||
	    h->e_machine != EM_X86_64)
		return error_set(e, ENOTSUP, "kernel '%s' is not an x86-64 ELF file", b->kernel);
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return error_set(e, ENOTSUP, "kernel '%s' is not an executable", b->kernel);
	if (h->e_phentsize != sizeof(Elf64_Phdr) || !h->e_phnum || h->e_phnum > ELF_PHDRS_MAX)
		return error_set(e, EINVAL, "kernel '%s' has no usable program headers",
				 b->kernel);
	return 0;
}

/* Look for Xen's note with the entry point in one note segment. */
static bool elf_find_entry(const u8 *p, u64 len, u64 *entry)
{
	while (len >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr n;
		u64 name, desc;

		memcpy(&n, p, sizeof(n));
		name = ALIGN_UP((u64)n.n_namesz, 4);
		desc = ALIGN_UP((u64)n.n_descsz, 4);
		p += sizeof(n);
		len -= sizeof(n);
		if (name > len || desc > len - name)
			return false;
		if (n.n_type == PVH_NOTE_PHYS32_ENTRY && n.n_namesz == 4 &&
		    !memcmp(p, "Xen", 4) && (n.n_descsz == 4 || n.n_descsz == 8)) {
			*entry = 0;
			memcpy(entry, p + name, n.n_descsz);
			return true;
		}
		p += name + desc;
		len -= name + desc;
	}
	return false;
}

static int elf_scan_notes(const struct x86_boot *b, const Elf64_Phdr *ph, u64 *entry)
{
	u64 len = ph->p_filesz < PVH_NOTES_MAX ? ph->p_filesz : PVH_NOTES_MAX;
	u8 *buf = malloc(len ? len : 1);
	int ret;

	if (!buf)
		return -ENOMEM;
	ret = x86_pread(b->kernel_fd, buf, len, ph->p_offset);
	if (!ret && !elf_find_entry(buf, len, entry))
		ret = -ENOENT;
	free(buf);
	return ret;
}

static int elf_load_segment(const struct x86_boot *b, const struct ram *ram,
			    const Elf64_Phdr *ph, struct error *e)
{
	u8 *p;
	int ret;

	if (!ph->p_memsz)
		return 0;
	if (ph->p_filesz > ph->p_memsz)
		return error_set(e, EINVAL, "kernel '%s' has a broken segment", b->kernel);
	p = ram_ptr(ram, ph->p_paddr, ph->p_memsz);
	if (!p || ph->p_paddr < X86_HIGH_RAM)
		return error_set(e, ENOMEM, "kernel '%s' has a segment at 0x%llx that does not "
				 "fit into guest memory (%llu MiB)", b->kernel,
				 (unsigned long long)ph->p_paddr,
				 (unsigned long long)(ram->size / MIB));
	ret = x86_load_kernel_part(b, ram, ph->p_offset, ph->p_filesz, ph->p_paddr, e);
	if (!ret)
		memset(p + ph->p_filesz, 0, ph->p_memsz - ph->p_filesz);
	return ret;
}

static int elf_read_phdr(const struct x86_boot *b, const Elf64_Ehdr *h, u32 i, Elf64_Phdr *ph,
			 struct error *e)
{
	if (x86_pread(b->kernel_fd, ph, sizeof(*ph), h->e_phoff + i * sizeof(*ph)))
		return error_set(e, EINVAL, "kernel '%s' is cut short", b->kernel);
	return 0;
}

/* The entry point, from the notes. */
static int elf_read_entry(const struct x86_boot *b, const Elf64_Ehdr *h, u64 *entry,
			  struct error *e)
{
	Elf64_Phdr ph;
	int ret;
	u32 i;

	for (i = 0; i < h->e_phnum; i++) {
		ret = elf_read_phdr(b, h, i, &ph, e);
		if (ret)
			return ret;
		if (ph.p_type == PT_NOTE && !elf_scan_notes(b, &ph, entry))
			return 0;
	}
	return error_set(e, ENOTSUP, "kernel '%s' has no PVH entry "
			 "(it was built without CONFIG_PVH, or is no kernel)", b->kernel);
}

/* Load the segments; the end of the kernel in memory. */
static int elf_load_segments(const struct x86_boot *b, const struct ram *ram,
			     const Elf64_Ehdr *h, u64 *end, struct error *e)
{
	Elf64_Phdr ph;
	int ret;
	u32 i;

	*end = X86_HIGH_RAM;
	for (i = 0; i < h->e_phnum; i++) {
		ret = elf_read_phdr(b, h, i, &ph, e);
		if (!ret && ph.p_type == PT_LOAD)
			ret = elf_load_segment(b, ram, &ph, e);
		if (ret)
			return ret;
		if (ph.p_type == PT_LOAD && ph.p_paddr + ph.p_memsz > *end)
			*end = ph.p_paddr + ph.p_memsz;
	}
	return 0;
}

static int elf_write_start_info(const struct x86_boot *b, const struct ram *ram, u64 initrd,
				struct error *e)
{
	struct pvh_page *page = ram_ptr(ram, X86_PVH_INFO, sizeof(*page));
	struct x86_mem map[X86_MEM_MAX];
	u32 i, n = x86_memory_map(ram, map);

	if (!page)
		return error_set(e, ENOMEM, "guest memory is too small");
	memset(page, 0, sizeof(*page));
	for (i = 0; i < n; i++)
		page->map[i] = (struct pvh_memmap){ map[i].addr, map[i].size, map[i].type, 0 };
	page->initrd = (struct pvh_module){ .addr = initrd, .size = b->initrd_size };
	page->info = (struct pvh_start_info){
		.magic = PVH_MAGIC,
		.version = 1,
		.nr_modules = initrd ? 1 : 0,
		.modlist = initrd ? X86_PVH_INFO + offsetof(struct pvh_page, initrd) : 0,
		.cmdline = X86_CMDLINE,
		.rsdp = X86_ACPI,
		.memmap = X86_PVH_INFO + offsetof(struct pvh_page, map),
		.memmap_entries = n,
	};
	return 0;
}

int x86_elf_load(const struct x86_boot *b, const struct ram *ram, struct x86_entry *entry,
		 struct error *e)
{
	u64 ip = 0, end, initrd;
	Elf64_Ehdr h;
	int ret;

	ret = elf_read_header(b, &h, e);
	if (!ret)
		ret = elf_read_entry(b, &h, &ip, e);
	if (!ret && (ip >> 32 || !ram_ptr(ram, ip, 1)))
		ret = error_set(e, EINVAL, "kernel '%s' has its PVH entry outside memory",
				b->kernel);
	if (!ret)
		ret = elf_load_segments(b, ram, &h, &end, e);
	if (!ret)
		ret = x86_load_initrd(b, ram, ALIGN_UP(end, 4096), X86_RAM_END, &initrd, e);
	if (!ret)
		ret = x86_load_cmdline(b, ram, 2048, e);
	if (!ret)
		ret = elf_write_start_info(b, ram, initrd, e);
	*entry = (struct x86_entry){ X86_ENTRY_PVH, ip, X86_PVH_INFO };
	return ret;
}
