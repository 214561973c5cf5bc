// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the table of -netdev tap, -netdev of every kind, the older spellings -net and
 *	-nic, and which -device has which -netdev.
 * Threads: main.
 * Locks: none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#define NETDEV(field)	offsetof(struct netdev_config, field)

/* What QEMU's helper joins a tap to unless it is told. */
#define NETDEV_HELPER_BRIDGE	"br0"

static const struct opt_row netdev_rows[] = {
	{ "type", OPT_STRING, NETDEV(type), .def = "", .help = "tap" },
	{ "id", OPT_STRING, NETDEV(id), .help = "name that a -device refers to" },
	{ "ifname", OPT_STRING, NETDEV(ifname), .help = "host interface, made if not there" },
	{ "script", OPT_STRING, NETDEV(script),
	  .help = "run with the interface's name once it is up, 'no' for none; "
		  "/etc/qemu-ifup if that exists" },
	{ "downscript", OPT_STRING, NETDEV(downscript),
	  .help = "run before it goes, 'no' for none; /etc/qemu-ifdown if that exists" },
	{ "br", OPT_STRING, NETDEV(br), .help = "bridge that the interface joins" },
	{ "helper", OPT_STRING, NETDEV(helper),
	  .help = "not run; the bridge is " NETDEV_HELPER_BRIDGE " unless br= says another" },
	{ "fd", OPT_STRING, NETDEV(fd), .help = "open tap or macvtap descriptor" },
	{ "fds", OPT_STRING, NETDEV(fds), .help = "several, with colons between" },
	{ "vnet_hdr", OPT_TRI, NETDEV(vnet_hdr), .help = "offloads through the interface" },
	{ "vhost", OPT_TRI, NETDEV(vhost),
	  .help = "move packets in the kernel; auto: where the device answers" },
	{ "vhostforce", OPT_BOOL, NETDEV(vhostforce), .def = "off",
	  .help = "fail rather than move packets in user space" },
	{ "vhostfd", OPT_STRING, NETDEV(vhostfd), .help = "open vhost descriptor" },
	{ "vhostfds", OPT_STRING, NETDEV(vhostfds), .help = "several, with colons between" },
	{ "vhostdev", OPT_STRING, NETDEV(vhostdev), .def = "/dev/ferry-net",
	  .help = "vhost device" },
	{ "queues", OPT_UINT, NETDEV(queues), 1, NETDEV_PAIRS_MAX, .def = "1",
	  .help = "queue pairs" },
	{ "sndbuf", OPT_SIZE, NETDEV(sndbuf), .def = "0",
	  .help = "bytes in flight to the host, 0 for no limit" },
	{ "poll-us", OPT_UINT, NETDEV(poll_us), 0, 1000000, .def = "0",
	  .help = "microseconds of busy polling before the kernel sleeps" },
};

const struct opt_table netdev_table = {
	.implied = "type",
	.rows = netdev_rows,
	.n = ARRAY_SIZE(netdev_rows),
};

/* How -net calls the network of its Nth card and of its Nth other side. */
#define NET_ID		"#net%u"

static const char *const nic_keys[] = {
	"model", "mac", "macaddr", "addr", "vectors", NULL
};

/* All that -net nic may say; nic_add_device() looks for what it needs. */
static const struct opt_row nic_rows[] = {
	{ "type", OPT_IGNORED }, { "netdev", OPT_IGNORED }, { "name", OPT_IGNORED },
	{ "model", OPT_IGNORED }, { "mac", OPT_IGNORED }, { "macaddr", OPT_IGNORED },
	{ "addr", OPT_IGNORED }, { "vectors", OPT_IGNORED },
};

static const struct opt_table nic_table = { "type", NULL, nic_rows, ARRAY_SIZE(nic_rows) };

