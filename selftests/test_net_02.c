// SPDX-License-Identifier: GPL-2.0
/*
 * Network rx from a tap: frames arrive byte for byte and in order, spread over
 * mergeable buffers or dropped where they cannot be; counters agree.
 */
#include "test.h"

static uint8_t sent[NET_FRAME_MAX], got[NET_FRAME_MAX];

FIXTURE(rx) {
	struct net n;
};

FIXTURE_VARIANT(rx) {
	struct ring_layout l;
	uint64_t features;
	bool legacy;
	struct tap_options tap;
};

#define MODE(name, ...) FIXTURE_VARIANT_ADD(rx, name) { .l = { .num = 256 }, __VA_ARGS__ }

MODE(modern, .features = 0);
MODE(mergeable, .features = F_MRG_RXBUF);
MODE(legacy_10, .legacy = true, .tap = { .vnet_hdr_len = 10 });
MODE(legacy_mergeable, .legacy = true, .features = F_MRG_RXBUF);
MODE(own_header, .features = F_NET_HDR, .tap = { .no_vnet_hdr = true });
MODE(own_header_10, .legacy = true, .features = F_NET_HDR, .tap = { .no_vnet_hdr = true });
MODE(own_mergeable, .features = F_NET_HDR | F_MRG_RXBUF, .tap = { .no_vnet_hdr = true });
FIXTURE_VARIANT_ADD(rx, event) { .l = { .num = 256, .event_idx = true } };
FIXTURE_VARIANT_ADD(rx, indirect) {
	.l = { .num = 256, .indirect = true }, .features = F_MRG_RXBUF,
};
FIXTURE_VARIANT_ADD(rx, packed) { .l = { .num = 256, .packed = true } };
FIXTURE_VARIANT_ADD(rx, packed_mergeable) {
	.l = { .num = 256, .packed = true }, .features = F_MRG_RXBUF,
};
FIXTURE_VARIANT_ADD(rx, packed_event_indirect) {
	.l = { .num = 256, .packed = true, .event_idx = true, .indirect = true },
	.features = F_MRG_RXBUF,
};

FIXTURE_SETUP(rx)
{
	struct rig_options o = { .kind = DEV_NET, .layout = variant->l, .tap = variant->tap,
				 .features = variant->features, .legacy = variant->legacy };

	NET_INIT(&self->n, &o);
	tap_set_mtu(self->n.g.tap.name, 65521);
}

FIXTURE_TEARDOWN(rx)
{
	net_destroy(&self->n);
}

typedef FIXTURE_DATA(rx) rx_t;

static void expect_frame(struct __test_metadata *_metadata, rx_t *self, uint32_t len,
			 uint32_t seq)
{
	struct virtio_net_hdr_mrg_rxbuf hdr;

	ASSERT_EQ(len, net_rx_take(&self->n, &hdr, got, DEV_PATIENCE_MS)) {
		TH_LOG("frame %u of %u bytes", seq, len);
	}
	ASSERT_TRUE(frame_ok(got, len, seq)) {
		TH_LOG("frame %u of %u bytes differs", seq, len);
	}
	/* A plain frame: nothing in the header. */
	ASSERT_EQ(0, hdr.hdr.gso_type);
	ASSERT_EQ(0, hdr.hdr.gso_size);
	ASSERT_EQ(0, hdr.hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);
	if (self->n.hdr_len == 12 && !(self->n.g.o.features & F_MRG_RXBUF))
		ASSERT_EQ(1, hdr.num_buffers);
}

TEST_F(rx, one_frame_a_buffer)
{
	net_rx_post(&self->n, 100, 2048, 1);
	for (uint32_t i = 0; i < test_scale(300); i++) {
		uint32_t len = 60 + i * 7 % 1455;

		frame_make(sent, len, i);
		net_host_send(&self->n, sent, len);
		expect_frame(_metadata, self, len, i);
	}
}

