/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FERRY_SELFTEST_SHELL_H
#define FERRY_SELFTEST_SHELL_H

/* Run a shell command quietly; its exit status. */
__attribute__((format(printf, 1, 2))) int shell(const char *fmt, ...);

#endif /* FERRY_SELFTEST_SHELL_H */
