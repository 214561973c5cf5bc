// SPDX-License-Identifier: GPL-2.0
/*
 * Role: a guest's log: a process that writes it, and "ferry log", which shows it. All that the
 *	VMM, its libraries and the programs that it starts say comes through one pipe, and what
 *	reads that outlives them: the last words of a VMM that dies are heard. It has no rights
 *	that a guest could be after but those of its user, and no descriptor of the VMM's.
 * Threads: main.
 * Locks: none.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"
#include "guest.h"
#include "plain.h"

/* The process's descriptors, and the only ones. */
enum { LOG_IN, LOG_OUT, LOG_DIR, LOG_FDS };

#define LOG_LINE	1024

/* The newer half of what there is, from the beginning of a line on, takes its place. */
static void log_cut(void)
{
	char *half = malloc(LOG_MAX / 2), *from;
	ssize_t n = half ? pread(LOG_OUT, half, LOG_MAX / 2, LOG_MAX / 2) : -1;

	from = n > 0 ? memchr(half, '\n', n) : NULL;
	/* It is open for appending: what is written is behind the end, wherever that is. */
	if (!ftruncate(LOG_OUT, 0) && from)
		n = write(LOG_OUT, from + 1, n - (from + 1 - half));
	free(half);
}

/* One line, with the time; without what could be a terminal's command. */
static void log_line(char *text, size_t len)
{
	char line[LOG_LINE + 32];
	time_t now = time(NULL);
	struct stat st;
	struct tm t;
	size_t n;

	plain_text(text, len, false);
	n = strftime(line, sizeof(line), "%Y-%m-%d %H:%M:%S ", localtime_r(&now, &t));
	n += snprintf(line + n, sizeof(line) - n, "%.*s\n", (int)len, text);
	if (!fstat(LOG_OUT, &st) && st.st_size + n > LOG_MAX)
		log_cut();
	/* Where there is no room, nobody is left to tell. */
	if (write(LOG_OUT, line, n) < 0)
		return;
}

/* Take whole lines off the beginning; what is too long for one is cut. */
static size_t log_take(char *buf, size_t len, bool all)
{
	size_t done = 0;

	while (done < len) {
		char *end = memchr(buf + done, '\n', len - done);
		size_t n = end ? (size_t)(end - buf) - done : len - done;

		if (!end && n < LOG_LINE && !all)
			break;
		n = n < LOG_LINE ? n : LOG_LINE;
		if (n)
			log_line(buf + done, n);
		done += n + (end == buf + done + n);
	}
	memmove(buf, buf + done, len - done);
	return len - done;
}

/* One that nothing was written to, unless another guest has the name by now. */
static void log_end(const char *file)
{
	struct stat own, now;

	if (fstat(LOG_OUT, &own) || own.st_size)
		return;
	if (!fstatat(LOG_DIR, file, &now, AT_SYMLINK_NOFOLLOW) && now.st_ino == own.st_ino)
		unlinkat(LOG_DIR, file, 0);
}

static void log_serve(const char *file)
{
	char buf[2 * LOG_LINE];
	size_t len = 0;
	ssize_t n;

	for (;;) {
		n = read(LOG_IN, buf + len, sizeof(buf) - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len = log_take(buf, len + n, false);
	}
	log_take(buf, len, true);
	log_end(file);
}

/* The process that writes: nothing of the VMM's is open in it, and no signal to it is meant. */
static void log_process(int in, int out, int dir, const char *file)
{
	const int fds[LOG_FDS] = {
		[LOG_IN] = fcntl(in, F_DUPFD, LOG_FDS),
		[LOG_OUT] = fcntl(out, F_DUPFD, LOG_FDS),
		[LOG_DIR] = fcntl(dir, F_DUPFD, LOG_FDS),
	};
	int i;

	for (i = 0; i < LOG_FDS; i++)
		if (dup2(fds[i], i) < 0)
			_exit(EXIT_FAILURE);
	closefrom(LOG_FDS);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	prctl(PR_SET_NAME, "ferry-log");
	log_serve(file);
	_exit(EXIT_SUCCESS);
}

static int log_fork(int fds[2], int out, const struct rundir *d, const char *file)
{
	pid_t child;

	/* One that is slow, or stopped, does not hold up a guest. */
	if (fcntl(fds[1], F_SETFL, O_NONBLOCK))
		return -errno;
	child = fork();
	if (!child)
		log_process(fds[0], out, d->fd, file);
	return child < 0 ? -errno : 0;
}

int log_begin(const struct rundir *d, const char *name, struct error *e)
{
	char file[RUNDIR_NAME_MAX + 16];
	int fds[2], out, ret;

	snprintf(file, sizeof(file), "%s.log", name);
	out = openat(d->fd, file, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		return error_errno(e, errno, "could not make '%s/%s'", d->path, file);
	ret = pipe2(fds, O_CLOEXEC) ? -errno : 0;
	if (!ret) {
		ret = log_fork(fds, out, d, file);
		close(fds[0]);
		if (ret)
			close(fds[1]);
	}
	close(out);
	if (!ret)
		return fds[1];
	unlinkat(d->fd, file, 0);
	return error_errno(e, ret, "could not begin '%s/%s'", d->path, file);
}

static int log_show(int fd, struct error *e)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, n, stdout);
	return n < 0 ? error_errno(e, errno, "reading the log") : 0;
}

/* Of a guest that runs, or of one that does not any more and has left one. */
static int log_open(const char *name, struct error *e)
{
	struct rundir d = { .fd = -1 };
	char file[RUNDIR_NAME_MAX + 16];
	struct guest g;
	int fd = -1, ret = rundir_check_name(name, e);

	if (ret)
		return ret;
	snprintf(file, sizeof(file), "%s.log", name);
	if (!rundir_open(&d, false, NULL))
		fd = openat(d.fd, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	rundir_close(&d);
	if (fd >= 0)
		return fd;
	ret = guest_find(&g, name, e);
	if (ret)
		return ret;
	guest_close(&g);
	return error_set(e, ENOENT, "guest '%s' is not in the background, and has no log", name);
}

int ctl_log(int argc, char **argv, struct error *e)
{
	const char *name;
	const struct ctl_args args = { NULL, 1, 1, "NAME", &name };
	int fd, ret = ctl_args(argc, argv, &args, e);

	if (ret)
		return ret;
	fd = log_open(name, e);
	if (fd < 0)
		return fd;
	ret = log_show(fd, e);
	close(fd);
	return ret;
}