TEST_F(rx, batches_keep_their_order)
{
	uint32_t seq = 0;

	net_rx_post(&self->n, 128, 2048, 1);
	for (unsigned long round = 0; round < test_scale(20); round++) {
		unsigned int batch = round * 7 % 120 + 1;

		for (unsigned int i = 0; i < batch; i++) {
			frame_make(sent, 60 + i, seq + i);
			net_host_send(&self->n, sent, 60 + i);
		}
		for (unsigned int i = 0; i < batch; i++)
			expect_frame(_metadata, self, 60 + i, seq + i);
		seq += batch;
	}
}

TEST_F(rx, buffers_of_several_segments)
{
	/* The header by itself, and the rest in three pieces. */
	net_rx_post(&self->n, 64, 4000, 4);
	for (uint32_t i = 0; i < 100; i++) {
		frame_make(sent, 60 + i * 30, i);
		net_host_send(&self->n, sent, 60 + i * 30);
		expect_frame(_metadata, self, 60 + i * 30, i);
	}
}

TEST_F(rx, a_frame_that_just_fits)
{
	net_rx_post(&self->n, 64, 1000, 1);
	for (uint32_t len = 980; len <= 1000 - self->n.hdr_len; len++) {
		frame_make(sent, len, len);
		net_host_send(&self->n, sent, len);
		expect_frame(_metadata, self, len, len);
	}
}

TEST_F(rx, frames_that_do_not_fit)
{
	bool mergeable = variant->features & F_MRG_RXBUF;
	struct stat_queue q;

	net_rx_post(&self->n, 64, 500, 1);
	for (uint32_t i = 0; i < 20; i++) {
		frame_make(sent, 1500, i);
		net_host_send(&self->n, sent, 1500);
		frame_make(sent, 100, 1000 + i);
		net_host_send(&self->n, sent, 100);
		if (mergeable)
			expect_frame(_metadata, self, 1500, i);
		expect_frame(_metadata, self, 100, 1000 + i);
	}
	EXPECT_EQ(0, event_take(self->n.g.dev.err[DEV_RX]));
	TEST_REQUIRE(__stat_dump(&q, 1) != -ENOENT, "no netlink family");
	stat_get(&q, "net", DEV_RX);
	EXPECT_EQ(mergeable ? 0 : 20, q.drops);
	EXPECT_EQ(0, q.errors);
}

TEST_F(rx, large_frames_over_many_buffers)
{
	const uint32_t len[] = { 3000, 9000, 20000, 65535 };
	bool mergeable = variant->features & F_MRG_RXBUF;

	if (mergeable)
		net_rx_post(&self->n, 200, 1536, 1);
	else
		net_rx_post(&self->n, 20, 66000, variant->l.indirect ? 18 : 2);
	for (uint32_t round = 0; round < 5; round++) {
		for (uint32_t i = 0; i < sizeof(len) / sizeof(*len); i++) {
			frame_make(sent, len[i], i);
			net_host_send(&self->n, sent, len[i]);
			expect_frame(_metadata, self, len[i], i);
		}
	}
}

TEST_F(rx, frames_wait_for_buffers)
{
	/* No buffer yet: they stay in the tap's ring. */
	for (uint32_t i = 0; i < 50; i++) {
		frame_make(sent, 200, i);
		net_host_send(&self->n, sent, 200);
	}
	EXPECT_FALSE(ring_has_used(&self->n.g.ring[DEV_RX]));
	net_rx_post(&self->n, 8, 2048, 1);
	for (uint32_t i = 0; i < 50; i++)
		expect_frame(_metadata, self, 200, i);
}

