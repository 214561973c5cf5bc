// SPDX-License-Identifier: GPL-2.0
/*
 * What selftests/lib/dev.h promises of a 9P device, kept by vhost=off: the scenarios of
 * selftests/test_9p_* talk to the server in user space as they talk to /dev/ferry-9p.
 * One thread at a time may use a device; the server has threads of its own.
 */
#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "dev_stand.h"
#include "backend/p9loop_server.h"

struct p9_stand {
	struct stand s;
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
	struct error e;

	check(s && kind == DEV_9P && !path, "a 9P server");
	stand_init(&s->s, d, kind);
	check(!p9loop_init(&s->pl, &s->s.m, &e), "a server: %s", e.text);
	d->err[0] = s->pl.err_fd;
	return 0;
}

void dev_close(struct dev *d)
{
	struct p9_stand *s = p9_stand(d);

	if (!s)
		return;
	p9loop_destroy(&s->pl);
	stand_destroy(&s->s);
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
	return wanted.fd == -1 ? 0 : p9loop_start(&s->pl, &s->s.v, &wanted);
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

uint32_t dev_vring_base(const struct dev *d, unsigned int index)
{
	check(!index, "queue %u", index);
	return p9_stand(d)->base;
}
