// SPDX-License-Identifier: GPL-2.0
/*
 * Role: what a monitor can tell of the VM as a whole, in QMP's words.
 * Threads: main.
 * Locks: the machine's lock is held.
 */
#include <stdio.h>

#include "vm_internal.h"

int vm_query_status(void *opaque, struct json_object *args, struct json_object **ret,
		    struct error *e)
{
	static const char *const names[] = {
		[VM_PRELAUNCH] = "prelaunch",
		[VM_RUNNING] = "running",
		[VM_PAUSED] = "paused",
	};
	const struct vm *vm = opaque;

	(void)args, (void)e;
	*ret = json_object_new_object();
	monitor_add_bool(*ret, "running", vm->state == VM_RUNNING);
	monitor_add_bool(*ret, "singlestep", false);
	monitor_add_string(*ret, "status", names[vm->state]);
	return 0;
}

int vm_query_name(void *opaque, struct json_object *args, struct json_object **ret,
		  struct error *e)
{
	const struct vm *vm = opaque;

	(void)args, (void)e;
	*ret = json_object_new_object();
	if (vm->cfg->name)
		monitor_add_string(*ret, "name", vm->cfg->name);
	return 0;
}

int vm_query_uuid(void *opaque, struct json_object *args, struct json_object **ret,
		  struct error *e)
{
	const struct vm *vm = opaque;

	(void)args, (void)e;
	*ret = json_object_new_object();
	monitor_add_string(*ret, "UUID",
			   vm->cfg->uuid ?: "00000000-0000-0000-0000-000000000000");
	return 0;
}

/* There would be no VM without it. */
int vm_query_kvm(void *opaque, struct json_object *args, struct json_object **ret,
		 struct error *e)
{
	const struct vm *vm = opaque;

	(void)args, (void)e;
	*ret = json_object_new_object();
	monitor_add_bool(*ret, "enabled", vm->machine.kvm.vmfd >= 0);
	monitor_add_bool(*ret, "present", vm->machine.kvm.fd >= 0);
	return 0;
}

int vm_query_cpus(void *opaque, struct json_object *args, struct json_object **ret,
		  struct error *e)
{
	struct vm *vm = opaque;
	struct vcpus *vs = &vm->machine.vcpus;
	struct json_object *cpu, *props;
	char path[48];
	unsigned int i;

	(void)args, (void)e;
	*ret = json_object_new_array();
	for (i = 0; i < vs->n; i++) {
		cpu = json_object_new_object();
		props = json_object_new_object();
		monitor_add_int(props, "socket-id", 0);
		monitor_add_int(props, "core-id", i);
		monitor_add_int(props, "thread-id", 0);
		snprintf(path, sizeof(path), "/machine/unattached/device[%u]", i);
		monitor_add_int(cpu, "cpu-index", i);
		monitor_add_string(cpu, "qom-path", path);
		monitor_add_int(cpu, "thread-id", vcpu_tid(vs, i));
		monitor_add_string(cpu, "target", "x86_64");
		json_object_object_add(cpu, "props", props);
		json_object_array_add(*ret, cpu);
	}
	return 0;
}

int vm_query_memory(void *opaque, struct json_object *args, struct json_object **ret,
		    struct error *e)
{
	const struct vm *vm = opaque;

	(void)args, (void)e;
	*ret = json_object_new_object();
	monitor_add_int(*ret, "base-memory", vm->machine.ram.size);
	monitor_add_int(*ret, "plugged-memory", 0);
	return 0;
}

/* Who listens and has no client, in QEMU's word. */
static const char *chardev_state(const struct chardev *c)
{
	return c && c->listen_fd >= 0 && c->in_fd < 0 ? "disconnected:" : "";
}

static void add_chardev(struct json_object *list, const char *label,
			const struct chardev_config *cfg, const struct chardev *c)
{
	static const char *const names[] = {
		[CHARDEV_NONE] = "none", [CHARDEV_NULL] = "null", [CHARDEV_STDIO] = "stdio",
		[CHARDEV_FILE] = "file:", [CHARDEV_PTY] = "pty", [CHARDEV_SOCKET] = "unix:",
	};
	struct json_object *o = json_object_new_object();
	char text[512];

	snprintf(text, sizeof(text), "%s%s%s%s%s", chardev_state(c), cfg->mux ? "mon:" : "",
		 names[cfg->kind], cfg->path ?: "", cfg->server ? ",server=on" : "");
	monitor_add_string(o, "label", label);
	monitor_add_string(o, "filename", text);
	monitor_add_bool(o, "frontend-open", true);
	json_object_array_add(list, o);
}

static const struct chardev *find_chardev(const struct vm *vm, const struct chardev_config *cfg)
{
	unsigned int i;

	for (i = 0; i < vm->n_devices; i++)
		if (vm->device[i]->cfg->type->kind == DEVICE_CONSOLE &&
		    vm->device[i]->cfg->console.chardev == cfg)
			return &vm->device[i]->chardev;
	return NULL;
}

int vm_query_chardev(void *opaque, struct json_object *args, struct json_object **ret,
		     struct error *e)
{
	const struct vm *vm = opaque;
	const struct config *cfg = vm->cfg;
	char label[32];
	unsigned int i;

	(void)args, (void)e;
	*ret = json_object_new_array();
	if (cfg->serial.kind != CHARDEV_NONE)
		add_chardev(*ret, "serial0", &cfg->serial, &vm->chardev);
	for (i = 0; i < cfg->n_chardevs; i++)
		if (cfg->chardev[i].used)
			add_chardev(*ret, cfg->chardev[i].id, &cfg->chardev[i].cfg,
				    find_chardev(vm, &cfg->chardev[i].cfg));
	for (i = 0; i < cfg->n_monitors; i++) {
		if (cfg->monitor[i].chardev.kind == CHARDEV_NONE)
			continue;
		snprintf(label, sizeof(label), "compat_monitor%u", i);
		add_chardev(*ret, label, &cfg->monitor[i].chardev, NULL);
	}
	return 0;
}
