// SPDX-License-Identifier: GPL-2.0
/*
 * User networking without a guest: frames go in and come out of the descriptor as a
 * queue's threads would send and take them.
 */
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/user_net.h"
#include "harness.h"
#include "open_files.h"
#include "options/config.h"
#include "testvm.h"

#define PATIENCE_MS	60000
#define TCP_FIN		0x01
#define TCP_SYN		0x02
#define TCP_RST		0x04
#define TCP_PSH		0x08
#define TCP_ACK		0x10

static const u8 guest_mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
static const u8 guest_ip[4] = { 10, 0, 2, 15 }, host_ip[4] = { 10, 0, 2, 2 };

FIXTURE(user) {
	struct config cfg;
	struct threads threads;
	struct user_net *net;
	int fd, port;
	u8 f[2048];		/* the last frame that came */
	ssize_t len;
	struct error e;
};

/* Send a frame; where it has to wait, what comes back is taken and forgotten. */
static bool put_frame(int fd, const u8 *f, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT | POLLIN };
	u8 forgotten[2048];

	while (send(fd, f, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		if (errno == EMSGSIZE)
			return true;
		if (errno != EAGAIN || poll(&p, 1, PATIENCE_MS) != 1)
			return false;
		recv(fd, forgotten, sizeof(forgotten), MSG_DONTWAIT);
	}
	return true;
}

/* "Who has @to", from the guest. */
static size_t arp_request(u8 *f, const u8 to[4])
{
	static const u8 head[] = { 8, 6, 0, 1, 8, 0, 6, 4, 0, 1 };

	memset(f, 0, 60);
	memset(f, 0xff, 6);
	memcpy(f + 6, guest_mac, 6);
	memcpy(f + 12, head, sizeof(head));
	memcpy(f + 22, guest_mac, 6);
	memcpy(f + 28, guest_ip, 4);
	memcpy(f + 38, to, 4);
	return 60;
}

/* A port of the host's that is free. */
static int free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int s = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(s, (void *)&a, sizeof(a)) || getsockname(s, (void *)&a, &len))
		return -1;
	close(s);
	return ntohs(a.sin_port);
}

FIXTURE_SETUP(user)
{
	char text[256];

	self->port = free_port();
	snprintf(text, sizeof(text), "user,id=n0,ipv6=off,hostname=box,bootfile=pxe.0,"
		 "hostfwd=tcp:127.0.0.1:%d-:7", self->port);
	ASSERT_EQ(0, config_add_netdev(&self->cfg, text, &self->e));
	self->fd = user_net_create(&self->net, &self->cfg.netdev[0]->user, &self->e);
	ASSERT_LE(0, self->fd) TH_LOG("%s", self->e.text);
	ASSERT_EQ(0, user_net_start(self->net, &self->threads));
}

FIXTURE_TEARDOWN(user)
{
	user_net_destroy(self->net);
	close(self->fd);
	config_free(&self->cfg);
}

static void put16(u8 *p, u16 v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static void put32(u8 *p, u32 v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static u32 get32(const u8 *p)
{
	return (u32)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static u32 sum(const u8 *p, size_t len, u32 s)
{
	size_t i;

	for (i = 0; i < len; i++)
		s += i & 1 ? p[i] : p[i] << 8;
	return s;
}

static u16 fold(u32 s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return ~s;
}

/* Ethernet and IPv4 headers before @len bytes at f + 34; the frame's length. */
static size_t ip_frame(u8 *f, const u8 from[4], const u8 to[4], u8 protocol, size_t len)
{
	u8 *ip = f + ETHER_HDR_LEN;

	memset(f, 0xff, 6);
	memcpy(f + 6, guest_mac, 6);
	put16(f + 12, ETHERTYPE_IP);
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, 20 + len);
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, from, 4);
	memcpy(ip + 16, to, 4);
	put16(ip + 10, fold(sum(ip, 20, 0)));
	return ETHER_HDR_LEN + 20 + len;
}

static size_t udp_frame(u8 *f, const u8 from[4], const u8 to[4], const u16 ports[2], size_t len)
{
	u8 *udp = f + 34;

	put16(udp, ports[0]);
	put16(udp + 2, ports[1]);
	put16(udp + 4, 8 + len);
	put16(udp + 6, 0);
	return ip_frame(f, from, to, IPPROTO_UDP, 8 + len);
}

/* Frames until one is wanted; false if none came. */
#define await_frame(self, wanted) __extension__ ({				\
	struct pollfd _p = { .fd = (self)->fd, .events = POLLIN };		\
	bool _found = false;							\
	while (!_found && poll(&_p, 1, PATIENCE_MS) == 1) {			\
		(self)->len = recv((self)->fd, (self)->f, sizeof((self)->f), 0);	\
		_found = (self)->len > 0 && (wanted);				\
	}									\
	_found;									\
})

