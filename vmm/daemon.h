/* SPDX-License-Identifier: GPL-2.0 */
/* -daemonize: the program that was started ends once the VM is set up, or has failed. */
#ifndef FERRY_VMM_DAEMON_H
#define FERRY_VMM_DAEMON_H

#include "error.h"

/* Opened at the beginning: at the end there may be no way to files. */
struct daemon {
	int ready_fd;		/* the program that was started waits at its other end */
	int null_fd;
	int log_fd;
};

/**
 * daemon_begin - leave the terminal's session, in a process of our own
 * @d: what daemon_ready() wants
 * @e: why not
 *
 * Before there is any thread. Returns in the new process only; the one that was started
 * waits there for daemon_ready(), or for the other's end, and takes over its status.
 *
 * Return: 0 or a negative errno.
 */
int daemon_begin(struct daemon *d, struct error *e);

/*
 * All is set up: let the program that was started end, and let go of its terminal. What is said
 * from here on goes to d->log_fd, if that is not -1.
 */
void daemon_ready(const struct daemon *d);

/*
 * For a process that main forks and that stays: let go of the terminal, if this program will. Who
 * reads the caller's output to its end would otherwise wait for that process, too.
 */
void daemon_leave(void);

#endif /* FERRY_VMM_DAEMON_H */
