// SPDX-License-Identifier: GPL-2.0
/*
 * Rounds of measurements in a machine that counts instructions. Runs in its only
 * process's only thread, and takes no locks.
 */
#include <errno.h>
#include <sched.h>

#include "boot.h"
#include "check.h"
#include "count.h"

/* Seconds of the machine's own time, most of which it skips. */
#define COUNT_SETTLE	5
#define COUNT_SIDES_MAX	2

/* Different text keeps these from being merged. */
__attribute__((noinline)) void mark_small(void)
{
	asm volatile("# small");
}

__attribute__((noinline)) void mark_large(void)
{
	asm volatile("# large");
}

__attribute__((noinline)) void mark_end(void)
{
	asm volatile("# end");
}

__attribute__((noinline)) void mark_keep(void)
{
	asm volatile("# keep");
}

void count_begin(struct count *c)
{
	char flag[8];

	memset(c, 0, sizeof(*c));
	boot_begin();
	/* What a kernel puts off until after boot (keys, self-tests) shall be over. */
	sleep(COUNT_SETTLE);
	boot_parameter("row", c->row, sizeof(c->row));
	boot_parameter("side", c->side, sizeof(c->side));
	c->profile = boot_parameter("profile", flag, sizeof(flag));
}

bool count_has_row(const struct count *c, const char *name)
{
	return !*c->row || !strcmp(c->row, name);
}

bool count_has_side(const struct count *c, const char *name)
{
	return !*c->side || !strcmp(c->side, name);
}

void count_give_way(bool yes)
{
	const struct sched_param param = { 0 };

	check(!sched_setscheduler(0, yes ? SCHED_IDLE : SCHED_OTHER, &param), "set the policy: %s",
	      strerror(errno));
}

static void count_rounds(const struct count_side *sides, unsigned int nr, unsigned int n,
			 void (*mark)(void))
{
	uint64_t best[COUNT_SIDES_MAX] = { UINT64_MAX, UINT64_MAX };

	check(nr <= COUNT_SIDES_MAX, "%u sides", nr);
	for (unsigned int round = 0; round < COUNT_ROUNDS; round++)
		for (unsigned int i = 0; i < nr; i++) {
			uint64_t ticks = sides[i].once(sides[i].arg, n, mark);

			if (ticks && ticks < best[i])
				best[i] = ticks;
		}
	for (unsigned int i = 0; i < nr; i++) {
		check(best[i] != UINT64_MAX, "%s/%s: never served at once", sides[i].row,
		      sides[i].name);
		boot_result("sample %s %s %u %llu", sides[i].row, sides[i].name, n,
			    (unsigned long long)best[i]);
	}
}

unsigned int count_sizes(const struct count *c, const struct count_side *sides, unsigned int nr,
			 const struct count_sizes *sizes)
{
	unsigned int total = 0;

	for (unsigned int k = 0; k < sizes->nr; k++) {
		unsigned int n = sizes->size[k];

		if (c->profile && n != sizes->small && n != sizes->large)
			continue;
		count_rounds(sides, nr, n, n == sizes->large ? mark_large : mark_small);
		total += n * COUNT_ROUNDS;
	}
	return total;
}

void count_end(const struct count *c)
{
	if (c->profile)
		boot_symbols();
	boot_end();
}
