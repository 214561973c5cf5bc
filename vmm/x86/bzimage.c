// SPDX-License-Identifier: GPL-2.0
/*
 * Role: load a bzImage and enter it in long mode. Follows
 *	Documentation/arch/x86/boot.rst of Linux, "64-bit Boot Protocol". A kernel that was
 *	unpacked before is entered itself, the way its decompressor would do it.
 * Threads: main, before the guest runs and at each reset.
 * Locks: none.
 */
#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>

#include "boot.h"
#include "map.h"
#include "unpack.h"
#include "vmlinux.h"

#define BZ_MAGIC		0x53726448	/* "HdrS" */
#define BZ_PROTOCOL_MIN		0x020c		/* the first with xloadflags */
#define BZ_PROTOCOL_RSDP	0x020e		/* the first with acpi_rsdp_addr */
#define BZ_XLF_KERNEL_64	(1 << 0)
#define BZ_ENTRY_64		0x200
#define BZ_LOADER_UNDEFINED	0xff
#define BZ_LOADED_HIGH		(1 << 0)
#define BZ_CAN_USE_HEAP		(1 << 7)
#define BZ_ALIGN_MIN		(2 * MIB)	/* the kernel is mapped by pages of that */

bool x86_is_bzimage(const u8 *head, size_t len)
{
	struct setup_header h;

	if (len < 0x1f1 + sizeof(h))
		return false;
	memcpy(&h, head + 0x1f1, sizeof(h));
	return h.boot_flag == 0xaa55 && h.header == BZ_MAGIC;
}

static int bz_check(const struct x86_boot *b, const struct setup_header *h, struct error *e)
{
	if (h->version < BZ_PROTOCOL_MIN)
		return error_set(e, ENOTSUP, "kernel '%s' is too old: boot protocol %d.%02d, "
				 "2.12 is needed", b->kernel, h->version >> 8,
				 h->version & 0xff);
	if (!(h->loadflags & BZ_LOADED_HIGH) || !(h->xloadflags & BZ_XLF_KERNEL_64))
		return error_set(e, ENOTSUP, "kernel '%s' is not a 64-bit kernel", b->kernel);
	return 0;
}

/* The header's own length byte says how much of it the kernel knows. */
static int bz_read_header(const struct x86_boot *b, struct setup_header *h, struct error *e)
{
	u8 buf[sizeof(*h)];
	size_t len;
	int ret;

	ret = x86_pread(b->kernel_fd, buf, sizeof(buf), 0x1f1);
	if (ret)
		return error_errno(e, ret, "could not read kernel file '%s'", b->kernel);
	len = 0x202 - 0x1f1 + buf[0x201 - 0x1f1];
	memset(h, 0, sizeof(*h));
	memcpy(h, buf, len < sizeof(*h) ? len : sizeof(*h));
	return bz_check(b, h, e);
}

static void bz_write_e820(struct boot_params *bp, const struct ram *ram)
{
	struct x86_mem map[X86_MEM_MAX];
	unsigned int i, n = x86_memory_map(ram, map);

	for (i = 0; i < n; i++)
		bp->e820_table[i] = (struct boot_e820_entry){ map[i].addr, map[i].size,
							      map[i].type };
	bp->e820_entries = n;
}

/* Whether a parameter is there: the word, or all that begin with it where it ends in "=". */
static bool bz_has_parameter(const char *cmdline, const char *word)
{
	size_t len = strlen(word);
	const char *p;

	for (p = strstr(cmdline, word); p; p = strstr(p + 1, word))
		if ((p == cmdline || p[-1] == ' ') &&
		    (word[len - 1] == '=' || !p[len] || p[len] == ' '))
			return true;
	return false;
}

/*
 * Put the kernel itself below @end, or else what is packed to @load, which has room. What the
 * user says of memory is for the decompressor to understand.
 */
