// SPDX-License-Identifier: GPL-2.0
/*
 * Rules of way_core.h: of two ways to begin a request the faster is gone, also by a guest that
 * pauses, and also when the load becomes another; the other is tried ever more rarely.
 */
#include "blk/way_core.h"
#include "harness.h"

#define BOTH	(FERRY_WAY_FIRST * FERRY_WAY_REQUESTS)

struct load {
	struct ferry_way w;
	__u64 now;
	__u64 took[2];		/* of a request, each way */
	__u32 gone[2];		/* requests */
	__u32 pause;		/* after every so many the guest pauses, 0: never */
	__u32 total;
};

static void begin(struct load *l, __u64 kick, __u64 worker)
{
	*l = (struct load){ .now = 1000, .took = { kick, worker } };
	ferry_way_init(&l->w, l->now);
}

static void go(struct load *l, __u32 requests)
{
	l->gone[0] = 0;
	l->gone[1] = 0;
	while (requests--) {
		l->gone[l->w.worker]++;
		l->now += l->took[l->w.worker];
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
	go(&l, (FERRY_WAY_LAST + FERRY_WAY_TRIAL) * FERRY_WAY_REQUESTS);
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

	ferry_way_init(&w, now);
	for (unsigned int i = 0; i < 200 * FERRY_WAY_FIRST; i++) {
		__u32 n = w.worker ? 64 : 8;

		now += n * (w.worker ? 10 : 20);
		ASSERT_TRUE(ferry_way_count(&w, n));
		ferry_way_window(&w, now);
		if (i > FERRY_WAY_FIRST + FERRY_WAY_TRIAL && !w.trial)
			ASSERT_TRUE(w.worker);
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
	EXPECT_FALSE(l.w.worker);
}

TEST(a_clock_that_stands_does_no_harm)
{
	struct load l;

	begin(&l, 0, 0);
	go(&l, 100 * BOTH);
	EXPECT_GT(l.gone[0] / 50, l.gone[1]);
}

TEST_HARNESS_MAIN
