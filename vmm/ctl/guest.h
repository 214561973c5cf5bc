/* SPDX-License-Identifier: GPL-2.0 */
/* The guest that a verb names. */
#ifndef FERRY_VMM_CTL_GUEST_H
#define FERRY_VMM_CTL_GUEST_H

#include "client.h"
#include "rundir.h"

struct guest {
	struct rundir dir;
	struct rundir_entry entry;
	int pidfd;
	struct client client;	/* fd -1: not connected */
};

/* Find it; a name that nobody has any more is cleaned up. Closed by guest_close() if 0. */
int guest_find(struct guest *g, const char *name, struct error *e);

/* The same, and connect to its monitor. */
int guest_connect(struct guest *g, const char *name, struct error *e);
void guest_close(struct guest *g);

/* One command without arguments or an answer that matters. */
int guest_command(struct guest *g, const char *command, struct error *e);

/* Wait for its end and remove what it left. -ETIMEDOUT if it goes on. */
int guest_await_end(struct guest *g, int milliseconds);

#endif /* FERRY_VMM_CTL_GUEST_H */
