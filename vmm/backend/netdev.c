// SPDX-License-Identifier: GPL-2.0
/*
 * Role: one -netdev: open the tap or the network in user space, decide between the
 *	kernel and our own threads, and start and stop pairs of queues on whichever it is.
 * Threads: main, and vCPUs (a driver becomes ready, or resets).
 * Locks: the machine's lock is held by the caller once the guest runs.
 */
#include "netdev.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "3:4:5" to numbers; how many, or -EINVAL. */
static int netdev_parse_fds(const char *text, int *fds, const char *key, struct error *e)
{
	unsigned int n = 0;
	char *end;
	long v;

	for (;;) {
		v = strtol(text, &end, 10);
		if (end == text || v < 0 || v > INT32_MAX || (*end && *end != ':') ||
		    n == NETDEV_PAIRS_MAX)
			return error_set(e, EINVAL, "Parameter '%s' expects file descriptor "
					 "numbers", key);
		fds[n++] = v;
		if (!*end)
			return n;
		text = end + 1;
	}
}

static int netdev_open_tap(struct netdev *nd, struct error *e)
{
	const struct netdev_config *cfg = nd->cfg;
	int fds[NETDEV_PAIRS_MAX], n;
	struct tap_config tap = {
		.ifname = cfg->ifname,
		.script = cfg->script,
		.downscript = cfg->downscript,
		.br = cfg->br,
		.queues = cfg->queues,
		.vnet_hdr = cfg->vnet_hdr,
		.sndbuf = cfg->sndbuf,
	};

	if (cfg->fd || cfg->fds) {
		n = netdev_parse_fds(cfg->fd ? cfg->fd : cfg->fds, fds,
				     cfg->fd ? "fd" : "fds", e);
		if (n < 0)
			return n;
		if (cfg->fd && n != 1)
			return error_set(e, EINVAL, "Parameter 'fd' expects one file descriptor");
		tap.fds = fds;
		tap.queues = n;
	}
	return tap_open(&nd->tap, &tap, e);
}

static int netdev_open_vhost(const struct netdev *nd, const int *fds, unsigned int i,
			     struct error *e)
{
	if (fds) {
		if (fcntl(fds[i], F_SETFD, FD_CLOEXEC) < 0)
			return error_set(e, EBADF, "file descriptor %d is not open", fds[i]);
		fcntl(fds[i], F_SETFL, fcntl(fds[i], F_GETFL) | O_NONBLOCK);
		return fds[i];
	}
	return vhost_open(nd->cfg->vhostdev, "ferry_net", e);
}

static int netdev_init_vhost(struct netdev *nd, struct error *e)
{
	const struct netdev_config *cfg = nd->cfg;
	const char *list = cfg->vhostfd ? cfg->vhostfd : cfg->vhostfds;
	int fds[NETDEV_PAIRS_MAX], ret, fd;
	unsigned int i;

	if (list) {
		ret = netdev_parse_fds(list, fds, cfg->vhostfd ? "vhostfd" : "vhostfds", e);
		if (ret < 0)
			return ret;
		if ((unsigned int)ret != nd->tap.n)
			return error_set(e, EINVAL, "The number of fds passed does not match "
					 "the number of vhostfds passed");
	}
	nd->vhost = calloc(nd->tap.n, sizeof(*nd->vhost));
	if (!nd->vhost)
		return error_errno(e, ENOMEM, "vhost");
	for (i = 0; i < nd->tap.n; i++) {
		fd = netdev_open_vhost(nd, list ? fds : NULL, i, e);
		if (fd < 0)
			return fd;
		ret = vhost_net_init(&nd->vhost[i], nd->m, fd, cfg->poll_us, e);
		if (ret)
			return ret;
	}
	nd->use_vhost = true;
	return 0;
}

/* The memory stays: the main loop may hold an event of one of them. */
static void netdev_close_vhost(struct netdev *nd)
{
	unsigned int i;

	for (i = 0; nd->vhost && i < nd->tap.n; i++)
		vhost_destroy(&nd->vhost[i]);
	nd->use_vhost = false;
}

static int netdev_init_loop(struct netdev *nd, struct error *e)
{
	unsigned int i;
	int ret = 0;

	nd->loop = calloc(nd->tap.n, sizeof(*nd->loop));
	if (!nd->loop)
		return error_errno(e, ENOMEM, "network threads");
	for (i = 0; i < nd->tap.n && !ret; i++)
		ret = netloop_init(&nd->loop[i], nd->m, e);
	return ret;
}

