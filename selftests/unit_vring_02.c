// SPDX-License-Identifier: GPL-2.0
/*
 * Rules of a packed ring: chains, availability, the flags of a used descriptor,
 * and, exhaustively for small rings, when the driver is owed a notification.
 */
#include "harness.h"
#include "vring/vring_core.h"

#define NEXT	VRING_DESC_F_NEXT
#define WRITE	VRING_DESC_F_WRITE
#define TABLE	VRING_DESC_F_INDIRECT
#define AVAIL	(1U << VRING_PACKED_DESC_F_AVAIL)
#define USED	(1U << VRING_PACKED_DESC_F_USED)

FIXTURE(packed) {
	struct ferry_walk w;
};

FIXTURE_SETUP(packed)
{
	ferry_walk_init(&self->w, 6, true);
}

FIXTURE_TEARDOWN(packed)
{
}

static int step(struct ferry_walk *w, __u32 len, __u16 flags)
{
	struct ferry_desc d = { .addr = 0x1000, .len = len, .flags = flags, .id = 0xffff };

	return ferry_packed_step(w, &d);
}

TEST_F(packed, a_table_takes_an_entry_of_the_ring)
{
	for (int i = 0; i < 5; i++)
		ASSERT_EQ(FERRY_STEP_NEXT, step(&self->w, 1, NEXT));
	EXPECT_EQ(FERRY_STEP_TABLE, step(&self->w, 16, TABLE));
}

TEST_F(packed, a_table_behind_the_whole_ring_is_a_loop)
{
	for (int i = 0; i < 6; i++)
		ASSERT_EQ(FERRY_STEP_NEXT, step(&self->w, 1, NEXT));
	EXPECT_EQ(-FERRY_CHAIN_LOOP, step(&self->w, 16, TABLE));
}

TEST_F(packed, a_chain_goes_on_while_next_is_set)
{
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 10, NEXT | AVAIL));
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 20, NEXT | WRITE | USED));
	EXPECT_EQ(FERRY_STEP_DONE, step(&self->w, 40, WRITE));
	EXPECT_EQ(10, self->w.out_len);
	EXPECT_EQ(60, self->w.in_len);
	EXPECT_EQ(3, self->w.visited);
}

TEST_F(packed, readable_after_writable_is_refused)
{
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 10, NEXT | WRITE));
	EXPECT_EQ(-FERRY_CHAIN_ORDER, step(&self->w, 10, 0));
}

TEST_F(packed, a_chain_as_long_as_the_ring_is_accepted)
{
	for (int i = 0; i < 5; i++)
		ASSERT_EQ(FERRY_STEP_NEXT, step(&self->w, 1, NEXT));
	EXPECT_EQ(FERRY_STEP_DONE, step(&self->w, 1, 0));
}

TEST_F(packed, one_descriptor_more_than_the_ring_is_a_loop)
{
	for (int i = 0; i < 6; i++)
		ASSERT_EQ(FERRY_STEP_NEXT, step(&self->w, 1, NEXT));
	EXPECT_EQ(-FERRY_CHAIN_LOOP, step(&self->w, 1, 0));
}

TEST_F(packed, four_gigabytes_are_refused)
{
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 0xffffffff, NEXT));
	EXPECT_EQ(-FERRY_CHAIN_BYTES, step(&self->w, 1, 0));
}

TEST_F(packed, a_table_ends_with_its_length)
{
	EXPECT_EQ(FERRY_STEP_TABLE, step(&self->w, 3 * 16, TABLE));
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 1, 0));
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 2, 0));
	EXPECT_EQ(FERRY_STEP_DONE, step(&self->w, 4, WRITE));
	EXPECT_EQ(3, self->w.out_len);
	EXPECT_EQ(4, self->w.in_len);
}

TEST_F(packed, next_means_nothing_in_a_table)
{
	EXPECT_EQ(FERRY_STEP_TABLE, step(&self->w, 2 * 16, TABLE));
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 1, 0));
	EXPECT_EQ(FERRY_STEP_DONE, step(&self->w, 1, NEXT));
}

TEST_F(packed, a_table_keeps_the_order_rule)
{
	EXPECT_EQ(FERRY_STEP_TABLE, step(&self->w, 2 * 16, TABLE));
	EXPECT_EQ(FERRY_STEP_NEXT, step(&self->w, 1, WRITE));
	EXPECT_EQ(-FERRY_CHAIN_ORDER, step(&self->w, 1, 0));
}

TEST_F(packed, a_table_in_a_table_is_refused)
{
	EXPECT_EQ(FERRY_STEP_TABLE, step(&self->w, 32, TABLE));
	EXPECT_EQ(-FERRY_CHAIN_NESTED, step(&self->w, 16, TABLE));
}

TEST_F(packed, a_table_with_next_is_refused)
{
	EXPECT_EQ(-FERRY_CHAIN_INDIRECT_NEXT, step(&self->w, 16, TABLE | NEXT));
}

TEST_F(packed, bad_table_lengths_are_refused)
{
	EXPECT_EQ(-FERRY_CHAIN_INDIRECT_LEN, step(&self->w, 0, TABLE));
	EXPECT_EQ(-FERRY_CHAIN_INDIRECT_LEN, step(&self->w, 24, TABLE));
}

TEST_F(packed, a_table_without_the_feature_is_refused)
{
	ferry_walk_init(&self->w, 6, false);
	EXPECT_EQ(-FERRY_CHAIN_NO_INDIRECT, step(&self->w, 16, TABLE));
}

