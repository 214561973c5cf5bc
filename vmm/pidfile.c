// SPDX-License-Identifier: GPL-2.0
/*
 * Role: -pidfile.
 * Threads: main.
 * Locks: none; the file is locked, by its whole length.
 */
#include "pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether it is still what the path names: its last owner removes it and then ends. */
static bool pidfile_there(const char *path, int fd)
{
	struct stat ours, named;

	return !fstat(fd, &ours) && !stat(path, &named) && ours.st_dev == named.st_dev &&
	       ours.st_ino == named.st_ino;
}

static int pidfile_open(const char *path, struct error *e)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd, err;

	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0)
			return error_errno(e, errno, "cannot create PID file '%s'", path);
		if (fcntl(fd, F_SETLK, &whole)) {
			err = errno;
			close(fd);
			if (err != EAGAIN && err != EACCES)
				return error_errno(e, err, "cannot lock PID file '%s'", path);
			return error_set(e, EAGAIN, "cannot lock PID file '%s': is another "
					 "process using it?", path);
		}
		if (pidfile_there(path, fd))
			return fd;
		close(fd);
	}
}

int pidfile_create(const char *path, struct error *e)
{
	int fd = pidfile_open(path, e), err;

	if (fd < 0)
		return fd;
	if (!ftruncate(fd, 0) && dprintf(fd, "%d\n", getpid()) > 0)
		return fd;
	err = errno;
	pidfile_remove(path, fd);
	return error_errno(e, err, "cannot write PID file '%s'", path);
}

void pidfile_remove(const char *path, int fd)
{
	if (fd < 0)
		return;
	unlink(path);
	close(fd);
}
