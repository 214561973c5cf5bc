// SPDX-License-Identifier: GPL-2.0
/*
 * Role: firmware instead of a kernel: its memory, and what it is told of the machine by
 *	files of its configuration device. Told anew at each reset: disks come and go.
 * Threads: main; vCPUs are parked.
 * Locks: none.
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vm_internal.h"
#include "x86/map.h"

/* One entry of "etc/e820". */
struct firmware_mem {
	u64 addr;
	u64 size;
	u32 type;
} __attribute__((packed));

int vm_create_firmware(struct vm *vm, struct error *e)
{
	int ret = fw_cfg_init(&vm->fw_cfg, &vm->machine, X86_PORT_FW_CFG, e);

	return ret ?: x86_firmware_map(&vm->firmware, &vm->machine.kvm, e);
}

static int firmware_tell_memory(struct vm *vm, struct error *e)
{
	struct x86_mem map[X86_MEM_MAX];
	struct firmware_mem mem[X86_MEM_MAX];
	unsigned int i, n = x86_firmware_map_of(&vm->machine.ram, map);

	for (i = 0; i < n; i++)
		mem[i] = (struct firmware_mem){ htole64(map[i].addr), htole64(map[i].size),
						htole32(map[i].type) };
	return fw_cfg_add_file(&vm->fw_cfg, "etc/e820", mem, n * sizeof(mem[0]), e);
}

static int firmware_tell_acpi(struct vm *vm, struct error *e)
{
	u8 script[X86_LOADER_SIZE];
	int ret;

	x86_firmware_loader(script);
	ret = fw_cfg_add_file(&vm->fw_cfg, X86_RSDP_FILE, x86_firmware_rsdp(&vm->machine.ram),
			      X86_RSDP_SIZE, e);
	return ret ?: fw_cfg_add_file(&vm->fw_cfg, "etc/table-loader", script, sizeof(script), e);
}

/* Disks that were given a bootindex= come first, then those in the order of their slots. */
static int firmware_by_index(const void *a, const void *b)
{
	const struct vm_device *x = *(const struct vm_device *const *)a;
	const struct vm_device *y = *(const struct vm_device *const *)b;
	u32 i = x->cfg->blk.bootindex, j = y->cfg->blk.bootindex;

	if (i == j) {
		i = x->pci.pci.slot;
		j = y->pci.pci.slot;
	}
	return i < j ? -1 : i > j;
}

/* The paths by which the firmware knows the disks, a newline between them. */
static int firmware_tell_order(struct vm *vm, struct error *e)
{
	const struct vm_device *disk[CONFIG_DEVICES_MAX];
	char text[CONFIG_DEVICES_MAX * 40];
	unsigned int i, n = 0;
	size_t len = 0;

	for (i = 0; i < vm->n_devices; i++)
		if (vm->device[i]->cfg->type->kind == DEVICE_BLK)
			disk[n++] = vm->device[i];
	qsort(disk, n, sizeof(disk[0]), firmware_by_index);
	text[0] = 0;
	for (i = 0; i < n; i++)
		len += snprintf(text + len, sizeof(text) - len, "%s/pci@i0cf8/scsi@%x/disk@0,0",
				i ? "\n" : "", disk[i]->pci.pci.slot);
	return fw_cfg_add_file(&vm->fw_cfg, "bootorder", text, len + 1, e);
}

static int firmware_tell_boot(struct vm *vm, struct error *e)
{
	const struct boot_config *boot = &vm->cfg->boot;
	const u16 menu = htole16(boot->menu), serial = htole16(X86_PORT_COM1);
	const u32 wait = htole32(boot->reboot_timeout);
	int ret = fw_cfg_add(&vm->fw_cfg, FW_CFG_BOOT_MENU, &menu, sizeof(menu), e);

	if (!ret)
		ret = fw_cfg_add_file(&vm->fw_cfg, "etc/boot-fail-wait", &wait, sizeof(wait), e);
	/* There is no other screen. */
	if (!ret && vm->cfg->serial.kind != CHARDEV_NONE)
		ret = fw_cfg_add_file(&vm->fw_cfg, "etc/sercon-port", &serial, sizeof(serial), e);
	return ret ?: firmware_tell_order(vm, e);
}

int vm_load_firmware(struct vm *vm, struct x86_entry *entry, struct error *e)
{
	const u16 cpus = htole16(vm->cfg->cpus);
	int ret;

	fw_cfg_clear(&vm->fw_cfg);
	ret = x86_firmware_load(&vm->firmware, &vm->machine.ram, vm->cfg->cpus, entry, e);
	if (!ret)
		ret = fw_cfg_add(&vm->fw_cfg, FW_CFG_CPUS, &cpus, sizeof(cpus), e);
	if (!ret)
		ret = fw_cfg_add(&vm->fw_cfg, FW_CFG_CPUS_MAX, &cpus, sizeof(cpus), e);
	if (!ret)
		ret = firmware_tell_memory(vm, e);
	if (!ret)
		ret = firmware_tell_acpi(vm, e);
	if (!ret)
		ret = firmware_tell_boot(vm, e);
	return ret ?: fw_cfg_seal(&vm->fw_cfg, e);
}
