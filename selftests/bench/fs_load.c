// SPDX-License-Identifier: GPL-2.0
/*
 * Loads on a directory. Each line of standard input is "WHAT DIRECTORY COUNT"; the
 * answer is "result UNITS NANOSECONDS": files, entries, requests or bytes. What a load
 * needs is there before, made by whoever asks; it cleans nothing up. $BENCH_TAR is the
 * archive that "tar" unpacks. One thread.
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOAD_BLOCK	4096
#define LOAD_STREAM	(256 << 10)
#define LOAD_SMALL	10	/* entries of a small directory */

static char load_buf[LOAD_STREAM];

static uint64_t load_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static uint64_t load_create(int dir, unsigned int n)
{
	char name[32];

	for (unsigned int i = 0; i < n; i++) {
		int fd;

		snprintf(name, sizeof(name), "f%u", i);
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd < 0)
			err(1, "create %s", name);
		close(fd);
	}
	return n;
}

static uint64_t load_stat(int dir, unsigned int n)
{
	struct stat st;
	char name[32];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
			err(1, "stat %s", name);
	}
	return n;
}

static uint64_t load_unlink(int dir, unsigned int n)
{
	char name[32];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		if (unlinkat(dir, name, 0))
			err(1, "unlink %s", name);
	}
	return n;
}

/* Entries below a directory that are found by their types alone. */
static uint64_t load_list(int at, const char *name, bool deep)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	uint64_t n = 0;

	if (!dir)
		err(1, "open %s", name);
	while ((e = readdir(dir))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		n++;
		if (deep && e->d_type == DT_DIR)
			n += load_list(fd, e->d_name, true);
	}
	closedir(dir);
	return n;
}

static uint64_t load_readdir(int dir, unsigned int n)
{
	uint64_t found = load_list(dir, ".", false);

	if (found != n)
		errx(1, "%llu entries", (unsigned long long)found);
	return found;
}

static uint64_t load_dirs(int dir, unsigned int n)
{
	char name[32];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "d%u", i);
		if (load_list(dir, name, false) != LOAD_SMALL)
			errx(1, "entries of %s", name);
	}
	return n;
}

static uint64_t load_random(int dir, unsigned int n, bool write)
{
	int fd = openat(dir, "data", (write ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
	uint32_t seed = 1;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		err(1, "data");
	if (write)
		memset(load_buf, 0x5a, LOAD_BLOCK);
	for (unsigned int i = 0; i < n; i++) {
		ssize_t moved;
		off_t pos;

		seed = seed * 1664525 + 1013904223;
		pos = (off_t)((seed >> 8) % (st.st_size / LOAD_BLOCK)) * LOAD_BLOCK;
		moved = write ? pwrite(fd, load_buf, LOAD_BLOCK, pos) :
				pread(fd, load_buf, LOAD_BLOCK, pos);
		if (moved != LOAD_BLOCK)
			err(1, "a block of data");
	}
	close(fd);
	return n;
}

static uint64_t load_randread(int dir, unsigned int n)
{
	return load_random(dir, n, false);
}

static uint64_t load_randwrite(int dir, unsigned int n)
{
	return load_random(dir, n, true);
}

/* @n is in KiB for both. */
static uint64_t load_read(int dir, unsigned int n)
{
	int fd = openat(dir, "data", O_RDONLY | O_CLOEXEC);
	uint64_t sum = 0;
	ssize_t got = 0;

	if (fd < 0)
		err(1, "data");
	while ((got = read(fd, load_buf, sizeof(load_buf))) > 0)
		sum += got;
	close(fd);
	if (got < 0 || sum != (uint64_t)n << 10)
		errx(1, "%llu bytes read", (unsigned long long)sum);
	return sum;
}

static uint64_t load_write(int dir, unsigned int n)
{
	int fd = openat(dir, "out", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	uint64_t sum = 0;

	if (fd < 0)
		err(1, "out");
	for (; sum < (uint64_t)n << 10; sum += sizeof(load_buf))
		if (write(fd, load_buf, sizeof(load_buf)) != sizeof(load_buf))
			err(1, "write");
	close(fd);
	return sum;
}

static void load_busybox(int dir, char *const *words)
{
	int status;
	pid_t pid;

	if (fchdir(dir) || posix_spawnp(&pid, "busybox", NULL, NULL, words, NULL) ||
	    waitpid(pid, &status, 0) != pid || status)
		errx(1, "busybox %s", words[1]);
}

static uint64_t load_tar(int dir, unsigned int n)
{
	char *const words[] = { "busybox", "tar", "xf", getenv("BENCH_TAR"), NULL };

	load_busybox(dir, words);
	return n;
}

static uint64_t load_find(int dir, unsigned int n)
{
	char *const words[] = { "busybox", "find", ".", "-size", "+4000", NULL };

	load_busybox(dir, words);
	return n;
}

/* As git's status: stat what the index names, then list all directories. */
static uint64_t load_status(int dir, unsigned int n)
{
	int fd = openat(dir, "index", O_RDONLY | O_CLOEXEC);
	FILE *index = fd < 0 ? NULL : fdopen(fd, "r");
	unsigned int known = 0;
	char name[256];
	struct stat st;

	if (!index)
		err(1, "index");
	for (; fscanf(index, "%255s", name) == 1; known++)
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
			err(1, "stat %s", name);
	fclose(index);
	if (known != n || load_list(dir, ".", true) < n)
		errx(1, "%u files in the index", known);
	return n;
}

static const struct load {
	const char *name;
	uint64_t (*run)(int dir, unsigned int n);
} loads[] = {
	{ "create", load_create }, { "stat", load_stat }, { "unlink", load_unlink },
	{ "readdir", load_readdir }, { "dirs", load_dirs }, { "randread", load_randread },
	{ "randwrite", load_randwrite }, { "read", load_read }, { "write", load_write },
	{ "tar", load_tar }, { "find", load_find }, { "status", load_status },
};

static void load_one(const char *what, const char *path, unsigned int n)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t begin, units;

	if (dir < 0)
		err(1, "open %s", path);
	for (unsigned int i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		if (strcmp(what, loads[i].name))
			continue;
		begin = load_now();
		units = loads[i].run(dir, n);
		printf("result %llu %llu\n", (unsigned long long)units,
		       (unsigned long long)(load_now() - begin));
		fflush(stdout);
	}
	if (chdir("/"))
		err(1, "chdir");
	close(dir);
}

int main(void)
{
	char what[16], path[256];
	unsigned int n;

	while (scanf("%15s %255s %u", what, path, &n) == 3)
		load_one(what, path, n);
	return 0;
}
