// SPDX-License-Identifier: GPL-2.0
/*
 * Role: "ferry list": the guests of the run directory and what each tells of itself. One
 *	that tells nothing is listed all the same.
 * Threads: main.
 * Locks: none.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "ctl.h"
#include "plain.h"
#include "rundir.h"

/* Milliseconds for each answer: a guest that hangs shall not hide the others for long. */
#define LIST_PATIENCE	5000

struct list_row {
	const struct rundir_entry *entry;
	char state[24];
	u64 memory;		/* bytes, 0: not known */
	u64 cpus;
};

static u64 list_number(struct json_object *o, const char *name)
{
	struct json_object *val = NULL;

	return json_object_object_get_ex(o, name, &val) ? json_object_get_uint64(val) : 0;
}

/* What it has, as its balloon says, or else what it was given. */
static void list_ask_memory(struct client *c, struct list_row *row)
{
	struct json_object *ret = NULL;

	if (!client_command(c, "query-balloon", NULL, &ret, NULL))
		row->memory = list_number(ret, "actual");
	json_object_put(ret);
	ret = NULL;
	if (!row->memory && !client_command(c, "query-memory-size-summary", NULL, &ret, NULL))
		row->memory = list_number(ret, "base-memory");
	json_object_put(ret);
}

static int list_ask(struct client *c, struct list_row *row)
{
	struct json_object *ret = NULL, *state;
	int err = client_command(c, "query-status", NULL, &ret, NULL);

	if (!err && json_object_object_get_ex(ret, "status", &state)) {
		snprintf(row->state, sizeof(row->state), "%s", json_object_get_string(state));
		plain_text(row->state, strlen(row->state), false);
	}
	json_object_put(ret);
	ret = NULL;
	if (!err)
		err = client_command(c, "query-cpus-fast", NULL, &ret, NULL);
	if (!err && json_object_is_type(ret, json_type_array))
		row->cpus = json_object_array_length(ret);
	json_object_put(ret);
	if (!err)
		list_ask_memory(c, row);
	return err;
}

static void list_fill(const struct rundir *d, struct list_row *row)
{
	char path[RUNDIR_PATH_MAX];
	struct client c;
	int ret = rundir_path(d, row->entry->name, "qmp", path, NULL);

	if (!ret)
		ret = client_open(&c, path, LIST_PATIENCE, NULL);
	if (!ret) {
		ret = list_ask(&c, row);
		client_close(&c);
	}
	if (ret)
		snprintf(row->state, sizeof(row->state), "%s",
			 ret == -ETIMEDOUT ? "silent" : "unready");
}

static void list_print_number(u64 value, int width)
{
	if (value)
		printf(" %*" PRIu64, width, value);
	else
		printf(" %*s", width, "-");
}

static void list_print(const struct list_row *row)
{
	printf("%-20s", row->entry->name);
	list_print_number(row->entry->pid, 8);
	printf(" %-12s", row->state);
	list_print_number(row->memory >> 20, 7);
	list_print_number(row->cpus, 5);
	printf("\n");
}

static void list_add_json(struct json_object *list, const struct list_row *row)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(row->entry->name));
	json_object_object_add(o, "pid", json_object_new_int(row->entry->pid));
	json_object_object_add(o, "state", json_object_new_string(row->state));
	json_object_object_add(o, "memory", json_object_new_int64(row->memory));
	json_object_object_add(o, "cpus", json_object_new_int64(row->cpus));
	json_object_array_add(list, o);
}

static void list_guests(const struct rundir *d, const struct rundir_entry *list, int n,
			bool json)
{
	struct json_object *all = json_object_new_array();
	int i;

	if (!json)
		printf("%-20s %8s %-12s %7s %5s\n", "NAME", "PID", "STATE", "MEMORY", "CPUS");
	for (i = 0; i < n; i++) {
		struct list_row row = { &list[i], "unready", 0, 0 };

		list_fill(d, &row);
		if (json)
			list_add_json(all, &row);
		else
			list_print(&row);
		fflush(stdout);
	}
	if (json)
		printf("%s\n", json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY));
	json_object_put(all);
}

int ctl_list(int argc, char **argv, struct error *e)
{
	bool json = false, quick = false;
	const struct ctl_option options[] = { { "json", &json }, { "q", &quick }, { NULL } };
	const struct ctl_args args = { options, 0, 0, "no words", NULL };
	struct rundir_entry *list = NULL;
	struct rundir d;
	int i, n, ret;

	ret = ctl_args(argc, argv, &args, e);
	if (ret)
		return ret;
	ret = rundir_open(&d, false, e);
	if (ret && ret != -ENOENT)
		return ret;
	n = ret ? 0 : rundir_list(&d, &list, e);
	if (quick)
		for (i = 0; i < n; i++)
			printf("%s\n", list[i].name);
	else if (n >= 0)
		list_guests(&d, list, n, json);
	free(list);
	rundir_close(&d);
	return n < 0 ? n : 0;
}
