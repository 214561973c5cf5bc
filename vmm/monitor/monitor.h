/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The monitors of a VM: sockets that take any number of clients, standard input and
 * output, and the one behind a serial port's C-a c. All of it is the main loop's.
 */
#ifndef FERRY_VMM_MONITOR_MONITOR_H
#define FERRY_VMM_MONITOR_MONITOR_H

#include "../backend/chardev.h"
#include "command.h"

/* Clients at once; further ones wait until one of them leaves. */
#define MONITOR_CLIENTS	64U

struct monitor_session;
struct monitor_listener;
struct monitor_mux;

struct monitor {
	struct machine *m;
	const struct monitor_table *table;
	void *vm;
	struct monitor_session *sessions;	/* a list */
	unsigned int n_sessions;
	struct monitor_listener *listeners;	/* likewise */
	struct monitor_mux *mux;		/* NULL: none behind a serial port */
};

/* Nothing listens yet. */
void monitor_init(struct monitor *mon, struct machine *m, const struct monitor_table *t,
		  void *vm);

/* Disconnects everyone; who has not read by now what there was to say does not get it. */
void monitor_destroy(struct monitor *mon);

/* One -monitor or -qmp. @abort_fd becomes readable when waiting for a client shall end. */
int monitor_open(struct monitor *mon, bool qmp, const struct chardev_config *cfg, int abort_fd,
		 struct error *e);

/* Talk to whoever types at @c, a serial port's terminal, after C-a c. */
int monitor_open_mux(struct monitor *mon, struct chardev *c, struct error *e);

/* Take over a connected descriptor, also if this fails. */
int monitor_adopt(struct monitor *mon, bool qmp, int fd, struct error *e);

/**
 * monitor_event - tell every QMP client that something happened
 * @mon: the monitors
 * @name: of the event
 * @data: what is told of it, or NULL; taken over
 *
 * Any thread, under the machine's lock. A client that does not read loses its
 * connection, never an event.
 */
void monitor_event(struct monitor *mon, const char *name, struct json_object *data);

#endif /* FERRY_VMM_MONITOR_MONITOR_H */
