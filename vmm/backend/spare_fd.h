/* SPDX-License-Identifier: GPL-2.0 */
/* Descriptors that no guest gets: for the program itself. */
#ifndef FERRY_VMM_BACKEND_SPARE_FD_H
#define FERRY_VMM_BACKEND_SPARE_FD_H

#include "../types.h"

#define SPARE_FDS	256U

/**
 * spare_fd - whether a descriptor is not for a guest to keep
 * @fd: just opened
 *
 * The lowest that is free is taken first, so that a high one says that few are left: for the
 * rest of the program, and for what is open but for a moment.
 */
bool spare_fd(int fd);

#endif /* FERRY_VMM_BACKEND_SPARE_FD_H */
