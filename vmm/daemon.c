// SPDX-License-Identifier: GPL-2.0
/*
 * Role: -daemonize. The process that goes on is a child from the beginning, so that
 *	all that is locked, mapped and counted by process is its own; the parent only
 *	waits for what becomes of it.
 * Threads: main, before there are others.
 * Locks: none.
 */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* /dev/null, in a program that goes into the background. */
static int daemon_null = -1;

/* Status 0 once the child says so; if it ends before, its own. */
static void daemon_wait(pid_t child, int fd)
{
	int status;
	char ready;
	ssize_t n;

	do {
		n = read(fd, &ready, 1);
	} while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(EXIT_SUCCESS);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

int daemon_begin(struct daemon *d, struct error *e)
{
	int fds[2];
	pid_t child;

	d->log_fd = -1;
	d->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (d->null_fd < 0 || pipe2(fds, O_CLOEXEC))
		return error_errno(e, errno, "cannot go into the background");
	child = fork();
	if (child < 0)
		return error_errno(e, errno, "cannot go into the background");
	if (child) {
		close(fds[1]);
		daemon_wait(child, fds[0]);
	}
	close(fds[0]);
	daemon_null = d->null_fd;
	setsid();
	d->ready_fd = fds[1];
	return 0;
}

void daemon_ready(const struct daemon *d)
{
	const char ready = 1;
	int i;
	ssize_t n;

	/* Whoever reads the caller's output to its end shall see that end. */
	for (i = 0; i < 3; i++)
		dup2(i && d->log_fd >= 0 ? d->log_fd : d->null_fd, i);
	if (d->log_fd > STDERR_FILENO)
		close(d->log_fd);
	/* What is forked from here on has none but these. */
	daemon_null = -1;
	if (d->null_fd > STDERR_FILENO)
		close(d->null_fd);
	n = write(d->ready_fd, &ready, 1);
	(void)n;
	close(d->ready_fd);
}

void daemon_leave(void)
{
	int i;

	for (i = 0; i < 3 && daemon_null >= 0; i++)
		dup2(daemon_null, i);
}
