// SPDX-License-Identifier: GPL-2.0
/*
 * Role: bring interfaces up, join them to bridges, make and delete bridges, with
 *	libnl-route-3.
 * Threads: main.
 * Locks: none.
 */
#include "link.h"

#include <errno.h>
#include <net/if.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <string.h>

/* libnl's own error numbers, as errno where one says the same. */
static int link_error(int nle)
{
	switch (nle < 0 ? -nle : nle) {
	case NLE_PERM:
	case NLE_NOACCESS:
		return EPERM;
	case NLE_NODEV:
	case NLE_OBJ_NOTFOUND:
		return ENODEV;
	case NLE_EXIST:
		return EEXIST;
	case NLE_BUSY:
		return EBUSY;
	case NLE_NOMEM:
		return ENOMEM;
	case NLE_OPNOTSUPP:
		return EOPNOTSUPP;
	default:
		return EINVAL;
	}
}

static int link_fail(struct error *e, int nle, const char *what, const char *name)
{
	return error_set(e, link_error(nle), "could not %s '%s': %s", what, name,
			 nl_geterror(nle));
}

static int link_open(struct nl_sock **sk, struct error *e)
{
	int nle;

	*sk = nl_socket_alloc();
	if (!*sk)
		return error_errno(e, ENOMEM, "netlink");
	nle = nl_connect(*sk, NETLINK_ROUTE);
	if (!nle)
		return 0;
	nl_socket_free(*sk);
	*sk = NULL;
	return error_set(e, link_error(nle), "could not open netlink: %s", nl_geterror(nle));
}

/* Ask for @flags and @master on an interface. */
static int link_change(struct nl_sock *sk, const char *name, unsigned int master)
{
	struct rtnl_link *orig = NULL, *change;
	int nle;

	nle = rtnl_link_get_kernel(sk, 0, name, &orig);
	if (nle)
		return nle;
	change = rtnl_link_alloc();
	if (!change) {
		rtnl_link_put(orig);
		return -NLE_NOMEM;
	}
	rtnl_link_set_flags(change, IFF_UP);
	if (master)
		rtnl_link_set_master(change, master);
	nle = rtnl_link_change(sk, orig, change, 0);
	rtnl_link_put(change);
	rtnl_link_put(orig);
	return nle;
}

int link_up(const char *name, const char *bridge, struct error *e)
{
	unsigned int master = 0;
	struct nl_sock *sk;
	int ret, nle;

	if (bridge) {
		master = if_nametoindex(bridge);
		if (!master)
			return error_set(e, ENODEV, "bridge '%s' does not exist", bridge);
	}
	ret = link_open(&sk, e);
	if (ret)
		return ret;
	nle = link_change(sk, name, master);
	if (nle)
		ret = link_fail(e, nle, "bring up", name);
	nl_socket_free(sk);
	return ret;
}

static int link_check_bridge(struct nl_sock *sk, const char *name, struct error *e)
{
	struct rtnl_link *link = NULL;
	int nle = rtnl_link_get_kernel(sk, 0, name, &link), ret = 0;
	const char *type;

	if (nle)
		return link_fail(e, nle, "find", name);
	type = rtnl_link_get_type(link);
	if (!type || strcmp(type, "bridge"))
		ret = error_set(e, EINVAL, "'%s' is not a bridge", name);
	rtnl_link_put(link);
	return ret;
}

int link_add_bridge(const char *name, struct error *e)
{
	struct nl_sock *sk;
	int ret, nle;

	ret = link_open(&sk, e);
	if (ret)
		return ret;
	nle = rtnl_link_bridge_add(sk, name);
	if (nle && nle != -NLE_EXIST)
		ret = link_fail(e, nle, "add bridge", name);
	/* Asked for the name of another interface, the kernel is content with that one. */
	if (!ret)
		ret = link_check_bridge(sk, name, e);
	if (!ret) {
		nle = link_change(sk, name, 0);
		if (nle)
			ret = link_fail(e, nle, "bring up", name);
	}
	nl_socket_free(sk);
	return ret;
}

static int link_send_address(struct nl_sock *sk, unsigned int index, const char *address)
{
	struct nl_addr *local = NULL;
	struct rtnl_addr *addr;
	int nle;

	nle = nl_addr_parse(address, AF_UNSPEC, &local);
	if (nle)
		return nle;
	addr = rtnl_addr_alloc();
	if (!addr) {
		nl_addr_put(local);
		return -NLE_NOMEM;
	}
	rtnl_addr_set_ifindex(addr, index);
	nle = rtnl_addr_set_local(addr, local);
	if (!nle)
		nle = rtnl_addr_add(sk, addr, 0);
	rtnl_addr_put(addr);
	nl_addr_put(local);
	return nle == -NLE_EXIST ? 0 : nle;
}

int link_add_address(const char *name, const char *address, struct error *e)
{
	unsigned int index = if_nametoindex(name);
	struct nl_sock *sk;
	int ret, nle;

	if (!index)
		return error_set(e, ENODEV, "interface '%s' does not exist", name);
	ret = link_open(&sk, e);
	if (ret)
		return ret;
	nle = link_send_address(sk, index, address);
	if (nle)
		ret = link_fail(e, nle, "set address", address);
	nl_socket_free(sk);
	return ret;
}

int link_delete(const char *name, struct error *e)
{
	struct rtnl_link *link;
	struct nl_sock *sk;
	int ret, nle;

	ret = link_open(&sk, e);
	if (ret)
		return ret;
	link = rtnl_link_alloc();
	if (!link) {
		nl_socket_free(sk);
		return error_errno(e, ENOMEM, "netlink");
	}
	rtnl_link_set_name(link, name);
	nle = rtnl_link_delete(sk, link);
	if (nle)
		ret = link_fail(e, nle, "delete", name);
	rtnl_link_put(link);
	nl_socket_free(sk);
	return ret;
}
