/* SPDX-License-Identifier: GPL-2.0 */
/* The newest kernel's kinds of threads on older kernels; as vfs.h. */
#ifndef FERRY_COMPAT_TASK_H
#define FERRY_COMPAT_TASK_H

#include <linux/sched.h>

/* Until 6.4: no threads that are forked from a process and stay in the kernel. */
#ifndef PF_USER_WORKER
#define PF_USER_WORKER	0
#endif

#endif /* FERRY_COMPAT_TASK_H */
