// SPDX-License-Identifier: GPL-2.0
/*
 * Traffic between two hosts: streams and datagrams in either direction as fast
 * as they go, and single small requests.
 *
 *	net_load PORT				serve, one client after the other
 *	net_load ADDRESS PORT MODE MS		MODE: tcp-in, tcp-out, udp-in,
 *						udp-out (seen from the server), rr
 *
 * The client prints "value V", Mbit/s that arrived or for rr the median round
 * trip in microseconds; "amount A", bytes or round trips; "lost L" of 1.
 *
 * One thread. Starts at once and does nothing else, so that what a run costs is
 * what its traffic costs.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LOAD_RR_BYTES	64
#define LOAD_SAMPLES	(1U << 18)
/* Round trips before the clock starts. */
#define LOAD_WARM_UP	5
#define LOAD_CHUNK	(128 << 10)
#define LOAD_DATAGRAM	1448
/* How long datagrams may be under way after the last was sent. */
#define LOAD_DRAIN_MS	200
/*
 * Datagrams that may be under way, which a socket's usual buffer holds, and how
 * many the receiver acknowledges at once. A sender that floods would show who
 * starves whom, not what a datagram costs.
 */
#define LOAD_WINDOW	64
#define LOAD_ACK	16

enum load_mode { TCP_IN, TCP_OUT, UDP_IN, UDP_OUT, RR, MODES };

static const char *const load_names[MODES] = { "tcp-in", "tcp-out", "udp-in", "udp-out", "rr" };

/* What a client sends first, over TCP. */
struct load_request {
	uint32_t mode;
	uint32_t ms;
	uint32_t port;		/* of the client's datagram socket, network order */
};

/* What either side tells the other about datagrams and bytes. */
struct load_count {
	uint64_t packets;
	uint64_t bytes;
};

static void load_die(const char *what)
{
	fprintf(stderr, "net_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t load_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static bool load_read(int fd, void *buf, size_t len)
{
	for (size_t got = 0; got < len;) {
		ssize_t n = read(fd, (char *)buf + got, len - got);

		if (n <= 0)
			return false;
		got += n;
	}
	return true;
}

static bool load_write(int fd, const void *buf, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, (const char *)buf + done, len - done);

		if (n <= 0)
			return false;
		done += n;
	}
	return true;
}

static void load_no_delay(int fd)
{
	int one = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		load_die("TCP_NODELAY");
}

/* Write for @ms milliseconds, then say that this was all. */
static void load_stream(int fd, uint32_t ms)
{
	static const char chunk[LOAD_CHUNK];
	uint64_t end = load_now() + ms * 1000000ULL;

	while (load_now() < end && load_write(fd, chunk, sizeof(chunk)))
		;
	shutdown(fd, SHUT_WR);
}

/* Read until the other side has said so. */
static struct load_count load_drain(int fd)
{
	static char chunk[LOAD_CHUNK];
	struct load_count c = { 0 };
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
		c.bytes += n;
		c.packets++;
	}
	return c;
}

/* Take acknowledgements, waiting for one if @ms is not 0; returns the newest. */
static uint64_t load_acked(int fd, uint64_t acked, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t n;

	if (ms)
		poll(&p, 1, ms);
	while (recv(fd, &n, sizeof(n), MSG_DONTWAIT) == sizeof(n))
		acked = n > acked ? n : acked;
	return acked;
}

/* Send datagrams to @to for @ms milliseconds, a window of them at a time. */
static struct load_count load_flood(const struct sockaddr_in *to, uint32_t ms)
{
	static char datagram[LOAD_DATAGRAM];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t end = load_now() + ms * 1000000ULL, gone = 0;
	struct load_count c = { 0 };

