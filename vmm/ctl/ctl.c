// SPDX-License-Identifier: GPL-2.0
/*
 * Role: find the command that the program's first word names, and read the words
 *	behind it.
 * Threads: main.
 * Locks: none.
 */
#include "ctl.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv, struct error *e);
} ctl_commands[] = {
	{ "stat", ctl_stat },
	{ "tap", ctl_tap },
	{ "bridge", ctl_bridge },
};

bool ctl_is_command(const char *word)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ctl_commands); i++)
		if (!strcmp(word, ctl_commands[i].name))
			return true;
	return false;
}

int ctl_run(int argc, char **argv, struct error *e)
{
	size_t i;
	int ret = -EINVAL;

	for (i = 0; i < ARRAY_SIZE(ctl_commands); i++)
		if (!strcmp(argv[0], ctl_commands[i].name))
			ret = ctl_commands[i].run(argc, argv, e);
	if (ret)
		error_prefix(e, argv[0]);
	return ret;
}

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
