/* SPDX-License-Identifier: GPL-2.0 */
/* A terminal, or whatever standard input and output are, at one end of a socket. */
#ifndef FERRY_VMM_CTL_RELAY_H
#define FERRY_VMM_CTL_RELAY_H

#include "../error.h"
#include "../types.h"

#define RELAY_ESCAPE	0x1d	/* Ctrl-] */

enum relay_end {
	RELAY_CLOSED = 1,	/* the other side has ended */
	RELAY_ESCAPED,		/* the escape was typed */
};

struct relay {
	int sock;		/* does not block */
	bool terminal;		/* raw, with the escape, if standard input is one */
	const char *notice;	/* for who is at a terminal, once it is raw; or NULL */
};

/**
 * relay_run - copy both ways until one side ends it
 * @r: what to connect
 * @e: why not
 *
 * The end of standard input is handed on, and what still comes is copied. The terminal is
 * as before when this returns, also after SIGINT, SIGTERM and SIGHUP.
 *
 * Return: RELAY_*, or a negative errno.
 */
int relay_run(const struct relay *r, struct error *e);

#endif /* FERRY_VMM_CTL_RELAY_H */
