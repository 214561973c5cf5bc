// SPDX-License-Identifier: GPL-2.0
/*
 * Role: make, find and take connections of Unix stream sockets.
 * Threads: main.
 * Locks: none.
 */
#include "sock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCK_BACKLOG	16

/* A descriptor that is given up to turn a client away when there are no others. */
static int sock_spare = -1;

static void sock_keep_spare(void)
{
	if (sock_spare < 0)
		sock_spare = eventfd(0, EFD_CLOEXEC);
}

static int sock_address(struct sockaddr_un *a, const char *path, struct error *e)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!*path)
		return error_set(e, EINVAL, "UNIX socket path is empty");
	if (strlen(path) >= sizeof(a->sun_path)) {
		error_set(e, EINVAL, "UNIX socket path '%s' is too long", path);
		error_hint(e, "Path must be less than %zu bytes", sizeof(a->sun_path));
		return -EINVAL;
	}
	strcpy(a->sun_path, path);
	return 0;
}

static int sock_new(struct error *e)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? error_errno(e, errno, "Failed to create Unix socket") : fd;
}

/* Whether @path is a socket that nobody listens on any more. */
static bool sock_is_dead(const struct sockaddr_un *a)
{
	struct stat st;
	bool dead;
	int fd;

	if (lstat(a->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	dead = fd >= 0 && connect(fd, (const struct sockaddr *)a, sizeof(*a)) &&
	       errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return dead;
}

static int sock_bind(int fd, const struct sockaddr_un *a)
{
	int err;

	if (!bind(fd, (const struct sockaddr *)a, sizeof(*a)))
		return 0;
	err = errno;
	if (err != EADDRINUSE || !sock_is_dead(a))
		return -err;
	unlink(a->sun_path);
	return bind(fd, (const struct sockaddr *)a, sizeof(*a)) ? -errno : 0;
}

int sock_listen(const char *path, struct error *e)
{
	struct sockaddr_un a;
	int fd, ret;

	ret = sock_address(&a, path, e);
	if (ret)
		return ret;
	fd = sock_new(e);
	if (fd < 0)
		return fd;
	ret = sock_bind(fd, &a);
	if (!ret && listen(fd, SOCK_BACKLOG))
		ret = -errno;
	if (!ret) {
		sock_keep_spare();
		return fd;
	}
	close(fd);
	return error_errno(e, ret, "Failed to bind socket to %s", path);
}

int sock_connect(const char *path, struct error *e)
{
	struct sockaddr_un a;
	int fd, ret;

	ret = sock_address(&a, path, e);
	if (ret)
		return ret;
	fd = sock_new(e);
	if (fd < 0)
		return fd;
	if (!connect(fd, (const struct sockaddr *)&a, sizeof(a)))
		return fd;
	ret = -errno;
	close(fd);
	return error_errno(e, ret, "Failed to connect to '%s'", path);
}

int sock_accept(int listen_fd)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), err;

	if (fd >= 0)
		return fd;
	err = -errno;
	if ((err != -EMFILE && err != -ENFILE) || sock_spare < 0)
		return err;
	close(sock_spare);
	sock_spare = -1;
	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		close(fd);
	sock_keep_spare();
	return fd >= 0 ? -ECONNABORTED : err;
}

int sock_await(int listen_fd, int abort_fd)
{
	struct pollfd p[2] = {
		{ .fd = listen_fd, .events = POLLIN },
		{ .fd = abort_fd, .events = POLLIN },
	};
	int fd;

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (p[1].revents)
			return -EINTR;
		if (!p[0].revents)
			continue;
		fd = sock_accept(listen_fd);
		if (fd >= 0 || (fd != -EAGAIN && fd != -ECONNABORTED))
			return fd;
	}
}
