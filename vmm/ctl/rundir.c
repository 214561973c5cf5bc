// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the run directory: names, who has them, and what the dead have left.
 * Threads: main.
 * Locks: the lock of NAME.pid (a record lock) says that the guest lives; only its own process
 *	takes it. The directory's (flock) is held while a name is taken or cleaned, so that
 *	neither happens in the middle of the other.
 */
#include "rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const rundir_files[] = { "console", "qmp", "pid" };

static int rundir_place(char *path, struct error *e)
{
	const char *own = getenv("FERRY_RUNDIR"), *user = getenv("XDG_RUNTIME_DIR");
	int n;

	if (own && *own)
		n = snprintf(path, RUNDIR_PATH_MAX, "%s", own);
	else if (!geteuid())
		n = snprintf(path, RUNDIR_PATH_MAX, "/run/ferry");
	else if (user && *user)
		n = snprintf(path, RUNDIR_PATH_MAX, "%s/ferry", user);
	else
		n = snprintf(path, RUNDIR_PATH_MAX, "/run/user/%u/ferry", geteuid());
	if (n >= (int)RUNDIR_PATH_MAX || path[0] != '/')
		return error_set(e, EINVAL, "the run directory '%.100s' is not an absolute path of "
				 "less than %u bytes", path, RUNDIR_PATH_MAX);
	return 0;
}

int rundir_open(struct rundir *d, bool make, struct error *e)
{
	struct stat st;
	int ret = rundir_place(d->path, e);

	d->fd = -1;
	if (ret)
		return ret;
	if (make && mkdir(d->path, 0700) && errno != EEXIST)
		return error_errno(e, errno, "could not make the run directory '%s'", d->path);
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d->fd < 0)
		return error_errno(e, errno, "could not open the run directory '%s'", d->path);
	if (!fstat(d->fd, &st) && st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	rundir_close(d);
	return error_set(e, EPERM, "others may write to the run directory '%s'", d->path);
}

void rundir_close(struct rundir *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

int rundir_check_name(const char *name, struct error *e)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789_.+-";
	size_t len = strlen(name);

	if (len && len <= RUNDIR_NAME_MAX && strspn(name, good) == len && !strchr(".-", *name))
		return 0;
	error_set(e, EINVAL, "'%.80s' is not a name for a guest", name);
	error_hint(e, "A name has at most %u letters, digits and characters of '_.+-', and "
		   "does not begin with\n'.' or '-'.", RUNDIR_NAME_MAX);
	return -EINVAL;
}

int rundir_path(const struct rundir *d, const char *name, const char *file, char path[],
		struct error *e)
{
	if (snprintf(path, RUNDIR_PATH_MAX, "%s/%s.%s", d->path, name, file) >=
	    (int)RUNDIR_PATH_MAX)
		return error_set(e, ENAMETOOLONG, "the run directory's path '%s' is too long",
				 d->path);
	return 0;
}

static void entry_file(const char *name, const char *file, char *buf, size_t len)
{
	snprintf(buf, len, "%s.%s", name, file);
}

static int entry_open(const struct rundir *d, const char *name, int flags)
{
	char file[RUNDIR_NAME_MAX + 16];

	entry_file(name, "pid", file, sizeof(file));
	return openat(d->fd, file, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
}

/* The kernel says whose a lock is: that a process of that number lives proves nothing. */
bool rundir_find(const struct rundir *d, const char *name, struct rundir_entry *found)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = entry_open(d, name, O_RDWR);
	bool held;

	held = fd >= 0 && !fcntl(fd, F_GETLK, &lock) && lock.l_type != F_UNLCK;
	if (fd >= 0)
		close(fd);
	if (!held)
		return false;
	snprintf(found->name, sizeof(found->name), "%s", name);
	found->pid = lock.l_pid > 0 ? lock.l_pid : 0;
	return true;
}

static void entry_remove_log(const struct rundir *d, const char *name, bool any)
{
	char file[RUNDIR_NAME_MAX + 16];
	struct stat st;

	entry_file(name, "log", file, sizeof(file));
	if (any || (!fstatat(d->fd, file, &st, AT_SYMLINK_NOFOLLOW) && !st.st_size))
		unlinkat(d->fd, file, 0);
}

