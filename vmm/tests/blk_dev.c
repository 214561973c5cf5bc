// SPDX-License-Identifier: GPL-2.0
/*
 * What selftests/lib/dev.h promises of a disk, kept by vhost=off: random I/O against a
 * model meets the engine in user space as it meets /dev/ferry-blk. A queue that is
 * stopped keeps its threads, held, until its ring is laid out anew. One thread at a
 * time sets a device up.
 */
#include <errno.h>
#include <stdlib.h>

#include "backend/blkloop.h"
#include "check.h"
#include "dev_stand.h"

struct blk_stand {
	struct stand s;
	struct blkloop bl;
	bool running;		/* with threads, which may be held */
};

bool dev_available(enum dev_kind kind)
{
	return kind == DEV_BLK;
}

static struct blk_stand *blk_stand(const struct dev *d)
{
	return d->server;
}

static void blk_stand_end(struct stand *s)
{
	struct blk_stand *b = container_of(s, struct blk_stand, s);

	if (b->running)
		blkloop_stop(&b->bl);
	b->running = false;
}

int __dev_open(struct dev *d, enum dev_kind kind, const char *path)
{
	struct blk_stand *s = calloc(1, sizeof(*s));
	struct error e;

	check(s && kind == DEV_BLK && !path, "a disk");
	stand_init(&s->s, d, kind);
	s->s.ring_changes = blk_stand_end;
	check(!blkloop_init(&s->bl, &s->s.m, &e), "an engine: %s", e.text);
	d->err[0] = s->bl.err_fd;
	return 0;
}

void dev_close(struct dev *d)
{
	struct blk_stand *s = blk_stand(d);

	blk_stand_end(&s->s);
	blkloop_destroy(&s->bl);
	stand_destroy(&s->s);
	free(s);
	d->server = NULL;
}

/* Serve what @b describes, and complete it. */
static int blk_stand_backend(struct blk_stand *s, struct ferry_blk_backend *b)
{
	const u64 wanted = b->capacity;
	struct error e;
	int ret;

	if (b->fd == -1) {
		if (s->running)
			blkloop_pause(&s->bl);
		return 0;
	}
	ret = blkloop_probe(b, &e);
	if (ret || b->flags & FERRY_BLK_F_PROBE)
		return ret;
	if (wanted > b->capacity)
		return -EINVAL;
	b->capacity = wanted ?: b->capacity;
	if (s->running)
		return blkloop_update(&s->bl, b);
	ret = blkloop_start(&s->bl, &s->s.v, b, blkloop_probe_align(b->fd));
	s->running = !ret;
	return ret;
}

int __dev_ioctl(const struct dev *d, unsigned long request, void *arg)
{
	switch (request) {
	case VHOST_SET_OWNER:
		return 0;
	case FERRY_BLK_SET_BACKEND:
		return blk_stand_backend(blk_stand(d), arg);
	default:
		return -ENOTTY;
	}
}

int __dev_blk_backend(const struct dev *d, struct ferry_blk_backend *b)
{
	return __dev_ioctl(d, FERRY_BLK_SET_BACKEND, b);
}

void dev_blk_backend(const struct dev *d, struct ferry_blk_backend *b)
{
	check_ok(__dev_blk_backend(d, b), "a disk of fd %d", b->fd);
}

void dev_blk_stop(const struct dev *d)
{
	struct ferry_blk_backend none = { .fd = -1 };

	dev_blk_backend(d, &none);
}

void dev_expect_used(struct ring *r, struct ring_used *u)
{
	int got = dev_poll_used(r, u, DEV_PATIENCE_MS);

	check_ok(got, "a completion the driver can place");
	check(got == 1, "a completion within %d ms", DEV_PATIENCE_MS);
}

/* A rig starts disks by dev_blk_backend(), and no queue by itself. */
void dev_start(const struct dev *d, unsigned int index, int backend)
{
	check_fail("queue %u started with %d", index, backend);
}

void dev_stop(const struct dev *d, unsigned int index)
{
	check_fail("queue %u stopped", index);
}
