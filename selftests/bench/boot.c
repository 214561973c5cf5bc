// SPDX-License-Identifier: GPL-2.0
/*
 * The surroundings of a program that is the only process of a machine. Runs in
 * that one thread; anything that fails ends the process, thus the machine,
 * before it has said "end".
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "boot.h"
#include "check.h"

/* QEMU's -debugcon. */
#define BOOT_PORT	0xe9

static void boot_mount(const char *type, const char *where)
{
	check(!mkdir(where, 0755) || errno == EEXIST, "mkdir %s: %s", where, strerror(errno));
	check(!mount(type, where, type, 0, NULL) || errno == EBUSY, "mount %s: %s", where,
	      strerror(errno));
}

static void boot_load(const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/modules/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	check(fd >= 0, "open %s: %s", path, strerror(errno));
	/* ENODEV: for another CPU than this one. */
	check(!syscall(SYS_finit_module, fd, "", 0) || errno == ENODEV, "load %s: %s", name,
	      strerror(errno));
	close(fd);
}

void boot_begin(void)
{
	FILE *order;
	char name[128];

	boot_mount("proc", "/proc");
	boot_mount("sysfs", "/sys");
	boot_mount("devtmpfs", "/dev");
	order = fopen("/modules/order", "re");
	check(order, "open /modules/order: %s", strerror(errno));
	while (fscanf(order, "%127s", name) == 1)
		boot_load(name);
	fclose(order);
}

void boot_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	check(fd >= 0, "open %s: %s", path, strerror(errno));
	check(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s to %s: %s", text, path,
	      strerror(errno));
	close(fd);
}

void boot_result(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int fd, n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	check(n >= 0 && n < (int)sizeof(line) - 1, "a result of %d bytes", n);
	line[n++] = '\n';
	fd = open("/dev/port", O_WRONLY | O_CLOEXEC);
	check(fd >= 0, "open /dev/port: %s", strerror(errno));
	/* The file's position is the port; a longer write would go to its neighbours. */
	for (int i = 0; i < n; i++)
		check(pwrite(fd, &line[i], 1, BOOT_PORT) == 1, "write to the debug port");
	close(fd);
}

bool boot_parameter(const char *name, char *value, size_t size)
{
	FILE *f = fopen("/proc/cmdline", "re");
	char word[256], prefix[64];
	bool found = false;

	check(f, "open /proc/cmdline: %s", strerror(errno));
	snprintf(prefix, sizeof(prefix), "bench.%s=", name);
	while (!found && fscanf(f, "%255s", word) == 1) {
		found = !strncmp(word, prefix, strlen(prefix));
		if (found)
			snprintf(value, size, "%s", word + strlen(prefix));
	}
	fclose(f);
	return found;
}

static void boot_section(const char *module)
{
	char path[512], value[64];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/module/%s/sections/.text", module);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(value, sizeof(value), f))
		boot_result("section %s %.*s", module, (int)strcspn(value, "\n"), value);
	fclose(f);
}

void boot_symbols(void)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	DIR *modules = opendir("/sys/module");
	struct dirent *entry;
	char line[512];

	check(f && modules, "open kallsyms: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		char type = line[strcspn(line, " ") + 1];

		if (strchr("tTwW", type))
			boot_result("symbol %.*s", (int)strcspn(line, "\n"), line);
	}
	fclose(f);
	while ((entry = readdir(modules)))
		boot_section(entry->d_name);
	closedir(modules);
}

void boot_end(void)
{
	boot_result("end");
	fflush(stdout);
	reboot(RB_AUTOBOOT);
	check_fail("reboot: %s", strerror(errno));
}
