/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How the library gives up. A plain wrapper that cannot do its job prints one
 * diagnostic line and exits with status 1, which every harness counts as a
 * failure; the wrapper of the same name with two leading underscores returns
 * -errno instead and leaves the verdict to the caller.
 */
#ifndef FERRY_SELFTEST_CHECK_H
#define FERRY_SELFTEST_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define check_fail(fmt, ...) do {						\
	fprintf(stdout, "# %s:%d: " fmt "\n", __FILE__, __LINE__, ##__VA_ARGS__);	\
	fflush(stdout);								\
	_exit(1);								\
} while (0)

/* Fail unless @cond, saying what was being done. */
#define check(cond, fmt, ...) do {						\
	if (!(cond))								\
		check_fail("%s is false: " fmt, #cond, ##__VA_ARGS__);		\
} while (0)

/* Fail when @err is negative: it holds an errno. */
#define check_ok(err, fmt, ...) do {						\
	int check_err_ = (err);							\
	if (check_err_ < 0)							\
		check_fail(fmt ": %s", ##__VA_ARGS__, strerror(-check_err_));	\
} while (0)

#endif /* FERRY_SELFTEST_CHECK_H */
