// SPDX-License-Identifier: GPL-2.0
/*
 * Interfaces by rtnetlink. Each call opens and closes its own socket; safe from
 * any thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/macvtap.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/link/vlan.h>
#include <netlink/route/link/vxlan.h>

#include "check.h"
#include "link.h"

/* netlink's if.h and the C library's clash; declare the one function needed. */
unsigned int if_nametoindex(const char *name);

/* libnl has its own errors; the ones a caller tells apart. */
static int link_errno(int err)
{
	switch (-err) {
	case 0:
		return 0;
	case NLE_OPNOTSUPP:
		return -EOPNOTSUPP;
	case NLE_EXIST:
		return -EEXIST;
	case NLE_PERM:
		return -EPERM;
	case NLE_NODEV:
	case NLE_OBJ_NOTFOUND:
		return -ENODEV;
	default:
		return -EIO;
	}
}

static struct nl_sock *link_socket(void)
{
	struct nl_sock *sk = nl_socket_alloc();

	check(sk && !nl_connect(sk, NETLINK_ROUTE), "netlink socket");
	return sk;
}

int __link_add_veth(const char *name, const char *peer)
{
	struct nl_sock *sk = link_socket();
	int err = rtnl_link_veth_add(sk, name, peer, getpid());

	nl_socket_free(sk);
	return link_errno(err);
}

/* Make @link, whose kind is set; takes the reference. */
static int link_add(struct rtnl_link *link, const char *name)
{
	struct nl_sock *sk = link_socket();
	int err;

	rtnl_link_set_name(link, name);
	err = rtnl_link_add(sk, link, NLM_F_CREATE | NLM_F_EXCL);
	rtnl_link_put(link);
	nl_socket_free(sk);
	return link_errno(err);
}

/* The same on top of @lower. */
static int link_add_on(struct rtnl_link *link, const char *lower, const char *name)
{
	check(link, "memory for a link");
	rtnl_link_set_link(link, if_nametoindex(lower));
	return link_add(link, name);
}

int __link_add_vlan(const char *lower, const char *name, int id)
{
	struct rtnl_link *link = rtnl_link_vlan_alloc();

	check(link && !rtnl_link_vlan_set_id(link, id), "memory for a link");
	return link_add_on(link, lower, name);
}

int __link_add_vxlan(const char *lower, const char *name, int id)
{
	struct rtnl_link *link = rtnl_link_vxlan_alloc();
	int index = lower ? link_index(lower) : 0;

	check(link && !rtnl_link_vxlan_set_id(link, id), "memory for a link");
	check(!index || !rtnl_link_vxlan_set_link(link, index), "memory for a link");
	return link_add(link, name);
}

int __link_add_bridge(const char *name)
{
	struct nl_sock *sk = link_socket();
	int err = rtnl_link_bridge_add(sk, name);

	nl_socket_free(sk);
	return link_errno(err);
}

int __link_enslave(const char *bridge, const char *port)
{
	struct nl_sock *sk = link_socket();
	int err = rtnl_link_enslave_ifindex(sk, link_index(bridge), link_index(port));

	nl_socket_free(sk);
	return link_errno(err);
}

int link_index(const char *name)
{
	return if_nametoindex(name);
}

int __link_delete(const char *name)
{
	struct nl_sock *sk = link_socket();
	struct rtnl_link *link = rtnl_link_alloc();
	int err;

	rtnl_link_set_ifindex(link, if_nametoindex(name));
	err = rtnl_link_delete(sk, link);
	rtnl_link_put(link);
	nl_socket_free(sk);
	return link_errno(err);
}

static int link_add_macvtap(const char *lower, const char *name)
{
	struct rtnl_link *link = rtnl_link_macvtap_alloc();

	check(link, "memory for a link");
	rtnl_link_macvtap_set_mode(link, rtnl_link_macvtap_str2mode("passthru"));
	return link_add_on(link, lower, name);
}

/* The device number of macvtap @ifindex, from a sysfs of this net namespace. */
static int macvtap_number(const char *sysfs, const char *name, int ifindex, dev_t *number)
{
	char path[PATH_MAX];
	unsigned int major, minor;
	FILE *f;
	int n;

	snprintf(path, sizeof(path), "%s/class/net/%s/tap%d/dev", sysfs, name, ifindex);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	n = fscanf(f, "%u:%u", &major, &minor);
	fclose(f);
	if (n != 2)
		return -EIO;
	*number = makedev(major, minor);
	return 0;
}

/* Open macvtap @name through a sysfs and a node of a mount namespace of its own. */
static int macvtap_open_node(const char *name, int ifindex)
{
	char dir[] = "/tmp/macvtap-XXXXXX";
	char node[PATH_MAX];
	dev_t number = 0;
	int fd;

	if (!mkdtemp(dir) || unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("sysfs", dir, "sysfs", 0, NULL))
		return -errno;
	fd = macvtap_number(dir, name, ifindex, &number);
	umount2(dir, MNT_DETACH);
	if (!fd && mount("tmpfs", dir, "tmpfs", 0, NULL))
		fd = -errno;
	if (fd < 0) {
		rmdir(dir);
		return fd;
	}
	snprintf(node, sizeof(node), "%s/tap", dir);
	fd = mknod(node, S_IFCHR | 0600, number) ? -1 : open(node, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		fd = -errno;
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	return fd;
}

int __macvtap_open(struct tap *t, const char *lower, const char *name,
		   const struct tap_options *o)
{
	static const struct tap_options usual;
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int hdr, err;

	if (!o)
		o = &usual;
	err = link_add_macvtap(lower, name);
	if (err)
		return err;
	t->ifindex = if_nametoindex(name);
	snprintf(t->name, sizeof(t->name), "%s", name);
	t->fd = macvtap_open_node(name, t->ifindex);
	if (t->fd < 0)
		return t->fd;
	hdr = o->vnet_hdr_len ? o->vnet_hdr_len : (int)sizeof(struct virtio_net_hdr_mrg_rxbuf);
	if (!o->no_vnet_hdr)
		ifr.ifr_flags |= IFF_VNET_HDR;
	if (ioctl(t->fd, TUNSETIFF, &ifr) ||
	    (!o->no_vnet_hdr && ioctl(t->fd, TUNSETVNETHDRSZ, &hdr)) ||
	    (o->offload && ioctl(t->fd, TUNSETOFFLOAD, (unsigned long)o->offload))) {
		err = -errno;
		close(t->fd);
	}
	return err;
}
