// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the balloon in a monitor: its target, what the guest has left, and the event
 *	when that changes. Its statistics are properties: see vm_qom.c.
 * Threads: main.
 * Locks: the machine's lock is held.
 */
#include <errno.h>
#include <inttypes.h>

#include "vm_internal.h"

static struct balloon_dev *vm_find_balloon(struct vm *vm, struct error *e)
{
	unsigned int i;

	for (i = 0; i < vm->n_devices; i++)
		if (vm->device[i]->cfg->type->kind == DEVICE_BALLOON)
			return &vm->device[i]->balloon;
	error_set(e, ENOTCONN, "No balloon device has been activated");
	return NULL;
}

static struct json_object *vm_balloon_info(u64 actual)
{
	struct json_object *o = json_object_new_object();

	monitor_add_int(o, "actual", actual);
	return o;
}

static void vm_balloon_changed(void *opaque, u64 actual)
{
	struct vm *vm = opaque;

	monitor_event(&vm->monitor, "BALLOON_CHANGE", vm_balloon_info(actual));
}

void vm_watch_balloon(struct vm *vm, struct balloon_dev *b)
{
	balloon_on_change(b, vm_balloon_changed, vm);
}

int vm_do_balloon(void *opaque, struct json_object *args, struct json_object **ret,
		  struct error *e)
{
	struct balloon_dev *b = vm_find_balloon(opaque, e);
	u64 target = monitor_number(args, "value", 0);

	(void)ret;
	if (!b)
		return -ENOTCONN;
	if (!target)
		return error_set(e, EINVAL, "Parameter 'target' expects a size");
	balloon_set_target(b, target);
	return 0;
}

int vm_query_balloon(void *opaque, struct json_object *args, struct json_object **ret,
		     struct error *e)
{
	struct balloon_dev *b = vm_find_balloon(opaque, e);

	(void)args;
	if (!b)
		return -ENOTCONN;
	*ret = vm_balloon_info(balloon_actual(b));
	return 0;
}

void vm_print_balloon(FILE *out, struct json_object *ret)
{
	fprintf(out, "balloon: actual=%" PRId64 "\n", monitor_get_int(ret, "actual") >> 20);
}
