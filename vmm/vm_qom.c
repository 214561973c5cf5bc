// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the part of QEMU's object tree that its users walk: devices with their types, by
 *	the paths that they have there, and the statistics of the balloon.
 * Threads: main.
 * Locks: the machine's lock is held.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vm_internal.h"

#define QOM_WITH_ID	"/machine/peripheral"
#define QOM_WITHOUT_ID	"/machine/peripheral-anon"

/* What is above the devices. */
static const struct {
	const char *path, *child;
} containers[] = {
	{ "/", "machine" },
	{ "/machine", "peripheral" },
	{ "/machine", "peripheral-anon" },
	{ QOM_WITH_ID, NULL },
	{ QOM_WITHOUT_ID, NULL },
};

struct qom_property {
	const char *name, *type;
	bool of_balloon;	/* else of every device */
	struct json_object *(*get)(const struct vm_device *d);
	int (*set)(struct vm_device *d, const char *name, struct json_object *val,
		   struct error *e);
};

static struct json_object *get_type(const struct vm_device *d)
{
	return json_object_new_string(d->cfg->type->name);
}

static struct json_object *get_stats(const struct vm_device *d)
{
	const struct balloon_stats *s = &d->balloon.stats;
	struct json_object *o = json_object_new_object(), *values = json_object_new_object();
	unsigned int i;

	for (i = 0; balloon_stat_name(i); i++)
		json_object_object_add(values, balloon_stat_name(i),
				       json_object_new_uint64(s->value[i]));
	json_object_object_add(o, "stats", values);
	monitor_add_int(o, "last-update", s->updated);
	return o;
}

static struct json_object *get_interval(const struct vm_device *d)
{
	return json_object_new_int64(d->balloon.interval);
}

static int set_interval(struct vm_device *d, const char *name, struct json_object *val,
			struct error *e)
{
	s64 seconds;
	int ret;

	if (!json_object_is_type(val, json_type_int))
		return error_set(e, EINVAL, "Invalid parameter type for '%s', expected: integer",
				 name);
	seconds = json_object_get_int64(val);
	if (seconds < 0)
		return error_set(e, ERANGE, "timer value must be greater than zero");
	if (seconds > UINT32_MAX)
		return error_set(e, ERANGE, "timer value is too big");
	ret = balloon_set_interval(&d->balloon, seconds);
	return ret ? error_errno(e, ret, "timer") : 0;
}

static const struct qom_property properties[] = {
	{ "type", "string", false, get_type, NULL },
	{ "guest-stats", "guest statistics", true, get_stats, NULL },
	{ "guest-stats-polling-interval", "int", true, get_interval, set_interval },
};

static bool qom_has(const struct vm_device *d, const struct qom_property *p)
{
	return !p->of_balloon || d->cfg->type->kind == DEVICE_BALLOON;
}

/* Where a device is: its container, which is returned, and its name there. */
static const char *qom_name(const struct vm *vm, unsigned int i, char *name, size_t len)
{
	unsigned int n = 0;

	if (vm->device[i]->cfg->id) {
		snprintf(name, len, "%s", vm->device[i]->cfg->id);
		return QOM_WITH_ID;
	}
	while (i--)
		n += !vm->device[i]->cfg->id;
	snprintf(name, len, "device[%u]", n);
	return QOM_WITHOUT_ID;
}

void vm_qom_path(const struct vm *vm, const struct vm_device *d, char path[VM_QOM_PATH])
{
	char name[VM_QOM_PATH / 2];
	const char *parent;
	unsigned int i;

	for (i = 0; vm->device[i] != d; i++)
		;
	parent = qom_name(vm, i, name, sizeof(name));
	snprintf(path, VM_QOM_PATH, "%s/%s", parent, name);
}

struct vm_device *vm_qom_find(const struct vm *vm, const char *path)
{
	unsigned int i;

