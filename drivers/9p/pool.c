// SPDX-License-Identifier: GPL-2.0
/*
 * The threads that serve what may block. They belong to one device, live as long as
 * it has a directory, and run in the owner's mm with a file mode mask of their own.
 * The queue is under pool->lock; the worker adds and cancels, the threads take.
 */
#include <linux/cgroup.h>
#include <linux/fs_struct.h>
#include <linux/kthread.h>
#include <linux/sched.h>

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

static struct ferry_9p_req *ferry_9p_pool_take(struct ferry_9p_pool *pool)
{
	struct ferry_9p_req *req;

	spin_lock(&pool->lock);
	req = list_first_entry_or_null(&pool->queue, struct ferry_9p_req, queued);
	if (req)
		list_del_init(&req->queued);
	spin_unlock(&pool->lock);
	return req;
}

static int ferry_9p_pool_main(void *data)
{
	struct ferry_9p *p9 = data;
	struct ferry_9p_pool *pool = &p9->pool;
	int mask = ferry_9p_own_umask();

	kthread_use_mm(p9->dev.mm);
	for (;;) {
		struct ferry_9p_req *req;

		wait_event_idle_exclusive(pool->wait, kthread_should_stop() ||
					  !list_empty_careful(&pool->queue));
		req = ferry_9p_pool_take(pool);
		if (!req) {
			if (kthread_should_stop())
				break;
			continue;
		}
		req->may_block = true;
		req->pooled = true;
		if (unlikely(mask))
			ferry_9p_answer(req, mask);
		else
			ferry_9p_serve(req);
		ferry_9p_req_done(req);
		cond_resched();
	}
	kthread_unuse_mm(p9->dev.mm);
	return 0;
}

/**
 * ferry_9p_pool_start - make the threads
 * @p9: has an owner, who is the caller, under dev->mutex
 *
 * Return: 0 or what making a thread failed with.
 */
int ferry_9p_pool_start(struct ferry_9p *p9)
{
	struct ferry_9p_pool *pool = &p9->pool;

	while (pool->nr < FERRY_9P_THREADS) {
		struct task_struct *t = kthread_create(ferry_9p_pool_main, p9, "ferry-9p-%d",
						       p9->dev.owner);
		int err;

		if (IS_ERR(t)) {
			ferry_9p_pool_stop(p9);
			return PTR_ERR(t);
		}
		get_task_struct(t);
		pool->thread[pool->nr++] = t;
		err = cgroup_attach_task_all(current, t);
		wake_up_process(t);
		if (err) {
			ferry_9p_pool_stop(p9);
			return err;
		}
	}
	return 0;
}

/* End the threads; nothing is queued. */
void ferry_9p_pool_stop(struct ferry_9p *p9)
{
	struct ferry_9p_pool *pool = &p9->pool;

	while (pool->nr) {
		struct task_struct *t = pool->thread[--pool->nr];

		kthread_stop(t);
		put_task_struct(t);
	}
}

void ferry_9p_pool_add(struct ferry_9p_req *req)
{
	struct ferry_9p_pool *pool = &req->p9->pool;

	spin_lock(&pool->lock);
	list_add_tail(&req->queued, &pool->queue);
	spin_unlock(&pool->lock);
	wake_up(&pool->wait);
}

/* Take a request back; false if a thread has it already. */
bool ferry_9p_pool_cancel(struct ferry_9p_req *req)
{
	struct ferry_9p_pool *pool = &req->p9->pool;
	bool queued;

	spin_lock(&pool->lock);
	queued = !list_empty(&req->queued);
	if (queued)
		list_del_init(&req->queued);
	spin_unlock(&pool->lock);
	return queued;
}
