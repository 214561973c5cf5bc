// SPDX-License-Identifier: GPL-2.0
/*
 * The device's side of a virtqueue in user space, split and packed: chains come out
 * as they went in, notifications are asked for and sent as agreed, and a ring full
 * of anything is refused without a byte being touched outside memory.
 */
#include <errno.h>
#include <sys/eventfd.h>

#include "harness.h"
#include "ring_driver.h"

#define RAM_SIZE	(4 * MIB)
#define AREA		0x100000
#define BUFFERS		0x200000
#define SIZE		64

FIXTURE(ring) {
	struct testvm t;
	struct virtio_dev v;
	struct ring_driver d;
	struct virtio_ring r;
	struct iovec iov[FERRY_CHAIN_MAX];
	struct error e;
};

FIXTURE_VARIANT(ring) {
	bool packed;
	bool event_idx;
};

FIXTURE_VARIANT_ADD(ring, split) {
	.packed = false,
};

FIXTURE_VARIANT_ADD(ring, split_event_idx) {
	.event_idx = true,
};

FIXTURE_VARIANT_ADD(ring, packed) {
	.packed = true,
};

FIXTURE_VARIANT_ADD(ring, packed_event_idx) {
	.packed = true,
	.event_idx = true,
};

FIXTURE_SETUP(ring)
{
	const u16 size = SIZE;

	ASSERT_EQ(0, testvm_init(&self->t, RAM_SIZE));
	ASSERT_EQ(0, virtio_init(&self->v, &self->t.m, 1, &size, &self->e));
	self->v.acked = virtio_ring_features(variant->packed, variant->event_idx, true);
	ring_driver_init(&self->d, &self->t, self->v.queue, SIZE, AREA, variant->packed);
	ASSERT_EQ(0, virtio_ring_init(&self->r, &self->v, self->v.queue));
}

FIXTURE_TEARDOWN(ring)
{
	virtio_destroy(&self->v);
	machine_destroy(&self->t.m);
}

TEST_F(ring, chains_come_out_as_they_went_in_many_times_around)
{
	const struct ring_piece p[3] = {
		{ BUFFERS, 100, false }, { BUFFERS + 4096, 200, true },
		{ BUFFERS + 8192, 300, true },
	};
	struct virtio_chain c;
	unsigned int i;
	u16 id;
	u32 len;

	for (i = 0; i < 1000; i++) {
		ASSERT_EQ(0, virtio_ring_pop(&self->r, &c, self->iov, FERRY_CHAIN_MAX));
		ring_driver_add(&self->d, p, 3);
		ASSERT_EQ(1, virtio_ring_pop(&self->r, &c, self->iov, FERRY_CHAIN_MAX));
		ASSERT_EQ(1, c.out_num);
		ASSERT_EQ(2, c.in_num);
		ASSERT_EQ(100, c.out_len);
		ASSERT_EQ(500, c.in_len);
		ASSERT_EQ(ram_ptr(&self->t.m.ram, BUFFERS + 8192, 1), self->iov[2].iov_base);
		ASSERT_FALSE(ring_driver_take(&self->d, 3, &id, &len));
		virtio_ring_fill(&self->r, &c, i);
		ASSERT_FALSE(ring_driver_take(&self->d, 3, &id, &len));
		virtio_ring_publish(&self->r);
		ASSERT_TRUE(ring_driver_take(&self->d, 3, &id, &len));
		ASSERT_EQ(i, len);
		ASSERT_EQ(c.id, id);
	}
}

TEST_F(ring, a_batch_appears_whole)
{
	const struct ring_piece p = { BUFFERS, 64, true };
	struct virtio_chain c[SIZE];
	unsigned int round, i;
	u16 id;
	u32 len;

	for (round = 0; round < 7; round++) {
		for (i = 0; i < 40; i++)
			ring_driver_add(&self->d, &p, 1);
		for (i = 0; i < 40; i++)
			ASSERT_EQ(1, virtio_ring_pop(&self->r, &c[i], self->iov, 1));
		for (i = 0; i < 40; i++)
			virtio_ring_fill(&self->r, &c[i], i + 1);
		ASSERT_FALSE(ring_driver_take(&self->d, 1, &id, &len));
		virtio_ring_publish(&self->r);
		for (i = 0; i < 40; i++) {
			ASSERT_TRUE(ring_driver_take(&self->d, 1, &id, &len));
			ASSERT_EQ(i + 1, len);
		}
		ASSERT_FALSE(ring_driver_take(&self->d, 1, &id, &len));
	}
}

/* Ask for an interrupt after all, or for none. */
static void want_call(struct ring_driver *d, bool event_idx, bool want)
{
	struct vring_avail *avail = ram_ptr(&d->t->m.ram, d->q->driver, 6 + 2 * SIZE);
	struct vring_packed_desc_event *ev = (void *)avail;

	if (d->packed)
		ev->flags = want ? VRING_PACKED_EVENT_FLAG_ENABLE :
			    VRING_PACKED_EVENT_FLAG_DISABLE;
	else if (event_idx)
		avail->ring[SIZE] = want ? d->used : (u16)(d->used - 1);
	else
		avail->flags = want ? 0 : VRING_AVAIL_F_NO_INTERRUPT;
}

