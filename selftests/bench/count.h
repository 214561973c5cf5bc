/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counting instructions in a machine whose clock is instructions (QEMU's -icount):
 * what the first process of such a machine shares, whatever it measures.
 *
 * Kernel command line: bench.row=NAME measures one row, bench.side=NAME one
 * side; bench.profile=1 measures two sizes only, with marks for the profiler, and
 * writes symbols afterwards.
 */
#ifndef FERRY_BENCH_COUNT_H
#define FERRY_BENCH_COUNT_H

#include <stdbool.h>
#include <stdint.h>

#define COUNT_ROUNDS	12

struct count {
	char row[64], side[64];
	bool profile;
};

/* Where the profiler starts and ends counting; mark_keep(): the interval was a good one. */
void mark_small(void);
void mark_large(void);
void mark_end(void);
void mark_keep(void);

/* One of the things that are compared in a row. */
struct count_side {
	const char *row, *name;
	/*
	 * Call @mark, do @n and mark_end(). Return the ticks in between, and
	 * mark_keep(); 0 if something else came in between.
	 */
	uint64_t (*once)(void *arg, unsigned int n, void (*mark)(void));
	void *arg;
};

/* Mount, load modules, settle, read the command line. */
void count_begin(struct count *c);
bool count_has_row(const struct count *c, const char *name);
bool count_has_side(const struct count *c, const char *name);

/* The measuring thread gives way to any worker; workers must not inherit that. */
void count_give_way(bool yes);

/*
 * Measure all sides at each of @sizes, in turn, and write the least of the rounds
 * as "sample ROW SIDE SIZE TICKS". A profile takes only @small and @large. Return
 * how many of the units each side did.
 */
struct count_sizes {
	const unsigned int *size;
	unsigned int nr;
	unsigned int small, large;
};

unsigned int count_sizes(const struct count *c, const struct count_side *sides, unsigned int nr,
			 const struct count_sizes *sizes);

/* Write the symbols if this is a profile, and end the machine. */
void count_end(const struct count *c) __attribute__((noreturn));

#endif /* FERRY_BENCH_COUNT_H */
