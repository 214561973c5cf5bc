// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the cache of unpacked kernels: where it is, who may write to it, what stays in it.
 * Threads: main, before the guest runs.
 * Locks: none: a file appears whole, under a name of what it was made of, and several
 *	processes may make it at once. One that gives way stays with who has it open.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unpack.h"

/* Kernels that are kept, of some 40 MB on the disk. */
#define CACHE_KERNELS	4U

/* All names begin with it: what else is in the directory is not ours to remove. */
#define CACHE_PREFIX	"ferry-kernel-"

static int cache_place(char *path, size_t len)
{
	const char *own = getenv("FERRY_CACHEDIR"), *user = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	int n;

	if (own)
		n = snprintf(path, len, "%s", own);
	else if (!geteuid())
		n = snprintf(path, len, "/var/cache/ferry");
	else if (user && *user)
		n = snprintf(path, len, "%s/ferry", user);
	else
		n = snprintf(path, len, "%s/.cache/ferry", home ?: "");
	return n < (int)len && path[0] == '/' ? 0 : -ENOENT;
}

/* The directory, which is made; -errno if it is not ours alone. */
static int cache_open(void)
{
	char path[PATH_MAX], *slash;
	struct stat st;
	int dir, ret = cache_place(path, sizeof(path));

	if (ret)
		return ret;
	/* A new user has no ~/.cache. */
	slash = strrchr(path, '/');
	*slash = 0;
	mkdir(path, 0700);
	*slash = '/';
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	if (!fstat(dir, &st) && st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return dir;
	close(dir);
	return -EPERM;
}

static int cache_name(int kernel, char *name, size_t len)
{
	struct stat st;

	if (fstat(kernel, &st))
		return -errno;
	snprintf(name, len, CACHE_PREFIX "%llx-%llx-%llx-%llx.%lx-%llx.%lx",
		 (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
		 (unsigned long long)st.st_size, (unsigned long long)st.st_mtim.tv_sec,
		 st.st_mtim.tv_nsec, (unsigned long long)st.st_ctim.tv_sec,
		 st.st_ctim.tv_nsec);
	return 0;
}

/* One that is there, which is used now. */
static int cache_find(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0)
		futimens(fd, NULL);
	return fd;
}

/* Also what processes that were killed left unfinished. */
static bool cache_is_ours(const char *name)
{
	return !strncmp(name, CACHE_PREFIX, strlen(CACHE_PREFIX));
}

/* Remove the file that was used least recently, if there are too many. */
static bool cache_prune(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct timespec oldest = { 0 };
	char victim[NAME_MAX + 1] = "";
	unsigned int n = 0;
	struct dirent *e;
	struct stat st;

	while (d && (e = readdir(d))) {
		if (!cache_is_ours(e->d_name) || fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (n++ && (st.st_mtim.tv_sec > oldest.tv_sec ||
			    (st.st_mtim.tv_sec == oldest.tv_sec &&
			     st.st_mtim.tv_nsec >= oldest.tv_nsec)))
			continue;
		oldest = st.st_mtim;
		strcpy(victim, e->d_name);
	}
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	return n > CACHE_KERNELS && !unlinkat(dir, victim, 0);
}

/* Unpack it into the directory. It is on the disk before it has its name. */
static int cache_add(int dir, const char *name, int kernel, u64 size,
		     const struct setup_header *h)
{
	char fresh[48];
	u64 random;
	int fd;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -1;
	snprintf(fresh, sizeof(fresh), CACHE_PREFIX "new-%llx", (unsigned long long)random);
	fd = openat(dir, fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (x86_unpack(kernel, size, h, fd) || fdatasync(fd) ||
	    renameat(dir, fresh, dir, name)) {
		unlinkat(dir, fresh, 0);
		close(fd);
		return -1;
	}
	/* Whoever takes over the VMM later is not to write to it. */
	close(fd);
	while (cache_prune(dir))
		;
	return cache_find(dir, name);
}

int x86_unpack_kept(int kernel, u64 size, const struct setup_header *h)
{
	char name[160];
	int dir = cache_open(), fd = -1;

	if (dir < 0)
		return -1;
	if (!cache_name(kernel, name, sizeof(name))) {
		fd = cache_find(dir, name);
		if (fd < 0)
			fd = cache_add(dir, name, kernel, size, h);
	}
	close(dir);
	return fd;
}
