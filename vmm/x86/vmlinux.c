// SPDX-License-Identifier: GPL-2.0
/*
 * Role: do for a kernel what its own decompressor does, but for the unpacking: put its
 *	segments into place, at addresses nobody can foretell (KASLR), and relocate it.
 *	The file is a vmlinux, linked for -2 GiB and up, followed by addresses of what is to be
 *	relocated, 32 bits each, sign-extended: after a zero those of 64-bit addresses, where
 *	per-CPU variables begin at zero after another those of 32-bit distances to them, and
 *	after a last one those of 32-bit addresses.
 * Threads: main, before the guest runs and at each reset.
 * Locks: none.
 */
#include "vmlinux.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot.h"

#define VMLINUX_MAP	0xffffffff80000000ULL	/* __START_KERNEL_map */
#define VMLINUX_SPAN	GIB			/* virtual addresses for it, from there on */
#define VMLINUX_PAGE	4096ULL
#define VMLINUX_PHDRS	16U
#define VMLINUX_RELOCS	(16U << 20)		/* bytes of them, at most */
#define VMLINUX_TABLES	3U

struct vmlinux {
	int fd;
	u64 file_size;
	Elf64_Ehdr h;
	Elf64_Phdr ph[VMLINUX_PHDRS];
	u64 elf_end;		/* in the file, where the relocations begin */
	u64 base, span;		/* of its segments, as linked */
	u8 *image;		/* where they are */
	s64 shift;		/* of its virtual addresses */
};

static int vmlinux_read(const struct vmlinux *v, void *buf, u64 len, u64 off)
{
	if (off > v->file_size || len > v->file_size - off)
		return -ENOEXEC;
	return x86_pread(v->fd, buf, len, off);
}

static void vmlinux_file_end(struct vmlinux *v, u64 off, u64 len)
{
	if (off + len > v->elf_end)
		v->elf_end = off + len;
}

static int vmlinux_check_segment(struct vmlinux *v, const Elf64_Phdr *ph)
{
	if (ph->p_type != PT_LOAD || !ph->p_memsz)
		return 0;
	if (ph->p_filesz > ph->p_memsz || ph->p_memsz > VMLINUX_SPAN ||
	    ph->p_offset > v->file_size || ph->p_filesz > v->file_size - ph->p_offset ||
	    ph->p_paddr < v->base || ph->p_paddr - v->base > VMLINUX_SPAN - ph->p_memsz)
		return -ENOEXEC;
	vmlinux_file_end(v, ph->p_offset, ph->p_filesz);
	if (ph->p_paddr + ph->p_memsz - v->base > v->span)
		v->span = ph->p_paddr + ph->p_memsz - v->base;
	return 0;
}

static int vmlinux_read_headers(struct vmlinux *v)
{
	const Elf64_Ehdr *h = &v->h;
	int ret = vmlinux_read(v, &v->h, sizeof(v->h), 0);
	u32 i;

	if (ret)
		return ret;
	if (memcmp(h->e_ident, ELFMAG, SELFMAG) || h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_machine != EM_X86_64 || h->e_type != ET_EXEC ||
	    h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum > VMLINUX_PHDRS ||
	    h->e_shoff > v->file_size)
		return -ENOEXEC;
	ret = vmlinux_read(v, v->ph, h->e_phnum * sizeof(v->ph[0]), h->e_phoff);
	vmlinux_file_end(v, h->e_shoff, h->e_shnum * (u64)h->e_shentsize);
	for (i = 0; !ret && i < h->e_phnum; i++)
		ret = vmlinux_check_segment(v, &v->ph[i]);
	if (!ret && (h->e_entry < v->base || h->e_entry - v->base >= v->span ||
		     v->elf_end > v->file_size))
		ret = -ENOEXEC;
	return ret;
}

/* What the guest has not touched stays untouched. */
static void vmlinux_zero(u8 *p, u64 len)
{
	u64 head = -(u64)(uintptr_t)p % VMLINUX_PAGE, whole;

	if (head > len)
		head = len;
	whole = ALIGN_DOWN(len - head, VMLINUX_PAGE);
	memset(p, 0, head);
	if (whole && !ram_discard(p + head, whole))
		memset(p + head, 0, whole);
	memset(p + head + whole, 0, len - head - whole);
}

/* Bytes of the file, of which holes are not read. */
static int vmlinux_load_bytes(const struct vmlinux *v, u8 *to, u64 off, u64 len)
{
	u64 end = off + len;
	int ret = 0;

	while (off < end && !ret) {
		off_t data = lseek(v->fd, off, SEEK_DATA), hole;

		if (data < 0 || (u64)data > end)
			data = data < 0 && errno != ENXIO ? (off_t)off : (off_t)end;
		vmlinux_zero(to, data - off);
		to += data - off;
		off = data;
		hole = off < end ? lseek(v->fd, off, SEEK_HOLE) : (off_t)end;
		if (hole < 0 || (u64)hole > end)
			hole = end;
		ret = x86_pread(v->fd, to, hole - off, off);
		to += hole - off;
		off = hole;
	}
	return ret;
}

