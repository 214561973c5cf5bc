// SPDX-License-Identifier: GPL-2.0
/*
 * Role: wire the parts of a virtual machine together, and run it. The only file
 *	that knows all of them; vm_create() reads as the table of contents and
 *	vm_destroy() undoes it in reverse.
 * Threads: main.
 * Locks: takes the machine's lock around events and resets; never while it waits
 *	for vCPUs to park.
 */
#include "vm_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "confine.h"
#include "pidfile.h"
#include "x86/acpi.h"
#include "x86/map.h"

static const struct acpi_pm_layout vm_acpi_layout = {
	.port = X86_PORT_ACPI,
	.len = X86_PORT_ACPI_LEN,
	.sleep_control = X86_ACPI_SLEEP_CONTROL,
	.sleep_status = X86_ACPI_SLEEP_STATUS,
	.pm1_control = X86_ACPI_PM1_CONTROL,
	.pm1_event = X86_ACPI_PM1_EVENT,
	.reset = X86_ACPI_RESET,
	.events = X86_ACPI_EVENTS,
	.reset_value = X86_ACPI_RESET_VALUE,
	.sleep_type_off = X86_ACPI_S5,
	.irq = X86_IRQ_ACPI,
};

static int vm_create_machine(struct vm *vm, struct error *e)
{
	struct machine *m = &vm->machine;
	int ret;

	ret = kvm_init(&m->kvm, e);
	if (ret)
		return ret;
	if (vm->cfg->cpus > m->kvm.max_vcpus)
		return error_set(e, ERANGE, "Number of SMP cpus requested (%u) exceeds max cpus "
				 "supported by KVM (%u)", vm->cfg->cpus, m->kvm.max_vcpus);
	ret = ram_init(&m->ram, vm->cfg->ram_size, X86_RAM_END, X86_RAM_ABOVE_4G, e);
	if (!ret)
		ret = ram_map(&m->ram, &m->kvm, e);
	if (!ret)
		ret = irq_init(&m->irq, &m->kvm, e);
	if (!ret)
		ret = vcpus_init(m, vm->cfg->cpus, e);
	if (!ret)
		ret = x86_cpus_init(m, e);
	if (!ret)
		ret = x86_power_on_save(m, &vm->power_on, e);
	return ret;
}

static int vm_create_board(struct vm *vm, struct error *e)
{
	static const struct legacy_ports ports = {
		.speaker = X86_PORT_SPEAKER, .kbd = X86_PORT_KBD, .rtc = X86_PORT_RTC,
	};
	static const struct pci_window window = {
		.ecam = X86_ECAM, .mmio = X86_PCI_MMIO, .mmio_size = X86_PCI_MMIO_SIZE,
		.firmware = X86_PCI_FIRMWARE, .firmware_size = X86_PCI_FIRMWARE_SIZE,
		.port = X86_PORT_PCI, .ports = X86_PORT_PCI_BARS,
	};
	struct machine *m = &vm->machine;
	int ret;

	ret = legacy_init(&vm->legacy, m, &ports, e);
	if (!ret)
		ret = acpi_pm_init(&vm->pm, m, &vm_acpi_layout, e);
	if (!ret)
		ret = pci_bus_init(&vm->pci, m, &window, e);
	if (!ret)
		ret = vm_hotplug_init(vm, e);
	if (!ret && vm->firmware.rom)
		ret = vm_create_firmware(vm, e);
	return ret;
}

/* It may take a while, until someone does something about it. */
void vm_say_waiting(struct vm *vm, const char *path)
{
	char text[160];

	snprintf(text, sizeof(text), "waiting for connection on: unix:%s,server=on", path);
	vm->say(text);
}

/* Who is waited for does not come any more, since a signal came: the loop answers that. */
static int vm_waited(int ret)
{
	return ret == -EINTR ? 0 : ret;
}

static int vm_create_serial(struct vm *vm, struct error *e)
{
	int ret;

	if (vm->cfg->serial.kind == CHARDEV_NONE)
		return 0;
	if (vm->cfg->serial.wait)
		vm_say_waiting(vm, vm->cfg->serial.path);
	ret = serial_init(&vm->serial, &vm->machine, X86_PORT_COM1, X86_IRQ_COM1, e);
	if (!ret)
		ret = vm_waited(chardev_init(&vm->chardev, &vm->machine, &vm->cfg->serial,
					     vm->end_fd, e));
	if (ret)
		return ret;
	chardev_attach(&vm->chardev, &vm->serial);
	if (vm->chardev.notice[0])
		vm->say(vm->chardev.notice);
	if (!vm->cfg->serial.mux || vm->cfg->no_monitor)
		return 0;
	return monitor_open_mux(&vm->monitor, &vm->chardev, e);
}

