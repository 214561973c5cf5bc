// SPDX-License-Identifier: GPL-2.0
/*
 * vhost=off: the two threads of a queue pair between a ring and a tap. A pair of
 * packet sockets stands for the tap, so that this needs no privilege.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/netloop.h"
#include "harness.h"
#include "net/net_core.h"
#include "ring_driver.h"

#define RAM_SIZE	(32 * MIB)
#define RX_AREA		0x100000
#define TX_AREA		0x140000
#define BUFFERS		0x400000
#define SIZE		128
#define HDR		((u32)sizeof(struct virtio_net_hdr_mrg_rxbuf))

FIXTURE(loop) {
	struct testvm t;
	struct virtio_dev v;
	struct ring_driver rx, tx;
	struct netloop nl;
	struct error e;
	int tap[2];
	u8 frame[70000], back[70000];
};

FIXTURE_VARIANT(loop) {
	bool packed;
	bool mergeable;
};

FIXTURE_VARIANT_ADD(loop, split_mergeable) {
	.mergeable = true,
};

FIXTURE_VARIANT_ADD(loop, packed_mergeable) {
	.packed = true,
	.mergeable = true,
};

FIXTURE_VARIANT_ADD(loop, split_single) {
	.mergeable = false,
};

FIXTURE_SETUP(loop)
{
	const u16 sizes[2] = { SIZE, SIZE };
	size_t i;

	ASSERT_EQ(0, testvm_init(&self->t, RAM_SIZE));
	ASSERT_EQ(0, virtio_init(&self->v, &self->t.m, 2, sizes, &self->e));
	self->v.acked = virtio_ring_features(variant->packed, true, true);
	if (variant->mergeable)
		self->v.acked |= BIT_ULL(VIRTIO_NET_F_MRG_RXBUF);
	ring_driver_init(&self->rx, &self->t, &self->v.queue[0], SIZE, RX_AREA, variant->packed);
	ring_driver_init(&self->tx, &self->t, &self->v.queue[1], SIZE, TX_AREA, variant->packed);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, self->tap));
	ASSERT_EQ(0, netloop_init(&self->nl, &self->t.m, &self->e));
	for (i = 0; i < sizeof(self->frame); i++)
		self->frame[i] = i * 7 + i / 251;
	/* A frame as a tap gives it: an empty header, of which tun leaves the end alone. */
	memset(self->frame, 0, HDR);
}

FIXTURE_TEARDOWN(loop)
{
	netloop_stop(&self->nl);
	netloop_destroy(&self->nl);
	virtio_destroy(&self->v);
	machine_destroy(&self->t.m);
	close(self->tap[0]);
	close(self->tap[1]);
}

static int start(struct netloop *nl, struct virtio_dev *v, int tap)
{
	/* A driver kicks for what it made available before the start, too. */
	eventfd_write(v->queue[0].kick_fd, 1);
	eventfd_write(v->queue[1].kick_fd, 1);
	return netloop_start(nl, v, 0, tap, true);
}

/* Wait for a chain; false if it does not come in five seconds. */
static bool await(struct ring_driver *d, unsigned int slots, u32 *len)
{
	unsigned int i;
	u16 id;

	for (i = 0; i < 5000; i++) {
		if (ring_driver_take(d, slots, &id, len))
			return true;
		usleep(1000);
	}
	return false;
}

static bool asks_for_reset(struct testvm *t, const struct virtio_dev *v)
{
	int i;

	for (i = 0; i < 5000 && !(v->status & VIRTIO_CONFIG_S_NEEDS_RESET); i++) {
		usleep(1000);
		testvm_run_loop(t);
	}
	return v->status & VIRTIO_CONFIG_S_NEEDS_RESET;
}

static ssize_t receive(int fd, void *buf, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 5000) == 1 ? read(fd, buf, len) : -1;
}

static void add_rx(struct ring_driver *d, unsigned int n, u32 len)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct ring_piece p = { BUFFERS + i * 0x20000, len, true };

		ring_driver_add(d, &p, 1);
	}
	eventfd_write(d->q->kick_fd, 1);
}

TEST_F(loop, a_frame_is_sent_from_several_pieces)
{
	struct ring_piece p[3] = {
		{ BUFFERS, 5, false }, { BUFFERS + 5, 100, false }, { BUFFERS + 105, 895, false },
	};
	u32 len;
	int i;

	memcpy(ram_ptr(&self->t.m.ram, BUFFERS, 1000), self->frame, 1000);
	ASSERT_EQ(0, start(&self->nl, &self->v, self->tap[0]));
	for (i = 0; i < 300; i++) {
		ring_driver_add(&self->tx, p, 3);
		eventfd_write(self->tx.q->kick_fd, 1);
		ASSERT_EQ(1000, receive(self->tap[1], self->back, sizeof(self->back)));
		ASSERT_EQ(0, memcmp(self->frame + HDR, self->back + HDR, 1000 - HDR));
		ASSERT_TRUE(await(&self->tx, 3, &len));
		ASSERT_EQ(0, len);
	}
}

