// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile guest on a block device: headers, payloads and descriptors rewritten
 * while they are being read, and memory that goes away under requests. At worst a
 * queue stops; set up anew it works, and what lies outside of the disk's
 * capacity was never touched.
 */
#include "test_blk.h"

#define END	8192	/* sectors that the guest may reach */

FIXTURE(hostile) {
	struct disk disk;
	struct blk b;
	struct ring copy;	/* the ring itself is set up anew meanwhile */
	pthread_t thread;
	int stop;
};

BLK_VARIANTS_FEW(hostile);

FIXTURE_SETUP(hostile)
{
	struct blk_options o = { .layout = variant->l, .capacity = END };

	o.layout.num = 64;
	DISK_MAKE(&self->disk, &variant->disk);
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
}

FIXTURE_TEARDOWN(hostile)
{
	blk_destroy(&self->b);
	disk_free(&self->disk);
}

typedef FIXTURE_DATA(hostile) hostile_t;

static bool stopped(hostile_t *self)
{
	return __atomic_load_n(&self->stop, __ATOMIC_RELAXED);
}

/* Headers above all: types and sectors that were good when they were judged. */
static void *scribble_buffers(void *arg)
{
	hostile_t *self = arg;
	unsigned int seed = 4711, n = 0;

	while (!stopped(self)) {
		uint8_t *p = blk_mem(&self->b, BLK_AT(rand_r(&seed) % 32) - 16);

		switch (rand_r(&seed) % 4) {
		case 0:
			p[0] = rand_r(&seed) % 16;
			break;
		case 1:
			*(uint64_t *)(p + 8) = rand_r(&seed) % (2 * END);
			break;
		case 2:
			*(uint64_t *)(p + 8) = ~0ULL - rand_r(&seed) % 64;
			break;
		default:
			p[16 + rand_r(&seed) % 64] = rand_r(&seed);
		}
		if (++n % 64 == 0)
			sched_yield();
	}
	return NULL;
}

static void *scribble_ring(void *arg)
{
	hostile_t *self = arg;
	unsigned int seed = 815, n = 0;
	const struct ring *r = &self->copy;
	unsigned int tables = r->l.indirect ? r->l.num * r->l.table_max : 0;

	while (!stopped(self)) {
		unsigned int i = rand_r(&seed) % (r->l.num + tables);
		struct vring_desc *d = i < r->l.num ? &r->desc[i] : &r->table[i - r->l.num];

		if (rand_r(&seed) % 2)
			d->len = rand_r(&seed) % 70000;
		else
			d->addr = BLK_BUF + rand_r(&seed) % (2 * BLK_BUF_SIZE);
		if (++n % 64 == 0)
			sched_yield();
	}
	return NULL;
}

/* Pages that come and go under the device's hands. */
static void *take_memory_away(void *arg)
{
	hostile_t *self = arg;
	void *p = blk_mem(&self->b, BLK_AT(32));
	unsigned int n = 0;

	while (!stopped(self)) {
		switch (n++ % 4) {
		case 0:
			mprotect(p, 0x100000, PROT_NONE);
			break;
		case 1:
			mprotect(p, 0x100000, PROT_READ);
			break;
		case 2:
			mprotect(p, 0x100000, PROT_READ | PROT_WRITE);
			break;
		default:
			madvise(p, 0x100000, MADV_DONTNEED);
		}
		sched_yield();
	}
	mprotect(p, 0x100000, PROT_READ | PROT_WRITE);
	return NULL;
}

static void set_up_anew(hostile_t *self)
{
	blk_stop(&self->b);
	blk_restart(&self->b);
}

static void add_some(hostile_t *self, unsigned int *seed)
{
	const uint32_t types[] = { T_IN, T_OUT, VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_GET_ID,
				   VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_T_DISCARD };

	for (int i = 0; i < 16; i++) {
		struct blk_req r = {
			.type = types[rand_r(seed) % 6], .sector = rand_r(seed) % END,
			.at = BLK_AT(rand_r(seed) % 40), .len = rand_r(seed) % 8 * 512,
		};

		r.in = r.type == T_IN || r.type == VIRTIO_BLK_T_GET_ID;
		/* Not through blk_add(): pages may be away. */
		struct ring_seg seg[] = { { BLK_AT(i) - 16, 16 }, { r.at, r.len + 1 },
					  { BLK_AT(i) + 512, 1 } };

		*(uint32_t *)blk_mem(&self->b, BLK_AT(i) - 16) = r.type;
		*(uint64_t *)blk_mem(&self->b, BLK_AT(i) - 8) = r.sector;
		seg[1].len = r.len;
		if (ring_add(&self->b.g.ring[0], seg, r.in ? 1 : 2, r.in ? 2 : 1, i))
			break;
	}
}

/* Requests of every kind; what comes back may say anything. */
static void churn(hostile_t *self, unsigned long rounds)
{
	struct ring *r = &self->b.g.ring[0];
	unsigned int seed = 99;
	struct ring_used u;

	for (unsigned long i = 0; i < rounds; i++) {
		add_some(self, &seed);
		ring_publish(r);
		dev_kick(&self->b.g.dev, 0);
		sched_yield();
		while (ring_get(r, &u) == 1)
			;
		if (i % 20 == 19)
			set_up_anew(self);
	}
}

static void harass(struct __test_metadata *_metadata, hostile_t *self, void *(*scribble)(void *))
{
	memcpy(&self->copy, &self->b.g.ring[0], sizeof(self->copy));
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, scribble, self));
	churn(self, test_scale(300));
	__atomic_store_n(&self->stop, 1, __ATOMIC_RELAXED);
	pthread_join(self->thread, NULL);
	set_up_anew(self);
	blk_fill(blk_mem(&self->b, BLK_AT(1)), 4096, 0, 3);
	EXPECT_EQ(S_OK, blk_write(&self->b, 0, BLK_AT(1), 4096));
	EXPECT_TRUE(disk_filled(&self->disk, 0, 4096, 3));
	for (uint64_t s = END; s < self->disk.sectors; s += 1024)
		ASSERT_TRUE(disk_filled(&self->disk, s, 1024 * 512, 0));
}

TEST_F(hostile, headers_and_payloads_rewritten_while_they_are_read)
{
	harass(_metadata, self, scribble_buffers);
}

TEST_F(hostile, descriptors_rewritten_while_they_are_read)
{
	harass(_metadata, self, scribble_ring);
}

TEST_F(hostile, memory_that_goes_away_and_comes_back)
{
	harass(_metadata, self, take_memory_away);
}

TEST_HARNESS_MAIN
