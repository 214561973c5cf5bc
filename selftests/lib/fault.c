// SPDX-License-Identifier: GPL-2.0
/*
 * Fault injection. Stateless; one thread at a time may use a knob.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>

#include "check.h"
#include "fault.h"

#define FAULT_DEBUGFS	"/sys/kernel/debug"

static bool fault_knob(const char *name, const char *value)
{
	char path[96];
	bool done;
	int fd;

	snprintf(path, sizeof(path), FAULT_DEBUGFS "/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	done = write(fd, value, strlen(value)) > 0;
	close(fd);
	return done;
}

/* It runs on without the page after a fault in kernel mode that got none. */
static bool fault_user_mode_linux(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, "User Mode Linux");
	if (f)
		fclose(f);
	return found;
}

int __fault_prepare(void)
{
	bool single = !fault_user_mode_linux();

	if (access(FAULT_DEBUGFS "/failslab", F_OK) &&
	    mount("debugfs", FAULT_DEBUGFS, "debugfs", 0, NULL))
		return -errno;
	if (!fault_knob("failslab/ignore-gfp-wait", "N") ||
	    !fault_knob("fail_page_alloc/ignore-gfp-wait", "N") ||
	    !fault_knob("fail_page_alloc/ignore-gfp-highmem", "N") ||
	    (single && !fault_knob("fail_page_alloc/min-order", "0")))
		return -ENOENT;
	return single;
}

int __fault_pages(pid_t tid, bool on)
{
	char path[64];
	int fd;

	if (!fault_knob("fail_page_alloc/task-filter", "Y") ||
	    !fault_knob("fail_page_alloc/times", "-1") ||
	    !fault_knob("fail_page_alloc/probability", on ? "100" : "0"))
		return -ENOENT;
	snprintf(path, sizeof(path), "/proc/%d/make-it-fail", tid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	check(write(fd, on ? "1" : "0", 1) == 1, "make-it-fail: %s", strerror(errno));
	close(fd);
	return 0;
}

int __fault_open(pid_t tid)
{
	char path[64] = "/proc/thread-self/fail-nth";
	int fd;

	/* A worker may be a kernel thread, which is nobody's task. */
	if (tid)
		snprintf(path, sizeof(path), "/proc/%d/fail-nth", tid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void fault_arm(int fd, int nth)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", nth);

	/* A place of the caller's own that is still armed may be one of this very write. */
	if (!nth && pwrite(fd, text, n, 0) == n)
		return;
	check(pwrite(fd, text, n, 0) == n, "arm fail-nth: %s", strerror(errno));
}

bool fault_met(int fd)
{
	char text[16] = "";

	/* If it is this read of the caller's own that meets it, it was not met before. */
	return pread(fd, text, sizeof(text) - 1, 0) > 0 && atoi(text) == 0;
}