static int bz_load_kernel(const struct x86_boot *b, const struct ram *ram,
			  struct setup_header *h, u64 load, u64 end, u64 *entry,
			  struct error *e)
{
	bool fixed = bz_has_parameter(b->cmdline, "mem=") ||
		     bz_has_parameter(b->cmdline, "memmap=");
	bool aligned = h->kernel_alignment >= BZ_ALIGN_MIN &&
		       !(h->kernel_alignment & (h->kernel_alignment - 1));
	struct x86_vmlinux_place where = {
		.base = load,
		.align = h->kernel_alignment,
		.end = end,
		.random = aligned && !bz_has_parameter(b->cmdline, "nokaslr"),
		.random_memory = h->relocatable_kernel && !fixed,
	};
	u64 setup = x86_setup_size(h);
	struct x86_vmlinux k;

	if (b->unpacked_fd >= 0 && load == h->pref_address &&
	    !x86_vmlinux_load(b->unpacked_fd, ram, &where, &k)) {
		h->loadflags |= k.random ? KASLR_FLAG : 0;
		*entry = k.entry;
		return 0;
	}
	*entry = load + BZ_ENTRY_64;
	return x86_load_kernel_part(b, ram, setup, b->kernel_size - setup, load, e);
}

static int bz_write_zero_page(const struct x86_boot *b, const struct ram *ram,
			      const struct setup_header *h, u64 initrd, struct error *e)
{
	struct boot_params *bp = ram_ptr(ram, X86_ZERO_PAGE, sizeof(*bp));

	if (!bp)
		return error_set(e, ENOMEM, "guest memory is too small");
	memset(bp, 0, sizeof(*bp));
	bp->hdr = *h;
	bp->hdr.type_of_loader = BZ_LOADER_UNDEFINED;
	bp->hdr.loadflags |= BZ_CAN_USE_HEAP;
	bp->hdr.heap_end_ptr = 0xfe00;
	bp->hdr.cmd_line_ptr = X86_CMDLINE;
	bp->hdr.ramdisk_image = initrd;
	bp->hdr.ramdisk_size = initrd ? b->initrd_size : 0;
	if (h->version >= BZ_PROTOCOL_RSDP)
		bp->acpi_rsdp_addr = X86_ACPI;
	bz_write_e820(bp, ram);
	return 0;
}

int x86_bzimage_unpacked(const struct x86_boot *b)
{
	struct setup_header h;

	return bz_read_header(b, &h, NULL) ? -1 : x86_unpack_kept(b->kernel_fd, b->kernel_size, &h);
}

int x86_bzimage_load(const struct x86_boot *b, const struct ram *ram,
		     struct x86_entry *entry, struct error *e)
{
	struct setup_header h;
	u64 load, end, setup, size, initrd, ip = 0;
	int ret;

	ret = bz_read_header(b, &h, e);
	if (ret)
		return ret;
	setup = x86_setup_size(&h);
	if (setup >= b->kernel_size)
		return error_set(e, EINVAL, "kernel '%s' is cut short", b->kernel);
	size = b->kernel_size - setup;
	load = h.pref_address >= X86_HIGH_RAM ? h.pref_address : X86_HIGH_RAM;
	/* init_size is what it needs in place, unpacked, before it knows memory. */
	end = load + (h.init_size > size ? h.init_size : size);
	if (end < load || end > ram->region[0].size)
		return error_set(e, ENOMEM, "kernel '%s' needs %llu MiB of guest memory to "
				 "start, and there are %llu", b->kernel,
				 (unsigned long long)(ALIGN_UP(end, MIB) / MIB),
				 (unsigned long long)(ram->size / MIB));
	ret = x86_load_initrd(b, ram, end, h.initrd_addr_max + 1ULL, &initrd, e);
	if (!ret)
		ret = bz_load_kernel(b, ram, &h, load, initrd ?: ram->region[0].size, &ip, e);
	if (!ret)
		ret = x86_load_cmdline(b, ram, h.cmdline_size + 1ULL, e);
	if (!ret)
		ret = bz_write_zero_page(b, ram, &h, initrd, e);
	*entry = (struct x86_entry){ X86_ENTRY_64, ip, X86_ZERO_PAGE };
	return ret;
}