static int vmlinux_load_segments(const struct vmlinux *v)
{
	int ret = 0;
	u32 i;

	for (i = 0; i < v->h.e_phnum && !ret; i++) {
		const Elf64_Phdr *ph = &v->ph[i];
		u8 *to;

		if (ph->p_type != PT_LOAD || !ph->p_memsz)
			continue;
		to = v->image + (ph->p_paddr - v->base);
		ret = vmlinux_load_bytes(v, to, ph->p_offset, ph->p_filesz);
		vmlinux_zero(to + ph->p_filesz, ph->p_memsz - ph->p_filesz);
	}
	return ret;
}

/* One table: add @shift to what is @width bytes wide at each address. */
static int vmlinux_relocate_table(const struct vmlinux *v, const s32 *table, u32 n, u32 width,
				  s64 shift)
{
	u32 i;

	for (i = 0; i < n; i++) {
		u64 at = (u64)(s64)table[i] - VMLINUX_MAP - v->base, value = 0;

		if (at > v->span || v->span - at < width)
			return -ENOEXEC;
		memcpy(&value, v->image + at, width);
		value += shift;
		memcpy(v->image + at, &value, width);
	}
	return 0;
}

/* Where the tables begin, each behind its zero; how many there are. */
static u32 vmlinux_tables(const s32 *word, u32 n, u32 start[VMLINUX_TABLES + 1])
{
	u32 i, tables = 0;

	for (i = 0; i < n; i++) {
		if (word[i])
			continue;
		if (tables == VMLINUX_TABLES)
			return 0;
		start[tables++] = i + 1;
	}
	/* As if one more zero followed. */
	start[tables] = n + 1;
	return tables && start[0] == 1 ? tables : 0;
}

static int vmlinux_relocate(const struct vmlinux *v, const s32 *word, u32 n)
{
	u32 start[VMLINUX_TABLES + 1], tables = vmlinux_tables(word, n, start), i;
	int ret = tables < 2 ? -ENOEXEC : 0;

	for (i = 0; i < tables && !ret; i++) {
		bool distances = tables == 3 && i == 1;

		ret = vmlinux_relocate_table(v, word + start[i], start[i + 1] - 1 - start[i],
					     i ? 4 : 8, distances ? -v->shift : v->shift);
	}
	return ret;
}

/* A number below @n that nobody can foretell; 0 if there is none. */
static u64 vmlinux_random(u64 n)
{
	u64 r;

	return n && getrandom(&r, sizeof(r), 0) == sizeof(r) ? r % n : 0;
}

static int vmlinux_choose(struct vmlinux *v, const struct ram *ram,
			  const struct x86_vmlinux_place *where, bool random, u64 *load)
{
	u64 slots;

	if (where->base > where->end || v->span > where->end - where->base ||
	    where->base + v->span > VMLINUX_SPAN)
		return -ENOMEM;
	*load = where->base;
	if (random && where->random_memory) {
		slots = (where->end - where->base - v->span) / where->align + 1;
		*load += vmlinux_random(slots) * where->align;
	}
	if (random) {
		slots = (VMLINUX_SPAN - where->base - v->span) / where->align + 1;
		v->shift = vmlinux_random(slots) * where->align;
	}
	v->image = ram_ptr(ram, *load, v->span);
	return v->image ? 0 : -ENOMEM;
}

int x86_vmlinux_load(int fd, const struct ram *ram, const struct x86_vmlinux_place *where,
		     struct x86_vmlinux *k)
{
	struct vmlinux v = { .fd = fd, .base = where->base };
	s32 *relocs = NULL;
	struct stat st;
	u64 load, len;
	int ret;

	if (fstat(fd, &st))
		return -errno;
	v.file_size = st.st_size;
	ret = vmlinux_read_headers(&v);
	if (ret)
		return ret;
	len = v.file_size - v.elf_end;
	if (len > VMLINUX_RELOCS || len % sizeof(*relocs))
		return -ENOEXEC;
	/* Without tables it runs where it was linked for. */
	k->random = where->random && len;
	ret = vmlinux_choose(&v, ram, where, k->random, &load);
	if (ret)
		return ret;
	relocs = malloc(len ?: 1);
	if (!relocs)
		return -ENOMEM;
	ret = vmlinux_read(&v, relocs, len, v.elf_end);
	if (!ret)
		ret = vmlinux_load_segments(&v);
	if (!ret && k->random)
		ret = vmlinux_relocate(&v, relocs, len / sizeof(*relocs));
	free(relocs);
	k->entry = load + (v.h.e_entry - v.base);
	return ret;
}
