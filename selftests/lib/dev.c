// SPDX-License-Identifier: GPL-2.0
/*
 * Wrappers of the vhost ABI. Stateless but for struct dev; safe from any thread
 * that does not share one struct dev with dev_open() or dev_close().
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>

#include "check.h"
#include "dev.h"

static const struct {
	const char *path;
	unsigned int queues;
} dev_kinds[] = {
	[DEV_NULL] = { DEV_NULL_PATH, FERRY_NULL_QUEUES },
	[DEV_NET] = { DEV_NET_PATH, 2 },
	[DEV_BLK] = { DEV_BLK_PATH, FERRY_BLK_QUEUES },
	[DEV_9P] = { DEV_9P_PATH, 1 },
};

bool dev_available(enum dev_kind kind)
{
	return !access(dev_kinds[kind].path, R_OK | W_OK);
}

static int dev_eventfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	check(fd >= 0, "eventfd: %s", strerror(errno));
	return fd;
}

void dev_adopt(struct dev *d, enum dev_kind kind, int fd)
{
	d->fd = fd;
	d->kind = kind;
	d->nvq = dev_kinds[kind].queues;
	for (unsigned int i = 0; i < d->nvq; i++) {
		d->kick[i] = dev_eventfd();
		d->call[i] = dev_eventfd();
		d->err[i] = dev_eventfd();
	}
}

int __dev_open(struct dev *d, enum dev_kind kind, const char *path)
{
	int fd;

	if (!path && kind == DEV_NET)
		path = getenv("FERRY_NET_DEV");
	if (!path)
		path = dev_kinds[kind].path;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dev_adopt(d, kind, fd);
	return 0;
}

void dev_open(struct dev *d, enum dev_kind kind, const char *path)
{
	check_ok(__dev_open(d, kind, path), "open device");
}

void dev_close(struct dev *d)
{
	close(d->fd);
	d->fd = -1;
	for (unsigned int i = 0; i < d->nvq; i++) {
		close(d->kick[i]);
		close(d->call[i]);
		close(d->err[i]);
	}
	d->nvq = 0;
}

int __dev_ioctl(const struct dev *d, unsigned long request, void *arg)
{
	return ioctl(d->fd, request, arg) < 0 ? -errno : 0;
}

void dev_ioctl(const struct dev *d, unsigned long request, void *arg)
{
	check_ok(__dev_ioctl(d, request, arg), "ioctl %#lx", request);
}

uint64_t dev_features(const struct dev *d)
{
	uint64_t f = 0;

	dev_ioctl(d, VHOST_GET_FEATURES, &f);
	return f;
}

int __dev_set_features(const struct dev *d, uint64_t features)
{
	return __dev_ioctl(d, VHOST_SET_FEATURES, &features);
}

int __dev_set_mem(const struct dev *d, const struct mem *m)
{
	size_t size = sizeof(struct vhost_memory) + m->n * sizeof(struct vhost_memory_region);
	struct vhost_memory *t = calloc(1, size);
	int err;

	check(t, "memory for a table");
	t->nregions = m->n;
	for (unsigned int i = 0; i < m->n; i++) {
		t->regions[i].guest_phys_addr = m->r[i].gpa;
		t->regions[i].memory_size = m->r[i].size;
		t->regions[i].userspace_addr = (uintptr_t)m->r[i].hva;
	}
	err = __dev_ioctl(d, VHOST_SET_MEM_TABLE, t);
	free(t);
	return err;
}

void dev_set_mem(const struct dev *d, const struct mem *m)
{
	check_ok(__dev_set_mem(d, m), "SET_MEM_TABLE");
}

int __dev_vring(const struct dev *d, unsigned long request, unsigned int index, int num)
{
	/* struct vhost_vring_file has the same layout. */
	struct vhost_vring_state s = { .index = index, .num = num };

	return __dev_ioctl(d, request, &s);
}

void dev_vring(const struct dev *d, unsigned long request, unsigned int index, int num)
{
	check_ok(__dev_vring(d, request, index, num), "ioctl %#lx on queue %u with %d", request,
		 index, num);
}

int __dev_vring_addr(const struct dev *d, unsigned int index, const struct ring *r)
{
	struct vhost_vring_addr a = {
		.index = index,
		.desc_user_addr = (uintptr_t)r->desc,
		.avail_user_addr = (uintptr_t)r->avail,
		.used_user_addr = (uintptr_t)r->used,
	};

	return __dev_ioctl(d, VHOST_SET_VRING_ADDR, &a);
}

uint32_t dev_vring_base(const struct dev *d, unsigned int index)
{
	struct vhost_vring_state s = { .index = index };

	dev_ioctl(d, VHOST_GET_VRING_BASE, &s);
	return s.num;
}

void dev_setup(struct dev *d, enum dev_kind kind, const char *path, uint64_t features,
	       const struct mem *m)
{
	dev_open(d, kind, path);
	dev_ioctl(d, VHOST_SET_OWNER, NULL);
	check_ok(__dev_set_features(d, features), "SET_FEATURES %#llx",
		 (unsigned long long)features);
	dev_set_mem(d, m);
}

void dev_set_ring(const struct dev *d, unsigned int index, const struct ring *r)
{
	dev_vring(d, VHOST_SET_VRING_NUM, index, r->l.num);
	dev_vring(d, VHOST_SET_VRING_BASE, index, ring_base(r));
	check_ok(__dev_vring_addr(d, index, r), "SET_VRING_ADDR");
	dev_vring(d, VHOST_SET_VRING_KICK, index, d->kick[index]);
	dev_vring(d, VHOST_SET_VRING_CALL, index, d->call[index]);
	dev_vring(d, VHOST_SET_VRING_ERR, index, d->err[index]);
}

int __dev_backend(const struct dev *d, unsigned int index, int backend)
{
	if (d->kind == DEV_NET)
		return __dev_vring(d, VHOST_NET_SET_BACKEND, index, backend);
	return __dev_vring(d, FERRY_NULL_SET_BACKEND, index, backend);
}

void dev_start(const struct dev *d, unsigned int index, int backend)
{
	check_ok(__dev_backend(d, index, backend), "start queue %u", index);
}

void dev_stop(const struct dev *d, unsigned int index)
{
	check_ok(__dev_backend(d, index, d->kind == DEV_NET ? -1 : 0), "stop queue %u", index);
}

int __dev_blk_backend(const struct dev *d, struct ferry_blk_backend *b)
{
	return __dev_ioctl(d, FERRY_BLK_SET_BACKEND, b);
}

void dev_blk_backend(const struct dev *d, struct ferry_blk_backend *b)
{
	check_ok(__dev_blk_backend(d, b), "BLK_SET_BACKEND of fd %d", b->fd);
}

void dev_blk_stop(const struct dev *d)
{
	struct ferry_blk_backend none = { .fd = -1 };

	dev_blk_backend(d, &none);
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

	if (poll(&p, 1, ms) <= 0)
		return 0;
	return event_take(fd);
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

	for (;;) {
		got = ring_get(r, u);
		if (got || dev_now_ns() > end)
			return got;
		sched_yield();
	}
}

void dev_expect_used(struct ring *r, struct ring_used *u)
{
	int got = dev_poll_used(r, u, DEV_PATIENCE_MS);

	check_ok(got, "a completion the driver can place");
	check(got == 1, "a completion within %d ms", DEV_PATIENCE_MS);
}
