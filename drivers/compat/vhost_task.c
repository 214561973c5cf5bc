// SPDX-License-Identifier: GPL-2.0
/*
 * vhost_task for kernels before 6.10, whose own, if any, do not tell of a fatal
 * signal: a kthread that uses the creator's mm and runs in its cgroups. It never gets a
 * signal, so that the owner's death does not kill it: closing the file ends it.
 */
#include <linux/cgroup.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/vhost_task.h>
#include <linux/slab.h>

struct vhost_task {
	bool (*fn)(void *data);
	void *data;
	struct mm_struct *mm;
	struct task_struct *task;
};

static int ferry_vhost_task_main(void *data)
{
	struct vhost_task *vt = data;

	kthread_use_mm(vt->mm);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		if (!vt->fn(vt->data))
			schedule();
	}
	__set_current_state(TASK_RUNNING);
	kthread_unuse_mm(vt->mm);
	return 0;
}

struct vhost_task *ferry_vhost_task_create(bool (*fn)(void *data),
					   void (*handle_kill)(void *data), void *data,
					   const char *name)
{
	struct vhost_task *vt = kzalloc(sizeof(*vt), GFP_KERNEL);
	int err;

	if (!vt)
		return ERR_PTR(-ENOMEM);
	vt->fn = fn;
	vt->data = data;
	vt->mm = current->mm;
	mmget(vt->mm);
	vt->task = kthread_create(ferry_vhost_task_main, vt, "%s", name);
	if (IS_ERR(vt->task)) {
		err = PTR_ERR(vt->task);
		goto free;
	}
	/* kthread_stop() of a thread that never ran skips its main function. */
	err = cgroup_attach_task_all(current, vt->task);
	if (err)
		goto stop;
	set_user_nice(vt->task, task_nice(current));
	return vt;

stop:
	kthread_stop(vt->task);
free:
	mmput(vt->mm);
	kfree(vt);
	return ERR_PTR(err);
}

void ferry_vhost_task_start(struct vhost_task *vt)
{
	wake_up_process(vt->task);
}

void ferry_vhost_task_stop(struct vhost_task *vt)
{
	kthread_stop(vt->task);
	mmput(vt->mm);
	kfree(vt);
}

void ferry_vhost_task_wake(struct vhost_task *vt)
{
	wake_up_process(vt->task);
}
