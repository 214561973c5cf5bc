/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rules of a virtio-blk request, as pure functions shared by ferry_blk, the
 * VMM's vhost=off device and the fuzzers: what a header asks for, whether the
 * device may do it, and with which status it answers otherwise.
 *
 * Follows the virtio specification 1.3, "Block Device", "Device Operation".
 */
#ifndef FERRY_BLK_CORE_H
#define FERRY_BLK_CORE_H

#include <linux/ferry.h>
#include <linux/types.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#ifndef __KERNEL__
#include <stdbool.h>
#endif

/* Numbers of the specification that older headers do not have. */
#ifndef VIRTIO_BLK_F_LIFETIME
#define VIRTIO_BLK_F_LIFETIME	15
#endif
#ifndef VIRTIO_BLK_T_GET_LIFETIME
#define VIRTIO_BLK_T_GET_LIFETIME	10
#endif

#define FERRY_BLK_SECTOR	512U
#define FERRY_BLK_SECTOR_SHIFT	9

/* Most payload that one request may have: SEG_MAX segments of SIZE_MAX bytes. */
#define FERRY_BLK_SEG_MAX	254U
#define FERRY_BLK_SIZE_MAX	(64U << 10)
#define FERRY_BLK_BYTES_MAX	(FERRY_BLK_SEG_MAX * FERRY_BLK_SIZE_MAX)

/* Most ranges that one DISCARD, WRITE_ZEROES or SECURE_ERASE may have. */
#define FERRY_BLK_RANGES_MAX	256U

/* Bytes of what GET_LIFETIME answers: pre_eol_info and two estimates, le16 each. */
#define FERRY_BLK_LIFETIME_BYTES	6U

/* The header, in CPU byte order, from a private copy. */
struct ferry_blk_hdr {
	__u32 type;
	__u64 sector;	/* of 512 bytes, whatever the block size */
};

/* One range of DISCARD, WRITE_ZEROES or SECURE_ERASE, likewise. */
struct ferry_blk_range {
	__u64 sector;
	__u32 num_sectors;
	__u32 flags;
};

/* Limits of one kind of range request. */
struct ferry_blk_range_limits {
	__u32 max_sectors;	/* of one range */
	__u32 max_ranges;	/* of one request, at most FERRY_BLK_RANGES_MAX */
	__u32 align;		/* sectors that each range must be aligned to, at least 1 */
};

/* What the device is. */
struct ferry_blk_limits {
	__u64 features;		/* acknowledged VIRTIO_BLK_F_* */
	__u64 capacity;		/* sectors */
	__u32 block_size;	/* bytes, a power of two from 512 */
	__u32 max_bytes;	/* of one payload, at most FERRY_BLK_BYTES_MAX */
	bool read_only;
	struct ferry_blk_range_limits discard;
	struct ferry_blk_range_limits write_zeroes;
	struct ferry_blk_range_limits secure_erase;
};

/* What is to be done. */
enum ferry_blk_op {
	FERRY_BLK_FAIL,		/* answer with the status that came beside it */
	FERRY_BLK_READ,
	FERRY_BLK_WRITE,
	FERRY_BLK_FLUSH,
	FERRY_BLK_GET_ID,
	FERRY_BLK_GET_LIFETIME,
	FERRY_BLK_RANGES,	/* fetch the ranges and ask ferry_blk_check_range() */
};

/* A request that passed. */
struct ferry_blk_req_rules {
	enum ferry_blk_op op;
	__u8 status;		/* of FERRY_BLK_FAIL */
	__u32 bytes;		/* of the payload that count; the rest is left alone */
	__u32 ranges;		/* of FERRY_BLK_RANGES */
};

static inline bool ferry_blk_has(const struct ferry_blk_limits *l, unsigned int bit)
{
	return l->features & (1ULL << bit);
}

/* The request has a header to read and a status byte to write. */
static inline bool ferry_blk_framed(__u32 out_len, __u32 in_len)
{
	return out_len >= sizeof(struct virtio_blk_outhdr) && in_len >= 1;
}

static inline struct ferry_blk_req_rules ferry_blk_fail(__u8 status)
{
	struct ferry_blk_req_rules r = { FERRY_BLK_FAIL, status, 0, 0 };

	return r;
}

/**
 * ferry_blk_in_range - whether sectors lie on the disk
 * @l: the device
 * @sector: the first, any value
 * @sectors: how many
 */
static inline bool ferry_blk_in_range(const struct ferry_blk_limits *l, __u64 sector,
				      __u64 sectors)
{
	return sector <= l->capacity && sectors <= l->capacity - sector;
}

