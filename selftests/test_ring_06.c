// SPDX-License-Identifier: GPL-2.0
/*
 * Rings on /dev/ferry-null: the owner dies, or the device is closed or handed to
 * another process, while traffic runs.
 */
#include <signal.h>
#include <sys/un.h>

#include "pump.h"
#include "test.h"

FIXTURE(owner) {
	int pair[2];
};

FIXTURE_VARIANT(owner) {
	struct ring_layout l;
};

RING_VARIANT(owner, split, .event_idx = true);
RING_VARIANT(owner, packed, .packed = true, .indirect = true);

FIXTURE_SETUP(owner)
{
	TEST_REQUIRE(!access(DEV_NULL_PATH, R_OK | W_OK), "no " DEV_NULL_PATH);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, self->pair));
}

FIXTURE_TEARDOWN(owner)
{
	close(self->pair[0]);
	close(self->pair[1]);
}

typedef FIXTURE_DATA(owner) owner_t;

static void send_fd(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 'f';
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	check(sendmsg(sock, &msg, 0) == 1, "send a descriptor: %s", strerror(errno));
}

static int recv_fd(int sock)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	int fd;

	if (recvmsg(sock, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

/* An owner with all queues busy, who tells that it is up and then goes on. */
static void run_owner(owner_t *self, const struct ring_layout *l, bool hand_over)
{
	struct rig_options o = { .kind = DEV_NULL, .layout = *l, .queues = 4 };
	static struct pump p[4];
	static struct rig g;

	check_ok(__rig_init(&g, &o), "set-up");
	rig_start(&g);
	for (int i = 0; i < 4; i++) {
		pump_init(&p[i], &g, i);
		p[i].by_poll = i & 1;
		pump_start(&p[i]);
		check_ok(pump_wait(&p[i], 10), "traffic");
	}
	if (hand_over)
		send_fd(self->pair[1], g.dev.fd);
	else
		check(write(self->pair[1], "r", 1) == 1, "report");
	for (;;)
		pause();
}

static pid_t fork_owner(owner_t *self, const struct ring_layout *l, bool hand_over)
{
	pid_t pid = fork();

	if (!pid)
		run_owner(self, l, hand_over);
	return pid;
}

TEST_F(owner, killed_under_traffic)
{
	for (unsigned long i = 0; i < test_scale(40); i++) {
		pid_t pid = fork_owner(self, &variant->l, false);
		char byte;
		int status;

		ASSERT_EQ(1, read(self->pair[0], &byte, 1));
		if (i & 1)
			usleep(i * 100);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status));
	}
}

TEST_F(owner, killed_while_another_holds_the_device)
{
	for (unsigned long i = 0; i < test_scale(20); i++) {
		pid_t pid = fork_owner(self, &variant->l, true);
		int fd = recv_fd(self->pair[0]), status;
		struct dev d = { .fd = fd, .kind = DEV_NULL };

		ASSERT_LE(0, fd);
		ASSERT_EQ(-EPERM, __dev_vring(&d, VHOST_SET_VRING_NUM, 0, 16));
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		/* Its owner is gone for good, and nobody else may take it. */
		ASSERT_EQ(-EPERM, __dev_vring(&d, VHOST_SET_VRING_NUM, 0, 16));
		ASSERT_EQ(-EPERM, __dev_ioctl(&d, VHOST_RESET_OWNER, NULL));
		ASSERT_EQ(-EBUSY, __dev_ioctl(&d, VHOST_SET_OWNER, NULL));
		ASSERT_EQ(0, close(fd));
	}
}

TEST_F(owner, an_unowned_descriptor_is_handed_over)
{
	struct rig_options o = { .kind = DEV_NULL, .layout = variant->l, .queues = 1 };
	struct rig g = { .tap.fd = -1 };
	int fd = open(DEV_NULL_PATH, O_RDWR), status;
	pid_t pid;

	/* As libvirt does with vhostfd=: one opens, another owns. */
	ASSERT_LE(0, fd);
	pid = fork();
	if (!pid) {
		check_ok(__rig_init(&g, &o), "set-up");
		dev_close(&g.dev);
		dev_adopt(&g.dev, DEV_NULL, recv_fd(self->pair[1]));
		dev_ioctl(&g.dev, VHOST_SET_OWNER, NULL);
		check_ok(__dev_set_features(&g.dev, rig_ring_features(&o.layout)), "features");
		dev_set_mem(&g.dev, &g.mem);
		rig_reset_ring(&g, 0);
		rig_start(&g);
		for (int i = 0; i < 100; i++)
			rig_ping(&g, 0);
		_exit(42);
	}
	send_fd(self->pair[0], fd);
	close(fd);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(42, WEXITSTATUS(status));
}

TEST_F(owner, a_child_may_write_the_kick_eventfd)
{
	struct rig_options o = { .kind = DEV_NULL, .layout = variant->l, .queues = 1 };
	struct ring_seg seg = { RIG_BUF, 64 };
	struct ring_used u;
	struct rig g;
	int status;
	pid_t pid;

	RIG_INIT(&g, &o);
	rig_start(&g);
	ASSERT_EQ(0, ring_add(&g.ring[0], &seg, 1, 0, 9));
	ring_publish(&g.ring[0]);
	pid = fork();
	if (!pid) {
		dev_kick(&g.dev, 0);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	/* Another process kicks; the owner's memory is what is worked on. */
	EXPECT_EQ(1, dev_poll_used(&g.ring[0], &u, DEV_PATIENCE_MS));
	rig_destroy(&g);
}

TEST_F(owner, exec_leaves_the_device_with_the_descriptor)
{
	struct rig_options o = { .kind = DEV_NULL, .layout = variant->l, .queues = 1 };
	char cmd[64];
	struct rig g;
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (__rig_init(&g, &o))
			_exit(4);
		rig_start(&g);
		rig_ping(&g, 0);
		/* The old address space ends with the exec; the file stays open. */
		fcntl(g.dev.fd, F_SETFD, 0);
		snprintf(cmd, sizeof(cmd), "test -e /proc/self/fd/%d", g.dev.fd);
		execl("/bin/sh", "sh", "-c", cmd, NULL);
		_exit(99);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

TEST_F(owner, closed_under_traffic)
{
	struct rig_options o = { .kind = DEV_NULL, .layout = variant->l, .queues = 2 };

	for (unsigned long i = 0; i < test_scale(40); i++) {
		struct pump p[2];
		struct rig g;

		RIG_INIT(&g, &o);
		rig_start(&g);
		for (int q = 0; q < 2; q++) {
			pump_init(&p[q], &g, q);
			p[q].may_break = true;
			pump_start(&p[q]);
		}
		ASSERT_EQ(0, pump_wait(&p[0], 1 + i));
		close(g.dev.fd);
		for (int q = 0; q < 2; q++)
			ASSERT_EQ(0, pump_stop(&p[q]));
		g.dev.fd = -1;
		rig_destroy(&g);
	}
}

TEST_HARNESS_MAIN
