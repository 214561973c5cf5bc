/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The stock Linux 9P client on the export, without a guest: it speaks to a socket, and a
 * process behind that hands each message to the device's ring, and the answers back.
 */
#ifndef FERRY_SELFTEST_CLIENT_H
#define FERRY_SELFTEST_CLIENT_H

#include <sys/types.h>

/* Where it mounts the export. */
#define CLIENT_PLACE	"/tmp/ferry-client"

struct client {
	pid_t bridge;
};

/*
 * Serve export_dir() by @model and mount it with this mode of the client's cache. Return 0, or
 * -errno: -ENODEV where the kernel has no client that speaks to a socket.
 */
int __client_mount(struct client *c, unsigned int model, const char *cache);
/* The reverse; the device is closed when this returns. 0, or -errno of the unmounting. */
int __client_unmount(struct client *c);

#endif /* FERRY_SELFTEST_CLIENT_H */
