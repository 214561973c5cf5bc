/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of vmm/backend/image.c share: images in a directory, and what may not be left. */
#ifndef FERRY_VMM_TESTS_TESTIMAGE_H
#define FERRY_VMM_TESTS_TESTIMAGE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/image.h"
#include "harness.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	240

#define IMAGE_SIZE	(64 * MIB)

/* Waiting ends in a failure after this many steps of 20 ms. */
#define PATIENCE	3000

static inline int run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static inline void __image_env(char *dir, size_t len);
static inline unsigned long image_scale(unsigned long n);
static inline bool image_cpu_is(const char *text);
static inline bool image_can_run(void);

/* A shell command's exit status. */
static inline int run(const char *fmt, ...)
{
	char command[1024];
	va_list ap;
	int n, status;

	n = snprintf(command, sizeof(command), "exec >/dev/null 2>&1; ");
	va_start(ap, fmt);
	vsnprintf(command + n, sizeof(command) - n, fmt, ap);
	va_end(ap);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Whether /proc/cpuinfo has @text. */
static inline bool image_cpu_is(const char *text)
{
	return !run("grep -q '%s' /proc/cpuinfo", text);
}

static inline unsigned long image_scale(unsigned long n)
{
	const char *env = getenv("FERRY_TEST_SCALE");
	unsigned long percent = env ? strtoul(env, NULL, 0) : image_cpu_is("QEMU") ? 10 : 100;

	n = n * percent / 100;
	return n ? n : 1;
}

/* A new directory; also where the code under test keeps what it needs for a moment. */
static inline void __image_env(char *dir, size_t len)
{
	snprintf(dir, len, "/tmp/test-image-XXXXXX");
	if (!mkdtemp(dir) || setenv("TMPDIR", dir, 1))
		abort();
}

/* Root on a kernel that has nbd, and QEMU's tools. */
static inline bool image_can_run(void)
{
	return !geteuid() && !run("command -v qemu-img && command -v qemu-storage-daemon") &&
	       (!access("/sys/module/nbd", F_OK) || !run("/sbin/modprobe nbd max_part=0"));
}

#define IMAGE_REQUIRE() do {							\
	if (!image_can_run())							\
		SKIP(return, "needs root, nbd and QEMU's tools");		\
} while (0)

/* How many nbd devices have a server. */
static inline int image_devices(void)
{
	char path[300];
	struct dirent *d;
	int n = 0;
	DIR *dir = opendir("/sys/block");

	while (dir && (d = readdir(dir))) {
		if (strncmp(d->d_name, "nbd", 3))
			continue;
		snprintf(path, sizeof(path), "/sys/block/%s/pid", d->d_name);
		n += !access(path, F_OK);
	}
	if (dir)
		closedir(dir);
	return n;
}

/* How many servers and their keepers run; the kernel keeps 15 characters of a name. */
static inline int image_servers(void)
{
	char path[300], name[32];
	struct dirent *d;
	int n = 0;
	DIR *dir = opendir("/proc");
	FILE *f;

	while (dir && (d = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", d->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(name, sizeof(name), f))
			n += !strncmp(name, "qemu-storage-da", 15) ||
			     !strncmp(name, "qemu-nbd", 8) || !strncmp(name, "ferry-nbd", 9);
		fclose(f);
	}
	if (dir)
		closedir(dir);
	return n;
}

static inline int image_entries(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	int n = 0;

	while (dir && (d = readdir(dir)))
		n += !strncmp(d->d_name, "ferry-", 6);
	if (dir)
		closedir(dir);
	return n;
}

/* Until no device, server, directory or lock of @file is left; false if that never comes. */
static inline bool image_all_gone(const char *dir, const char *file)
{
	int i;

	for (i = 0; i < PATIENCE; i++) {
		if (!image_devices() && !image_servers() && !image_entries(dir) &&
		    !run("qemu-io -f qcow2 -c 'read 0 512' '%s'", file))
			return true;
		usleep(20000);
	}
	printf("# devices %d, servers %d, directories %d\n", image_devices(), image_servers(),
	       image_entries(dir));
	return false;
}

/* @len bytes of @fill at @offset through a device. */
static inline bool image_write(int fd, u8 fill, u64 offset, size_t len)
{
	void *buf = aligned_alloc(4096, len);
	bool done;

	if (!buf)
		return false;
	memset(buf, fill, len);
	done = pwrite(fd, buf, len, offset) == (ssize_t)len;
	free(buf);
	return done;
}

static inline bool image_holds(int fd, u8 fill, u64 offset, size_t len)
{
	u8 *buf = aligned_alloc(4096, len);
	bool same;
	size_t i;

	if (!buf)
		return false;
	same = pread(fd, buf, len, offset) == (ssize_t)len;
	for (i = 0; same && i < len; i++)
		same = buf[i] == fill;
	free(buf);
	return same;
}

/* What QEMU finds there. */
static inline bool image_file_holds(const char *file, u8 fill, u64 offset, size_t len)
{
	return !run("qemu-io -r -f qcow2 -c 'read -P %u %llu %zu' '%s'", fill,
		    (unsigned long long)offset, len, file);
}

#endif /* FERRY_VMM_TESTS_TESTIMAGE_H */
