// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the table of what a monitor can do, and the commands that change something.
 *	A command is a row here and a function; those that only tell are in vm_query.c
 *	and vm_query_devices.c, and their text in vm_print.c.
 * Threads: main.
 * Locks: the machine's lock is held.
 */
#include <errno.h>

#include "options/version.h"
#include "vm_internal.h"

static int vm_do_stop(void *opaque, struct json_object *args, struct json_object **ret,
		      struct error *e)
{
	(void)args, (void)ret, (void)e;
	vm_stop(opaque);
	return 0;
}

static int vm_do_cont(void *opaque, struct json_object *args, struct json_object **ret,
		      struct error *e)
{
	(void)args, (void)ret;
	return vm_cont(opaque, e);
}

static int vm_do_quit(void *opaque, struct json_object *args, struct json_object **ret,
		      struct error *e)
{
	struct vm *vm = opaque;

	(void)args, (void)ret, (void)e;
	machine_ask_by(&vm->machine, MACHINE_POWEROFF, MACHINE_BY_MONITOR);
	return 0;
}

static int vm_do_powerdown(void *opaque, struct json_object *args, struct json_object **ret,
			   struct error *e)
{
	(void)args, (void)ret, (void)e;
	vm_power_button(opaque);
	return 0;
}

static int vm_do_reset(void *opaque, struct json_object *args, struct json_object **ret,
		       struct error *e)
{
	struct vm *vm = opaque;

	(void)args, (void)ret, (void)e;
	machine_ask_by(&vm->machine, MACHINE_RESET, MACHINE_BY_MONITOR);
	return 0;
}

static int vm_do_version(void *opaque, struct json_object *args, struct json_object **ret,
			 struct error *e)
{
	(void)opaque, (void)args, (void)e;
	*ret = json_object_new_string(FERRY_VERSION);
	return 0;
}

static void vm_print_version(FILE *out, struct json_object *ret)
{
	fprintf(out, "%s (ferry)\n", json_object_get_string(ret));
}

static void vm_print_drive_add(FILE *out, struct json_object *ret)
{
	(void)ret;
	fputs("OK\n", out);
}

static const struct monitor_command rows[] = {
	{ "stop", "stop|s", "stop the guest and its devices", .run = vm_do_stop },
	{ "cont", "cont|c", "let it go on", .run = vm_do_cont },
	{ "system_powerdown", "system_powerdown", "press the power button",
	  .run = vm_do_powerdown },
	{ "system_reset", "system_reset", "start the guest again", .run = vm_do_reset },
	{ "quit", "quit|q", "end the VM", .run = vm_do_quit },
	{ NULL, "info version", "show the version", .run = vm_do_version,
	  .print = vm_print_version },
	{ "query-status", "info status", "show whether the guest runs", .run = vm_query_status,
	  .print = vm_print_status },
	{ "query-name", "info name", "show the guest's name", .run = vm_query_name,
	  .print = vm_print_name },
	{ "query-uuid", "info uuid", "show the guest's UUID", .run = vm_query_uuid,
	  .print = vm_print_uuid },
	{ "query-kvm", "info kvm", "show whether there is KVM", .run = vm_query_kvm,
	  .print = vm_print_kvm },
	{ "query-cpus-fast", "info cpus", "show the processors and their threads",
	  .run = vm_query_cpus, .print = vm_print_cpus },
	{ "query-memory-size-summary", "info memory_size_summary", "show how much memory it has",
	  .run = vm_query_memory, .print = vm_print_memory },
	{ "query-network", "info network", "show the network cards and what is behind them",
	  .run = vm_query_network, .print = vm_print_network },
	{ "query-block", "info block", "show the disks and their images", .run = vm_query_block,
	  .print = vm_print_block },
	{ "query-blockstats", "info blockstats", "show what the disks' requests came to",
	  .run = vm_query_blockstats, .print = vm_print_blockstats },
	{ "query-pci", "info pci", "show the devices on PCI", .run = vm_query_pci,
	  .print = vm_print_pci },
	{ "query-vhost", "info vhost", "show who serves which queues", .run = vm_query_vhost,
	  .print = vm_print_vhost },
	{ "query-chardev", "info chardev", "show what is behind serial port and monitors",
	  .run = vm_query_chardev, .print = vm_print_chardev },
	{ "device_add", "device_add", "plug a device in",
	  { { "driver", MONITOR_OPTIONS } }, .run = vm_device_add },
	{ "device_del", "device_del", "ask the guest to let go of a device",
	  { { "id", MONITOR_STRING } }, .run = vm_device_del },
	{ "netdev_add", "netdev_add", "make the other side of a network card",
	  { { "type", MONITOR_OPTIONS } }, .run = vm_netdev_add },
	{ "netdev_del", "netdev_del", "take it away", { { "id", MONITOR_STRING } },
	  .run = vm_netdev_del },
	{ "fsdev_add", "fsdev_add", "name a directory for a device_add",
	  { { "fsdriver", MONITOR_OPTIONS } }, .run = vm_fsdev_add },
	{ "fsdev_del", "fsdev_del", "take the name away", { { "id", MONITOR_STRING } },
	  .run = vm_fsdev_del },
	{ NULL, "drive_add", "open an image for a device_add",
	  { { "addr", MONITOR_STRING }, { "options", MONITOR_STRING } }, .run = vm_drive_add,
	  .print = vm_print_drive_add },
	{ NULL, "drive_del", "close an image that no device has", { { "id", MONITOR_STRING } },
	  .run = vm_drive_del },
	{ "block_resize", "block_resize", "give a disk's image another size, and tell the guest",
	  { { "device", MONITOR_STRING }, { "size", MONITOR_MEGABYTES } },
	  .run = vm_block_resize },
	{ "balloon", "balloon", "ask the guest to get along with that much memory",
	  { { "value", MONITOR_MEGABYTES } }, .run = vm_do_balloon },
	{ "query-balloon", "info balloon", "show how much memory the guest has",
	  .run = vm_query_balloon, .print = vm_print_balloon },
	{ "qom-list", "qom-list", "list what is in an object", { { "path", MONITOR_STRING } },
	  .run = vm_qom_list, .print = vm_print_qom_list },
	{ "qom-get", "qom-get", "show a property of a device",
	  { { "path", MONITOR_STRING }, { "property", MONITOR_STRING } },
	  .run = vm_qom_get, .print = vm_print_qom_value },
	{ "qom-set", "qom-set", "set one", { { "path", MONITOR_STRING },
	  { "property", MONITOR_STRING }, { "value", MONITOR_ANY } }, .run = vm_qom_set },
};

const struct monitor_table vm_commands = { rows, ARRAY_SIZE(rows), FERRY_VERSION };
