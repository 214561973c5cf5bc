// SPDX-License-Identifier: GPL-2.0
/*
 * An image whose user or server dies: nothing hangs, and no device, server, directory or lock is
 * left, at whatever moment it happens.
 * Threads: one, and processes that die. Locks: none.
 */
#include "testimage.h"

#include <sys/mman.h>
#include <time.h>

#include "machine/threads.h"

FIXTURE(death) {
	char dir[64];
	char file[128];
	struct image_config cfg;
	struct error e;
};

FIXTURE_SETUP(death)
{
	IMAGE_REQUIRE();
	__image_env(self->dir, sizeof(self->dir));
	snprintf(self->file, sizeof(self->file), "%s/disk.qcow2", self->dir);
	ASSERT_EQ(0, run("qemu-img create -q -f qcow2 %s 64M", self->file));
	self->cfg = (struct image_config){ .file = self->file, .format = "qcow2" };
}

FIXTURE_TEARDOWN(death)
{
	if (!self->file[0])
		return;
	EXPECT_TRUE(image_all_gone(self->dir, self->file));
	EXPECT_EQ(0, run("qemu-img check -f qcow2 %s", self->file));
	run("rm -r %s", self->dir);
}

/* What a holder tells before it dies. */
struct told {
	struct image img;
	unsigned long writes;
	int ret;
};

/* A process that opens the image and, if @busy, writes without end. */
static pid_t hold(const struct image_config *cfg, struct told *told, bool busy)
{
	struct image img;
	pid_t pid = fork();

	if (pid)
		return pid;
	told->ret = image_open(&img, cfg, NULL);
	told->img = img;
	__atomic_store_n(&told->writes, 1, __ATOMIC_RELEASE);
	while (!told->ret && busy && image_write(img.fd, 0xee, told->writes % 1024 * 65536, 65536))
		__atomic_fetch_add(&told->writes, 1, __ATOMIC_RELEASE);
	for (;;)
		pause();
}

static struct told *told_new(void)
{
	struct told *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			      -1, 0);

	return t == MAP_FAILED ? NULL : t;
}

/* Until the holder has said @n things. */
static bool told_so_much(struct told *t, unsigned long n)
{
	int i;

	for (i = 0; i < PATIENCE && __atomic_load_n(&t->writes, __ATOMIC_ACQUIRE) < n; i++)
		usleep(20000);
	return i < PATIENCE;
}

TEST_F(death, killed_while_idle)
{
	struct told *t = told_new();
	pid_t pid = hold(&self->cfg, t, false);

	EXPECT_TRUE(told_so_much(t, 1));
	EXPECT_EQ(0, t->ret);
	EXPECT_EQ(1, image_devices());
	EXPECT_EQ(2, image_servers());
	/* It is locked as long as it lives. */
	EXPECT_NE(0, run("qemu-io -f qcow2 -c 'read 0 512' %s", self->file));
	kill(pid, SIGKILL);
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_TRUE(image_all_gone(self->dir, self->file));
}

TEST_F(death, killed_while_writing)
{
	unsigned int i;

	for (i = 0; i < image_scale(5); i++) {
		struct told *t = told_new();
		pid_t pid = hold(&self->cfg, t, true);

		EXPECT_TRUE(told_so_much(t, 20));
		EXPECT_EQ(0, t->ret);
		kill(pid, SIGKILL);
		EXPECT_EQ(pid, waitpid(pid, NULL, 0));
		EXPECT_TRUE(image_all_gone(self->dir, self->file));
		munmap(t, sizeof(*t));
	}
	EXPECT_TRUE(image_file_holds(self->file, 0xee, 2 * 65536, 65536));
}

/* How long an undisturbed opening takes, in microseconds. */
static unsigned int opening_takes(const struct image_config *cfg)
{
	struct timespec from, to;
	struct image img;

	clock_gettime(CLOCK_MONOTONIC, &from);
	if (image_open(&img, cfg, NULL))
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &to);
	image_close(&img);
	return (to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000;
}

