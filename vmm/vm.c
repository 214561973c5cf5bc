// SPDX-License-Identifier: GPL-2.0
/*
 * Role: wire the parts of a virtual machine together, and run it. The only file
 *	that knows all of them; vm_create() reads as the table of contents and
 *	vm_destroy() undoes it in reverse.
 * Threads: main.
 * Locks: takes the machine's lock around events and resets; never while it waits
 *	for vCPUs to park.
 */
#include "vm.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "backend/drive.h"
#include "backend/fsdev.h"
#include "backend/netdev.h"
#include "dev/acpi_pm.h"
#include "dev/blk.h"
#include "dev/legacy.h"
#include "dev/net.h"
#include "dev/p9.h"
#include "dev/rng.h"
#include "dev/serial.h"
#include "machine/machine.h"
#include "pci/pci.h"
#include "virtio/pci.h"
#include "x86/acpi.h"
#include "x86/boot.h"
#include "x86/cpu.h"
#include "x86/map.h"

/* One -device, with its transport. */
struct vm_device {
	const struct device_config *cfg;
	struct virtio_dev *v;		/* in the union below; NULL until set up */
	struct virtio_pci pci;
	union {
		struct net_dev net;
		struct blk_dev blk;
		struct rng_dev rng;
		struct {
			struct p9_dev p9;
			struct fsdev fsdev;
		};
	};
};

struct vm {
	const struct config *cfg;
	vm_say say;
	struct machine machine;
	struct x86_boot boot;
	struct x86_power_on *power_on;
	struct legacy legacy;
	struct acpi_pm pm;
	struct serial serial;
	struct chardev chardev;
	struct pci_bus pci;
	unsigned int n_netdevs;
	struct netdev netdev[CONFIG_DEVICES_MAX];
	unsigned int n_drives;
	struct drive drive[CONFIG_DEVICES_MAX];
	unsigned int n_devices;
	struct vm_device *device;
	int signal_fd;
	struct loop_source signals, requests;
	bool pid_written;
};

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

	d->v = &d->p9.v;
	return ret ?: p9_init(&d->p9, &vm->machine, &dev, &fsdev_ops, &d->fsdev, e);
}

static int vm_init_rng(struct vm *vm, struct vm_device *d, struct error *e)
{
	d->v = &d->rng.v;
	return rng_init(&d->rng, &vm->machine, vm_ring_features(d->cfg), e);
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
}

static int vm_create_serial(struct vm *vm, struct error *e)
{
	int ret;

	if (vm->cfg->serial.kind == CHARDEV_NONE)
		return 0;
	ret = serial_init(&vm->serial, &vm->machine, X86_PORT_COM1, X86_IRQ_COM1, e);
	if (!ret)
		ret = chardev_init(&vm->chardev, &vm->machine, &vm->cfg->serial, e);
	if (ret)
		return ret;
	chardev_attach(&vm->chardev, &vm->serial);
	if (vm->chardev.notice[0])
		vm->say(vm->chardev.notice);
	return 0;
}

/* A disk that fails here needs a reset, which its guest is told. */
static void vm_refresh_disks(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->n_devices; i++)
		if (vm->device[i].cfg->type->kind == DEVICE_BLK)
			blk_refresh(&vm->device[i].blk);
}

static void vm_signal(void *opaque, u32 events)
{
	struct vm *vm = opaque;
	struct signalfd_siginfo si;
	char text[80];

	(void)events;
	if (read(vm->signal_fd, &si, sizeof(si)) != sizeof(si))
		return;
	if (si.ssi_signo == SIGUSR1) {
		acpi_pm_raise(&vm->pm, X86_ACPI_EVENT_POWER);
		return;
	}
	if (si.ssi_signo == SIGUSR2) {
		vm_refresh_disks(vm);
		return;
	}
	snprintf(text, sizeof(text), "terminating on signal %u from pid %u", si.ssi_signo,
		 si.ssi_pid);
	vm->say(text);
	machine_ask(&vm->machine, MACHINE_POWEROFF);
}

static void vm_request(void *opaque, u32 events)
{
	/* Only wakes the loop; vm_run() looks at the request itself. */
	(void)opaque, (void)events;
}

/*
 * SIGINT, SIGTERM and SIGHUP end the VM, SIGUSR1 presses its power button, SIGUSR2
 * looks whether disks have another size. They are blocked in every thread, which all
 * inherit the mask, and read from one place.
 */
static int vm_create_signals(struct vm *vm, struct error *e)
{
	struct machine *m = &vm->machine;
	sigset_t set;
	int ret;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	vm->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (vm->signal_fd < 0)
		return error_errno(e, errno, "signalfd");
	vm->signals = (struct loop_source){ vm->signal_fd, vm_signal, vm, false };
	vm->requests = (struct loop_source){ m->request_fd, vm_request, vm, false };
	ret = loop_add(&m->loop, &vm->signals, EPOLLIN);
	if (!ret)
		ret = loop_add(&m->loop, &vm->requests, EPOLLIN);
	return ret ? error_errno(e, ret, "event loop") : 0;
}

/* Put the guest at the entry of its kernel. Every vCPU is parked. */
static int vm_load(struct vm *vm, struct error *e)
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
		ret = vcpus_start(&vm->machine, e);
	if (!ret)
		ret = vm_write_pidfile(vm, e);
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
	ret = vm_build(vm, e);
	if (ret) {
		vm_destroy(vm);
		return ret;
	}
	*out = vm;
	return 0;
}

static int vm_reset(struct vm *vm, struct error *e)
{
	unsigned int i;
	int ret;

	pthread_mutex_lock(&vm->machine.lock);
	/* Devices first: from here on nothing but us writes guest memory. */
	for (i = 0; i < vm->n_devices; i++)
		virtio_pci_reset(&vm->device[i].pci);
	pci_bus_reset(&vm->pci);
	if (vm->serial.m)
		serial_reset(&vm->serial);
	acpi_pm_reset(&vm->pm);
	ret = vm_load(vm, e);
	pthread_mutex_unlock(&vm->machine.lock);
	return ret;
}

/* Do what was asked for; 0 if the guest goes on, 1 if it ends. */
static int vm_answer(struct vm *vm, struct error *e)
{
	struct machine *m = &vm->machine;
	int ret;

	vcpus_wait_parked(&m->vcpus);
	switch (machine_asked(m)) {
	case MACHINE_POWEROFF:
		return 1;
	case MACHINE_FAILED:
		*e = m->failure;
		return -EIO;
	case MACHINE_RESET:
		if (vm->cfg->no_reboot)
			return 1;
		ret = vm_reset(vm, e);
		if (ret)
			return ret;
		break;
	case MACHINE_RUN:
		break;
	}
	machine_answered(m);
	vcpus_resume(&m->vcpus);
	return 0;
}

int vm_run(struct vm *vm, struct error *e)
{
	struct machine *m = &vm->machine;
	struct loop_source *src;
	u32 events;
	int ret = 0;

	vcpus_resume(&m->vcpus);
	while (!ret) {
		src = loop_wait(&m->loop, &events);
		if (src) {
			pthread_mutex_lock(&m->lock);
			if (src->added)
				src->ready(src->opaque, events);
			pthread_mutex_unlock(&m->lock);
		}
		if (machine_asked(m) != MACHINE_RUN)
			ret = vm_answer(vm, e);
	}
	return ret < 0 ? ret : 0;
}

void vm_destroy(struct vm *vm)
{
	vcpus_destroy(&vm->machine.vcpus);
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
