// SPDX-License-Identifier: GPL-2.0
/*
 * Role: -netdev user: libslirp behind one end of a socket pair, whose other end looks
 *	like a tap to the threads that serve the queues. Frames are bounded by the socket's
 *	buffer in both directions, and so is what the guest may make the host open: beyond
 *	USER_SOCKETS_MAX sockets, or once only the program's own descriptors are left and it
 *	has some, frames that would open another are dropped.
 *
 *	When the guest does not take its frames the thread waits for it, and with it
 *	everything that the host's side sends: nothing is queued without a bound, and
 *	nothing is lost.
 * Threads: main and vCPUs create, start and destroy; one thread for all of libslirp.
 * Locks: none: what is below "the thread's" belongs to it alone.
 */
#include "user_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/ethernet.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "slirp_api.h"
#include "spare_fd.h"

/* What the emulated card takes: there are no offloads and no VLANs. */
#define USER_FRAME_MAX		1514U

/* Frames in one go, before sockets and timers are looked at again. */
#define USER_BATCH		64U

/* Sockets that a guest may have opened on the host at a time. */
#define USER_SOCKETS_MAX	512U

/* So few may be opened without a look at what is left, which each datagram would pay for. */
#define USER_SOCKETS_FEW	32U

/* Descriptors are below: the most that a process has, unless fs.nr_open was raised. */
#define USER_FDS_MAX		(1U << 20)

/* libslirp lowers a longer timeout to this much, in ms, if it waits for nothing itself. */
#define USER_SLIRP_IDLE		1000U

#define USER_NEVER		INT64_MAX

enum { USER_POLL_STOP, USER_POLL_FRAMES, USER_POLL_SOCKETS };

struct user_net {
	const struct user_net_config *cfg;
	struct slirp_api api;
	Slirp *slirp;
	int sock;		/* our end of the pair */
	int stop_fd;
	pthread_t thread;
	bool started;
	_Atomic u64 wakeups;

	/* The thread's. */
	bool stopping;
	struct pollfd *poll;
	unsigned int n_poll, room;
	unsigned int n_sockets;
	u64 sockets[USER_FDS_MAX / 64];	/* a bit for each descriptor that is one */
	int64_t expires[SLIRP_TIMER_NUM];	/* ms, or USER_NEVER */
	void *timer_opaque[SLIRP_TIMER_NUM];
	u8 frame[USER_FRAME_MAX];
};

