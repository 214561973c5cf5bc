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
