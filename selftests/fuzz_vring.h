/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One fuzz case: a ring and an indirect table made of arbitrary bytes, walked by
 * the rules of vring_core.h and by a slow oracle that first lists the whole walk
 * and then asks of every prefix which rules it breaks. Shared by the seeded
 * smoke test and the libFuzzer target.
 */
#ifndef FERRY_FUZZ_VRING_H
#define FERRY_FUZZ_VRING_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vring/vring_core.h"

#define FUZZ_DESCS	16	/* stored descriptors of the ring, and of the table */

/* Plain bytes: any pattern is a case. */
struct fuzz_case {
	__u8 packed;		/* bit 0 */
	__u8 may_indirect;	/* bit 0 */
	__u8 sequential;	/* bit 0: ring, bit 1: table; next is index + 1 */
	__u8 pad;
	__u16 num;
	__u16 head;
	struct ferry_desc ring[FUZZ_DESCS];
	struct ferry_desc table[FUZZ_DESCS];
};

/* Where a walk ended. */
struct fuzz_result {
	int err;		/* 0 or a positive enum ferry_chain_error */
	__u64 out_len, in_len;
	__u32 visited;
};

#define fuzz_assert(c, cond) do {						\
	if (!(cond)) {								\
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);	\
		fuzz_print(c);							\
		abort();							\
	}									\
} while (0)

static inline void fuzz_print(const struct fuzz_case *c)
{
	fprintf(stderr, "packed %u indirect %u sequential %u num %u head %u\n", c->packed & 1,
		c->may_indirect & 1, c->sequential & 3, c->num, c->head);
	for (int t = 0; t < 2; t++)
		for (int i = 0; i < FUZZ_DESCS; i++) {
			const struct ferry_desc *d = t ? &c->table[i] : &c->ring[i];

			fprintf(stderr, "%s %d: len %#x flags %#x id %u\n", t ? "table" : "ring",
				i, d->len, d->flags, d->id);
		}
}

/* The descriptor at an index of the ring or table; a big one repeats itself. */
static inline struct ferry_desc fuzz_fetch(const struct fuzz_case *c, bool table, __u32 index)
{
	struct ferry_desc d = table ? c->table[index % FUZZ_DESCS] : c->ring[index % FUZZ_DESCS];

	if (c->sequential & (table ? 2 : 1))
		d.id = index + 1;
	return d;
}

/* The walk as every user of the rules writes it. */
static inline struct fuzz_result fuzz_walk(const struct fuzz_case *c)
{
	struct fuzz_result res = { 0 };
	__u32 index = c->head, limit = c->num, steps = 0;
	bool table = false;
	struct ferry_walk w;
	int step;

	ferry_walk_init(&w, c->num, c->may_indirect & 1);
	for (;;) {
		struct ferry_desc d = fuzz_fetch(c, table, index);

		fuzz_assert(c, index < limit);
		/* One more for the descriptor that names the table. */
		fuzz_assert(c, ++steps <= FERRY_CHAIN_MAX + 2);
		step = c->packed & 1 ? ferry_packed_step(&w, &d) : ferry_split_step(&w, &d);
		if (step < 0 || step == FERRY_STEP_DONE)
			break;
		if (step == FERRY_STEP_TABLE) {
			table = true;
			limit = d.len / 16;
			index = 0;
		} else if (!(c->packed & 1)) {
			index = d.id;
		} else {
			index = table ? index + 1 : (index + 1) % c->num;
		}
	}
	res.err = step < 0 ? -step : 0;
	res.out_len = w.out_len;
	res.in_len = w.in_len;
	res.visited = w.visited;
	return res;
}

/* A position of the oracle's listing. */
struct fuzz_pos {
	struct ferry_desc d;
	__u32 index;
	bool table;
};

/* Names a table that may be entered, for the listing to follow. */
static inline bool oracle_is_table(const struct fuzz_case *c, const struct fuzz_pos *p)
{
	return (p->d.flags & VRING_DESC_F_INDIRECT) && !p->table && (c->may_indirect & 1);
}

static inline bool oracle_goes_on(const struct fuzz_case *c, const struct fuzz_pos *p, __u32 limit)
{
	if (c->packed & 1 && p->table)
		return p->index + 1 < limit;
	return p->d.flags & VRING_DESC_F_NEXT;
}

/* List the walk with no rule but memory safety; return the positions listed. */
static inline unsigned int oracle_list(const struct fuzz_case *c, struct fuzz_pos *list,
				       unsigned int max)
{
	__u32 index = c->head, limit = c->num;
	bool table = false;
	unsigned int n = 0;

	while (n < max && index < limit) {
		struct fuzz_pos *p = &list[n++];

		*p = (struct fuzz_pos){ fuzz_fetch(c, table, index), index, table };
		if (oracle_is_table(c, p)) {
			table = true;
			limit = p->d.len / 16;
			index = 0;
		} else if (p->d.flags & VRING_DESC_F_INDIRECT) {
			break;
		} else if (!oracle_goes_on(c, p, limit)) {
			break;
		} else if (!(c->packed & 1)) {
			index = p->d.id;
		} else {
			index = table ? index + 1 : (index + 1) % c->num;
		}
	}
	return n;
}

