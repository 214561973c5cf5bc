// SPDX-License-Identifier: GPL-2.0
/*
 * Role: open a tap, or take open descriptors, and find out what it can do.
 * Threads: main; tap_set_*() also in vCPUs.
 * Locks: the machine's lock is held by the caller once the guest runs.
 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../dev/net_bits.h"
#include "link.h"
#include "tap_script.h"

#define TAP_DEVICE		"/dev/net/tun"
#define TAP_SCRIPT		"/etc/qemu-ifup"
#define TAP_DOWN_SCRIPT		"/etc/qemu-ifdown"

static const char *tap_name(const struct tap_config *cfg)
{
	return cfg->ifname ? cfg->ifname : "tap%d";
}

static int tap_open_queue(const struct tap_config *cfg, struct ifreq *ifr, int *fd,
			  struct error *e)
{
	unsigned int features = 0;

	*fd = open(TAP_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0)
		return error_errno(e, errno, "could not open " TAP_DEVICE);
	if (ioctl(*fd, TUNGETFEATURES, &features))
		features = 0;
	ifr->ifr_flags = IFF_TAP | IFF_NO_PI;
	if (cfg->vnet_hdr != TRI_OFF && (features & IFF_VNET_HDR))
		ifr->ifr_flags |= IFF_VNET_HDR;
	if (cfg->queues > 1)
		ifr->ifr_flags |= IFF_MULTI_QUEUE;
	if (!ioctl(*fd, TUNSETIFF, ifr))
		return 0;
	error_errno(e, errno, "could not configure " TAP_DEVICE " (%s)", tap_name(cfg));
	if (errno == EPERM)
		error_hint(e, "Making an interface takes CAP_NET_ADMIN; one made for you by\n"
			   "'ferry tap add NAME user=USER' does not.");
	if (errno == EINVAL && cfg->ifname && if_nametoindex(cfg->ifname))
		error_hint(e, "'%s' exists and was made with another number of queues, "
			   "or is no tap.", cfg->ifname);
	return -errno;
}

static int tap_open_queues(struct tap *t, const struct tap_config *cfg, struct error *e)
{
	struct ifreq ifr = { 0 };
	int ret;

	if (cfg->ifname && strlen(cfg->ifname) >= IFNAMSIZ)
		return error_set(e, EINVAL, "interface name '%s' is longer than %d characters",
				 cfg->ifname, IFNAMSIZ - 1);
	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", tap_name(cfg));
	while (t->n < cfg->queues) {
		ret = tap_open_queue(cfg, &ifr, &t->fd[t->n], e);
		if (t->fd[t->n] >= 0)
			t->n++;
		if (ret)
			return ret;
	}
	return 0;
}

static int tap_take_fds(struct tap *t, const struct tap_config *cfg, struct error *e)
{
	while (t->n < cfg->queues) {
		int fd = cfg->fds[t->n], flags = fcntl(fd, F_GETFL);

		if (flags < 0)
			return error_set(e, EBADF, "file descriptor %d is not open", fd);
		t->fd[t->n++] = fd;
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	return 0;
}

/* Learn the name and the mode, whoever opened it. */
static int tap_identify(struct tap *t, const struct tap_config *cfg, struct error *e)
{
	struct ifreq ifr = { 0 };

	if (ioctl(t->fd[0], TUNGETIFF, &ifr))
		return error_set(e, errno, "file descriptor %d is not a tap interface",
				 t->fd[0]);
	if (!(ifr.ifr_flags & IFF_TAP))
		return error_set(e, EINVAL, "'%s' is a tun, not a tap interface", ifr.ifr_name);
	memcpy(t->name, ifr.ifr_name, IFNAMSIZ);
	t->name[IFNAMSIZ - 1] = '\0';
	t->multi = ifr.ifr_flags & IFF_MULTI_QUEUE;
	t->vnet_hdr = ifr.ifr_flags & IFF_VNET_HDR;
	if (cfg->vnet_hdr == TRI_ON && !t->vnet_hdr)
		return error_set(e, EINVAL, "vnet_hdr=1 requested, but no kernel support for "
				 "IFF_VNET_HDR available");
	return 0;
}

static bool tap_can(int fd, unsigned int flags)
{
	return !ioctl(fd, TUNSETOFFLOAD, (unsigned long)flags);
}

/* Offloads by trial: each in both directions, as tun has them. */
static u64 tap_probe(int fd)
{
	static const struct {
		unsigned int tun;
		u64 bits;
	} probe[] = {
		{ 0, BIT_ULL(VIRTIO_NET_F_CSUM) | BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) },
		{ TUN_F_TSO4,
		  BIT_ULL(VIRTIO_NET_F_HOST_TSO4) | BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) },
		{ TUN_F_TSO6,
		  BIT_ULL(VIRTIO_NET_F_HOST_TSO6) | BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) },
		{ TUN_F_TSO4 | TUN_F_TSO_ECN,
		  BIT_ULL(VIRTIO_NET_F_HOST_ECN) | BIT_ULL(VIRTIO_NET_F_GUEST_ECN) },
		{ TUN_F_UFO,
		  BIT_ULL(VIRTIO_NET_F_HOST_UFO) | BIT_ULL(VIRTIO_NET_F_GUEST_UFO) },
		{ TUN_F_USO4 | TUN_F_USO6,
		  BIT_ULL(VIRTIO_NET_F_HOST_USO) | BIT_ULL(VIRTIO_NET_F_GUEST_USO4) |
		  BIT_ULL(VIRTIO_NET_F_GUEST_USO6) },
	};
	u64 bits = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(probe); i++)
		if (tap_can(fd, TUN_F_CSUM | probe[i].tun))
			bits |= probe[i].bits;
	tap_can(fd, 0);
	return bits;
}

