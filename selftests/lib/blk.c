// SPDX-License-Identifier: GPL-2.0
/*
 * Requests to a block device. Runs in the thread that owns the queue; the
 * device shares request memory with it, ordered by the ring.
 */
#include <endian.h>
#include <errno.h>

#include "blk.h"
#include "check.h"

#define BLK_HDR	sizeof(struct virtio_blk_outhdr)

static void blk_map(struct blk *b)
{
	mem_map(&b->g.mem, BLK_BUF, BLK_BUF_SIZE);
	dev_set_mem(&b->g.dev, &b->g.mem);
}

int __blk_probe(struct blk *b, int fd, struct ferry_blk_backend *be)
{
	*be = b->be;
	be->fd = fd;
	be->flags |= FERRY_BLK_F_PROBE;
	return __dev_blk_backend(&b->g.dev, be);
}

int __blk_init(struct blk *b, struct disk *disk, const struct blk_options *o)
{
	struct rig_options ro = {
		.kind = DEV_BLK, .layout = o->layout, .queues = o->queues ? o->queues : 1,
	};
	struct ferry_blk_backend can;
	int err;

	memset(b, 0, sizeof(*b));
	err = __rig_init(&b->g, &ro);
	if (err)
		return err;
	b->disk = disk;
	b->be.fd = o->fd ? o->fd : disk->fd;
	b->be.flags = o->flags;
	b->be.capacity = o->capacity;
	b->be.block_size = o->block_size;
	memcpy(b->be.serial, "ferry-test-serial-20", FERRY_BLK_SERIAL);
	blk_map(b);
	check_ok(__blk_probe(b, b->be.fd, &can), "probe of %s", disk->path);
	b->features = (o->features ? o->features : BLK_FEATURES) & can.features;
	err = __dev_set_features(&b->g.dev, rig_ring_features(&o->layout) | b->features);
	check_ok(err, "features %#llx", (unsigned long long)b->features);
	return 0;
}

void blk_destroy(struct blk *b)
{
	if (b->disk)
		rig_destroy(&b->g);
	memset(b, 0, sizeof(*b));
}

int __blk_start(struct blk *b)
{
	return __dev_blk_backend(&b->g.dev, &b->be);
}

void blk_start(struct blk *b)
{
	check_ok(__blk_start(b), "SET_BACKEND with %s", b->disk->path);
}

void blk_stop(struct blk *b)
{
	dev_blk_stop(&b->g.dev);
}

void blk_restart(struct blk *b)
{
	for (unsigned int i = 0; i < b->g.queues; i++) {
		rig_reset_ring(&b->g, i);
		event_take(b->g.dev.err[i]);
	}
	blk_start(b);
}

void *blk_mem(const struct blk *b, uint64_t at)
{
	return mem_hva(&b->g.mem, at);
}

bool blk_has(const struct blk *b, unsigned int feature)
{
	return b->features & BIT_ULL(feature);
}

/* Where the readable part of the request ends, counted from its header. */
static uint32_t blk_out_len(const struct blk_req *r)
{
	return BLK_HDR + (r->in ? 0 : r->len);
}

/* Cut the request up; return the segments, of which @n_out are readable. */
static unsigned int blk_segments(const struct blk_req *r, struct ring_seg *seg,
				 unsigned int *n_out)
{
	const uint32_t plain[] = { BLK_HDR, r->len ? r->len : 1, 0 };
	const uint32_t *cut = r->cuts ? r->cuts : plain;
	uint32_t total = BLK_HDR + r->len + 1, out = blk_out_len(r), pos = 0, n = 0;

	*n_out = 0;
	while (pos < total) {
		uint32_t left = pos < out ? out - pos : total - pos;
		uint32_t len = *cut && *cut < left ? *cut : left;

		/* The rest of a cut that was longer than this part goes on behind it. */
		if (*cut)
			cut++;
		check(n < BLK_SEGS_MAX, "at most %d segments", BLK_SEGS_MAX);
		seg[n++] = (struct ring_seg){ r->at - BLK_HDR + pos, len };
		*n_out += pos < out;
		pos += len;
	}
	return n;
}

