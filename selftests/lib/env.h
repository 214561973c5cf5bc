/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FERRY_SELFTEST_ENV_H
#define FERRY_SELFTEST_ENV_H

#include <stdbool.h>

/* Whether @name is in the comma-separated list @variable, or there is no such variable. */
bool env_lists(const char *variable, const char *name);

#endif /* FERRY_SELFTEST_ENV_H */
