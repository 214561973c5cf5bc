// SPDX-License-Identifier: GPL-2.0
/*
 * Rings on /dev/ferry-null: many devices. A thousand opens, dozens running at
 * once, and counters of each apart from the others'.
 */
#include <sys/resource.h>

#include "pump.h"
#include "test.h"

#define RUNNING	24

FIXTURE(many) {
};

FIXTURE_SETUP(many)
{
	struct rlimit lim = { 65536, 65536 };

	TEST_REQUIRE(!access(DEV_NULL_PATH, R_OK | W_OK), "no " DEV_NULL_PATH);
	setrlimit(RLIMIT_NOFILE, &lim);
}

FIXTURE_TEARDOWN(many)
{
}

TEST_F(many, a_thousand_opens)
{
	unsigned long n = test_scale(1000);
	int *fd = calloc(n, sizeof(*fd));

	for (unsigned long i = 0; i < n; i++) {
		fd[i] = open(DEV_NULL_PATH, O_RDWR);
		ASSERT_LE(0, fd[i]);
	}
	for (unsigned long i = 0; i < n; i++)
		ASSERT_EQ(0, close(fd[i]));
	free(fd);
}

TEST_F(many, a_thousand_owners_one_after_the_other)
{
	for (unsigned long i = 0; i < test_scale(1000); i++) {
		int fd = open(DEV_NULL_PATH, O_RDWR);

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, ioctl(fd, VHOST_SET_OWNER));
		ASSERT_EQ(0, close(fd));
	}
}

TEST_F(many, two_hundred_owned_at_once)
{
	unsigned long n = test_scale(200);
	int *fd = calloc(n, sizeof(*fd));

	for (unsigned long i = 0; i < n; i++) {
		fd[i] = open(DEV_NULL_PATH, O_RDWR);
		ASSERT_LE(0, fd[i]);
		ASSERT_EQ(0, ioctl(fd[i], VHOST_SET_OWNER));
	}
	for (unsigned long i = 0; i < n; i++)
		ASSERT_EQ(0, close(fd[n - 1 - i]));
	free(fd);
}

TEST_F(many, running_side_by_side)
{
	struct rig_options o = { .kind = DEV_NULL, .queues = 1, .layout = { .num = 64 } };
	static struct rig g[RUNNING];
	static struct pump p[RUNNING];

	for (int i = 0; i < RUNNING; i++) {
		o.layout.packed = i & 1;
		o.layout.event_idx = i & 2;
		RIG_INIT(&g[i], &o);
		rig_start(&g[i]);
		pump_init(&p[i], &g[i], 0);
	}
	for (int i = 0; i < RUNNING; i++)
		pump_start(&p[i]);
	for (int i = 0; i < RUNNING; i++) {
		EXPECT_EQ(0, pump_wait(&p[i], test_scale(200))) {
			TH_LOG("device %d: %lu done, error %d", i, p[i].done, p[i].err);
		}
	}
	for (int i = 0; i < RUNNING; i++) {
		EXPECT_EQ(0, pump_stop(&p[i]));
		rig_destroy(&g[i]);
	}
}

TEST_F(many, each_in_the_statistics)
{
	static struct stat_queue q[4096];
	unsigned int mine = 0, last = 0;
	int fd[10], before, n;

	before = __stat_dump(q, 4096);
	TEST_REQUIRE(before != -ENOENT, "no netlink family");
	ASSERT_LE(0, before);
	for (int i = 0; i < 10; i++) {
		fd[i] = open(DEV_NULL_PATH, O_RDWR);
		ASSERT_LE(0, fd[i]);
		ASSERT_EQ(0, ioctl(fd[i], VHOST_SET_OWNER));
	}
	n = __stat_dump(q, 4096);
	EXPECT_EQ(before + 10 * FERRY_NULL_QUEUES, n);
	for (int i = 0; i < n && i < 4096; i++) {
		/* Devices in order, each device's queues in order. */
		bool same = i && q[i].dev == q[i - 1].dev;

		EXPECT_EQ(same ? q[i - 1].queue + 1 : 0, q[i].queue);
		EXPECT_LE(last, q[i].dev);
		last = q[i].dev;
		mine += q[i].owner == (uint32_t)getpid();
	}
	EXPECT_EQ(10 * FERRY_NULL_QUEUES, mine);
	for (int i = 0; i < 10; i++)
		close(fd[i]);
	EXPECT_EQ(before, __stat_dump(q, 4096));
}

TEST_HARNESS_MAIN