static bool is_ip(const u8 *f, ssize_t len, u8 protocol)
{
	return len >= 34 && f[12] == 8 && f[13] == 0 && f[23] == protocol;
}

TEST_F(user, the_host_answers_arp)
{
	u8 f[60];

	ASSERT_TRUE(put_frame(self->fd, f, arp_request(f, host_ip)));
	ASSERT_TRUE(await_frame(self, self->f[12] == 8 && self->f[13] == 6 && self->f[21] == 2));
	EXPECT_EQ(0, memcmp(self->f + 28, host_ip, 4));
	EXPECT_EQ(0, memcmp(self->f, guest_mac, 6));
}

static size_t dhcp_discover(u8 *f)
{
	static const u8 zero[4], all[4] = { 255, 255, 255, 255 };
	static const u8 options[] = { 0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255 };
	const u16 ports[2] = { 68, 67 };
	u8 *bootp = f + 42;

	memset(bootp, 0, 300);
	bootp[0] = 1;
	bootp[1] = 1;
	bootp[2] = 6;
	put32(bootp + 4, 0x1234);
	memcpy(bootp + 28, guest_mac, 6);
	memcpy(bootp + 236, options, sizeof(options));
	return udp_frame(f, zero, all, ports, 300);
}

TEST_F(user, dhcp_offers_the_first_lease_and_the_boot_file)
{
	u8 f[400];

	ASSERT_TRUE(put_frame(self->fd, f, dhcp_discover(f)));
	ASSERT_TRUE(await_frame(self, is_ip(self->f, self->len, IPPROTO_UDP) &&
				get32(self->f + 46) == 0x1234));
	EXPECT_EQ(0, memcmp(self->f + 58, guest_ip, 4));
	EXPECT_STREQ("pxe.0", (char *)self->f + 42 + 108);
	EXPECT_NE(NULL, memmem(self->f + 42 + 236, self->len - 278, "\x0c\x03" "box", 5));
	EXPECT_NE(NULL, memmem(self->f + 42 + 236, self->len - 278, "\x03\x04\x0a\0\x02\x02", 6));
}

TEST_F(user, the_host_answers_ping)
{
	u8 f[100];

	/* Whoever is to be answered has made himself known. */
	ASSERT_TRUE(put_frame(self->fd, f, arp_request(f, host_ip)));
	memset(f + 34, 0, 64);
	f[34] = 8;
	put16(f + 38, 77);
	put16(f + 36, fold(sum(f + 34, 64, 0)));
	ASSERT_TRUE(put_frame(self->fd, f, ip_frame(f, guest_ip, host_ip, IPPROTO_ICMP, 64)));
	ASSERT_TRUE(await_frame(self, is_ip(self->f, self->len, IPPROTO_ICMP)));
	EXPECT_EQ(0, self->f[34]);
	EXPECT_EQ(77, self->f[39]);
}

/* The guest's side of a connection whose other end sent the frame at hand. */
static bool tcp_answer(int fd, const u8 *in, u8 flags, u32 seq, const char *data)
{
	u8 f[200], *tcp = f + 34, pseudo[4] = { 0, IPPROTO_TCP };
	size_t len = strlen(data);
	u32 ack = get32(in + 38) + (in[47] & TCP_SYN ? 1 : 0) + (in[16] << 8 | in[17]) - 20 -
		  (in[46] >> 4) * 4;

	memset(tcp, 0, 20);
	memcpy(tcp, in + 36, 2);
	memcpy(tcp + 2, in + 34, 2);
	put32(tcp + 4, seq);
	put32(tcp + 8, ack);
	tcp[12] = 5 << 4;
	tcp[13] = flags;
	put16(tcp + 14, 8192);
	memcpy(tcp + 20, data, len);
	put16(pseudo + 2, 20 + len);
	put16(tcp + 16, fold(sum(tcp, 20 + len, sum(in + 26, 8, sum(pseudo, 4, 0)))));
	return put_frame(fd, f, ip_frame(f, in + 30, in + 26, IPPROTO_TCP, 20 + len));
}

