// SPDX-License-Identifier: GPL-2.0
/*
 * Role: disks that get another size while the guest runs: by a monitor's block_resize, or
 *	by whoever changed the image or the device and sends a signal.
 * Threads: main.
 * Locks: the machine's lock is held.
 */
#include <errno.h>
#include <string.h>

#include "vm_internal.h"

int vm_refresh_disks(struct vm *vm, const char *drive)
{
	int ret = 0;
	unsigned int i;

	for (i = 0; i < vm->n_devices; i++) {
		struct vm_device *d = vm->device[i];

		if (d->cfg->type->kind == DEVICE_BLK &&
		    (!drive || !strcmp(drive, d->cfg->blk.drive)))
			ret = blk_refresh(&d->blk) ?: ret;
	}
	return ret;
}

/* One that gets smaller does so first: a write that is under way would make the file long again. */
static int vm_shrink_disk(struct vm *vm, const char *drive, u64 bytes)
{
	unsigned int i;

	for (i = 0; i < vm->n_devices; i++) {
		struct vm_device *d = vm->device[i];

		if (d->cfg->type->kind == DEVICE_BLK && !strcmp(drive, d->cfg->blk.drive))
			return blk_resize(&d->blk, bytes);
	}
	return 0;
}

int vm_block_resize(void *opaque, struct json_object *args, struct json_object **ret,
		    struct error *e)
{
	const char *id = monitor_string(args, "device");
	s64 bytes = monitor_number(args, "size", 0);
	struct vm *vm = opaque;
	struct drive *d = vm_find_drive(vm, id);
	int err, refused = 0;

	(void)ret;
	if (!d && config_find_drive(vm->cfg, id))
		return error_set(e, ENODEV, "'%.128s' is not in use by a device", id);
	if (!d)
		return vm_not_found(id, e);
	if (bytes <= 0)
		return error_set(e, EINVAL, "Parameter 'size' expects a >0 size");
	err = drive_check_resize(d, bytes, e);
	if (err)
		return err;
	if (drive_loses(d, bytes))
		refused = vm_shrink_disk(vm, id, bytes);
	if (!refused) {
		err = drive_resize(d, bytes, e);
		refused = vm_refresh_disks(vm, id);
	}
	if (err || !refused)
		return err;
	return error_errno(e, -refused, "'%s' needs a reset to have its new size", id);
}
