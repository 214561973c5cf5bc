// SPDX-License-Identifier: GPL-2.0
/*
 * A tap whose send buffer is limited and full: its frames wait in a macvtap on top of
 * it, which nobody reads. The transmit queue sleeps, and goes on where it stopped once
 * there is room, or where it is told to go instead; no frame is lost or sent twice.
 */
#include <linux/if_tun.h>

#include "link.h"
#include "test.h"

#define FRAMES	60
#define LEN	1400

static uint8_t sent[NET_FRAME_MAX], got[NET_FRAME_MAX];

FIXTURE(full) {
	struct net n;
	struct tap top;		/* where the tap's frames end */
	unsigned int done;	/* chains that came back */
};

FIXTURE_VARIANT(full) {
	struct ring_layout l;
};

RING_VARIANT(full, split, .packed = false);
RING_VARIANT(full, split_event, .event_idx = true);
RING_VARIANT(full, packed, .packed = true);

FIXTURE_SETUP(full)
{
	struct rig_options o = { .kind = DEV_NET, .layout = variant->l };
	int sndbuf = 20000, err;

	self->top.fd = -1;
	NET_INIT(&self->n, &o);
	err = __macvtap_open(&self->top, self->n.g.tap.name, "fmtap0", NULL);
	TEST_REQUIRE(!err, "no macvtap here: %s", strerror(-err));
	tap_up("fmtap0", true);
	tap_wait_running("fmtap0");
	ASSERT_EQ(0, fcntl(self->top.fd, F_SETFL, O_NONBLOCK));
	ASSERT_EQ(0, ioctl(self->n.g.tap.fd, TUNSETSNDBUF, &sndbuf));
}

FIXTURE_TEARDOWN(full)
{
	if (self->top.fd >= 0)
		tap_close(&self->top);
	net_destroy(&self->n);
}

typedef FIXTURE_DATA(full) full_t;

static void take_done(full_t *self, int ms)
{
	struct ring_used u;

	while (dev_poll_used(&self->n.g.ring[DEV_TX], &u, ms) == 1)
		self->done++;
}

/* Offer all frames; the tap takes some of them. */
static void fill(struct __test_metadata *_metadata, full_t *self)
{
	for (uint32_t i = 0; i < FRAMES; i++) {
		frame_make(sent, LEN, i);
		net_tx_add(&self->n, NULL, sent, LEN, 1);
	}
	dev_publish(&self->n.g.dev, DEV_TX, &self->n.g.ring[DEV_TX]);
	take_done(self, 100);
	ASSERT_LT(0, self->done);
	ASSERT_GT(FRAMES, self->done);
	/* Whatever the driver does, there is no room. */
	dev_kick(&self->n.g.dev, DEV_TX);
	take_done(self, 20);
	ASSERT_GT(FRAMES, self->done);
}

/* Frames [first, last) in order, at the end of @fd. */
static void expect_frames(struct __test_metadata *_metadata, int fd, uint32_t first, uint32_t last)
{
	uint64_t end = dev_now_ns() + DEV_PATIENCE_MS * 1000000ULL;

	while (first < last && dev_now_ns() < end) {
		ssize_t n = read(fd, got, sizeof(got));

		if (n < 0)
			sched_yield();
		if (n < 12 || !frame_is_ours(got + 12, n - 12))
			continue;
		ASSERT_EQ(12 + LEN, n);
		ASSERT_TRUE(frame_ok(got + 12, LEN, first)) {
			TH_LOG("frame %u", first);
		}
		first++;
	}
	ASSERT_EQ(last, first);
}

static void expect_all_done(struct __test_metadata *_metadata, full_t *self)
{
	struct stat_queue q;
	struct ring_used u;

	while (self->done < FRAMES) {
		ASSERT_EQ(1, dev_poll_used(&self->n.g.ring[DEV_TX], &u, DEV_PATIENCE_MS));
		self->done++;
	}
	EXPECT_FALSE(ring_has_used(&self->n.g.ring[DEV_TX]));
	EXPECT_EQ(0, event_take(self->n.g.dev.err[DEV_TX]));
	stat_get(&q, "net", DEV_TX);
	EXPECT_EQ(FRAMES, q.chains);
	EXPECT_EQ(0, q.drops);
}

TEST_F(full, goes_on_when_there_is_room)
{
	fill(_metadata, self);
	expect_frames(_metadata, self->top.fd, 0, FRAMES);
	expect_all_done(_metadata, self);
}

TEST_F(full, stopped_and_started_while_it_waits)
{
	fill(_metadata, self);
	for (int i = 0; i < 10; i++) {
		dev_stop(&self->n.g.dev, DEV_TX);
		EXPECT_EQ(self->done & 0x7fff, dev_vring_base(&self->n.g.dev, DEV_TX) & 0x7fff);
		dev_start(&self->n.g.dev, DEV_TX, self->n.g.backend);
	}
	expect_frames(_metadata, self->top.fd, 0, FRAMES);
	expect_all_done(_metadata, self);
}

TEST_F(full, memory_replaced_while_it_waits)
{
	fill(_metadata, self);
	dev_set_mem(&self->n.g.dev, &self->n.g.mem);
	ASSERT_EQ(0, __dev_vring_addr(&self->n.g.dev, DEV_TX, &self->n.g.ring[DEV_TX]));
	expect_frames(_metadata, self->top.fd, 0, FRAMES);
	expect_all_done(_metadata, self);
}

TEST_F(full, another_tap_takes_the_rest)
{
	struct tap other;
	int host;

	tap_open(&other, "ftap1", NULL);
	tap_up("ftap1", true);
	host = packet_open(other.ifindex, false);
	fill(_metadata, self);
	dev_start(&self->n.g.dev, DEV_TX, other.fd);
	for (uint32_t i = self->done; i < FRAMES; i++) {
		ASSERT_EQ(LEN, packet_recv(host, got, sizeof(got), DEV_PATIENCE_MS));
		ASSERT_TRUE(frame_ok(got, LEN, i));
	}
	expect_frames(_metadata, self->top.fd, 0, self->done);
	expect_all_done(_metadata, self);
	close(host);
	/* The rig's tap is not in use any more. */
	dev_stop(&self->n.g.dev, DEV_TX);
	tap_close(&other);
}

TEST_F(full, closed_while_it_waits)
{
	fill(_metadata, self);
	close(self->n.g.dev.fd);
	self->n.g.dev.fd = -1;
	expect_frames(_metadata, self->top.fd, 0, self->done);
	EXPECT_GT(0, read(self->top.fd, got, sizeof(got)));
}

TEST_HARNESS_MAIN
