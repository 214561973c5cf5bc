// SPDX-License-Identifier: GPL-2.0
/*
 * Workers on /dev/ferry-null that die while their queues are busy. A process that
 * shares the owner's memory makes one, queues are attached to it, the process is
 * killed, and the queues are given back to the worker that they began with: no
 * wake-up that the dead one had taken is lost.
 */
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "pump.h"
#include "test.h"

#define QUEUES	4

FIXTURE(dying) {
	struct rig g;
	struct pump p[QUEUES];
	unsigned int own;	/* the worker of the owner's own */
	int pipe[2];
	char stack[65536] __attribute__((aligned(16)));
};

FIXTURE_VARIANT(dying) {
	struct ring_layout l;
};

RING_VARIANT(dying, split, .packed = false);
RING_VARIANT(dying, packed_event, .packed = true, .event_idx = true);

FIXTURE_SETUP(dying)
{
	struct rig_options o = { .kind = DEV_NULL, .layout = variant->l, .queues = QUEUES };
	struct abi_vring_worker w = { .index = 0 };
	uint8_t mode;

	RIG_INIT(&self->g, &o);
	dev_ioctl(&self->g.dev, ABI_GET_FORK_FROM_OWNER, &mode);
	TEST_REQUIRE(mode == ABI_FORK_OWNER_TASK, "workers are kernel threads and do not die");
	dev_ioctl(&self->g.dev, ABI_GET_VRING_WORKER, &w);
	self->own = w.worker_id;
	ASSERT_EQ(0, pipe(self->pipe));
	rig_start(&self->g);
}

FIXTURE_TEARDOWN(dying)
{
	rig_destroy(&self->g);
}

typedef FIXTURE_DATA(dying) dying_t;

/* Another process in our memory: its worker is one of its threads. */
static int make_worker(void *arg)
{
	struct abi_worker_state s = { 0 };
	dying_t *self = arg;

	/* Raw calls: errno and all of libc's state are those of whoever waits for us. */
	if (syscall(SYS_ioctl, self->g.dev.fd, ABI_NEW_WORKER, &s))
		s.worker_id = ~0U;
	syscall(SYS_write, self->pipe[1], &s.worker_id, sizeof(s.worker_id));
	while (syscall(SYS_pause))
		;
	return 0;
}

static pid_t start_maker(dying_t *self, unsigned int *id)
{
	pid_t pid = clone(make_worker, self->stack + sizeof(self->stack), CLONE_VM | SIGCHLD,
			  self);

	check(pid > 0, "a process: %s", strerror(errno));
	check(read(self->pipe[0], id, sizeof(*id)) == sizeof(*id) && *id != ~0U, "its worker");
	return pid;
}

static int attach(dying_t *self, unsigned int queue, unsigned int id)
{
	struct abi_vring_worker w = { queue, id };

	return __dev_ioctl(&self->g.dev, ABI_ATTACH_VRING_WORKER, &w);
}

/* As soon as a queue has lost its worker, give it another. */
static void give_back(dying_t *self, unsigned int queue, unsigned int id)
{
	struct abi_vring_worker w = { .index = queue };

	while (!__dev_ioctl(&self->g.dev, ABI_GET_VRING_WORKER, &w))
		sched_yield();
	check_ok(attach(self, queue, id), "attach queue %u", queue);
}

TEST_F(dying, queues_given_to_another_worker)
{
	struct abi_worker_state s;
	int status;

	for (unsigned int i = 0; i < QUEUES; i++) {
		pump_init(&self->p[i], &self->g, i);
		pump_start(&self->p[i]);
	}
	for (unsigned long i = 0; i < test_scale(50); i++) {
		pid_t pid = start_maker(self, &s.worker_id);

		for (unsigned int q = 0; q < QUEUES; q++)
			ASSERT_EQ(0, attach(self, q, s.worker_id));
		ASSERT_EQ(0, pump_wait(&self->p[i % QUEUES], 1 + i));
		ASSERT_EQ(0, kill(pid, SIGKILL));
		for (unsigned int q = 0; q < QUEUES; q++)
			give_back(self, q, self->own);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		for (unsigned int q = 0; q < QUEUES; q++) {
			ASSERT_EQ(0, pump_wait(&self->p[q], 20)) {
				TH_LOG("round %lu, queue %u", i, q);
			}
		}
		ASSERT_EQ(0, __dev_ioctl(&self->g.dev, ABI_FREE_WORKER, &s));
	}
	for (unsigned int i = 0; i < QUEUES; i++)
		EXPECT_EQ(0, pump_stop(&self->p[i]));
}