TEST_F(user, a_forwarded_port_reaches_the_guest)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(self->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int s = socket(AF_INET, SOCK_STREAM, 0);
	char got[16] = "";
	u8 f[60];

	ASSERT_TRUE(put_frame(self->fd, f, arp_request(f, host_ip)));
	ASSERT_EQ(0, connect(s, (void *)&a, sizeof(a)));
	ASSERT_TRUE(await_frame(self, is_ip(self->f, self->len, IPPROTO_TCP)));
	EXPECT_EQ(TCP_SYN, self->f[47]);
	EXPECT_EQ(7, self->f[37]);
	ASSERT_TRUE(tcp_answer(self->fd, self->f, TCP_SYN | TCP_ACK, 1000, ""));
	ASSERT_TRUE(await_frame(self, is_ip(self->f, self->len, IPPROTO_TCP) &&
				self->f[47] == TCP_ACK));
	ASSERT_EQ(5, write(s, "hello", 5));
	ASSERT_TRUE(await_frame(self, self->len >= 59 && !memcmp(self->f + 54, "hello", 5)));
	ASSERT_TRUE(tcp_answer(self->fd, self->f, TCP_ACK | TCP_PSH, 1001, "world"));
	ASSERT_EQ(5, recv(s, got, 5, MSG_WAITALL));
	EXPECT_STREQ("world", got);
	close(s);
	ASSERT_TRUE(await_frame(self, is_ip(self->f, self->len, IPPROTO_TCP) &&
				self->f[47] & TCP_FIN));
}

/* A connection is asked for, by a guest that wants none of what comes. */
static size_t tcp_syn(u8 *f, const u16 ports[2])
{
	u8 *tcp = f + 34, pseudo[4] = { 0, IPPROTO_TCP, 0, 20 };
	size_t len = ip_frame(f, guest_ip, host_ip, IPPROTO_TCP, 20);

	memset(tcp, 0, 20);
	put16(tcp, ports[0]);
	put16(tcp + 2, ports[1]);
	tcp[12] = 5 << 4;
	tcp[13] = TCP_SYN;
	put16(tcp + 16, fold(sum(tcp, 20, sum(f + 26, 8, sum(pseudo, 4, 0)))));
	return len;
}

/* Whoever connects gets @bytes; with none the connection is closed. The child, or -1. */
static pid_t serve(u16 *port, size_t bytes)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int s = socket(AF_INET, SOCK_STREAM, 0), c;
	static u8 data[128 * KIB];
	socklen_t len = sizeof(a);
	pid_t pid;

	if (bind(s, (void *)&a, sizeof(a)) || listen(s, 4096) || getsockname(s, (void *)&a, &len))
		return -1;
	*port = ntohs(a.sin_port);
	pid = fork();
	if (pid) {
		close(s);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		c = accept4(s, NULL, NULL, SOCK_NONBLOCK);
		if (c < 0)
			usleep(1000);
		else if (!bytes || write(c, data, bytes) < 0)
			close(c);
	}
}

/* Take what comes to the guest for a while, so that the other side goes on. */
static void take_frames(int fd, unsigned int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	u8 f[2048];

	for (; ms; ms--) {
		poll(&p, 1, 1);
		while (recv(fd, f, sizeof(f), MSG_DONTWAIT) > 0)
			;
	}
}

/*
 * Connections for which there is nothing to wait are sockets all the same: those that the
 * host has closed, and those from which the guest takes nothing.
 */
