// SPDX-License-Identifier: GPL-2.0
/*
 * Role: option files, -readconfig: groups in brackets, each of which is an option, and
 *	keys with their values, which are its argument.
 * Threads: main, before the VM is built.
 * Locks: none.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#define READ_LINE_MAX	4096U
#define READ_ARG_MAX	8192U

/* What is read, and the group that is not yet at its end. */
struct reader {
	struct config *c;
	config_take_fn take;
	const char *path;
	unsigned int line, group_line;
	char option[64];		/* "" before the first group */
	char arg[READ_ARG_MAX];
};

static int reader_prefix(const struct reader *r, unsigned int line, int ret, struct error *e)
{
	char prefix[192];

	snprintf(prefix, sizeof(prefix), "%.160s:%u", r->path, line);
	if (ret < 0)
		error_prefix(e, prefix);
	return ret;
}

/* A group's name in files, and the option that it is. */
static const char *group_option(const char *group)
{
	static const struct {
		const char *group, *option;
	} groups[] = {
		{ "memory", "m" }, { "smp-opts", "smp" }, { "name", "name" },
		{ "machine", "machine" }, { "accel", "accel" }, { "device", "device" },
		{ "netdev", "netdev" }, { "drive", "drive" }, { "fsdev", "fsdev" },
		{ "virtfs", "virtfs" }, { "chardev", "chardev" }, { "sandbox", "sandbox" },
		{ "boot-opts", "boot" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(groups); i++)
		if (!strcmp(groups[i].group, group))
			return groups[i].option;
	return NULL;
}

/* Append "key=value", in which a comma is two. */
static int add_pair(struct reader *r, const char *key, const char *value, struct error *e)
{
	size_t n = strlen(r->arg);

	n += snprintf(r->arg + n, sizeof(r->arg) - n, "%s%s=", n ? "," : "", key);
	for (; *value && n + 2 < sizeof(r->arg); value++) {
		r->arg[n++] = *value;
		if (*value == ',')
			r->arg[n++] = ',';
	}
	if (*value || n >= sizeof(r->arg))
		return error_set(e, E2BIG, "the group is longer than %u characters",
				 READ_ARG_MAX);
	r->arg[n] = '\0';
	return 0;
}

static int end_group(struct reader *r, struct error *e)
{
	int ret = 0;

	if (r->option[0] && r->arg[0])
		ret = r->take(r->c, r->option, r->arg, e);
	r->option[0] = '\0';
	r->arg[0] = '\0';
	return reader_prefix(r, r->group_line, ret, e);
}

/* [group] or [group "id"] */
static int begin_group(struct reader *r, const char *line, struct error *e)
{
	char group[64], id[64] = "", end = 0;
	const char *option;
	int n;

	n = sscanf(line, "[%63[a-z0-9-] \"%63[^\"]\"%c", group, id, &end);
	if (n != 3 && (n != 1 || sscanf(line, "[%63[a-z0-9-]%c", group, &end) != 2))
		end = 0;
	if (end != ']')
		return error_set(e, EINVAL, "parse error");
	option = group_option(group);
	if (!option)
		return error_set(e, EINVAL, "There is no option group '%s'", group);
	snprintf(r->option, sizeof(r->option), "%s", option);
	r->group_line = r->line;
	return id[0] ? add_pair(r, "id", id, e) : 0;
}

/* Those that are options of their own, though files have them with the machine. */
static bool is_own_option(const struct reader *r, const char *key)
{
	static const char *const own[] = { "kernel", "initrd", "append", "bios", "uuid",
					   "runas", "chroot" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(own); i++)
		if (!strcmp(key, own[i]))
			return !strcmp(r->option, "machine");
	return false;
}

/* key = "value" */
static int take_pair(struct reader *r, char *line, struct error *e)
{
	char key[64], *value = strchr(line, '='), *end;

	if (!value || sscanf(line, "%63[A-Za-z0-9_.-]", key) != 1)
		return error_set(e, EINVAL, "parse error");
	value += 1 + strspn(value + 1, " \t");
	end = value + strlen(value);
	if (*value != '"' || end - value < 2 || end[-1] != '"')
		return error_set(e, EINVAL, "parse error: a value stands in double quotes");
	end[-1] = '\0';
	if (!r->option[0])
		return error_set(e, EINVAL, "no group defined");
	if (is_own_option(r, key))
		return r->take(r->c, key, value + 1, e);
	return add_pair(r, key, value + 1, e);
}

static int take_line(struct reader *r, char *line, struct error *e)
{
	size_t len = strlen(line);
	int ret;

	while (len && isspace((unsigned char)line[len - 1]))
		line[--len] = '\0';
	line += strspn(line, " \t");
	if (!*line || *line == '#')
		return 0;
	if (*line == '[') {
		ret = end_group(r, e);
		return ret ?: reader_prefix(r, r->line, begin_group(r, line, e), e);
	}
	return reader_prefix(r, r->line, take_pair(r, line, e), e);
}

int config_read_file(struct config *c, const char *path, config_take_fn take, struct error *e)
{
	struct reader r = { .c = c, .take = take, .path = path };
	char line[READ_LINE_MAX];
	int ret = 0;
	FILE *f;

	f = fopen(path, "re");
	if (!f)
		return error_errno(e, errno, "Cannot read config file %s", path);
	while (!ret && fgets(line, sizeof(line), f)) {
		r.line++;
		if (!strchr(line, '\n') && !feof(f))
			ret = reader_prefix(&r, r.line, error_set(e, E2BIG, "line too long"), e);
		else
			ret = take_line(&r, line, e);
	}
	if (!ret && ferror(f))
		ret = error_errno(e, errno, "Cannot read config file %s", path);
	fclose(f);
	return ret ?: end_group(&r, e);
}
