// SPDX-License-Identifier: GPL-2.0
/*
 * The threads that serve what may block. They belong to one device, live as long as
 * it has a directory, and run in the owner's mm with a file mode mask of their own; what
 * they allocate is the owner's memory. The worker adds and cancels, the threads take; all
 * of it is under pool->lock.
 *
 * A thread that waits for somebody else is woken by a fatal signal of ours, when its
 * request is flushed or the device closed: who waits for a network or a process then gives
 * up where a program that was killed would, also in the close of a file that goes with the
 * request. For a file system that may keep silent there are as many threads as requests, as
 * far as they can be had, so that none waits for one that is not answered.
 */
#include <linux/cgroup.h>
#include <linux/fs_struct.h>
#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "ferry_9p.h"

/* Have files made with exactly the mode that is asked for; the mask is this thread's. */
int ferry_9p_own_umask(void)
{
	int err;

	if (likely(current->fs->users == 1 && !current->fs->umask))
		return 0;
	err = unshare_fs_struct();
	if (!err)
		current->fs->umask = 0;
	return err;
}

static struct ferry_9p_req *ferry_9p_pool_take(struct ferry_9p_pool *pool,
					       struct ferry_9p_thread *t)
{
	struct ferry_9p_req *req;

	spin_lock(&pool->lock);
	req = list_first_entry_or_null(&pool->queue, struct ferry_9p_req, queued);
	if (req) {
		list_del_init(&req->queued);
		pool->queued--;
		pool->busy++;
		t->req = req;
		req->thread = t;
	}
	spin_unlock(&pool->lock);
	return req;
}

/**
 * ferry_9p_pool_calm - the file system is through with a request
 * @req: served by the calling thread, which is not interrupted from here on
 *
 * Return: whether it was.
 */
bool ferry_9p_pool_calm(struct ferry_9p_req *req)
{
	struct ferry_9p_pool *pool = &req->p9->pool;

	spin_lock(&pool->lock);
	req->thread->req = NULL;
	spin_unlock(&pool->lock);
	if (likely(!signal_pending(current)))
		return false;
	flush_signals(current);
	return true;
}

static void ferry_9p_pool_serve(struct ferry_9p_req *req, int err)
{
	struct ferry_9p *p9 = req->p9;

	/* Nobody is there any more to whom it would matter. */
	if (READ_ONCE(p9->pool.closing))
		err = -EINTR;
	if (unlikely(err)) {
		ferry_9p_pool_calm(req);
		ferry_9p_answer(req, err);
	} else {
		ferry_9p_serve(req);
	}
	spin_lock(&p9->pool.lock);
	p9->pool.busy--;
	spin_unlock(&p9->pool.lock);
	ferry_9p_req_done(req);
}

static int ferry_9p_pool_main(void *data)
{
	struct ferry_9p_thread *t = data;
	struct ferry_9p_pool *pool = &t->p9->pool;
	struct mem_cgroup *memcg;
	int err = ferry_9p_own_umask();

	allow_kernel_signal(SIGKILL);
	kthread_use_mm(t->p9->dev.mm);
	memcg = get_mem_cgroup_from_mm(t->p9->dev.mm);
	set_active_memcg(memcg);
	for (;;) {
		struct ferry_9p_req *req;

		wait_event_idle_exclusive(pool->wait, kthread_should_stop() ||
					  !list_empty_careful(&pool->queue));
		req = ferry_9p_pool_take(pool, t);
		if (req)
			ferry_9p_pool_serve(req, err);
		else if (kthread_should_stop())
			break;
		cond_resched();
	}
	set_active_memcg(NULL);
	mem_cgroup_put(memcg);
	kthread_unuse_mm(t->p9->dev.mm);
	return 0;
}