static inline bool ferry_blk_aligned(const struct ferry_blk_limits *l, __u64 sector, __u64 bytes)
{
	__u32 mask = l->block_size - 1;

	return !(((sector << FERRY_BLK_SECTOR_SHIFT) | bytes) & mask);
}

static inline struct ferry_blk_req_rules ferry_blk_check_rw(const struct ferry_blk_limits *l,
							    const struct ferry_blk_hdr *h,
							    enum ferry_blk_op op, __u32 bytes)
{
	struct ferry_blk_req_rules r = { op, VIRTIO_BLK_S_OK, bytes, 0 };

	if (op == FERRY_BLK_WRITE && l->read_only)
		return ferry_blk_fail(VIRTIO_BLK_S_IOERR);
	if (bytes > l->max_bytes || !ferry_blk_aligned(l, h->sector, bytes) ||
	    !ferry_blk_in_range(l, h->sector, bytes >> FERRY_BLK_SECTOR_SHIFT))
		return ferry_blk_fail(VIRTIO_BLK_S_IOERR);
	return r;
}

/* Limits of a range request; NULL if the type is none or was not negotiated. */
static inline const struct ferry_blk_range_limits *
ferry_blk_range_limits(const struct ferry_blk_limits *l, __u32 type)
{
	switch (type) {
	case VIRTIO_BLK_T_DISCARD:
		return ferry_blk_has(l, VIRTIO_BLK_F_DISCARD) ? &l->discard : NULL;
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return ferry_blk_has(l, VIRTIO_BLK_F_WRITE_ZEROES) ? &l->write_zeroes : NULL;
	case VIRTIO_BLK_T_SECURE_ERASE:
		return ferry_blk_has(l, VIRTIO_BLK_F_SECURE_ERASE) ? &l->secure_erase : NULL;
	default:
		return NULL;
	}
}

static inline struct ferry_blk_req_rules ferry_blk_check_ranges(const struct ferry_blk_limits *l,
								__u32 type, __u32 bytes)
{
	const struct ferry_blk_range_limits *rl = ferry_blk_range_limits(l, type);
	__u32 n = bytes / sizeof(struct virtio_blk_discard_write_zeroes);
	struct ferry_blk_req_rules r = { FERRY_BLK_RANGES, VIRTIO_BLK_S_OK, bytes, n };

	if (!rl)
		return ferry_blk_fail(VIRTIO_BLK_S_UNSUPP);
	if (l->read_only || !n || bytes % sizeof(struct virtio_blk_discard_write_zeroes) ||
	    n > rl->max_ranges || n > FERRY_BLK_RANGES_MAX)
		return ferry_blk_fail(VIRTIO_BLK_S_IOERR);
	return r;
}

/**
 * ferry_blk_check - judge a request
 * @l: the device
 * @h: its header
 * @out_len: readable bytes of the chain, header included; ferry_blk_framed()
 * @in_len: writable bytes, status included; ferry_blk_framed()
 *
 * Return: what to do. A payload shorter than GET_ID or GET_LIFETIME answers is
 * filled as far as it goes. Ranges follow the header, in whatever segments.
 */
static inline struct ferry_blk_req_rules ferry_blk_check(const struct ferry_blk_limits *l,
							 const struct ferry_blk_hdr *h,
							 __u32 out_len, __u32 in_len)
{
	__u32 out = out_len - sizeof(struct virtio_blk_outhdr), in = in_len - 1;
	struct ferry_blk_req_rules r = { FERRY_BLK_FLUSH, VIRTIO_BLK_S_OK, 0, 0 };

	switch (h->type) {
	case VIRTIO_BLK_T_IN:
		return ferry_blk_check_rw(l, h, FERRY_BLK_READ, in);
	case VIRTIO_BLK_T_OUT:
		return ferry_blk_check_rw(l, h, FERRY_BLK_WRITE, out);
	case VIRTIO_BLK_T_FLUSH:
		return ferry_blk_has(l, VIRTIO_BLK_F_FLUSH) ? r :
		       ferry_blk_fail(VIRTIO_BLK_S_UNSUPP);
	case VIRTIO_BLK_T_GET_ID:
		r.op = FERRY_BLK_GET_ID;
		r.bytes = in < VIRTIO_BLK_ID_BYTES ? in : VIRTIO_BLK_ID_BYTES;
		return r;
	case VIRTIO_BLK_T_GET_LIFETIME:
		if (!ferry_blk_has(l, VIRTIO_BLK_F_LIFETIME))
			return ferry_blk_fail(VIRTIO_BLK_S_UNSUPP);
		r.op = FERRY_BLK_GET_LIFETIME;
		r.bytes = in < FERRY_BLK_LIFETIME_BYTES ? in : FERRY_BLK_LIFETIME_BYTES;
		return r;
	case VIRTIO_BLK_T_SECURE_ERASE:
		/*
		 * Linux (6.12 and 7.3, at least) takes the direction from the lowest bit of the
		 * type, and sends these ranges where the device is to write.
		 */
		return ferry_blk_check_ranges(l, h->type, out ? out : in);
	default:
		return ferry_blk_check_ranges(l, h->type, out);
	}
}

