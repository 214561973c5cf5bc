// SPDX-License-Identifier: GPL-2.0
/*
 * Rules of way_core.h: of the ways to begin a request the fastest is gone, also by a guest that
 * pauses, and also when the load becomes another; the others are tried ever more rarely.
 */
#include "blk/way_core.h"
#include "harness.h"

#define BOTH	(FERRY_WAY_FIRST * FERRY_WAY_REQUESTS)

struct load {
	struct ferry_way w;
	__u64 now;
	__u64 took[4];		/* of a request, by FERRY_WAY_* */
	__u32 gone[4];		/* requests, the same */
	__u32 pause;		/* after every so many the guest pauses, 0: never */
	__u32 total;
};

/* With nothing to gather. */
static void begin(struct load *l, __u64 kick, __u64 worker)
{
	*l = (struct load){ .now = 1000, .took = { kick, worker } };
	ferry_way_init(&l->w, FERRY_WAY_WORKER, l->now);
}

static void go(struct load *l, __u32 requests)
{
	memset(l->gone, 0, sizeof(l->gone));
	while (requests--) {
		l->gone[l->w.how]++;
		l->now += l->took[l->w.how];
		if (l->pause && ++l->total % l->pause == 0)
			l->now += 1000000;
		if (ferry_way_count(&l->w, 1))
			ferry_way_window(&l->w, l->now);
	}
}

TEST(the_first_go_at_the_kick)
{
	struct load l;

	begin(&l, 10, 1);
	go(&l, BOTH);
	EXPECT_EQ(0, l.gone[1]);
}

TEST(what_is_slower_is_tried_rarely)
{
	struct load l;

	begin(&l, 10, 20);
	go(&l, 100 * BOTH);
	EXPECT_LT(0, l.gone[1]);
	EXPECT_GT(l.gone[0] / 50, l.gone[1]);
	/* And in the end as rarely as it ever is. */
	go(&l, 100 * BOTH);
	EXPECT_GT(l.gone[0] / 200, l.gone[1]);
	EXPECT_LT(0, l.gone[1]);
}

TEST(what_is_faster_is_kept)
{
	struct load l;

	begin(&l, 20, 10);
	go(&l, 2 * BOTH);
	go(&l, 100 * BOTH);
	EXPECT_GT(l.gone[1] / 50, l.gone[0]);
}

TEST(a_little_faster_is_no_reason)
{
	struct load l;

	begin(&l, 100, 95);
	go(&l, 50 * BOTH);
	EXPECT_GT(l.gone[0] / 50, l.gone[1]);
}

TEST(pauses_tell_nothing)
{
	struct load l;

	for (__u32 pause = 20; pause < 2000; pause += 7) {
		begin(&l, 10, 20);
		l.pause = pause;
		go(&l, 20 * BOTH);
		EXPECT_GT(l.gone[0] / 10, l.gone[1]) {
			TH_LOG("paused every %u", pause);
		}
		begin(&l, 20, 10);
		l.pause = pause;
		go(&l, 20 * BOTH);
		EXPECT_GT(l.gone[1] / 5, l.gone[0]) {
			TH_LOG("paused every %u", pause);
		}
	}
}

TEST(another_load_goes_another_way)
{
	struct load l;

	begin(&l, 10, 20);
	go(&l, 100 * BOTH);
	l.took[0] = 40;
	/* The next trial is far away by now, but not too far. */
	go(&l, (FERRY_WAY_LAST + 2 * FERRY_WAY_TRIAL) * FERRY_WAY_REQUESTS);
	go(&l, 10 * BOTH);
	EXPECT_GT(l.gone[1] / 5, l.gone[0]);
	l.took[1] = 80;
	go(&l, 2 * BOTH);
	go(&l, 10 * BOTH);
	EXPECT_GT(l.gone[0] / 5, l.gone[1]);
}

/* A batch is a window by itself, and no longer for that. */
TEST(windows_of_any_length_compare)
{
	struct ferry_way w;
	__u64 now = 0;

	ferry_way_init(&w, FERRY_WAY_WORKER, now);
	for (unsigned int i = 0; i < 200 * FERRY_WAY_FIRST; i++) {
		__u32 n = w.how ? 64 : 8;

		now += n * (w.how ? 10 : 20);
		ASSERT_TRUE(ferry_way_count(&w, n));
		ferry_way_window(&w, now);
		if (i > FERRY_WAY_FIRST + 2 * FERRY_WAY_TRIAL && !w.tried)
			ASSERT_EQ(FERRY_WAY_WORKER, w.how);
	}
}

