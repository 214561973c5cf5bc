// SPDX-License-Identifier: GPL-2.0
/*
 * Statistics of /dev/ferry-null: every counter says what happened, no more and
 * no less.
 */
#include "test.h"

FIXTURE(stats) {
	struct rig g;
	struct stat_queue q;
};

FIXTURE_VARIANT(stats) {
	struct ring_layout l;
};

RING_VARIANTS(stats);

FIXTURE_SETUP(stats)
{
	struct rig_options o = { .kind = DEV_NULL, .layout = variant->l };
	struct stat_queue q;

	TEST_REQUIRE(__stat_dump(&q, 1) >= 0, "no netlink family");
	RIG_INIT(&self->g, &o);
}

FIXTURE_TEARDOWN(stats)
{
	rig_destroy(&self->g);
}

TEST_F(stats, a_queue_introduces_itself)
{
	stat_get(&self->q, "null", 3);
	EXPECT_STREQ("null", self->q.kind);
	EXPECT_STREQ("null", self->q.name);
	EXPECT_EQ((uint32_t)getpid(), self->q.owner);
	EXPECT_EQ(3, self->q.queue);
	EXPECT_NE(0, self->q.worker);
	EXPECT_EQ(FERRY_QUEUE_STOPPED, self->q.state);
	EXPECT_EQ(0, self->q.chains + self->q.kicks + self->q.signals + self->q.errors);
}

TEST_F(stats, state_follows_start_and_stop)
{
	dev_start(&self->g.dev, 2, 1);
	stat_get(&self->q, "null", 2);
	EXPECT_EQ(FERRY_QUEUE_RUNNING, self->q.state);
	EXPECT_EQ(variant->l.packed, self->q.packed);
	stat_get(&self->q, "null", 1);
	EXPECT_EQ(FERRY_QUEUE_STOPPED, self->q.state);
	dev_stop(&self->g.dev, 2);
	stat_get(&self->q, "null", 2);
	EXPECT_EQ(FERRY_QUEUE_STOPPED, self->q.state);
}

TEST_F(stats, chains_are_counted_one_by_one)
{
	unsigned long n = test_scale(500);

	dev_start(&self->g.dev, 1, 1);
	for (unsigned long i = 0; i < n; i++)
		rig_ping(&self->g, 1);
	stat_get(&self->q, "null", 1);
	EXPECT_EQ(n, self->q.chains);
	EXPECT_EQ(n, self->q.fetched);
	EXPECT_LE(1, self->q.batches);
	EXPECT_GE(n, self->q.batches);
	EXPECT_LE(1, self->q.kicks);
	EXPECT_LE(1, self->q.signals);
	EXPECT_EQ(0, self->q.drops);
	EXPECT_EQ(0, self->q.errors);
	stat_get(&self->q, "null", 0);
	EXPECT_EQ(0, self->q.chains);
}

TEST_F(stats, a_batch_is_fetched_as_one)
{
	struct ring_seg seg = { RIG_BUF, 64 };
	struct ring_used u;

	/* All there before the start: the first fetch finds them together. */
	for (int i = 0; i < 32; i++)
		ASSERT_EQ(0, ring_add(&self->g.ring[0], &seg, 1, 0, i));
	ring_publish(&self->g.ring[0]);
	dev_start(&self->g.dev, 0, 1);
	for (int i = 0; i < 32; i++)
		dev_expect_used(&self->g.ring[0], &u);
	dev_stop(&self->g.dev, 0);
	stat_get(&self->q, "null", 0);
	EXPECT_EQ(32, self->q.chains);
	EXPECT_EQ(32, self->q.fetched);
	EXPECT_EQ(1, self->q.batches);
}

TEST_F(stats, signals_are_those_that_came)
{
	struct ring *r = &self->g.ring[0];
	struct ring_seg seg = { RIG_BUF, 64 };
	uint64_t came = 0;
	struct ring_used u;

	dev_start(&self->g.dev, 0, 1);
	for (unsigned long i = 0; i < test_scale(200); i++) {
		ring_enable_call(r);
		ASSERT_EQ(0, ring_add(r, &seg, 1, 0, i));
		dev_publish(&self->g.dev, 0, r);
		came += event_wait(self->g.dev.call[0], DEV_PATIENCE_MS);
		ASSERT_EQ(1, ring_get(r, &u));
	}
	dev_stop(&self->g.dev, 0);
	came += event_take(self->g.dev.call[0]);
	stat_get(&self->q, "null", 0);
	EXPECT_EQ(came, self->q.signals);
	EXPECT_LE(test_scale(200), came);
}

TEST_F(stats, busy_polls_are_counted)
{
	dev_vring(&self->g.dev, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, 0, 50);
	dev_start(&self->g.dev, 0, 1);
	for (int i = 0; i < 20; i++)
		rig_ping(&self->g, 0);
	dev_stop(&self->g.dev, 0);
	stat_get(&self->q, "null", 0);
	EXPECT_LE(1, self->q.polls);
	EXPECT_LE(self->q.polls_paid, self->q.polls);
	EXPECT_EQ(20, self->q.chains);
}

TEST_F(stats, an_unprivileged_reader_is_refused)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct stat_queue q;

		if (setgid(65534) || setuid(65534))
			_exit(99);
		_exit(-__stat_dump(&q, 1));
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(EPERM, WEXITSTATUS(status));
}

TEST_HARNESS_MAIN
