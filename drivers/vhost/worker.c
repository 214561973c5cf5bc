// SPDX-License-Identifier: GPL-2.0
/*
 * Workers: the threads that serve queues. A worker belongs to one device and
 * runs in its owner's mm; each queue is attached to one worker at a time.
 *
 * Work is queued from anywhere, interrupt context included, through the queue's
 * RCU-protected pointer to its worker. Workers come and go by ioctl under
 * dev->mutex, or by a fatal signal to their own thread: see
 * ferry_worker_killed().
 */
#include <linux/completion.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/vhost_task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>

#include "trace.h"
#include "vhost.h"

/* Workers that one device may have. */
#define FERRY_WORKERS_MAX	256

struct ferry_worker {
	struct vhost_task *task;
	struct llist_head works;
	struct llist_node *rest;	/* taken off it, and not yet done; of its own thread */
	struct ferry_dev *dev;
	u32 id;
	pid_t pid;
	struct mutex lock;
	bool killed;		/* under lock */
};

/* Waits until a worker has done all that was queued before it. */
struct ferry_flush {
	struct ferry_work work;
	struct completion done;
};

void ferry_work_init(struct ferry_work *work, void (*fn)(struct ferry_work *work))
{
	work->queued = 0;
	work->fn = fn;
}
EXPORT_SYMBOL_GPL(ferry_work_init);

static bool ferry_worker_queue(struct ferry_worker *worker, struct ferry_work *work)
{
	if (test_and_set_bit(0, &work->queued))
		return false;
	/* Whoever made the list non-empty wakes the worker. */
	if (llist_add(&work->node, &worker->works))
		vhost_task_wake(worker->task);
	return true;
}

/* One turn of the worker's thread; returns whether there was work. */
static bool ferry_worker_turn(void *data)
{
	struct ferry_worker *worker = data;
	struct ferry_work *work, *next;
	struct llist_node *list;

	list = llist_del_all(&worker->works);
	if (!list)
		return false;
	__set_current_state(TASK_RUNNING);
	list = llist_reverse_order(list);
	llist_for_each_entry_safe(work, next, list, node) {
		WRITE_ONCE(worker->rest, work->node.next);
		clear_bit(0, &work->queued);
		/* Whoever queues it from here on sees it run again. */
		smp_mb__after_atomic();
		work->fn(work);
		cond_resched();
	}
	return true;
}

/*
 * The thread got a fatal signal and will not run again: its device's owner
 * died, perhaps while another process holds the file. Take it off its queues;
 * what waits for a flush must not wait for ever. A queue that was to be served
 * may have got another worker since it was taken off this one.
 */
static void ferry_worker_killed(void *data)
{
	struct ferry_worker *worker = data;
	struct ferry_work *work, *next;
	struct ferry_dev *dev = worker->dev;
	unsigned int i;

	mutex_lock(&worker->lock);
	worker->killed = true;
	mutex_unlock(&worker->lock);
	for (i = 0; i < dev->nvqs; i++) {
		struct ferry_vq *vq = dev->vqs[i];

		mutex_lock(&vq->mutex);
		if (rcu_access_pointer(vq->worker) == worker)
			rcu_assign_pointer(vq->worker, NULL);
		mutex_unlock(&vq->mutex);
	}
	synchronize_rcu();
	llist_for_each_entry_safe(work, next, llist_del_all(&worker->works), node) {
		clear_bit(0, &work->queued);
		if (work->fn != ferry_vq_work)
			work->fn(work);
		else
			ferry_vq_queue(container_of(work, struct ferry_vq, work));
	}
}

static void ferry_flush_done(struct ferry_work *work)
{
	complete(&container_of(work, struct ferry_flush, work)->done);
}

static void ferry_worker_flush(struct ferry_worker *worker)
{
	struct ferry_flush flush;
	bool killed;

	ferry_work_init(&flush.work, ferry_flush_done);
	init_completion(&flush.done);
	mutex_lock(&worker->lock);
	killed = worker->killed;
	if (!killed)
		ferry_worker_queue(worker, &flush.work);
	mutex_unlock(&worker->lock);
	if (!killed)
		wait_for_completion(&flush.done);
}

/* First work of a worker, in its own thread. */
struct ferry_hello {
	struct ferry_flush flush;
	struct ferry_worker *worker;
};

/*
 * A vhost_task is forked from the owner's calling thread and inherits its
 * scheduling class. A queue served at SCHED_FIFO or SCHED_IDLE because the
 * thread that did the set-up happened to run so is never what was meant; nice
 * value, affinity and cgroup are kept.
 */
