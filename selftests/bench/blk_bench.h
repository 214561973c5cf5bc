/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Instruction counts of block requests: what is measured (blk_rows.c), the disk
 * below (blk_null.c), a driver of /dev/ferry-blk (blk_ferry.c), and the floor, which is
 * io_uring on the same disk (blk_floor.c).
 */
#ifndef FERRY_BENCH_BLK_H
#define FERRY_BENCH_BLK_H

#include <stdbool.h>
#include <stdint.h>

/* Most requests that are under way. */
#define BLK_DEPTH_MAX	32

struct blk_row {
	const char *name;
	const char *title;
	unsigned int size;	/* bytes of a request, a multiple of 4 KiB */
	bool write;
	bool packed;
	bool indirect;
	bool small_pages;	/* guest memory is not in huge ones */
};

extern const struct blk_row blk_rows[];
extern const unsigned int blk_nr_rows;

/* Where request @i goes: no two are neighbours, which the block layer would merge. */
static inline uint64_t blk_offset(const struct blk_row *row, unsigned int i)
{
	return (uint64_t)(i * 37 % 64) * 2 * row->size;
}

/* Requests that a disk has completed, merged ones counted by themselves. */
struct null_counts {
	uint64_t reads, writes, merges;
};

/*
 * Make a null_blk device: blk-mq, no memory behind it, completing in the
 * submitter's context, without a scheduler. Return its path.
 */
const char *null_make(void);
struct null_counts null_counts(void);

struct blk_ferry;
struct blk_floor;

struct blk_ferry *ferry_open(const struct blk_row *row, const char *disk);
struct blk_floor *floor_open(const struct blk_row *row, const char *disk);

/*
 * Do @n requests: fill in, submit at once, take back and look at each one's
 * status, all of which is measured. For count_side.once.
 */
uint64_t ferry_once(void *ferry, unsigned int n, void (*mark)(void));
uint64_t floor_once(void *floor, unsigned int n, void (*mark)(void));

void ferry_close(struct blk_ferry *f);
void floor_close(struct blk_floor *f);

#endif /* FERRY_BENCH_BLK_H */
