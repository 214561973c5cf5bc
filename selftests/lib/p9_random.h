/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Random 9P messages: of one state of chance always the same ones. Any thread; no locks.
 */
#ifndef FERRY_SELFTEST_P9_RANDOM_H
#define FERRY_SELFTEST_P9_RANDOM_H

#include "p9.h"

struct chance {
	uint64_t state;
};

uint32_t chance_next(struct chance *c);
/* 0 to @n - 1. */
uint32_t chance_below(struct chance *c, uint32_t n);

struct p9_body {
	uint8_t at[8192];
	uint32_t len;
	bool tidy;		/* each field by itself is what a client might say */
};

/* A body, of a message of the dialect's but Tversion, or rarely of any; return its type. */
uint8_t p9_random(struct p9_body *b, struct chance *c, unsigned int dialect);

#endif /* FERRY_SELFTEST_P9_RANDOM_H */