static void open_connections(FIXTURE_DATA(user) *self, struct __test_metadata *_metadata,
			     size_t bytes)
{
	unsigned int before = open_files(), i;
	u16 ports[2] = { 1024 };
	u8 f[100] = { 0 };
	pid_t pid = serve(&ports[1], bytes);

	ASSERT_LT(0, pid);
	ASSERT_TRUE(put_frame(self->fd, f, arp_request(f, host_ip)));
	for (i = 0; i < 2000; i++, ports[0]++) {
		ASSERT_TRUE(put_frame(self->fd, f, tcp_syn(f, ports)));
		if (i % 100 == 99)
			take_frames(self->fd, 50);
	}
	for (i = 0; i < 50 && open_files() < before + 640; i++)
		take_frames(self->fd, 20);
	EXPECT_LT(before + 400, open_files());
	EXPECT_GT(before + 640, open_files());
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST_F(user, connections_that_the_host_closed_are_counted)
{
	open_connections(self, _metadata, 0);
}

TEST_F(user, connections_of_which_the_guest_takes_nothing_are_counted)
{
	open_connections(self, _metadata, 128 * KIB);
}

TEST_F(user, sockets_that_are_closed_make_room)
{
	unsigned int before = open_files(), i;
	u16 ports[2] = { 1024 };
	u8 f[100] = { 0 };
	pid_t pid = serve(&ports[1], 0);

	ASSERT_LT(0, pid);
	ASSERT_TRUE(put_frame(self->fd, f, arp_request(f, host_ip)));
	for (i = 0; i < 2000; i++, ports[0]++) {
		ASSERT_TRUE(put_frame(self->fd, f, tcp_syn(f, ports)));
		ASSERT_TRUE(await_frame(self, is_ip(self->f, self->len, IPPROTO_TCP) &&
					self->f[36] == ports[0] >> 8 &&
					self->f[37] == (ports[0] & 0xff)));
		/* It is there; the guest thinks better of it. */
		ASSERT_TRUE(tcp_answer(self->fd, self->f, TCP_RST | TCP_ACK, 1, ""));
	}
	for (i = 0; i < 100 && open_files() > before + 10; i++)
		take_frames(self->fd, 20);
	EXPECT_GT(before + 10, open_files());
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST_F(user, a_guest_leaves_descriptors_to_the_program)
{
	struct rlimit r;
	unsigned int i;
	u8 f[100];
	int fd;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &r));
	r.rlim_cur = 400;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &r));
	ASSERT_TRUE(put_frame(self->fd, f, arp_request(f, host_ip)));
	for (i = 0; i < 1000; i++) {
		const u16 ports[2] = { 1024 + i, 9 };

		ASSERT_TRUE(put_frame(self->fd, f, udp_frame(f, guest_ip, host_ip, ports, 4)));
	}
	take_frames(self->fd, 500);
	EXPECT_LT(150, open_files());
	EXPECT_GT(220, open_files());
	fd = dup(0);
	EXPECT_EQ(200, fd);
	close(fd);
}

TEST_F(user, a_guest_cannot_open_sockets_without_end)
{
	unsigned int before = open_files(), i;
	u8 f[100] = { 0 };

	for (i = 0; i < 4000; i++) {
		const u16 ports[2] = { 1024 + i, 9 };

		if (!(i % 500))
			ASSERT_TRUE(put_frame(self->fd, f, arp_request(f, host_ip)));
		ASSERT_TRUE(put_frame(self->fd, f, udp_frame(f, guest_ip, host_ip, ports, 4)));
	}
	for (i = 0; i < 100 && open_files() < before + 400; i++)
		usleep(100000);
	EXPECT_LT(before + 400, open_files());
	EXPECT_GT(before + 640, open_files());
}

TEST_F(user, frames_of_no_sense_are_survived)
{
	u64 seed = 0x5eed;
	static u8 f[65536];
	u32 i, j, len;

	for (i = 0; i < 20000; i++) {
		len = test_random(&seed) % (i % 50 ? 200 : 3000);
		for (j = 0; j < len; j++)
			f[j] = test_random(&seed);
		/* Most of them with headers that are looked into. */
		if (len > 60 && i % 4)
			ip_frame(f, guest_ip, host_ip, f[23], len - 34);
		if (len > 60 && i % 8 == 1)
			put16(f + 12, ETHERTYPE_IPV6);
		if (len)
			ASSERT_TRUE(put_frame(self->fd, f, len));
		while (recv(self->fd, self->f, sizeof(self->f), MSG_DONTWAIT) > 0)
			;
	}
	ASSERT_TRUE(put_frame(self->fd, f, sizeof(f)));
	/* It still serves. */
	ASSERT_TRUE(put_frame(self->fd, f, dhcp_discover(f)));
	ASSERT_TRUE(await_frame(self, is_ip(self->f, self->len, IPPROTO_UDP) &&
				get32(self->f + 46) == 0x1234));
}

TEST(nothing_wakes_it_when_nothing_happens)
{
	struct config cfg = { 0 };
	struct threads threads = { 0 };
	struct user_net *net;
	struct error e;
	u64 before;
	int fd;

	ASSERT_EQ(0, config_add_netdev(&cfg, "user,id=n0", &e));
	fd = user_net_create(&net, &cfg.netdev[0]->user, &e);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, user_net_start(net, &threads));
	sleep(1);
	before = user_net_wakeups(net);
	sleep(3);
	EXPECT_EQ(before, user_net_wakeups(net));
	user_net_destroy(net);
	close(fd);
	config_free(&cfg);
}

TEST_F(user, a_guest_that_takes_nothing_does_not_keep_it_from_ending)
{
	u8 f[100];
	unsigned int i;

	ASSERT_TRUE(put_frame(self->fd, f, arp_request(f, host_ip)));
	memset(f + 34, 0, 64);
	f[34] = 8;
	put16(f + 36, fold(sum(f + 34, 64, 0)));
	for (i = 0; i < 20000; i++)
		if (send(self->fd, f, ip_frame(f, guest_ip, host_ip, IPPROTO_ICMP, 64),
			 MSG_DONTWAIT) < 0)
			usleep(i < 10000 ? 0 : 10);
	/* The teardown ends it. */
}

