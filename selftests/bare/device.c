// SPDX-License-Identifier: GPL-2.0
/*
 * Role: find virtio devices and set them up. Follows the virtio specification 1.3,
 *	"Virtio Over PCI Bus" and "Virtqueues".
 * Threads: the one processor.
 * Locks: none.
 */
#include "device.h"

#define VIRTIO_VENDOR		0x1af4
#define VIRTIO_DEVICE_BASE	0x1040
#define CAP_COMMON		1
#define CAP_NOTIFY		2
#define CAP_DEVICE		4

/* Offsets in the common configuration. */
#define COMMON_DFSELECT		0
#define COMMON_DF		4
#define COMMON_GFSELECT		8
#define COMMON_GF		12
#define COMMON_MSIX		16
#define COMMON_NUMQ		18
#define COMMON_STATUS		20
#define COMMON_Q_SELECT		22
#define COMMON_Q_SIZE		24
#define COMMON_Q_MSIX		26
#define COMMON_Q_ENABLE		28
#define COMMON_Q_DESC		32
#define COMMON_Q_DRIVER		40
#define COMMON_Q_DEVICE		48

#define F_VERSION_1		32
#define F_PACKED		34

#define PIECES			5	/* of a chain, at most */

#define DESC_NEXT		1
#define DESC_WRITE		2
#define DESC_INDIRECT		4
#define DESC_AVAIL		0x80
#define DESC_USED		0x8000

/* Pieces of a chain: @out of @n are read by the device. */
struct chain {
	u32 n, out;
	u64 first;		/* address of the first */
	u32 len;		/* its length */
};

u32 pci_read(u32 slot, u32 off)
{
	return mem_read(BARE_ECAM + (slot << 15) + off, 4);
}

void pci_write(u32 slot, u32 off, u32 val)
{
	mem_write(BARE_ECAM + (slot << 15) + off, val, 4);
}

static void device_take_cap(struct device *d, u32 cap)
{
	u32 head = pci_read(d->slot, cap), at = pci_read(d->slot, cap + 8);

	if ((head & 0xff) == 0x11)
		d->msix = d->bar + (pci_read(d->slot, cap + 4) & ~7U);
	if ((head & 0xff) != 9)
		return;
	switch (head >> 24) {
	case CAP_COMMON:
		d->common = d->bar + at;
		break;
	case CAP_NOTIFY:
		d->notify = d->bar + at;
		d->notify_step = pci_read(d->slot, cap + 16);
		break;
	case CAP_DEVICE:
		d->config = d->bar + at;
		break;
	}
}

bool device_find(struct device *d, u32 slot)
{
	u32 id = pci_read(slot, 0), cap, steps = 0;

	*d = (struct device){ .slot = slot };
	if ((id & 0xffff) != VIRTIO_VENDOR || id >> 16 < VIRTIO_DEVICE_BASE)
		return false;
	d->type = (id >> 16) - VIRTIO_DEVICE_BASE;
	d->bar = pci_read(slot, 0x10) & ~15U;
	for (cap = pci_read(slot, 0x34) & 0xfc; cap && steps++ < 32;
	     cap = pci_read(slot, cap) >> 8 & 0xfc)
		device_take_cap(d, cap);
	device_heal(d);
	d->n_queues = mem_read(d->common + COMMON_NUMQ, 2);
	if (d->n_queues > BARE_QUEUES)
		d->n_queues = BARE_QUEUES;
	return d->common && d->notify;
}

void device_heal(const struct device *d)
{
	pci_write(d->slot, 0x10, d->bar);
	pci_write(d->slot, 4, 6);
}

u64 arena_address(struct rng *r, u32 align)
{
	return BARE_ARENA + BARE_RINGS_SIZE +
	       (rng_below(r, BARE_ARENA_SIZE - BARE_RINGS_SIZE - 0x20000) & ~(u64)(align - 1));
}

/* Anywhere, the places included where nothing may be. */
static u64 odd_address(struct rng *r)
{
	switch (rng_below(r, 4)) {
	case 0:
		return rng_next(r);
	case 1:
		return rng_below(r, BARE_RAM);
	case 2:
		return BARE_RAM - rng_below(r, 8192);
	default:
		return BARE_PCI_MMIO + rng_below(r, BARE_PCI_SIZE);
	}
}