TEST_F(loop, frames_no_tap_takes_are_dropped_and_the_next_goes)
{
	struct ring_piece shortest = { BUFFERS, HDR + 13, false };
	struct ring_piece longest = { BUFFERS, HDR + FERRY_NET_FRAME_MAX + 1, false };
	struct ring_piece good = { BUFFERS, HDR + 14, false };
	u32 len;

	ASSERT_EQ(0, start(&self->nl, &self->v, self->tap[0]));
	ring_driver_add(&self->tx, &shortest, 1);
	ring_driver_add(&self->tx, &longest, 1);
	ring_driver_add(&self->tx, &good, 1);
	eventfd_write(self->tx.q->kick_fd, 1);
	ASSERT_EQ(HDR + 14, receive(self->tap[1], self->back, sizeof(self->back)));
	ASSERT_TRUE(await(&self->tx, 1, &len));
	ASSERT_TRUE(await(&self->tx, 1, &len));
	ASSERT_TRUE(await(&self->tx, 1, &len));
}

TEST_F(loop, a_broken_transmit_chain_asks_for_a_reset)
{
	struct ring_piece p = { BUFFERS, HDR - 1, false };

	ASSERT_EQ(0, start(&self->nl, &self->v, self->tap[0]));
	ring_driver_add(&self->tx, &p, 1);
	eventfd_write(self->tx.q->kick_fd, 1);
	EXPECT_TRUE(asks_for_reset(&self->t, &self->v));
}

TEST_F(loop, frames_are_received_whole)
{
	static const u32 sizes[] = { HDR + 14, 200, 1526, 60, 9000, 40000, 65000, 100, 1000 };
	const u8 *at = ram_ptr(&self->t.m.ram, BUFFERS, 1);
	unsigned int i;
	u32 len;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		add_rx(&self->rx, 1, 70000);
		if (!i)
			ASSERT_EQ(0, start(&self->nl, &self->v, self->tap[0]));
		ASSERT_EQ(sizes[i], write(self->tap[1], self->frame, sizes[i]));
		ASSERT_TRUE(await(&self->rx, 1, &len)) TH_LOG("%u bytes", sizes[i]);
		ASSERT_EQ(sizes[i], len);
		ASSERT_EQ(1, at[10]);
		ASSERT_EQ(0, memcmp(at + HDR, self->frame + HDR, sizes[i] - HDR));
	}
}

TEST_F(loop, a_frame_is_spread_over_the_buffers_it_needs)
{
	u32 sizes[] = { 1000, 1001, 3500, 50000 }, len, got, n;
	unsigned int i, k;

	if (!variant->mergeable)
		SKIP(return, "buffers are not mergeable");
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		n = (sizes[i] + 999) / 1000;
		add_rx(&self->rx, n, 1000);
		if (!i)
			ASSERT_EQ(0, start(&self->nl, &self->v, self->tap[0]));
		ASSERT_EQ(sizes[i], write(self->tap[1], self->frame, sizes[i]));
		for (k = 0, got = 0; k < n; k++, got += len) {
			const u8 *at = ram_ptr(&self->t.m.ram, BUFFERS + k * 0x20000, 1000);
			u32 skip = k ? 0 : HDR;

			ASSERT_TRUE(await(&self->rx, 1, &len));
			ASSERT_EQ(k + 1 < n ? 1000 : sizes[i] - 1000 * k, len);
			ASSERT_EQ(0, memcmp(at + skip, self->frame + got + skip, len - skip));
		}
		ASSERT_EQ(n, *(u16 *)ram_ptr(&self->t.m.ram, BUFFERS + 10, 2));
	}
}

