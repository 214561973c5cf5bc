// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the event loop over epoll.
 * Threads: loop_wait() in the main thread; add, modify and delete in any, which
 *	epoll allows while another thread waits.
 * Locks: none of its own. Handlers run under the machine's lock, so a vCPU that
 *	holds it may delete a source: the caller of loop_wait() takes the lock and
 *	then looks at loop_source.added before it calls the handler.
 */
#include "loop.h"

#include <errno.h>
#include <unistd.h>

int loop_init(struct loop *l, struct error *e)
{
	l->quit = false;
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd < 0)
		return error_errno(e, errno, "could not create the event loop");
	return 0;
}

void loop_destroy(struct loop *l)
{
	if (l->epfd >= 0)
		close(l->epfd);
	l->epfd = -1;
}

static int loop_ctl(struct loop *l, int op, struct loop_source *src, u32 events)
{
	struct epoll_event ev = { .events = events, .data.ptr = src };

	return epoll_ctl(l->epfd, op, src->fd, &ev) ? -errno : 0;
}

int loop_add(struct loop *l, struct loop_source *src, u32 events)
{
	int ret = loop_ctl(l, EPOLL_CTL_ADD, src, events);

	if (!ret)
		src->added = true;
	return ret;
}

int loop_modify(struct loop *l, struct loop_source *src, u32 events)
{
	return loop_ctl(l, EPOLL_CTL_MOD, src, events);
}

void loop_del(struct loop *l, struct loop_source *src)
{
	if (!src->added)
		return;
	loop_ctl(l, EPOLL_CTL_DEL, src, 0);
	src->added = false;
}

struct loop_source *loop_wait(struct loop *l, u32 *events)
{
	struct epoll_event ev;

	if (epoll_wait(l->epfd, &ev, 1, -1) != 1)
		return NULL;
	*events = ev.events;
	return ev.data.ptr;
}