/* The guest sleeps between two windows, for as long as makes 32 bits nothing again. */
TEST(a_long_sleep_is_no_short_window)
{
	struct load l;

	begin(&l, 10, 20);
	for (unsigned int i = 0; i < 100 * FERRY_WAY_FIRST; i++) {
		go(&l, FERRY_WAY_REQUESTS - 1);
		l.now += 1ULL << 32;
		go(&l, 1);
	}
	l.gone[0] = 0;
	go(&l, BOTH);
	EXPECT_EQ(0, l.w.how);
}

/* Whatever each of the four takes, in the end the fastest is gone. */
TEST(two_questions_have_four_answers)
{
	static const __u64 took[][4] = {
		{ 10, 20, 20, 20 }, { 20, 10, 20, 20 }, { 20, 15, 15, 10 }, { 20, 30, 10, 30 },
		{ 40, 30, 20, 10 }, { 20, 30, 15, 10 }, { 10, 11, 11, 9 },
	};
	static const __u32 best[] = { 0, 1, 3, 2, 3, 3, 0 };
	struct load l;

	for (unsigned int i = 0; i < ARRAY_SIZE(took); i++) {
		begin(&l, 0, 0);
		memcpy(l.took, took[i], sizeof(l.took));
		ferry_way_init(&l.w, FERRY_WAY_WORKER | FERRY_WAY_GATHER, l.now);
		go(&l, 100 * BOTH);
		go(&l, 100 * BOTH);
		EXPECT_LT(95 * BOTH, l.gone[best[i]]) {
			TH_LOG("load %u: %u %u %u %u", i, l.gone[0], l.gone[1], l.gone[2],
			       l.gone[3]);
		}
		for (unsigned int way = 0; way < 4; way++)
			if ((way ^ best[i]) == 1 || (way ^ best[i]) == 2)
				EXPECT_LT(0, l.gone[way]);
	}
}

TEST(what_may_not_be_is_not_tried)
{
	struct load l;

	begin(&l, 20, 20);
	l.took[2] = 1;
	l.took[3] = 1;
	go(&l, 100 * BOTH);
	EXPECT_EQ(0, l.gone[2]);
	EXPECT_EQ(0, l.gone[3]);
}

/* It ends at once, whether it is a trial, what was kept, or beside the trial of the other. */
TEST(what_is_refused_ends)
{
	__u32 refused = 0, tried = 0;
	struct load l;

	begin(&l, 20, 30);
	l.took[2] = 10;
	l.took[3] = 15;
	ferry_way_init(&l.w, FERRY_WAY_WORKER | FERRY_WAY_GATHER, l.now);
	for (unsigned int i = 0; i < 1000 * BOTH; i++) {
		go(&l, 1);
		if (!(l.w.how & FERRY_WAY_GATHER) || i % 97)
			continue;
		tried += l.w.tried;
		ferry_way_refuse(&l.w, FERRY_WAY_GATHER);
		EXPECT_EQ(0, l.w.how & FERRY_WAY_GATHER);
		EXPECT_EQ(0, l.w.trial);
		refused++;
	}
	EXPECT_LT(0, tried);
	EXPECT_GT(refused, tried);
	/* It is tried again, though rarely. */
	go(&l, 2 * (FERRY_WAY_LAST_REFUSED + 3 * FERRY_WAY_TRIAL) * FERRY_WAY_REQUESTS);
	EXPECT_LT(0, l.gone[2]);
}

/* A pause makes one request no measure of those that come after it. */
TEST(the_pace_leaves_pauses_out)
{
	struct load l;

	begin(&l, 1000, 2000);
	go(&l, BOTH / 2);
	EXPECT_EQ(1000, l.w.pace);
	l.now += 1000000000;
	go(&l, FERRY_WAY_REQUESTS);
	EXPECT_EQ(2001, l.w.pace);
	go(&l, FERRY_WAY_REQUESTS);
	EXPECT_EQ(1000, l.w.pace);
	/* It follows when they really take longer. */
	l.took[0] = 8000;
	go(&l, 4 * FERRY_WAY_REQUESTS);
	EXPECT_EQ(8000, l.w.pace);
}

TEST(a_clock_that_stands_does_no_harm)
{
	struct load l;

	begin(&l, 0, 0);
	go(&l, 100 * BOTH);
	EXPECT_GT(l.gone[0] / 50, l.gone[1]);
}

TEST_HARNESS_MAIN
