// SPDX-License-Identifier: GPL-2.0
/*
 * Rules of a descriptor chain in a split ring: every rule of vring_core.h is
 * kept in one test and broken in another.
 */
#include "harness.h"
#include "vring/vring_core.h"

#define NEXT	VRING_DESC_F_NEXT
#define WRITE	VRING_DESC_F_WRITE
#define TABLE	VRING_DESC_F_INDIRECT

FIXTURE(split) {
	struct ferry_walk w;
};

FIXTURE_SETUP(split)
{
	ferry_walk_init(&self->w, 8, true);
}

FIXTURE_TEARDOWN(split)
{
}

static int step(struct ferry_walk *w, __u32 len, __u16 flags, __u16 next)
{
	struct ferry_desc d = { .addr = 0x1000, .len = len, .flags = flags, .id = next };

	return ferry_split_step(w, &d);
}

TEST_F(split, a_table_takes_an_entry_of_the_ring)
{
	for (int i = 0; i < 7; i++)
		ASSERT_EQ(FERRY_STEP_NEXT, step(&self->w, 1, NEXT, 0));
	EXPECT_EQ(FERRY_STEP_TABLE, step(&self->w, 16, TABLE, 0));
}

TEST_F(split, a_table_behind_the_whole_ring_is_a_loop)
{
	for (int i = 0; i < 8; i++)
		ASSERT_EQ(FERRY_STEP_NEXT, step(&self->w, 1, NEXT, 0));
	EXPECT_EQ(-FERRY_CHAIN_LOOP, step(&self->w, 16, TABLE, 0));
}

TEST_F(split, one_readable_descriptor_ends_the_chain)
{
	EXPECT_EQ(FERRY_STEP_DONE, step(&self->w, 100, 0, 0));
	EXPECT_EQ(100, self->w.out_len);
	EXPECT_EQ(0, self->w.in_len);
	EXPECT_EQ(1, self->w.visited);
}

TEST_F(split, next_is_ignored_without_the_flag)
{
	EXPECT_EQ(FERRY_STEP_DONE, step(&self->w, 100, WRITE, 0xffff));
	EXPECT_EQ(100, self->w.in_len);
}

TEST_F(split, readable_then_writable_sum_up_apart)
{
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 10, NEXT, 7));
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 20, NEXT, 0));
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 40, NEXT | WRITE, 3));
	EXPECT_EQ(FERRY_STEP_DONE, step(&self->w, 80, WRITE, 0));
	EXPECT_EQ(30, self->w.out_len);
	EXPECT_EQ(120, self->w.in_len);
	EXPECT_EQ(4, self->w.visited);
}

TEST_F(split, readable_after_writable_is_refused)
{
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 10, NEXT | WRITE, 1));
	EXPECT_EQ(-FERRY_CHAIN_ORDER, step(&self->w, 10, 0, 0));
}

TEST_F(split, readable_after_empty_writable_is_refused_too)
{
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 0, NEXT | WRITE, 1));
	EXPECT_EQ(-FERRY_CHAIN_ORDER, step(&self->w, 0, 0, 0));
}

TEST_F(split, empty_descriptors_are_accepted)
{
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 0, NEXT, 1));
	EXPECT_EQ(FERRY_STEP_DONE, step(&self->w, 0, WRITE, 0));
	EXPECT_EQ(0, self->w.out_len + self->w.in_len);
}

TEST_F(split, next_at_the_rings_size_is_refused)
{
	EXPECT_EQ(-FERRY_CHAIN_BAD_NEXT, step(&self->w, 1, NEXT, 8));
}

TEST_F(split, next_below_the_rings_size_is_accepted)
{
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 1, NEXT, 7));
}

TEST_F(split, a_chain_as_long_as_the_ring_is_accepted)
{
	for (int i = 0; i < 7; i++)
		ASSERT_EQ(FERRY_STEP_NEXT, step(&self->w, 1, NEXT, i + 1));
	EXPECT_EQ(FERRY_STEP_DONE, step(&self->w, 1, 0, 0));
	EXPECT_EQ(8, self->w.out_len);
}

TEST_F(split, one_descriptor_more_than_the_ring_is_a_loop)
{
	for (int i = 0; i < 8; i++)
		ASSERT_EQ(FERRY_STEP_NEXT, step(&self->w, 1, NEXT, (i + 1) % 8));
	EXPECT_EQ(-FERRY_CHAIN_LOOP, step(&self->w, 1, NEXT, 1));
}

