/* SPDX-License-Identifier: GPL-2.0 */
/* Run a guest from its configuration to its end. */
#ifndef FERRY_VMM_RUN_H
#define FERRY_VMM_RUN_H

#include "options/config.h"

struct rundir;

/*
 * With @dir, under its -name there, and @dir is closed; else @dir is NULL. 0, or a negative
 * errno. With -daemonize it returns in the new process.
 */
int run(struct config *cfg, struct rundir *dir, struct error *e);

#endif /* FERRY_VMM_RUN_H */
