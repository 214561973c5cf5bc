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
#include "x86/acpi.h"
#include "x86/map.h"

static const struct acpi_pm_layout vm_acpi_layout = {
	.port = X86_PORT_ACPI,
	.len = X86_PORT_ACPI_LEN,
	.sleep_control = X86_ACPI_SLEEP_CONTROL,
	.sleep_status = X86_ACPI_SLEEP_STATUS,
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
		.port = X86_PORT_PCI,
	};
	struct machine *m = &vm->machine;
	int ret;

	ret = legacy_init(&vm->legacy, m, &ports, e);
	if (!ret)
		ret = acpi_pm_init(&vm->pm, m, &vm_acpi_layout, e);
	if (!ret)
		ret = pci_bus_init(&vm->pci, m, &window, e);
	return ret;
}

static int vm_create_netdevs(struct vm *vm, struct error *e)
{
	int ret;

	while (vm->n_netdevs < vm->cfg->n_netdevs) {
		const struct netdev_config *cfg = &vm->cfg->netdev[vm->n_netdevs];

		ret = netdev_init(&vm->netdev[vm->n_netdevs++], &vm->machine, cfg, vm->say, e);
		if (ret) {
			error_prefix(e, cfg->where);
			return ret;
		}
		vm->uses |= netdev_uses(&vm->netdev[vm->n_netdevs - 1]);
	}
	return 0;
}

static struct netdev *vm_find_netdev(struct vm *vm, const char *id)
{
	unsigned int i;

	for (i = 0; i < vm->n_netdevs; i++)
		if (!strcmp(vm->netdev[i].cfg->id, id))
			return &vm->netdev[i];
	return NULL;
}

/* A drive without a device is not opened. */
static bool vm_drive_used(const struct vm *vm, const struct drive_config *cfg)
{
	unsigned int i;

	for (i = 0; i < vm->cfg->n_devices; i++)
		if (vm->cfg->device[i].type->kind == DEVICE_BLK &&
		    !strcmp(vm->cfg->device[i].blk.drive, cfg->id))
			return true;
	return false;
}

static int vm_create_drives(struct vm *vm, struct error *e)
{
	unsigned int i;
	int ret;

	for (i = 0; i < vm->cfg->n_drives; i++) {
		const struct drive_config *cfg = &vm->cfg->drive[i];

		if (!vm_drive_used(vm, cfg))
			continue;
		ret = drive_init(&vm->drive[vm->n_drives++], &vm->machine, cfg, vm->say, e);
		if (ret) {
			error_prefix(e, cfg->where);
			return ret;
		}
		vm->uses |= drive_uses(&vm->drive[vm->n_drives - 1]);
	}
	return 0;
}

static struct drive *vm_find_drive(struct vm *vm, const char *id)
{
	unsigned int i;

	for (i = 0; i < vm->n_drives; i++)
		if (!strcmp(vm->drive[i].cfg->id, id))
			return &vm->drive[i];
	return NULL;
}

static u64 vm_ring_features(const struct device_config *cfg)
{
	return virtio_ring_features(cfg->virtio.packed, cfg->virtio.event_idx,
				    cfg->virtio.indirect);
}

static int vm_init_net(struct vm *vm, struct vm_device *d, struct error *e)
{
	const struct net_config *cfg = &d->cfg->net;
	struct netdev *nd = vm_find_netdev(vm, cfg->netdev);
	struct net_dev_config dev = {
		.mtu = cfg->mtu,
		.rx_size = cfg->rx_queue_size,
		.tx_size = cfg->tx_queue_size,
		.pairs = nd->tap.n,
		.features = net_config_features(cfg, nd->tap.n > 1) |
			    vm_ring_features(d->cfg),
	};

	memcpy(dev.mac, cfg->mac, sizeof(dev.mac));
	d->v = &d->net.v;
	return net_init(&d->net, &vm->machine, &dev, &netdev_ops, nd, e);
}

static int vm_init_blk(struct vm *vm, struct vm_device *d, struct error *e)
{
	const struct blk_config *cfg = &d->cfg->blk;
	struct drive *drive = vm_find_drive(vm, cfg->drive);
	const struct blk_dev_config dev = {
		.features = blk_config_features(cfg) | vm_ring_features(d->cfg),
		.queues = cfg->num_queues,
		.queue_size = cfg->queue_size,
		.write_cache = cfg->write_cache == TRI_AUTO ? drive->cfg->cache.writeback :
			       cfg->write_cache == TRI_ON,
		.logical_block = cfg->logical_block,
		.physical_block = cfg->physical_block,
		.min_io = cfg->min_io,
		.opt_io = cfg->opt_io,
		.serial = cfg->serial ?: drive->cfg->serial,
	};

	d->v = &d->blk.v;
	return blk_init(&d->blk, &vm->machine, &dev, &drive_ops, drive, e);
}

