/* SPDX-License-Identifier: GPL-2.0 */
/* A BIOS in read-only memory at the end of the first 4 GiB, and its copy below 1 MiB. */
#ifndef FERRY_VMM_X86_FIRMWARE_H
#define FERRY_VMM_X86_FIRMWARE_H

#include "../machine/ram.h"
#include "boot.h"
#include "cpu.h"

struct x86_firmware {
	u8 *rom;		/* NULL: there is none */
	u32 size;
};

/*
 * Read it. @name is a file or, if it is none and has no slash, one of Debian's package
 * seabios.
 */
int x86_firmware_open(struct x86_firmware *f, const char *name, struct error *e);
void x86_firmware_close(struct x86_firmware *f);

/* Show it to KVM. */
int x86_firmware_map(const struct x86_firmware *f, const struct kvm *k, struct error *e);

/* Put the copy and the ACPI tables in their places; again and again, at each reset. */
int x86_firmware_load(const struct x86_firmware *f, const struct ram *ram, unsigned int cpus,
		      struct x86_entry *entry, struct error *e);

/*
 * For the firmware: the memory map, and the ACPI root pointer with the script that says where
 * it goes. The tables that it leads to are where the map says reserved.
 */
unsigned int x86_firmware_map_of(const struct ram *ram, struct x86_mem map[X86_MEM_MAX]);

#define X86_RSDP_SIZE		36U
#define X86_RSDP_FILE		"etc/acpi/rsdp"
#define X86_LOADER_SIZE		128U

const u8 *x86_firmware_rsdp(const struct ram *ram);
void x86_firmware_loader(u8 script[X86_LOADER_SIZE]);

#endif /* FERRY_VMM_X86_FIRMWARE_H */
