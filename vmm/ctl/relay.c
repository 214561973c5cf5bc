// SPDX-License-Identifier: GPL-2.0
/*
 * Role: copy between standard input and output and a socket.
 * Threads: main.
 * Locks: none.
 */
#include "relay.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

/* What was typed and not taken yet, and how the terminal was. */
struct relay_state {
	const struct relay *r;
	int signal_fd;
	bool raw;
	struct termios saved;
	bool eof;		/* of standard input */
	bool told;		/* the other side of that */
	char buf[4096];
	size_t off, len;
};

static int relay_write_all(const char *buf, size_t len)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };
	ssize_t n;

	while (len) {
		n = write(STDOUT_FILENO, buf, len);
		if (n < 0 && errno == EAGAIN)
			poll(&p, 1, -1);
		else if (n < 0 && errno != EINTR)
			return -errno;
		buf += n > 0 ? n : 0;
		len -= n > 0 ? n : 0;
	}
	return 0;
}

static int relay_from_socket(struct relay_state *s)
{
	char buf[4096];
	ssize_t n = recv(s->r->sock, buf, sizeof(buf), 0);

	if (n > 0)
		return relay_write_all(buf, n);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return !n || errno == ECONNRESET ? RELAY_CLOSED : -errno;
}

static int relay_to_socket(struct relay_state *s)
{
	ssize_t n;

	if (s->off < s->len) {
		n = send(s->r->sock, s->buf + s->off, s->len - s->off, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 :
			       errno == EPIPE ? RELAY_CLOSED : -errno;
		s->off += n;
	}
	/* A console stays open for what the guest says; to a monitor that was all. */
	if (s->eof && s->off == s->len && !s->told && !s->r->terminal) {
		shutdown(s->r->sock, SHUT_WR);
		s->told = true;
	}
	return 0;
}

static int relay_from_input(struct relay_state *s)
{
	ssize_t n = read(STDIN_FILENO, s->buf, sizeof(s->buf));
	const char *escape;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	s->eof = !n;
	s->off = 0;
	s->len = n;
	escape = s->raw ? memchr(s->buf, RELAY_ESCAPE, n) : NULL;
	if (!escape)
		return relay_to_socket(s);
	s->len = escape - s->buf;
	relay_to_socket(s);
	return RELAY_ESCAPED;
}

static int relay_signal(struct relay_state *s, struct error *e)
{
	struct signalfd_siginfo si;

	if (read(s->signal_fd, &si, sizeof(si)) != sizeof(si))
		return 0;
	return error_set(e, EINTR, "ended by signal %u", si.ssi_signo);
}

static int relay_step(struct relay_state *s, struct error *e)
{
	bool waiting = s->off < s->len;
	struct pollfd p[3] = {
		{ .fd = s->r->sock, .events = POLLIN | (waiting ? POLLOUT : 0) },
		{ .fd = waiting || s->eof ? -1 : STDIN_FILENO, .events = POLLIN },
		{ .fd = s->signal_fd, .events = POLLIN },
	};
	int ret = 0;

	if (poll(p, ARRAY_SIZE(p), -1) < 0)
		return errno == EINTR ? 0 : error_errno(e, errno, "poll");
	if (p[2].revents)
		return relay_signal(s, e);
	if (p[0].revents & (POLLIN | POLLHUP | POLLERR))
		ret = relay_from_socket(s);
	if (!ret && p[0].revents & POLLOUT)
		ret = relay_to_socket(s);
	if (!ret && p[1].revents)
		ret = relay_from_input(s);
	return ret < 0 ? error_errno(e, ret, "copying") : ret;
}

/* The same signals end it, but not before the terminal is as it was. */
static int relay_begin(struct relay_state *s, sigset_t *old, struct error *e)
{
	struct termios t;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, old);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0)
		return error_errno(e, errno, "signalfd");
	if (!s->r->terminal || tcgetattr(STDIN_FILENO, &s->saved))
		return 0;
	t = s->saved;
	cfmakeraw(&t);
	s->raw = !tcsetattr(STDIN_FILENO, TCSADRAIN, &t);
	/* From here on every key is for the other side. */
	if (s->raw && s->r->notice)
		fprintf(stderr, "%s\r\n", s->r->notice);
	return 0;
}

int relay_run(const struct relay *r, struct error *e)
{
	struct relay_state s = { .r = r };
	sigset_t old;
	int ret = relay_begin(&s, &old, e);

	while (!ret)
		ret = relay_step(&s, e);
	if (s.raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &s.saved);
	if (s.signal_fd >= 0)
		close(s.signal_fd);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return ret;
}