TEST_F(split, a_descriptor_that_names_itself_is_a_loop)
{
	int ret = 0, steps = 0;

	while (ret >= 0 && steps++ < 100)
		ret = step(&self->w, 0, NEXT, 0);
	EXPECT_EQ(-FERRY_CHAIN_LOOP, ret);
	EXPECT_EQ(9, steps);
}

TEST_F(split, four_gigabytes_less_one_are_accepted)
{
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 0xfffffffe, NEXT, 1));
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 1, NEXT, 2));
	EXPECT_EQ(FERRY_STEP_DONE, step(&self->w, 0xffffffff, WRITE, 0));
	EXPECT_EQ(0xffffffffU, self->w.out_len);
	EXPECT_EQ(0xffffffffU, self->w.in_len);
}

TEST_F(split, four_gigabytes_in_one_direction_are_refused)
{
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 0xffffffff, NEXT, 1));
	EXPECT_EQ(-FERRY_CHAIN_BYTES, step(&self->w, 1, 0, 0));
}

TEST_F(split, writable_bytes_overflow_alike)
{
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 0x80000000, NEXT | WRITE, 1));
	EXPECT_EQ(-FERRY_CHAIN_BYTES, step(&self->w, 0x80000000, WRITE, 0));
}

TEST_F(split, a_table_restarts_the_bounds_at_its_own_length)
{
	EXPECT_EQ(FERRY_STEP_TABLE, step(&self->w, 2 * 16, TABLE, 0));
	EXPECT_EQ(0, self->w.visited);
	EXPECT_EQ(-FERRY_CHAIN_BAD_NEXT, step(&self->w, 1, NEXT, 2));
}

TEST_F(split, a_table_may_be_longer_than_the_ring)
{
	EXPECT_EQ(FERRY_STEP_TABLE, step(&self->w, 100 * 16, TABLE, 0));
	for (int i = 0; i < 99; i++)
		ASSERT_EQ(FERRY_STEP_NEXT, step(&self->w, 1, NEXT, i + 1));
	EXPECT_EQ(FERRY_STEP_DONE, step(&self->w, 1, WRITE, 0));
	EXPECT_EQ(99, self->w.out_len);
	EXPECT_EQ(1, self->w.in_len);
}

TEST_F(split, a_table_may_end_before_its_length)
{
	EXPECT_EQ(FERRY_STEP_TABLE, step(&self->w, 100 * 16, TABLE, 0));
	EXPECT_EQ(FERRY_STEP_DONE, step(&self->w, 5, 0, 0));
	EXPECT_EQ(1, self->w.visited);
}

TEST_F(split, a_table_may_follow_plain_descriptors)
{
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 5, NEXT, 1));
	EXPECT_EQ(FERRY_STEP_TABLE, step(&self->w, 16, TABLE, 0));
	EXPECT_EQ(FERRY_STEP_DONE, step(&self->w, 6, 0, 0));
	EXPECT_EQ(11, self->w.out_len);
	EXPECT_EQ(2, self->w.visited);
}

TEST_F(split, the_write_flag_of_a_table_means_nothing)
{
	EXPECT_EQ(FERRY_STEP_TABLE, step(&self->w, 16, TABLE | WRITE, 0));
	EXPECT_EQ(FERRY_STEP_DONE, step(&self->w, 6, 0, 0));
	EXPECT_EQ(6, self->w.out_len);
}

TEST_F(split, a_loop_in_a_table_is_refused)
{
	int ret = step(&self->w, 3 * 16, TABLE, 0), steps = 0;

	while (ret >= 0 && steps++ < 100)
		ret = step(&self->w, 0, NEXT, 1);
	EXPECT_EQ(-FERRY_CHAIN_LOOP, ret);
	EXPECT_EQ(4, steps);
}

TEST_F(split, a_table_in_a_table_is_refused)
{
	EXPECT_EQ(FERRY_STEP_TABLE, step(&self->w, 16, TABLE, 0));
	EXPECT_EQ(-FERRY_CHAIN_NESTED, step(&self->w, 16, TABLE, 0));
}

TEST_F(split, a_table_with_next_is_refused)
{
	EXPECT_EQ(-FERRY_CHAIN_INDIRECT_NEXT, step(&self->w, 16, TABLE | NEXT, 1));
}

