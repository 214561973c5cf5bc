/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A device that speaks the vhost ABI, as a VMM without a guest uses it.
 *
 * Plain functions assert that the kernel agreed; those with two underscores
 * return 0 or -errno. Any thread of the owner may call them.
 */
#ifndef FERRY_SELFTEST_DEV_H
#define FERRY_SELFTEST_DEV_H

#include <stdbool.h>
#include <stdint.h>

#include "abi.h"
#include "mem.h"
#include "ring.h"

#define DEV_NULL_PATH	"/dev/ferry-null"
#define DEV_NET_PATH	"/dev/ferry-net"
#define DEV_BLK_PATH	"/dev/ferry-blk"
#define DEV_9P_PATH	"/dev/ferry-9p"
#define DEV_VQ_MAX	FERRY_BLK_QUEUES

/* Longest wait for what must come; reaching it is a failure, not a pace. */
#define DEV_PATIENCE_MS	10000

/* Queues of a net device. */
enum { DEV_RX, DEV_TX };

enum dev_kind { DEV_NULL, DEV_NET, DEV_BLK, DEV_9P };

struct dev {
	int fd;
	enum dev_kind kind;
	unsigned int nvq;
	int kick[DEV_VQ_MAX];
	int call[DEV_VQ_MAX];
	int err[DEV_VQ_MAX];
	void *server;		/* that stands in for a device; NULL: it is one */
};

/* Whether a kind's usual node is there. */
bool dev_available(enum dev_kind kind);

/*
 * Open @path and make the eventfds. NULL is the kind's usual node; for a net
 * device FERRY_NET_DEV names another one, such as the in-tree /dev/vhost-net.
 */
int __dev_open(struct dev *d, enum dev_kind kind, const char *path);
void dev_open(struct dev *d, enum dev_kind kind, const char *path);
/* The same on a descriptor that came from elsewhere; dev_close() closes it. */
void dev_adopt(struct dev *d, enum dev_kind kind, int fd);
void dev_close(struct dev *d);

int __dev_ioctl(const struct dev *d, unsigned long request, void *arg);
void dev_ioctl(const struct dev *d, unsigned long request, void *arg);

uint64_t dev_features(const struct dev *d);
int __dev_set_features(const struct dev *d, uint64_t features);
int __dev_set_mem(const struct dev *d, const struct mem *m);
void dev_set_mem(const struct dev *d, const struct mem *m);

/* A vring ioctl that takes an index and a number or an fd. */
int __dev_vring(const struct dev *d, unsigned long request, unsigned int index, int num);
void dev_vring(const struct dev *d, unsigned long request, unsigned int index, int num);
int __dev_vring_addr(const struct dev *d, unsigned int index, const struct ring *r);
uint32_t dev_vring_base(const struct dev *d, unsigned int index);

/* open, SET_OWNER, SET_FEATURES, SET_MEM_TABLE. */
void dev_setup(struct dev *d, enum dev_kind kind, const char *path, uint64_t features,
	       const struct mem *m);
/* NUM, BASE, ADDR, KICK, CALL, ERR of one queue, in the order QEMU uses. */
void dev_set_ring(const struct dev *d, unsigned int index, const struct ring *r);

/*
 * Start with a backend fd (net) or 1 (null); dev_stop() gives it -1 or 0. A disk is
 * the whole device's: dev_blk_backend().
 */
int __dev_backend(const struct dev *d, unsigned int index, int backend);
void dev_start(const struct dev *d, unsigned int index, int backend);
void dev_stop(const struct dev *d, unsigned int index);

/* FERRY_BLK_SET_BACKEND; @b is filled in as the kernel answered. */
int __dev_blk_backend(const struct dev *d, struct ferry_blk_backend *b);
void dev_blk_backend(const struct dev *d, struct ferry_blk_backend *b);
/* Take the disk away: every request is finished when this returns. */
void dev_blk_stop(const struct dev *d);

/* Publish, and kick if asked for. */
void dev_publish(const struct dev *d, unsigned int index, struct ring *r);
void dev_kick(const struct dev *d, unsigned int index);

/* Wait for an eventfd and drain it; return its count, 0 after @ms. */
uint64_t event_wait(int fd, int ms);
/* An eventfd's count, without waiting. */
uint64_t event_take(int fd);

/*
 * Wait for one completion without use of the call eventfd; polls, and yields
 * the CPU. Return 1, 0 after @ms, -EPROTO as ring_get().
 */
int dev_poll_used(struct ring *r, struct ring_used *u, int ms);
/* The same for a completion that must come. */
void dev_expect_used(struct ring *r, struct ring_used *u);

uint64_t dev_now_ns(void);

#endif /* FERRY_SELFTEST_DEV_H */
