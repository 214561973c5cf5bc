/* SPDX-License-Identifier: GPL-2.0 */
/* "ferry create": a guest that others find by its name. */
#ifndef FERRY_VMM_CREATE_H
#define FERRY_VMM_CREATE_H

#include "error.h"

int create_run(int argc, char **argv, struct error *e);

#endif /* FERRY_VMM_CREATE_H */
