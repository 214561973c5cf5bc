// SPDX-License-Identifier: GPL-2.0
/*
 * Rings on /dev/ferry-null: a ring is moved by SET_VRING_ADDR while its queue
 * sleeps, to a place where no kick is asked for. The device must ask anew there,
 * or the driver's next chain waits for ever.
 */
#include <linux/virtio_ring.h>

#include <sys/mman.h>

#include "test.h"

FIXTURE(moved) {
	struct rig g;
	void *copy;
	size_t size;
};

FIXTURE_VARIANT(moved) {
	struct ring_layout l;
};

RING_VARIANT(moved, split, .packed = false);
RING_VARIANT(moved, split_event, .event_idx = true);
RING_VARIANT(moved, packed, .packed = true);
RING_VARIANT(moved, packed_event, .packed = true, .event_idx = true);

FIXTURE_SETUP(moved)
{
	struct rig_options o = { .kind = DEV_NULL, .layout = variant->l, .queues = 1 };

	RIG_INIT(&self->g, &o);
	self->size = ring_bytes(&variant->l);
	self->copy = mmap(NULL, self->size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->copy);
	rig_start(&self->g);
}

FIXTURE_TEARDOWN(moved)
{
	rig_destroy(&self->g);
	munmap(self->copy, self->size);
}

/* Where @p, which lies in the old ring, lies in the copy. */
static void *moved_to(void *p, uint8_t *from, uint8_t *to)
{
	return to + ((uint8_t *)p - from);
}

/* Copy the ring, and leave word there that no kick is wanted. */
static void move_ring(struct ring *r, uint8_t *from, uint8_t *to, size_t size)
{
	memcpy(to, from, size);
	r->desc = moved_to(r->desc, from, to);
	r->avail = moved_to(r->avail, from, to);
	r->used = moved_to(r->used, from, to);
	if (r->l.packed) {
		r->device->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
		return;
	}
	r->used->flags = VRING_USED_F_NO_NOTIFY;
	*(uint16_t *)&r->used->ring[r->l.num] = r->avail_next + 0x4000;
}

TEST_F(moved, a_sleeping_queue_asks_for_kicks_in_the_new_place)
{
	struct ring_seg seg = { RIG_BUF, 64 };
	struct ring *r = &self->g.ring[0];
	struct ring_used u;

	rig_ping(&self->g, 0);
	usleep(20000);
	move_ring(r, mem_hva(&self->g.mem, RIG_RING(0)), self->copy, self->size);
	ASSERT_EQ(0, __dev_vring_addr(&self->g.dev, 0, r));
	/* Time for it to look at the new place, find nothing and sleep. */
	usleep(20000);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, ring_add(r, &seg, 1, 0, 7));
		dev_publish(&self->g.dev, 0, r);
		ASSERT_EQ(1, dev_poll_used(r, &u, DEV_PATIENCE_MS));
		EXPECT_EQ(7, u.cookie);
	}
	EXPECT_EQ(0, event_take(self->g.dev.err[0]));
}

TEST_HARNESS_MAIN