static void netdev_destroy_loop(struct netdev *nd)
{
	unsigned int i;

	for (i = 0; nd->loop && i < nd->tap.n; i++)
		netloop_destroy(&nd->loop[i]);
	free(nd->loop);
	nd->loop = NULL;
}

static int netdev_init_user(struct netdev *nd, struct error *e)
{
	int fd = user_net_create(&nd->user, &nd->cfg->user, e), ret;

	if (fd < 0)
		return fd;
	ret = tap_adopt(&nd->tap, fd, "user", e);
	if (ret)
		close(fd);
	return ret ?: netdev_init_loop(nd, e);
}

/* Whether a failure of the kernel's side is the end, or a reason to do without. */
static bool netdev_insists(const struct netdev_config *cfg)
{
	return cfg->vhostforce || cfg->vhost == TRI_ON || cfg->vhostfd || cfg->vhostfds;
}

int netdev_init(struct netdev *nd, struct machine *m, const struct netdev_config *cfg,
		netdev_warn warn, struct error *e)
{
	int ret;

	*nd = (struct netdev){ .cfg = cfg, .m = m, .warn = warn };
	if (cfg->is_user)
		return netdev_init_user(nd, e);
	ret = netdev_open_tap(nd, e);
	if (ret)
		return ret;
	if (cfg->vhost != TRI_OFF) {
		ret = netdev_init_vhost(nd, e);
		if (ret && netdev_insists(cfg))
			return ret;
		if (ret)
			netdev_close_vhost(nd);
	}
	return nd->use_vhost ? 0 : netdev_init_loop(nd, e);
}

u32 netdev_uses(const struct netdev *nd)
{
	u32 uses = 0;

	if (nd->user)
		uses |= SANDBOX_USER_NET;
	if (!nd->use_vhost || !nd->cfg->vhostforce)
		uses |= SANDBOX_NET;
	if (nd->tap.down.pid)
		uses |= SANDBOX_SCRIPT;
	return uses;
}

void netdev_destroy(struct netdev *nd)
{
	if (!nd->m)
		return;
	netdev_close_vhost(nd);
	free(nd->vhost);
	nd->vhost = NULL;
	netdev_destroy_loop(nd);
	user_net_destroy(nd->user);
	nd->user = NULL;
	tap_close(&nd->tap);
	nd->m = NULL;
}

static u64 netdev_features(void *backend, u64 wanted)
{
	const u64 offloads =
		BIT_ULL(VIRTIO_NET_F_CSUM) | BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) |
		BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) | BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) |
		BIT_ULL(VIRTIO_NET_F_GUEST_ECN) | BIT_ULL(VIRTIO_NET_F_GUEST_UFO) |
		BIT_ULL(VIRTIO_NET_F_GUEST_USO4) | BIT_ULL(VIRTIO_NET_F_GUEST_USO6) |
		BIT_ULL(VIRTIO_NET_F_HOST_TSO4) | BIT_ULL(VIRTIO_NET_F_HOST_TSO6) |
		BIT_ULL(VIRTIO_NET_F_HOST_ECN) | BIT_ULL(VIRTIO_NET_F_HOST_UFO) |
		BIT_ULL(VIRTIO_NET_F_HOST_USO);
	struct netdev *nd = backend;
	u64 f = wanted;

	f &= ~offloads | nd->tap.offloads;
	if (!nd->tap.vnet_hdr)
		f &= ~BIT_ULL(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS);
	if (nd->use_vhost)
		f &= ~VHOST_NET_FEATURES | nd->vhost[0].features;
	return f;
}

static int netdev_begin_pair(struct netdev *nd, unsigned int i)
{
	struct virtio_dev *v = &nd->dev->v;

	if (nd->use_vhost)
		return vhost_net_start(&nd->vhost[i], v, 2 * i, nd->tap.fd[i],
				       nd->tap.vnet_hdr);
	return netloop_start(&nd->loop[i], v, 2 * i, nd->tap.fd[i], nd->tap.vnet_hdr);
}

static void netdev_end_pair(struct netdev *nd, unsigned int i)
{
	if (nd->use_vhost)
		vhost_net_stop(&nd->vhost[i]);
	else
		netloop_stop(&nd->loop[i]);
}