static int netdev_check_tap(const struct netdev_config *n, struct error *e)
{
	if ((n->fd || n->fds) && (n->ifname || n->script || n->downscript || n->br || n->helper))
		return error_set(e, EINVAL, "ifname=, script=, downscript=, vnet_hdr=, helper= "
				 "and br= are invalid with fd= or fds=");
	if (n->helper && (n->ifname || n->script || n->downscript || n->vnet_hdr != TRI_AUTO ||
			  n->queues != 1 || n->vhostfds))
		return error_set(e, EINVAL, "ifname=, script=, downscript=, vnet_hdr=, queues= "
				 "and vhostfds= are invalid with helper=");
	if (n->fd && n->fds)
		return error_set(e, EINVAL, "fd= and fds= exclude each other");
	if (n->vhostfd && n->vhostfds)
		return error_set(e, EINVAL, "vhostfd= and vhostfds= exclude each other");
	if (n->vhost == TRI_OFF && (n->vhostforce || n->vhostfd || n->vhostfds))
		return error_set(e, EINVAL, "vhostforce=, vhostfd= and vhostfds= are not valid "
				 "with vhost=off");
	if (n->fds && n->queues != 1)
		return error_set(e, EINVAL, "queues= is invalid with fds=");
	if (n->vhostfd && n->queues != 1)
		return error_set(e, EINVAL, "vhostfd= is for one queue pair: use vhostfds=");
	return 0;
}

/* The helper is not run: joining a bridge needs no other program. */
static int netdev_conclude_bridge(struct netdev_config *n, struct error *e)
{
	if (!n->helper || n->br)
		return 0;
	n->br = strdup(NETDEV_HELPER_BRIDGE);
	return n->br ? 0 : error_errno(e, ENOMEM, "options");
}

static int netdev_check(const struct config *c, struct netdev_config *n, struct error *e)
{
	unsigned int i;

	if (!n->id)
		return error_set(e, EINVAL, "Parameter 'id' is missing");
	for (i = 0; i < c->n_netdevs; i++)
		if (!strcmp(c->netdev[i]->id, n->id))
			return error_set(e, EEXIST, "Duplicate ID '%s' for netdev", n->id);
	if (n->is_user)
		return config_check_user_net(&n->user, e);
	return netdev_check_tap(n, e) ?: netdev_conclude_bridge(n, e);
}

void config_free_netdev(struct netdev_config *n)
{
	opt_free(&netdev_table, n);
	opt_free(&user_net_table, n);
	free(n->where);
	free(n);
}

void config_remove_netdev(struct config *c, struct netdev_config *n)
{
	config_remove(c->netdev, &c->n_netdevs, n);
	config_free_netdev(n);
}

/* The table of a kind of -netdev. */
static int netdev_kind(const char *arg, const struct opt_table **table, struct error *e)
{
	char type[16];

	*table = &netdev_table;
	if (!opt_peek(arg, "type", "type", type, sizeof(type)) || !*type)
		return error_set(e, EINVAL, "Parameter 'type' is missing");
	if (!strcmp(type, "user"))
		*table = &user_net_table;
	else if (strcmp(type, "tap")) {
		error_set(e, EINVAL, "Parameter 'type' expects a netdev backend type");
		error_hint(e, "Available netdev backend types:\ntap\nuser");
		return -EINVAL;
	}
	return 0;
}

static int netdev_add(struct config *c, const char *opt, const char *arg, const char *id,
		      struct error *e)
{
	const struct opt_table *table;
	struct netdev_config *n;
	int ret;

	if (c->n_netdevs == CONFIG_DEVICES_MAX)
		return error_set(e, ENOSPC, "too many netdevs");
	ret = netdev_kind(arg, &table, e);
	if (ret)
		return ret;
	n = calloc(1, sizeof(*n));
	if (!n)
		return error_errno(e, ENOMEM, "options");
	n->is_user = table == &user_net_table;
	ret = config_where(&n->where, opt, arg, e);
	if (!ret)
		ret = opt_defaults(table, n, e);
	if (!ret)
		ret = opt_parse(table, arg, n, e);
	if (!ret && id && !n->id) {
		n->id = strdup(id);
		ret = n->id ? 0 : error_errno(e, ENOMEM, "options");
	}
	if (!ret)
		ret = netdev_check(c, n, e);
	if (!ret)
		c->netdev[c->n_netdevs++] = n;
	else
		config_free_netdev(n);
	return ret;
}

int config_add_netdev(struct config *c, const char *arg, struct error *e)
{
	return netdev_add(c, "netdev", arg, NULL, e);
}

