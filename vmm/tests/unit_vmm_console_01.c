// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-console, driven through its rings: bytes go both ways in order, whoever is slow,
 * and a guest that breaks a queue loses that queue.
 */
#include <errno.h>
#include <sys/eventfd.h>

#include "backend/chardev.h"
#include "harness.h"
#include "ring_driver.h"

#define RAM_SIZE	(16 * MIB)
#define AREA(i)		(0x100000 + (i) * 0x20000ULL)
#define BUFFERS		0x400000ULL
#define SIZE		64
#define TAKEN		(1 << 20)

FIXTURE(console) {
	struct testvm t;
	struct console_dev c;
	struct ring_driver d[CONSOLE_QUEUES];
	struct error e;
	u8 *taken;
	size_t len, room;	/* what the backend took, and may take */
	unsigned int resumed;
};

typedef FIXTURE_DATA(console) rig;

FIXTURE_VARIANT(console) {
	bool packed;
};

FIXTURE_VARIANT_ADD(console, split) { false };
FIXTURE_VARIANT_ADD(console, packed) { true };

static size_t take(void *backend, const u8 *buf, size_t len)
{
	rig *r = backend;
	size_t n = len < r->room ? len : r->room;

	memcpy(r->taken + r->len, buf, n);
	r->len += n;
	r->room -= n;
	return n;
}

static void resume(void *backend)
{
	((rig *)backend)->resumed++;
}

static const struct chars_backend_ops backend_ops = { take, resume };

static bool start(rig *r, bool packed)
{
	unsigned int i;

	virtio_reset(&r->c.v);
	for (i = 0; i < CONSOLE_QUEUES; i++)
		ring_driver_init(&r->d[i], &r->t, &r->c.v.queue[i], SIZE, AREA(i), packed);
	r->c.v.acked = r->c.v.offered;
	virtio_set_status(&r->c.v, VIRTIO_CONFIG_S_FEATURES_OK);
	virtio_set_status(&r->c.v, VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
	return r->c.v.running;
}

FIXTURE_SETUP(console)
{
	self->taken = malloc(TAKEN);
	self->room = TAKEN;
	ASSERT_EQ(0, testvm_init(&self->t, RAM_SIZE));
	ASSERT_EQ(0, console_init(&self->c, &self->t.m,
				  virtio_ring_features(variant->packed, true, true), &self->e));
	console_set_backend(&self->c, &backend_ops, self);
	ASSERT_TRUE(start(self, variant->packed));
}

FIXTURE_TEARDOWN(console)
{
	console_destroy(&self->c);
	machine_destroy(&self->t.m);
	free(self->taken);
}

static void kick(rig *r, unsigned int q)
{
	eventfd_write(r->c.v.queue[q].kick_fd, 1);
	testvm_run_loop(&r->t);
}

static bool ended(const rig *r)
{
	return r->c.v.status & VIRTIO_CONFIG_S_NEEDS_RESET;
}

static void print(rig *r, u64 gpa, u32 len)
{
	const struct ring_piece p = { gpa, len, false };

	ring_driver_add(&r->d[CONSOLE_TX], &p, 1);
	kick(r, CONSOLE_TX);
}

static void give_buffer(rig *r, u64 gpa, u32 len)
{
	const struct ring_piece p = { gpa, len, true };

	ring_driver_add(&r->d[CONSOLE_RX], &p, 1);
	kick(r, CONSOLE_RX);
}

static bool answered(rig *r, unsigned int q, u32 *len)
{
	u16 id;

	return ring_driver_take(&r->d[q], 1, &id, len);
}

TEST_F(console, what_is_printed_is_taken)
{
	u8 *p = ram_ptr(&self->t.m.ram, BUFFERS, 200000);
	size_t i;
	u32 len;

	for (i = 0; i < 200000; i++)
		p[i] = i * 7 + i / 251;
	print(self, BUFFERS, 5);
	ASSERT_TRUE(answered(self, CONSOLE_TX, &len));
	print(self, BUFFERS + 5, 0);
	ASSERT_TRUE(answered(self, CONSOLE_TX, &len));
	/* More than goes at once. */
	print(self, BUFFERS + 5, 199995);
	ASSERT_TRUE(answered(self, CONSOLE_TX, &len));
	ASSERT_EQ(200000, self->len);
	EXPECT_EQ(0, memcmp(p, self->taken, self->len));
}

TEST_F(console, what_is_not_taken_waits)
{
	u32 len;

	memcpy(ram_ptr(&self->t.m.ram, BUFFERS, 10), "0123456789", 10);
	self->room = 4;
	print(self, BUFFERS, 10);
	EXPECT_EQ(4, self->len);
	EXPECT_FALSE(answered(self, CONSOLE_TX, &len));
	/* Another notification is no reason to send it twice. */
	print(self, BUFFERS, 3);
	EXPECT_EQ(4, self->len);
	self->room = 100;
	console_port_ops.writable(&self->c);
	EXPECT_EQ(13, self->len);
	EXPECT_EQ(0, memcmp(self->taken, "0123456789012", 13));
	EXPECT_TRUE(answered(self, CONSOLE_TX, &len));
	EXPECT_TRUE(answered(self, CONSOLE_TX, &len));
}

TEST_F(console, what_is_typed_waits_for_a_buffer)
{
	u8 *p = ram_ptr(&self->t.m.ram, BUFFERS, 64);
	u32 len;

	EXPECT_EQ(0, console_port_ops.room(&self->c));
	EXPECT_EQ(0, self->resumed);
	give_buffer(self, BUFFERS, 8);
	EXPECT_EQ(1, self->resumed);
	EXPECT_EQ(8, console_port_ops.room(&self->c));
	console_port_ops.receive(&self->c, (const u8 *)"abc", 3);
	ASSERT_TRUE(answered(self, CONSOLE_RX, &len));
	EXPECT_EQ(3, len);
	EXPECT_EQ(0, memcmp(p, "abc", 3));
	EXPECT_EQ(0, console_port_ops.room(&self->c));
	give_buffer(self, BUFFERS + 32, 4);
	console_port_ops.receive(&self->c, (const u8 *)"defg", 4);
	ASSERT_TRUE(answered(self, CONSOLE_RX, &len));
	EXPECT_EQ(0, memcmp(p + 32, "defg", 4));
}

TEST_F(console, a_guest_that_breaks_a_queue_loses_that_one)
{
	const struct ring_piece to_read = { BUFFERS, 8, false }, empty = { BUFFERS, 0, true };
	const struct ring_piece to_write = { BUFFERS, 8, true }, outside = { RAM_SIZE, 8, true };
	const struct ring_piece bad[] = { to_read, empty, outside };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		ASSERT_TRUE(start(self, variant->packed));
		ring_driver_add(&self->d[CONSOLE_RX], &bad[i], 1);
		kick(self, CONSOLE_RX);
		EXPECT_TRUE(ended(self));
		EXPECT_EQ(0, console_port_ops.room(&self->c));
		self->len = 0;
		print(self, BUFFERS, 8);
		EXPECT_EQ(8, self->len);
		/* Nor does stopping and going on mend it. */
		virtio_pause(&self->c.v);
		virtio_resume(&self->c.v);
		testvm_run_loop(&self->t);
		EXPECT_EQ(0, console_port_ops.room(&self->c));
	}
	ASSERT_TRUE(start(self, variant->packed));
	ring_driver_add(&self->d[CONSOLE_TX], &to_write, 1);
	kick(self, CONSOLE_TX);
	EXPECT_TRUE(ended(self));
	give_buffer(self, BUFFERS, 8);
	EXPECT_EQ(8, console_port_ops.room(&self->c));
}

