/* SPDX-License-Identifier: GPL-2.0 */
/* The main thread's event loop: epoll and nothing that ticks. */
#ifndef FERRY_VMM_MACHINE_LOOP_H
#define FERRY_VMM_MACHINE_LOOP_H

#include <sys/epoll.h>

#include "../error.h"
#include "../types.h"

/* One descriptor watched; lives in its owner, valid until loop_del(). */
struct loop_source {
	int fd;
	void (*ready)(void *opaque, u32 events);
	void *opaque;
	bool added;
};

struct loop {
	int epfd;
	bool quit;
};

int loop_init(struct loop *l, struct error *e);
void loop_destroy(struct loop *l);

/* Watch src->fd for EPOLL* @events. A descriptor that epoll refuses is -EPERM. */
int loop_add(struct loop *l, struct loop_source *src, u32 events);
int loop_modify(struct loop *l, struct loop_source *src, u32 events);
void loop_del(struct loop *l, struct loop_source *src);

/**
 * loop_wait - sleep until one source is ready
 * @l: the loop
 *
 * Return: the source with its events in @events, or NULL if a signal came in
 * between. One at a time, so that a handler may delete any other source.
 */
struct loop_source *loop_wait(struct loop *l, u32 *events);

#endif /* FERRY_VMM_MACHINE_LOOP_H */