/* As many pieces as a chain may have, which leaves readv() none for what is beyond them. */
TEST_F(loop, a_chain_is_as_long_as_it_may_be)
{
	static const u32 sizes[] = { 1000, 65000, HDR + 14, 60000 };
	static struct ring_piece p[FERRY_CHAIN_MAX];
	unsigned int i, k;
	u32 len;

	ring_driver_init(&self->rx, &self->t, &self->v.queue[0], FERRY_CHAIN_MAX, RX_AREA,
			 variant->packed);
	for (k = 0; k < FERRY_CHAIN_MAX; k++)
		p[k] = (struct ring_piece){ BUFFERS + k * 128, 64, true };
	ASSERT_EQ(0, start(&self->nl, &self->v, self->tap[0]));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ring_driver_add(&self->rx, p, FERRY_CHAIN_MAX);
		eventfd_write(self->rx.q->kick_fd, 1);
		ASSERT_EQ(sizes[i], write(self->tap[1], self->frame, sizes[i]));
		ASSERT_TRUE(await(&self->rx, FERRY_CHAIN_MAX, &len)) TH_LOG("%u", sizes[i]);
		ASSERT_EQ(sizes[i], len);
		for (k = 0; k < FERRY_CHAIN_MAX; k++)
			memcpy(self->back + k * 64, ram_ptr(&self->t.m.ram, p[k].gpa, 64), 64);
		ASSERT_EQ(0, memcmp(self->back + HDR, self->frame + HDR, sizes[i] - HDR));
	}
}

TEST_F(loop, a_frame_waits_for_the_buffers_it_lacks)
{
	u32 len;
	u16 id;

	if (!variant->mergeable)
		SKIP(return, "buffers are not mergeable");
	add_rx(&self->rx, 2, 1000);
	ASSERT_EQ(0, start(&self->nl, &self->v, self->tap[0]));
	ASSERT_EQ(2500, write(self->tap[1], self->frame, 2500));
	usleep(50000);
	ASSERT_FALSE(ring_driver_take(&self->rx, 1, &id, &len));
	add_rx(&self->rx, 1, 1000);
	ASSERT_TRUE(await(&self->rx, 1, &len));
	ASSERT_TRUE(await(&self->rx, 1, &len));
	ASSERT_TRUE(await(&self->rx, 1, &len));
	EXPECT_EQ(500, len);
}

TEST_F(loop, a_frame_that_never_fits_is_dropped)
{
	/* The whole ring holds less than the frame; the next one fits. */
	add_rx(&self->rx, variant->mergeable ? SIZE : 1, 100);
	ASSERT_EQ(0, start(&self->nl, &self->v, self->tap[0]));
	ASSERT_EQ(20000, write(self->tap[1], self->frame, 20000));
	ASSERT_EQ(90, write(self->tap[1], self->frame, 90));
	{
		u32 len;

		ASSERT_TRUE(await(&self->rx, 1, &len));
		EXPECT_EQ(90, len);
	}
}

/* A ring is full of its descriptors, of which a chain may take several. */
TEST_F(loop, a_full_ring_of_long_chains_that_is_too_small_drops_the_frame)
{
	unsigned int i;
	u32 len;

	if (!variant->mergeable)
		SKIP(return, "buffers are not mergeable");
	ring_driver_init(&self->rx, &self->t, &self->v.queue[0], 8, RX_AREA, variant->packed);
	for (i = 0; i < 4; i++) {
		struct ring_piece p[2] = { { BUFFERS + i * 0x1000, 200, true },
					   { BUFFERS + i * 0x1000 + 200, 200, true } };

		ring_driver_add(&self->rx, p, 2);
	}
	ASSERT_EQ(0, start(&self->nl, &self->v, self->tap[0]));
	ASSERT_EQ(4000, write(self->tap[1], self->frame, 4000));
	ASSERT_EQ(100, write(self->tap[1], self->frame, 100));
	ASSERT_TRUE(await(&self->rx, 2, &len));
	EXPECT_EQ(100, len);
}

TEST_F(loop, a_readable_receive_buffer_asks_for_a_reset)
{
	struct ring_piece p = { BUFFERS, 2000, false };

	ring_driver_add(&self->rx, &p, 1);
	ASSERT_EQ(0, start(&self->nl, &self->v, self->tap[0]));
	EXPECT_TRUE(asks_for_reset(&self->t, &self->v));
}

/* The first of a frame, be it also the second that was offered. */
TEST_F(loop, a_receive_buffer_without_room_for_a_header_asks_for_a_reset)
{
	struct ring_piece big = { BUFFERS, 1000, true };
	struct ring_piece small = { BUFFERS + 0x1000, HDR - 1, true };
	u32 len;

	ring_driver_add(&self->rx, &big, 1);
	ring_driver_add(&self->rx, &small, 1);
	ring_driver_add(&self->rx, &big, 1);
	ASSERT_EQ(0, start(&self->nl, &self->v, self->tap[0]));
	ASSERT_EQ(100, write(self->tap[1], self->frame, 100));
	ASSERT_TRUE(await(&self->rx, 1, &len));
	EXPECT_EQ(100, len);
	ASSERT_EQ(100, write(self->tap[1], self->frame, 100));
	EXPECT_TRUE(asks_for_reset(&self->t, &self->v));
}

