/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One fuzz case: a device and a request made of arbitrary bytes, judged by
 * blk_core.h and by an oracle that counts in 128 bits and asks every question of
 * the specification by itself. Shared by the seeded test and the libFuzzer target.
 */
#ifndef FERRY_FUZZ_BLK_H
#define FERRY_FUZZ_BLK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blk/blk_core.h"

typedef unsigned __int128 u128;

#ifndef VIRTIO_BLK_F_SECURE_ERASE
#define VIRTIO_BLK_F_SECURE_ERASE	16
#define VIRTIO_BLK_T_SECURE_ERASE	14
#endif

/* Plain bytes: any pattern is a case. */
struct fuzz_blk {
	__u64 features, capacity, sector, range_sector;
	__u32 type, out_len, in_len, max_bytes;
	__u32 range_sectors, range_flags;
	__u32 max_sectors, max_ranges;
	__u8 block_shift, align_shift, read_only, pick;
};

/* What the oracle saw, for the seeded test to count. */
enum fuzz_blk_seen {
	FUZZ_BLK_UNFRAMED, FUZZ_BLK_IOERR, FUZZ_BLK_UNSUPP, FUZZ_BLK_RW, FUZZ_BLK_OTHER,
	FUZZ_BLK_RANGE_IOERR, FUZZ_BLK_RANGE_UNSUPP, FUZZ_BLK_RANGE_OK, FUZZ_BLK_SEEN_MAX,
};

#define fuzz_blk_assert(c, cond) do {							\
	if (!(cond)) {									\
		const struct fuzz_blk *c_ = (c);					\
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);		\
		fprintf(stderr, "type %u sector %llu out %u in %u capacity %llu shift %u\n",	\
			c_->type, (unsigned long long)c_->sector, c_->out_len, c_->in_len,	\
			(unsigned long long)c_->capacity, c_->block_shift);		\
		fprintf(stderr, "range %llu+%u flags %#x of at most %u x %u align %u\n",	\
			(unsigned long long)c_->range_sector, c_->range_sectors,	\
			c_->range_flags, c_->max_ranges, c_->max_sectors,		\
			1u << c_->align_shift);						\
		abort();								\
	}										\
} while (0)

/* Types mostly of the specification, sizes mostly near their limits. */
static inline void fuzz_blk_clamp(struct fuzz_blk *c)
{
	static const __u32 types[] = {
		VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_GET_ID,
		VIRTIO_BLK_T_GET_LIFETIME, VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES,
		VIRTIO_BLK_T_SECURE_ERASE,
	};

	if (c->pick & 1)
		c->type = types[c->type % 8];
	if (c->pick & 2)
		c->sector = c->capacity - c->sector % 64;
	if (c->pick & 4)
		c->range_sector = c->capacity - c->range_sector % 64;
	if (c->pick & 8) {
		c->out_len = 16 + c->out_len % 64 * (c->pick & 16 ? 16 : 512);
		c->in_len = 1 + c->in_len % 64 * 512;
	}
	if (c->pick & 32) {
		c->range_sectors %= 128;
		c->range_flags &= 1;
	}
	if (c->pick & 64) {
		c->sector &= ~(__u64)63;
		c->range_sector &= ~(__u64)63;
		c->range_sectors &= ~7u;
	}
	if (c->pick & 128) {
		c->out_len %= 64;
		c->in_len %= 4;
	}
	c->block_shift = 9 + c->block_shift % 8;
	c->align_shift %= 8;
	c->max_bytes %= FERRY_BLK_BYTES_MAX + 1;
	c->max_ranges = 1 + c->max_ranges % FERRY_BLK_RANGES_MAX;
	/* A disk has at most 2^64 bytes. */
	c->capacity &= ~0ULL >> 9;
}

static inline struct ferry_blk_limits fuzz_blk_limits(const struct fuzz_blk *c)
{
	struct ferry_blk_range_limits r = {
		c->max_sectors, c->max_ranges, 1u << c->align_shift,
	};
	struct ferry_blk_limits l = {
		.features = c->features, .capacity = c->capacity,
		.block_size = 1u << c->block_shift, .max_bytes = c->max_bytes,
		.read_only = c->read_only & 1, .discard = r, .write_zeroes = r, .secure_erase = r,
	};

	return l;
}

static inline bool oracle_on_disk(const struct fuzz_blk *c, __u64 sector, u128 bytes)
{
	u128 block = (u128)1 << c->block_shift;

	return (u128)sector * 512 + bytes <= (u128)c->capacity * 512 &&
	       (u128)sector * 512 % block == 0 && bytes % block == 0;
}

static inline bool oracle_bit(const struct fuzz_blk *c, unsigned int bit)
{
	return c->features >> bit & 1;
}

/* The feature that a range type needs; -1: it is none. */
static inline int oracle_range_bit(__u32 type)
{
	if (type == VIRTIO_BLK_T_DISCARD)
		return VIRTIO_BLK_F_DISCARD;
	if (type == VIRTIO_BLK_T_WRITE_ZEROES)
		return VIRTIO_BLK_F_WRITE_ZEROES;
	return type == VIRTIO_BLK_T_SECURE_ERASE ? VIRTIO_BLK_F_SECURE_ERASE : -1;
}

static inline void oracle_rw(const struct fuzz_blk *c, const struct ferry_blk_req_rules *r)
{
	bool write = c->type == VIRTIO_BLK_T_OUT;
	__u32 bytes = write ? c->out_len - 16 : c->in_len - 1;
	bool good = bytes <= c->max_bytes && oracle_on_disk(c, c->sector, bytes) &&
		    !(write && (c->read_only & 1));

	if (!good) {
		fuzz_blk_assert(c, r->op == FERRY_BLK_FAIL && r->status == VIRTIO_BLK_S_IOERR);
		return;
	}
	fuzz_blk_assert(c, r->op == (write ? FERRY_BLK_WRITE : FERRY_BLK_READ));
	fuzz_blk_assert(c, r->bytes == bytes && bytes <= FERRY_BLK_BYTES_MAX);
}

