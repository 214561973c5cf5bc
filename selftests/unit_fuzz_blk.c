// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzz smoke test of the block request rules: a fixed seed, millions of requests,
 * each compared with the oracle, and proof that the generator reached every verdict.
 */
#include "harness.h"
#include "fuzz_blk.h"

#define REQUESTS	3000000

/* xorshift64*: any state but 0. */
static __u32 next(__u64 *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return (*s * 0x2545f4914f6cdd1dULL) >> 32;
}

TEST(requests_agree_with_the_oracle)
{
	unsigned long seen[FUZZ_BLK_SEEN_MAX] = { 0 };
	__u64 state = 0x9e3779b97f4a7c15ULL;
	struct fuzz_blk c;

	for (unsigned long i = 0; i < REQUESTS; i++) {
		__u32 *word = (__u32 *)&c;

		for (size_t j = 0; j < sizeof(c) / 4; j++)
			word[j] = next(&state);
		if (i % 2)
			c.max_sectors %= 256;
		seen[fuzz_blk_one(&c, sizeof(c))]++;
	}
	for (int i = 0; i < FUZZ_BLK_SEEN_MAX; i++) {
		EXPECT_GT(seen[i], 0) {
			TH_LOG("never saw verdict %d", i);
		}
	}
}

TEST_HARNESS_MAIN