TEST_F(loop, it_stops_and_starts_again)
{
	unsigned int i;
	u32 len;

	for (i = 0; i < 50; i++) {
		ring_driver_init(&self->rx, &self->t, &self->v.queue[0], SIZE, RX_AREA,
				 variant->packed);
		ring_driver_init(&self->tx, &self->t, &self->v.queue[1], SIZE, TX_AREA,
				 variant->packed);
		add_rx(&self->rx, 1, 2000);
		ASSERT_EQ(0, start(&self->nl, &self->v, self->tap[0]));
		ASSERT_EQ(100, write(self->tap[1], self->frame, 100));
		ASSERT_TRUE(await(&self->rx, 1, &len));
		netloop_stop(&self->nl);
	}
}

TEST_F(loop, a_pause_leaves_the_queues_where_they_are)
{
	struct ring_piece p = { BUFFERS + 0x800000, 500, false };
	u32 len, i;
	u16 id;

	add_rx(&self->rx, 4, 2000);
	ASSERT_EQ(0, start(&self->nl, &self->v, self->tap[0]));
	ASSERT_EQ(100, write(self->tap[1], self->frame, 100));
	ASSERT_TRUE(await(&self->rx, 1, &len));
	for (i = 0; i < 3; i++) {
		netloop_pause(&self->nl);
		/* What comes meanwhile waits: frames in the tap, chains in the ring. */
		ASSERT_EQ(200 + i, write(self->tap[1], self->frame, 200 + i));
		ring_driver_add(&self->tx, &p, 1);
		eventfd_write(self->tx.q->kick_fd, 1);
		usleep(20000);
		ASSERT_FALSE(ring_driver_take(&self->rx, 1, &id, &len));
		ASSERT_FALSE(ring_driver_take(&self->tx, 1, &id, &len));
		ASSERT_EQ(0, netloop_resume(&self->nl));
		ASSERT_TRUE(await(&self->rx, 1, &len));
		ASSERT_EQ(200 + i, len);
		ASSERT_TRUE(await(&self->tx, 1, &len));
		ASSERT_EQ(500, receive(self->tap[1], self->back, sizeof(self->back)));
	}
	/* And it may end in one. */
	netloop_pause(&self->nl);
}

TEST_F(loop, a_pause_in_the_middle_of_a_frame)
{
	u32 len, got = 0;
	int i;

	if (!variant->mergeable)
		SKIP(return, "buffers are not mergeable");
	add_rx(&self->rx, 2, 1000);
	ASSERT_EQ(0, start(&self->nl, &self->v, self->tap[0]));
	ASSERT_EQ(2500, write(self->tap[1], self->frame, 2500));
	usleep(50000);
	netloop_pause(&self->nl);
	add_rx(&self->rx, 1, 1000);
	ASSERT_EQ(0, netloop_resume(&self->nl));
	for (i = 0; i < 3; i++, got += len)
		ASSERT_TRUE(await(&self->rx, 1, &len));
	EXPECT_EQ(2500, got);
}

struct flood {
	struct ring_driver *d;
	bool end;
};

/* A driver that is always a ring ahead, with one chain that no frame is in. */
static void *flood_run(void *arg)
{
	struct flood *f = arg;
	struct vring_avail *avail = ram_ptr(&f->d->t->m.ram, f->d->q->driver, 6);
	struct vring_used *used = ram_ptr(&f->d->t->m.ram, f->d->q->device, 6);

	while (!__atomic_load_n(&f->end, __ATOMIC_RELAXED))
		__atomic_store_n(&avail->idx, __atomic_load_n(&used->idx, __ATOMIC_ACQUIRE) + SIZE,
				 __ATOMIC_RELEASE);
	return NULL;
}

/* The device stops although it never finds its ring empty. */
TEST_F(loop, a_flood_does_not_keep_it_from_stopping)
{
	const struct ring_piece empty = { BUFFERS, HDR, false };
	struct flood f = { &self->tx };
	pthread_t thread;

	if (variant->packed)
		SKIP(return, "a packed ring is not refilled by one write");
	ring_driver_add(&self->tx, &empty, 1);
	ASSERT_EQ(0, pthread_create(&thread, NULL, flood_run, &f));
	ASSERT_EQ(0, start(&self->nl, &self->v, self->tap[1]));
	usleep(100000);
	netloop_stop(&self->nl);
	__atomic_store_n(&f.end, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

TEST_HARNESS_MAIN
