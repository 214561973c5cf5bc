// SPDX-License-Identifier: GPL-2.0
/*
 * Role: "ferry tap" and "ferry bridge": interfaces that outlive a guest, made and
 *	deleted without other tools.
 * Threads: main.
 * Locks: none.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../backend/link.h"
#include "ctl.h"

#define TAP_DEVICE	"/dev/net/tun"

static int ctl_usage(struct error *e, const char *what)
{
	error_set(e, EINVAL, "expects add NAME or del NAME");
	error_hint(e, "%s", what);
	return -EINVAL;
}

static int ctl_check_name(const char *name, struct error *e)
{
	if (!*name || strlen(name) >= IFNAMSIZ || strpbrk(name, "/ %"))
		return error_set(e, EINVAL, "'%s' is not an interface name", name);
	return 0;
}

static int tap_find_user(const char *user, unsigned long *uid, struct error *e)
{
	struct passwd *pw = getpwnam(user);
	char *end;

	if (pw) {
		*uid = pw->pw_uid;
		return 0;
	}
	*uid = strtoul(user, &end, 10);
	if (end == user || *end)
		return error_set(e, ENOENT, "user '%s' is not known", user);
	return 0;
}

/* Make a persistent tap, of several queues if asked. */
static int tap_create(const char *name, bool multi, const char *user, struct error *e)
{
	struct ifreq ifr = {
		.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (multi ? IFF_MULTI_QUEUE : 0),
	};
	unsigned long uid;
	int fd, ret = 0;

	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	fd = open(TAP_DEVICE, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return error_errno(e, errno, "could not open " TAP_DEVICE);
	if (user)
		ret = tap_find_user(user, &uid, e);
	if (!ret && ioctl(fd, TUNSETIFF, &ifr))
		ret = error_errno(e, errno, "could not configure " TAP_DEVICE " (%s)", name);
	if (!ret && user && ioctl(fd, TUNSETOWNER, uid))
		ret = error_errno(e, errno, "could not give '%s' to '%s'", name, user);
	if (!ret && ioctl(fd, TUNSETPERSIST, 1UL))
		ret = error_errno(e, errno, "could not keep '%s'", name);
	close(fd);
	return ret;
}

static int tap_add(const char *name, int argc, char **argv, struct error *e)
{
	const char *bridge = NULL, *address = NULL, *queues = NULL, *user = NULL;
	const struct ctl_word words[] = {
		{ "bridge", &bridge }, { "br", &bridge }, { "address", &address },
		{ "queues", &queues }, { "user", &user },
	};
	bool existed = if_nametoindex(name);
	int ret;

	ret = ctl_words(argc, argv, words, ARRAY_SIZE(words), e);
	if (!ret && bridge)
		ret = ctl_check_name(bridge, e);
	if (!ret)
		ret = tap_create(name, queues && strcmp(queues, "1"), user, e);
	if (ret)
		return ret;
	if (bridge)
		ret = link_add_bridge(bridge, e);
	if (!ret)
		ret = link_up(name, bridge, e);
	if (!ret && address)
		ret = link_add_address(bridge ? bridge : name, address, e);
	/* Half an interface is none; one that was there may be a guest's. */
	if (ret && !existed)
		link_delete(name, NULL);
	return ret;
}

static int tap_check(const char *name, struct error *e)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/net/%s/tun_flags", name);
	if (!if_nametoindex(name))
		return error_set(e, ENODEV, "interface '%s' does not exist", name);
	if (access(path, F_OK))
		return error_set(e, EINVAL, "'%s' is not a tap interface", name);
	return 0;
}

int ctl_tap(int argc, char **argv, struct error *e)
{
	int ret;

	if (argc < 3)
		return ctl_usage(e, "ferry tap add NAME [bridge=BRIDGE] [address=ADDR/LEN] "
				 "[queues=N] [user=USER]\nferry tap del NAME");
	ret = ctl_check_name(argv[2], e);
	if (ret)
		return ret;
	if (!strcmp(argv[1], "add"))
		return tap_add(argv[2], argc - 3, argv + 3, e);
	if (strcmp(argv[1], "del") || argc != 3)
		return ctl_usage(e, "ferry tap del NAME");
	ret = tap_check(argv[2], e);
	return ret ?: link_delete(argv[2], e);
}

static int bridge_add(const char *name, int argc, char **argv, struct error *e)
{
	const char *address = NULL;
	const struct ctl_word words[] = { { "address", &address } };
	int ret = ctl_words(argc, argv, words, ARRAY_SIZE(words), e);

	if (!ret)
		ret = link_add_bridge(name, e);
	if (!ret && address)
		ret = link_add_address(name, address, e);
	return ret;
}

static int bridge_check(const char *name, struct error *e)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/net/%s/bridge", name);
	if (!if_nametoindex(name))
		return error_set(e, ENODEV, "interface '%s' does not exist", name);
	if (access(path, F_OK))
		return error_set(e, EINVAL, "'%s' is not a bridge", name);
	return 0;
}

int ctl_bridge(int argc, char **argv, struct error *e)
{
	int ret;

	if (argc < 3)
		return ctl_usage(e, "ferry bridge add NAME [address=ADDR/LEN]\n"
				 "ferry bridge del NAME");
	ret = ctl_check_name(argv[2], e);
	if (ret)
		return ret;
	if (!strcmp(argv[1], "add"))
		return bridge_add(argv[2], argc - 3, argv + 3, e);
	if (strcmp(argv[1], "del") || argc != 3)
		return ctl_usage(e, "ferry bridge del NAME");
	ret = bridge_check(argv[2], e);
	return ret ?: link_delete(argv[2], e);
}
