// SPDX-License-Identifier: GPL-2.0
/*
 * Role: "ferry console" and "ferry qmp": the terminal at a guest's sockets.
 * Threads: main.
 * Locks: none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../backend/sock.h"
#include "ctl.h"
#include "guest.h"
#include "plain.h"
#include "relay.h"

static const char *member_string(struct json_object *o, const char *name)
{
	struct json_object *val = NULL;

	return json_object_object_get_ex(o, name, &val) ? json_object_get_string(val) : "";
}

/* What the guest says its serial port is; "" if it has none. */
static int console_place(struct guest *g, char *place, size_t len, struct error *e)
{
	struct json_object *ret = NULL, *port;
	size_t i, n;
	int err = client_command(&g->client, "query-chardev", NULL, &ret, e);

	place[0] = '\0';
	n = json_object_is_type(ret, json_type_array) ? json_object_array_length(ret) : 0;
	for (i = 0; i < n; i++) {
		port = json_object_array_get_idx(ret, i);
		if (!strcmp(member_string(port, "label"), "serial0"))
			snprintf(place, len, "%s", member_string(port, "filename"));
	}
	json_object_put(ret);
	return err;
}

/* There is room for one: a second one would wait without a word. */
static int console_check(struct guest *g, const char *path, struct error *e)
{
	char place[2 * RUNDIR_PATH_MAX], *at;
	int ret = console_place(g, place, sizeof(place), e);

	if (ret)
		return ret;
	at = strstr(place, "unix:");
	if (!at || strncmp(at + 5, path, strlen(path))) {
		plain_text(place, strlen(place), false);
		return error_set(e, ENOENT, "the serial port of guest '%s' is elsewhere: %s",
				 g->entry.name, *place ? place : "it has none");
	}
	if (strncmp(place, "disconnected:", 13))
		return error_set(e, EBUSY, "the console of guest '%s' is in use", g->entry.name);
	return 0;
}

static int console_open(struct guest *g, struct error *e)
{
	char path[RUNDIR_PATH_MAX];
	int ret = rundir_path(&g->dir, g->entry.name, "console", path, e);

	if (!ret)
		ret = console_check(g, path, e);
	return ret ?: sock_connect(path, e);
}

int ctl_console(int argc, char **argv, struct error *e)
{
	char notice[RUNDIR_NAME_MAX + 64];
	struct relay r = { .terminal = true, .notice = notice };
	const char *name;
	const struct ctl_args args = { NULL, 1, 1, "NAME", &name };
	struct guest g;
	int ret = ctl_args(argc, argv, &args, e);

	if (!ret)
		ret = guest_connect(&g, name, e);
	if (ret)
		return ret;
	r.sock = console_open(&g, e);
	guest_close(&g);
	if (r.sock < 0)
		return r.sock;
	snprintf(notice, sizeof(notice), "The serial port of guest '%s'; C-] leaves it.", name);
	ret = relay_run(&r, e);
	close(r.sock);
	if (ret == RELAY_CLOSED)
		fprintf(stderr, "The guest's side is closed.\n");
	else if (ret == RELAY_ESCAPED)
		fprintf(stderr, "\n");
	return ret < 0 ? ret : 0;
}

static int qmp_print(struct json_object *ret, struct error *e)
{
	char *text = strdup(json_object_to_json_string_ext(ret, JSON_C_TO_STRING_PRETTY |
								JSON_C_TO_STRING_NOSLASHESCAPE));

	if (!text)
		return error_errno(e, ENOMEM, "monitor");
	plain_text(text, strlen(text), true);
	printf("%s\n", text);
	free(text);
	return 0;
}

/* One command, and what it returns. */
static int qmp_command(struct guest *g, const char *command, const char *text, struct error *e)
{
	struct json_object *args = text ? json_tokener_parse(text) : NULL, *ret = NULL;
	int err;

	if (text && !json_object_is_type(args, json_type_object)) {
		json_object_put(args);
		return error_set(e, EINVAL, "'%.80s' is not a JSON object", text);
	}
	err = client_command(&g->client, command, args, &ret, e);
	if (!err)
		err = qmp_print(ret, e);
	json_object_put(ret);
	return err;
}

static int qmp_stream(const struct guest *g, struct error *e)
{
	char path[RUNDIR_PATH_MAX];
	struct relay r = { 0 };
	int ret = rundir_path(&g->dir, g->entry.name, "qmp", path, e);

	if (ret)
		return ret;
	r.sock = sock_connect(path, e);
	if (r.sock < 0)
		return r.sock;
	ret = relay_run(&r, e);
	close(r.sock);
	return ret < 0 ? ret : 0;
}

int ctl_qmp(int argc, char **argv, struct error *e)
{
	const char *words[3] = { NULL };
	const struct ctl_args args = { NULL, 1, 3, "NAME [COMMAND [ARGUMENTS]]", words };
	struct guest g;
	int ret = ctl_args(argc, argv, &args, e);

	if (ret)
		return ret;
	ret = words[1] ? guest_connect(&g, words[0], e) : guest_find(&g, words[0], e);
	if (ret)
		return ret;
	ret = words[1] ? qmp_command(&g, words[1], words[2], e) : qmp_stream(&g, e);
	guest_close(&g);
	return ret;
}