static void netdev_pause_pair(struct netdev *nd, unsigned int i)
{
	if (nd->use_vhost)
		vhost_net_pause(&nd->vhost[i]);
	else
		netloop_pause(&nd->loop[i]);
}

static int netdev_resume_pair(struct netdev *nd, unsigned int i)
{
	int ret = nd->use_vhost ? vhost_net_resume(&nd->vhost[i], nd->tap.fd[i]) :
				  netloop_resume(&nd->loop[i]);

	if (ret)
		netdev_pause_pair(nd, i);
	return ret;
}

static void netdev_detach_pair(struct netdev *nd, unsigned int i)
{
	if (i)
		tap_set_queue(&nd->tap, i, false);
}

/* Use one more pair. The driver may have used it before: then it goes on where it was. */
static int netdev_add_pair(struct netdev *nd)
{
	unsigned int i = nd->pairs;
	int ret = tap_set_queue(&nd->tap, i, true);

	if (ret)
		return ret;
	ret = i < nd->begun ? netdev_resume_pair(nd, i) : netdev_begin_pair(nd, i);
	if (ret) {
		netdev_detach_pair(nd, i);
		return ret;
	}
	nd->pairs++;
	if (nd->begun < nd->pairs)
		nd->begun = nd->pairs;
	return 0;
}

/* Use the last pair no more. Its rings keep their places: the driver has not reset them. */
static void netdev_take_pair(struct netdev *nd)
{
	netdev_pause_pair(nd, --nd->pairs);
	netdev_detach_pair(nd, nd->pairs);
}

static int netdev_set_pairs(void *backend, unsigned int pairs)
{
	struct netdev *nd = backend;
	unsigned int before = nd->pairs;
	int ret = 0;

	while (nd->pairs > pairs)
		netdev_take_pair(nd);
	while (nd->pairs < pairs && !ret)
		ret = netdev_add_pair(nd);
	/* Of what the driver is told to have failed nothing stays. */
	while (ret && nd->pairs > before)
		netdev_take_pair(nd);
	return ret;
}

/* The kernel took the device but not this guest's queues: go on without it. */
static int netdev_fall_back(struct netdev *nd, int err)
{
	struct error e;
	char text[160];

	if (nd->cfg->vhostforce)
		return err;
	if (netdev_init_loop(nd, &e)) {
		/* The driver may try again. */
		netdev_destroy_loop(nd);
		return err;
	}
	snprintf(text, sizeof(text), "unable to start vhost net: %d: falling back on userspace "
		 "virtio", -err);
	nd->warn(text);
	netdev_close_vhost(nd);
	return 0;
}

static int netdev_start(void *backend, struct net_dev *n, unsigned int pairs)
{
	struct netdev *nd = backend;
	int ret;

	nd->dev = n;
	ret = nd->user ? user_net_start(nd->user, &nd->m->threads) : 0;
	if (ret)
		return ret;
	ret = netdev_set_pairs(nd, pairs);
	if (!ret || !nd->use_vhost)
		return ret;
	ret = netdev_fall_back(nd, ret);
	return ret ?: netdev_set_pairs(nd, pairs);
}

static int netdev_set_offloads(void *backend, u64 offloads)
{
	struct netdev *nd = backend;

	return tap_set_offloads(&nd->tap, offloads);
}

static void netdev_stop(void *backend)
{
	struct netdev *nd = backend;

	netdev_set_pairs(nd, 0);
	while (nd->begun)
		netdev_end_pair(nd, --nd->begun);
	nd->dev = NULL;
}

static void netdev_pause(void *backend)
{
	struct netdev *nd = backend;
	unsigned int i;

	for (i = 0; i < nd->pairs; i++)
		netdev_pause_pair(nd, i);
}

static int netdev_resume(void *backend)
{
	struct netdev *nd = backend;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nd->pairs && !ret; i++)
		ret = netdev_resume_pair(nd, i);
	return ret;
}

const struct net_backend_ops netdev_ops = {
	.features = netdev_features,
	.start = netdev_start,
	.set_pairs = netdev_set_pairs,
	.set_offloads = netdev_set_offloads,
	.stop = netdev_stop,
	.pause = netdev_pause,
	.resume = netdev_resume,
};
