// SPDX-License-Identifier: GPL-2.0
/*
 * Role: devices that come and go while the guest runs. A device that comes is built by
 *	what builds all others, of the same options. One that goes is asked for from the guest,
 *	which ejects it; then its slot is empty and its queues are stopped at once, and the
 *	main loop takes it down.
 * Threads: main; a vCPU ejects.
 * Locks: the machine's lock is held, but while the VM is built and destroyed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vm_internal.h"
#include "x86/map.h"

static void vm_tell_guest(struct vm *vm)
{
	acpi_pm_raise(&vm->pm, X86_ACPI_EVENT_HOTPLUG);
}

/* A drive lives as long as its device, as that of QEMU's -drive does. */
static void vm_forget_drive(struct vm *vm, const char *id)
{
	struct drive *d = vm_find_drive(vm, id);

	if (d)
		vm_close_drive(vm, d);
	config_remove_drive(vm->cfg, config_find_drive(vm->cfg, id));
}

/* Take a device down, with all that is its own, and tell of it. */
static void vm_remove_device(struct vm *vm, struct vm_device *d)
{
	struct json_object *data = json_object_new_object();
	struct device_config *cfg = d->cfg;
	char path[VM_QOM_PATH];

	if (cfg->id)
		monitor_add_string(data, "device", cfg->id);
	vm_qom_path(vm, d, path);
	monitor_add_string(data, "path", path);
	vm_unmake_device(vm, d);
	if (cfg->type->kind == DEVICE_BLK)
		vm_forget_drive(vm, cfg->blk.drive);
	config_remove_device(vm->cfg, cfg);
	monitor_event(&vm->monitor, "DEVICE_DELETED", data);
}

/* On a vCPU: the main loop may have events of the device at hand, so that it stays. */
static void vm_eject(void *opaque, struct pci_dev *p)
{
	struct vm *vm = opaque;
	unsigned int i;

	for (i = 0; i < vm->n_devices; i++) {
		struct vm_device *d = vm->device[i];

		if (&d->pci.pci != p || !d->cfg->type->hotplug)
			continue;
		virtio_pci_reset(&d->pci);
		pci_unplug(p);
		pci_hotplug_gone(&vm->hotplug, p->slot);
		d->ejected = true;
		eventfd_write(vm->ejected_fd, 1);
	}
}

/* Take down what was ejected, and, if @leaving, what was asked to go. */
static void vm_remove_devices(struct vm *vm, bool leaving)
{
	unsigned int i = 0;

	while (i < vm->n_devices) {
		struct vm_device *d = vm->device[i];

		if (d->ejected || (leaving && pci_hotplug_leaving(&vm->hotplug, d->pci.pci.slot)))
			vm_remove_device(vm, d);
		else
			i++;
	}
}

static void vm_ejected(void *opaque, u32 events)
{
	struct vm *vm = opaque;
	eventfd_t n;

	(void)events;
	eventfd_read(vm->ejected_fd, &n);
	vm_remove_devices(vm, false);
}

int vm_hotplug_init(struct vm *vm, struct error *e)
{
	int ret;

	vm->ejected_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vm->ejected_fd < 0)
		return error_errno(e, errno, "eventfd");
	vm->ejected = (struct loop_source){ vm->ejected_fd, vm_ejected, vm, false };
	ret = loop_add(&vm->machine.loop, &vm->ejected, EPOLLIN);
	if (!ret)
		ret = pci_hotplug_init(&vm->hotplug, &vm->pci, X86_PORT_HOTPLUG, vm_eject, vm);
	return ret ? error_errno(e, ret, "hot plug") : 0;
}

void vm_hotplug_destroy(struct vm *vm)
{
	loop_del(&vm->machine.loop, &vm->ejected);
	if (vm->ejected_fd >= 0)
		close(vm->ejected_fd);
	vm->ejected_fd = -1;
}

void vm_hotplug_reset(struct vm *vm)
{
	vm_remove_devices(vm, true);
	pci_hotplug_reset(&vm->hotplug);
}

/* What came after the sandbox was closed would need what was given up. */
static int vm_check_sandbox(const struct vm *vm, const char *command, struct error *e)
{
	if (vm->cfg->sandbox)
		return error_set(e, EPERM, "%s is not possible with -sandbox on", command);
	return 0;
}

