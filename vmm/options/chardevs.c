// SPDX-License-Identifier: GPL-2.0
/*
 * Role: what -serial, -monitor and -qmp name: standard input and output, sockets and
 *	the like, and who may have which.
 * Threads: main, before the VM is built.
 * Locks: none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

static const struct opt_row unix_rows[] = {
	{ "path", OPT_STRING, offsetof(struct chardev_config, path), .def = "" },
	{ "server", OPT_BOOL, offsetof(struct chardev_config, server), .def = "off" },
	{ "wait", OPT_BOOL, offsetof(struct chardev_config, wait), .def = "on" },
};

static const struct opt_table unix_table = { "path", NULL, unix_rows, ARRAY_SIZE(unix_rows) };

static int set_path(struct chardev_config *s, const char *path, struct error *e)
{
	s->path = strdup(path);
	return s->path ? 0 : error_errno(e, ENOMEM, "options");
}

/* "PATH,server=on,wait=off", of which older spellings are "server" and "nowait". */
static int set_socket(struct chardev_config *s, const char *arg, struct error *e)
{
	int ret;

	s->kind = CHARDEV_SOCKET;
	ret = opt_defaults(&unix_table, s, e);
	if (!ret)
		ret = opt_parse(&unix_table, arg, s, e);
	if (ret)
		return ret;
	if (!*s->path)
		return error_set(e, EINVAL, "Parameter 'path' is missing");
	/* Only who listens can wait for someone to come. */
	s->wait &= s->server;
	return 0;
}

/* -EINVAL without a message if it is none of these. */
static int set_kind(struct chardev_config *s, const char *arg, struct error *e)
{
	s->mux = !strncmp(arg, "mon:", 4);
	arg += s->mux ? 4 : 0;
	if (!strncmp(arg, "unix:", 5))
		return set_socket(s, arg + 5, e);
	if (!strcmp(arg, "stdio"))
		s->kind = CHARDEV_STDIO;
	else if (!strcmp(arg, "none"))
		s->kind = CHARDEV_NONE;
	else if (!strcmp(arg, "null"))
		s->kind = CHARDEV_NULL;
	else
		return -EINVAL;
	return 0;
}

int config_set_serial(struct config *c, const char *arg, struct error *e)
{
	struct chardev_config *s = &c->serial;
	int ret;

	if (c->serial_given)
		return error_set(e, EINVAL, "too many serial ports: this machine has one");
	c->serial_given = true;
	*s = (struct chardev_config){ 0 };
	if (!strcmp(arg, "pty") || !strcmp(arg, "mon:pty")) {
		s->kind = CHARDEV_PTY;
		s->mux = arg[0] == 'm';
		return 0;
	}
	if (!strncmp(arg, "file:", 5) && arg[5]) {
		s->kind = CHARDEV_FILE;
		return set_path(s, arg + 5, e);
	}
	e->text[0] = '\0';
	ret = set_kind(s, arg, e);
	if (ret && !e->text[0]) {
		error_set(e, EINVAL, "could not connect serial device to character backend '%s'",
			  arg);
		error_hint(e, "There are stdio, mon:stdio, unix:PATH, file:PATH, pty, null and "
			   "none.");
	}
	return ret;
}

static int add_monitor(struct config *c, const char *arg, bool qmp, struct error *e)
{
	struct monitor_config m = { .qmp = qmp };
	int ret;

	e->text[0] = '\0';
	ret = set_kind(&m.chardev, arg, e);
	if (ret && !e->text[0]) {
		error_set(e, EINVAL, "'%s' is not a valid place for a monitor", arg);
		error_hint(e, "There are stdio, unix:PATH[,server=on|off][,wait=on|off] and none.");
	}
	if (!ret && c->n_monitors == CONFIG_MONITORS_MAX)
		ret = error_set(e, ENOSPC, "too many monitors: there may be %d",
				CONFIG_MONITORS_MAX);
	if (!ret && asprintf(&m.where, "-%s %s", qmp ? "qmp" : "monitor", arg) < 0)
		ret = error_errno(e, ENOMEM, "options");
	if (ret) {
		free(m.chardev.path);
		return ret;
	}
	c->monitor[c->n_monitors++] = m;
	/* What is said of HMP holds for the one behind C-a c as well. */
	if (!qmp)
		c->no_monitor = true;
	return 0;
}

