// SPDX-License-Identifier: GPL-2.0
/*
 * Role: look commands up, check the arguments that QMP brings, make the same object
 *	of what a person types, and print help.
 * Threads: main.
 * Locks: none of its own.
 */
#include "command.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX	1024U

static unsigned int command_args(const struct monitor_command *c)
{
	unsigned int n = 0;

	while (n < MONITOR_ARGS && c->arg[n].name)
		n++;
	return n;
}

const struct monitor_command *monitor_find_qmp(const struct monitor_table *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (t->row[i].qmp && !strcmp(t->row[i].qmp, name))
			return &t->row[i];
	return NULL;
}

static const char *skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

/* Where @line goes on if it begins with the words of @name, of @len bytes; else NULL. */
static const char *match_words(const char *line, const char *name, size_t len)
{
	const char *end = name + len;

	while (name < end) {
		if (*name == ' ') {
			if (*line != ' ' && *line != '\t')
				return NULL;
			line = skip_blanks(line);
			name++;
		} else if (*line++ != *name++) {
			return NULL;
		}
	}
	return !*line || *line == ' ' || *line == '\t' ? skip_blanks(line) : NULL;
}

const struct monitor_command *monitor_find_hmp(const struct monitor_table *t, const char *line,
					       const char **rest)
{
	const char *name, *end;
	size_t i;

	for (i = 0; i < t->n; i++) {
		for (name = t->row[i].hmp; name; name = *end ? end + 1 : NULL) {
			end = strchrnul(name, '|');
			*rest = match_words(line, name, end - name);
			if (*rest)
				return &t->row[i];
		}
	}
	return NULL;
}

static bool type_fits(enum monitor_arg_type type, struct json_object *val)
{
	switch (type) {
	case MONITOR_STRING:
		return json_object_is_type(val, json_type_string);
	case MONITOR_BOOL:
		return json_object_is_type(val, json_type_boolean);
	case MONITOR_LIST:
		return json_object_is_type(val, json_type_array);
	case MONITOR_INT:
	case MONITOR_MEGABYTES:
		return json_object_is_type(val, json_type_int);
	case MONITOR_ANY:
	case MONITOR_OPTIONS:
		break;
	}
	return true;
}

static const char *type_name(enum monitor_arg_type type)
{
	switch (type) {
	case MONITOR_STRING:
		return "string";
	case MONITOR_BOOL:
		return "boolean";
	case MONITOR_LIST:
		return "array";
	default:
		return "integer";
	}
}

static const struct monitor_arg *find_arg(const struct monitor_command *c, const char *name)
{
	unsigned int i;

	for (i = 0; i < command_args(c); i++)
		if (c->arg[i].type == MONITOR_OPTIONS || !strcmp(c->arg[i].name, name))
			return &c->arg[i];
	return NULL;
}

int monitor_check_args(const struct monitor_command *c, struct json_object *args,
		       struct error *e)
{
	const struct monitor_arg *a;
	unsigned int i;

	for (i = 0; i < command_args(c); i++) {
		a = &c->arg[i];
		if (!a->optional && !json_object_object_get_ex(args, a->name, NULL))
			return error_set(e, EINVAL, "Parameter '%s' is missing", a->name);
	}
	if (!args)
		return 0;
	json_object_object_foreach(args, name, val) {
		a = find_arg(c, name);
		if (!a)
			return error_set(e, EINVAL, "Parameter '%.64s' is unexpected", name);
		if (!type_fits(a->type, val))
			return error_set(e, EINVAL, "Invalid parameter type for '%s', expected: "
					 "%s", a->name, type_name(a->type));
	}
	return 0;
}

/* The next word, quotes taken off; where the line goes on, NULL if it is too long. */
static const char *next_word(const char *p, char *word, size_t len)
{
	char quote = 0;
	size_t n = 0;

	for (; *p && (quote || (*p != ' ' && *p != '\t')); p++) {
		if (*p == '"') {
			quote = !quote;
			continue;
		}
		if (*p == '\\' && quote && p[1])
			p++;
		if (n + 1 >= len)
			return NULL;
		word[n++] = *p;
	}
	word[n] = '\0';
	return quote ? NULL : skip_blanks(p);
}

