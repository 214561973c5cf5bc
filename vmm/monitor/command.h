/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One table of commands for QMP and for the monitor that people type at (HMP). A row
 * and a function make a command: the row says its names and arguments, the function
 * gets arguments that were checked and returns JSON, and where the row has a printer,
 * that turns the same JSON into text.
 */
#ifndef FERRY_VMM_MONITOR_COMMAND_H
#define FERRY_VMM_MONITOR_COMMAND_H

#include <json-c/json.h>
#include <stdio.h>

#include "../error.h"
#include "../types.h"

enum monitor_arg_type {
	MONITOR_STRING,
	MONITOR_INT,
	MONITOR_BOOL,		/* typed: on or off */
	MONITOR_LIST,		/* cannot be typed */
	MONITOR_MEGABYTES,	/* bytes in JSON; typed: MiB unless a suffix says otherwise */
	MONITOR_ANY,		/* typed: a number, on, off, or else a string */
	MONITOR_OPTIONS,	/* the rest: members of any name; typed: VALUE,KEY=VALUE,... */
};

struct monitor_arg {
	const char *name;	/* of MONITOR_OPTIONS: what its first bare value stands for */
	enum monitor_arg_type type;
	bool optional;
};

#define MONITOR_ARGS	3

struct monitor_command {
	const char *qmp;	/* its name in QMP, NULL if it has none there */
	const char *hmp;	/* as typed, "info status", with "|" before other spellings */
	const char *help;	/* for those who type */
	struct monitor_arg arg[MONITOR_ARGS];	/* as many as have names */

	/*
	 * Do it. @args is an object with the arguments that were given; *ret is NULL, which
	 * stands for an empty object, or set to what is returned. A refusal is a negative
	 * errno; -ENODEV and -ENOTCONN have error classes of their own. Main thread, under
	 * the machine's lock.
	 */
	int (*run)(void *vm, struct json_object *args, struct json_object **ret,
		   struct error *e);

	/* Print what run() returned, NULL if nothing; no printer prints nothing. */
	void (*print)(FILE *out, struct json_object *ret);
};

struct monitor_table {
	const struct monitor_command *row;
	size_t n;
	const char *version;
};

/* The row of a QMP name of @len bytes, or NULL. */
const struct monitor_command *monitor_find_qmp(const struct monitor_table *t, const char *name);

/*
 * The row that a typed line begins with, or NULL; @rest is set behind its name. "info"
 * and "help" are not in the table.
 */
const struct monitor_command *monitor_find_hmp(const struct monitor_table *t, const char *line,
					       const char **rest);

/* Check an object of arguments from QMP; @args may be NULL. 0 or -EINVAL with a message. */
int monitor_check_args(const struct monitor_command *c, struct json_object *args,
		       struct error *e);

/* Make the object from what was typed behind the command; 0 or a negative errno. */
int monitor_parse_args(const struct monitor_command *c, const char *line,
		       struct json_object **args, struct error *e);

/* Lines of help: of one command, or of all whose name begins with @prefix. */
void monitor_print_help(FILE *out, const struct monitor_table *t, const char *prefix);

/* Do a typed line, whatever it is, and print all that it says, errors too. */
void monitor_run_line(const struct monitor_table *t, void *vm, const char *line, FILE *out);

/* For functions: the value of an argument, or what stands for one that was not given. */
const char *monitor_string(struct json_object *args, const char *name);
u64 monitor_number(struct json_object *args, const char *name, u64 otherwise);

/* For functions: members of the object that is returned. */
void monitor_add_string(struct json_object *o, const char *name, const char *val);
void monitor_add_int(struct json_object *o, const char *name, s64 val);
void monitor_add_bool(struct json_object *o, const char *name, bool val);

/* For printers: a member of any depth-one object; "" or 0 where there is none. */
const char *monitor_get_string(struct json_object *o, const char *name);
s64 monitor_get_int(struct json_object *o, const char *name);
bool monitor_get_bool(struct json_object *o, const char *name);

#endif /* FERRY_VMM_MONITOR_COMMAND_H */
