// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions a block request: the only process of a machine whose clock counts
 * instructions (QEMU's -icount), started as its first one.
 *
 * The driver of /dev/ferry-blk is SCHED_IDLE: the device's worker preempts it as
 * soon as it kicks, the disk completes at once, and when the kick returns all is
 * done. The floor's requests complete inside of its one system call. So what lies
 * between the first instruction of the submission and the last of the reaping is
 * a constant, on both sides with the process's own work on its rings.
 */
#include "blk_bench.h"
#include "boot.h"
#include "check.h"
#include "count.h"

static const unsigned int blk_depths[] = { 1, 2, 4, 8, 16, 32 };

static const struct count_sizes blk_sizes = {
	.size = blk_depths, .nr = sizeof(blk_depths) / sizeof(blk_depths[0]),
	.small = 1, .large = 16,
};

/* What the disk has done must be what was measured, each request by itself. */
static void blk_verify(const struct blk_row *row, const char *side,
		       const struct null_counts *before, unsigned int n)
{
	struct null_counts now = null_counts();
	uint64_t done = row->write ? now.writes - before->writes : now.reads - before->reads;

	check(done == n, "%s/%s: the disk completed %llu requests, not %u", row->name, side,
	      (unsigned long long)done, n);
	check(now.merges == before->merges, "%s/%s: the disk saw merged requests", row->name,
	      side);
	boot_result("verified %s %s %u", row->name, side, n);
}

static void blk_ferry_side(const struct count *c, const struct blk_row *row, const char *disk)
{
	struct null_counts before = null_counts();
	struct count_side side = { row->name, "ferry", ferry_once, NULL };
	struct blk_ferry *f;
	unsigned int n;

	count_give_way(false);
	f = ferry_open(row, disk);
	side.arg = f;
	count_give_way(true);
	n = count_sizes(c, &side, 1, &blk_sizes);
	ferry_close(f);
	blk_verify(row, side.name, &before, n);
}

static void blk_floor_side(const struct count *c, const struct blk_row *row, const char *disk)
{
	struct null_counts before = null_counts();
	struct blk_floor *f = floor_open(row, disk);
	struct count_side side = { row->name, "floor", floor_once, f };
	unsigned int n;

	n = count_sizes(c, &side, 1, &blk_sizes);
	floor_close(f);
	blk_verify(row, side.name, &before, n);
}

int main(void)
{
	const char *disk;
	struct count c;

	count_begin(&c);
	disk = null_make();
	for (unsigned int i = 0; i < blk_nr_rows; i++) {
		const struct blk_row *row = &blk_rows[i];

		if (!count_has_row(&c, row->name))
			continue;
		boot_result("row %s %s", row->name, row->title);
		if (count_has_side(&c, "ferry"))
			blk_ferry_side(&c, row, disk);
		if (count_has_side(&c, "floor"))
			blk_floor_side(&c, row, disk);
	}
	count_end(&c);
}
