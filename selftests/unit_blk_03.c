// SPDX-License-Identifier: GPL-2.0
/*
 * Rules of gather_core.h: a guest is asked to kick for as many as it sends at a time, and never
 * keeps its own requests waiting for what it does not send.
 */
#include "blk/gather_core.h"
#include "harness.h"

#define PACE	1000U	/* ns a request */
#define MOST	FERRY_GATHER_MOST

/*
 * A guest that has @depth requests under way, and sends the next when those that it was to kick
 * for are answered. Returns how many of @kicks times it was kept waiting.
 */
static __u32 serve(struct ferry_gather *g, __u32 depth, __u32 kicks, bool beside, bool *over)
{
	__u32 late = 0;

	*over = false;
	while (kicks--) {
		if (g->want <= depth) {
			ferry_gather_full(g, MOST, PACE);
			continue;
		}
		late++;
		if (!ferry_gather_late(g, depth, beside)) {
			*over = true;
			break;
		}
	}
	return late;
}

TEST(who_waits_for_each_is_found_out_at_once)
{
	struct ferry_gather g;
	bool over;

	ferry_gather_init(&g);
	EXPECT_EQ(2, serve(&g, 1, 100, false, &over));
	EXPECT_TRUE(over);
}

TEST(what_is_under_way_is_wanted)
{
	static const __u32 depths[] = { 2, 3, 4, 5, 7, 8, 15, 16, 17, 31 };
	struct ferry_gather g;
	bool over;

	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(depths); i++) {
		__u32 depth = depths[i / 2];
		bool beside = i % 2;

		ferry_gather_init(&g);
		serve(&g, depth, 10000, beside, &over);
		EXPECT_FALSE(over);
		EXPECT_LE(2, g.want);
		EXPECT_GE(depth, g.want);
		EXPECT_LE(beside ? depth / 2 : depth, g.want);
		/* And rarely more, to no avail. */
		EXPECT_GT(10000 / (FERRY_GATHER_LAST / 2), serve(&g, depth, 10000, beside, &over));
	}
}

TEST(no_more_are_wanted_than_may_be)
{
	struct ferry_gather g;

	ferry_gather_init(&g);
	for (unsigned int i = 0; i < 1000; i++) {
		ferry_gather_full(&g, 7, PACE);
		EXPECT_GE(7, g.want);
	}
	EXPECT_EQ(4, g.want);
}

TEST(no_request_waits_for_long)
{
	struct ferry_gather g;

	for (__u64 pace = 0; pace < 10 * FERRY_GATHER_NS; pace = 2 * pace + 1) {
		ferry_gather_init(&g);
		for (unsigned int i = 0; i < 100; i++) {
			EXPECT_GE(FERRY_GATHER_NS, ferry_gather_time(&g, pace));
			EXPECT_LE(2 * pace * g.want < FERRY_GATHER_NS ? 2 * pace * g.want :
				  FERRY_GATHER_NS, ferry_gather_time(&g, pace));
			ferry_gather_full(&g, MOST, pace);
		}
		/* Fewer are wanted of a slow disk. */
		if (g.want > FERRY_GATHER_LEAST) {
			EXPECT_GE(FERRY_GATHER_NS, 2 * pace * g.want);
		} else {
			EXPECT_LT(FERRY_GATHER_NS / 8, pace);
		}
	}
	EXPECT_EQ(FERRY_GATHER_NS, ferry_gather_time(&g, ~0ULL));
}

/* Nor for a guest that has other things to do: we know how long we need. */
TEST(who_sends_now_and_then_is_not_waited_for)
{
	EXPECT_EQ(3000, ferry_gather_each(3000, 1000));
	EXPECT_EQ(8000, ferry_gather_each(1000000, 1000));
	EXPECT_EQ(0, ferry_gather_each(1000000, 0));
	EXPECT_EQ(0, ferry_gather_each(0, 1000));
	EXPECT_EQ(~0ULL, ferry_gather_each(~0ULL, ~0ULL));
}

TEST(a_guest_that_sends_more_is_asked_for_more)
{
	struct ferry_gather g;
	bool over;

	ferry_gather_init(&g);
	serve(&g, 2, 100000, false, &over);
	EXPECT_EQ(2, g.want);
	/* After the longest time in which no more were wanted. */
	serve(&g, 64, FERRY_GATHER_LAST + 10, false, &over);
	EXPECT_EQ(MOST, g.want);
	EXPECT_EQ(FERRY_GATHER_FIRST, g.period);
}

/* Who serves them is another question, and tried by itself. */
TEST(half_are_wanted_while_they_are_served_beside)
{
	struct ferry_gather g;

	ferry_gather_init(&g);
	ferry_gather_turn(&g, true, MOST);
	EXPECT_EQ(2, g.want);
	g.want = 16;
	ferry_gather_turn(&g, true, MOST);
	EXPECT_EQ(8, g.want);
	ferry_gather_turn(&g, false, MOST);
	EXPECT_EQ(16, g.want);
	ferry_gather_turn(&g, false, 16);
	EXPECT_EQ(16, g.want);
}

/* One that is late now and then, as a vCPU is that had no CPU, is no guest that waits for each. */
TEST(one_by_itself_is_no_reason)
{
	struct ferry_gather g;

	ferry_gather_init(&g);
	for (unsigned int i = 0; i < 100; i++) {
		ferry_gather_full(&g, MOST, PACE);
		EXPECT_TRUE(ferry_gather_late(&g, 1, false));
		ferry_gather_full(&g, MOST, PACE);
	}
	EXPECT_TRUE(ferry_gather_late(&g, 1, false));
	EXPECT_TRUE(ferry_gather_late(&g, 2, false));
	EXPECT_TRUE(ferry_gather_late(&g, 1, false));
	EXPECT_FALSE(ferry_gather_late(&g, 1, false));
}

TEST_HARNESS_MAIN
