// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions a packet of vhost-net devices: the only process of a machine
 * whose clock counts instructions (QEMU's -icount), started as its first one.
 *
 * A driver that is SCHED_IDLE kicks; the device's worker preempts it at once and
 * serves everything, so that the time between the two ends of one write() is
 * the device's and a constant. scripts/bench fits a line over the batch sizes.
 *
 * Kernel command line: bench.row=NAME measures one row, bench.side=NAME one
 * side; bench.profile=1 measures the smallest and the largest batch only, with
 * marks for profile.so, and writes symbols afterwards.
 */
#include <errno.h>
#include <sched.h>
#include <x86intrin.h>

#include "boot.h"
#include "check.h"
#include "net_bench.h"

#define COUNT_SIZES	8
#define COUNT_ROUNDS	12
/* Seconds of the machine's own time, most of which it skips. */
#define COUNT_SETTLE	5

struct count {
	char row[64], side[64];
	bool profile;
};

/* Where profile.so starts and ends counting. Different text keeps them from being merged. */
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

/* The interval before was a good one. */
__attribute__((noinline)) void mark_keep(void)
{
	asm volatile("# keep");
}

static void count_policy(int policy)
{
	const struct sched_param param = { 0 };

	check(!sched_setscheduler(0, policy, &param), "set the policy: %s", strerror(errno));
}

/* Ticks of serving @n frames; 0 if something came in between. */
static uint64_t count_once(struct bench_side *s, unsigned int n, void (*mark)(void))
{
	uint64_t ticks;

	side_prepare(s, n);
	mark();
	ticks = __rdtsc();
	dev_kick(&s->dev, s->row->queue);
	ticks = __rdtsc() - ticks;
	mark_end();
	if (!side_collect(s, n))
		return 0;
	mark_keep();
	return ticks;
}

static void count_rounds(struct bench_side *sides, unsigned int nr, unsigned int n,
			 void (*mark)(void))
{
	uint64_t best[2] = { UINT64_MAX, UINT64_MAX };

	for (unsigned int round = 0; round < COUNT_ROUNDS; round++)
		for (unsigned int i = 0; i < nr; i++) {
			uint64_t ticks = count_once(&sides[i], n, mark);

			if (ticks && ticks < best[i])
				best[i] = ticks;
		}
	for (unsigned int i = 0; i < nr; i++) {
		check(best[i] != UINT64_MAX, "%s/%s: the worker never ran at once",
		      sides[i].row->name, sides[i].name);
		boot_result("sample %s %s %u %llu", sides[i].row->name, sides[i].name, n,
			    (unsigned long long)best[i]);
	}
}

static unsigned int count_sizes(struct bench_side *sides, unsigned int nr, bool profile)
{
	unsigned int step = side_batch_max(sides[0].row) / COUNT_SIZES, total = 0;

	if (!profile) {
		count_rounds(sides, nr, 1, mark_small);
		total += COUNT_ROUNDS;
	}
	for (unsigned int k = 1; k <= COUNT_SIZES; k++) {
		if (profile && k != 1 && k != COUNT_SIZES)
			continue;
		count_rounds(sides, nr, k * step, k == 1 ? mark_small : mark_large);
		total += k * step * COUNT_ROUNDS;
	}
	return total;
}

static void count_row(const struct count *c, const struct bench_row *row)
{
	static const struct { const char *name, *net, *null; } devices[] = {
		{ "ferry", DEV_NET_PATH, DEV_NULL_PATH }, { "vhost", "/dev/vhost-net", NULL },
	};
	struct bench_side sides[2];
	unsigned int nr = 0, total;

	/* Workers must not inherit the driver's policy. */
	count_policy(SCHED_OTHER);
	for (unsigned int i = 0; i < 2; i++) {
		if (*c->side && strcmp(c->side, devices[i].name))
			continue;
		if (i && row->ferry_only)
			continue;
		side_open(&sides[nr++], devices[i].name,
			  row->kind == DEV_NULL ? devices[i].null : devices[i].net, row);
	}
	if (!nr)
		return;
	count_policy(SCHED_IDLE);
	total = count_sizes(sides, nr, c->profile);
	for (unsigned int i = 0; i < nr; i++) {
		side_verify(&sides[i], total);
		boot_result("verified %s %s %u", row->name, sides[i].name, total);
		side_close(&sides[i]);
	}
}

int main(void)
{
	struct count c = { 0 };
	char flag[8];

	boot_begin();
	/* What a kernel puts off until after boot (keys, self-tests) shall be over. */
	sleep(COUNT_SETTLE);
	boot_parameter("row", c.row, sizeof(c.row));
	boot_parameter("side", c.side, sizeof(c.side));
	c.profile = boot_parameter("profile", flag, sizeof(flag));
	for (unsigned int i = 0; i < bench_nr_rows; i++) {
		const struct bench_row *row = &bench_rows[i];

		if (*c.row && strcmp(c.row, row->name))
			continue;
		boot_result("row %s %s", row->name, row->title);
		count_row(&c, row);
	}
	if (c.profile)
		boot_symbols();
	boot_end();
}
