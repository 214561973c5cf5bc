// SPDX-License-Identifier: GPL-2.0
/*
 * The driver's ring of lib/ring.c against a device in this very process, written
 * with vring_core.h: both sides must agree on every chain, completion and
 * notification, across wrap-arounds, in both formats.
 */
#include "harness.h"
#include "mem.h"
#include "ring.h"
#include "vring/vring_core.h"

#define GPA	0x10000000ULL

FIXTURE(pair) {
	struct mem mem;
	struct ring r;
	/* The device's half. */
	uint16_t next, used;
	bool wrap, used_wrap;
	unsigned int calls;
};

FIXTURE_VARIANT(pair) {
	struct ring_layout l;
};

#define VARIANT(name, ...) \
	FIXTURE_VARIANT_ADD(pair, name) { .l = { .num = 16, .table_max = 4, __VA_ARGS__ } }

VARIANT(split, .start = 65530);
VARIANT(split_event, .event_idx = true, .start = 65530);
VARIANT(split_indirect, .indirect = true);
VARIANT(split_indirect_event, .indirect = true, .event_idx = true);
VARIANT(packed, .packed = true);
VARIANT(packed_odd, .packed = true, .start = 5, .start_odd = true);
VARIANT(packed_event, .packed = true, .event_idx = true, .start = 13);
VARIANT(packed_indirect, .packed = true, .indirect = true);
VARIANT(packed_indirect_event, .packed = true, .indirect = true, .event_idx = true);
FIXTURE_VARIANT_ADD(pair, packed_7) { .l = { .packed = true, .num = 7 } };
FIXTURE_VARIANT_ADD(pair, split_1) { .l = { .num = 1 } };

FIXTURE_SETUP(pair)
{
	size_t size = ring_bytes(&variant->l);
	void *hva = mem_add(&self->mem, GPA, size);

	ring_init(&self->r, &variant->l, hva, GPA);
	self->next = variant->l.start;
	self->used = variant->l.start;
	self->wrap = !variant->l.start_odd;
	self->used_wrap = self->wrap;
}

FIXTURE_TEARDOWN(pair)
{
	ring_destroy(&self->r);
	mem_free(&self->mem);
}

typedef FIXTURE_DATA(pair) pair_t;

/* Where the device reads its next descriptor. */
static struct ferry_desc device_fetch(pair_t *p, const struct vring_desc *table, uint16_t i)
{
	if (!p->r.l.packed) {
		const struct vring_desc *d = table ? &table[i] : &p->r.desc[i];

		return (struct ferry_desc){ d->addr, d->len, d->flags, d->next };
	}
	const struct vring_packed_desc *d = table ? (const void *)&table[i] : &p->r.pdesc[i];

	return (struct ferry_desc){ d->addr, d->len, d->flags, d->id };
}

/* Walk one chain from @i; return ring descriptors taken, -error if malformed. */
static int device_walk(pair_t *p, uint16_t i, struct ferry_walk *w, uint16_t *id)
{
	const struct vring_desc *table = NULL;
	int taken = 0, step;

	ferry_walk_init(w, p->r.l.num, p->r.l.indirect);
	for (;;) {
		struct ferry_desc d = device_fetch(p, table, i);

		taken += !table;
		if (!table)
			*id = d.id;
		step = p->r.l.packed ? ferry_packed_step(w, &d) : ferry_split_step(w, &d);
		if (step == FERRY_STEP_TABLE) {
			table = mem_hva(&p->mem, d.addr);
			i = 0;
		} else if (step == FERRY_STEP_NEXT && p->r.l.packed) {
			i = table ? i + 1 : (i + 1) % p->r.l.num;
		} else if (step == FERRY_STEP_NEXT) {
			i = d.id;
		} else {
			return step < 0 ? step : taken;
		}
	}
}

static void device_use_split(pair_t *p, uint16_t head, uint32_t len)
{
	uint16_t event = p->r.avail->ring[p->r.l.num];

	p->r.used->ring[p->used % p->r.l.num].id = head;
	p->r.used->ring[p->used % p->r.l.num].len = len;
	p->r.used->idx = ++p->used;
	if (p->r.l.event_idx ? event == (uint16_t)(p->used - 1) : !p->r.avail->flags)
		p->calls++;
}

