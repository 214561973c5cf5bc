/* SPDX-License-Identifier: GPL-2.0 */
/* <linux/sched/vhost_task.h> for kernels before 6.10, on top of a kthread. */
#ifndef FERRY_COMPAT_VHOST_TASK_H
#define FERRY_COMPAT_VHOST_TASK_H

#include <linux/types.h>

struct vhost_task;

struct vhost_task *ferry_vhost_task_create(bool (*fn)(void *data),
					   void (*handle_kill)(void *data), void *data,
					   const char *name);
void ferry_vhost_task_start(struct vhost_task *task);
void ferry_vhost_task_stop(struct vhost_task *task);
void ferry_vhost_task_wake(struct vhost_task *task);

#define vhost_task_create	ferry_vhost_task_create
#define vhost_task_start	ferry_vhost_task_start
#define vhost_task_stop		ferry_vhost_task_stop
#define vhost_task_wake		ferry_vhost_task_wake

#endif /* FERRY_COMPAT_VHOST_TASK_H */