	if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)))
		load_die("datagram socket");
	while (load_now() < end) {
		if (c.packets - gone >= LOAD_WINDOW) {
			uint64_t before = gone;

			gone = load_acked(fd, gone, LOAD_DRAIN_MS);
			/* Lost, they or their acknowledgements: begin a new window. */
			if (gone == before)
				gone = c.packets;
			continue;
		}
		memcpy(datagram, &c.packets, sizeof(c.packets));
		if (send(fd, datagram, sizeof(datagram), 0) != sizeof(datagram)) {
			if (errno != ENOBUFS)
				load_die("send");
			continue;
		}
		c.packets++;
		c.bytes += sizeof(datagram);
	}
	close(fd);
	return c;
}

/* A bound datagram socket, and its port in network order. */
static int load_datagrams(uint32_t *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) ||
	    getsockname(fd, (struct sockaddr *)&sin, &len))
		load_die("datagram socket");
	*port = sin.sin_port;
	return fd;
}

/* Take what datagrams wait, and acknowledge them. */
static void load_take(int fd, struct load_count *c)
{
	static char datagram[LOAD_DATAGRAM];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	uint64_t seen;
	ssize_t n;

	for (int i = 0; i < LOAD_WINDOW; i++) {
		n = recvfrom(fd, datagram, sizeof(datagram), MSG_DONTWAIT,
			     (struct sockaddr *)&from, &len);
		if (n < 0)
			return;
		c->packets++;
		c->bytes += n;
		/* How far the sender has come: lost ones count as well. */
		memcpy(&seen, datagram, sizeof(seen));
		seen++;
		if (!(c->packets % LOAD_ACK))
			sendto(fd, &seen, sizeof(seen), MSG_DONTWAIT, (struct sockaddr *)&from,
			       len);
	}
}

/*
 * Count datagrams until the other side tells over @control how many it sent, and
 * for as long after that as they keep coming. Returns what arrived.
 */
static struct load_count load_count(int fd, int control, struct load_count *sent)
{
	struct pollfd p[2] = {
		{ .fd = fd, .events = POLLIN }, { .fd = control, .events = POLLIN },
	};
	struct load_count c = { 0 };
	bool told = false;

	while (poll(p, told ? 1 : 2, told ? LOAD_DRAIN_MS : -1) > 0) {
		if (p[0].revents)
			load_take(fd, &c);
		if (!told && p[1].revents) {
			if (!load_read(control, sent, sizeof(*sent)))
				load_die("the other side's count");
			told = true;
		}
	}
	return c;
}

static void load_serve_udp_in(int client)
{
	struct load_count sent, got;
	uint32_t port;
	int fd = load_datagrams(&port);

	if (load_write(client, &port, sizeof(port))) {
		got = load_count(fd, client, &sent);
		load_write(client, &got, sizeof(got));
	}
	close(fd);
}

static void load_serve_udp_out(int client, const struct load_request *q)
{
	struct sockaddr_in to;
	socklen_t len = sizeof(to);
	struct load_count sent;

	if (getpeername(client, (struct sockaddr *)&to, &len))
		load_die("getpeername");
	to.sin_port = q->port;
	sent = load_flood(&to, q->ms);
	load_write(client, &sent, sizeof(sent));
}

static void load_serve_rr(int client)
{
	char buf[LOAD_RR_BYTES];

	while (load_read(client, buf, sizeof(buf)))
		if (!load_write(client, buf, sizeof(buf)))
			break;
}

static void load_serve_one(int client)
{
	struct load_request q;
	struct load_count c;

	load_no_delay(client);
	if (!load_read(client, &q, sizeof(q)))
		return;
	switch (q.mode) {
	case TCP_IN:
		c = load_drain(client);
		load_write(client, &c, sizeof(c));
		break;
	case TCP_OUT:
		load_stream(client, q.ms);
		break;
	case UDP_IN:
		load_serve_udp_in(client);
		break;
	case UDP_OUT:
		load_serve_udp_out(client, &q);
		break;
	case RR:
		load_serve_rr(client);
		break;
	}
}

static void load_serve(int port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, client;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)) || listen(fd, 8))
		load_die("listen");
	for (;;) {
		client = accept(fd, NULL, NULL);
		if (client < 0)
			load_die("accept");
		load_serve_one(client);
		close(client);
	}
}

