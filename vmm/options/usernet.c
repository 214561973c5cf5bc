// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the table of -netdev user, and what its addresses and forwarding rules stand for.
 * Threads: main.
 * Locks: none.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config.h"

#define NETDEV(field)	offsetof(struct netdev_config, field)
#define USER(field)	offsetof(struct netdev_config, user.field)

static const struct opt_row user_rows[] = {
	{ "type", OPT_STRING, NETDEV(type), .def = "", .help = "user" },
	{ "id", OPT_STRING, NETDEV(id), .help = "name that a -device refers to" },
	{ "net", OPT_STRING, USER(net), .def = "10.0.2.0/24",
	  .help = "the guest's network, with its mask" },
	{ "host", OPT_STRING, USER(host), .help = "the host in it; the second address" },
	{ "dns", OPT_STRING, USER(dns), .help = "the name server in it; the third address" },
	{ "dhcpstart", OPT_STRING, USER(dhcpstart),
	  .help = "first address given away; the fifteenth" },
	{ "hostfwd", OPT_LIST, USER(hostfwd),
	  .help = "[tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport, up to 64 of them" },
	{ "restrict", OPT_BOOL, USER(restricted), .def = "off",
	  .help = "nothing but forwarded ports, DHCP and TFTP" },
	{ "ipv4", OPT_BOOL, USER(ipv4), .def = "on", .help = "with IPv4" },
	{ "ipv6", OPT_BOOL, USER(ipv6), .def = "on", .help = "with IPv6, fec0::/64" },
	{ "hostname", OPT_STRING, USER(hostname), .help = "the guest's name, told by DHCP" },
	{ "domainname", OPT_STRING, USER(domainname), .help = "its domain, told by DHCP" },
	{ "dnssearch", OPT_LIST, USER(dnssearch),
	  .help = "a domain to search, any number of them" },
	{ "tftp", OPT_STRING, USER(tftp), .help = "directory that TFTP serves" },
	{ "tftp-server-name", OPT_STRING, USER(tftp_server_name),
	  .help = "the TFTP server's name, told by DHCP" },
	{ "bootfile", OPT_STRING, USER(bootfile), .help = "file to boot, told by DHCP" },
	{ "vhost", OPT_TRI, USER(vhost), .help = "must not be on" },
};

const struct opt_table user_net_table = {
	.implied = "type",
	.rows = user_rows,
	.n = ARRAY_SIZE(user_rows),
};

static struct in_addr user_add(struct in_addr network, u32 n)
{
	return (struct in_addr){ htonl(ntohl(network.s_addr) + n) };
}

/* "ADDRESS[/BITS or /MASK]" */
static int user_parse_net(struct user_net_config *u, struct error *e)
{
	char text[64], *slash, *end;
	unsigned long bits = 24;
	u32 mask;

	snprintf(text, sizeof(text), "%s", u->net);
	slash = strchr(text, '/');
	if (slash)
		*slash++ = '\0';
	if (slash && strchr(slash, '.')) {
		if (!inet_pton(AF_INET, slash, &u->mask))
			return error_set(e, EINVAL, "Parameter 'net' expects a mask: '%s'", slash);
	} else {
		if (slash) {
			bits = strtoul(slash, &end, 10);
			if (end == slash || *end)
				bits = 0;
		}
		if (!bits || bits > 27)
			return error_set(e, EINVAL, "Parameter 'net' expects a mask of 1 to 27 "
					 "bits");
		u->mask.s_addr = htonl(~0U << (32 - bits));
	}
	mask = ntohl(u->mask.s_addr);
	/* There must be room for the fifteenth address, and no hole. */
	if (!mask || (~mask & (~mask + 1)) || ~mask < 31)
		return error_set(e, EINVAL, "Parameter 'net' expects a mask of 1 to 27 bits");
	if (!inet_pton(AF_INET, text, &u->network))
		return error_set(e, EINVAL, "Parameter 'net' expects an IPv4 network");
	u->network.s_addr &= u->mask.s_addr;
	return 0;
}

/* An address of the network's: the one asked for, or the @nth. */
static int user_parse_addr(const struct user_net_config *u, const char *key, const char *text,
			   struct in_addr *a, struct error *e)
{
	if (!text)
		return 0;
	if (!inet_pton(AF_INET, text, a))
		return error_set(e, EINVAL, "Parameter '%s' expects an IPv4 address", key);
	if ((a->s_addr & u->mask.s_addr) != u->network.s_addr)
		return error_set(e, EINVAL, "%s=%s is not in the network of net=%s", key, text,
				 u->net);
	return 0;
}

