// SPDX-License-Identifier: GPL-2.0
/*
 * Serving a queue in the thread that kicks it. A vCPU that kicks and then waits for the
 * answer gains nothing from a worker: waking one, and being woken by its interrupt, can
 * cost more than the answer. So the kick, which comes while the eventfd's lock is held,
 * leaves a task work with its thread. KVM carries such work out before the vCPU enters
 * its guest again, and the kernel before any other thread returns to user space.
 *
 * The back end serves a little, without blocking; what is left goes to the worker, as
 * does every kick from elsewhere: an interrupt, a kernel thread, another process.
 *
 * Locks: kicker->lock outside vq->mutex. Task work outlives the queue if its thread is
 * slow; then it finds kicker->vq NULL. ferry_kicker_exit() waits for the last one.
 */
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <linux/wait_bit.h>

#include "../compat/task.h"
#include "vhost.h"

struct ferry_kicker {
	struct callback_head work;
	unsigned long pending;		/* bit 0: some thread has the work */
	refcount_t refs;		/* the queue's, and one while pending */
	struct mutex lock;
	struct ferry_vq *vq;		/* NULL: gone; under lock */
};

/* All there are, in this module's lifetime. */
static atomic_t ferry_kickers = ATOMIC_INIT(0);

static void ferry_kicker_put(struct ferry_kicker *k)
{
	if (!refcount_dec_and_test(&k->refs))
		return;
	mutex_destroy(&k->lock);
	kfree(k);
	if (atomic_dec_and_test(&ferry_kickers))
		wake_up_var(&ferry_kickers);
}

/* The kick's thread, on its way to user space or into its guest. */
static void ferry_kicker_work(struct callback_head *work)
{
	struct ferry_kicker *k = container_of(work, struct ferry_kicker, work);

	clear_bit(0, &k->pending);
	/* Whoever kicks from here on sees the queue served again. */
	smp_mb__after_atomic();
	mutex_lock(&k->lock);
	if (k->vq)
		ferry_vq_work_at_kick(k->vq);
	mutex_unlock(&k->lock);
	ferry_kicker_put(k);
}

/**
 * ferry_vq_kicked - have the thread that kicks serve the queue
 * @vq: is kicked by the current thread; any context
 *
 * Return: whether it will; false if this thread cannot.
 */
bool ferry_vq_kicked(struct ferry_vq *vq)
{
	struct ferry_kicker *k = vq->kicker;

	if (!k || !in_task() || !current->mm || current->mm != READ_ONCE(vq->dev->mm) ||
	    (current->flags & (PF_KTHREAD | PF_USER_WORKER | PF_IO_WORKER | PF_EXITING)))
		return false;
	if (!vq->dev->ops->at_kick(vq))
		return false;
	if (test_and_set_bit(0, &k->pending))
		return true;
	refcount_inc(&k->refs);
	if (!task_work_add(current, &k->work, TWA_RESUME))
		return true;
	clear_bit(0, &k->pending);
	refcount_dec(&k->refs);
	return false;
}

/**
 * ferry_kicker_create - let a queue be served by threads that kick it
 * @vq: outlives the kicker
 *
 * Return: the kicker, or NULL without memory.
 */
struct ferry_kicker *ferry_kicker_create(struct ferry_vq *vq)
{
	struct ferry_kicker *k = kzalloc(sizeof(*k), GFP_KERNEL_ACCOUNT);

	if (!k)
		return NULL;
	init_task_work(&k->work, ferry_kicker_work);
	refcount_set(&k->refs, 1);
	mutex_init(&k->lock);
	k->vq = vq;
	atomic_inc(&ferry_kickers);
	return k;
}

/* The queue is no longer watched; when this returns no thread serves it. May be NULL. */
void ferry_kicker_destroy(struct ferry_kicker *k)
{
	if (!k)
		return;
	mutex_lock(&k->lock);
	k->vq = NULL;
	mutex_unlock(&k->lock);
	ferry_kicker_put(k);
}

/* No thread has work of ours, and none is about to return from it. */
void ferry_kicker_exit(void)
{
	wait_var_event(&ferry_kickers, !atomic_read(&ferry_kickers));
	synchronize_rcu_tasks();
}
