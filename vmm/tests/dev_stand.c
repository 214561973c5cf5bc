// SPDX-License-Identifier: GPL-2.0
/*
 * The part of selftests/lib/dev.h that is the same for every device that vhost=off
 * stands in for: memory, rings, eventfds. One thread at a time sets a device up; the
 * server has threads of its own.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "dev_stand.h"
#include "rig.h"

void stand_init(struct stand *s, struct dev *d, enum dev_kind kind)
{
	const u16 size = 256;
	struct error e;

	check(!machine_init(&s->m, &e) && !virtio_init(&s->v, &s->m, 1, &size, &e),
	      "a device of one queue: %s", e.text);
	*d = (struct dev){ .fd = -1, .kind = kind, .nvq = 1, .server = s };
	d->kick[0] = s->v.queue[0].kick_fd;
	d->call[0] = s->v.queue[0].call_fd;
}

void stand_destroy(struct stand *s)
{
	virtio_destroy(&s->v);
	/* The memory is the test's. */
	s->m.ram.n = 0;
	machine_destroy(&s->m);
}

static struct stand *stand_of(const struct dev *d)
{
	return d->server;
}

void dev_ioctl(const struct dev *d, unsigned long request, void *arg)
{
	check_ok(__dev_ioctl(d, request, arg), "ioctl %#lx", request);
}

int __dev_set_features(const struct dev *d, uint64_t features)
{
	stand_of(d)->v.acked = features;
	return 0;
}

/* The rig's buffers, where requests have others, find no place in such a machine. */
void dev_set_mem(const struct dev *d, const struct mem *m)
{
	struct ram *ram = &stand_of(d)->m.ram;

	ram->n = 0;
	for (unsigned int i = 0; i < m->n; i++) {
		if (d->kind == DEV_BLK && m->r[i].gpa == RIG_BUF)
			continue;
		check(ram->n < ARRAY_SIZE(ram->region), "memory of %u regions", m->n);
		ram->region[ram->n++] = (struct ram_region){ m->r[i].gpa, m->r[i].size,
							     m->r[i].hva };
	}
}

static u64 stand_gpa(const struct stand *s, const void *hva)
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
	struct stand *s = stand_of(d);
	struct virtq *q = &s->v.queue[index];

	if (s->ring_changes)
		s->ring_changes(s);
	q->size = r->l.num;
	q->desc = stand_gpa(s, r->desc);
	q->driver = stand_gpa(s, r->avail);
	q->device = stand_gpa(s, r->used);
	q->enabled = true;
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