/* Cut the next part off at a comma, where two are one of the part's; NULL at the end. */
static char *next_part(char **rest)
{
	char *part = *rest, *from = part, *to = part;

	if (!*part)
		return NULL;
	while (*from && (*from != ',' || from[1] == ',')) {
		from += *from == ',';
		*to++ = *from++;
	}
	*rest = *from ? from + 1 : from;
	*to = '\0';
	return part;
}

static void add_member(struct json_object *list, struct json_object *val)
{
	struct json_object *member = json_object_new_object();

	json_object_object_add(member, "str", val);
	json_object_array_add(list, member);
}

/* What is given again makes a list, whose members have QEMU's form. */
static void add_option(struct json_object *args, const char *name, const char *val)
{
	struct json_object *list;

	if (!json_object_object_get_ex(args, name, &list)) {
		monitor_add_string(args, name, val);
		return;
	}
	if (!json_object_is_type(list, json_type_array)) {
		struct json_object *first = json_object_get(list);

		list = json_object_new_array();
		add_member(list, first);
		json_object_object_add(args, name, list);
	}
	add_member(list, json_object_new_string(val));
}

/* "value,key=value,...": to members of @args; the first bare value is @implied's. */
static void parse_options(char *word, const char *implied, struct json_object *args)
{
	char *part, *eq;
	bool first = true;

	while ((part = next_part(&word))) {
		eq = strchr(part, '=');
		if (eq)
			*eq++ = '\0';
		if (!eq && first)
			add_option(args, implied, part);
		else
			add_option(args, part, eq ? eq : "on");
		first = false;
	}
}

static int parse_number(const struct monitor_arg *a, const char *word, s64 *val, struct error *e)
{
	static const char units[] = "BKMGT";
	u64 mul = a->type == MONITOR_MEGABYTES ? MIB : 1;
	const char *unit;
	char *end;

	errno = 0;
	*val = strtoll(word, &end, 0);
	if (a->type == MONITOR_MEGABYTES && *end && !end[1]) {
		unit = strchr(units, toupper((unsigned char)*end));
		mul = unit ? 1ULL << 10 * (unit - units) : 0;
		end += !!unit;
	}
	if (end == word || *end)
		return error_set(e, EINVAL, "invalid number '%.64s'", word);
	if (errno || __builtin_mul_overflow(*val, mul, val))
		return error_set(e, ERANGE, "number '%.64s' is out of range", word);
	return 0;
}

static void parse_any(const struct monitor_arg *a, const char *word, struct json_object *args)
{
	struct error e;
	s64 val;

	if (!strcmp(word, "on") || !strcmp(word, "off"))
		monitor_add_bool(args, a->name, !strcmp(word, "on"));
	else if (!parse_number(a, word, &val, &e))
		monitor_add_int(args, a->name, val);
	else
		monitor_add_string(args, a->name, word);
}

static int parse_arg(const struct monitor_arg *a, char *word, struct json_object *args,
		     struct error *e)
{
	s64 val;
	int ret;

	switch (a->type) {
	case MONITOR_STRING:
		monitor_add_string(args, a->name, word);
		return 0;
	case MONITOR_ANY:
		parse_any(a, word, args);
		return 0;
	case MONITOR_OPTIONS:
		parse_options(word, a->name, args);
		return 0;
	case MONITOR_BOOL:
		if (strcmp(word, "on") && strcmp(word, "off"))
			return error_set(e, EINVAL, "Expected 'on' or 'off'");
		monitor_add_bool(args, a->name, !strcmp(word, "on"));
		return 0;
	case MONITOR_INT:
	case MONITOR_MEGABYTES:
		ret = parse_number(a, word, &val, e);
		if (!ret)
			monitor_add_int(args, a->name, val);
		return ret;
	case MONITOR_LIST:
		break;
	}
	return error_set(e, EINVAL, "'%s' cannot be typed", a->name);
}

