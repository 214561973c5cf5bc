/* SPDX-License-Identifier: GPL-2.0 */
/* vhost=off: a queue pair served by two threads of our own. */
#ifndef FERRY_VMM_BACKEND_NETLOOP_H
#define FERRY_VMM_BACKEND_NETLOOP_H

#include <pthread.h>

#include "../dev/net.h"

struct netloop_rx;
struct netloop_tx;

struct netloop {
	struct machine *m;
	struct virtio_dev *v;
	int stop_fd;		/* readable once the threads shall end */
	int err_fd;		/* a thread found the guest in error */
	struct loop_source err;
	struct netloop_rx *rx;
	struct netloop_tx *tx;
	bool running;
};

int netloop_init(struct netloop *nl, struct machine *m, struct error *e);
void netloop_destroy(struct netloop *nl);

/* As vhost_net_start() and vhost_net_stop(). */
int netloop_start(struct netloop *nl, struct virtio_dev *v, unsigned int first, int tap,
		  bool tap_has_hdr);
void netloop_stop(struct netloop *nl);

/* Between the two: end the threads, and start others that go on where they were. */
void netloop_pause(struct netloop *nl);
int netloop_resume(struct netloop *nl);

#endif /* FERRY_VMM_BACKEND_NETLOOP_H */
