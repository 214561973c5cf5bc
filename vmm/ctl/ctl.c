// SPDX-License-Identifier: GPL-2.0
/*
 * Role: read the words behind a verb.
 * Threads: main.
 * Locks: none.
 */
#include "ctl.h"

#include <errno.h>
#include <string.h>

int ctl_words(int argc, char **argv, const struct ctl_word *words, size_t n, struct error *e)
{
	int i;

	for (i = 0; i < argc; i++) {
		size_t len = strcspn(argv[i], "="), k;

		for (k = 0; k < n; k++)
			if (strlen(words[k].name) == len && !strncmp(words[k].name, argv[i], len))
				break;
		if (k == n)
			return error_set(e, EINVAL, "Invalid parameter '%.*s'", (int)len, argv[i]);
		if (argv[i][len])
			*words[k].value = argv[i] + len + 1;
		else if (i + 1 < argc)
			*words[k].value = argv[++i];
		else
			return error_set(e, EINVAL, "Parameter '%s' expects a value",
					 words[k].name);
	}
	return 0;
}

/* "-name", "-name value" or "-name=value"; how many words it takes up beyond the first. */
static int take_option(const struct ctl_option *o, char **argv, const char *value,
		       struct error *e)
{
	if (o->given && value)
		return error_set(e, EINVAL, "%s: does not take a value", argv[0]);
	if (o->given) {
		*o->given = true;
		return 0;
	}
	*o->value = value ?: argv[1];
	if (!*o->value)
		return error_set(e, EINVAL, "%s: requires an argument", argv[0]);
	return !value;
}

static int find_option(const struct ctl_option *o, char **argv, struct error *e)
{
	const char *name = argv[0] + 1 + (argv[0][1] == '-');
	size_t len = strcspn(name, "=");

	for (; o && o->name; o++)
		if (strlen(o->name) == len && !strncmp(o->name, name, len))
			return take_option(o, argv, name[len] ? name + len + 1 : NULL, e);
	return error_set(e, EINVAL, "%s: invalid option", argv[0]);
}

int ctl_args(int argc, char **argv, const struct ctl_args *args, struct error *e)
{
	unsigned int n = 0;
	int i, ret;

	for (i = 1; i < argc; i++) {
		if (argv[i][0] == '-' && argv[i][1]) {
			ret = find_option(args->options, &argv[i], e);
			if (ret < 0)
				return ret;
			i += ret;
		} else if (n < args->most) {
			args->words[n++] = argv[i];
		} else {
			return error_set(e, EINVAL, "'%s' is unexpected: expects %s", argv[i],
					 args->expects);
		}
	}
	return n < args->least ? error_set(e, EINVAL, "expects %s", args->expects) : 0;
}
