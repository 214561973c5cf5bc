// SPDX-License-Identifier: GPL-2.0
/*
 * Role: one client of a monitor: its input until a command is whole, its answers
 *	until it reads them. A client that does not read is not listened to, and so
 *	cannot make this program keep answers without bound.
 * Threads: main; session_say() in any.
 * Locks: the machine's lock is held by every caller.
 */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a pipe or a terminal takes at least when it is ready at all. */
#define SESSION_PIECE	512U

/* As write(), but never waits, whatever mode the descriptor is in. */
static ssize_t session_write(const struct monitor_session *s, const char *buf, size_t len)
{
	struct pollfd p = { .fd = s->out_fd, .events = POLLOUT };
	ssize_t n;

	if (s->is_socket) {
		n = send(s->out_fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} else {
		if (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT))
			return p.revents ? -EPIPE : -EAGAIN;
		n = write(s->out_fd, buf, len < SESSION_PIECE ? len : SESSION_PIECE);
	}
	if (n >= 0)
		return n;
	return errno == EINTR ? -EAGAIN : -errno;
}

static void session_die(struct monitor_session *s)
{
	s->dead = true;
	s->unread_len = 0;
	/* Wakes the main loop, which frees it. */
	if (s->is_socket)
		shutdown(s->out_fd, SHUT_RDWR);
}

static void session_flush(struct monitor_session *s)
{
	size_t done = 0;
	ssize_t n = 0;

	while (done < s->unread_len) {
		n = session_write(s, s->unread + done, s->unread_len - done);
		if (n < 0)
			break;
		done += n;
	}
	s->unread_len -= done;
	memmove(s->unread, s->unread + done, s->unread_len);
	if (n < 0 && n != -EAGAIN) {
		session_die(s);
		return;
	}
	if (!s->unread_len)
		loop_del(&s->mon->m->loop, &s->out);
	else if (!s->out.added && loop_add(&s->mon->m->loop, &s->out, EPOLLOUT))
		session_die(s);
}

static bool session_make_room(struct monitor_session *s, size_t len)
{
	size_t room = s->unread_room ?: 4096;
	char *more;

	if (len <= s->unread_room - s->unread_len)
		return true;
	while (room - s->unread_len < len)
		room *= 2;
	if (room > 2 * SESSION_UNREAD_MAX)
		return false;
	more = realloc(s->unread, room);
	if (!more)
		return false;
	s->unread = more;
	s->unread_room = room;
	return true;
}

void session_say(struct monitor_session *s, const char *text, size_t len)
{
	if (s->dead || !len)
		return;
	if (s->unread_len + len > SESSION_UNREAD_MAX || !session_make_room(s, len)) {
		session_die(s);
		return;
	}
	memcpy(s->unread + s->unread_len, text, len);
	s->unread_len += len;
	session_flush(s);
}

static void session_send(void *opaque, const char *text, size_t len)
{
	session_say(opaque, text, len);
}

static size_t session_take(struct monitor_session *s)
{
	const char *buf = s->input + s->in_off;
	size_t len = s->in_len - s->in_off, n;

	n = s->is_qmp ? qmp_take(&s->qmp, buf, len) : hmp_take(&s->hmp, buf, len);
	if (s->is_qmp && s->qmp.closed)
		s->eof = true;
	return n;
}

/* Do what was read, as long as the answers are taken. */
static void session_work(struct monitor_session *s)
{
	while (s->in_off < s->in_len && !s->dead && s->unread_len < SESSION_UNREAD)
		s->in_off += session_take(s);
}

/* What epoll refuses to watch, a file, is always ready; so is an eventfd that is not read. */
static int session_watch(struct monitor_session *s)
{
	int ret = loop_add(&s->mon->m->loop, &s->in, EPOLLIN);

	if (ret != -EPERM || s->file_fd >= 0)
		return ret;
	s->file_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->file_fd < 0)
		return -errno;
	s->in.fd = s->file_fd;
	return loop_add(&s->mon->m->loop, &s->in, EPOLLIN);
}

