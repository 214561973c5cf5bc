// SPDX-License-Identifier: GPL-2.0
/*
 * Role: what the monitor tells, for people: the text of what vm_query*.c returns, in
 *	the form in which QEMU's users know it.
 * Threads: main.
 * Locks: none of its own.
 */
#include <inttypes.h>
#include <string.h>

#include "vm_internal.h"

void vm_print_status(FILE *out, struct json_object *ret)
{
	const char *status = monitor_get_string(ret, "status");
	bool running = monitor_get_bool(ret, "running");

	fprintf(out, "VM status: %s", running ? "running" : "paused");
	if (!running && strcmp(status, "paused"))
		fprintf(out, " (%s)", status);
	fputc('\n', out);
}

void vm_print_name(FILE *out, struct json_object *ret)
{
	const char *name = monitor_get_string(ret, "name");

	if (*name)
		fprintf(out, "%s\n", name);
}

void vm_print_uuid(FILE *out, struct json_object *ret)
{
	fprintf(out, "%s\n", monitor_get_string(ret, "UUID"));
}

void vm_print_kvm(FILE *out, struct json_object *ret)
{
	fprintf(out, "kvm support: %s\n",
		monitor_get_bool(ret, "enabled") ? "enabled" : "disabled");
}

void vm_print_cpus(FILE *out, struct json_object *ret)
{
	size_t i;

	for (i = 0; i < json_object_array_length(ret); i++) {
		struct json_object *cpu = json_object_array_get_idx(ret, i);

		fprintf(out, "%c CPU #%" PRId64 ": thread_id=%" PRId64 "\n", i ? ' ' : '*',
			monitor_get_int(cpu, "cpu-index"), monitor_get_int(cpu, "thread-id"));
	}
}

void vm_print_memory(FILE *out, struct json_object *ret)
{
	fprintf(out, "base memory: %" PRId64 "\nplugged memory: %" PRId64 "\n",
		monitor_get_int(ret, "base-memory"), monitor_get_int(ret, "plugged-memory"));
}

void vm_print_chardev(FILE *out, struct json_object *ret)
{
	size_t i;

	for (i = 0; i < json_object_array_length(ret); i++) {
		struct json_object *c = json_object_array_get_idx(ret, i);

		fprintf(out, "%s: filename=%s\n", monitor_get_string(c, "label"),
			monitor_get_string(c, "filename"));
	}
}

void vm_print_network(FILE *out, struct json_object *ret)
{
	size_t i;

	for (i = 0; i < json_object_array_length(ret); i++) {
		struct json_object *n = json_object_array_get_idx(ret, i);

		fprintf(out, "%s: index=0,type=nic,model=%s,macaddr=%s\n",
			monitor_get_string(n, "name"), monitor_get_string(n, "model"),
			monitor_get_string(n, "macaddr"));
		fprintf(out, " \\ %s: index=0,type=%s,ifname=%s,queues=%" PRId64 ",vhost=%s\n",
			monitor_get_string(n, "netdev"), monitor_get_string(n, "type"),
			monitor_get_string(n, "ifname"), monitor_get_int(n, "queues"),
			monitor_get_bool(n, "vhost") ? "on" : "off");
	}
}

static struct json_object *member(struct json_object *o, const char *name)
{
	struct json_object *val = NULL;

	json_object_object_get_ex(o, name, &val);
	return val;
}

void vm_print_block(FILE *out, struct json_object *ret)
{
	size_t i;

	for (i = 0; i < json_object_array_length(ret); i++) {
		struct json_object *b = json_object_array_get_idx(ret, i);
		struct json_object *in = member(b, "inserted"), *cache = member(in, "cache");

		fprintf(out, "%s%s: %s (%s%s)\n", i ? "\n" : "", monitor_get_string(b, "device"),
			monitor_get_string(in, "file"), monitor_get_string(in, "drv"),
			monitor_get_bool(in, "ro") ? ", read-only" : "");
		fprintf(out, "    Attached to:      %s\n", monitor_get_string(b, "qdev"));
		fprintf(out, "    Cache mode:       %s%s%s\n",
			monitor_get_bool(cache, "writeback") ? "writeback" : "writethrough",
			monitor_get_bool(cache, "direct") ? ", direct" : "",
			monitor_get_bool(cache, "no-flush") ? ", ignore flushes" : "");
		fprintf(out, "    Size:             %" PRId64 " bytes\n",
			monitor_get_int(member(in, "image"), "virtual-size"));
	}
}

void vm_print_blockstats(FILE *out, struct json_object *ret)
{
	size_t i;

	for (i = 0; i < json_object_array_length(ret); i++) {
		struct json_object *b = json_object_array_get_idx(ret, i);

		fprintf(out, "%s:", monitor_get_string(b, "device"));
		json_object_object_foreach(member(b, "stats"), key, value)
			fprintf(out, " %s=%" PRId64, key, json_object_get_int64(value));
		fputs("\n", out);
	}
}

static void print_pci_device(FILE *out, struct json_object *d)
{
	struct json_object *id = member(d, "id"), *regions = member(d, "regions"), *r;
	size_t i;

	fprintf(out, "  Bus  0, device %3" PRId64 ", function 0:\n", monitor_get_int(d, "slot"));
	fprintf(out, "    Class %04" PRIx64 ": PCI device %04" PRIx64 ":%04" PRIx64 "\n",
		monitor_get_int(member(d, "class_info"), "class"), monitor_get_int(id, "vendor"),
		monitor_get_int(id, "device"));
	for (i = 0; i < json_object_array_length(regions); i++) {
		s64 at, last;

		r = json_object_array_get_idx(regions, i);
		at = monitor_get_int(r, "address");
		last = at + monitor_get_int(r, "size") - 1;
		if (!strcmp(monitor_get_string(r, "type"), "io"))
			fprintf(out, "      BAR%" PRId64 ": I/O at 0x%04" PRIx64 " [0x%04" PRIx64
				"].\n", monitor_get_int(r, "bar"), at, last);
		else
			fprintf(out, "      BAR%" PRId64 ": 32 bit memory at 0x%08" PRIx64
				" [0x%08" PRIx64 "].\n", monitor_get_int(r, "bar"), at, last);
	}
	fprintf(out, "      id \"%s\"\n", monitor_get_string(d, "qdev_id"));
}

void vm_print_pci(FILE *out, struct json_object *ret)
{
	struct json_object *list = member(json_object_array_get_idx(ret, 0), "devices");
	size_t i;

	for (i = 0; i < json_object_array_length(list); i++)
		print_pci_device(out, json_object_array_get_idx(list, i));
}

void vm_print_vhost(FILE *out, struct json_object *ret)
{
	size_t i, k;

	for (i = 0; i < json_object_array_length(ret); i++) {
		struct json_object *d = json_object_array_get_idx(ret, i);
		struct json_object *q = member(d, "queues");

		fprintf(out, "%s: %s, %s, %s, %s, features 0x%" PRIx64 "\n",
			monitor_get_string(d, "device"), monitor_get_string(d, "driver"),
			monitor_get_bool(d, "vhost") ? monitor_get_string(d, "vhostdev") :
			"vhost=off", monitor_get_string(d, "state"),
			monitor_get_string(d, "ring"), monitor_get_int(d, "features"));
		for (k = 0; k < json_object_array_length(q); k++)
			fprintf(out, "    queue %" PRId64 ": %" PRId64 " descriptors\n",
				monitor_get_int(json_object_array_get_idx(q, k), "queue"),
				monitor_get_int(json_object_array_get_idx(q, k), "size"));
	}
}