int blk_add(struct blk *b, unsigned int queue, const struct blk_req *r, uint64_t cookie)
{
	struct virtio_blk_outhdr hdr = { .type = htole32(r->type), .sector = htole64(r->sector) };
	struct ring_seg seg[BLK_SEGS_MAX];
	unsigned int n_out, n = blk_segments(r, seg, &n_out);

	memcpy(blk_mem(b, r->at - BLK_HDR), &hdr, BLK_HDR);
	*(uint8_t *)blk_mem(b, r->at + r->len) = BLK_UNWRITTEN;
	return ring_add(&b->g.ring[queue], seg, n_out, n - n_out, cookie);
}

uint8_t blk_status(const struct blk *b, const struct blk_req *r)
{
	return *(volatile uint8_t *)blk_mem(b, r->at + r->len);
}

uint8_t blk_do(struct blk *b, unsigned int queue, struct blk_req *r)
{
	struct ring_used u;

	check_ok(blk_add(b, queue, r, r->sector), "room in the ring");
	dev_publish(&b->g.dev, queue, &b->g.ring[queue]);
	dev_expect_used(&b->g.ring[queue], &u);
	check(u.cookie == r->sector, "the request that was sent, not another");
	r->used_len = u.len;
	return blk_status(b, r);
}

uint8_t blk_read(struct blk *b, uint64_t sector, uint64_t at, uint32_t len)
{
	struct blk_req r = { VIRTIO_BLK_T_IN, sector, at, len, .in = true };

	return blk_do(b, 0, &r);
}

uint8_t blk_write(struct blk *b, uint64_t sector, uint64_t at, uint32_t len)
{
	struct blk_req r = { VIRTIO_BLK_T_OUT, sector, at, len, .in = false };

	return blk_do(b, 0, &r);
}

uint8_t blk_flush(struct blk *b)
{
	struct blk_req r = { VIRTIO_BLK_T_FLUSH, 0, BLK_AT(0), 0, .in = false };

	return blk_do(b, 0, &r);
}

uint8_t blk_range(struct blk *b, uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags)
{
	struct virtio_blk_discard_write_zeroes range = {
		htole64(sector), htole32(sectors), htole32(flags),
	};
	struct blk_req r = { type, 0, BLK_AT(0), sizeof(range), .in = false };

	memcpy(blk_mem(b, r.at), &range, sizeof(range));
	return blk_do(b, 0, &r);
}

static uint64_t blk_word(uint64_t offset, uint32_t tag)
{
	uint64_t x = (offset ^ (uint64_t)tag << 40) * 0x9e3779b97f4a7c15ULL;

	return tag ? (x ^ x >> 29) | 1 : 0;
}

void blk_fill(void *buf, uint32_t len, uint64_t offset, uint32_t tag)
{
	uint8_t *p = buf;

	for (uint32_t i = 0; i < len; i += 8) {
		uint64_t w = blk_word(offset + i, tag);

		memcpy(p + i, &w, len - i < 8 ? len - i : 8);
	}
}

bool blk_filled(const void *buf, uint32_t len, uint64_t offset, uint32_t tag)
{
	const uint8_t *p = buf;

	for (uint32_t i = 0; i < len; i += 8) {
		uint64_t w = blk_word(offset + i, tag);

		if (memcmp(p + i, &w, len - i < 8 ? len - i : 8))
			return false;
	}
	return true;
}

bool disk_filled(const struct disk *d, uint64_t sector, uint32_t len, uint32_t tag)
{
	uint8_t *buf = malloc(len);
	bool same;

	check(buf, "memory for %u bytes", len);
	disk_peek(d, buf, len, sector << 9);
	same = blk_filled(buf, len, sector << 9, tag);
	free(buf);
	return same;
}