static void device_use_packed(pair_t *p, uint16_t id, uint32_t len, int count)
{
	struct vring_packed_desc *d = &p->r.pdesc[p->used];

	d->id = id;
	d->len = len;
	d->flags = ferry_packed_used_flags(p->used_wrap, len);
	p->used += count;
	if (p->used >= p->r.l.num) {
		p->used -= p->r.l.num;
		p->used_wrap = !p->used_wrap;
	}
	if (ferry_packed_need_event(p->r.driver->off_wrap, p->r.driver->flags, p->r.l.event_idx,
				    p->used, p->used_wrap, count, p->r.l.num))
		p->calls++;
}

/* Complete one chain with what it can take; 0 none, 1 done, <0 chain error. */
static int device_run(pair_t *p)
{
	uint16_t id, head;
	struct ferry_walk w;
	int n;

	if (!p->r.l.packed) {
		n = ferry_split_pending(p->r.avail->idx, p->next, p->r.l.num);
		if (n <= 0)
			return n;
		head = p->r.avail->ring[p->next++ % p->r.l.num];
		n = device_walk(p, head, &w, &id);
		if (n > 0)
			device_use_split(p, head, w.in_len);
		return n < 0 ? n : 1;
	}
	if (!ferry_packed_is_avail(p->r.pdesc[p->next].flags, p->wrap))
		return 0;
	n = device_walk(p, p->next, &w, &id);
	if (n < 0)
		return n;
	p->next += n;
	if (p->next >= p->r.l.num) {
		p->next -= p->r.l.num;
		p->wrap = !p->wrap;
	}
	device_use_packed(p, id, w.in_len, n);
	return 1;
}

/* Ask to be kicked at the very next chain. */
static void device_enable_kick(pair_t *p)
{
	if (p->r.l.packed) {
		p->r.device->off_wrap = p->next | p->wrap << 15;
		p->r.device->flags = p->r.l.event_idx ? VRING_PACKED_EVENT_FLAG_DESC :
							VRING_PACKED_EVENT_FLAG_ENABLE;
	} else {
		*(uint16_t *)&p->r.used->ring[p->r.l.num] = p->next;
	}
}

static unsigned int chain_len(const pair_t *p, unsigned int i)
{
	unsigned int max = p->r.l.num < 4 ? p->r.l.num : 4;

	return i % max + 1;
}

TEST_F(pair, every_chain_comes_back_once_in_order)
{
	struct ring_seg seg[4];
	struct ring_used u;
	unsigned long sent = 0, got = 0;

	for (unsigned int round = 0; round < 10000; round++) {
		for (unsigned int b = 0; b < round % 5 + 1; b++) {
			unsigned int n = chain_len(self, sent), n_in = n / 2;

			for (unsigned int i = 0; i < n; i++)
				seg[i] = (struct ring_seg){ 0x1000 * i, i + 1 };
			if (ring_add(&self->r, seg, n - n_in, n_in, sent))
				break;
			sent++;
		}
		ring_publish(&self->r);
		while (device_run(self) > 0)
			;
		while (ring_get(&self->r, &u) == 1) {
			unsigned int n = chain_len(self, got), len = 0;

			for (unsigned int i = n - n / 2; i < n; i++)
				len += i + 1;
			ASSERT_EQ(got, u.cookie);
			ASSERT_EQ(len, u.len);
			got++;
		}
		ASSERT_EQ(sent, got);
		ASSERT_EQ(variant->l.num, self->r.free);
	}
	EXPECT_GT(sent, 9999);
}

TEST_F(pair, a_full_ring_says_so)
{
	struct ring_seg seg = { 0x1000, 1 };
	struct ring_used u;

	for (unsigned int i = 0; i < variant->l.num; i++)
		ASSERT_EQ(0, ring_add(&self->r, &seg, 1, 0, i));
	EXPECT_EQ(-ENOSPC, ring_add(&self->r, &seg, 1, 0, 99));
	ring_publish(&self->r);
	EXPECT_EQ(1, device_run(self));
	EXPECT_EQ(1, ring_get(&self->r, &u));
	EXPECT_EQ(0, ring_add(&self->r, &seg, 1, 0, 99));
	EXPECT_EQ(-EINVAL, ring_add(&self->r, &seg, 0, 0, 99));
}

TEST_F(pair, nothing_is_visible_before_publish)
{
	struct ring_seg seg = { 0x1000, 1 };

	ASSERT_EQ(0, ring_add(&self->r, &seg, 1, 0, 0));
	EXPECT_EQ(0, device_run(self));
	ring_publish(&self->r);
	EXPECT_EQ(1, device_run(self));
}

