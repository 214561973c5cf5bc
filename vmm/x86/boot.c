// SPDX-License-Identifier: GPL-2.0
/*
 * Role: what both kinds of kernel need: files, initrd, command line, memory map.
 *	Files are read straight into guest memory, so that nothing of them stays in
 *	the VMM.
 * Threads: main, before the guest runs and at each reset.
 * Locks: none.
 */
#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "map.h"

#define BOOT_HEAD	1024

int x86_pread(int fd, void *buf, u64 len, u64 off)
{
	u8 *p = buf;

	while (len) {
		ssize_t n = pread(fd, p, len < GIB ? len : GIB, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENODATA;
		p += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int boot_open_file(const char *what, const char *name, int *fd, u64 *size,
			  struct error *e)
{
	struct stat st;

	/* Non-blocking, so that a FIFO given by mistake does not hang. */
	*fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0)
		return error_errno(e, errno, "could not open %s file '%s'", what, name);
	if (fstat(*fd, &st))
		return error_errno(e, errno, "could not read %s file '%s'", what, name);
	if (!S_ISREG(st.st_mode))
		return error_set(e, EINVAL, "could not read %s file '%s': not a regular file",
				 what, name);
	*size = st.st_size;
	return 0;
}

/* The kernel's first bytes, zeroes behind its end; returns how many. */
static int boot_read_head(const struct x86_boot *b, u8 head[BOOT_HEAD])
{
	size_t len = b->kernel_size < BOOT_HEAD ? b->kernel_size : BOOT_HEAD;
	int ret;

	memset(head, 0, BOOT_HEAD);
	ret = x86_pread(b->kernel_fd, head, len, 0);
	return ret ?: (int)len;
}

static int boot_open_unpacked(const struct x86_boot *b)
{
	u8 head[BOOT_HEAD];
	int len = boot_read_head(b, head);

	return len > 0 && x86_is_bzimage(head, len) ? x86_bzimage_unpacked(b) : -1;
}

int x86_boot_open(struct x86_boot *b, const char *kernel, const char *initrd,
		  const char *cmdline, struct error *e)
{
	int ret;

	*b = (struct x86_boot){
		.kernel = kernel,
		.initrd = initrd,
		.cmdline = cmdline ? cmdline : "",
		.kernel_fd = -1,
		.unpacked_fd = -1,
		.initrd_fd = -1,
	};
	ret = boot_open_file("kernel", kernel, &b->kernel_fd, &b->kernel_size, e);
	if (!ret && initrd)
		ret = boot_open_file("initrd", initrd, &b->initrd_fd, &b->initrd_size, e);
	if (!ret)
		b->unpacked_fd = boot_open_unpacked(b);
	return ret;
}

void x86_boot_close(struct x86_boot *b)
{
	if (b->kernel_fd >= 0)
		close(b->kernel_fd);
	if (b->initrd_fd >= 0)
		close(b->initrd_fd);
	if (b->unpacked_fd >= 0)
		close(b->unpacked_fd);
	b->kernel_fd = -1;
	b->initrd_fd = -1;
	b->unpacked_fd = -1;
}

int x86_load_kernel_part(const struct x86_boot *b, const struct ram *ram, u64 off, u64 len,
			 u64 gpa, struct error *e)
{
	void *p = ram_ptr(ram, gpa, len);
	int ret;

	if (!p || gpa < X86_HIGH_RAM)
		return error_set(e, ENOMEM,
				 "kernel '%s' does not fit into guest memory (%llu MiB): "
				 "it wants 0x%llx bytes at 0x%llx", b->kernel,
				 (unsigned long long)(ram->size / MIB), (unsigned long long)len,
				 (unsigned long long)gpa);
	ret = x86_pread(b->kernel_fd, p, len, off);
	if (ret == -ENODATA)
		return error_set(e, EINVAL, "kernel '%s' is cut short", b->kernel);
	if (ret)
		return error_errno(e, ret, "could not read kernel file '%s'", b->kernel);
	return 0;
}

int x86_load_initrd(const struct x86_boot *b, const struct ram *ram, u64 min, u64 max,
		    u64 *gpa, struct error *e)
{
	u64 low_end = ram->region[0].size, start;
	int ret;

	*gpa = 0;
	if (!b->initrd_size)
		return 0;
	if (max > low_end)
		max = low_end;
	if (b->initrd_size > max || ALIGN_DOWN(max - b->initrd_size, 4096) < min) {
		error_set(e, ENOMEM, "initrd '%s' does not fit into guest memory", b->initrd);
		error_hint(e, "The kernel takes memory up to %llu MiB, the initrd %llu MiB, "
			   "and %llu MiB are there: try a larger -m.",
			   (unsigned long long)(min / MIB),
			   (unsigned long long)(b->initrd_size / MIB),
			   (unsigned long long)(max / MIB));
		return -ENOMEM;
	}
	start = ALIGN_DOWN(max - b->initrd_size, 4096);
	ret = x86_pread(b->initrd_fd, ram_ptr(ram, start, b->initrd_size), b->initrd_size, 0);
	if (ret)
		return error_errno(e, ret, "could not read initrd file '%s'", b->initrd);
	*gpa = start;
	return 0;
}

int x86_load_cmdline(const struct x86_boot *b, const struct ram *ram, u64 max,
		     struct error *e)
{
	size_t len = strlen(b->cmdline) + 1;
	char *p;

	if (max > X86_CMDLINE_MAX)
		max = X86_CMDLINE_MAX;
	if (len > max)
		return error_set(e, EINVAL,
				 "kernel command line is too long: %zu bytes, %llu are allowed",
				 len - 1, (unsigned long long)max - 1);
	p = ram_ptr(ram, X86_CMDLINE, len);
	if (!p)
		return error_set(e, ENOMEM, "guest memory is too small");
	memcpy(p, b->cmdline, len);
	return 0;
}

unsigned int x86_memory_map(const struct ram *ram, struct x86_mem map[X86_MEM_MAX])
{
	unsigned int n = 0;

	map[n++] = (struct x86_mem){ 0, X86_LOW_RAM_END, X86_MEM_RAM };
	map[n++] = (struct x86_mem){ X86_LOW_RAM_END, 0xa0000 - X86_LOW_RAM_END,
				     X86_MEM_RESERVED };
	map[n++] = (struct x86_mem){ X86_ACPI, X86_BIOS_END - X86_ACPI, X86_MEM_RESERVED };
	map[n++] = (struct x86_mem){ X86_HIGH_RAM, ram->region[0].size - X86_HIGH_RAM,
				     X86_MEM_RAM };
	map[n++] = (struct x86_mem){ X86_ECAM, X86_ECAM_SIZE, X86_MEM_RESERVED };
	if (ram->n > 1)
		map[n++] = (struct x86_mem){ ram->region[1].gpa, ram->region[1].size,
					     X86_MEM_RAM };
	return n;
}

/*
 * Linux on hardware-reduced ACPI without EFI reboots by the jump into the BIOS that
 * PCs of old took: in real mode, to f000:fff0. What is there presses our reset.
 */
static void boot_write_bios(const struct ram *ram)
{
	const u16 port = X86_PORT_ACPI + X86_ACPI_RESET;
	const u8 code[] = {
		0xb0, X86_ACPI_RESET_VALUE,		/* mov al, value */
		0xba, port & 0xff, port >> 8,		/* mov dx, port */
		0xee,					/* out dx, al */
		0xf4,					/* hlt */
		0xeb, 0xfd,				/* jmp to the hlt */
	};
	u8 *p = ram_ptr(ram, X86_BIOS_ENTRY, sizeof(code));

	if (p)
		memcpy(p, code, sizeof(code));
}

int x86_boot_load(const struct x86_boot *b, const struct ram *ram, struct x86_entry *entry,
		  struct error *e)
{
	u8 head[BOOT_HEAD];
	int len = boot_read_head(b, head);

	if (len < 0)
		return error_errno(e, len, "could not read kernel file '%s'", b->kernel);
	boot_write_bios(ram);
	if (x86_is_bzimage(head, len))
		return x86_bzimage_load(b, ram, entry, e);
	if (x86_is_elf(head, len))
		return x86_elf_load(b, ram, entry, e);
	error_set(e, EINVAL, "kernel '%s' is neither a bzImage nor an ELF file", b->kernel);
	return -EINVAL;
}
