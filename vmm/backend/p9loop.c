// SPDX-License-Identifier: GPL-2.0
/*
 * Role: start and stop the threads that serve a directory in user space, where the
 *	kernel module is not to be had or not wanted.
 * Threads: main and vCPUs call in; one thread serves the queue, and a pool what may
 *	block.
 * Locks: the machine's lock is held by callers.
 */
#include "p9loop.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "p9loop_server.h"

static void p9loop_err(void *opaque, u32 events)
{
	struct p9loop *pl = opaque;
	eventfd_t n;

	(void)events;
	if (!eventfd_read(pl->err_fd, &n) && pl->v)
		virtio_needs_reset(pl->v);
}

int p9loop_init(struct p9loop *pl, struct machine *m, struct error *e)
{
	int ret;

	*pl = (struct p9loop){ .m = m, .err_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	pl->proc_fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (pl->err_fd < 0 || pl->proc_fd < 0)
		return error_errno(e, errno, "/proc/self/fd");
	pl->err = (struct loop_source){ pl->err_fd, p9loop_err, pl, false };
	ret = loop_add(&m->loop, &pl->err, EPOLLIN);
	return ret ? error_errno(e, ret, "event loop") : 0;
}

void p9loop_destroy(struct p9loop *pl)
{
	if (!pl->m)
		return;
	p9loop_stop(pl);
	loop_del(&pl->m->loop, &pl->err);
	if (pl->err_fd >= 0)
		close(pl->err_fd);
	if (pl->proc_fd >= 0)
		close(pl->proc_fd);
	*pl = (struct p9loop){ .err_fd = -1, .proc_fd = -1 };
}

static struct p9loop_server *p9loop_alloc(const struct p9loop *pl)
{
	struct p9loop_server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->proc_fd = fcntl(pl->proc_fd, F_DUPFD_CLOEXEC, 0);
	s->threads_of = &pl->m->threads;
	s->msize = FERRY_P9_REQUEST_MAX;
	pthread_mutex_init(&s->done_lock, NULL);
	pthread_mutex_init(&s->pool_lock, NULL);
	pthread_cond_init(&s->pool_wait, NULL);
	s->done_tail = &s->done;
	s->pool_tail = &s->pool;
	p9loop_session_init(s);
	return s;
}

void p9loop_free(struct p9loop_server *s)
{
	p9loop_session_destroy(s);
	p9loop_export_put(&s->ex);
	p9loop_queue_destroy(s);
	pthread_cond_destroy(&s->pool_wait);
	pthread_mutex_destroy(&s->pool_lock);
	pthread_mutex_destroy(&s->done_lock);
	if (s->proc_fd >= 0)
		close(s->proc_fd);
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	free(s);
}

/* Every request that was taken is answered; the threads end. */
void p9loop_quiesce(struct p9loop_server *s)
{
	if (s->queue_started) {
		__atomic_store_n(&s->end, true, __ATOMIC_RELEASE);
		eventfd_write(s->wake_fd, 1);
		pthread_join(s->queue.thread, NULL);
		s->queue_started = false;
	}
	p9loop_pool_stop(s);
}

static int p9loop_start_server(struct p9loop_server *s, struct p9loop *pl,
			       const struct ferry_9p_backend *b)
{
	int ret;

	if (s->wake_fd < 0 || s->proc_fd < 0)
		return -errno;
	s->err_fd = pl->err_fd;
	s->kick_fd = pl->v->queue[0].kick_fd;
	ret = virtio_ring_init(&s->ring, pl->v, &pl->v->queue[0]);
	if (!ret)
		ret = p9loop_export_get(&s->ex, b, pl->detached);
	if (!ret)
		ret = p9loop_queue_init(s);
	if (!ret)
		ret = p9loop_pool_start(s);
	if (ret)
		return ret;
	s->queue.s = s;
	ret = p9loop_spawn(&s->queue, p9loop_queue_thread);
	s->queue_started = !ret;
	return ret;
}

int p9loop_start(struct p9loop *pl, struct virtio_dev *v, const struct ferry_9p_backend *b)
{
	int ret;

	pl->v = v;
	pl->server = p9loop_alloc(pl);
	if (!pl->server) {
		pl->v = NULL;
		return -ENOMEM;
	}
	ret = p9loop_start_server(pl->server, pl, b);
	if (ret)
		p9loop_stop(pl);
	return ret;
}

void p9loop_stop(struct p9loop *pl)
{
	eventfd_t n;

	if (pl->server) {
		p9loop_quiesce(pl->server);
		p9loop_free(pl->server);
	}
	/* The next driver has not erred. */
	eventfd_read(pl->err_fd, &n);
	pl->server = NULL;
	pl->v = NULL;
}