TEST_F(rx, counters_tell_how_many)
{
	unsigned long count = test_scale(200);
	uint64_t packets, bytes;
	struct stat_queue q;

	net_rx_post(&self->n, 64, 2048, 1);
	packets = link_stat(self->n.g.tap.name, "tx_packets");
	bytes = link_stat(self->n.g.tap.name, "tx_bytes");
	for (uint32_t i = 0; i < count; i++) {
		frame_make(sent, 100, i);
		net_host_send(&self->n, sent, 100);
		expect_frame(_metadata, self, 100, i);
	}
	EXPECT_EQ(packets + count, link_stat(self->n.g.tap.name, "tx_packets"));
	EXPECT_EQ(bytes + count * 100, link_stat(self->n.g.tap.name, "tx_bytes"));
	EXPECT_EQ(0, link_stat(self->n.g.tap.name, "tx_dropped"));
	TEST_REQUIRE(__stat_dump(&q, 1) != -ENOENT, "no netlink family");
	stat_get(&q, "net", DEV_RX);
	EXPECT_STREQ("rx", q.name);
	EXPECT_EQ(count, q.chains);
	EXPECT_EQ(count * 100, q.bytes);
	EXPECT_EQ(0, q.drops);
}

TEST_F(rx, no_call_is_lost_frame_by_frame)
{
	struct ring *r = &self->n.g.ring[DEV_RX];

	/* The driver sleeps until called, each time: one lost call is the end. */
	net_rx_post(&self->n, 8, 2048, 1);
	for (uint32_t i = 0; i < test_scale(500); i++) {
		ASSERT_FALSE(ring_enable_call(r));
		frame_make(sent, 100, i);
		net_host_send(&self->n, sent, 100);
		while (!ring_has_used(r))
			ASSERT_NE(0, event_wait(self->n.g.dev.call[DEV_RX], DEV_PATIENCE_MS));
		expect_frame(_metadata, self, 100, i);
	}
}

TEST_F(rx, no_kick_is_lost_buffer_by_buffer)
{
	struct ring *r = &self->n.g.ring[DEV_RX];
	struct ring_seg seg = { NET_RX_BUF, 2048 };
	struct ring_used u;

	/* A frame waits each time; a single buffer lets a single one in. */
	for (uint32_t i = 0; i < test_scale(300); i++) {
		frame_make(sent, 100, i);
		net_host_send(&self->n, sent, 100);
		if (i % 3 == 0)
			sched_yield();
		ASSERT_EQ(0, ring_add(r, &seg, 0, 1, 0));
		dev_publish(&self->n.g.dev, DEV_RX, r);
		ASSERT_EQ(1, dev_poll_used(r, &u, DEV_PATIENCE_MS));
		ASSERT_EQ(self->n.hdr_len + 100, u.len);
		ASSERT_TRUE(frame_ok((uint8_t *)rig_buf(&self->n.g, NET_RX_BUF - RIG_BUF) +
				     self->n.hdr_len, 100, i));
	}
}

TEST_F(rx, empty_descriptors_in_a_buffer)
{
	struct ring *r = &self->n.g.ring[DEV_RX];
	struct ring_seg seg[5] = {
		{ NET_RX_BUF, 0 }, { NET_RX_BUF, 20 }, { NET_RX_BUF + 20, 0 },
		{ NET_RX_BUF + 20, 2000 }, { NET_RX_BUF, 0 },
	};
	struct ring_used u;

	for (uint32_t i = 0; i < 100; i++) {
		ASSERT_EQ(0, ring_add(r, seg, 0, 5, 0));
		dev_publish(&self->n.g.dev, DEV_RX, r);
		frame_make(sent, 500, i);
		net_host_send(&self->n, sent, 500);
		ASSERT_EQ(1, dev_poll_used(r, &u, DEV_PATIENCE_MS));
		ASSERT_EQ(self->n.hdr_len + 500, u.len);
		ASSERT_TRUE(frame_ok((uint8_t *)rig_buf(&self->n.g, NET_RX_BUF - RIG_BUF) +
				     self->n.hdr_len, 500, i));
	}
}

TEST_HARNESS_MAIN
