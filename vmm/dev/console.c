// SPDX-License-Identifier: GPL-2.0
/*
 * Role: virtio-console, one port without a control queue. Follows the virtio
 *	specification 1.3, "Console Device". What is typed waits outside until the guest
 *	has a buffer for it; what the guest prints waits in its buffer until it is taken.
 * Threads: vCPUs (registers), main (queues).
 * Locks: the machine's lock is held by the caller.
 */
#include "console.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <string.h>
#include <sys/eventfd.h>

#define CONSOLE_CLASS		0x078000	/* a communication device of no other kind */
#define CONSOLE_QUEUE_SIZE	128

/* Bytes handed over at once, and in one go. */
#define CONSOLE_PIECE		512U
#define CONSOLE_BUDGET		65536U

static struct console_dev *to_console(struct virtio_dev *v)
{
	return container_of(v, struct console_dev, v);
}

static void console_break(struct console_queue *q)
{
	loop_del(&q->c->v.m->loop, &q->kick);
	q->ended = true;
	q->holds = false;
	virtio_needs_reset(&q->c->v);
}

/* Have a chain at hand; false if there is none, and a notification will tell of one. */
static bool console_hold(struct console_queue *q)
{
	int ret;

	if (q->holds)
		return true;
	if (!q->kick.added)
		return false;
	do {
		ret = virtio_ring_pop(&q->ring, &q->chain, q->iov, FERRY_CHAIN_MAX);
	} while (!ret && virtio_ring_enable_kick(&q->ring));
	if (ret == 1 && (q == &q->c->queue[CONSOLE_RX] ? q->chain.out_num || !q->chain.in_len :
			 q->chain.in_num))
		ret = -EPROTO;
	if (ret < 0)
		console_break(q);
	q->holds = ret == 1;
	q->done = 0;
	return q->holds;
}

static void console_hand_back(struct console_queue *q, u32 written)
{
	q->holds = false;
	virtio_ring_fill(&q->ring, &q->chain, written);
	virtio_ring_publish(&q->ring);
}

static size_t console_send(struct console_dev *c, const u8 *buf, size_t len)
{
	return c->ops ? c->ops->send(c->backend, buf, len) : len;
}

/* Print what the guest has, as far as it is taken. */
static void console_flush(struct console_dev *c)
{
	struct console_queue *q = &c->queue[CONSOLE_TX];
	u32 budget = CONSOLE_BUDGET;
	u8 buf[CONSOLE_PIECE];
	size_t len, taken;

	while (budget && q->kick.added && console_hold(q)) {
		len = virtio_iov_read(q->iov, q->chain.out_num, q->done, buf, sizeof(buf));
		taken = len ? console_send(c, buf, len) : 0;
		q->done += taken;
		/* An empty chain costs, too. */
		budget -= taken < budget ? taken + !taken : budget;
		if (taken < len)
			return;
		if (q->done == q->chain.out_len)
			console_hand_back(q, 0);
	}
	if (!budget)
		eventfd_write(q->kick.fd, 1);
}

static void console_tx_ready(void *opaque, u32 events)
{
	struct console_queue *q = opaque;
	eventfd_t kicks;

	(void)events;
	eventfd_read(q->kick.fd, &kicks);
	console_flush(q->c);
}

static void console_rx_ready(void *opaque, u32 events)
{
	struct console_queue *q = opaque;
	eventfd_t kicks;

	(void)events;
	eventfd_read(q->kick.fd, &kicks);
	if (console_hold(q) && q->c->ops)
		q->c->ops->resume(q->c->backend);
}

static unsigned int console_room(void *port)
{
	struct console_queue *q = &((struct console_dev *)port)->queue[CONSOLE_RX];

	if (!q->kick.added || !console_hold(q))
		return 0;
	return q->chain.in_len < CONSOLE_PIECE ? q->chain.in_len : CONSOLE_PIECE;
}

static void console_receive(void *port, const u8 *buf, unsigned int len)
{
	struct console_queue *q = &((struct console_dev *)port)->queue[CONSOLE_RX];

	if (console_room(port))
		console_hand_back(q, virtio_iov_write(q->iov, q->chain.in_num, 0, buf, len));
}

static void console_writable(void *port)
{
	console_flush(port);
}

const struct chars_port_ops console_port_ops = {
	.room = console_room,
	.receive = console_receive,
	.writable = console_writable,
};

/* Sizes that are not offered, and no ports but the one. */
static void console_config_read(struct virtio_dev *v, u32 off, void *buf, u32 size)
{
	(void)v, (void)off;
	memset(buf, 0, size);
}

static void console_config_write(struct virtio_dev *v, u32 off, const void *buf, u32 size)
{
	(void)v, (void)off, (void)buf, (void)size;
}

static void console_pause(struct virtio_dev *v)
{
	struct console_dev *c = to_console(v);
	unsigned int i;

	for (i = 0; i < CONSOLE_QUEUES; i++)
		loop_del(&v->m->loop, &c->queue[i].kick);
}

/* The notifications that follow have both directions looked after. */
static int console_resume(struct virtio_dev *v)
{
	struct console_dev *c = to_console(v);
	unsigned int i;
	int ret = 0;

	for (i = 0; i < CONSOLE_QUEUES && !ret; i++)
		if (!c->queue[i].ended)
			ret = loop_add(&v->m->loop, &c->queue[i].kick, EPOLLIN);
	return ret;
}

static void console_stop(struct virtio_dev *v)
{
	struct console_dev *c = to_console(v);

	console_pause(v);
	c->queue[CONSOLE_RX].holds = false;
	c->queue[CONSOLE_TX].holds = false;
}

static int console_start(struct virtio_dev *v)
{
	struct console_dev *c = to_console(v);
	unsigned int i;
	int ret = 0;

	for (i = 0; i < CONSOLE_QUEUES && !ret; i++) {
		struct console_queue *q = &c->queue[i];

		q->c = c;
		q->ended = false;
		q->kick = (struct loop_source){
			.fd = v->queue[i].kick_fd, .opaque = q,
			.ready = i == CONSOLE_RX ? console_rx_ready : console_tx_ready,
		};
		ret = virtio_ring_init(&q->ring, v, &v->queue[i]);
	}
	if (!ret)
		ret = console_resume(v);
	if (ret)
		console_stop(v);
	return ret;
}

static const struct virtio_ops console_ops = {
	.config_read = console_config_read,
	.config_write = console_config_write,
	.start = console_start,
	.stop = console_stop,
	.pause = console_pause,
	.resume = console_resume,
};

int console_init(struct console_dev *c, struct machine *m, u64 features, struct error *e)
{
	static const u16 sizes[CONSOLE_QUEUES] = { CONSOLE_QUEUE_SIZE, CONSOLE_QUEUE_SIZE };

	memset(c, 0, sizeof(*c));
	c->v = (struct virtio_dev){
		.ops = &console_ops,
		.type = VIRTIO_ID_CONSOLE,
		.class_code = CONSOLE_CLASS,
		.config_size = sizeof(struct virtio_console_config),
		.offered = features,
	};
	return virtio_init(&c->v, m, CONSOLE_QUEUES, sizes, e);
}

void console_destroy(struct console_dev *c)
{
	c->ops = NULL;
	virtio_destroy(&c->v);
}

void console_set_backend(struct console_dev *c, const struct chars_backend_ops *ops,
			 void *backend)
{
	c->ops = ops;
	c->backend = backend;
}
