// SPDX-License-Identifier: GPL-2.0
/*
 * What selftests/lib/dev.h promises of a 9P device, kept by vhost=off: the scenarios of
 * selftests/test_9p_* talk to the server in user space as they talk to /dev/ferry-9p.
 * One thread at a time may use a device; the server has threads of its own.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "dev.h"
#include "backend/p9loop_server.h"

struct p9_stand {
	struct machine m;
	struct virtio_dev v;
	struct p9loop pl;
	u16 base;		/* of a queue that was stopped */
};

bool dev_available(enum dev_kind kind)
{
	return kind == DEV_9P;
}

static struct p9_stand *p9_stand(const struct dev *d)
{
	return d->server;
}

int __dev_open(struct dev *d, enum dev_kind kind, const char *path)
{
	struct p9_stand *s = calloc(1, sizeof(*s));
	const u16 size = 256;
	struct error e;

	check(s && kind == DEV_9P && !path, "a 9P server");
	check(!machine_init(&s->m, &e) && !virtio_init(&s->v, &s->m, 1, &size, &e) &&
	      !p9loop_init(&s->pl, &s->m, &e), "a device of one queue: %s", e.text);
	*d = (struct dev){ .fd = -1, .kind = kind, .nvq = 1, .server = s };
	d->kick[0] = s->v.queue[0].kick_fd;
	d->call[0] = s->v.queue[0].call_fd;
	d->err[0] = s->pl.err_fd;
	return 0;
}

void dev_close(struct dev *d)
{
	struct p9_stand *s = p9_stand(d);

	if (!s)
		return;
	p9loop_destroy(&s->pl);
	virtio_destroy(&s->v);
	/* The memory is the test's. */
	s->m.ram.n = 0;
	machine_destroy(&s->m);
	free(s);
	d->server = NULL;
}

static void p9_stand_stop(struct p9_stand *s)
{
	if (s->pl.server) {
		p9loop_quiesce(s->pl.server);
		s->base = s->pl.server->ring.next_avail;
	}
	p9loop_stop(&s->pl);
}

static int p9_stand_backend(struct p9_stand *s, struct ferry_9p_backend *b)
{
	struct ferry_9p_backend wanted = *b;
	int err = b->fd == -1 ? 0 : p9loop_check(b);

	if (err)
		return err;
	p9_stand_stop(s);
	return wanted.fd == -1 ? 0 : p9loop_start(&s->pl, &s->v, &wanted);
}

int __dev_ioctl(const struct dev *d, unsigned long request, void *arg)
{
	switch (request) {
	case VHOST_SET_OWNER:
		return 0;
	case FERRY_9P_SET_BACKEND:
		return p9_stand_backend(p9_stand(d), arg);
	default:
		return -ENOTTY;
	}
}

void dev_ioctl(const struct dev *d, unsigned long request, void *arg)
{
	check_ok(__dev_ioctl(d, request, arg), "ioctl %#lx", request);
}

int __dev_set_features(const struct dev *d, uint64_t features)
{
	p9_stand(d)->v.acked = features;
	return 0;
}

void dev_set_mem(const struct dev *d, const struct mem *m)
{
	struct ram *ram = &p9_stand(d)->m.ram;

	check(m->n <= ARRAY_SIZE(ram->region), "memory of %u regions", m->n);
	for (ram->n = 0; ram->n < m->n; ram->n++)
		ram->region[ram->n] = (struct ram_region){ m->r[ram->n].gpa, m->r[ram->n].size,
							   m->r[ram->n].hva };
}

static u64 p9_stand_gpa(const struct p9_stand *s, const void *hva)
{
	const struct ram *ram = &s->m.ram;

	for (unsigned int i = 0; i < ram->n; i++)
		if ((const u8 *)hva >= ram->region[i].hva &&
		    (const u8 *)hva < ram->region[i].hva + ram->region[i].size)
			return ram->region[i].gpa + ((const u8 *)hva - ram->region[i].hva);
	check_fail("a ring outside of memory");
}

void dev_set_ring(const struct dev *d, unsigned int index, const struct ring *r)
{
	struct p9_stand *s = p9_stand(d);
	struct virtq *q = &s->v.queue[index];

	q->size = r->l.num;
	q->desc = p9_stand_gpa(s, r->desc);
	q->driver = p9_stand_gpa(s, r->avail);
	q->device = p9_stand_gpa(s, r->used);
	q->enabled = true;
}

uint32_t dev_vring_base(const struct dev *d, unsigned int index)
{
	check(!index, "queue %u", index);
	return p9_stand(d)->base;
}

void dev_kick(const struct dev *d, unsigned int index)
{
	check_ok(eventfd_write(d->kick[index], 1) ? -errno : 0, "kick");
}

void dev_publish(const struct dev *d, unsigned int index, struct ring *r)
{
	if (ring_publish(r))
		dev_kick(d, index);
}

uint64_t event_take(int fd)
{
	eventfd_t n;

	return eventfd_read(fd, &n) ? 0 : n;
}

uint64_t event_wait(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) <= 0 ? 0 : event_take(fd);
}

uint64_t dev_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

int dev_poll_used(struct ring *r, struct ring_used *u, int ms)
{
	uint64_t end = dev_now_ns() + ms * 1000000ULL;
	int got;

	while (!(got = ring_get(r, u)) && dev_now_ns() < end)
		sched_yield();
	return got;
}