int monitor_parse_args(const struct monitor_command *c, const char *line,
		       struct json_object **args, struct error *e)
{
	char word[WORD_MAX];
	unsigned int i;
	int ret;

	*args = json_object_new_object();
	if (!*args)
		return error_errno(e, ENOMEM, "monitor");
	for (i = 0; i < command_args(c) && *line; i++) {
		line = next_word(line, word, sizeof(word));
		if (!line)
			return error_set(e, EINVAL, "unterminated or too long word");
		ret = parse_arg(&c->arg[i], word, *args, e);
		if (ret)
			return ret;
	}
	if (*line)
		return error_set(e, EINVAL, "extraneous characters at the end of line: '%.64s'",
				 line);
	return monitor_check_args(c, *args, e);
}

static void print_help_line(FILE *out, const struct monitor_command *c)
{
	unsigned int i;

	fputs(c->hmp, out);
	for (i = 0; i < command_args(c); i++)
		fprintf(out, c->arg[i].optional ? " [%s]" : " %s", c->arg[i].name);
	fprintf(out, " -- %s\n", c->help);
}

void monitor_print_help(FILE *out, const struct monitor_table *t, const char *prefix)
{
	size_t i, len = strlen(prefix);

	for (i = 0; i < t->n; i++)
		if (t->row[i].hmp && !strncmp(t->row[i].hmp, prefix, len))
			print_help_line(out, &t->row[i]);
	if (!len)
		fputs("help|? [cmd] -- show the help\n", out);
}

static void run_command(const struct monitor_command *c, void *vm, const char *rest, FILE *out)
{
	struct json_object *args = NULL, *ret = NULL;
	struct error e = { 0 };
	int err;

	err = monitor_parse_args(c, rest, &args, &e);
	if (!err)
		err = c->run(vm, args, &ret, &e);
	if (err)
		fprintf(out, "Error: %s\n", e.text);
	else if (c->print)
		c->print(out, ret);
	json_object_put(ret);
	json_object_put(args);
}

void monitor_run_line(const struct monitor_table *t, void *vm, const char *line, FILE *out)
{
	const struct monitor_command *c;
	const char *rest;

	line = skip_blanks(line);
	if (!*line)
		return;
	c = monitor_find_hmp(t, line, &rest);
	if (c) {
		run_command(c, vm, rest, out);
		return;
	}
	rest = match_words(line, "help", 4) ?: match_words(line, "?", 1);
	if (rest)
		monitor_print_help(out, t, rest);
	else if (match_words(line, "info", 4))
		monitor_print_help(out, t, "info ");
	else
		fprintf(out, "unknown command: '%.*s'\n", (int)strcspn(line, " \t"), line);
}

const char *monitor_string(struct json_object *args, const char *name)
{
	struct json_object *val;

	return json_object_object_get_ex(args, name, &val) ? json_object_get_string(val) : NULL;
}

u64 monitor_number(struct json_object *args, const char *name, u64 otherwise)
{
	struct json_object *val;

	return json_object_object_get_ex(args, name, &val) ? json_object_get_uint64(val) :
	       otherwise;
}

void monitor_add_string(struct json_object *o, const char *name, const char *val)
{
	json_object_object_add(o, name, json_object_new_string(val ? val : ""));
}

void monitor_add_int(struct json_object *o, const char *name, s64 val)
{
	json_object_object_add(o, name, json_object_new_int64(val));
}

void monitor_add_bool(struct json_object *o, const char *name, bool val)
{
	json_object_object_add(o, name, json_object_new_boolean(val));
}

const char *monitor_get_string(struct json_object *o, const char *name)
{
	return monitor_string(o, name) ?: "";
}

s64 monitor_get_int(struct json_object *o, const char *name)
{
	struct json_object *val;

	return json_object_object_get_ex(o, name, &val) ? json_object_get_int64(val) : 0;
}

bool monitor_get_bool(struct json_object *o, const char *name)
{
	struct json_object *val;

	return json_object_object_get_ex(o, name, &val) && json_object_get_boolean(val);
}
