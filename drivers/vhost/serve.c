// SPDX-License-Identifier: GPL-2.0
/*
 * Serving a queue: what a worker does with it, and the verbs that a back end's
 * run() is written in. Everything here runs in the owner's mm, under vq->mutex: in a
 * worker, in the thread that kicks, and, as far as a drain needs it, in an ioctl.
 */
#include <linux/eventfd.h>
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>

#include "trace.h"
#include "vhost.h"

/* Shortest adapted busy poll; below this a poll costs more than it can save. */
#define FERRY_POLL_MIN_NS	1000

/* Longest: the queue's mutex is held, and an ioctl may wait for it. */
#define FERRY_POLL_MAX_NS	(10 * NSEC_PER_MSEC)

/**
 * ferry_vq_error - the guest broke the protocol: stop this queue
 * @vq: stays set up, but is not served until its back end is set anew
 * @fmt: what it did, for the log
 *
 * One rate-limited line, one signal on the error eventfd, the first time.
 */
void ferry_vq_error(struct ferry_vq *vq, const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	lockdep_assert_held(&vq->mutex);
	if (vq->broken)
		return;
	va_start(args, fmt);
	vaf.va = &args;
	trace_ferry_vq_error(vq, &vaf);
	pr_notice_ratelimited("ferry: %s: owner %d: queue %u (%s) stopped: %pV\n",
			      vq->dev->ops->kind, vq->dev->owner, vq->index, vq->name, &vaf);
	va_end(args);
	vq->broken = true;
	vq->stats.errors++;
	if (vq->err)
		eventfd_signal(vq->err);
}
EXPORT_SYMBOL_GPL(ferry_vq_error);

static void ferry_vq_disable_kick(struct ferry_vq *vq)
{
	struct ferry_vring *vr = &vq->vring;

	if (vr->kick_off)
		return;
	if (vr->ops->disable_kick(vr))
		ferry_vq_error(vq, "ring memory is not accessible");
	vr->kick_off = true;
}

/* One turn of a queue with a back end; returns whether another one is due. */
static bool ferry_vq_turn(struct ferry_vq *vq)
{
	const struct ferry_dev_ops *ops = vq->dev->ops;
	bool again = false;

	if (!vq->broken)
		ferry_vq_disable_kick(vq);
	if (!vq->broken)
		again = ops->run(vq);
	if (likely(!vq->broken))
		return again;
	/* What was taken before the guest erred is still owed an answer. */
	if (ops->drain)
		ops->drain(vq, false);
	return false;
}

/* What a worker runs for a queue. */
void ferry_vq_work(struct ferry_work *work)
{
	struct ferry_vq *vq = container_of(work, struct ferry_vq, work);
	bool again = false;

	mutex_lock(&vq->mutex);
	if (vq->backend)
		again = ferry_vq_turn(vq);
	mutex_unlock(&vq->mutex);
	if (again)
		ferry_vq_queue(vq);
}

/**
 * ferry_vq_work_at_kick - serve a queue a little in the thread that kicked it
 * @vq: any queue, in any state
 *
 * On the thread's way out of the kernel. What is left goes to the worker.
 */
void ferry_vq_work_at_kick(struct ferry_vq *vq)
{
	bool again = true;

	if (!signal_pending(current) && mutex_trylock(&vq->mutex)) {
		again = false;
		/* With a back end there is an owner; a thread that exits is no longer of it. */
		if (vq->backend && current->mm == vq->dev->mm) {
			vq->stats.at_kick++;
			vq->at_kick = true;
			again = ferry_vq_turn(vq);
			vq->at_kick = false;
		} else if (vq->backend) {
			again = true;
		}
		mutex_unlock(&vq->mutex);
	}
	if (again)
		ferry_vq_queue(vq);
}

/**
 * ferry_vq_fetch - have chains ready
 * @vq: the queue being served
 * @want: how many the caller can use, 1 to the vring's capacity
 *
 * Return: how many are ready, possibly fewer than @want or 0, or -errno if the
 * queue had to be stopped; then the caller returns false from its run().
 */