TEST_F(ring, the_driver_is_notified_when_it_wants)
{
	const struct ring_piece p = { BUFFERS, 64, true };
	struct virtio_chain c;
	unsigned int i;
	eventfd_t n;
	u32 len;
	u16 id;

	for (i = 0; i < 200; i++) {
		bool want = i % 3 == 0;

		want_call(&self->d, variant->event_idx, want);
		ring_driver_add(&self->d, &p, 1);
		ASSERT_EQ(1, virtio_ring_pop(&self->r, &c, self->iov, 1));
		virtio_ring_fill(&self->r, &c, 1);
		virtio_ring_publish(&self->r);
		ASSERT_EQ(want ? 0 : -1, eventfd_read(self->v.queue[0].call_fd, &n));
		ASSERT_TRUE(ring_driver_take(&self->d, 1, &id, &len));
	}
}

TEST_F(ring, asking_for_a_kick_notices_what_came_before)
{
	const struct ring_piece p = { BUFFERS, 64, true };
	struct virtio_chain c;

	EXPECT_FALSE(virtio_ring_enable_kick(&self->r));
	ring_driver_add(&self->d, &p, 1);
	EXPECT_TRUE(virtio_ring_enable_kick(&self->r));
	virtio_ring_disable_kick(&self->r);
	ASSERT_EQ(1, virtio_ring_pop(&self->r, &c, self->iov, 1));
	EXPECT_FALSE(virtio_ring_enable_kick(&self->r));
}

TEST_F(ring, a_chain_with_more_pieces_than_room_stays)
{
	const struct ring_piece p[3] = {
		{ BUFFERS, 1, true }, { BUFFERS, 2, true }, { BUFFERS, 3, true },
	};
	struct virtio_chain c;

	ring_driver_add(&self->d, p, 3);
	EXPECT_EQ(-ENOBUFS, virtio_ring_pop(&self->r, &c, self->iov, 2));
	EXPECT_EQ(1, virtio_ring_pop(&self->r, &c, self->iov, 3));
	EXPECT_EQ(6, c.in_len);
}

TEST_F(ring, a_packed_buffers_id_is_the_drivers_affair)
{
	static const u16 ids[] = { SIZE - 1, SIZE, 0x7fff, 0xffff };
	const struct ring_piece p = { BUFFERS, 64, true };
	struct vring_packed_desc *desc = ram_ptr(&self->t.m.ram, AREA, 16);
	struct virtio_chain c;
	size_t i;

	if (!variant->packed)
		SKIP(return, "a split ring's id is an index");
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		u32 len;
		u16 id;

		ring_driver_add(&self->d, &p, 1);
		desc[i].id = ids[i];
		ASSERT_EQ(1, virtio_ring_pop(&self->r, &c, self->iov, 1));
		virtio_ring_fill(&self->r, &c, 10);
		virtio_ring_publish(&self->r);
		ASSERT_TRUE(ring_driver_take(&self->d, 1, &id, &len));
		EXPECT_EQ(ids[i], id);
		EXPECT_EQ(10, len);
	}
}

TEST_F(ring, buffers_outside_memory_break_the_ring)
{
	static const struct ring_piece bad[] = {
		{ RAM_SIZE, 1, true }, { RAM_SIZE - 1, 2, true }, { ~0ULL, 1, true },
		{ ~0ULL - 10, 100, false }, { BUFFERS, 0xffffffff, true },
	};
	struct virtio_chain c;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		ring_driver_init(&self->d, &self->t, self->v.queue, SIZE, AREA, variant->packed);
		ASSERT_EQ(0, virtio_ring_init(&self->r, &self->v, self->v.queue));
		ring_driver_add(&self->d, &bad[i], 1);
		EXPECT_EQ(-EPROTO, virtio_ring_pop(&self->r, &c, self->iov, FERRY_CHAIN_MAX));
	}
}

/* Every piece of a chain must lie in RAM, whatever the ring says. */
static bool pieces_in_ram(const struct testvm *t, const struct iovec *iov, unsigned int n)
{
	const struct ram_region *r = &t->m.ram.region[0];

	while (n--) {
		const u8 *p = iov[n].iov_base;

		if (p < r->hva || p + iov[n].iov_len > r->hva + r->size)
			return false;
	}
	return true;
}

TEST_F(ring, a_ring_of_random_bytes_never_leaves_memory)
{
	u64 seed = 1234567 + variant->packed, *mem;
	unsigned int round, i, popped = 0;
	struct virtio_chain c;

	for (round = 0; round < 3000; round++) {
		ring_driver_init(&self->d, &self->t, self->v.queue, SIZE, AREA, variant->packed);
		mem = ram_ptr(&self->t.m.ram, AREA, 0x10000);
		for (i = 0; i < 2 * SIZE; i++) {
			/* Plausible addresses, lengths and flags among the others. */
			mem[i] = i % 2 ? test_random(&seed) & 0x008700ff00000fffULL :
				 test_random(&seed) % (RAM_SIZE + RAM_SIZE / 16);
		}
		for (i = 0; i < SIZE / 4; i++)
			mem[0x8000 / 8 + i] = test_random(&seed) & 0x003f003f003f003fULL;
		((struct vring_avail *)(mem + 0x8000 / 8))->idx = SIZE;
		ASSERT_EQ(0, virtio_ring_init(&self->r, &self->v, self->v.queue));
		for (i = 0; i < 2 * SIZE; i++) {
			if (virtio_ring_pop(&self->r, &c, self->iov, FERRY_CHAIN_MAX) != 1)
				break;
			popped++;
			ASSERT_TRUE(pieces_in_ram(&self->t, self->iov, c.out_num + c.in_num));
			virtio_ring_fill(&self->r, &c, 0);
			virtio_ring_publish(&self->r);
		}
	}
	EXPECT_LT(100, popped);
}

TEST_HARNESS_MAIN