/* After anything that happened: free it, or listen, or do not listen. */
static void session_settle(struct monitor_session *s)
{
	bool done = s->in_off == s->in_len;

	if (s->dead || (s->is_socket && s->eof && done && !s->unread_len)) {
		session_close(s);
		return;
	}
	if (s->eof || !done || s->unread_len >= SESSION_UNREAD)
		loop_del(&s->mon->m->loop, &s->in);
	else if (!s->in.added && session_watch(s))
		session_close(s);
}

static void session_in(void *opaque, u32 events)
{
	struct monitor_session *s = opaque;
	ssize_t n;

	(void)events;
	if (s->in_off == s->in_len && !s->dead && !s->eof) {
		n = read(s->in_fd, s->input, sizeof(s->input));
		s->in_off = 0;
		s->in_len = n > 0 ? n : 0;
		if (!n)
			s->eof = true;
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			s->dead = true;
	}
	session_work(s);
	session_settle(s);
}

static void session_out(void *opaque, u32 events)
{
	struct monitor_session *s = opaque;

	(void)events;
	if (!s->dead)
		session_flush(s);
	session_work(s);
	session_settle(s);
}

static int session_start(struct monitor_session *s)
{
	struct monitor *mon = s->mon;
	int ret = 0;

	if (s->is_qmp) {
		ret = qmp_init(&s->qmp, mon->table, mon->vm);
		s->qmp.send = session_send;
		s->qmp.opaque = s;
	} else {
		hmp_init(&s->hmp, mon->table, mon->vm);
		s->hmp.send = session_send;
		s->hmp.opaque = s;
	}
	if (!ret)
		ret = session_watch(s);
	if (ret)
		return ret;
	if (s->is_qmp)
		qmp_greet(&s->qmp);
	else
		hmp_greet(&s->hmp);
	return 0;
}

int session_open(struct monitor *mon, bool qmp, int in_fd, int out_fd)
{
	struct monitor_session *s = calloc(1, sizeof(*s));
	int type, ret;
	socklen_t len = sizeof(type);

	/* Each direction is watched by itself, for which epoll wants two descriptors. */
	if (out_fd == in_fd)
		out_fd = fcntl(in_fd, F_DUPFD_CLOEXEC, 3);
	if (!s || out_fd < 0) {
		ret = s ? -errno : -ENOMEM;
		if (out_fd > STDERR_FILENO)
			close(out_fd);
		if (in_fd > STDERR_FILENO)
			close(in_fd);
		free(s);
		return ret;
	}
	s->mon = mon;
	s->is_qmp = qmp;
	s->in_fd = in_fd;
	s->out_fd = out_fd;
	s->file_fd = -1;
	s->is_socket = !getsockopt(out_fd, SOL_SOCKET, SO_TYPE, &type, &len);
	s->in = (struct loop_source){ in_fd, session_in, s, false };
	s->out = (struct loop_source){ out_fd, session_out, s, false };
	s->next = mon->sessions;
	mon->sessions = s;
	mon->n_sessions++;
	ret = session_start(s);
	if (ret)
		session_close(s);
	return ret;
}

void session_close(struct monitor_session *s)
{
	struct monitor *mon = s->mon;
	struct monitor_session **at = &mon->sessions;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	mon->n_sessions--;
	loop_del(&mon->m->loop, &s->in);
	loop_del(&mon->m->loop, &s->out);
	if (s->is_qmp)
		qmp_destroy(&s->qmp);
	if (s->file_fd >= 0)
		close(s->file_fd);
	if (s->in_fd > STDERR_FILENO)
		close(s->in_fd);
	if (s->out_fd > STDERR_FILENO)
		close(s->out_fd);
	free(s->unread);
	free(s);
	monitor_listen_again(mon);
}