/**
 * ferry_blk_check_range - judge one range of a request that passed
 * @l: the device
 * @type: of the request, one that ferry_blk_check() answered FERRY_BLK_RANGES to
 * @s: the range
 *
 * Every range of a request is judged before any is carried out.
 *
 * Return: VIRTIO_BLK_S_OK, or the status of the whole request.
 */
static inline __u8 ferry_blk_check_range(const struct ferry_blk_limits *l, __u32 type,
					 const struct ferry_blk_range *s)
{
	const struct ferry_blk_range_limits *rl = ferry_blk_range_limits(l, type);
	__u32 known = type == VIRTIO_BLK_T_WRITE_ZEROES ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0;

	if (!rl || (s->flags & ~known))
		return VIRTIO_BLK_S_UNSUPP;
	if (s->num_sectors > rl->max_sectors ||
	    !ferry_blk_aligned(l, s->sector, (__u64)s->num_sectors << FERRY_BLK_SECTOR_SHIFT) ||
	    !ferry_blk_in_range(l, s->sector, s->num_sectors))
		return VIRTIO_BLK_S_IOERR;
	return VIRTIO_BLK_S_OK;
}

/**
 * ferry_blk_used_len - bytes that the device says it wrote
 * @op: what was done
 * @status: how it ended
 * @bytes: of the payload, as ferry_blk_check() said
 */
static inline __u32 ferry_blk_used_len(enum ferry_blk_op op, __u8 status, __u32 bytes)
{
	bool fills = op == FERRY_BLK_READ || op == FERRY_BLK_GET_ID ||
		     op == FERRY_BLK_GET_LIFETIME;

	return 1 + (fills && status == VIRTIO_BLK_S_OK ? bytes : 0);
}

/**
 * ferry_blk_range_bytes - bytes that the ranges of a request cover
 * @range: each judged by ferry_blk_check_range()
 * @n: how many
 */
static inline __u64 ferry_blk_range_bytes(const struct ferry_blk_range *range, __u32 n)
{
	__u64 sectors = 0;

	while (n--)
		sectors += range[n].num_sectors;
	return sectors << FERRY_BLK_SECTOR_SHIFT;
}

/*
 * Bytes of zeroes that are written for one request where the file system has no better way to
 * make them. More would keep all others waiting; the driver, who is told so, can do that itself.
 */
#define FERRY_BLK_ZEROES_MAX	(16U << 20)

/**
 * ferry_blk_zeroes_writable - whether the zeroes of a request are few enough to be written
 * @range: each judged by ferry_blk_check_range()
 * @n: how many
 */
static inline bool ferry_blk_zeroes_writable(const struct ferry_blk_range *range, __u32 n)
{
	return ferry_blk_range_bytes(range, n) <= FERRY_BLK_ZEROES_MAX;
}

/* What a request of @type, any value, is counted as. */
static inline enum ferry_blk_stat ferry_blk_stat(__u32 type)
{
	switch (type) {
	case VIRTIO_BLK_T_IN:
		return FERRY_BLK_STAT_READ;
	case VIRTIO_BLK_T_OUT:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return FERRY_BLK_STAT_WRITE;
	case VIRTIO_BLK_T_FLUSH:
		return FERRY_BLK_STAT_FLUSH;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_SECURE_ERASE:
		return FERRY_BLK_STAT_UNMAP;
	default:
		return FERRY_BLK_STAT_OTHER;
	}
}

/**
 * ferry_blk_count - count a request that is answered
 * @s: one queue's; readers may look at any time, one thread at a time counts
 * @type: of its header, any value
 * @status: the answer
 * @bytes: that it moved, or ferry_blk_range_bytes()
 */
static inline void ferry_blk_count(struct ferry_blk_stats *s, __u32 type, __u8 status, __u64 bytes)
{
	enum ferry_blk_stat stat = ferry_blk_stat(type);

	if (status == VIRTIO_BLK_S_OK) {
		s->op[stat].done++;
		s->op[stat].bytes += bytes;
	} else {
		s->op[stat].failed++;
	}
}

#endif /* FERRY_BLK_CORE_H */
