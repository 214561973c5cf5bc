// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the beginnings of requests, as each device's driver writes them: right in form, so that
 *	they are looked at further, and by chance in what they ask for. Follows the virtio
 *	specification 1.3, "Device Types", and the 9P2000.L protocol.
 * Threads: the one processor.
 * Locks: none.
 */
#include "device.h"

enum {
	VIRTIO_NET = 1,
	VIRTIO_BLK = 2,
	VIRTIO_CONSOLE = 3,
	VIRTIO_BALLOON = 5,
	VIRTIO_9P = 9,
};

#define BLK_OUT		1
#define BLK_DISCARD	11
#define P9_VERSION	100
#define P9_ATTACH	104
#define P9_WALK		110

static u32 fill_random(u64 at, u32 len, struct rng *r)
{
	u32 i;

	for (i = 0; i < len; i += 8)
		mem_write(at + i, rng_next(r), 8);
	return len;
}

static u32 fill_blk(u64 at, struct rng *r)
{
	/* in, out, flush, id, lifetime, discard, write zeroes, secure erase */
	static const u8 types[] = { 0, 1, 4, 8, 10, 11, 13, 14 };

	mem_write(at, types[rng_below(r, sizeof(types))], 4);
	mem_write(at + 4, 0, 4);
	mem_write(at + 8, rng_one_in(r, 16) ? rng_next(r) : rng_below(r, 8192), 8);
	/* What a discard's range would be. */
	mem_write(at + 16, rng_below(r, 8192), 8);
	mem_write(at + 24, rng_below(r, 64), 8);
	return rng_one_in(r, 8) ? 32 : 16;
}

static u32 fill_net(u64 at, bool control, struct rng *r)
{
	u32 len = 60 + rng_below(r, 1500);

	if (control) {
		mem_write(at, rng_below(r, 6), 1);
		mem_write(at + 1, rng_below(r, 4), 1);
		fill_random(at + 8, 64, r);
		return 2 + rng_below(r, 16);
	}
	fill_random(at, 16 + len, r);
	/* Half of them ask for nothing of the header's services. */
	if (rng_one_in(r, 2)) {
		mem_write(at, 0, 8);
		mem_write(at + 8, 0, 4);
	}
	mem_write(at + 12 + 12, 0x0008, 2);
	mem_write(at + 12 + 14, 0x45, 1);
	return 12 + len;
}

static u32 fill_9p_version(u64 at)
{
	static const char version[] = "9P2000.L";
	u32 i;

	mem_write(at + 7, 8192, 4);
	mem_write(at + 11, 8, 2);
	for (i = 0; i < 8; i++)
		mem_write(at + 13 + i, version[i], 1);
	return 21;
}

/* The root as one of few fids, for nobody in particular. */
static u32 fill_9p_attach(u64 at, struct rng *r)
{
	mem_write(at + 7, rng_below(r, 6), 4);
	mem_write(at + 11, 0xffffffff, 4);
	mem_write(at + 15, 0, 4);
	mem_write(at + 19, 0, 4);
	return 23;
}

/* A walk by one name of one letter, to another fid. */
static u32 fill_9p_walk(u64 at, struct rng *r)
{
	bool name = rng_one_in(r, 2);

	mem_write(at + 7, rng_below(r, 6), 4);
	mem_write(at + 11, rng_below(r, 6), 4);
	mem_write(at + 15, name, 2);
	mem_write(at + 17, 1, 2);
	mem_write(at + 19, 'a' + rng_below(r, 4), 1);
	return name ? 20 : 17;
}

/* Numbers of fids are small, and strings are short. */
static u32 fill_9p_any(u64 at, struct rng *r)
{
	u32 len = 7 + rng_below(r, 100), i;

	fill_random(at, 256, r);
	for (i = 7; i < len; i += 4)
		mem_write(at + i, rng_one_in(r, 4) ? rng_next(r) : rng_below(r, 6), 4);
	/* A name as those of walks, where a message that makes something has it. */
	if (rng_one_in(r, 2)) {
		mem_write(at + 11, 1, 2);
		mem_write(at + 13, 'a' + rng_below(r, 4), 1);
		mem_write(at + 14, rng_below(r, 4), 4);
	}
	return len;
}

static u32 fill_9p(u64 at, struct rng *r)
{
	/* Requests from statfs to unlinkat, and the old ones from version to wstat. */
	u32 type = rng_one_in(r, 2) ? 8 + 2 * rng_below(r, 35) : 100 + 2 * rng_below(r, 14), len;

	switch (rng_below(r, 32)) {
	case 0:
		type = P9_VERSION;
		len = fill_9p_version(at);
		break;
	case 1 ... 4:
		type = P9_ATTACH;
		len = fill_9p_attach(at, r);
		break;
	case 5 ... 8:
		type = P9_WALK;
		len = fill_9p_walk(at, r);
		break;
	default:
		len = fill_9p_any(at, r);
	}
	mem_write(at, rng_one_in(r, 16) ? rng_next(r) : len, 4);
	mem_write(at + 4, type, 1);
	mem_write(at + 5, type == P9_VERSION ? 0xffff : rng_below(r, 8), 2);
	return len;
}

/* Pages for the balloon: of the arena, or of all memory, this program with it. */
static u32 fill_balloon(u64 at, struct rng *r)
{
	u32 n = 1 + rng_below(r, 64), i;

	for (i = 0; i < n; i++)
		mem_write(at + 4 * i, rng_one_in(r, 256) ? rng_next(r) :
			  arena_address(r, 4096) >> 12, 4);
	return 4 * n - (rng_one_in(r, 16) ? rng_below(r, 4) : 0);
}

static u32 fill(const struct device *d, u32 queue, u64 at, struct rng *r)
{
	switch (d->type) {
	case VIRTIO_NET:
		if (queue == d->n_queues - 1)
			return fill_net(at, true, r);
		return queue % 2 ? fill_net(at, false, r) : 0;
	case VIRTIO_BLK:
		return fill_blk(at, r);
	case VIRTIO_CONSOLE:
		return queue % 2 ? fill_random(at, 1 + rng_below(r, 32), r) : 0;
	case VIRTIO_BALLOON:
		return fill_balloon(at, r);
	case VIRTIO_9P:
		return fill_9p(at, r);
	default:
		return 0;
	}
}

static enum request_shape shape(const struct device *d, u32 queue, u64 at)
{
	u32 type;

	switch (d->type) {
	case VIRTIO_NET:
		return queue == d->n_queues - 1 ? REQUEST_ASKS : REQUEST_SENDS;
	case VIRTIO_BLK:
		type = mem_read(at, 1);
		return type == BLK_OUT || type >= BLK_DISCARD ? REQUEST_CARRIES : REQUEST_ASKS;
	case VIRTIO_9P:
		return REQUEST_ASKS;
	default:
		return REQUEST_SENDS;
	}
}

struct request request_fill(const struct device *d, u32 queue, u64 at, struct rng *r)
{
	struct request req = { 0 };

	req.len = rng_one_in(r, 64) ? fill_random(at, 8 + rng_below(r, 64), r) :
				      fill(d, queue, at, r);
	if (req.len)
		req.shape = shape(d, queue, at);
	return req;
}