/* drive_add may have opened it, when nobody knew yet what its device says of others. */
static int vm_plug_drive(struct vm *vm, const struct blk_config *cfg, struct error *e)
{
	struct drive *drive = vm_find_drive(vm, cfg->drive);

	if (!drive)
		return vm_open_drive(vm, config_find_drive(vm->cfg, cfg->drive), e);
	if (cfg->share_rw)
		drive_share(drive);
	return 0;
}

/* On failure its disk is not open. */
static int vm_plug(struct vm *vm, struct device_config *cfg, struct error *e)
{
	struct drive *drive = NULL;
	int ret = 0;

	if (cfg->type->kind == DEVICE_BLK)
		ret = vm_plug_drive(vm, &cfg->blk, e);
	if (!ret)
		ret = vm_make_device(vm, cfg, e);
	if (ret && cfg->type->kind == DEVICE_BLK)
		drive = vm_find_drive(vm, cfg->blk.drive);
	if (drive)
		vm_close_drive(vm, drive);
	return ret;
}

int vm_device_add(void *opaque, struct json_object *args, struct json_object **ret,
		  struct error *e)
{
	struct device_config *cfg;
	struct vm *vm = opaque;
	char *options;
	int err = vm_check_sandbox(vm, "device_add", e);

	(void)ret;
	if (!err)
		err = vm_option_text(args, &options, e);
	if (err)
		return err;
	/* What the guest has ejected already is not in the way. */
	vm_remove_devices(vm, false);
	err = config_plug_device(vm->cfg, options, &cfg, e);
	free(options);
	if (err)
		return err;
	err = vm_plug(vm, cfg, e);
	if (err) {
		config_remove_device(vm->cfg, cfg);
		return err;
	}
	pci_hotplug_look_at(&vm->hotplug, vm->device[vm->n_devices - 1]->pci.pci.slot);
	vm_tell_guest(vm);
	return 0;
}

static struct vm_device *vm_find_device(const struct vm *vm, const char *id)
{
	unsigned int i;

	for (i = 0; i < vm->n_devices; i++)
		if (vm->device[i]->cfg->id && !strcmp(vm->device[i]->cfg->id, id))
			return vm->device[i];
	return vm_qom_find(vm, id);
}

int vm_not_found(const char *id, struct error *e)
{
	return error_set(e, ENODEV, "Device '%.128s' not found", id);
}

int vm_device_del(void *opaque, struct json_object *args, struct json_object **ret,
		  struct error *e)
{
	const char *id = monitor_string(args, "id");
	struct vm *vm = opaque;
	struct vm_device *d;

	(void)ret;
	vm_remove_devices(vm, false);
	d = vm_find_device(vm, id);
	if (!d)
		return vm_not_found(id, e);
	if (!d->cfg->type->hotplug)
		return error_set(e, EINVAL, "Device '%s' does not support hotplugging",
				 d->cfg->type->name);
	/* Whoever did not answer is asked again. */
	pci_hotplug_let_go(&vm->hotplug, d->pci.pci.slot);
	vm_tell_guest(vm);
	return 0;
}

int vm_netdev_add(void *opaque, struct json_object *args, struct json_object **ret,
		  struct error *e)
{
	struct netdev_config *n;
	struct vm *vm = opaque;
	char *options;
	int err = vm_check_sandbox(vm, "netdev_add", e);

	(void)ret;
	if (!err)
		err = vm_option_text(args, &options, e);
	if (err)
		return err;
	err = config_add_netdev(vm->cfg, options, e);
	free(options);
	if (err)
		return err;
	n = vm->cfg->netdev[vm->cfg->n_netdevs - 1];
	/* A number would be one of our own descriptors. */
	if (n->fd || n->fds || n->vhostfd || n->vhostfds)
		err = error_set(e, EINVAL, "fd=, fds=, vhostfd= and vhostfds= are for descriptors "
				"that are handed in at the start");
	if (!err)
		err = vm_open_netdev(vm, n, e);
	if (err)
		config_remove_netdev(vm->cfg, n);
	return err;
}

