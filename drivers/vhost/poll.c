// SPDX-License-Identifier: GPL-2.0
/*
 * Waking a queue's worker when a file becomes ready: the kick eventfd, or a
 * back end's socket. Started and stopped under the queue's mutex; the wake-up
 * runs in whatever context signals the file and only queues work.
 */
#include <linux/poll.h>
#include <linux/wait.h>

#include "vhost.h"

static int ferry_poll_wake(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct ferry_poll *poll = container_of(wait, struct ferry_poll, wait);

	if (!(key_to_poll(key) & poll->mask))
		return 0;
	poll->woken++;
	if (poll != &poll->vq->kick_poll || !ferry_vq_kicked(poll->vq))
		ferry_vq_queue(poll->vq);
	return 0;
}

static void ferry_poll_enqueue(struct file *file, wait_queue_head_t *wqh, poll_table *table)
{
	struct ferry_poll *poll = container_of(table, struct ferry_poll, table);

	/* A file with several wait queues is watched through its first. */
	if (poll->wqh)
		return;
	poll->wqh = wqh;
	add_wait_queue(wqh, &poll->wait);
}

/**
 * ferry_poll_init - prepare to watch a file for a queue
 * @poll: to initialize, stopped
 * @vq: the queue to be served
 * @mask: the EPOLL* events that count
 */
void ferry_poll_init(struct ferry_poll *poll, struct ferry_vq *vq, __poll_t mask)
{
	init_waitqueue_func_entry(&poll->wait, ferry_poll_wake);
	init_poll_funcptr(&poll->table, ferry_poll_enqueue);
	poll->mask = mask;
	poll->wqh = NULL;
	poll->woken = 0;
	poll->vq = vq;
}
EXPORT_SYMBOL_GPL(ferry_poll_init);

/**
 * ferry_poll_start - watch @file
 * @poll: stopped or started already
 * @file: stays open until ferry_poll_stop()
 *
 * Serves the queue at once if the file is ready.
 *
 * Return: 0, or -EINVAL if the file is in error.
 */
int ferry_poll_start(struct ferry_poll *poll, struct file *file)
{
	__poll_t mask;

	lockdep_assert_held(&poll->vq->mutex);
	if (poll->wqh)
		return 0;
	mask = vfs_poll(file, &poll->table);
	if (mask & EPOLLERR) {
		ferry_poll_stop(poll);
		return -EINVAL;
	}
	if (mask & poll->mask)
		ferry_vq_queue(poll->vq);
	return 0;
}
EXPORT_SYMBOL_GPL(ferry_poll_start);

/* Stop watching. The queue may still be queued when this returns. */
void ferry_poll_stop(struct ferry_poll *poll)
{
	lockdep_assert_held(&poll->vq->mutex);
	if (!poll->wqh)
		return;
	remove_wait_queue(poll->wqh, &poll->wait);
	poll->wqh = NULL;
}
EXPORT_SYMBOL_GPL(ferry_poll_stop);