/* The moments of opening, one after the other. */
TEST_F(death, killed_at_any_moment)
{
	unsigned int i, rounds = image_scale(40) + 10, whole = 0, span;

	if (image_cpu_is("User Mode Linux"))
		SKIP(return, "user-mode Linux panics if a process is killed in fork()");
	span = opening_takes(&self->cfg);
	ASSERT_LT(0, span);
	for (i = 0; i < rounds; i++) {
		struct told *t = told_new();
		pid_t pid = hold(&self->cfg, t, false);

		usleep((u64)i * span / rounds);
		kill(pid, SIGKILL);
		EXPECT_EQ(pid, waitpid(pid, NULL, 0));
		whole += t->writes && !t->ret;
		EXPECT_TRUE(image_all_gone(self->dir, self->file));
		munmap(t, sizeof(*t));
	}
	printf("# %u of %u were killed before the image was open\n", rounds - whole, rounds);
	EXPECT_LT(whole, rounds);
}

TEST_F(death, exit_without_close)
{
	struct told *t = told_new();
	pid_t pid = fork();

	if (!pid) {
		t->ret = image_open(&t->img, &self->cfg, NULL);
		_exit(!image_write(t->img.fd, 0x11, 0, 4096));
	}
	EXPECT_EQ(pid, waitpid(pid, &t->ret, 0));
	EXPECT_EQ(0, t->ret);
	EXPECT_TRUE(image_all_gone(self->dir, self->file));
	/* The server is asked to end, not killed: what it was given arrives. */
	EXPECT_TRUE(image_file_holds(self->file, 0x11, 0, 4096));
}

TEST_F(death, server_killed)
{
	struct image img;
	siginfo_t info;

	ASSERT_EQ(0, image_open(&img, &self->cfg, &self->e));
	EXPECT_TRUE(image_write(img.fd, 1, 0, 4096));
	kill(img.child, SIGKILL);
	EXPECT_EQ(0, waitid(P_PID, img.child, &info, WEXITED | WNOWAIT));
	EXPECT_FALSE(image_write(img.fd, 2, 0, 4096));
	EXPECT_EQ(EIO, errno);
	EXPECT_FALSE(image_holds(img.fd, 1, 4096, 4096));
	EXPECT_EQ(EIO, errno);
	image_close(&img);
	/* A killed server leaves the image as a power cut does. */
	run("qemu-img check -r leaks -f qcow2 %s", self->file);
}

/*
 * A server that is stopped, not dead, holds its requests; they fail when it is killed, without
 * anyone's help: this thread waits for the process that waits for its request.
 */
TEST_F(death, server_killed_with_requests)
{
	struct image img;
	int status = -1;
	pid_t pid;

	ASSERT_EQ(0, image_open(&img, &self->cfg, &self->e));
	kill(img.child, SIGSTOP);
	pid = fork();
	if (!pid)
		_exit(image_write(img.fd, 2, 0, 4096) ? 0 : errno);
	usleep(200000);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	kill(img.child, SIGKILL);
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(EIO, WEXITSTATUS(status));
	image_close(&img);
}

/* The same for a user who is killed, with requests under way that nobody answers any more. */
TEST_F(death, killed_with_requests)
{
	struct told *t = told_new();
	pid_t pid = hold(&self->cfg, t, true);

	EXPECT_TRUE(told_so_much(t, 20));
	kill(t->img.child, SIGSTOP);
	usleep(100000);
	kill(pid, SIGKILL);
	kill(t->img.child, SIGKILL);
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_TRUE(image_all_gone(self->dir, self->file));
	run("qemu-img check -r leaks -f qcow2 %s", self->file);
}

TEST_F(death, closed_while_stopped)
{
	struct image img;

	ASSERT_EQ(0, image_open(&img, &self->cfg, &self->e));
	EXPECT_TRUE(image_write(img.fd, 3, 0, 4096));
	kill(img.child, SIGSTOP);
	kill(img.child, SIGTERM);
	kill(img.child, SIGCONT);
	image_close(&img);
	EXPECT_TRUE(image_file_holds(self->file, 3, 0, 4096));
}

/* Open an image, have nothing but @dir left, and close it; an exit status. */
static int close_confined(const struct image_config *cfg, char *dir)
{
	const struct sandbox_config sandbox = {
		.uses = SANDBOX_IMAGE, .dir = dir, .filter = true,
	};
	struct threads ts;
	struct image img;

	threads_init(&ts);
	if (image_open(&img, cfg, NULL) || threads_confine(&ts, &sandbox, NULL))
		return 1;
	image_close(&img);
	threads_destroy(&ts);
	return 0;
}

TEST_F(death, closed_in_the_sandbox)
{
	int status = 0;
	pid_t pid;

	if (sandbox_hindrance())
		SKIP(return, "%s", sandbox_hindrance());
	pid = fork();
	if (!pid)
		_exit(close_confined(&self->cfg, self->dir));
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