static int vm_init_9p(struct vm *vm, struct vm_device *d, struct error *e)
{
	const struct p9_dev_config dev = {
		.features = vm_ring_features(d->cfg),
		.tag = d->cfg->p9.mount_tag,
	};
	int ret = fsdev_init(&d->fsdev, &vm->machine, d->cfg->p9.export, vm->say, e);

	vm->uses |= fsdev_uses(&d->fsdev);
	d->v = &d->p9.v;
	return ret ?: p9_init(&d->p9, &vm->machine, &dev, &fsdev_ops, &d->fsdev, e);
}

static int vm_init_rng(struct vm *vm, struct vm_device *d, struct error *e)
{
	d->v = &d->rng.v;
	return rng_init(&d->rng, &vm->machine, vm_ring_features(d->cfg), e);
}

static int vm_init_balloon(struct vm *vm, struct vm_device *d, struct error *e)
{
	const struct balloon_config *cfg = &d->cfg->balloon;
	const struct balloon_dev_config dev = {
		.features = vm_ring_features(d->cfg),
		.deflate_on_oom = cfg->deflate_on_oom,
		.reporting = cfg->free_page_reporting,
		.page_poison = cfg->page_poison,
		.interval = cfg->interval,
	};
	int ret = balloon_init(&d->balloon, &vm->machine, &dev, e);

	d->v = &d->balloon.v;
	vm_watch_balloon(vm, &d->balloon);
	return ret;
}

static int vm_init_vsock(struct vm *vm, struct vm_device *d, struct error *e)
{
	const struct vhost_vsock_config cfg = {
		.features = vm_ring_features(d->cfg),
		.cid = d->cfg->vsock.guest_cid,
		.vhostdev = d->cfg->vsock.vhostdev,
	};

	d->v = &d->vsock.v;
	return vhost_vsock_init(&d->vsock, &vm->machine, &cfg, e);
}

/* It may take a while, until someone does something about it. */
static void vm_say_waiting(struct vm *vm, const char *path)
{
	char text[160];

	snprintf(text, sizeof(text), "waiting for connection on: unix:%s,server=on", path);
	vm->say(text);
}

/* Nobody need be behind it. */
static int vm_attach_console(struct vm *vm, struct vm_device *d, struct error *e)
{
	const struct chardev_config *cfg = d->cfg->console.chardev;
	int ret;

	if (!cfg)
		return 0;
	if (cfg->wait)
		vm_say_waiting(vm, cfg->path);
	ret = chardev_init(&d->chardev, &vm->machine, cfg, vm->signal_fd, e);
	if (ret)
		return ret;
	chardev_attach_console(&d->chardev, &d->console);
	if (d->chardev.notice[0])
		vm->say(d->chardev.notice);
	return cfg->mux && !vm->cfg->no_monitor ?
	       monitor_open_mux(&vm->monitor, &d->chardev, e) : 0;
}

static int vm_init_console(struct vm *vm, struct vm_device *d, struct error *e)
{
	int ret = console_init(&d->console, &vm->machine, vm_ring_features(d->cfg), e);

	d->v = &d->console.v;
	return ret ?: vm_attach_console(vm, d, e);
}

static int vm_init_device(struct vm *vm, struct vm_device *d, struct error *e)
{
	struct virtio_pci_config pci = {
		.name = d->cfg->type->name,
		.addr = d->cfg->addr,
		.vectors = d->cfg->virtio.vectors,
	};
	int ret = -EINVAL;

	switch (d->cfg->type->kind) {
	case DEVICE_NET:
		ret = vm_init_net(vm, d, e);
		break;
	case DEVICE_BLK:
		ret = vm_init_blk(vm, d, e);
		break;
	case DEVICE_9P:
		ret = vm_init_9p(vm, d, e);
		break;
	case DEVICE_RNG:
		ret = vm_init_rng(vm, d, e);
		break;
	case DEVICE_BALLOON:
		ret = vm_init_balloon(vm, d, e);
		break;
	case DEVICE_VSOCK:
		ret = vm_init_vsock(vm, d, e);
		break;
	case DEVICE_CONSOLE:
		ret = vm_init_console(vm, d, e);
		break;
	}
	if (ret)
		return ret;
	/* One a queue, and one for configuration changes. */
	if (pci.vectors == VIRTIO_VECTORS_AUTO)
		pci.vectors = d->v->n_queues + 1;
	return virtio_pci_init(&d->pci, d->v, &vm->pci, &pci, e);
}

