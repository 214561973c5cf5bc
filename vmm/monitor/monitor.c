// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the monitors of a VM: where they listen, who is connected, and events for
 *	all of them. Nothing here ticks: without clients and events it costs nothing.
 * Threads: main; monitor_event() in any.
 * Locks: the machine's lock is held by every caller once the guest runs.
 */
#include "monitor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../backend/sock.h"
#include "session.h"

/* A socket that clients come to. */
struct monitor_listener {
	struct monitor *mon;
	struct monitor_listener *next;
	bool qmp;
	int fd;
	char *path;
	struct loop_source source;
};

/* The monitor of a serial port's terminal. */
struct monitor_mux {
	struct hmp hmp;
	struct chardev *chardev;
	bool greeted;
};

void monitor_init(struct monitor *mon, struct machine *m, const struct monitor_table *t,
		  void *vm)
{
	*mon = (struct monitor){ .m = m, .table = t, .vm = vm };
}

void monitor_listen_again(struct monitor *mon)
{
	struct monitor_listener *l;

	for (l = mon->listeners; l; l = l->next) {
		if (mon->n_sessions >= MONITOR_CLIENTS)
			loop_del(&mon->m->loop, &l->source);
		else if (!l->source.added)
			loop_add(&mon->m->loop, &l->source, EPOLLIN);
	}
}

static void monitor_client(void *opaque, u32 events)
{
	struct monitor_listener *l = opaque;
	struct monitor *mon = l->mon;
	int fd = sock_accept(l->fd);

	(void)events;
	if (fd >= 0 && !session_open(mon, l->qmp, fd, fd))
		monitor_listen_again(mon);
	else if (fd == -EMFILE || fd == -ENFILE)
		/* It stays ready, and is no more use than that until someone leaves. */
		loop_del(&mon->m->loop, &l->source);
}

static int monitor_listen(struct monitor *mon, bool qmp, const struct chardev_config *cfg,
			  int abort_fd, struct error *e)
{
	struct monitor_listener *l = calloc(1, sizeof(*l));
	const char *path = cfg->path;
	int fd, ret = 0;

	if (!l)
		return error_errno(e, ENOMEM, "monitor");
	l->mon = mon;
	l->qmp = qmp;
	l->fd = sock_listen(path, e);
	if (l->fd < 0) {
		ret = l->fd;
		free(l);
		return ret;
	}
	/* From here on monitor_destroy() undoes it. */
	l->next = mon->listeners;
	mon->listeners = l;
	l->path = strdup(path);
	l->source = (struct loop_source){ l->fd, monitor_client, l, false };
	if (cfg->wait) {
		fd = sock_await(l->fd, abort_fd);
		ret = fd < 0 ? fd : session_open(mon, l->qmp, fd, fd);
		if (ret)
			return error_errno(e, ret, "waiting for a client on %s", path);
	}
	/* Unless the client has come and gone, and it listens already. */
	ret = l->source.added ? 0 : loop_add(&mon->m->loop, &l->source, EPOLLIN);
	return ret ? error_errno(e, ret, "event loop") : 0;
}

int monitor_adopt(struct monitor *mon, bool qmp, int fd, struct error *e)
{
	int ret = session_open(mon, qmp, fd, fd);

	return ret ? error_errno(e, ret, "monitor") : 0;
}

int monitor_open(struct monitor *mon, bool qmp, const struct chardev_config *cfg, int abort_fd,
		 struct error *e)
{
	int fd, ret;

	switch (cfg->kind) {
	case CHARDEV_SOCKET:
		if (cfg->server)
			return monitor_listen(mon, qmp, cfg, abort_fd, e);
		fd = sock_connect(cfg->path, e);
		return fd < 0 ? fd : monitor_adopt(mon, qmp, fd, e);
	case CHARDEV_STDIO:
		ret = session_open(mon, qmp, STDIN_FILENO, STDOUT_FILENO);
		return ret ? error_errno(e, ret, "monitor") : 0;
	default:
		return 0;
	}
}

static void mux_send(void *opaque, const char *text, size_t len)
{
	struct monitor_mux *mux = opaque;

	chardev_print(mux->chardev, text, len);
}

static void mux_typed(void *opaque, const char *buf, size_t len)
{
	struct monitor_mux *mux = opaque;
	size_t n = 0;

	while (n < len)
		n += hmp_take(&mux->hmp, buf + n, len - n);
}

static void mux_focus(void *opaque, bool on)
{
	struct monitor_mux *mux = opaque;

	mux->hmp.len = 0;
	if (on && !mux->greeted)
		hmp_greet(&mux->hmp);
	else if (on)
		hmp_prompt(&mux->hmp);
	mux->greeted |= on;
}

int monitor_open_mux(struct monitor *mon, struct chardev *c, struct error *e)
{
	struct monitor_mux *mux = calloc(1, sizeof(*mux));

	if (!mux)
		return error_errno(e, ENOMEM, "monitor");
	hmp_init(&mux->hmp, mon->table, mon->vm);
	mux->hmp.raw = true;
	mux->hmp.send = mux_send;
	mux->hmp.opaque = mux;
	mux->chardev = c;
	mon->mux = mux;
	chardev_set_monitor(c, &(struct chardev_monitor){ mux_typed, mux_focus, mux });
	return 0;
}

void monitor_event(struct monitor *mon, const char *name, struct json_object *data)
{
	struct monitor_session *s;
	char *line = qmp_event(name, data);

	for (s = mon->sessions; s && line; s = s->next)
		if (s->is_qmp && s->qmp.negotiated)
			session_say(s, line, strlen(line));
	free(line);
}

void monitor_destroy(struct monitor *mon)
{
	struct monitor_listener *l;

	while (mon->listeners) {
		l = mon->listeners;
		mon->listeners = l->next;
		loop_del(&mon->m->loop, &l->source);
		close(l->fd);
		if (l->path)
			unlink(l->path);
		free(l->path);
		free(l);
	}
	while (mon->sessions)
		session_close(mon->sessions);
	free(mon->mux);
	mon->mux = NULL;
}