int ferry_vq_fetch(struct ferry_vq *vq, unsigned int want)
{
	int n = ferry_vring_fetch(&vq->vring, want);

	if (unlikely(n < 0)) {
		ferry_vq_error(vq, "%s", ferry_vring_strerror(n));
		return -EFAULT;
	}
	if (n) {
		vq->stats.batches++;
		vq->stats.fetched += n;
	}
	return ferry_vring_ready(&vq->vring);
}
EXPORT_SYMBOL_GPL(ferry_vq_fetch);

/**
 * ferry_vq_push - hand completed chains to the driver, and signal if it asks
 * @vq: the queue being served
 *
 * Return: 0, or -EFAULT if the queue had to be stopped.
 */
int ferry_vq_push(struct ferry_vq *vq)
{
	struct ferry_vring *vr = &vq->vring;
	int err;

	if (!vr->nr_done)
		return 0;
	err = vr->ops->publish(vr);
	if (unlikely(err)) {
		/* They stay done, for ferry_vq_settle(). */
		goto fault;
	}
	vq->stats.chains += vr->nr_done;
	vr->nr_done = 0;
	/* Who takes calls again later is not to miss what the driver asks for now. */
	if (unlikely(!vq->call)) {
		vr->signalled_valid = false;
		return 0;
	}
	err = vr->ops->need_signal(vr);
	/* Whoever cannot be asked is told. */
	if (err) {
		vq->stats.signals++;
		eventfd_signal(vq->call);
	}
	if (likely(err >= 0))
		return 0;
fault:
	ferry_vq_error(vq, "ring memory is not accessible");
	return -EFAULT;
}
EXPORT_SYMBOL_GPL(ferry_vq_push);

/**
 * ferry_vq_idle_ahead - ask the driver for a kick, though not for the next chains
 * @vq: the queue being served
 * @ahead: for how many the driver need not kick, less than the ring has; with EVENT_IDX. The
 *	caller sees to it that the queue is served in time if no others follow
 *
 * Return: true if a kick will come; false if more than @ahead came meanwhile, so that
 * the caller goes on. A queue that had to be stopped is idle.
 */
bool ferry_vq_idle_ahead(struct ferry_vq *vq, unsigned int ahead)
{
	struct ferry_vring *vr = &vq->vring;
	int more = vr->ops->enable_kick(vr, ahead);

	if (unlikely(more < 0)) {
		ferry_vq_error(vq, "ring memory is not accessible");
		return true;
	}
	vr->kick_off = false;
	if (!more)
		return true;
	ferry_vq_disable_kick(vq);
	return false;
}
EXPORT_SYMBOL_GPL(ferry_vq_idle_ahead);

/**
 * ferry_vq_busy_poll - spin for a short while, hoping for work
 * @vq: the queue being served, which has run dry
 * @ready: whether there is work; NULL: whether the ring has chains
 *
 * Spins for as long as VHOST_SET_VRING_BUSYLOOP_TIMEOUT allows at most, and
 * never longer than FERRY_POLL_MAX_NS: twice
 * as long after a poll that paid, half as long after one that did not. Never
 * with preemption off, and not while another queue waits for this worker or
 * another task for this CPU: it may be the vCPU that work would come from.
 *
 * Return: whether work came.
 */
bool ferry_vq_busy_poll(struct ferry_vq *vq, bool (*ready)(struct ferry_vq *vq))
{
	struct ferry_vring *vr = &vq->vring;
	u64 limit = min_t(u64, (u64)vq->busyloop_us * NSEC_PER_USEC, FERRY_POLL_MAX_NS), end;
	bool paid = false;

	if (!limit || vq->at_kick)
		return false;
	end = local_clock() + min(vq->busyloop_ns, limit);
	vq->stats.polls++;
	do {
		paid = ready ? ready(vq) : vr->ops->pending(vr) > 0;
		if (paid || !single_task_running() || need_resched() ||
		    signal_pending(current) || ferry_vq_others_wait(vq))
			break;
		cpu_relax();
	} while (local_clock() < end);
	vq->stats.polls_paid += paid;
	vq->busyloop_ns = paid ? min(limit, vq->busyloop_ns * 2) :
			  clamp_t(u64, vq->busyloop_ns / 2, min_t(u64, FERRY_POLL_MIN_NS, limit),
				  limit);
	return paid;
}
EXPORT_SYMBOL_GPL(ferry_vq_busy_poll);
