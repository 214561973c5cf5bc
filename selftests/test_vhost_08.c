// SPDX-License-Identifier: GPL-2.0
/*
 * vhost ABI: what kind of thread a worker is. It can be asked by anyone at any
 * time, and asked for before there is an owner; the answer is the truth.
 */
#include "test.h"

FIXTURE(fork_owner) {
	struct dev d;
};

NODE_VARIANTS(fork_owner);

FIXTURE_SETUP(fork_owner)
{
	uint8_t mode;

	NODE_OPEN(&self->d, &variant->node);
	/* Newer kernels' in-tree devices may have it configured out. */
	if (variant->node.intree)
		TEST_REQUIRE(!__dev_ioctl(&self->d, ABI_GET_FORK_FROM_OWNER, &mode),
			     "not in this kernel's vhost");
}

FIXTURE_TEARDOWN(fork_owner)
{
	if (self->d.nvq)
		dev_close(&self->d);
}

typedef FIXTURE_DATA(fork_owner) fork_owner_t;

static int get(fork_owner_t *self, uint8_t *mode)
{
	*mode = 0xee;
	return __dev_ioctl(&self->d, ABI_GET_FORK_FROM_OWNER, mode);
}

static int set(fork_owner_t *self, uint8_t mode)
{
	return __dev_ioctl(&self->d, ABI_SET_FORK_FROM_OWNER, &mode);
}

/* Whether thread @tid is one of this process's. */
static bool is_ours(unsigned int tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%u", tid);
	return !access(path, F_OK);
}

TEST_F(fork_owner, what_it_says_is_what_the_worker_is)
{
	struct stat_queue q;
	uint8_t mode;

	if (variant->node.intree)
		SKIP(return, "it does not tell its workers' ids");
	ASSERT_EQ(0, get(self, &mode));
	dev_ioctl(&self->d, VHOST_SET_OWNER, NULL);
	stat_get(&q, self->d.kind == DEV_NET ? "net" : "null", 0);
	EXPECT_NE(0, q.worker);
	EXPECT_EQ(is_ours(q.worker) ? ABI_FORK_OWNER_TASK : ABI_FORK_OWNER_KTHREAD, mode);
}

TEST_F(fork_owner, what_it_says_can_be_set)
{
	uint8_t mode, again;

	ASSERT_EQ(0, get(self, &mode));
	EXPECT_EQ(0, set(self, mode));
	EXPECT_EQ(0, get(self, &again));
	EXPECT_EQ(mode, again);
	dev_ioctl(&self->d, VHOST_SET_OWNER, NULL);
	EXPECT_EQ(0, get(self, &again));
	EXPECT_EQ(mode, again);
}

TEST_F(fork_owner, there_is_no_choice)
{
	uint8_t mode, again;

	if (variant->node.intree)
		SKIP(return, "in-tree has one");
	ASSERT_EQ(0, get(self, &mode));
	EXPECT_EQ(-EINVAL, set(self, !mode));
	EXPECT_EQ(0, get(self, &again));
	EXPECT_EQ(mode, again);
}

TEST_F(fork_owner, not_once_there_is_an_owner)
{
	uint8_t mode;

	ASSERT_EQ(0, get(self, &mode));
	dev_ioctl(&self->d, VHOST_SET_OWNER, NULL);
	EXPECT_EQ(-EBUSY, set(self, mode));
	EXPECT_EQ(-EBUSY, __dev_ioctl(&self->d, ABI_SET_FORK_FROM_OWNER, NULL));
	dev_ioctl(&self->d, VHOST_RESET_OWNER, NULL);
	EXPECT_EQ(0, set(self, mode));
}

TEST_F(fork_owner, errors)
{
	EXPECT_EQ(-EINVAL, set(self, 2));
	EXPECT_EQ(-EINVAL, set(self, 0xff));
	EXPECT_EQ(-EFAULT, __dev_ioctl(&self->d, ABI_SET_FORK_FROM_OWNER, NULL));
	EXPECT_EQ(-EFAULT, __dev_ioctl(&self->d, ABI_GET_FORK_FROM_OWNER, NULL));
}

TEST_HARNESS_MAIN
