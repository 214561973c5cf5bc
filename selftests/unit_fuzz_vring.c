// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzz smoke test of the chain rules: a fixed seed, millions of chains, each
 * compared with the oracle, and proof that the generator reached every verdict.
 */
#include "harness.h"
#include "fuzz_vring.h"

#define CHAINS	1000000

struct rng {
	__u64 s;
};

/* xorshift64*: any seed but 0. */
static __u32 rng_next(struct rng *r)
{
	r->s ^= r->s >> 12;
	r->s ^= r->s << 25;
	r->s ^= r->s >> 27;
	return (r->s * 0x2545f4914f6cdd1dULL) >> 32;
}

static __u32 rng_below(struct rng *r, __u32 n)
{
	return rng_next(r) % n;
}

/* Whether a thing that happens once in @n happens. */
static bool rng_rarely(struct rng *r, __u32 n)
{
	return !rng_below(r, n);
}

static __u32 gen_len(struct rng *r, bool table)
{
	if (table && !rng_rarely(r, 4))
		return 16 * (1 + rng_below(r, rng_rarely(r, 8) ? 2000 : 16));
	if (rng_rarely(r, 30))
		return 0xffffffff - rng_below(r, 3);
	return rng_rarely(r, 6) ? 0 : rng_below(r, 4096);
}

static struct ferry_desc gen_desc(struct rng *r, __u32 num, __u32 wild)
{
	struct ferry_desc d = { .addr = rng_next(r) };

	if (!rng_rarely(r, 3))
		d.flags |= VRING_DESC_F_NEXT;
	if (rng_rarely(r, 4))
		d.flags |= VRING_DESC_F_WRITE;
	if (rng_rarely(r, wild))
		d.flags = VRING_DESC_F_INDIRECT | (rng_rarely(r, 8) ? VRING_DESC_F_NEXT : 0);
	if (rng_rarely(r, 20))
		d.flags |= rng_next(r) & 0xfff8;
	d.len = gen_len(r, d.flags & VRING_DESC_F_INDIRECT);
	d.id = rng_rarely(r, 40) ? rng_next(r) : rng_below(r, num);
	return d;
}

/* Near-valid chains: pure noise hardly ever gets past the first descriptor. */
static void gen_case(struct rng *r, struct fuzz_case *c)
{
	bool all_next = rng_rarely(r, 50);

	memset(c, 0, sizeof(*c));
	c->packed = rng_below(r, 2);
	c->may_indirect = !rng_rarely(r, 8);
	c->sequential = rng_below(r, 4);
	c->num = rng_rarely(r, 4) ? rng_below(r, 2048) : rng_below(r, 16);
	c->head = rng_next(r);
	for (int i = 0; i < FUZZ_DESCS; i++) {
		c->ring[i] = gen_desc(r, c->num + 1, 5);
		c->table[i] = gen_desc(r, 16, 40);
		if (all_next) {
			c->ring[i].flags = VRING_DESC_F_NEXT;
			c->table[i].flags = VRING_DESC_F_NEXT;
			c->ring[i].len = c->table[i].len = 16;
			c->num = 2047;
		}
	}
}

static void run(struct __test_metadata *_metadata, __u64 seed, bool noise)
{
	unsigned long seen[FERRY_CHAIN_BAD_ADDR + 1] = { 0 };
	struct rng r = { seed };
	struct fuzz_case c;

	for (unsigned long i = 0; i < CHAINS; i++) {
		if (noise) {
			__u32 *word = (__u32 *)&c;

			for (size_t j = 0; j < sizeof(c) / 4; j++)
				word[j] = rng_next(&r);
		} else {
			gen_case(&r, &c);
		}
		seen[fuzz_one(&c, sizeof(c))]++;
	}
	for (int e = 0; e <= FERRY_CHAIN_BAD_ADDR; e++)
		TH_LOG("%8lu %s", seen[e], e ? ferry_chain_strerror(e) : "accepted");
	EXPECT_GT(seen[0], 0);
	/* These belong to the ring index, the head and the memory table. */
	EXPECT_EQ(0, seen[FERRY_CHAIN_BAD_AVAIL] + seen[FERRY_CHAIN_BAD_HEAD] +
		     seen[FERRY_CHAIN_BAD_ADDR]);
	for (int e = FERRY_CHAIN_BAD_NEXT; !noise && e < FERRY_CHAIN_BAD_ADDR; e++) {
		EXPECT_GT(seen[e], 0) {
			TH_LOG("never saw: %s", ferry_chain_strerror(e));
		}
	}
}

TEST(near_valid_chains_agree_with_the_oracle)
{
	run(_metadata, 0x9e3779b97f4a7c15ULL, false);
}

TEST(noise_agrees_with_the_oracle)
{
	run(_metadata, 0xd1b54a32d192ed03ULL, true);
}

TEST_HARNESS_MAIN
