/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the VMM of a guest in the background says: NAME.log in the run directory, which never
 * has more than LOG_MAX bytes.
 */
#ifndef FERRY_VMM_CTL_LOG_H
#define FERRY_VMM_CTL_LOG_H

#include "rundir.h"

#define LOG_MAX		65536

/**
 * log_begin - keep what is written to a descriptor as a guest's log
 * @d: the run directory
 * @name: the guest, whose name this process has
 * @e: why not
 *
 * A process of its own does it, until nobody has the descriptor open: then it ends, and
 * removes a log that nothing was written to. Before there is any thread. Writing never waits;
 * what that process is too slow for is lost.
 *
 * Return: the descriptor, or a negative errno.
 */
int log_begin(const struct rundir *d, const char *name, struct error *e);

#endif /* FERRY_VMM_CTL_LOG_H */