/* What is behind a device, by its name. */
static const char *vm_other_side(const struct device_config *d)
{
	switch (d->type->kind) {
	case DEVICE_NET:
		return d->net.netdev;
	case DEVICE_BLK:
		return d->blk.drive;
	case DEVICE_9P:
		return d->p9.fsdev;
	default:
		return NULL;
	}
}

/* The device that has it, or NULL. */
static const struct device_config *vm_user_of(const struct vm *vm, enum device_kind kind,
					      const char *id)
{
	unsigned int i;

	for (i = 0; i < vm->cfg->n_devices; i++) {
		const struct device_config *d = vm->cfg->device[i];

		if (d->type->kind == kind && !strcmp(vm_other_side(d), id))
			return d;
	}
	return NULL;
}

static int vm_check_unused(const struct vm *vm, enum device_kind kind, const char *id,
			   struct error *e)
{
	const struct device_config *d = vm_user_of(vm, kind, id);

	return d ? error_set(e, EBUSY, "'%s' is in use by device '%s'", id,
			     d->id ?: d->type->name) : 0;
}

int vm_netdev_del(void *opaque, struct json_object *args, struct json_object **ret,
		  struct error *e)
{
	const char *id = monitor_string(args, "id");
	struct vm *vm = opaque;
	struct netdev *nd;
	int err;

	(void)ret;
	vm_remove_devices(vm, false);
	nd = vm_find_netdev(vm, id);
	if (!nd)
		return vm_not_found(id, e);
	err = vm_check_unused(vm, DEVICE_NET, id, e);
	if (err)
		return err;
	vm_close_netdev(vm, nd);
	config_remove_netdev(vm->cfg, config_find_netdev(vm->cfg, id));
	return 0;
}

/* Its device opens the directory, and has it judged. */
int vm_fsdev_add(void *opaque, struct json_object *args, struct json_object **ret,
		 struct error *e)
{
	struct vm *vm = opaque;
	char *options;
	int err = vm_check_sandbox(vm, "fsdev_add", e);

	(void)ret;
	if (!err)
		err = vm_option_text(args, &options, e);
	if (err)
		return err;
	err = config_add_fsdev(vm->cfg, options, e);
	free(options);
	return err;
}

int vm_fsdev_del(void *opaque, struct json_object *args, struct json_object **ret,
		 struct error *e)
{
	const char *id = monitor_string(args, "id");
	struct fsdev_config *f;
	struct vm *vm = opaque;
	int err;

	(void)ret;
	vm_remove_devices(vm, false);
	f = config_find_fsdev(vm->cfg, id);
	if (!f)
		return vm_not_found(id, e);
	err = vm_check_unused(vm, DEVICE_9P, id, e);
	if (!err)
		config_remove_fsdev(vm->cfg, f);
	return err;
}

int vm_drive_add(void *opaque, struct json_object *args, struct json_object **ret,
		 struct error *e)
{
	struct drive_config *d;
	struct vm *vm = opaque;
	int err = vm_check_sandbox(vm, "drive_add", e);

	(void)ret;
	if (!err)
		err = config_add_drive(vm->cfg, monitor_string(args, "options"), e);
	if (err)
		return err;
	d = vm->cfg->drive[vm->cfg->n_drives - 1];
	if (d->virtio)
		err = error_set(e, EINVAL, "Can't hot-add drive to type virtio: give if=none, and "
				"then device_add");
	else if (!d->file || !*d->file)
		err = error_set(e, EINVAL, "Device needs media, but drive is empty");
	else
		err = vm_open_drive(vm, d, e);
	if (err)
		config_remove_drive(vm->cfg, d);
	return err;
}

int vm_drive_del(void *opaque, struct json_object *args, struct json_object **ret,
		 struct error *e)
{
	const char *id = monitor_string(args, "id");
	struct vm *vm = opaque;
	int err;

	(void)ret;
	vm_remove_devices(vm, false);
	if (!config_find_drive(vm->cfg, id))
		return vm_not_found(id, e);
	err = vm_check_unused(vm, DEVICE_BLK, id, e);
	if (!err)
		vm_forget_drive(vm, id);
	return err;
}
