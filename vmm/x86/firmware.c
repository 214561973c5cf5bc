// SPDX-License-Identifier: GPL-2.0
/*
 * Role: a BIOS as the processor's reset vector finds it. The whole of it is read-only at the
 *	end of the first 4 GiB, and copied below 1 MiB, where it runs. That is plain memory,
 *	since the BIOS keeps variables there, and written anew at each reset. The ACPI tables
 *	are ours, in memory that the map calls reserved; the BIOS only puts the root pointer
 *	where kernels look for it.
 * Threads: main, before the guest runs and at each reset.
 * Locks: none.
 */
#include "firmware.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acpi.h"
#include "map.h"

#define FIRMWARE_PLACE	"/usr/share/seabios/"
#define FIRMWARE_UNIT	(64 * KIB)
#define FIRMWARE_SLOT	2U	/* of KVM's memory; RAM has the two before */

/* The one command of the loader's script that is needed: read a file to where it says. */
#define LOADER_ALLOCATE	1U
#define LOADER_FSEG	2U	/* below 1 MiB, where kernels look */

struct loader_allocate {
	u32 command;
	char file[56];
	u32 align;
	u8 zone;
	u8 pad[X86_LOADER_SIZE - 65];
} __attribute__((packed));

_Static_assert(sizeof(struct loader_allocate) == X86_LOADER_SIZE, "a command of the loader");

static int firmware_find(const char *name, struct error *e)
{
	char path[256];
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT && !strchr(name, '/')) {
		snprintf(path, sizeof(path), FIRMWARE_PLACE "%s", name);
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	}
	if (fd >= 0)
		return fd;
	error_errno(e, errno, "could not load PC BIOS '%s'", name);
	error_hint(e, "Debian's package seabios has one: apt install seabios. "
		   "-kernel FILE boots without.");
	return -EINVAL;
}

static int firmware_size(int fd, const char *name, u32 *size, struct error *e)
{
	struct stat st;

	if (fstat(fd, &st))
		return error_errno(e, errno, "could not load PC BIOS '%s'", name);
	if (!S_ISREG(st.st_mode))
		return error_set(e, EINVAL, "could not load PC BIOS '%s': not a regular file",
				 name);
	if (st.st_size < (off_t)X86_ROM_MIN || st.st_size > (off_t)X86_ROM_MAX ||
	    st.st_size % FIRMWARE_UNIT) {
		error_set(e, EINVAL, "could not load PC BIOS '%s': it is of %lld bytes", name,
			  (long long)st.st_size);
		error_hint(e, "A BIOS has 128, 192 or 256 KiB. UEFI firmware cannot be used.");
		return -EINVAL;
	}
	*size = st.st_size;
	return 0;
}

int x86_firmware_open(struct x86_firmware *f, const char *name, struct error *e)
{
	int fd = firmware_find(name, e), ret;

	if (fd < 0)
		return fd;
	ret = firmware_size(fd, name, &f->size, e);
	if (!ret) {
		f->rom = mmap(NULL, f->size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (f->rom == MAP_FAILED) {
			f->rom = NULL;
			ret = error_errno(e, errno, "cannot set up guest memory 'pc.bios'");
		}
	}
	if (!ret) {
		ret = x86_pread(fd, f->rom, f->size, 0);
		if (ret)
			error_errno(e, ret, "could not load PC BIOS '%s'", name);
		else
			mprotect(f->rom, f->size, PROT_READ);
	}
	close(fd);
	return ret;
}

void x86_firmware_close(struct x86_firmware *f)
{
	if (f->rom)
		munmap(f->rom, f->size);
	f->rom = NULL;
}

int x86_firmware_map(const struct x86_firmware *f, const struct kvm *k, struct error *e)
{
	struct kvm_userspace_memory_region slot = {
		.slot = FIRMWARE_SLOT,
		.flags = KVM_MEM_READONLY,
		.guest_phys_addr = X86_ROM_END - f->size,
		.memory_size = f->size,
		.userspace_addr = (uintptr_t)f->rom,
	};
	int ret = kvm_vm_ioctl(k, KVM_SET_USER_MEMORY_REGION, &slot);

	return ret ? error_errno(e, ret, "kvm: could not map the firmware") : 0;
}

/* The last of the memory below 4 GiB. */
static u64 firmware_acpi(const struct ram *ram)
{
	return ram->region[0].size - X86_ACPI_SIZE;
}

int x86_firmware_load(const struct x86_firmware *f, const struct ram *ram, unsigned int cpus,
		      struct x86_entry *entry, struct error *e)
{
	const struct x86_acpi_place place = { firmware_acpi(ram), X86_ACPI_SIZE, true };
	u8 *low = ram_ptr(ram, X86_BIOS_END - f->size, f->size);

	if (!low)
		return error_set(e, ENOMEM, "guest memory is too small for a BIOS");
	memcpy(low, f->rom, f->size);
	*entry = (struct x86_entry){ .mode = X86_ENTRY_RESET };
	return x86_acpi_write(ram, &place, cpus, e);
}

/* What is between 640 KiB and 1 MiB the BIOS knows itself, and KVM's pages below it. */
unsigned int x86_firmware_map_of(const struct ram *ram, struct x86_mem map[X86_MEM_MAX])
{
	unsigned int n = 0;

	map[n++] = (struct x86_mem){ 0, firmware_acpi(ram), X86_MEM_RAM };
	map[n++] = (struct x86_mem){ firmware_acpi(ram), X86_ACPI_SIZE, X86_MEM_RESERVED };
	map[n++] = (struct x86_mem){ X86_ECAM, X86_ECAM_SIZE, X86_MEM_RESERVED };
	map[n++] = (struct x86_mem){ X86_KVM_PAGES, X86_KVM_PAGES_SIZE, X86_MEM_RESERVED };
	if (ram->n > 1)
		map[n++] = (struct x86_mem){ ram->region[1].gpa, ram->region[1].size,
					     X86_MEM_RAM };
	return n;
}

const u8 *x86_firmware_rsdp(const struct ram *ram)
{
	return ram_ptr(ram, firmware_acpi(ram), X86_RSDP_SIZE);
}

void x86_firmware_loader(u8 script[X86_LOADER_SIZE])
{
	const struct loader_allocate load = {
		.command = htole32(LOADER_ALLOCATE),
		.file = X86_RSDP_FILE,
		.align = htole32(16),
		.zone = LOADER_FSEG,
	};

	memcpy(script, &load, sizeof(load));
}