static int user_parse_addrs(struct user_net_config *u, struct error *e)
{
	int ret;

	u->gateway = user_add(u->network, 2);
	u->nameserver = user_add(u->network, 3);
	u->first_lease = user_add(u->network, 15);
	ret = user_parse_addr(u, "host", u->host, &u->gateway, e);
	if (!ret)
		ret = user_parse_addr(u, "dns", u->dns, &u->nameserver, e);
	if (!ret)
		ret = user_parse_addr(u, "dhcpstart", u->dhcpstart, &u->first_lease, e);
	if (ret)
		return ret;
	if (u->gateway.s_addr == u->nameserver.s_addr)
		return error_set(e, EINVAL, "host= and dns= are the same address");
	if (u->first_lease.s_addr == u->gateway.s_addr ||
	    u->first_lease.s_addr == u->nameserver.s_addr)
		return error_set(e, EINVAL, "dhcpstart= is the address of host= or dns=");
	return 0;
}

static bool user_parse_port(const char *text, u16 *port)
{
	unsigned long v;
	char *end;

	v = strtoul(text, &end, 10);
	if (end == text || *end || *text == '-' || !v || v > 65535)
		return false;
	*port = v;
	return true;
}

/* "[ADDRESS]:PORT", to an address and a port; what is wrong with it, or NULL. */
static const char *user_parse_end(char *text, struct in_addr *a, u16 *port,
				  const char *const bad[2])
{
	char *colon = strrchr(text, ':');

	if (!colon)
		return bad[0];
	*colon++ = '\0';
	if (*text && !inet_pton(AF_INET, text, a))
		return bad[0];
	return user_parse_port(colon, port) ? NULL : bad[1];
}

/* As QEMU words what is wrong with a rule; NULL if nothing is. */
static const char *user_parse_rule(char *rule, struct user_net_forward *f)
{
	static const char *const host[] = { "Bad host address", "Bad host port" };
	static const char *const guest[] = { "Bad guest address", "Bad guest port" };
	char *from = strchr(rule, ':'), *to;
	const char *bad;

	if (!from)
		return "No host protocol";
	*from++ = '\0';
	if (*rule && strcmp(rule, "tcp") && strcmp(rule, "udp"))
		return "Bad protocol name";
	f->udp = !strcmp(rule, "udp");
	to = strchr(from, '-');
	if (!to)
		return "Bad host port separator";
	*to++ = '\0';
	bad = user_parse_end(from, &f->host, &f->host_port, host);
	return bad ?: user_parse_end(to, &f->guest, &f->guest_port, guest);
}

static int user_parse_forward(struct user_net_config *u, const char *text, struct error *e)
{
	struct user_net_forward f = { 0 };
	const char *bad;
	char *rule;

	if (u->n_forwards == USER_NET_FORWARDS_MAX)
		return error_set(e, ENOSPC, "more than %u host forwarding rules",
				 USER_NET_FORWARDS_MAX);
	rule = strdup(text);
	if (!rule)
		return error_errno(e, ENOMEM, "options");
	bad = user_parse_rule(rule, &f);
	free(rule);
	if (bad)
		return error_set(e, EINVAL, "Invalid host forwarding rule '%s' (%s)", text, bad);
	if (f.guest.s_addr && (f.guest.s_addr & u->mask.s_addr) != u->network.s_addr)
		return error_set(e, EINVAL, "Invalid host forwarding rule '%s' (guest address is "
				 "not in the network of net=%s)", text, u->net);
	u->forward[u->n_forwards++] = f;
	return 0;
}

static int user_check_names(const struct user_net_config *u, struct error *e)
{
	struct stat st;

	if (u->hostname && strlen(u->hostname) > 32)
		return error_set(e, EINVAL, "hostname= is longer than 32 characters");
	if (u->bootfile && strlen(u->bootfile) > 127)
		return error_set(e, EINVAL, "bootfile= is longer than 127 characters");
	if (u->domainname && strlen(u->domainname) > 255)
		return error_set(e, EINVAL, "'domainname' parameter cannot exceed 255 bytes");
	if (u->tftp_server_name && strlen(u->tftp_server_name) > 255)
		return error_set(e, EINVAL, "'tftp-server-name' parameter cannot exceed 255 bytes");
	if (u->tftp && (stat(u->tftp, &st) || !S_ISDIR(st.st_mode)))
		return error_set(e, ENOTDIR, "tftp=%s is not a directory", u->tftp);
	return 0;
}

int config_check_user_net(struct user_net_config *u, struct error *e)
{
	size_t i;
	int ret;

	if (u->vhost == TRI_ON) {
		error_set(e, EINVAL, "vhost=on is not for user networking: it is served in user "
			  "space");
		error_hint(e, "Use -netdev tap for packets that the kernel moves.");
		return -EINVAL;
	}
	if (!u->ipv4 && !u->ipv6)
		return error_set(e, EINVAL, "neither ipv4=on nor ipv6=on");
	if (!u->ipv4 && u->hostfwd)
		return error_set(e, EINVAL, "hostfwd= is for IPv4, which is off");
	ret = user_parse_net(u, e);
	if (!ret)
		ret = user_parse_addrs(u, e);
	for (i = 0; !ret && u->hostfwd && u->hostfwd[i]; i++)
		ret = user_parse_forward(u, u->hostfwd[i], e);
	return ret ?: user_check_names(u, e);
}