static int vm_create_monitors(struct vm *vm, struct error *e)
{
	unsigned int i;
	int ret;

	for (i = 0; i < vm->cfg->n_monitors; i++) {
		const struct monitor_config *cfg = &vm->cfg->monitor[i];

		if (cfg->chardev.wait)
			vm_say_waiting(vm, cfg->chardev.path);
		ret = vm_waited(monitor_open(&vm->monitor, cfg->qmp, &cfg->chardev,
					     vm->end_fd, e));
		if (ret) {
			error_prefix(e, cfg->where);
			return ret;
		}
	}
	return 0;
}

/* Put the guest at the entry of its kernel or firmware. Every vCPU is parked. */
int vm_load(struct vm *vm, struct error *e)
{
	struct machine *m = &vm->machine;
	struct x86_entry entry;
	int ret;

	if (vm->firmware.rom) {
		ret = vm_load_firmware(vm, &entry, e);
	} else {
		ret = x86_boot_load(&vm->boot, &m->ram, &entry, e);
		if (!ret)
			ret = x86_acpi_write(&m->ram, &x86_acpi_low, vm->cfg->cpus, e);
	}
	if (!ret)
		ret = x86_cpus_reset(m, vm->power_on, &entry, e);
	return ret;
}

static int vm_open_boot(struct vm *vm, struct error *e)
{
	const struct config *cfg = vm->cfg;

	return cfg->kernel ? x86_boot_open(&vm->boot, cfg->kernel, cfg->initrd, cfg->append, e) :
	       x86_firmware_open(&vm->firmware, cfg->bios ?: VM_FIRMWARE, e);
}

static int vm_write_pidfile(struct vm *vm, struct error *e)
{
	if (!vm->cfg->pidfile)
		return 0;
	vm->pid_fd = pidfile_create(vm->cfg->pidfile, e);
	return vm->pid_fd < 0 ? vm->pid_fd : 0;
}

static int vm_build(struct vm *vm, struct error *e)
{
	const struct config *cfg = vm->cfg;
	int ret;

	vm_ignore_signals();
	ret = machine_init(&vm->machine, e);
	if (!ret)
		ret = confine_check(cfg, e);
	if (!ret)
		ret = vm_open_boot(vm, e);
	if (!ret)
		ret = vm_create_machine(vm, e);
	if (!ret)
		ret = vm_create_board(vm, e);
	/* From here on a signal ends the VM in order: taps and scripts are undone. */
	if (!ret)
		ret = vm_create_signals(vm, e);
	if (!ret)
		ret = vm_create_devices(vm, e);
	if (!ret)
		ret = vm_load(vm, e);
	if (!ret)
		ret = vm_create_serial(vm, e);
	if (!ret)
		ret = vm_create_monitors(vm, e);
	if (!ret)
		ret = vm_write_pidfile(vm, e);
	if (!ret)
		ret = confine(&vm->machine, cfg, vm->uses, e);
	if (!ret)
		ret = vcpus_start(&vm->machine, e);
	return ret;
}

int vm_create(struct vm **out, struct config *cfg, vm_say say, struct error *e)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	int ret;

	if (!vm)
		return error_errno(e, ENOMEM, "virtual machine");
	vm->cfg = cfg;
	vm->say = say;
	vm->boot.kernel_fd = -1;
	vm->boot.initrd_fd = -1;
	vm->boot.unpacked_fd = -1;
	vm->end_fd = -1;
	vm->user_fd = -1;
	vm->ejected_fd = -1;
	vm->pid_fd = -1;
	vm->serial.irq_fd = -1;
	monitor_init(&vm->monitor, &vm->machine, &vm_commands, vm);
	ret = vm_build(vm, e);
	if (ret) {
		vm_destroy(vm);
		return ret;
	}
	*out = vm;
	return 0;
}

void vm_destroy(struct vm *vm)
{
	vcpus_destroy(&vm->machine.vcpus);
	monitor_destroy(&vm->monitor);
	vm_destroy_devices(vm);
	chardev_destroy(&vm->chardev);
	serial_destroy(&vm->serial);
	if (vm->end_fd >= 0)
		close(vm->end_fd);
	if (vm->user_fd >= 0)
		close(vm->user_fd);
	vm_hotplug_destroy(vm);
	x86_power_on_free(vm->power_on);
	machine_destroy(&vm->machine);
	fw_cfg_destroy(&vm->fw_cfg);
	x86_firmware_close(&vm->firmware);
	x86_boot_close(&vm->boot);
	pidfile_remove(vm->cfg->pidfile, vm->pid_fd);
	free(vm);
}
