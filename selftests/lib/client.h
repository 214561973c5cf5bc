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
 * Serve a directory on a fresh @fs by @model, and mount it with this mode of the client's cache.
 * Return NULL, or why that is not possible here.
 */
const char *__client_mount(struct client *c, const char *fs, unsigned int model,
			   const char *cache);
/* The reverse; the device is closed when this returns. 0, or -errno of the unmounting. */
int __client_unmount(struct client *c);

/* The path of a program in guest/ beside this one; NULL: it is not built. */
const char *client_program(const char *name);

/* Either in a fixture's setup, which skips if it is not possible. */
#define CLIENT_MOUNT(c, fs, model, cache) do {					\
	const char *client_why_ = __client_mount(c, fs, model, cache);		\
										\
	TEST_REQUIRE(!client_why_, "%s", client_why_);				\
} while (0)

#define CLIENT_PROGRAM(path, name) do {						\
	path = client_program(name);						\
	TEST_REQUIRE(path, "guest/%s is not built", name);			\
} while (0)

#endif /* FERRY_SELFTEST_CLIENT_H */
