// SPDX-License-Identifier: GPL-2.0
/*
 * vhost ABI: a process that has the file and is not the owner makes the ioctls that
 * everyone may make, on memory that never answers. The owner's go on.
 */
#include <linux/userfaultfd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "test.h"

FIXTURE(stranger) {
	struct rig g;
	int pipe[2];
};

FIXTURE_VARIANT(stranger) {
	enum dev_kind kind;
	unsigned long request;
};

#define CALL(name, ioctl) \
	FIXTURE_VARIANT_ADD(stranger, null_##name) { DEV_NULL, ioctl }; \
	FIXTURE_VARIANT_ADD(stranger, net_##name) { DEV_NET, ioctl }

CALL(get_features, VHOST_GET_FEATURES);
CALL(set_features, VHOST_SET_FEATURES);
CALL(get_backend_features, VHOST_GET_BACKEND_FEATURES);
CALL(set_backend_features, VHOST_SET_BACKEND_FEATURES);
CALL(get_features_array, ABI_GET_FEATURES_ARRAY);
CALL(set_features_array, ABI_SET_FEATURES_ARRAY);
CALL(get_fork_from_owner, ABI_GET_FORK_FROM_OWNER);

FIXTURE_SETUP(stranger)
{
	struct rig_options o = { .kind = variant->kind, .layout = { .num = 64 } };

	RIG_INIT(&self->g, &o);
	ASSERT_EQ(0, pipe(self->pipe));
	rig_start(&self->g);
}

FIXTURE_TEARDOWN(stranger)
{
	rig_destroy(&self->g);
}

typedef FIXTURE_DATA(stranger) stranger_t;

struct stuck {
	int fd;
	unsigned long request;
	void *page;
};

static void *make_call(void *arg)
{
	struct stuck *s = arg;

	ioctl(s->fd, s->request, s->page);
	return NULL;
}

/* Tell by the pipe when the call stands still, 'w', or that there are no such pages, 'n'. */
static void run_stranger(stranger_t *self, unsigned long request)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct stuck s = { self->g.dev.fd, request, NULL };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_register r = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffd_msg msg;
	pthread_t t;
	bool ok;

	s.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	r.range.start = (uintptr_t)s.page;
	r.range.len = 4096;
	ok = uffd >= 0 && !ioctl(uffd, UFFDIO_API, &api) && !ioctl(uffd, UFFDIO_REGISTER, &r) &&
	     !pthread_create(&t, NULL, make_call, &s) &&
	     read(uffd, &msg, sizeof(msg)) == sizeof(msg);
	check(write(self->pipe[1], ok ? "w" : "n", 1) == 1, "report");
	for (;;)
		pause();
}

static void *owner_calls(void *arg)
{
	stranger_t *self = arg;
	struct dev *d = &self->g.dev;
	unsigned int last = self->g.queues - 1;

	dev_vring(d, VHOST_SET_VRING_CALL, last, -1);
	dev_vring(d, VHOST_SET_VRING_CALL, last, d->call[last]);
	check(dev_features(d), "features");
	dev_stop(d, last);
	dev_start(d, last, self->g.backend);
	rig_ping(&self->g, last);
	return NULL;
}

TEST_F(stranger, does_not_hold_up_the_owner)
{
	pid_t pid = fork();
	struct timespec end;
	int status, late = 0;
	pthread_t t;
	char byte;

	if (!pid)
		run_stranger(self, variant->request);
	ASSERT_EQ(1, read(self->pipe[0], &byte, 1));
	if (byte == 'w') {
		ASSERT_EQ(0, pthread_create(&t, NULL, owner_calls, self));
		clock_gettime(CLOCK_REALTIME, &end);
		end.tv_sec += DEV_PATIENCE_MS / 1000;
		late = pthread_timedjoin_np(t, NULL, &end);
		EXPECT_EQ(0, late);
	}
	/* With the stranger goes whatever it holds up. */
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	if (late)
		pthread_join(t, NULL);
	TEST_REQUIRE(byte == 'w', "no userfaultfd for the kernel's faults");
}

TEST_HARNESS_MAIN
