// SPDX-License-Identifier: GPL-2.0
/*
 * Role: start and stop the threads that serve a queue pair in user space, where
 *	the kernel modules are not to be had or not wanted.
 * Threads: main and vCPUs call in; two threads a pair do the work.
 * Locks: the machine's lock is held by callers. The threads take none: each owns
 *	its queue from start to stop.
 */
#include "netloop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "netloop_queue.h"

bool netloop_wait(const struct netloop_queue *q, short tap_events, bool kick)
{
	/* A tap that goes wakes readers alone: POLLPRI, which it never has, makes one of us. */
	struct pollfd p[3] = {
		{ .fd = q->stop_fd, .events = POLLIN },
		{ .fd = kick ? q->kick_fd : -1, .events = POLLIN },
		{ .fd = tap_events ? q->tap : -1, .events = tap_events | POLLPRI },
	};
	eventfd_t n;

	while (poll(p, 3, -1) < 0 && errno == EINTR)
		;
	if (p[1].revents)
		eventfd_read(q->kick_fd, &n);
	/*
	 * A tap whose interface was deleted is in error for good: nothing comes any more. Who
	 * writes to it finds that out, and does not wait again.
	 */
	if (tap_events == POLLIN && (p[2].revents & (POLLERR | POLLIN)) == POLLERR) {
		p[1].fd = -1;
		p[2].fd = -1;
		while (poll(p, 3, -1) < 0 && errno == EINTR)
			;
	}
	return !p[0].revents;
}

void netloop_broken(const struct netloop_queue *q)
{
	eventfd_write(q->err_fd, 1);
	while (netloop_wait(q, 0, false))
		;
}

static void netloop_err(void *opaque, u32 events)
{
	struct netloop *nl = opaque;
	eventfd_t n;

	(void)events;
	if (!eventfd_read(nl->err_fd, &n) && nl->v)
		virtio_needs_reset(nl->v);
}

int netloop_init(struct netloop *nl, struct machine *m, struct error *e)
{
	int ret;

	*nl = (struct netloop){ .m = m };
	nl->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	nl->err_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	nl->rx = netloop_rx_create();
	nl->tx = netloop_tx_create();
	if (nl->stop_fd < 0 || nl->err_fd < 0 || !nl->rx || !nl->tx)
		return error_errno(e, errno, "network threads");
	nl->err = (struct loop_source){ nl->err_fd, netloop_err, nl, false };
	ret = loop_add(&m->loop, &nl->err, EPOLLIN);
	return ret ? error_errno(e, ret, "event loop") : 0;
}

void netloop_destroy(struct netloop *nl)
{
	if (!nl->m)
		return;
	loop_del(&nl->m->loop, &nl->err);
	if (nl->stop_fd >= 0)
		close(nl->stop_fd);
	if (nl->err_fd >= 0)
		close(nl->err_fd);
	free(nl->rx);
	free(nl->tx);
	*nl = (struct netloop){ 0 };
}

static int netloop_init_queue(struct netloop *nl, struct netloop_queue *q, unsigned int i)
{
	const struct virtq *vq = &nl->v->queue[i];

	q->kick_fd = vq->kick_fd;
	q->stop_fd = nl->stop_fd;
	q->err_fd = nl->err_fd;
	q->features = nl->v->acked;
	q->hdr_len = ferry_net_hdr_len(nl->v->acked);
	return virtio_ring_init(&q->ring, nl->v, vq);
}

static int netloop_spawn(struct netloop *nl, struct netloop_queue *q, void *(*run)(void *),
			 void *arg)
{
	int ret;

	q->stop = false;
	ret = threads_start(&nl->m->threads, THREAD_NET, run, arg, &q->thread);
	q->started = !ret;
	return ret;
}

int netloop_resume(struct netloop *nl)
{
	int ret = netloop_spawn(nl, netloop_rx_queue(nl->rx), netloop_rx_thread, nl->rx);

	return ret ?: netloop_spawn(nl, netloop_tx_queue(nl->tx), netloop_tx_thread, nl->tx);
}

int netloop_start(struct netloop *nl, struct virtio_dev *v, unsigned int first, int tap,
		  bool tap_has_hdr)
{
	struct netloop_queue *rx = netloop_rx_queue(nl->rx), *tx = netloop_tx_queue(nl->tx);
	int ret;

	nl->v = v;
	nl->running = true;
	rx->tap = tap;
	tx->tap = tap;
	rx->tap_has_hdr = tap_has_hdr;
	tx->tap_has_hdr = tap_has_hdr;
	ret = netloop_init_queue(nl, rx, first);
	if (!ret)
		ret = netloop_init_queue(nl, tx, first + 1);
	netloop_rx_reset(nl->rx);
	if (!ret)
		ret = netloop_resume(nl);
	if (ret)
		netloop_stop(nl);
	return ret;
}

static void netloop_join(struct netloop_queue *q)
{
	if (q->started)
		pthread_join(q->thread, NULL);
	q->started = false;
}

void netloop_pause(struct netloop *nl)
{
	eventfd_t n;

	__atomic_store_n(&netloop_rx_queue(nl->rx)->stop, true, __ATOMIC_RELAXED);
	__atomic_store_n(&netloop_tx_queue(nl->tx)->stop, true, __ATOMIC_RELAXED);
	eventfd_write(nl->stop_fd, 1);
	netloop_join(netloop_rx_queue(nl->rx));
	netloop_join(netloop_tx_queue(nl->tx));
	eventfd_read(nl->stop_fd, &n);
}

void netloop_stop(struct netloop *nl)
{
	eventfd_t n;

	if (!nl->running)
		return;
	netloop_pause(nl);
	nl->running = false;
	/* The next driver has not erred. */
	eventfd_read(nl->err_fd, &n);
	nl->v = NULL;
}
