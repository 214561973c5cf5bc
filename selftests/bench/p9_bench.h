/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Instruction counts of 9P requests: what is measured (p9_rows.c), the directory that
 * is served (p9_tree.c), a driver of /dev/ferry-9p (p9_ferry.c), and the floor, which
 * is system calls on the same file (p9_floor.c).
 */
#ifndef FERRY_BENCH_P9_H
#define FERRY_BENCH_P9_H

#include <stdbool.h>
#include <stdint.h>

/* Most requests that are under way. */
#define P9_DEPTH_MAX	16

/* Bytes of the file that all requests are about: each of a batch has a place of its own. */
#define P9_FILE_BYTES	(8U << 20)
#define P9_FILE		"file"

enum p9_kind { P9_GETATTR, P9_OPEN, P9_READ, P9_WRITE };

struct p9_row {
	const char *name;
	const char *title;
	enum p9_kind kind;
	uint32_t size;		/* bytes of a read or a write */
	bool mapped;		/* the security model; otherwise passthrough */
	bool tmpfs;		/* the file system; otherwise ext4 */
};

extern const struct p9_row p9_rows[];
extern const unsigned int p9_nr_rows;

/* Where request @i of a batch reads or writes. */
static inline uint64_t p9_offset(const struct p9_row *row, unsigned int i)
{
	return (uint64_t)i * row->size;
}

/* What the file holds at @pos, before anybody writes to it. */
static inline uint8_t p9_byte(uint64_t pos)
{
	return pos * 7 + pos / 4093;
}

/* What request @i writes. */
static inline uint8_t p9_mark(unsigned int i)
{
	return 0xc0 + i;
}

/* Mount the row's file system with the file in it, as nothing has changed it. */
const char *p9_tree(const struct p9_row *row);
void p9_tree_gone(void);
/* Whether the file holds what @n requests of a writing row must have left. */
void p9_tree_check(const struct p9_row *row, unsigned int n);

struct p9_ferry;
struct p9_floor;

struct p9_ferry *p9_ferry_open(const struct p9_row *row, const char *dir);
struct p9_floor *p9_floor_open(const struct p9_row *row, const char *dir);

/*
 * Do @n requests: show them all at once, take back and look at each answer, all of
 * which is measured; the messages are made before. To open a file is three requests,
 * each of which waits for the one before it. For count_side.once.
 */
uint64_t p9_ferry_once(void *ferry, unsigned int n, void (*mark)(void));
uint64_t p9_floor_once(void *floor, unsigned int n, void (*mark)(void));

void p9_ferry_close(struct p9_ferry *f);
void p9_floor_close(struct p9_floor *f);

#endif /* FERRY_BENCH_P9_H */
