// SPDX-License-Identifier: GPL-2.0
/*
 * Role: make what a command says of a device, JSON of any keys, the text that the command
 *	line would have, so that one table and one parser judge both.
 * Threads: main.
 * Locks: none of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vm_internal.h"

/* A comma in a value is written twice. */
static void put_pair(FILE *out, const char *key, const char *value)
{
	fprintf(out, "%s%s=", ftell(out) ? "," : "", key);
	for (; *value; value++) {
		if (*value == ',')
			fputc(',', out);
		fputc(*value, out);
	}
}

static int wrong_type(const char *key, const char *expected, struct error *e)
{
	return error_set(e, EINVAL, "Invalid parameter type for '%.64s', expected: %s", key,
			 expected);
}

static int put_value(FILE *out, const char *key, struct json_object *val, struct error *e)
{
	switch (json_object_get_type(val)) {
	case json_type_string:
		if (strlen(json_object_get_string(val)) != (size_t)json_object_get_string_len(val))
			return wrong_type(key, "string without a NUL", e);
		put_pair(out, key, json_object_get_string(val));
		return 0;
	case json_type_boolean:
		put_pair(out, key, json_object_get_boolean(val) ? "on" : "off");
		return 0;
	case json_type_int:
		/* QEMU counts slots and functions then, its users mean slots. */
		if (!strcmp(key, "addr"))
			return wrong_type(key, "string", e);
		put_pair(out, key, json_object_get_string(val));
		return 0;
	default:
		return wrong_type(key, "string", e);
	}
}

/* A list has a key once for each member, which is {"str": VALUE}, as QEMU's hostfwd has. */
static int put_list(FILE *out, const char *key, struct json_object *list, struct error *e)
{
	struct json_object *member, *val;
	size_t i;
	int ret = 0;

	for (i = 0; i < json_object_array_length(list) && !ret; i++) {
		member = json_object_array_get_idx(list, i);
		val = NULL;
		if (json_object_is_type(member, json_type_object))
			json_object_object_get_ex(member, "str", &val);
		ret = val ? put_value(out, key, val, e) : wrong_type(key, "string", e);
	}
	return ret;
}

static int put_all(FILE *out, struct json_object *args, struct error *e)
{
	int ret;

	json_object_object_foreach(args, key, val) {
		if (!*key || strpbrk(key, ",="))
			return error_set(e, EINVAL, "Parameter '%.64s' is unexpected", key);
		ret = json_object_is_type(val, json_type_array) ? put_list(out, key, val, e) :
								  put_value(out, key, val, e);
		if (ret)
			return ret;
	}
	return 0;
}

int vm_option_text(struct json_object *args, char **text, struct error *e)
{
	size_t len;
	FILE *out;
	int ret;

	*text = NULL;
	out = open_memstream(text, &len);
	if (!out)
		return error_errno(e, ENOMEM, "options");
	ret = put_all(out, args, e);
	if (fclose(out) && !ret)
		ret = error_errno(e, ENOMEM, "options");
	if (ret) {
		free(*text);
		*text = NULL;
	}
	return ret;
}
