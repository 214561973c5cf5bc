/* SPDX-License-Identifier: GPL-2.0 */
/* Unix stream sockets: what -serial, -monitor and -qmp name with unix:PATH. */
#ifndef FERRY_VMM_BACKEND_SOCK_H
#define FERRY_VMM_BACKEND_SOCK_H

#include "../error.h"
#include "../types.h"

/**
 * sock_listen - make a socket that clients connect to
 * @path: where; what a dead program left there is replaced, a live one's is not
 * @e: why not
 *
 * Return: a descriptor that does not block, or a negative errno.
 */
int sock_listen(const char *path, struct error *e);

/* Connect to one; a descriptor that does not block, or a negative errno. */
int sock_connect(const char *path, struct error *e);

/*
 * Take a client that is there; -EAGAIN if none is. One for whom there is no descriptor is turned
 * away, with -ECONNABORTED, for it would be there for as long as that lasts.
 */
int sock_accept(int listen_fd);

/* Wait for the first client; -EINTR if @abort_fd became readable before. */
int sock_await(int listen_fd, int abort_fd);

#endif /* FERRY_VMM_BACKEND_SOCK_H */
