/* SPDX-License-Identifier: GPL-2.0 */
/* Put a Linux kernel, its initrd and command line into guest memory. */
#ifndef FERRY_VMM_X86_BOOT_H
#define FERRY_VMM_X86_BOOT_H

#include "../machine/ram.h"
#include "cpu.h"

/* What is to be booted; the files stay open, for the next reset. */
struct x86_boot {
	const char *kernel;	/* names, for messages */
	const char *initrd;	/* NULL without one */
	const char *cmdline;	/* "" without one */
	int kernel_fd;
	u64 kernel_size;
	int unpacked_fd;	/* what a bzImage holds, or -1: the guest unpacks it */
	int initrd_fd;		/* -1 without one */
	u64 initrd_size;
};

/* A piece of the guest's memory map, in the words of e820. */
struct x86_mem {
	u64 addr;
	u64 size;
	u32 type;
};

#define X86_MEM_RAM		1
#define X86_MEM_RESERVED	2
#define X86_MEM_MAX		8

int x86_boot_open(struct x86_boot *b, const char *kernel, const char *initrd,
		  const char *cmdline, struct error *e);
void x86_boot_close(struct x86_boot *b);

/* Load everything; again and again, at each reset. Fills @entry. */
int x86_boot_load(const struct x86_boot *b, const struct ram *ram, struct x86_entry *entry,
		  struct error *e);

/* The two kinds of kernel; each looks at the file's first bytes by itself. */
bool x86_is_bzimage(const u8 *head, size_t len);
int x86_bzimage_unpacked(const struct x86_boot *b);
int x86_bzimage_load(const struct x86_boot *b, const struct ram *ram,
		     struct x86_entry *entry, struct error *e);
bool x86_is_elf(const u8 *head, size_t len);
int x86_elf_load(const struct x86_boot *b, const struct ram *ram, struct x86_entry *entry,
		 struct error *e);

/* For the two loaders. */

/* Read @len bytes at @off of the kernel to guest memory at @gpa. */
int x86_load_kernel_part(const struct x86_boot *b, const struct ram *ram, u64 off, u64 len,
			 u64 gpa, struct error *e);

/* The initrd, as high as it goes in [@min, @max); its address in @gpa. */
int x86_load_initrd(const struct x86_boot *b, const struct ram *ram, u64 min, u64 max,
		    u64 *gpa, struct error *e);

/* The command line, of at most @max bytes with its end. */
int x86_load_cmdline(const struct x86_boot *b, const struct ram *ram, u64 max,
		     struct error *e);

/* The memory map; the number of pieces. */
unsigned int x86_memory_map(const struct ram *ram, struct x86_mem map[X86_MEM_MAX]);

/* All of @len bytes at @off, or -errno; a file that ends before is -ENODATA. */
int x86_pread(int fd, void *buf, u64 len, u64 off);

#endif /* FERRY_VMM_X86_BOOT_H */
