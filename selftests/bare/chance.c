// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the same numbers for the same seed, so that a failure comes again. The generator is
 *	SplitMix64.
 * Threads: the one processor.
 * Locks: none.
 */
#include "bare.h"

u64 rng_next(struct rng *r)
{
	u64 x = r->state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

u32 rng_below(struct rng *r, u32 n)
{
	return (rng_next(r) >> 32) * n >> 32;
}

bool rng_one_in(struct rng *r, u32 n)
{
	return !rng_below(r, n);
}

void rng_seed(struct rng *r, u64 seed)
{
	r->state = seed;
	r->state = rng_next(r);
}