TEST(a_port_that_is_taken_is_told)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int s = socket(AF_INET, SOCK_STREAM, 0);
	struct user_net *net;
	struct config cfg = { 0 };
	struct error e;
	char text[100], want[200];

	ASSERT_EQ(0, bind(s, (void *)&a, sizeof(a)));
	ASSERT_EQ(0, listen(s, 1));
	ASSERT_EQ(0, getsockname(s, (void *)&a, &len));
	snprintf(text, sizeof(text), "user,id=n,hostfwd=tcp:127.0.0.1:%d-:22", ntohs(a.sin_port));
	ASSERT_EQ(0, config_add_netdev(&cfg, text, &e));
	EXPECT_GT(0, user_net_create(&net, &cfg.netdev[0]->user, &e));
	snprintf(want, sizeof(want), "Could not set up host forwarding rule '%s': "
		 "Address already in use", strchr(text, '=') + strlen("=n,hostfwd="));
	EXPECT_STREQ(want, e.text);
	close(s);
	config_free(&cfg);
}

TEST(older_spellings)
{
	static const u8 mac[6] = { 0x52, 0x54, 0, 0, 0, 7 };
	static const char *const keys[] = { "mac", "addr", NULL };
	struct config cfg = { 0 };
	struct error e;
	char *rest;

	ASSERT_EQ(0, config_add_nic(&cfg, "user,model=virtio,mac=52:54:00:00:00:07,"
				    "hostfwd=tcp::1-:2", &e)) TH_LOG("%s", e.text);
	ASSERT_EQ(1, cfg.n_netdevs);
	ASSERT_EQ(1, cfg.n_devices);
	EXPECT_EQ(0, memcmp(mac, cfg.device[0]->net.mac, 6));
	EXPECT_EQ(1, cfg.netdev[0]->user.n_forwards);
	EXPECT_STREQ(cfg.netdev[0]->id, cfg.device[0]->net.netdev);
	/* The first card has the first network, whatever comes first; the last gets one. */
	ASSERT_EQ(0, config_add_net(&cfg, "nic,model=virtio,macaddr=52:54:00:00:00:08", &e));
	ASSERT_EQ(0, config_add_net(&cfg, "tap,ifname=tap01", &e));
	ASSERT_EQ(0, config_add_net(&cfg, "user", &e));
	ASSERT_EQ(0, config_add_net_devices(&cfg, &e));
	ASSERT_EQ(3, cfg.n_devices);
	EXPECT_STREQ(cfg.netdev[1]->id, cfg.device[1]->net.netdev);
	EXPECT_STREQ("tap01", cfg.netdev[1]->ifname);
	EXPECT_STREQ(cfg.netdev[2]->id, cfg.device[2]->net.netdev);
	EXPECT_TRUE(cfg.netdev[2]->is_user);
	config_free(&cfg);

	rest = opt_without("tap,mac=1,ifname=a,,mac=b,macaddr=2,addr", keys);
	EXPECT_STREQ("tap,ifname=a,,mac=b,macaddr=2", rest);
	free(rest);
}

TEST(frames_that_open_sockets)
{
	u8 f[100] = { 0 };
	const u16 ports[2] = { 1, 2 };

	EXPECT_TRUE(user_net_frame_opens(f, udp_frame(f, guest_ip, host_ip, ports, 4)));
	f[34 + 13] = TCP_SYN;
	EXPECT_TRUE(user_net_frame_opens(f, ip_frame(f, guest_ip, host_ip, IPPROTO_TCP, 20)));
	f[34 + 13] = TCP_SYN | TCP_ACK;
	EXPECT_FALSE(user_net_frame_opens(f, ip_frame(f, guest_ip, host_ip, IPPROTO_TCP, 20)));
	f[34 + 13] = TCP_ACK;
	EXPECT_FALSE(user_net_frame_opens(f, ip_frame(f, guest_ip, host_ip, IPPROTO_TCP, 20)));
	f[21] = 1;
	EXPECT_TRUE(user_net_frame_opens(f, 54));
	EXPECT_TRUE(user_net_frame_opens(f, 30));
	put16(f + 12, ETHERTYPE_ARP);
	EXPECT_FALSE(user_net_frame_opens(f, 60));
	EXPECT_FALSE(user_net_frame_opens(f, 3));
}

TEST_HARNESS_MAIN