static void entry_remove(const struct rundir *d, const char *name, bool log)
{
	char file[RUNDIR_NAME_MAX + 16];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rundir_files); i++) {
		entry_file(name, rundir_files[i], file, sizeof(file));
		unlinkat(d->fd, file, 0);
	}
	entry_remove_log(d, name, log);
}

static void entry_clean(const struct rundir *d, const char *name, bool log)
{
	struct rundir_entry found;

	if (flock(d->fd, LOCK_EX))
		return;
	if (!rundir_find(d, name, &found))
		entry_remove(d, name, log);
	flock(d->fd, LOCK_UN);
}

void rundir_clean(const struct rundir *d, const char *name)
{
	entry_clean(d, name, false);
}

void rundir_forget(const struct rundir *d, const char *name)
{
	entry_clean(d, name, true);
}

/* A file of its own, locked. The directory is locked. */
static int entry_make(const struct rundir *d, const char *name)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int ret, fd = entry_open(d, name, O_RDWR | O_CREAT | O_EXCL);

	if (fd < 0)
		return -errno;
	if (!fcntl(fd, F_SETLK, &lock) && dprintf(fd, "%d\n", getpid()) > 0)
		return fd;
	ret = -errno;
	entry_remove(d, name, true);
	close(fd);
	return ret;
}

int rundir_enter(const struct rundir *d, const char *name, struct error *e)
{
	struct rundir_entry found;
	int ret;

	if (flock(d->fd, LOCK_EX))
		return error_errno(e, errno, "could not lock '%s'", d->path);
	if (rundir_find(d, name, &found)) {
		ret = error_set(e, EEXIST, "guest '%s' is running already, as process %d", name,
				found.pid);
	} else {
		entry_remove(d, name, true);
		ret = entry_make(d, name);
		if (ret < 0)
			error_errno(e, ret, "could not make '%s/%s.pid'", d->path, name);
	}
	flock(d->fd, LOCK_UN);
	return ret;
}

/* By its path: a process that has given up the way to files may still do that. */
void rundir_leave(const struct rundir *d, const char *name, int fd, bool well)
{
	char path[RUNDIR_PATH_MAX];

	/* While the name is still ours. */
	if (well && !rundir_path(d, name, "log", path, NULL))
		unlink(path);
	if (!rundir_path(d, name, "pid", path, NULL))
		unlink(path);
	close(fd);
}

/* The name that a .pid file is of, or false. */
static bool entry_name(const char *file, char *name)
{
	const char *dot = strrchr(file, '.');

	if (!dot || strcmp(dot, ".pid") || dot - file > RUNDIR_NAME_MAX)
		return false;
	memcpy(name, file, dot - file);
	name[dot - file] = '\0';
	return !rundir_check_name(name, NULL);
}

static int entry_order(const void *a, const void *b)
{
	return strcmp(((const struct rundir_entry *)a)->name,
		      ((const struct rundir_entry *)b)->name);
}

static int list_grow(struct rundir_entry **list, int n)
{
	struct rundir_entry *more;

	if (n & (n - 1))
		return 0;
	more = realloc(*list, (n ? 2 * n : 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	*list = more;
	return 0;
}

int rundir_list(const struct rundir *d, struct rundir_entry **list, struct error *e)
{
	char name[RUNDIR_NAME_MAX + 1];
	struct dirent *entry;
	int n = 0, ret = 0;
	DIR *dir = opendir(d->path);

	*list = NULL;
	if (!dir)
		return error_errno(e, errno, "could not read '%s'", d->path);
	while (!ret && (entry = readdir(dir))) {
		if (!entry_name(entry->d_name, name))
			continue;
		ret = list_grow(list, n);
		if (!ret && rundir_find(d, name, &(*list)[n]))
			n++;
		else if (!ret)
			rundir_clean(d, name);
	}
	closedir(dir);
	if (ret) {
		free(*list);
		*list = NULL;
		return error_errno(e, ret, "guests");
	}
	if (n)
		qsort(*list, n, sizeof(**list), entry_order);
	return n;
}
