/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fault injection by /proc/TID/fail-nth: the nth place from here on where a
 * thread could fail to get memory, or to reach user memory, does fail. Needs a
 * kernel with FAULT_INJECTION.
 */
#ifndef FERRY_SELFTEST_FAULT_H
#define FERRY_SELFTEST_FAULT_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Make every place one that may fail; by default few are. Return 1, 0 if single
 * pages are still not among them, which user-mode Linux does not survive, or -errno.
 */
int __fault_prepare(void);

/* From here on thread @tid gets no page at all, or gets them again. 0 or -errno. */
int __fault_pages(pid_t tid, bool on);

/* The knob of thread @tid, 0 for the calling one; -errno if there is none. */
int __fault_open(pid_t tid);

/* Have the @nth place from here on fail; 0 takes it back. */
void fault_arm(int fd, int nth);

/* Whether the armed place was met; then it is armed no longer. */
bool fault_met(int fd);

#endif /* FERRY_SELFTEST_FAULT_H */