int config_add_monitor(struct config *c, const char *arg, struct error *e)
{
	return add_monitor(c, arg, false, e);
}

int config_add_qmp(struct config *c, const char *arg, struct error *e)
{
	return add_monitor(c, arg, true, e);
}

int config_serve(struct config *c, const char *qmp, const char *console, struct error *e)
{
	const struct chardev_config server = { .kind = CHARDEV_SOCKET, .server = true };
	struct monitor_config *m = &c->monitor[c->n_monitors];

	if (c->n_monitors == CONFIG_MONITORS_MAX)
		return error_set(e, ENOSPC, "too many monitors: there may be %d with its own",
				 CONFIG_MONITORS_MAX);
	*m = (struct monitor_config){ .qmp = true, .chardev = server };
	c->n_monitors++;
	m->where = strdup("the guest's monitor");
	if (!m->where)
		return error_errno(e, ENOMEM, "options");
	if (set_path(&m->chardev, qmp, e) || c->serial_given || c->nodefaults)
		return m->chardev.path ? 0 : -ENOMEM;
	c->serial_given = true;
	c->serial = server;
	return set_path(&c->serial, console, e);
}

int config_set_uuid(struct config *c, const char *arg, struct error *e)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	size_t i, len = strlen(arg);
	char *copy;

	for (i = 0; i < len && i < sizeof(form) - 1; i++)
		if (form[i] == '-' ? arg[i] != '-' : !strchr("0123456789abcdefABCDEF", arg[i]))
			break;
	if (i < sizeof(form) - 1 || len != i)
		return error_set(e, EINVAL, "Failed to parse UUID string or wrong format");
	copy = strdup(arg);
	if (!copy)
		return error_errno(e, ENOMEM, "options");
	for (i = 0; i < len; i++)
		if (copy[i] >= 'A' && copy[i] <= 'F')
			copy[i] += 'a' - 'A';
	free(c->uuid);
	c->uuid = copy;
	return 0;
}

/* How many have standard input and output. */
static unsigned int config_stdio_users(const struct config *c)
{
	unsigned int i, n = c->serial.kind == CHARDEV_STDIO;

	for (i = 0; i < c->n_monitors; i++)
		n += c->monitor[i].chardev.kind == CHARDEV_STDIO;
	for (i = 0; i < c->n_chardevs; i++)
		n += c->chardev[i].cfg.kind == CHARDEV_STDIO;
	return n;
}

int config_check_chardevs(struct config *c, struct error *e)
{
	bool taken = config_stdio_users(c) || c->daemonize;

	/* The serial port has what nobody else has; -nographic says that it shall. */
	if (!c->serial_given && c->daemonize && c->nographic)
		return error_set(e, EINVAL, "-nographic cannot be used with -daemonize");
	if (!c->serial_given && c->nodefaults)
		c->serial = (struct chardev_config){ .kind = CHARDEV_NONE };
	else if (!c->serial_given && (!taken || c->nographic))
		c->serial = (struct chardev_config){ .kind = CHARDEV_STDIO, .mux = true };
	else if (!c->serial_given)
		c->serial = (struct chardev_config){ .kind = CHARDEV_NULL };
	/* Whoever writes mon: wants it, whatever others there are. */
	if (c->serial_given)
		c->no_monitor = false;
	if (config_stdio_users(c) > 1)
		return error_set(e, EINVAL, "cannot use stdio by multiple character devices");
	if (config_stdio_users(c) && c->daemonize)
		return error_set(e, EINVAL, "cannot use stdio with -daemonize");
	return 0;
}

void config_free_chardevs(struct config *c)
{
	unsigned int i;

	free(c->serial.path);
	for (i = 0; i < c->n_monitors; i++) {
		free(c->monitor[i].chardev.path);
		free(c->monitor[i].where);
	}
	free(c->uuid);
}