#define ORACLE_BIT(e)	(1U << FERRY_CHAIN_##e)

static inline unsigned int oracle_table_faults(const struct fuzz_case *c,
					       const struct fuzz_pos *p)
{
	unsigned int bad = 0;

	if (!(c->may_indirect & 1))
		bad |= ORACLE_BIT(NO_INDIRECT);
	if (p->table)
		bad |= ORACLE_BIT(NESTED);
	if (p->d.flags & VRING_DESC_F_NEXT)
		bad |= ORACLE_BIT(INDIRECT_NEXT);
	if (p->d.len < 16 || (p->d.len & 15))
		bad |= ORACLE_BIT(INDIRECT_LEN);
	return bad;
}

/* What the oracle has summed up so far. */
struct oracle {
	__u64 out_len, in_len;
	__u32 visited;		/* buffers */
	__u32 here;		/* buffers in this ring or table */
	__u32 limit;
	bool writable, table;
};

/* All rules that buffer @p breaks, given the buffers before it. */
static inline unsigned int oracle_buffer_faults(const struct fuzz_case *c, struct oracle *o,
						const struct fuzz_pos *p)
{
	unsigned int bad = 0;

	if (++o->here > o->limit)
		bad |= ORACLE_BIT(LOOP);
	if (++o->visited > FERRY_CHAIN_MAX)
		bad |= ORACLE_BIT(LONG);
	if (p->d.flags & VRING_DESC_F_WRITE) {
		o->writable = true;
		o->in_len += p->d.len;
	} else {
		if (o->writable)
			bad |= ORACLE_BIT(ORDER);
		o->out_len += p->d.len;
	}
	if (o->in_len > 0xffffffffULL || o->out_len > 0xffffffffULL)
		bad |= ORACLE_BIT(BYTES);
	if (!(c->packed & 1) && (p->d.flags & VRING_DESC_F_NEXT) && p->d.id >= o->limit)
		bad |= ORACLE_BIT(BAD_NEXT);
	return bad;
}

/* A chain that was accepted passes no descriptor twice. */
static inline void oracle_no_repeat(const struct fuzz_case *c, const struct fuzz_pos *list,
				    unsigned int n)
{
	static __u8 seen[2][65536 / 8];

	for (unsigned int i = 0; i < n; i++) {
		__u8 *byte = &seen[list[i].table][list[i].index / 8];

		fuzz_assert(c, !(*byte & 1 << list[i].index % 8));
		*byte |= 1 << list[i].index % 8;
	}
	for (unsigned int i = 0; i < n; i++)
		seen[list[i].table][list[i].index / 8] = 0;
}

static inline void fuzz_check(const struct fuzz_case *c, const struct fuzz_result *res)
{
	static struct fuzz_pos list[FERRY_CHAIN_MAX + 3];
	unsigned int n = oracle_list(c, list, FERRY_CHAIN_MAX + 3);
	struct oracle o = { .limit = c->num };
	unsigned int bad = 0, i;

	for (i = 0; i < n && !bad; i++) {
		if (list[i].d.flags & VRING_DESC_F_INDIRECT) {
			bad = oracle_table_faults(c, &list[i]);
			o.limit = list[i].d.len / 16;
			o.here = 0;
		} else {
			bad = oracle_buffer_faults(c, &o, &list[i]);
		}
	}
	if (bad) {
		fuzz_assert(c, res->err && (bad & 1U << res->err));
		return;
	}
	fuzz_assert(c, !res->err);
	fuzz_assert(c, res->out_len == o.out_len && res->in_len == o.in_len);
	fuzz_assert(c, res->visited == o.visited);
	oracle_no_repeat(c, list, n);
}

/* Make the sizes legal: they come from ioctls that were checked already. */
static inline void fuzz_clamp(struct fuzz_case *c)
{
	c->num = c->num % 2048 + 1;
	if (!(c->packed & 1))
		while (c->num & (c->num - 1))
			c->num &= c->num - 1;
	c->head %= c->num;
}

/* Run one case; return the error (0: accepted), abort on any disagreement. */
static inline int fuzz_one(const void *data, size_t size)
{
	struct fuzz_case c = { 0 };
	struct fuzz_result res;

	memcpy(&c, data, size < sizeof(c) ? size : sizeof(c));
	fuzz_clamp(&c);
	res = fuzz_walk(&c);
	fuzz_check(&c, &res);
	return res.err;
}

#endif /* FERRY_FUZZ_VRING_H */
