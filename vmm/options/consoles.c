// SPDX-License-Identifier: GPL-2.0
/*
 * Role: -chardev, and the ports of consoles, which are a -device that is not on PCI: which
 *	port is whose, and what is behind it.
 * Threads: main, before the VM is built.
 * Locks: none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#define CHARDEV(field)	offsetof(struct chardev_option, field)

static const struct opt_row chardev_rows[] = {
	{ "backend", OPT_STRING, CHARDEV(backend), .def = "",
	  .help = "stdio, socket, file, pty or null" },
	{ "id", OPT_STRING, CHARDEV(id), .help = "name that a -device refers to" },
	{ "path", OPT_STRING, CHARDEV(path), .help = "of socket and file" },
	{ "server", OPT_BOOL, CHARDEV(server), .def = "off",
	  .help = "socket: have clients come; else connect to one" },
	{ "wait", OPT_BOOL, CHARDEV(wait), .def = "on",
	  .help = "socket: with server=on, go on once the first has come" },
	{ "mux", OPT_BOOL, CHARDEV(mux), .def = "off",
	  .help = "stdio: C-a is an escape, C-a c leads to the monitor" },
};

const struct opt_table chardev_table = {
	.implied = "backend", .rows = chardev_rows, .n = ARRAY_SIZE(chardev_rows),
};

#define PORT(field)	offsetof(struct port_config, field)

static const struct opt_row port_rows[] = {
	{ "driver", OPT_STRING, PORT(driver), .def = "" },
	{ "id", OPT_STRING, PORT(id), .help = "name of the console" },
	{ "chardev", OPT_STRING, PORT(chardev), .help = "id of a -chardev" },
	{ "bus", OPT_STRING, PORT(bus),
	  .help = "ID.0 of its virtio-serial-pci; the first that has none yet" },
	{ "name", OPT_IGNORED },
	{ "nr", OPT_IGNORED },
};

const struct opt_table port_table = {
	"driver", "virtconsole", port_rows, ARRAY_SIZE(port_rows),
};

/* Keys that say something only of some. */
static int chardev_check_keys(const struct chardev_option *o, const char *arg, struct error *e)
{
	static const struct {
		const char *key;
		bool of[CHARDEV_SOCKET + 1];
	} keys[] = {
		{ "path", { [CHARDEV_SOCKET] = true, [CHARDEV_FILE] = true } },
		{ "server", { [CHARDEV_SOCKET] = true } },
		{ "wait", { [CHARDEV_SOCKET] = true } },
		{ "mux", { [CHARDEV_STDIO] = true } },
	};
	char buf[2];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (opt_peek(arg, NULL, keys[i].key, buf, sizeof(buf)) && !keys[i].of[o->cfg.kind])
			return error_set(e, EINVAL, "chardev: %s: Invalid parameter '%s'",
					 o->backend, keys[i].key);
	if (keys[0].of[o->cfg.kind] && (!o->path || !*o->path))
		return error_set(e, EINVAL, "chardev: %s: no path given", o->backend);
	return 0;
}

static int chardev_check(const struct config *c, struct chardev_option *o, const char *arg,
			 struct error *e)
{
	static const char *const names[] = {
		[CHARDEV_NULL] = "null", [CHARDEV_STDIO] = "stdio", [CHARDEV_FILE] = "file",
		[CHARDEV_PTY] = "pty", [CHARDEV_SOCKET] = "socket",
	};
	unsigned int i;

	if (!*o->backend)
		return error_set(e, EINVAL, "chardev: \"backend\" missing");
	if (!o->id)
		return error_set(e, EINVAL, "chardev: no id specified");
	for (i = 0; i < c->n_chardevs; i++)
		if (!strcmp(c->chardev[i].id, o->id))
			return error_set(e, EEXIST, "Duplicate ID '%s' for chardev", o->id);
	for (i = CHARDEV_NULL; i < ARRAY_SIZE(names) && strcmp(o->backend, names[i]); i++)
		;
	if (i == ARRAY_SIZE(names)) {
		error_set(e, EINVAL, "'%s' is not a valid char driver name", o->backend);
		error_hint(e, "There are stdio, socket, file, pty and null.");
		return -EINVAL;
	}
	o->cfg = (struct chardev_config){
		.kind = i, .mux = o->mux, .path = o->path, .server = o->server,
		.wait = o->server && o->wait, .label = o->id,
	};
	return chardev_check_keys(o, arg, e);
}

