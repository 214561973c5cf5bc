// SPDX-License-Identifier: GPL-2.0
/*
 * vhost ABI: the worker ioctls, which every Ferry device has.
 */
#include "test.h"

FIXTURE(worker) {
	struct rig g;
};

FIXTURE_VARIANT(worker) {
	struct test_node node;
};

FIXTURE_VARIANT_ADD(worker, ferry_null) { .node = { DEV_NULL, false } };
FIXTURE_VARIANT_ADD(worker, ferry_net) { .node = { DEV_NET, false } };

FIXTURE_SETUP(worker)
{
	NODE_RIG_INIT(&self->g, &variant->node);
}

FIXTURE_TEARDOWN(worker)
{
	rig_destroy(&self->g);
}

typedef FIXTURE_DATA(worker) worker_t;

static int new_worker(worker_t *self, unsigned int *id)
{
	struct abi_worker_state s = { 0xffffffff };
	int err = __dev_ioctl(&self->g.dev, ABI_NEW_WORKER, &s);

	*id = s.worker_id;
	return err;
}

static int free_worker(worker_t *self, unsigned int id)
{
	struct abi_worker_state s = { id };

	return __dev_ioctl(&self->g.dev, ABI_FREE_WORKER, &s);
}

static int attach(worker_t *self, unsigned int queue, unsigned int id)
{
	struct abi_vring_worker w = { queue, id };

	return __dev_ioctl(&self->g.dev, ABI_ATTACH_VRING_WORKER, &w);
}

static int get(worker_t *self, unsigned int queue, unsigned int *id)
{
	struct abi_vring_worker w = { queue, 0xffffffff };
	int err = __dev_ioctl(&self->g.dev, ABI_GET_VRING_WORKER, &w);

	*id = w.worker_id;
	return err;
}

TEST_F(worker, every_queue_has_one_from_the_start)
{
	unsigned int id;

	for (unsigned int i = 0; i < self->g.queues; i++) {
		EXPECT_EQ(0, get(self, i, &id));
		EXPECT_NE(0xffffffff, id);
	}
}

TEST_F(worker, a_new_one_is_attached_to_nothing_and_can_go)
{
	unsigned int a, b, id;

	ASSERT_EQ(0, new_worker(self, &a));
	ASSERT_EQ(0, new_worker(self, &b));
	EXPECT_NE(a, b);
	for (unsigned int i = 0; i < self->g.queues; i++) {
		EXPECT_EQ(0, get(self, i, &id));
		EXPECT_NE(a, id);
		EXPECT_NE(b, id);
	}
	EXPECT_EQ(0, free_worker(self, a));
	EXPECT_EQ(-ENODEV, free_worker(self, a));
	EXPECT_EQ(0, free_worker(self, b));
}

TEST_F(worker, attached_it_is_busy_and_serves)
{
	unsigned int last = self->g.queues - 1, id, old;

	ASSERT_EQ(0, new_worker(self, &id));
	ASSERT_EQ(0, get(self, last, &old));
	EXPECT_EQ(0, attach(self, last, id));
	EXPECT_EQ(-EBUSY, free_worker(self, id));
	ASSERT_EQ(0, get(self, last, &id));
	rig_start(&self->g);
	rig_ping(&self->g, last);
	EXPECT_EQ(-EBUSY, free_worker(self, id));
	/* Live, and back. */
	EXPECT_EQ(0, attach(self, last, old));
	rig_ping(&self->g, last);
	EXPECT_EQ(0, free_worker(self, id));
	rig_ping(&self->g, last);
}

TEST_F(worker, attaching_the_same_again_is_fine)
{
	unsigned int id;

	ASSERT_EQ(0, new_worker(self, &id));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, attach(self, 0, id));
	EXPECT_EQ(-EBUSY, free_worker(self, id));
}

TEST_F(worker, one_may_serve_all_queues)
{
	unsigned int id, last = self->g.queues - 1;

	ASSERT_EQ(0, new_worker(self, &id));
	for (unsigned int i = 0; i < self->g.queues; i++)
		EXPECT_EQ(0, attach(self, i, id));
	rig_start(&self->g);
	rig_ping(&self->g, last);
}

TEST_F(worker, the_replaced_default_can_be_freed)
{
	unsigned int old, id;

	ASSERT_EQ(0, get(self, 0, &old));
	ASSERT_EQ(0, new_worker(self, &id));
	for (unsigned int i = 0; i < self->g.queues; i++)
		ASSERT_EQ(0, attach(self, i, id));
	EXPECT_EQ(0, free_worker(self, old));
	rig_start(&self->g);
	rig_ping(&self->g, self->g.queues - 1);
}

TEST_F(worker, errors)
{
	unsigned int id;
	struct dev *d = &self->g.dev;

	EXPECT_EQ(-ENODEV, attach(self, 0, 12345));
	EXPECT_EQ(-ENODEV, attach(self, 0, 0xffffffff));
	EXPECT_EQ(-ENODEV, free_worker(self, 12345));
	EXPECT_EQ(-ENOBUFS, get(self, self->g.dev.nvq, &id));
	ASSERT_EQ(0, new_worker(self, &id));
	EXPECT_EQ(-ENOBUFS, attach(self, self->g.dev.nvq, id));
	EXPECT_EQ(-ENOBUFS, attach(self, 0xffffffff, id));
	EXPECT_EQ(-EFAULT, __dev_ioctl(d, ABI_NEW_WORKER, NULL));
	EXPECT_EQ(-EFAULT, __dev_ioctl(d, ABI_FREE_WORKER, NULL));
	EXPECT_EQ(-EFAULT, __dev_ioctl(d, ABI_ATTACH_VRING_WORKER, (void *)-8L));
	EXPECT_EQ(-EFAULT, __dev_ioctl(d, ABI_GET_VRING_WORKER, (void *)8));
}

TEST_F(worker, many_are_freed_with_the_device)
{
	unsigned int id;

	for (unsigned long i = 0; i < test_scale(100); i++)
		ASSERT_EQ(0, new_worker(self, &id));
	rig_start(&self->g);
	rig_ping(&self->g, self->g.queues - 1);
}

TEST_F(worker, reset_owner_forgets_them)
{
	unsigned int id;

	ASSERT_EQ(0, new_worker(self, &id));
	dev_ioctl(&self->g.dev, VHOST_RESET_OWNER, NULL);
	dev_ioctl(&self->g.dev, VHOST_SET_OWNER, NULL);
	EXPECT_EQ(0, get(self, 0, &id));
}

TEST_HARNESS_MAIN