static void ferry_worker_hello(struct ferry_work *work)
{
	struct ferry_hello *hello = container_of(work, struct ferry_hello, flush.work);

	if (current->policy != SCHED_NORMAL)
		sched_set_normal(current, task_nice(current));
	hello->worker->pid = task_pid_nr(current);
	complete(&hello->flush.done);
}

/* Once created a task must be started before it can be stopped. */
static struct ferry_worker *ferry_worker_create(struct ferry_dev *dev)
{
	struct ferry_hello hello;
	struct ferry_worker *worker;
	struct vhost_task *task;
	char name[TASK_COMM_LEN];
	int err;

	lockdep_assert_held(&dev->mutex);
	worker = kzalloc(sizeof(*worker), GFP_KERNEL_ACCOUNT);
	if (!worker)
		return ERR_PTR(-ENOMEM);
	worker->dev = dev;
	mutex_init(&worker->lock);
	init_llist_head(&worker->works);
	err = xa_alloc(&dev->workers, &worker->id, worker, XA_LIMIT(0, FERRY_WORKERS_MAX - 1),
		       GFP_KERNEL_ACCOUNT);
	if (err)
		goto free;
	snprintf(name, sizeof(name), "ferry-%d", current->pid);
	task = vhost_task_create(ferry_worker_turn, ferry_worker_killed, worker, name);
	if (IS_ERR_OR_NULL(task)) {
		err = task ? PTR_ERR(task) : -ENOMEM;
		goto erase;
	}
	worker->task = task;

	ferry_work_init(&hello.flush.work, ferry_worker_hello);
	init_completion(&hello.flush.done);
	hello.worker = worker;
	ferry_worker_queue(worker, &hello.flush.work);
	vhost_task_start(task);
	wait_for_completion(&hello.flush.done);
	trace_ferry_worker_create(dev, worker->id, worker->pid);
	return worker;

erase:
	xa_erase(&dev->workers, worker->id);
free:
	kfree(worker);
	return ERR_PTR(err);
}

/* No queue is attached and no one can queue any more. */
static void ferry_worker_destroy(struct ferry_worker *worker)
{
	xa_erase(&worker->dev->workers, worker->id);
	vhost_task_stop(worker->task);
	kfree(worker);
}

static struct ferry_worker *ferry_vq_worker(struct ferry_vq *vq)
{
	return rcu_dereference_protected(vq->worker, lockdep_is_held(&vq->mutex) ||
					 lockdep_is_held(&vq->dev->mutex));
}

/*
 * Have @worker serve @vq from now on, or no one. When this returns the worker
 * before it does no longer touch the queue.
 */
static int ferry_vq_attach(struct ferry_vq *vq, struct ferry_worker *worker)
{
	struct ferry_worker *old;
	bool killed = false;

	lockdep_assert_held(&vq->dev->mutex);
	mutex_lock(&vq->mutex);
	old = ferry_vq_worker(vq);
	if (worker) {
		mutex_lock(&worker->lock);
		killed = worker->killed;
		if (!killed)
			rcu_assign_pointer(vq->worker, worker);
		mutex_unlock(&worker->lock);
	} else {
		rcu_assign_pointer(vq->worker, NULL);
	}
	mutex_unlock(&vq->mutex);
	if (killed)
		return -EIO;
	if (old) {
		synchronize_rcu();
		ferry_worker_flush(old);
	}
	/* A kick may have gone to the old one and found it leaving. */
	ferry_vq_queue(vq);
	return 0;
}

/**
 * ferry_worker_create_default - the worker that a device begins with
 * @dev: has an owner, who is the caller, under dev->mutex
 *
 * Return: 0, -ENOMEM or what forking a thread failed with.
 */
int ferry_worker_create_default(struct ferry_dev *dev)
{
	struct ferry_worker *worker = ferry_worker_create(dev);
	unsigned int i;

	if (IS_ERR(worker))
		return PTR_ERR(worker);
	for (i = 0; i < dev->nvqs; i++) {
		int err = ferry_vq_attach(dev->vqs[i], worker);

		if (err) {
			ferry_workers_destroy(dev);
			return err;
		}
	}
	return 0;
}

/* Detach every queue and end every worker, under dev->mutex. */
void ferry_workers_destroy(struct ferry_dev *dev)
{
	struct ferry_worker *worker;
	unsigned long id;
	unsigned int i;

	if (xa_empty(&dev->workers))
		return;
	for (i = 0; i < dev->nvqs; i++) {
		mutex_lock(&dev->vqs[i]->mutex);
		rcu_assign_pointer(dev->vqs[i]->worker, NULL);
		mutex_unlock(&dev->vqs[i]->mutex);
	}
	/* From here on nobody queues; what is queued is done by the flush. */
	synchronize_rcu();
	xa_for_each(&dev->workers, id, worker) {
		ferry_worker_flush(worker);
		ferry_worker_destroy(worker);
	}
}