TEST_F(pair, a_kick_is_asked_for_when_the_device_wants_it)
{
	struct ring_seg seg = { 0x1000, 1 };
	struct ring_used u;

	for (int i = 0; i < 100; i++) {
		device_enable_kick(self);
		ASSERT_EQ(0, ring_add(&self->r, &seg, 1, 0, i));
		EXPECT_TRUE(ring_publish(&self->r));
		if (variant->l.event_idx && variant->l.num > 1) {
			/* The event lies behind by now. */
			ASSERT_EQ(0, ring_add(&self->r, &seg, 1, 0, i));
			EXPECT_FALSE(ring_publish(&self->r));
		}
		while (device_run(self) > 0)
			ASSERT_EQ(1, ring_get(&self->r, &u));
	}
}

TEST_F(pair, no_kick_when_the_device_declines)
{
	struct ring_seg seg = { 0x1000, 1 };

	if (variant->l.packed)
		self->r.device->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	else if (!variant->l.event_idx)
		self->r.used->flags = VRING_USED_F_NO_NOTIFY;
	else
		SKIP(return, "an event index cannot decline for good");
	ASSERT_EQ(0, ring_add(&self->r, &seg, 1, 0, 0));
	EXPECT_FALSE(ring_publish(&self->r));
}

TEST_F(pair, a_call_comes_when_asked_for_and_not_otherwise)
{
	struct ring_seg seg = { 0x1000, 1 };
	struct ring_used u;

	for (int i = 0; i < 100; i++) {
		EXPECT_FALSE(ring_enable_call(&self->r));
		ASSERT_EQ(0, ring_add(&self->r, &seg, 1, 0, i));
		ring_publish(&self->r);
		self->calls = 0;
		ASSERT_EQ(1, device_run(self));
		ASSERT_EQ(1, self->calls);
		/* Too late for a call: the driver is told to look itself. */
		EXPECT_TRUE(ring_enable_call(&self->r));
		ASSERT_EQ(1, ring_get(&self->r, &u));

		ring_disable_call(&self->r);
		ASSERT_EQ(0, ring_add(&self->r, &seg, 1, 0, i));
		ring_publish(&self->r);
		self->calls = 0;
		ASSERT_EQ(1, device_run(self));
		ASSERT_EQ(0, self->calls);
		ASSERT_EQ(1, ring_get(&self->r, &u));
	}
}

TEST_F(pair, a_delayed_call_comes_once_after_so_many)
{
	struct ring_seg seg = { 0x1000, 1 };
	struct ring_used u;

	if (!variant->l.event_idx)
		SKIP(return, "only an event index can delay a call");
	for (int i = 0; i < 100; i++) {
		unsigned int n = 0;

		EXPECT_FALSE(ring_enable_call_after(&self->r, 7));
		for (int j = 0; j < 10; j++)
			ASSERT_EQ(0, ring_add(&self->r, &seg, 1, 0, j));
		ring_publish(&self->r);
		self->calls = 0;
		while (!self->calls && device_run(self) > 0)
			n++;
		EXPECT_EQ(8, n);
		while (device_run(self) > 0)
			;
		EXPECT_EQ(1, self->calls);
		while (ring_get(&self->r, &u))
			;
	}
}

TEST_F(pair, a_completion_of_nothing_is_noticed)
{
	struct ring_used u;

	if (variant->l.packed)
		device_use_packed(self, 0, 0, 1);
	else
		device_use_split(self, 0, 0);
	EXPECT_EQ(-EPROTO, ring_get(&self->r, &u));
}

TEST_F(pair, the_base_describes_the_position)
{
	struct ring_seg seg = { 0x1000, 1 };
	struct ring_used u;

	for (int i = 0; i < 40; i++) {
		uint32_t base = self->next, used;

		if (variant->l.packed) {
			base |= self->wrap << 15;
			used = self->used | self->used_wrap << 15;
			base |= used << 16;
		}
		ASSERT_EQ(base, ring_base(&self->r));
		ASSERT_EQ(0, ring_add(&self->r, &seg, 1, 0, i));
		ring_publish(&self->r);
		ASSERT_EQ(1, device_run(self));
		ASSERT_EQ(1, ring_get(&self->r, &u));
	}
}

TEST_F(pair, raw_descriptors_arrive_verbatim)
{
	struct ring_raw d = { .addr = 0xdead0000, .len = 5, .flags = 0, .id = 0 };
	struct ferry_desc got;

	ring_raw_add(&self->r, &d, 1);
	ring_publish(&self->r);
	got = device_fetch(self, NULL, variant->l.packed ? self->next : 0);
	EXPECT_EQ(0xdead0000, got.addr);
	EXPECT_EQ(5, got.len);
	EXPECT_EQ(1, device_run(self));
}

TEST_HARNESS_MAIN