static void load_report(double value, uint64_t amount, double lost)
{
	printf("value %.3f\namount %llu\nlost %.4f\n", value, (unsigned long long)amount, lost);
}

static void load_report_rate(const struct load_count *got, uint64_t ns, double lost)
{
	load_report(got->bytes * 8000.0 / ns, got->bytes, lost);
}

static double load_lost(const struct load_count *got, const struct load_count *sent)
{
	return sent->packets ? 1 - (double)got->packets / sent->packets : 0;
}

static void load_tcp(int fd, const struct load_request *q)
{
	uint64_t start = load_now();
	struct load_count c;

	if (q->mode == TCP_IN) {
		load_stream(fd, q->ms);
		if (!load_read(fd, &c, sizeof(c)))
			load_die("the server's count");
	} else {
		c = load_drain(fd);
	}
	load_report_rate(&c, load_now() - start, 0);
}

static void load_udp_in(int fd, const struct load_request *q, struct sockaddr_in to)
{
	struct load_count sent, got;
	uint32_t port;
	uint64_t ns;

	if (!load_read(fd, &port, sizeof(port)))
		load_die("the server's port");
	to.sin_port = port;
	ns = load_now();
	sent = load_flood(&to, q->ms);
	ns = load_now() - ns;
	if (!load_write(fd, &sent, sizeof(sent)) || !load_read(fd, &got, sizeof(got)))
		load_die("the server's count");
	load_report_rate(&got, ns, load_lost(&got, &sent));
}

static void load_udp_out(int control, const struct load_request *q, int fd)
{
	struct load_count sent = { 0 }, got = load_count(fd, control, &sent);

	load_report_rate(&got, q->ms * 1000000ULL, load_lost(&got, &sent));
}

static int load_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* One round trip; returns nanoseconds. */
static uint64_t load_ask(int fd)
{
	char buf[LOAD_RR_BYTES] = { 0 };
	uint64_t start = load_now();

	if (!load_write(fd, buf, sizeof(buf)) || !load_read(fd, buf, sizeof(buf)))
		load_die("round trip");
	return load_now() - start;
}

static void load_rr(int fd, uint32_t ms)
{
	uint64_t *sample = calloc(LOAD_SAMPLES, sizeof(*sample)), end;
	unsigned int n = 0;

	if (!sample)
		load_die("memory for samples");
	for (int i = 0; i < LOAD_WARM_UP; i++)
		load_ask(fd);
	end = load_now() + ms * 1000000ULL;
	do {
		sample[n++] = load_ask(fd);
	} while (n < LOAD_SAMPLES && load_now() < end);
	qsort(sample, n, sizeof(*sample), load_compare);
	load_report(sample[n / 2] / 1000.0, n, 0);
	free(sample);
}

static void load_ask_for(const struct sockaddr_in *to, struct load_request *q)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), datagrams = -1;

	if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)))
		load_die("connect");
	load_no_delay(fd);
	if (q->mode == UDP_OUT)
		datagrams = load_datagrams(&q->port);
	if (!load_write(fd, q, sizeof(*q)))
		load_die("send the request");
	if (q->mode == UDP_IN)
		load_udp_in(fd, q, *to);
	else if (q->mode == UDP_OUT)
		load_udp_out(fd, q, datagrams);
	else if (q->mode == RR)
		load_rr(fd, q->ms);
	else
		load_tcp(fd, q);
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct load_request q = { 0 };

	/* A client that went away is no reason to stop serving. */
	signal(SIGPIPE, SIG_IGN);
	if (argc == 2)
		load_serve(atoi(argv[1]));
	if (argc == 5)
		while (q.mode < MODES && strcmp(argv[3], load_names[q.mode]))
			q.mode++;
	if (argc != 5 || q.mode == MODES || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
		fprintf(stderr, "usage: net_load PORT | net_load ADDRESS PORT MODE MS\n");
		return 2;
	}
	to.sin_port = htons(atoi(argv[2]));
	q.ms = strtoul(argv[4], NULL, 0);
	load_ask_for(&to, &q);
	return 0;
}
