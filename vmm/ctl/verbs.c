// SPDX-License-Identifier: GPL-2.0
/*
 * Role: "ferry pause", "resume" and "balloon": verbs that are a command or two.
 * Threads: main.
 * Locks: none.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "guest.h"

/* One command to the guest that is the only word. */
static int verb_command(int argc, char **argv, const char *command, struct error *e)
{
	const char *name;
	const struct ctl_args args = { NULL, 1, 1, "NAME", &name };
	struct guest g;
	int ret = ctl_args(argc, argv, &args, e);

	if (!ret)
		ret = guest_connect(&g, name, e);
	if (ret)
		return ret;
	ret = guest_command(&g, command, e);
	guest_close(&g);
	return ret;
}

int ctl_pause(int argc, char **argv, struct error *e)
{
	return verb_command(argc, argv, "stop", e);
}

int ctl_resume(int argc, char **argv, struct error *e)
{
	return verb_command(argc, argv, "cont", e);
}

/* MiB unless a suffix says otherwise. */
static int parse_memory(const char *text, u64 *bytes, struct error *e)
{
	static const char units[] = "BKMGT";
	const char *unit = strchr(units, 'M');
	char *end;
	u64 n;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (*end && !end[1])
		unit = strchr(units, toupper((unsigned char)*end++));
	if (errno || *end || !unit || !isdigit((unsigned char)*text) ||
	    __builtin_mul_overflow(n, 1ULL << 10 * (unit - units), bytes) || *bytes > INT64_MAX)
		return error_set(e, EINVAL, "'%.40s' is not an amount of memory: it is MiB, or has "
				 "a suffix K, M, G or T", text);
	return 0;
}

static int balloon_show(struct guest *g, struct error *e)
{
	struct json_object *ret = NULL, *actual;
	int err = client_command(&g->client, "query-balloon", NULL, &ret, e);

	if (!err && json_object_object_get_ex(ret, "actual", &actual))
		printf("%" PRIu64 "\n", json_object_get_uint64(actual) >> 20);
	json_object_put(ret);
	return err;
}

static int balloon_set(struct guest *g, u64 bytes, struct error *e)
{
	struct json_object *args = json_object_new_object();

	json_object_object_add(args, "value", json_object_new_int64(bytes));
	return client_command(&g->client, "balloon", args, NULL, e);
}

int ctl_balloon(int argc, char **argv, struct error *e)
{
	const char *words[2] = { NULL };
	const struct ctl_args args = { NULL, 1, 2, "NAME [MIB]", words };
	struct guest g;
	u64 bytes = 0;
	int ret = ctl_args(argc, argv, &args, e);

	if (!ret && words[1])
		ret = parse_memory(words[1], &bytes, e);
	if (!ret)
		ret = guest_connect(&g, words[0], e);
	if (ret)
		return ret;
	ret = words[1] ? balloon_set(&g, bytes, e) : balloon_show(&g, e);
	guest_close(&g);
	return ret;
}
