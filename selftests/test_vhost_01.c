// SPDX-License-Identifier: GPL-2.0
/*
 * vhost ABI: who may configure a device. Before SET_OWNER nobody may, but for
 * the exempt ioctls; afterwards only the process whose memory it serves.
 */
#include "test.h"

FIXTURE(owner) {
	struct dev d;
	char arg[4096];
};

NODE_VARIANTS(owner);

FIXTURE_SETUP(owner)
{
	NODE_OPEN(&self->d, &variant->node);
}

FIXTURE_TEARDOWN(owner)
{
	if (self->d.nvq)
		dev_close(&self->d);
}

/* Everything that only the owner may call; a zeroed argument is well-formed. */
static const unsigned long owned[] = {
	VHOST_RESET_OWNER, VHOST_SET_MEM_TABLE, VHOST_SET_LOG_BASE, VHOST_SET_LOG_FD,
	VHOST_SET_VRING_NUM, VHOST_SET_VRING_ADDR, VHOST_SET_VRING_BASE, VHOST_GET_VRING_BASE,
	VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR,
	VHOST_SET_VRING_BUSYLOOP_TIMEOUT, VHOST_GET_VRING_BUSYLOOP_TIMEOUT,
};

static const unsigned long workers[] = {
	ABI_NEW_WORKER, ABI_FREE_WORKER, ABI_ATTACH_VRING_WORKER, ABI_GET_VRING_WORKER,
};

typedef FIXTURE_DATA(owner) owner_t;

/* How many owner's ioctls answer otherwise than EPERM. */
static int count_allowed(owner_t *self, const struct test_node *node)
{
	int allowed = 0;

	for (size_t i = 0; i < sizeof(owned) / sizeof(*owned); i++) {
		int err = __dev_ioctl(&self->d, owned[i], self->arg);

		if (err != -EPERM) {
			printf("# ioctl %#lx answers %d\n", owned[i], err);
			allowed++;
		}
	}
	/* The in-tree net device has no worker ioctls at all. */
	for (size_t i = 0; !node->intree && i < sizeof(workers) / sizeof(*workers); i++)
		allowed += __dev_ioctl(&self->d, workers[i], self->arg) != -EPERM;
	allowed += __dev_backend(&self->d, 0, node->kind == DEV_NET ? -1 : 0) != -EPERM;
	return allowed;
}

/* Run @fn in a forked child; return its exit status. */
static int in_child(int (*fn)(owner_t *, const struct test_node *), owner_t *self,
		    const struct test_node *node)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(fn(self, node));
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(owner, an_unowned_device_refuses_all_but_the_exempt)
{
	EXPECT_EQ(0, count_allowed(self, &variant->node));
}

static int exempt_failures(owner_t *self, const struct test_node *node)
{
	uint64_t f = 0;
	int bad = 0;

	bad += __dev_ioctl(&self->d, VHOST_GET_FEATURES, &f) != 0;
	bad += __dev_ioctl(&self->d, VHOST_SET_FEATURES, &f) != 0;
	bad += __dev_ioctl(&self->d, VHOST_GET_BACKEND_FEATURES, &f) != 0;
	bad += __dev_ioctl(&self->d, VHOST_SET_BACKEND_FEATURES, &f) != 0;
	return bad;
}

TEST_F(owner, features_are_exempt_without_an_owner)
{
	EXPECT_EQ(0, exempt_failures(self, &variant->node));
}

TEST_F(owner, features_are_exempt_in_another_process)
{
	ASSERT_EQ(0, __dev_ioctl(&self->d, VHOST_SET_OWNER, NULL));
	EXPECT_EQ(0, in_child(exempt_failures, self, &variant->node));
}

TEST_F(owner, a_second_owner_is_refused)
{
	EXPECT_EQ(0, __dev_ioctl(&self->d, VHOST_SET_OWNER, NULL));
	EXPECT_EQ(-EBUSY, __dev_ioctl(&self->d, VHOST_SET_OWNER, NULL));
}

static int try_own(owner_t *self, const struct test_node *node)
{
	return -__dev_ioctl(&self->d, VHOST_SET_OWNER, NULL);
}

TEST_F(owner, another_process_cannot_take_it_over)
{
	ASSERT_EQ(0, __dev_ioctl(&self->d, VHOST_SET_OWNER, NULL));
	EXPECT_EQ(EBUSY, in_child(try_own, self, &variant->node));
}

TEST_F(owner, another_process_may_configure_nothing)
{
	ASSERT_EQ(0, __dev_ioctl(&self->d, VHOST_SET_OWNER, NULL));
	EXPECT_EQ(0, in_child(count_allowed, self, &variant->node));
	/* And it changed nothing. */
	EXPECT_EQ(0, __dev_vring(&self->d, VHOST_SET_VRING_NUM, 0, 256));
}

static void *count_in_thread(void *arg)
{
	owner_t *self = arg;

	return (void *)(long)__dev_vring(&self->d, VHOST_SET_VRING_NUM, 0, 256);
}

TEST_F(owner, another_thread_of_the_owner_may)
{
	pthread_t t;
	void *ret;

	ASSERT_EQ(0, __dev_ioctl(&self->d, VHOST_SET_OWNER, NULL));
	ASSERT_EQ(0, pthread_create(&t, NULL, count_in_thread, self));
	ASSERT_EQ(0, pthread_join(t, &ret));
	EXPECT_EQ(NULL, ret);
}

TEST_F(owner, reset_gives_it_up)
{
	ASSERT_EQ(0, __dev_ioctl(&self->d, VHOST_SET_OWNER, NULL));
	EXPECT_EQ(0, __dev_ioctl(&self->d, VHOST_RESET_OWNER, NULL));
	EXPECT_EQ(0, count_allowed(self, &variant->node));
	EXPECT_EQ(0, __dev_ioctl(&self->d, VHOST_SET_OWNER, NULL));
	EXPECT_EQ(0, __dev_vring(&self->d, VHOST_SET_VRING_NUM, 0, 256));
}

TEST_F(owner, after_reset_another_process_may_own_it)
{
	ASSERT_EQ(0, __dev_ioctl(&self->d, VHOST_SET_OWNER, NULL));
	ASSERT_EQ(0, __dev_ioctl(&self->d, VHOST_RESET_OWNER, NULL));
	EXPECT_EQ(0, in_child(try_own, self, &variant->node));
	/* The child is gone; its ownership is not this process's. */
	EXPECT_EQ(-EPERM, __dev_vring(&self->d, VHOST_SET_VRING_NUM, 0, 256));
	EXPECT_EQ(-EBUSY, __dev_ioctl(&self->d, VHOST_SET_OWNER, NULL));
}

TEST_F(owner, owning_and_giving_up_leaves_nothing_behind)
{
	for (unsigned long i = 0; i < test_scale(200); i++) {
		ASSERT_EQ(0, __dev_ioctl(&self->d, VHOST_SET_OWNER, NULL));
		ASSERT_EQ(0, __dev_ioctl(&self->d, VHOST_RESET_OWNER, NULL));
	}
}

TEST_HARNESS_MAIN