static u64 ring_address(struct rng *r)
{
	if (rng_one_in(r, 32))
		return odd_address(r);
	return BARE_ARENA + (rng_below(r, BARE_RINGS_SIZE) & ~4095ULL);
}

static void device_agree(struct device *d, struct rng *r)
{
	u64 offered;

	mem_write(d->common + COMMON_DFSELECT, 0, 4);
	offered = mem_read(d->common + COMMON_DF, 4);
	mem_write(d->common + COMMON_DFSELECT, 1, 4);
	offered |= mem_read(d->common + COMMON_DF, 4) << 32;
	d->features = offered;
	if (rng_one_in(r, 2))
		d->features &= rng_next(r) | 1ULL << F_VERSION_1;
	if (rng_one_in(r, 32))
		d->features = rng_next(r);
	mem_write(d->common + COMMON_GFSELECT, 0, 4);
	mem_write(d->common + COMMON_GF, d->features, 4);
	mem_write(d->common + COMMON_GFSELECT, 1, 4);
	mem_write(d->common + COMMON_GF, d->features >> 32, 4);
}

/* Addresses of chance elsewhere are the device's business alone. */
static bool in_arena(u64 at)
{
	return at >= BARE_ARENA && at < BARE_ARENA + BARE_ARENA_SIZE - 8192;
}

static void ring_clear(u64 ring)
{
	u64 at;

	for (at = ring; in_arena(ring) && at < ring + 4096; at += 8)
		mem_write(at, 0, 8);
}

static void queue_start(struct device *d, u32 i, struct rng *r)
{
	struct queue *q = &d->queue[i];
	u16 most;

	mem_write(d->common + COMMON_Q_SELECT, i, 2);
	most = mem_read(d->common + COMMON_Q_SIZE, 2);
	*q = (struct queue){ .size = most, .wrap = true };
	if (rng_one_in(r, 2))
		q->size = 1U << rng_below(r, 9);
	if (rng_one_in(r, 32))
		q->size = rng_next(r);
	q->desc = ring_address(r);
	q->driver = ring_address(r);
	q->device = rng_one_in(r, 16) ? q->driver : ring_address(r);
	ring_clear(q->desc);
	ring_clear(q->driver);
	ring_clear(q->device);
	mem_write(d->common + COMMON_Q_SIZE, q->size, 2);
	mem_write(d->common + COMMON_Q_MSIX, rng_below(r, 4), 2);
	mem_write(d->common + COMMON_Q_DESC, q->desc, 8);
	mem_write(d->common + COMMON_Q_DRIVER, q->driver, 4);
	mem_write(d->common + COMMON_Q_DRIVER + 4, q->driver >> 32, 4);
	mem_write(d->common + COMMON_Q_DEVICE, q->device, 8);
	mem_write(d->common + COMMON_Q_ENABLE, 1, 2);
	q->enabled = mem_read(d->common + COMMON_Q_ENABLE, 2) == 1;
	if (!q->size || q->size > most)
		q->size = most ? most : 1;
}

void device_start(struct device *d, struct rng *r)
{
	u32 i;

	device_heal(d);
	mem_write(d->common + COMMON_STATUS, 0, 1);
	mem_write(d->common + COMMON_STATUS, 1, 1);
	mem_write(d->common + COMMON_STATUS, 3, 1);
	device_agree(d, r);
	mem_write(d->common + COMMON_STATUS, 11, 1);
	mem_write(d->common + COMMON_MSIX, rng_below(r, 4), 2);
	for (i = 0; i < d->n_queues; i++)
		if (!rng_one_in(r, 16))
			queue_start(d, i, r);
	mem_write(d->common + COMMON_STATUS, 15, 1);
}

void device_kick(const struct device *d, u32 i)
{
	mem_write(d->notify + i * d->notify_step, i, 2);
}

static void desc_write(u64 at, const u64 words[2], struct rng *r)
{
	mem_write(at, words[0], 8);
	mem_write(at + 8, words[1], 8);
	if (rng_one_in(r, 256))
		mem_write(at + rng_below(r, 16), rng_next(r), 1);
}

static u64 buffer_address(struct rng *r)
{
	return rng_one_in(r, 256) ? odd_address(r) : arena_address(r, 16);
}