	for (i = 0; i < vm->n_devices; i++) {
		char name[VM_QOM_PATH];
		const char *parent = qom_name(vm, i, name, sizeof(name));
		size_t len = strlen(parent);

		if (!strncmp(path, parent, len) && path[len] == '/' &&
		    !strcmp(path + len + 1, name))
			return vm->device[i];
	}
	return NULL;
}

static void qom_add(struct json_object *list, const char *name, const char *type)
{
	struct json_object *o = json_object_new_object();

	monitor_add_string(o, "name", name);
	monitor_add_string(o, "type", type);
	json_object_array_add(list, o);
}

static void qom_list_children(const struct vm *vm, const char *path, struct json_object *list)
{
	char name[VM_QOM_PATH], type[64];
	unsigned int i;

	for (i = 0; i < vm->n_devices; i++) {
		if (strcmp(qom_name(vm, i, name, sizeof(name)), path))
			continue;
		snprintf(type, sizeof(type), "child<%s>", vm->device[i]->cfg->type->name);
		qom_add(list, name, type);
	}
}

static int qom_no_path(const char *path, struct error *e)
{
	return error_set(e, ENODEV, "Device '%.64s' not found", path);
}

int vm_qom_list(void *opaque, struct json_object *args, struct json_object **ret,
		struct error *e)
{
	const char *path = monitor_string(args, "path");
	struct vm *vm = opaque;
	const struct vm_device *d = vm_qom_find(vm, path);
	struct json_object *list = json_object_new_array();
	bool known = d;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(containers); i++) {
		if (strcmp(containers[i].path, path))
			continue;
		known = true;
		if (containers[i].child)
			qom_add(list, containers[i].child, "child<container>");
	}
	for (i = 0; d && i < ARRAY_SIZE(properties); i++)
		if (qom_has(d, &properties[i]))
			qom_add(list, properties[i].name, properties[i].type);
	qom_list_children(vm, path, list);
	if (known) {
		*ret = list;
		return 0;
	}
	json_object_put(list);
	return qom_no_path(path, e);
}

/* The device and the property that the arguments name. */
static int qom_look_up(struct vm *vm, struct json_object *args, struct vm_device **d,
		       const struct qom_property **p, struct error *e)
{
	const char *path = monitor_string(args, "path");
	const char *name = monitor_string(args, "property");
	size_t i;

	*d = vm_qom_find(vm, path);
	if (!*d)
		return qom_no_path(path, e);
	for (i = 0; i < ARRAY_SIZE(properties); i++) {
		*p = &properties[i];
		if (!strcmp((*p)->name, name) && qom_has(*d, *p))
			return 0;
	}
	return error_set(e, EINVAL, "Property '%s.%.64s' not found", (*d)->cfg->type->name, name);
}

int vm_qom_get(void *opaque, struct json_object *args, struct json_object **ret, struct error *e)
{
	const struct qom_property *p;
	struct vm_device *d;
	int err = qom_look_up(opaque, args, &d, &p, e);

	if (!err)
		*ret = p->get(d);
	return err;
}

int vm_qom_set(void *opaque, struct json_object *args, struct json_object **ret, struct error *e)
{
	const struct qom_property *p;
	struct json_object *val;
	struct vm_device *d;
	int err = qom_look_up(opaque, args, &d, &p, e);

	(void)ret;
	if (err)
		return err;
	if (!p->set)
		return error_set(e, EPERM, "Property '%s.%s' is not writable",
				 d->cfg->type->name, p->name);
	json_object_object_get_ex(args, "value", &val);
	return p->set(d, p->name, val, e);
}

void vm_print_qom_list(FILE *out, struct json_object *ret)
{
	size_t i;

	for (i = 0; i < json_object_array_length(ret); i++) {
		struct json_object *o = json_object_array_get_idx(ret, i);

		fprintf(out, "%s (%s)\n", monitor_get_string(o, "name"),
			monitor_get_string(o, "type"));
	}
}

void vm_print_qom_value(FILE *out, struct json_object *ret)
{
	fprintf(out, "%s\n", json_object_to_json_string_ext(ret, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_SPACED));
}
