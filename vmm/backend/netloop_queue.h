/* SPDX-License-Identifier: GPL-2.0 */
/* Between netloop.c and the two threads' files. */
#ifndef FERRY_VMM_BACKEND_NETLOOP_QUEUE_H
#define FERRY_VMM_BACKEND_NETLOOP_QUEUE_H

#include "../virtio/ring.h"
#include "net/net_core.h"
#include "netloop.h"

/* What both directions have. */
struct netloop_queue {
	struct virtio_ring ring;
	int tap;
	int kick_fd, stop_fd, err_fd;
	bool tap_has_hdr;
	u32 hdr_len;		/* of the header in the ring */
	u64 features;
	pthread_t thread;
	bool started;
	bool stop;		/* the thread shall end; written by who joins it */
};

/* Chains handed back before the guest is told, while there are more. */
#define NETLOOP_BATCH	64U

/* For a thread that does not come to sleep, since the guest sees to that. */
static inline bool netloop_stopping(const struct netloop_queue *q)
{
	return __atomic_load_n(&q->stop, __ATOMIC_RELAXED);
}

/*
 * Sleep until the tap is ready for @tap_events (0: do not look at it) or, with
 * @kick, the guest notified. False when the thread shall end.
 */
bool netloop_wait(const struct netloop_queue *q, short tap_events, bool kick);

/* The guest broke the rules: tell, and sleep until the end. */
void netloop_broken(const struct netloop_queue *q);

struct netloop_rx *netloop_rx_create(void);
struct netloop_queue *netloop_rx_queue(struct netloop_rx *rx);
void netloop_rx_reset(struct netloop_rx *rx);
void *netloop_rx_thread(void *rx);

struct netloop_tx *netloop_tx_create(void);
struct netloop_queue *netloop_tx_queue(struct netloop_tx *tx);
void *netloop_tx_thread(void *tx);

#endif /* FERRY_VMM_BACKEND_NETLOOP_QUEUE_H */
