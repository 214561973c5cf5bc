// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the service manager's socket, $NOTIFY_SOCKET: one datagram.
 * Threads: main.
 * Locks: none.
 */
#include "notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int notify_begin(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path ? strlen(path) : 0;
	int fd;

	/* "@" stands for the zero byte of a name that is in no file system. */
	if (len < 2 || len >= sizeof(a.sun_path) || !strchr("/@", *path))
		return -1;
	memcpy(a.sun_path, path, len);
	if (*path == '@')
		a.sun_path[0] = '\0';
	/* It is for this process and not for its scripts. */
	unsetenv("NOTIFY_SOCKET");
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !connect(fd, (const struct sockaddr *)&a,
				offsetof(struct sockaddr_un, sun_path) + len))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

void notify_ready(int fd)
{
	static const char text[] = "READY=1\n";
	ssize_t n;

	if (fd < 0)
		return;
	n = write(fd, text, sizeof(text) - 1);
	(void)n;
	close(fd);
}