static int tap_setup_queue(const struct tap *t, const struct tap_config *cfg, int fd,
			   struct error *e)
{
	int sndbuf = cfg->sndbuf && cfg->sndbuf < INT32_MAX ? (int)cfg->sndbuf : INT32_MAX;
	int hdr = sizeof(struct virtio_net_hdr_mrg_rxbuf);

	/* No limit is also what lets tun take transmits in batches. */
	if (ioctl(fd, TUNSETSNDBUF, &sndbuf) && cfg->sndbuf)
		return error_errno(e, errno, "TUNSETSNDBUF ioctl failed");
	if (t->vnet_hdr && ioctl(fd, TUNSETVNETHDRSZ, &hdr))
		return error_errno(e, errno, "could not set the header size of '%s'", t->name);
	return 0;
}

/* The script to run: the one asked for, or the default where that exists; or NULL. */
static const char *tap_script(const char *script, const char *def)
{
	if (!script)
		return access(def, X_OK) ? NULL : def;
	return *script && strcmp(script, "no") ? script : NULL;
}

/* Bring it up: by script, or ourselves where no script was asked for. */
static int tap_up(struct tap *t, const struct tap_config *cfg, bool existed, struct error *e)
{
	const char *down = tap_script(cfg->downscript, TAP_DOWN_SCRIPT);
	const char *up = cfg->br ? NULL : tap_script(cfg->script, TAP_SCRIPT);
	int ret;

	if (up) {
		ret = tap_run_script(up, t->name, e);
		if (!ret && down)
			ret = tap_keep_script(&t->down, down, t->name, t->fd[0], e);
		return ret;
	}
	/* script=no leaves the interface to whoever said so. */
	if (!cfg->br && cfg->script)
		return 0;
	ret = link_up(t->name, cfg->br, e);
	/* An interface that was made for this user is also up, or will be. */
	return ret == -EPERM && existed && !cfg->br ? 0 : ret;
}

int tap_open(struct tap *t, const struct tap_config *cfg, struct error *e)
{
	bool existed = cfg->ifname && if_nametoindex(cfg->ifname);
	unsigned int i;
	int ret;

	*t = (struct tap){ .fd = calloc(cfg->queues, sizeof(int)) };
	if (!t->fd)
		return error_errno(e, ENOMEM, "tap");
	ret = cfg->fds ? tap_take_fds(t, cfg, e) : tap_open_queues(t, cfg, e);
	if (!ret)
		ret = tap_identify(t, cfg, e);
	for (i = 0; i < t->n && !ret; i++)
		ret = tap_setup_queue(t, cfg, t->fd[i], e);
	if (!ret && t->vnet_hdr)
		t->offloads = tap_probe(t->fd[0]);
	if (!ret && !cfg->fds)
		ret = tap_up(t, cfg, existed, e);
	/* The guest starts with one pair; what is attached gets its share of packets. */
	for (i = 1; i < t->n && !ret; i++)
		if (tap_set_queue(t, i, false))
			ret = error_set(e, EINVAL, "'%s' cannot switch its queues", t->name);
	return ret;
}

int tap_adopt(struct tap *t, int fd, const char *name, struct error *e)
{
	*t = (struct tap){ .fd = malloc(sizeof(int)) };
	if (!t->fd)
		return error_errno(e, ENOMEM, "tap");
	snprintf(t->name, sizeof(t->name), "%s", name);
	t->fd[t->n++] = fd;
	return 0;
}

void tap_close(struct tap *t)
{
	unsigned int i;

	tap_end_script(&t->down);
	for (i = 0; i < t->n; i++)
		close(t->fd[i]);
	free(t->fd);
	*t = (struct tap){ 0 };
}

int tap_set_offloads(const struct tap *t, u64 f)
{
	static const struct {
		unsigned int bit, tun;
	} map[] = {
		{ VIRTIO_NET_F_GUEST_CSUM, TUN_F_CSUM },
		{ VIRTIO_NET_F_GUEST_TSO4, TUN_F_TSO4 },
		{ VIRTIO_NET_F_GUEST_TSO6, TUN_F_TSO6 },
		{ VIRTIO_NET_F_GUEST_ECN, TUN_F_TSO_ECN },
		{ VIRTIO_NET_F_GUEST_UFO, TUN_F_UFO },
		{ VIRTIO_NET_F_GUEST_USO4, TUN_F_USO4 },
		{ VIRTIO_NET_F_GUEST_USO6, TUN_F_USO6 },
	};
	unsigned int flags = 0;
	size_t i;

	if (!t->vnet_hdr)
		return f ? -EOPNOTSUPP : 0;
	for (i = 0; i < ARRAY_SIZE(map); i++)
		if (f & BIT_ULL(map[i].bit))
			flags |= map[i].tun;
	/* tun takes nothing without checksums, and the two USO only together. */
	if (!(flags & TUN_F_CSUM))
		flags = 0;
	if ((flags & (TUN_F_USO4 | TUN_F_USO6)) != (TUN_F_USO4 | TUN_F_USO6))
		flags &= ~(TUN_F_USO4 | TUN_F_USO6);
	if (!(flags & (TUN_F_TSO4 | TUN_F_TSO6)))
		flags &= ~TUN_F_TSO_ECN;
	return tap_can(t->fd[0], flags) ? 0 : -EIO;
}

int tap_set_queue(const struct tap *t, unsigned int i, bool on)
{
	struct ifreq ifr = { .ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE };

	if (!t->multi)
		return i ? -EINVAL : 0;
	/* tun says EINVAL to what is so already. */
	if (ioctl(t->fd[i], TUNSETQUEUE, &ifr) && errno != EINVAL)
		return -errno;
	return 0;
}
