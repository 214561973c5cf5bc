// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions a packet of vhost-net devices: the only process of a machine
 * whose clock counts instructions (QEMU's -icount), started as its first one.
 *
 * A driver that is SCHED_IDLE kicks; the device's worker preempts it at once and
 * serves everything, so that the time between the two ends of one write() is
 * the device's and a constant. scripts/bench fits a line over the batch sizes.
 */
#include <x86intrin.h>

#include "boot.h"
#include "check.h"
#include "count.h"
#include "net_bench.h"

#define NET_SIZES	8

/* Ticks of serving @n frames. */
static uint64_t net_once(void *arg, unsigned int n, void (*mark)(void))
{
	struct bench_side *s = arg;
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

static unsigned int net_measure(const struct count *c, struct bench_side *sides, unsigned int nr)
{
	unsigned int step = side_batch_max(sides[0].row) / NET_SIZES, size[1 + NET_SIZES] = { 1 };
	struct count_sizes sizes = { size, 1 + NET_SIZES, step, NET_SIZES * step };
	struct count_side measured[2];

	for (unsigned int k = 1; k <= NET_SIZES; k++)
		size[k] = k * step;
	for (unsigned int i = 0; i < nr; i++)
		measured[i] = (struct count_side){
			sides[i].row->name, sides[i].name, net_once, &sides[i],
		};
	return count_sizes(c, measured, nr, &sizes);
}

static void net_row(const struct count *c, const struct bench_row *row)
{
	static const struct { const char *name, *net, *null; } devices[] = {
		{ "ferry", DEV_NET_PATH, DEV_NULL_PATH }, { "vhost", "/dev/vhost-net", NULL },
	};
	struct bench_side sides[2];
	unsigned int nr = 0, total;

	count_give_way(false);
	for (unsigned int i = 0; i < 2; i++) {
		if (!count_has_side(c, devices[i].name))
			continue;
		if (i && row->ferry_only)
			continue;
		side_open(&sides[nr++], devices[i].name,
			  row->kind == DEV_NULL ? devices[i].null : devices[i].net, row);
	}
	if (!nr)
		return;
	count_give_way(true);
	total = net_measure(c, sides, nr);
	for (unsigned int i = 0; i < nr; i++) {
		side_verify(&sides[i], total);
		boot_result("verified %s %s %u", row->name, sides[i].name, total);
		side_close(&sides[i]);
	}
}

int main(void)
{
	struct count c;

	count_begin(&c);
	for (unsigned int i = 0; i < bench_nr_rows; i++) {
		const struct bench_row *row = &bench_rows[i];

		if (!count_has_row(&c, row->name))
			continue;
		boot_result("row %s %s", row->name, row->title);
		net_row(&c, row);
	}
	count_end(&c);
}