/**
 * ferry_vq_queue - have the queue's worker serve it
 * @vq: any queue, in any state; any context
 *
 * Return: whether it was not queued already.
 */
bool ferry_vq_queue(struct ferry_vq *vq)
{
	struct ferry_worker *worker;
	bool queued = false;

	rcu_read_lock();
	worker = rcu_dereference(vq->worker);
	if (worker)
		queued = ferry_worker_queue(worker, &vq->work);
	rcu_read_unlock();
	return queued;
}
EXPORT_SYMBOL_GPL(ferry_vq_queue);

/**
 * ferry_vq_others_wait - whether the worker that runs us has more to do
 * @vq: the queue being served, under its mutex
 */
bool ferry_vq_others_wait(struct ferry_vq *vq)
{
	struct ferry_worker *worker = ferry_vq_worker(vq);

	/* A queue that was given to another worker meanwhile may ask after that one. */
	return worker && (READ_ONCE(worker->rest) || !llist_empty(&worker->works));
}

/* Thread id of the queue's worker, 0 if none; any context. */
pid_t ferry_vq_worker_pid(struct ferry_vq *vq)
{
	struct ferry_worker *worker;
	pid_t pid = 0;

	rcu_read_lock();
	worker = rcu_dereference(vq->worker);
	if (worker)
		pid = worker->pid;
	rcu_read_unlock();
	return pid;
}

static long ferry_worker_new(struct ferry_dev *dev, void __user *argp)
{
	struct vhost_worker_state state = {};
	struct ferry_worker *worker = ferry_worker_create(dev);

	if (IS_ERR(worker))
		return PTR_ERR(worker);
	state.worker_id = worker->id;
	if (!copy_to_user(argp, &state, sizeof(state)))
		return 0;
	ferry_worker_destroy(worker);
	return -EFAULT;
}

static bool ferry_worker_attached(const struct ferry_worker *worker)
{
	unsigned int i;

	for (i = 0; i < worker->dev->nvqs; i++)
		if (ferry_vq_worker(worker->dev->vqs[i]) == worker)
			return true;
	return false;
}

static long ferry_worker_free(struct ferry_dev *dev, void __user *argp)
{
	struct vhost_worker_state state;
	struct ferry_worker *worker;

	if (copy_from_user(&state, argp, sizeof(state)))
		return -EFAULT;
	worker = xa_load(&dev->workers, state.worker_id);
	if (!worker)
		return -ENODEV;
	if (ferry_worker_attached(worker))
		return -EBUSY;
	ferry_worker_destroy(worker);
	return 0;
}

static long ferry_worker_attach(struct ferry_dev *dev, void __user *argp, bool get)
{
	struct vhost_vring_worker ring;
	struct ferry_worker *worker;
	struct ferry_vq *vq;

	if (copy_from_user(&ring, argp, sizeof(ring)))
		return -EFAULT;
	vq = ferry_vq_get(dev, ring.index);
	if (IS_ERR(vq))
		return PTR_ERR(vq);
	if (get) {
		worker = ferry_vq_worker(vq);
		if (!worker)
			return -EINVAL;
		ring.worker_id = worker->id;
		return copy_to_user(argp, &ring, sizeof(ring)) ? -EFAULT : 0;
	}
	worker = xa_load(&dev->workers, ring.worker_id);
	if (!worker)
		return -ENODEV;
	if (worker == ferry_vq_worker(vq))
		return 0;
	return ferry_vq_attach(vq, worker);
}

/**
 * ferry_worker_ioctl - the worker ioctls of <linux/vhost.h>
 * @dev: under dev->mutex, called by its owner
 * @cmd: the ioctl
 * @argp: its argument
 *
 * Return: 0, -errno, or -ENOIOCTLCMD if it is none of these.
 */
long ferry_worker_ioctl(struct ferry_dev *dev, unsigned int cmd, void __user *argp)
{
	switch (cmd) {
	case VHOST_NEW_WORKER:
		return ferry_worker_new(dev, argp);
	case VHOST_FREE_WORKER:
		return ferry_worker_free(dev, argp);
	case VHOST_ATTACH_VRING_WORKER:
		return ferry_worker_attach(dev, argp, false);
	case VHOST_GET_VRING_WORKER:
		return ferry_worker_attach(dev, argp, true);
	default:
		return -ENOIOCTLCMD;
	}
}