static inline void oracle_ranges(const struct fuzz_blk *c, const struct ferry_blk_req_rules *r)
{
	bool elsewhere = c->type == VIRTIO_BLK_T_SECURE_ERASE && c->out_len == 16;
	__u32 bytes = elsewhere ? c->in_len - 1 : c->out_len - 16;

	if (!oracle_bit(c, oracle_range_bit(c->type))) {
		fuzz_blk_assert(c, r->op == FERRY_BLK_FAIL && r->status == VIRTIO_BLK_S_UNSUPP);
	} else if ((c->read_only & 1) || !bytes || bytes % 16 || bytes / 16 > c->max_ranges) {
		fuzz_blk_assert(c, r->op == FERRY_BLK_FAIL && r->status == VIRTIO_BLK_S_IOERR);
	} else {
		fuzz_blk_assert(c, r->op == FERRY_BLK_RANGES && r->ranges * 16 == bytes);
		fuzz_blk_assert(c, r->ranges <= FERRY_BLK_RANGES_MAX);
	}
}

static inline void oracle_request(const struct fuzz_blk *c, const struct ferry_blk_req_rules *r)
{
	enum ferry_blk_op want = FERRY_BLK_FAIL;

	switch (c->type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		oracle_rw(c, r);
		return;
	case VIRTIO_BLK_T_GET_ID:
		fuzz_blk_assert(c, r->op == FERRY_BLK_GET_ID && r->bytes <= 20);
		fuzz_blk_assert(c, r->bytes == 20 || r->bytes == c->in_len - 1);
		return;
	case VIRTIO_BLK_T_FLUSH:
		want = oracle_bit(c, VIRTIO_BLK_F_FLUSH) ? FERRY_BLK_FLUSH : FERRY_BLK_FAIL;
		break;
	case VIRTIO_BLK_T_GET_LIFETIME:
		want = oracle_bit(c, 15) ? FERRY_BLK_GET_LIFETIME : FERRY_BLK_FAIL;
		fuzz_blk_assert(c, r->bytes <= 6);
		break;
	default:
		if (oracle_range_bit(c->type) >= 0) {
			oracle_ranges(c, r);
			return;
		}
	}
	fuzz_blk_assert(c, r->op == want);
	fuzz_blk_assert(c, want != FERRY_BLK_FAIL || r->status == VIRTIO_BLK_S_UNSUPP);
}

static inline enum fuzz_blk_seen fuzz_blk_range(const struct fuzz_blk *c,
						const struct ferry_blk_limits *l)
{
	struct ferry_blk_range s = { c->range_sector, c->range_sectors, c->range_flags };
	__u8 status = ferry_blk_check_range(l, c->type, &s);
	__u32 known = c->type == VIRTIO_BLK_T_WRITE_ZEROES ? 1 : 0;
	bool fits = c->range_sectors <= c->max_sectors &&
		    oracle_on_disk(c, c->range_sector, (u128)c->range_sectors * 512);

	if (c->range_flags & ~known) {
		fuzz_blk_assert(c, status == VIRTIO_BLK_S_UNSUPP);
		return FUZZ_BLK_RANGE_UNSUPP;
	}
	fuzz_blk_assert(c, status == (fits ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR));
	return fits ? FUZZ_BLK_RANGE_OK : FUZZ_BLK_RANGE_IOERR;
}

/* Run one case; abort on any disagreement. */
static inline enum fuzz_blk_seen fuzz_blk_one(const void *data, size_t size)
{
	struct ferry_blk_req_rules r;
	struct ferry_blk_limits l;
	struct ferry_blk_hdr h;
	struct fuzz_blk c = { 0 };
	__u32 used;

	memcpy(&c, data, size < sizeof(c) ? size : sizeof(c));
	fuzz_blk_clamp(&c);
	l = fuzz_blk_limits(&c);
	fuzz_blk_assert(&c, ferry_blk_framed(c.out_len, c.in_len) ==
			    (c.out_len >= 16 && c.in_len >= 1));
	if (!ferry_blk_framed(c.out_len, c.in_len))
		return FUZZ_BLK_UNFRAMED;
	h = (struct ferry_blk_hdr){ c.type, c.sector };
	r = ferry_blk_check(&l, &h, c.out_len, c.in_len);
	oracle_request(&c, &r);
	/* Never more than the chain has room for, and nothing but the status on failure. */
	used = ferry_blk_used_len(r.op, r.op == FERRY_BLK_FAIL ? r.status : 0, r.bytes);
	fuzz_blk_assert(&c, used >= 1 && used <= c.in_len);
	fuzz_blk_assert(&c, ferry_blk_used_len(r.op, VIRTIO_BLK_S_IOERR, r.bytes) == 1);
	if (r.op == FERRY_BLK_FAIL)
		return r.status == VIRTIO_BLK_S_UNSUPP ? FUZZ_BLK_UNSUPP : FUZZ_BLK_IOERR;
	if (r.op == FERRY_BLK_RANGES)
		return fuzz_blk_range(&c, &l);
	return r.op == FERRY_BLK_READ || r.op == FERRY_BLK_WRITE ? FUZZ_BLK_RW : FUZZ_BLK_OTHER;
}

#endif /* FERRY_FUZZ_BLK_H */
