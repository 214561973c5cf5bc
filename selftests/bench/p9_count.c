// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions a 9P request: the only process of a machine whose clock counts
 * instructions (QEMU's -icount), started as its first one.
 *
 * The driver of /dev/ferry-9p is SCHED_IDLE: the device's worker and its pool preempt
 * it, and when the kick returns every answer is there. What lies between the first
 * chain and the last answer taken is a constant; the file is in the page cache. The
 * floor's system calls take no other thread at all.
 */
#include "boot.h"
#include "count.h"
#include "p9_bench.h"

static const unsigned int p9_depths[] = { 1, 2, 4, 8, P9_DEPTH_MAX };

static const struct count_sizes p9_sizes = {
	.size = p9_depths, .nr = sizeof(p9_depths) / sizeof(p9_depths[0]),
	.small = 1, .large = P9_DEPTH_MAX,
};

static void p9_ferry_side(const struct count *c, const struct p9_row *row)
{
	struct count_side side = { row->name, "ferry", p9_ferry_once, NULL };
	struct p9_ferry *f;
	unsigned int n;

	count_give_way(false);
	f = p9_ferry_open(row, p9_tree(row));
	side.arg = f;
	count_give_way(true);
	n = count_sizes(c, &side, 1, &p9_sizes);
	boot_result("verified %s %s %u", row->name, side.name, n);
	p9_ferry_close(f);
	p9_tree_check(row, P9_DEPTH_MAX);
	p9_tree_gone();
}

static void p9_floor_side(const struct count *c, const struct p9_row *row)
{
	struct p9_floor *f = p9_floor_open(row, p9_tree(row));
	struct count_side side = { row->name, "floor", p9_floor_once, f };
	unsigned int n;

	n = count_sizes(c, &side, 1, &p9_sizes);
	boot_result("verified %s %s %u", row->name, side.name, n);
	p9_floor_close(f);
	p9_tree_check(row, P9_DEPTH_MAX);
	p9_tree_gone();
}

int main(void)
{
	struct count c;

	count_begin(&c);
	for (unsigned int i = 0; i < p9_nr_rows; i++) {
		const struct p9_row *row = &p9_rows[i];

		if (!count_has_row(&c, row->name))
			continue;
		boot_result("row %s %s", row->name, row->title);
		if (count_has_side(&c, "ferry"))
			p9_ferry_side(&c, row);
		if (count_has_side(&c, "floor"))
			p9_floor_side(&c, row);
	}
	count_end(&c);
}