int config_add_chardev(struct config *c, const char *arg, struct error *e)
{
	struct chardev_option *o = &c->chardev[c->n_chardevs];
	int ret;

	if (c->n_chardevs == CONFIG_CHARDEVS_MAX)
		return error_set(e, ENOSPC, "too many -chardev");
	ret = opt_defaults(&chardev_table, o, e);
	if (!ret)
		ret = opt_parse(&chardev_table, arg, o, e);
	if (!ret)
		ret = chardev_check(c, o, arg, e);
	if (!ret) {
		c->n_chardevs++;
		return 0;
	}
	opt_free(&chardev_table, o);
	*o = (struct chardev_option){ 0 };
	return ret;
}

bool config_is_port(const char *driver)
{
	return !strcmp(driver, "virtconsole") || !strcmp(driver, "virtserialport");
}

int config_add_port(struct config *c, const char *arg, struct error *e)
{
	struct port_config *p = &c->port[c->n_ports];
	int ret;

	if (c->n_ports == CONFIG_CHARDEVS_MAX)
		return error_set(e, ENOSPC, "too many consoles");
	ret = opt_defaults(&port_table, p, e);
	if (!ret)
		ret = opt_parse(&port_table, arg, p, e);
	if (!ret && strcmp(p->driver, "virtconsole"))
		ret = error_set(e, EINVAL, "%s is not supported: there is virtconsole, one on each "
				"virtio-serial-pci", p->driver);
	if (!ret && !p->chardev)
		ret = error_set(e, EINVAL, "Parameter 'chardev' is missing");
	if (!ret && asprintf(&p->where, "-device %s", arg) < 0) {
		p->where = NULL;
		ret = error_errno(e, ENOMEM, "options");
	}
	if (!ret) {
		c->n_ports++;
		return 0;
	}
	opt_free(&port_table, p);
	*p = (struct port_config){ 0 };
	return ret;
}

/* Whether the device is what bus= names: "ID.0", or any without. */
static bool port_fits(const struct port_config *p, const struct device_config *d)
{
	size_t len = d->id ? strlen(d->id) : 0;

	if (d->type->kind != DEVICE_CONSOLE)
		return false;
	return !p->bus || (len && !strncmp(p->bus, d->id, len) && !strcmp(p->bus + len, ".0"));
}

static int port_find_device(struct config *c, const struct port_config *p,
			    struct device_config **found, struct error *e)
{
	unsigned int i;
	bool any = false;

	for (i = 0; i < c->n_devices; i++) {
		*found = c->device[i];
		if (!port_fits(p, *found))
			continue;
		any = true;
		if (!(*found)->console.chardev)
			return 0;
	}
	if (any)
		error_set(e, EBUSY, "A virtio-serial device has one port, and it is taken");
	else if (p->bus)
		error_set(e, ENODEV, "Bus '%s' not found", p->bus);
	else
		error_set(e, ENODEV, "No 'virtio-serial-bus' bus found for device 'virtconsole'");
	error_hint(e, "Give -device virtio-serial-pci once for each console.");
	return -ENODEV;
}

static int port_check(struct config *c, const struct port_config *p, struct error *e)
{
	struct device_config *d;
	struct chardev_option *o = NULL;
	unsigned int i;
	int ret;

	for (i = 0; i < c->n_chardevs && !o; i++)
		if (!strcmp(c->chardev[i].id, p->chardev))
			o = &c->chardev[i];
	if (!o)
		return error_set(e, ENOENT, "Property 'virtconsole.chardev' can't find value '%s'",
				 p->chardev);
	if (o->used)
		return error_set(e, EBUSY, "Property 'virtconsole.chardev' can't take value '%s', "
				 "it's in use", p->chardev);
	ret = port_find_device(c, p, &d, e);
	if (ret)
		return ret;
	o->used = true;
	d->console.chardev = &o->cfg;
	return 0;
}

int config_check_ports(struct config *c, struct error *e)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < c->n_ports && !ret; i++) {
		ret = port_check(c, &c->port[i], e);
		if (ret)
			error_prefix(e, c->port[i].where);
	}
	for (i = 0; i < c->n_chardevs && !ret; i++)
		if (c->chardev[i].mux && c->serial.mux)
			ret = error_set(e, EBUSY, "chardev '%s': mux=on is the serial port's "
					"already", c->chardev[i].id);
	return ret;
}

void config_free_consoles(struct config *c)
{
	unsigned int i;

	for (i = 0; i < c->n_chardevs; i++)
		opt_free(&chardev_table, &c->chardev[i]);
	for (i = 0; i < c->n_ports; i++) {
		opt_free(&port_table, &c->port[i]);
		free(c->port[i].where);
	}
}