TEST_F(split, an_empty_table_is_refused)
{
	EXPECT_EQ(-FERRY_CHAIN_INDIRECT_LEN, step(&self->w, 0, TABLE, 0));
}

TEST_F(split, a_table_length_off_by_one_is_refused)
{
	EXPECT_EQ(-FERRY_CHAIN_INDIRECT_LEN, step(&self->w, 15, TABLE, 0));
	EXPECT_EQ(-FERRY_CHAIN_INDIRECT_LEN, step(&self->w, 17, TABLE, 0));
	EXPECT_EQ(-FERRY_CHAIN_INDIRECT_LEN, step(&self->w, 0xffffffff, TABLE, 0));
}

TEST_F(split, a_table_of_nearly_four_gigabytes_does_not_overflow)
{
	EXPECT_EQ(FERRY_STEP_TABLE, step(&self->w, 0xfffffff0, TABLE, 0));
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 1, NEXT, 0xffff));
	EXPECT_EQ(FERRY_STEP_DONE, step(&self->w, 1, 0, 0));
}

TEST_F(split, a_table_without_the_feature_is_refused)
{
	ferry_walk_init(&self->w, 8, false);
	EXPECT_EQ(-FERRY_CHAIN_NO_INDIRECT, step(&self->w, 16, TABLE, 0));
}

TEST_F(split, the_longest_chain_is_accepted_and_one_more_refused)
{
	ferry_walk_init(&self->w, 2048, false);
	for (unsigned int i = 1; i < FERRY_CHAIN_MAX; i++)
		ASSERT_EQ(FERRY_STEP_NEXT, step(&self->w, 1, NEXT, i));
	struct ferry_walk before = self->w;

	EXPECT_EQ(FERRY_STEP_DONE, step(&self->w, 1, 0, 0));
	self->w = before;
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 1, NEXT, 1));
	EXPECT_EQ(-FERRY_CHAIN_LONG, step(&self->w, 1, 0, 0));
}

TEST_F(split, the_longest_chain_counts_descriptors_before_a_table)
{
	ferry_walk_init(&self->w, 2048, true);
	for (unsigned int i = 0; i < 10; i++)
		ASSERT_EQ(FERRY_STEP_NEXT, step(&self->w, 1, NEXT, i));
	ASSERT_EQ(FERRY_STEP_TABLE, step(&self->w, 2048 * 16, TABLE, 0));
	for (unsigned int i = 10; i < FERRY_CHAIN_MAX; i++)
		ASSERT_EQ(FERRY_STEP_NEXT, step(&self->w, 1, NEXT, i));
	EXPECT_EQ(-FERRY_CHAIN_LONG, step(&self->w, 1, 0, 0));
}

TEST(pending_counts_up_to_the_ring)
{
	EXPECT_EQ(0, ferry_split_pending(5, 5, 8));
	EXPECT_EQ(8, ferry_split_pending(13, 5, 8));
	EXPECT_EQ(3, ferry_split_pending(1, 0xfffe, 8));
	EXPECT_EQ(32768, ferry_split_pending(0x8000, 0, FERRY_RING_MAX));
}

TEST(pending_refuses_a_jump)
{
	EXPECT_EQ(-FERRY_CHAIN_BAD_AVAIL, ferry_split_pending(14, 5, 8));
	EXPECT_EQ(-FERRY_CHAIN_BAD_AVAIL, ferry_split_pending(4, 5, 8));
	EXPECT_EQ(-FERRY_CHAIN_BAD_AVAIL, ferry_split_pending(0x8001, 0, FERRY_RING_MAX));
}

TEST(every_error_has_a_text_of_its_own)
{
	for (int i = FERRY_CHAIN_BAD_AVAIL; i <= FERRY_CHAIN_BAD_ADDR; i++) {
		EXPECT_STREQ(ferry_chain_strerror(i), ferry_chain_strerror(-i));
		EXPECT_STRNE("unknown chain error", ferry_chain_strerror(i));
		for (int j = FERRY_CHAIN_BAD_AVAIL; j < i; j++)
			EXPECT_STRNE(ferry_chain_strerror(j), ferry_chain_strerror(i));
	}
	EXPECT_STREQ("unknown chain error", ferry_chain_strerror(0));
	EXPECT_STREQ("unknown chain error", ferry_chain_strerror(FERRY_CHAIN_BAD_ADDR + 1));
}

TEST_HARNESS_MAIN