TEST_F(console, a_stopped_guest_is_left_alone_and_goes_on)
{
	give_buffer(self, BUFFERS, 8);
	virtio_pause(&self->c.v);
	EXPECT_EQ(0, console_port_ops.room(&self->c));
	console_port_ops.receive(&self->c, (const u8 *)"x", 1);
	print(self, BUFFERS, 8);
	EXPECT_EQ(0, self->len);
	virtio_resume(&self->c.v);
	testvm_run_loop(&self->t);
	EXPECT_EQ(8, self->len);
	EXPECT_EQ(8, console_port_ops.room(&self->c));
}

TEST_F(console, a_new_driver_begins_anew)
{
	self->room = 2;
	print(self, BUFFERS, 8);
	give_buffer(self, BUFFERS, 8);
	ASSERT_TRUE(start(self, variant->packed));
	self->room = 100;
	console_port_ops.writable(&self->c);
	EXPECT_EQ(2, self->len);
	EXPECT_EQ(0, console_port_ops.room(&self->c));
}

TEST_F(console, without_anyone_behind_it_output_goes_nowhere)
{
	u32 len;

	console_set_backend(&self->c, NULL, NULL);
	print(self, BUFFERS, 8);
	EXPECT_TRUE(answered(self, CONSOLE_TX, &len));
	give_buffer(self, BUFFERS, 8);
	EXPECT_FALSE(ended(self));
}

TEST_F(console, random_rings_never_leave_memory)
{
	u64 seed = 5 + variant->packed, *mem;
	unsigned int round, i;

	for (round = 0; round < 1000; round++) {
		self->len = 0;
		self->room = 4096;
		ASSERT_TRUE(start(self, variant->packed));
		for (i = 0; i < 2 * SIZE; i++) {
			mem = ram_ptr(&self->t.m.ram, AREA(round % 2), 16 * SIZE);
			mem[i] = i % 2 ? test_random(&seed) & 0x008700ff00000fffULL :
				 test_random(&seed) % (RAM_SIZE + RAM_SIZE / 16);
		}
		mem = ram_ptr(&self->t.m.ram, AREA(round % 2) + 0x8000, 4);
		((struct vring_avail *)mem)->idx = SIZE;
		kick(self, round % 2);
		console_port_ops.receive(&self->c, (const u8 *)"typed", 5);
		console_port_ops.writable(&self->c);
	}
}

TEST_HARNESS_MAIN
