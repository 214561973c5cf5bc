/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FERRY_VMM_PIDFILE_H
#define FERRY_VMM_PIDFILE_H

#include "error.h"

/*
 * Write this process's id to @path and keep the file locked, by POSIX and thus against QEMU's,
 * too, until the end: a file that a living process holds is refused, one that a dead process
 * left behind is taken over. Return: a descriptor to hand to pidfile_remove(), or -errno.
 */
int pidfile_create(const char *path, struct error *e);

/* @fd < 0: there is none. */
void pidfile_remove(const char *path, int fd);

#endif /* FERRY_VMM_PIDFILE_H */