static u32 buffer_length(struct rng *r)
{
	switch (rng_below(r, 8)) {
	case 0:
		return rng_below(r, 64);
	case 1:
		return 1;
	case 2:
		return rng_one_in(r, 16) ? rng_next(r) : rng_below(r, 65536);
	default:
		return 512U << rng_below(r, 5);
	}
}

/* What one piece of a chain is: its address, and its length with a place for flags above. */
static void piece(const struct chain *c, u32 i, struct rng *r, u64 words[2])
{
	words[0] = i ? buffer_address(r) : c->first;
	words[1] = i ? buffer_length(r) : c->len;
}

static u64 piece_flags(const struct chain *c, u32 i)
{
	return (i < c->n - 1 ? DESC_NEXT : 0) | (i >= c->out ? DESC_WRITE : 0);
}

/* The split form of one chain, where none that is under way has its pieces; its first slot. */
static u16 offer_split(const struct queue *q, const struct chain *c, struct rng *r)
{
	u32 start = q->next * PIECES % q->size, i;
	u64 words[2];

	for (i = 0; i < c->n; i++) {
		u64 flags = piece_flags(c, i) | (rng_one_in(r, 256) ? DESC_INDIRECT : 0);

		piece(c, i, r, words);
		words[1] |= flags << 32 | (u64)((start + i + 1) % q->size) << 48;
		desc_write(q->desc + 16ULL * ((start + i) % q->size), words, r);
	}
	return start;
}

static void offer_packed(struct queue *q, const struct chain *c, struct rng *r)
{
	u64 words[2];
	u32 i;

	for (i = 0; i < c->n; i++) {
		u64 flags = piece_flags(c, i) | (q->wrap ? DESC_AVAIL : DESC_USED);

		piece(c, i, r, words);
		words[1] |= (u64)q->next << 32 | flags << 48;
		desc_write(q->desc + 16ULL * q->next, words, r);
		if (++q->next == q->size) {
			q->next = 0;
			q->wrap = !q->wrap;
		}
	}
}

/* Whether the device still has what would be written over: a ring with too much in it is broken. */
static bool queue_full(const struct device *d, const struct queue *q, u32 n)
{
	u32 last = (q->next + n - 1) % q->size, flags;

	if (!(d->features >> F_PACKED & 1))
		return ((u16)(q->next - mem_read(q->device + 2, 2)) + 1) * PIECES > q->size;
	flags = mem_read(q->desc + 16ULL * last + 14, 2);
	return n > q->size || !(flags & DESC_AVAIL) != !(flags & DESC_USED);
}

static bool queue_usable(const struct queue *q)
{
	return q->enabled && in_arena(q->desc) && in_arena(q->driver) && in_arena(q->device);
}

/* Which pieces are whose: mostly as it should be. */
static void chain_divide(struct chain *c, enum request_shape shape, struct rng *r)
{
	if (rng_one_in(r, 32)) {
		c->out = rng_below(r, c->n + 1);
		return;
	}
	switch (shape) {
	case REQUEST_EMPTY:
		c->out = 0;
		break;
	case REQUEST_SENDS:
		c->out = c->n;
		break;
	case REQUEST_ASKS:
	case REQUEST_CARRIES:
		c->n += c->n == 1;
		c->out = shape == REQUEST_ASKS ? 1 : c->n - 1;
	}
}

void device_offer(struct device *d, u32 i, struct rng *r)
{
	struct chain c = { .n = 1 + rng_below(r, PIECES), .first = arena_address(r, 16) };
	struct queue *q = &d->queue[i];
	struct request req;
	u16 head;

	if (!queue_usable(q) || (queue_full(d, q, c.n) && !rng_one_in(r, 256)))
		return;
	req = request_fill(d, i, c.first, r);
	chain_divide(&c, req.shape, r);
	c.len = req.len ? req.len : buffer_length(r);
	if (d->features >> F_PACKED & 1) {
		offer_packed(q, &c, r);
		return;
	}
	head = offer_split(q, &c, r);
	mem_write(q->driver + 4 + 2 * (q->next % q->size), head, 2);
	q->next += rng_one_in(r, 512) ? rng_next(r) : 1;
	mem_write(q->driver + 2, q->next, 2);
}
