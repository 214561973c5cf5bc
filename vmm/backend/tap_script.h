/* SPDX-License-Identifier: GPL-2.0 */
/* The scripts that are run for a tap: one when it is up, one before it goes. */
#ifndef FERRY_VMM_BACKEND_TAP_SCRIPT_H
#define FERRY_VMM_BACKEND_TAP_SCRIPT_H

#include <sys/types.h>

#include "../error.h"

/* A process that waits for the end of this one, or for being told; none while pid is 0. */
struct tap_script {
	pid_t pid;
	int fd;			/* closing it is the word */
};

/* Run it with the interface's name, and wait for it. */
int tap_run_script(const char *script, const char *ifname, struct error *e);

/**
 * tap_keep_script - have a script run at the end, whatever that is
 * @s: to be told by tap_end_script()
 * @script: the script
 * @ifname: its argument
 * @tap: kept open until the script has ended, so that the interface is there
 * @e: what went wrong
 *
 * Its process has the rights of this moment: whoever tells it may have lost them.
 */
int tap_keep_script(struct tap_script *s, const char *script, const char *ifname, int tap,
		    struct error *e);

/* Run it now, and wait for it. */
void tap_end_script(struct tap_script *s);

#endif /* FERRY_VMM_BACKEND_TAP_SCRIPT_H */