/* Have faults in queue @q's ring wait for let_in(). */
static void keep_out(dying_t *self, int uffd, unsigned int q)
{
	struct uffdio_register r = {
		.range = { (uintptr_t)self->g.ring[q].desc, ring_bytes(&self->g.o.layout) },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	check(!madvise((void *)r.range.start, r.range.len, MADV_DONTNEED), "an empty ring");
	check(!ioctl(uffd, UFFDIO_REGISTER, &r), "register queue %u: %s", q, strerror(errno));
}

/* Kick queue @q; return once its worker stands still in the ring. */
static void halt(dying_t *self, int uffd, unsigned int q)
{
	struct uffd_msg msg;

	dev_kick(&self->g.dev, q);
	check(read(uffd, &msg, sizeof(msg)) == sizeof(msg), "a fault in queue %u", q);
	check(msg.event == UFFD_EVENT_PAGEFAULT, "it is a fault");
}

static void let_in(dying_t *self, int uffd, unsigned int q)
{
	struct uffdio_zeropage z = {
		.range = { (uintptr_t)self->g.ring[q].desc, ring_bytes(&self->g.o.layout) },
	};

	check(!ioctl(uffd, UFFDIO_ZEROPAGE, &z), "pages of queue %u: %s", q, strerror(errno));
}

static int open_uffd(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd >= 0)
		check(!ioctl(fd, UFFDIO_API, &api), "userfaultfd: %s", strerror(errno));
	return fd;
}

/*
 * The dead one takes itself off queue after queue. Between queue 0, which has a wake-up
 * of its to lose, and the end it is held up by queue 1, which its own worker serves.
 */
TEST_F(dying, a_wake_up_that_it_had_taken)
{
	struct ring_seg seg = { RIG_BUF, 64 };
	struct abi_worker_state dead, heir;
	int uffd = open_uffd(), status;
	struct ring_used u;
	pid_t pid;

	TEST_REQUIRE(uffd >= 0, "no userfaultfd: %s", strerror(errno));
	dev_ioctl(&self->g.dev, ABI_NEW_WORKER, &heir);
	pid = start_maker(self, &dead.worker_id);
	for (unsigned int q = 0; q < QUEUES; q++)
		ASSERT_EQ(0, attach(self, q, q == 1 ? self->own : dead.worker_id));
	keep_out(self, uffd, 1);
	keep_out(self, uffd, 2);
	halt(self, uffd, 1);
	halt(self, uffd, 2);
	ASSERT_EQ(0, ring_add(&self->g.ring[0], &seg, 1, 0, 7));
	ring_publish(&self->g.ring[0]);
	dev_kick(&self->g.dev, 0);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	give_back(self, 0, heir.worker_id);
	let_in(self, uffd, 1);
	ASSERT_EQ(1, dev_poll_used(&self->g.ring[0], &u, DEV_PATIENCE_MS));
	EXPECT_EQ(7, u.cookie);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	close(uffd);
}

TEST_F(dying, attached_to_a_dead_one_a_queue_says_so)
{
	struct abi_vring_worker w = { .index = 1 };
	struct abi_worker_state s;
	pid_t pid = start_maker(self, &s.worker_id);
	int status;

	ASSERT_EQ(0, attach(self, 1, s.worker_id));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	while (!__dev_ioctl(&self->g.dev, ABI_GET_VRING_WORKER, &w))
		sched_yield();
	EXPECT_EQ(-EINVAL, __dev_ioctl(&self->g.dev, ABI_GET_VRING_WORKER, &w));
	EXPECT_EQ(-EIO, attach(self, 0, s.worker_id));
	/* Refused, queue 0 keeps what it has; queue 1 takes it as well. */
	rig_ping(&self->g, 0);
	EXPECT_EQ(0, attach(self, 1, self->own));
	rig_ping(&self->g, 1);
	EXPECT_EQ(0, __dev_ioctl(&self->g.dev, ABI_FREE_WORKER, &s));
	EXPECT_EQ(-ENODEV, __dev_ioctl(&self->g.dev, ABI_FREE_WORKER, &s));
}

TEST_HARNESS_MAIN