/* The card that -net nic or -nic asks for, on the network @id. */
static int nic_add_device(struct config *c, const char *arg, const char *id, struct error *e)
{
	char model[64], mac[32] = "", addr[32] = "", vectors[32] = "", text[256];

	if (opt_peek(arg, NULL, "model", model, sizeof(model)) && strncmp(model, "virtio", 6)) {
		error_set(e, EINVAL, "Unsupported NIC model: %s", model);
		error_hint(e, "There is virtio: model=virtio, or -device virtio-net-pci.");
		return -EINVAL;
	}
	if (!opt_peek(arg, NULL, "mac", mac, sizeof(mac)))
		opt_peek(arg, NULL, "macaddr", mac, sizeof(mac));
	opt_peek(arg, NULL, "addr", addr, sizeof(addr));
	opt_peek(arg, NULL, "vectors", vectors, sizeof(vectors));
	snprintf(text, sizeof(text), "virtio-net-pci,netdev=%s%s%s%s%s%s%s", id,
		 *mac ? ",mac=" : "", mac, *addr ? ",addr=" : "", addr,
		 *vectors ? ",vectors=" : "", vectors);
	return config_add_device(c, text, e);
}

static bool net_kind_is(const char *arg, const char *kind)
{
	char type[16];

	return opt_peek(arg, "type", "type", type, sizeof(type)) && !strcmp(type, kind);
}

int config_add_net(struct config *c, const char *arg, struct error *e)
{
	char id[32], nothing;
	int ret;

	if (net_kind_is(arg, "none"))
		return 0;
	if (net_kind_is(arg, "nic")) {
		ret = opt_parse(&nic_table, arg, &nothing, e);
		if (ret)
			return ret;
		if (!opt_peek(arg, NULL, "netdev", id, sizeof(id)))
			snprintf(id, sizeof(id), NET_ID, c->n_net_cards++);
		return nic_add_device(c, arg, id, e);
	}
	snprintf(id, sizeof(id), NET_ID, c->n_net_others++);
	return netdev_add(c, "net", arg, id, e);
}

int config_add_nic(struct config *c, const char *arg, struct error *e)
{
	char id[32], *netdev;
	int ret;

	if (net_kind_is(arg, "none"))
		return 0;
	snprintf(id, sizeof(id), "#nic%u", c->n_netdevs);
	netdev = opt_without(arg, nic_keys);
	if (!netdev)
		return error_errno(e, ENOMEM, "options");
	ret = netdev_add(c, "nic", netdev, id, e);
	free(netdev);
	if (ret)
		return ret;
	return nic_add_device(c, arg, c->netdev[c->n_netdevs - 1]->id, e);
}

/* Cards and other sides of -net meet in the order in which they were given. */
int config_add_net_devices(struct config *c, struct error *e)
{
	char id[32];
	int ret = 0;

	if (c->n_net_cards > c->n_net_others)
		return error_set(e, EINVAL, "-net nic: there is no -net tap or -net user for it");
	while (!ret && c->n_net_cards < c->n_net_others) {
		snprintf(id, sizeof(id), NET_ID, c->n_net_cards++);
		ret = nic_add_device(c, "", id, e);
	}
	return ret;
}

struct netdev_config *config_find_netdev(const struct config *c, const char *id)
{
	unsigned int i;

	for (i = 0; i < c->n_netdevs; i++)
		if (!strcmp(c->netdev[i]->id, id))
			return c->netdev[i];
	return NULL;
}

static bool mac_is_zero(const u8 mac[6])
{
	static const u8 zero[6];

	return !memcmp(mac, zero, 6);
}

static bool config_mac_taken(const struct config *c, const u8 mac[6])
{
	unsigned int i;

	for (i = 0; i < c->n_devices; i++)
		if (c->device[i]->type->kind == DEVICE_NET &&
		    !memcmp(c->device[i]->net.mac, mac, 6))
			return true;
	return false;
}

static void config_give_mac(const struct config *c, u8 mac[6])
{
	u8 next[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

	while (config_mac_taken(c, next))
		next[5]++;
	memcpy(mac, next, 6);
}

int config_check_netdev(struct config *c, struct device_config *d, struct error *e)
{
	unsigned int i;

	if (!config_find_netdev(c, d->net.netdev))
		return error_set(e, ENOENT, "Property '%s.netdev' can't find value '%s'",
				 d->type->name, d->net.netdev);
	for (i = 0; c->device[i] != d; i++)
		if (c->device[i]->type->kind == DEVICE_NET &&
		    !strcmp(c->device[i]->net.netdev, d->net.netdev))
			return error_set(e, EBUSY, "Property '%s.netdev' can't take value '%s', "
					 "it's in use", d->type->name, d->net.netdev);
	if (mac_is_zero(d->net.mac))
		config_give_mac(c, d->net.mac);
	return 0;
}
