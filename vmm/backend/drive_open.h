/* SPDX-License-Identifier: GPL-2.0 */
/* Open the file of a -drive. */
#ifndef FERRY_VMM_BACKEND_DRIVE_OPEN_H
#define FERRY_VMM_BACKEND_DRIVE_OPEN_H

#include "drive.h"

/* Open, lock and, where it has a format, start what reads that; sets d->fd. */
int drive_open(struct drive *d, struct error *e);

#endif /* FERRY_VMM_BACKEND_DRIVE_OPEN_H */