/* One thread more, of the owner's cgroups, which are the caller's. */
static int ferry_9p_pool_grow(struct ferry_9p *p9)
{
	struct ferry_9p_pool *pool = &p9->pool;
	struct ferry_9p_thread *t = &pool->thread[pool->nr];
	struct task_struct *task = kthread_create(ferry_9p_pool_main, t, "ferry-9p-%d",
						  p9->dev.owner);
	int err;

	if (IS_ERR(task))
		return PTR_ERR(task);
	get_task_struct(task);
	t->p9 = p9;
	t->task = task;
	t->req = NULL;
	spin_lock(&pool->lock);
	pool->nr++;
	spin_unlock(&pool->lock);
	err = cgroup_attach_task_all(current, task);
	wake_up_process(task);
	return err;
}

/**
 * ferry_9p_pool_start - make the threads
 * @p9: has an owner, who is the caller, under dev->mutex
 *
 * Return: 0 or what making a thread failed with.
 */
int ferry_9p_pool_start(struct ferry_9p *p9)
{
	int err = 0;

	WRITE_ONCE(p9->pool.closing, false);
	while (!err && p9->pool.nr < FERRY_9P_THREADS)
		err = ferry_9p_pool_grow(p9);
	if (err)
		ferry_9p_pool_stop(p9);
	return err;
}

/* End the threads; nothing is queued. */
void ferry_9p_pool_stop(struct ferry_9p *p9)
{
	struct ferry_9p_pool *pool = &p9->pool;

	while (pool->nr) {
		struct task_struct *task = pool->thread[pool->nr - 1].task;

		spin_lock(&pool->lock);
		pool->nr--;
		spin_unlock(&pool->lock);
		kthread_stop(task);
		put_task_struct(task);
	}
}

/* Whether a request waits that none of the threads there are may ever come to. */
static bool ferry_9p_pool_short(struct ferry_9p *p9)
{
	struct ferry_9p_pool *pool = &p9->pool;
	bool is;

	if (!ferry_9p_silent(p9->export))
		return false;
	spin_lock(&pool->lock);
	is = pool->queued + pool->busy > pool->nr && pool->nr < FERRY_9P_THREADS_MAX;
	spin_unlock(&pool->lock);
	return is;
}

/* Under the queue's mutex; in the worker, or in an ioctl of the owner. */
void ferry_9p_pool_add(struct ferry_9p_req *req)
{
	struct ferry_9p *p9 = req->p9;
	struct ferry_9p_pool *pool = &p9->pool;

	spin_lock(&pool->lock);
	list_add_tail(&req->queued, &pool->queue);
	pool->queued++;
	spin_unlock(&pool->lock);
	wake_up(&pool->wait);
	/* If that fails those there are have to do. */
	while (ferry_9p_pool_short(p9) && !ferry_9p_pool_grow(p9))
		;
}

static void ferry_9p_thread_interrupt(struct ferry_9p_thread *t)
{
	send_sig(SIGKILL, t->task, 1);
}

/**
 * ferry_9p_pool_cancel - take a request back
 * @req: in flight
 *
 * Return: whether it is the caller's now; otherwise it is answered in its own time, and a
 * thread that waits for it does so no longer than it must.
 */
bool ferry_9p_pool_cancel(struct ferry_9p_req *req)
{
	struct ferry_9p_pool *pool = &req->p9->pool;
	bool queued;

	spin_lock(&pool->lock);
	queued = !list_empty(&req->queued);
	if (queued) {
		list_del_init(&req->queued);
		pool->queued--;
	} else if (req->thread && req->thread->req == req) {
		ferry_9p_thread_interrupt(req->thread);
	}
	spin_unlock(&pool->lock);
	return queued;
}

/* The device is closed, or its owner killed: nobody waits for an answer. */
void ferry_9p_pool_close(struct ferry_9p *p9)
{
	struct ferry_9p_pool *pool = &p9->pool;
	unsigned int i;

	spin_lock(&pool->lock);
	WRITE_ONCE(pool->closing, true);
	for (i = 0; i < pool->nr; i++)
		if (pool->thread[i].req)
			ferry_9p_thread_interrupt(&pool->thread[i]);
	spin_unlock(&pool->lock);
}