TEST_F(packed, a_table_longer_than_any_chain_is_refused_in_the_walk)
{
	ASSERT_EQ(FERRY_STEP_TABLE, step(&self->w, (FERRY_CHAIN_MAX + 1) * 16, TABLE));
	for (unsigned int i = 0; i < FERRY_CHAIN_MAX; i++)
		ASSERT_EQ(FERRY_STEP_NEXT, step(&self->w, 1, 0));
	EXPECT_EQ(-FERRY_CHAIN_LONG, step(&self->w, 1, 0));
}

TEST_F(packed, the_longest_table_is_accepted)
{
	ASSERT_EQ(FERRY_STEP_TABLE, step(&self->w, FERRY_CHAIN_MAX * 16, TABLE));
	for (unsigned int i = 1; i < FERRY_CHAIN_MAX; i++)
		ASSERT_EQ(FERRY_STEP_NEXT, step(&self->w, 1, 0));
	EXPECT_EQ(FERRY_STEP_DONE, step(&self->w, 1, 0));
}

TEST(available_needs_both_bits_of_the_lap)
{
	EXPECT_TRUE(ferry_packed_is_avail(AVAIL, true));
	EXPECT_TRUE(ferry_packed_is_avail(USED, false));
	EXPECT_FALSE(ferry_packed_is_avail(0, true));
	EXPECT_FALSE(ferry_packed_is_avail(0, false));
	EXPECT_FALSE(ferry_packed_is_avail(AVAIL | USED, true));
	EXPECT_FALSE(ferry_packed_is_avail(AVAIL | USED, false));
	EXPECT_FALSE(ferry_packed_is_avail(USED, true));
	EXPECT_FALSE(ferry_packed_is_avail(AVAIL, false));
}

TEST(used_flags_are_never_available_again)
{
	EXPECT_EQ(AVAIL | USED, ferry_packed_used_flags(true, false));
	EXPECT_EQ(AVAIL | USED | WRITE, ferry_packed_used_flags(true, true));
	EXPECT_EQ(0, ferry_packed_used_flags(false, false));
	EXPECT_EQ(WRITE, ferry_packed_used_flags(false, true));
	for (int wrap = 0; wrap < 2; wrap++)
		for (int lap = 0; lap < 2; lap++)
			EXPECT_FALSE(ferry_packed_is_avail(ferry_packed_used_flags(wrap, true),
							   lap));
}

TEST(event_flags_rule_without_event_idx)
{
	EXPECT_FALSE(ferry_packed_need_event(0, VRING_PACKED_EVENT_FLAG_DISABLE, true, 1, true,
					     1, 8));
	EXPECT_TRUE(ferry_packed_need_event(5, VRING_PACKED_EVENT_FLAG_ENABLE, true, 1, true,
					    1, 8));
	/* Not negotiated, or reserved: better one call too many. */
	EXPECT_TRUE(ferry_packed_need_event(5, VRING_PACKED_EVENT_FLAG_DESC, false, 1, true,
					    1, 8));
	EXPECT_TRUE(ferry_packed_need_event(5, 3, true, 1, true, 1, 8));
}

/*
 * The straightforward answer: walk the slots that the batch passed, each with
 * the wrap counter it had, and look for the one that the driver named.
 */
static bool oracle_need_event(__u16 slot, bool wrap, __u16 next, bool next_wrap, __u16 added,
			      __u32 num)
{
	while (added--) {
		if (!next) {
			next = num;
			next_wrap = !next_wrap;
		}
		next--;
		if (next == slot && next_wrap == wrap)
			return true;
	}
	return false;
}

TEST(event_index_agrees_with_an_oracle_everywhere)
{
	unsigned long events = 0, checks = 0;

	for (__u32 num = 1; num <= 9; num++)
	for (__u16 slot = 0; slot < num; slot++)
	for (int wrap = 0; wrap < 2; wrap++)
	for (__u16 next = 0; next < num; next++)
	for (int next_wrap = 0; next_wrap < 2; next_wrap++)
	for (__u16 added = 1; added <= num; added++) {
		bool want = oracle_need_event(slot, wrap, next, next_wrap, added, num);
		bool got = ferry_packed_need_event(slot | wrap << 15,
						   VRING_PACKED_EVENT_FLAG_DESC, true, next,
						   next_wrap, added, num);

		ASSERT_EQ(want, got) {
			TH_LOG("num %u slot %u/%d next %u/%d added %u", num, slot, wrap, next,
			       next_wrap, added);
		}
		events += got;
		checks++;
	}
	EXPECT_GT(events, 0);
	EXPECT_LT(events, checks);
}

TEST(event_index_works_at_the_largest_ring)
{
	__u32 num = FERRY_RING_MAX;

	EXPECT_TRUE(ferry_packed_need_event((num - 1) | 1 << 15, VRING_PACKED_EVENT_FLAG_DESC,
					    true, 0, false, 1, num));
	EXPECT_FALSE(ferry_packed_need_event((num - 1) | 0 << 15, VRING_PACKED_EVENT_FLAG_DESC,
					     true, 0, false, 1, num));
	EXPECT_TRUE(ferry_packed_need_event(5 | 1 << 15, VRING_PACKED_EVENT_FLAG_DESC, true, 5,
					    false, num, num));
}

TEST_HARNESS_MAIN