static int64_t user_clock(void *opaque)
{
	struct timespec t;

	(void)opaque;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* A frame for the guest. Without room it waits, and gives up only with the network. */
static ssize_t user_send(const void *buf, size_t len, void *opaque)
{
	struct user_net *n = opaque;
	struct pollfd p[2] = {
		{ .fd = n->stop_fd, .events = POLLIN },
		{ .fd = n->sock, .events = POLLOUT },
	};

	while (!n->stopping && send(n->sock, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		/* Before start(), while ports are being forwarded, nothing is waited for. */
		if ((errno != EAGAIN && errno != EINTR) || !n->started)
			break;
		poll(p, 2, -1);
		n->stopping = p[0].revents;
	}
	return len;
}

static void user_guest_error(const char *msg, void *opaque)
{
	/* A guest may make any number of them. */
	(void)msg, (void)opaque;
}

static void *user_timer_new(SlirpTimerId id, void *cb_opaque, void *opaque)
{
	struct user_net *n = opaque;

	n->timer_opaque[id] = cb_opaque;
	n->expires[id] = USER_NEVER;
	return &n->expires[id];
}

static void user_timer_free(void *timer, void *opaque)
{
	(void)opaque;
	*(int64_t *)timer = USER_NEVER;
}

static void user_timer_mod(void *timer, int64_t expire_time, void *opaque)
{
	(void)opaque;
	*(int64_t *)timer = expire_time;
}

static void user_count_socket(struct user_net *n, int fd, bool open)
{
	u64 bit, *word;

	/* It also tells of what could not be opened. */
	if (fd < 0 || fd >= (int)USER_FDS_MAX)
		return;
	bit = BIT_ULL(fd % 64);
	word = &n->sockets[fd / 64];
	if (!!(*word & bit) == open)
		return;
	*word ^= bit;
	n->n_sockets += open ? 1 : -1;
}

static void user_socket_opened(int fd, void *opaque)
{
	user_count_socket(opaque, fd, true);
}

static void user_socket_closes(int fd, void *opaque)
{
	user_count_socket(opaque, fd, false);
}

static void user_notify(void *opaque)
{
	/* Everything happens in one thread, which looks again before it waits. */
	(void)opaque;
}

static const SlirpCb user_callbacks = {
	.send_packet = user_send,
	.guest_error = user_guest_error,
	.clock_get_ns = user_clock,
	.timer_new_opaque = user_timer_new,
	.timer_free = user_timer_free,
	.timer_mod = user_timer_mod,
	.register_poll_fd = user_socket_opened,
	.unregister_poll_fd = user_socket_closes,
	.notify = user_notify,
};

static const struct {
	int slirp;
	short poll;
} user_events[] = {
	{ SLIRP_POLL_IN, POLLIN }, { SLIRP_POLL_OUT, POLLOUT }, { SLIRP_POLL_PRI, POLLPRI },
	{ SLIRP_POLL_ERR, POLLERR }, { SLIRP_POLL_HUP, POLLHUP },
};

static int user_add_poll(int fd, int events, void *opaque)
{
	struct user_net *n = opaque;
	struct pollfd *more;
	size_t i;

	/* Of one that it accepts libslirp tells before it has a number. */
	user_count_socket(n, fd, true);
	if (n->n_poll == n->room) {
		more = realloc(n->poll, 2 * n->room * sizeof(*more));
		/* This one is left out until there is memory again. */
		if (!more)
			return -1;
		n->poll = more;
		n->room *= 2;
	}
	n->poll[n->n_poll] = (struct pollfd){ .fd = fd };
	for (i = 0; i < ARRAY_SIZE(user_events); i++)
		if (events & user_events[i].slirp)
			n->poll[n->n_poll].events |= user_events[i].poll;
	return n->n_poll++;
}

static int user_get_events(int idx, void *opaque)
{
	struct user_net *n = opaque;
	int events = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(user_events) && idx >= 0; i++)
		if (n->poll[idx].revents & user_events[i].poll)
			events |= user_events[i].slirp;
	return events;
}

static bool user_packet_opens(const u8 *packet, size_t len, u8 protocol)
{
	const u8 syn = 0x02, ack = 0x10;

	/* The flags are in byte 13 of a TCP header. */
	if (protocol != IPPROTO_TCP || len < 20)
		return true;
	return (packet[13] & (syn | ack)) == syn;
}

bool user_net_frame_opens(const u8 *frame, size_t len)
{
	const u8 *packet = frame + ETHER_HDR_LEN;
	size_t head;
	u16 type;

	if (len < ETHER_HDR_LEN + 1)
		return false;
	type = frame[12] << 8 | frame[13];
	len -= ETHER_HDR_LEN;
	if (type == ETHERTYPE_IP) {
		head = (packet[0] & 0xf) * 4;
		/* A fragment has no ports to tell by. */
		if (len < 20 || head < 20 || len < head || packet[6] & 0x3f || packet[7])
			return true;
		return user_packet_opens(packet + head, len - head, packet[9]);
	}
	if (type == ETHERTYPE_IPV6) {
		if (len < sizeof(struct ip6_hdr))
			return true;
		return user_packet_opens(packet + sizeof(struct ip6_hdr),
					 len - sizeof(struct ip6_hdr), packet[6]);
	}
	return false;
}

/*
 * Whether the guest may have one more socket. Those that are polled are not all there are:
 * of a connection that waits for the guest alone libslirp polls nothing.
 */
static bool user_may_open(const struct user_net *n)
{
	int fd;

	if (n->n_sockets < USER_SOCKETS_FEW)
		return true;
	if (n->n_sockets >= USER_SOCKETS_MAX)
		return false;
	/* The lowest that is free, which the socket would be. */
	fd = fcntl(n->sock, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return false;
	close(fd);
	return fd < (int)USER_FDS_MAX && !spare_fd(fd);
}

/* What the guest sent: a batch at most. */
static void user_take_frames(struct user_net *n)
{
	unsigned int i;
	ssize_t len;

	for (i = 0; i < USER_BATCH && !n->stopping; i++) {
		len = recv(n->sock, n->frame, sizeof(n->frame), MSG_DONTWAIT | MSG_TRUNC);
		if (len < 0)
			return;
		/* One that is longer than it may be was cut: MSG_TRUNC tells. */
		if (!len || len > (ssize_t)sizeof(n->frame))
			continue;
		if (user_net_frame_opens(n->frame, len) && !user_may_open(n))
			continue;
		n->api.input(n->slirp, n->frame, len);
	}
}

/* Run what is due; the ms until the next timer, or -1. */
static int64_t user_run_timers(struct user_net *n)
{
	int64_t now = user_clock(n) / 1000000, next = -1;
	unsigned int i;

	for (i = 0; i < SLIRP_TIMER_NUM; i++) {
		if (n->expires[i] <= now) {
			n->expires[i] = USER_NEVER;
			n->api.handle_timer(n->slirp, i, n->timer_opaque[i]);
		}
		if (n->expires[i] == USER_NEVER)
			continue;
		if (next < 0 || n->expires[i] - now < next)
			next = n->expires[i] > now ? n->expires[i] - now : 0;
	}
	return next < INT32_MAX ? next : INT32_MAX;
}

static void *user_thread(void *arg)
{
	struct user_net *n = arg;
	int64_t timer;
	u32 timeout;
	int ret;

	pthread_setname_np(pthread_self(), "net-user");
	while (!n->stopping) {
		timer = user_run_timers(n);
		timeout = UINT32_MAX;
		n->n_poll = USER_POLL_SOCKETS;
		n->api.pollfds_fill(n->slirp, &timeout, user_add_poll, n);
		if (timeout < USER_SLIRP_IDLE && (timer < 0 || timeout < timer))
			timer = timeout;
		n->poll[USER_POLL_STOP] = (struct pollfd){ n->stop_fd, POLLIN, 0 };
		n->poll[USER_POLL_FRAMES] = (struct pollfd){ n->sock, POLLIN, 0 };
		ret = poll(n->poll, n->n_poll, timer);
		atomic_fetch_add(&n->wakeups, 1);
		if (n->poll[USER_POLL_STOP].revents)
			break;
		n->api.pollfds_poll(n->slirp, ret < 0, user_get_events, n);
		user_take_frames(n);
	}
	return NULL;
}

static int user_forward(struct user_net *n, struct error *e)
{
	unsigned int i;

	for (i = 0; i < n->cfg->n_forwards; i++) {
		const struct user_net_forward *f = &n->cfg->forward[i];

		if (n->api.add_hostfwd(n->slirp, f->udp, f->host, f->host_port, f->guest,
				      f->guest_port))
			return error_errno(e, errno, "Could not set up host forwarding rule '%s'",
					   n->cfg->hostfwd[i]);
	}
	return 0;
}

static int user_new_slirp(struct user_net *n, struct error *e)
{
	const struct user_net_config *cfg = n->cfg;
	SlirpConfig sc = {
		.version = 4,
		.restricted = cfg->restricted,
		.in_enabled = cfg->ipv4,
		.vnetwork = cfg->network,
		.vnetmask = cfg->mask,
		.vhost = cfg->gateway,
		.in6_enabled = cfg->ipv6,
		.vprefix_len = 64,
		.vhostname = cfg->hostname,
		.tftp_server_name = cfg->tftp_server_name,
		.tftp_path = cfg->tftp,
		.bootfile = cfg->bootfile,
		.vdhcp_start = cfg->first_lease,
		.vnameserver = cfg->nameserver,
		.vdnssearch = (const char **)cfg->dnssearch,
		.vdomainname = cfg->domainname,
	};

	inet_pton(AF_INET6, "fec0::", &sc.vprefix_addr6);
	inet_pton(AF_INET6, "fec0::2", &sc.vhost6);
	inet_pton(AF_INET6, "fec0::3", &sc.vnameserver6);
	n->slirp = n->api.new(&sc, &user_callbacks, n);
	return n->slirp ? 0 : error_set(e, EINVAL, "user networking cannot be set up");
}

int user_net_create(struct user_net **out, const struct user_net_config *cfg, struct error *e)
{
	struct user_net *n = calloc(1, sizeof(*n));
	int pair[2] = { -1, -1 }, ret;
	unsigned int i;

	if (!n)
		return error_errno(e, ENOMEM, "user networking");
	n->cfg = cfg;
	for (i = 0; i < SLIRP_TIMER_NUM; i++)
		n->expires[i] = USER_NEVER;
	n->room = 16;
	n->poll = calloc(n->room, sizeof(*n->poll));
	n->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) ||
	    n->stop_fd < 0 || !n->poll)
		ret = error_errno(e, errno, "user networking");
	else
		ret = slirp_api_load(&n->api, e);
	n->sock = pair[0];
	if (!ret)
		ret = user_new_slirp(n, e);
	if (!ret)
		ret = user_forward(n, e);
	if (ret) {
		user_net_destroy(n);
		if (pair[1] >= 0)
			close(pair[1]);
		return ret;
	}
	*out = n;
	return pair[1];
}

int user_net_start(struct user_net *n, struct threads *threads)
{
	int ret;

	if (n->started)
		return 0;
	n->started = true;
	ret = threads_start(threads, THREAD_USER_NET, user_thread, n, &n->thread);
	n->started = !ret;
	return ret;
}

void user_net_destroy(struct user_net *n)
{
	if (!n)
		return;
	if (n->started) {
		eventfd_write(n->stop_fd, 1);
		pthread_join(n->thread, NULL);
	}
	n->stopping = true;
	if (n->slirp)
		n->api.cleanup(n->slirp);
	if (n->stop_fd >= 0)
		close(n->stop_fd);
	if (n->sock >= 0)
		close(n->sock);
	slirp_api_unload(&n->api);
	free(n->poll);
	free(n);
}

u64 user_net_wakeups(const struct user_net *n)
{
	return atomic_load(&n->wakeups);
}