static int vm_create_devices(struct vm *vm, struct error *e)
{
	int ret;

	vm->device = calloc(vm->cfg->n_devices ? vm->cfg->n_devices : 1, sizeof(*vm->device));
	if (!vm->device)
		return error_errno(e, ENOMEM, "devices");
	while (vm->n_devices < vm->cfg->n_devices) {
		struct vm_device *d = &vm->device[vm->n_devices];

		d->cfg = &vm->cfg->device[vm->n_devices++];
		ret = vm_init_device(vm, d, e);
		if (ret) {
			error_prefix(e, d->cfg->where);
			return ret;
		}
	}
	return 0;
}

static void vm_destroy_device(struct vm_device *d)
{
	if (!d->v)
		return;
	if (d->pci.v)
		virtio_pci_destroy(&d->pci);
	virtio_destroy(d->v);
	if (d->cfg->type->kind == DEVICE_9P)
		fsdev_destroy(&d->fsdev);
	if (d->cfg->type->kind == DEVICE_BALLOON)
		balloon_destroy(&d->balloon);
	if (d->cfg->type->kind == DEVICE_VSOCK)
		vhost_vsock_destroy(&d->vsock);
	if (d->cfg->type->kind == DEVICE_CONSOLE) {
		chardev_destroy(&d->chardev);
		console_destroy(&d->console);
	}
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
					     vm->signal_fd, e));
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
					     vm->signal_fd, e));
		if (ret) {
			error_prefix(e, cfg->where);
			return ret;
		}
	}
	return 0;
}

/* Put the guest at the entry of its kernel. Every vCPU is parked. */
int vm_load(struct vm *vm, struct error *e)
{
	struct machine *m = &vm->machine;
	struct x86_entry entry;
	int ret;

	ret = x86_boot_load(&vm->boot, &m->ram, &entry, e);
	if (!ret)
		ret = x86_acpi_write(&m->ram, vm->cfg->cpus, e);
	if (!ret)
		ret = x86_cpus_reset(m, vm->power_on, &entry, e);
	return ret;
}

static int vm_write_pidfile(struct vm *vm, struct error *e)
{
	const struct config *cfg = vm->cfg;
	FILE *f;

	if (!cfg->pidfile)
		return 0;
	f = fopen(cfg->pidfile, "we");
	if (!f || fprintf(f, "%d\n", getpid()) < 0 || fclose(f))
		return error_errno(e, errno, "cannot create PID file '%s'", cfg->pidfile);
	vm->pid_written = true;
	return 0;
}

static int vm_build(struct vm *vm, struct error *e)
{
	const struct config *cfg = vm->cfg;
	int ret;

	ret = machine_init(&vm->machine, e);
	if (!ret)
		ret = confine_check(cfg, e);
	if (!ret)
		ret = x86_boot_open(&vm->boot, cfg->kernel, cfg->initrd, cfg->append, e);
	if (!ret)
		ret = vm_create_machine(vm, e);
	if (!ret)
		ret = vm_create_board(vm, e);
	/* From here on a signal ends the VM in order: taps and scripts are undone. */
	if (!ret)
		ret = vm_create_signals(vm, e);
	if (!ret)
		ret = vm_create_netdevs(vm, e);
	if (!ret)
		ret = vm_create_drives(vm, e);
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

int vm_create(struct vm **out, const struct config *cfg, vm_say say, struct error *e)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	int ret;

	if (!vm)
		return error_errno(e, ENOMEM, "virtual machine");
	vm->cfg = cfg;
	vm->say = say;
	vm->boot.kernel_fd = -1;
	vm->boot.initrd_fd = -1;
	vm->signal_fd = -1;
	vm->pm.irq_fd = -1;
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
	while (vm->n_devices)
		vm_destroy_device(&vm->device[--vm->n_devices]);
	free(vm->device);
	while (vm->n_netdevs)
		netdev_destroy(&vm->netdev[--vm->n_netdevs]);
	while (vm->n_drives)
		drive_destroy(&vm->drive[--vm->n_drives]);
	chardev_destroy(&vm->chardev);
	serial_destroy(&vm->serial);
	if (vm->signal_fd >= 0)
		close(vm->signal_fd);
	acpi_pm_destroy(&vm->pm);
	x86_power_on_free(vm->power_on);
	machine_destroy(&vm->machine);
	x86_boot_close(&vm->boot);
	if (vm->pid_written)
		unlink(vm->cfg->pidfile);
	free(vm);
}
