// SPDX-License-Identifier: GPL-2.0
/*
 * A host without memory: a file takes nearly all of it, and a program what is left but for what
 * the kernel keeps for itself. Requests to /dev/ferry-blk take their time, but each is answered,
 * and right: none fails for what another program does.
 */
#include <signal.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "test_blk.h"

/* KiB that the file leaves to everybody else. */
#define LEFT_KB		(48UL << 10)
/* syslog(2): what is no error is not for the console, such as that the program gets no memory. */
#define CONSOLE_LEVEL	8
#define CONSOLE_ERRORS	4
#define STEP		(4UL << 20)
#define BITE		(64UL << 10)

FIXTURE(full) {
	struct disk disk;
	struct blk b;
	struct load l;
	char dir[48];		/* the tmpfs of the file, "": none */
	unsigned long level;	/* of the console, before */
};

FIXTURE_VARIANT(full) {
	struct disk_options disk;
	struct ring_layout l;
};

BLK_VARIANT(full, null_split, DISK_NULL, .event_idx = true);
BLK_VARIANT(full, cached_packed, DISK_BLOCK_CACHED, .packed = true);
BLK_VARIANT(full, ext4_split_indirect, DISK_EXT4, .indirect = true);
BLK_VARIANT(full, ext4_direct_packed, DISK_EXT4_DIRECT, .packed = true, .event_idx = true);

FIXTURE_SETUP(full)
{
	struct blk_options o = { .layout = variant->l };

	DISK_MAKE(&self->disk, &variant->disk);
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
}

FIXTURE_TEARDOWN(full)
{
	if (self->l.model)
		load_destroy(&self->l);
	blk_destroy(&self->b);
	if (self->dir[0]) {
		klogctl(CONSOLE_LEVEL, NULL, self->level);
		umount2(self->dir, MNT_DETACH);
		rmdir(self->dir);
	}
	disk_free(&self->disk);
}

/* The first number that a file of /proc has in this form. */
static unsigned long number(const char *path, const char *format)
{
	FILE *f = fopen(path, "re");
	unsigned long n = 0;
	char line[128];

	check(f, "%s", path);
	while (!n && fgets(line, sizeof(line), f))
		sscanf(line, format, &n);
	fclose(f);
	return n;
}

/* A file in memory of its own, until there is little left. */
static void fill_memory(char *dir, size_t room)
{
	unsigned long size = 0;
	char path[64];
	int fd, err = 0;

	snprintf(dir, room, "/tmp/full-%d", getpid());
	check(!mkdir(dir, 0700) && !mount("tmpfs", dir, "tmpfs", 0, "size=100%"), "a tmpfs");
	snprintf(path, sizeof(path), "%s/file", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	check(fd >= 0, "a file");
	for (; number("/proc/meminfo", "MemAvailable: %lu") > LEFT_KB && !err; size += STEP)
		err = posix_fallocate(fd, size, STEP);
	check(!err, "memory for a file: %s", strerror(err));
	close(fd);
}

/* Take what is free, but for what whoever wants more has to reclaim, and keep it. */
static void glutton(int done)
{
	unsigned long low = number("/proc/sys/vm/min_free_kbytes", "%lu") * 5 / 4;
	FILE *f = fopen("/proc/self/oom_score_adj", "we");

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!f || fputs("1000", f) < 0 || fclose(f))
		_exit(1);
	while (number("/proc/meminfo", "MemFree: %lu") > low)
		if (mmap(NULL, BITE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) == MAP_FAILED)
			_exit(2);
	close(done);
	for (;;)
		pause();
}

/* One that has eaten, or that the kernel has killed already. */
static pid_t feed_glutton(void)
{
	int end[2];
	pid_t pid;
	char c;

	check(!pipe(end), "a pipe");
	pid = fork();
	if (!pid) {
		close(end[0]);
		glutton(end[1]);
	}
	check(pid > 0, "a child");
	close(end[1]);
	check(read(end[0], &c, 1) == 0, "the end of a meal");
	close(end[0]);
	return pid;
}

/* Whether it was there until now, or the kernel has killed it to have memory. */
static bool end_glutton(pid_t pid)
{
	int status = -1;

	kill(pid, SIGKILL);
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
	       WTERMSIG(status) == SIGKILL;
}

TEST_F_TIMEOUT(full, requests_are_answered_and_right, 300)
{
	unsigned int rounds = test_scale(20) ?: 1;

	load_init(&self->l, &self->b, 0, 0, 16384);
	/* Each needs memory of its own, and there is no other to wait for. */
	self->l.odd = true;
	self->l.depth = 1;
	self->l.bytes_max = LOAD_BYTES_MAX;
	self->level = number("/proc/sys/kernel/printk", "%lu");
	fill_memory(self->dir, sizeof(self->dir));
	klogctl(CONSOLE_LEVEL, NULL, CONSOLE_ERRORS);
	load_start(&self->l);
	for (unsigned int i = 0; i < rounds; i++) {
		pid_t pid = feed_glutton();

		EXPECT_EQ(LOAD_FINE, load_wait(&self->l, 200)) {
			TH_LOG("%s", self->l.what);
		}
		EXPECT_TRUE(end_glutton(pid));
	}
	EXPECT_EQ(LOAD_FINE, load_stop(&self->l)) {
		TH_LOG("%s", self->l.what);
	}
	EXPECT_EQ(0, self->l.failed);
	EXPECT_EQ(LOAD_FINE, load_verify(&self->l)) {
		TH_LOG("%s", self->l.what);
	}
}

TEST_HARNESS_MAIN
