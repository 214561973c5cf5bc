// SPDX-License-Identifier: GPL-2.0
/*
 * Network tx into a tap: frames arrive byte for byte and in order, with every
 * size of header, in both ring formats; counters of the device and of the
 * interface tell how many.
 */
#include "test.h"

static uint8_t sent[NET_FRAME_MAX], got[NET_FRAME_MAX];

FIXTURE(tx) {
	struct net n;
};

FIXTURE_VARIANT(tx) {
	struct ring_layout l;
	uint64_t features;
	bool legacy;
	struct tap_options tap;
};

#define MODE(name, ...) FIXTURE_VARIANT_ADD(tx, name) { .l = { .num = 256 }, __VA_ARGS__ }

MODE(modern, .features = 0);
MODE(mergeable, .features = F_MRG_RXBUF);
MODE(legacy_10, .legacy = true, .tap = { .vnet_hdr_len = 10 });
MODE(legacy_mergeable, .legacy = true, .features = F_MRG_RXBUF);
MODE(own_header, .features = F_NET_HDR, .tap = { .no_vnet_hdr = true });
MODE(own_header_10, .legacy = true, .features = F_NET_HDR, .tap = { .no_vnet_hdr = true });
FIXTURE_VARIANT_ADD(tx, event) { .l = { .num = 256, .event_idx = true } };
FIXTURE_VARIANT_ADD(tx, indirect) { .l = { .num = 256, .indirect = true } };
FIXTURE_VARIANT_ADD(tx, packed) { .l = { .num = 256, .packed = true } };
FIXTURE_VARIANT_ADD(tx, packed_event_indirect) {
	.l = { .num = 256, .packed = true, .event_idx = true, .indirect = true },
};

FIXTURE_SETUP(tx)
{
	struct rig_options o = { .kind = DEV_NET, .layout = variant->l, .tap = variant->tap,
				 .features = variant->features, .legacy = variant->legacy };

	NET_INIT(&self->n, &o);
}

FIXTURE_TEARDOWN(tx)
{
	net_destroy(&self->n);
}

typedef FIXTURE_DATA(tx) tx_t;

static void expect_frame(struct __test_metadata *_metadata, tx_t *self, uint32_t len,
			 uint32_t seq)
{
	ASSERT_EQ(len, net_host_take(&self->n, got, DEV_PATIENCE_MS)) {
		TH_LOG("frame %u of %u bytes", seq, len);
	}
	ASSERT_TRUE(frame_ok(got, len, seq)) {
		TH_LOG("frame %u of %u bytes differs", seq, len);
	}
}

TEST_F(tx, every_size_up_to_the_largest)
{
	const uint32_t len[] = { 14, 15, 17, 18, 59, 60, 61, 64, 127, 128, 1513, 1514, 1518, 2000,
				 3500, 3700, 4000, 4096, 9000, 16384, 32768, 65535 };

	for (uint32_t i = 0; i < sizeof(len) / sizeof(*len); i++) {
		frame_make(sent, len[i], i);
		net_tx_add(&self->n, NULL, sent, len[i], 1);
		net_tx_flush(&self->n);
		expect_frame(_metadata, self, len[i], i);
	}
}

TEST_F(tx, in_any_number_of_segments)
{
	for (uint32_t segs = 1; segs <= 16; segs++) {
		uint32_t len = segs < 9 ? 1514 : 5000;

		frame_make(sent, len, segs);
		net_tx_add(&self->n, NULL, sent, len, segs);
		net_tx_flush(&self->n);
		expect_frame(_metadata, self, len, segs);
	}
}

TEST_F(tx, batches_keep_their_order)
{
	uint32_t seq = 0;

	for (unsigned long round = 0; round < test_scale(20); round++) {
		unsigned int batch = round * 7 % 100 + 1;

		/* Small, and now and then one that does not fit into a batch. */
		for (unsigned int i = 0; i < batch; i++) {
			uint32_t len = i % 33 == 32 ? 8000 : 60 + i * 13;

			frame_make(sent, len, seq + i);
			net_tx_add(&self->n, NULL, sent, len, i % 3 + 1);
		}
		net_tx_flush(&self->n);
		for (unsigned int i = 0; i < batch; i++)
			expect_frame(_metadata, self, i % 33 == 32 ? 8000 : 60 + i * 13, seq + i);
		seq += batch;
	}
}

TEST_F(tx, counters_tell_how_many)
{
	uint64_t packets = link_stat(self->n.g.tap.name, "rx_packets");
	uint64_t bytes = link_stat(self->n.g.tap.name, "rx_bytes");
	unsigned long count = test_scale(500);
	struct stat_queue q;

	for (unsigned long i = 0; i < count; i++) {
		frame_make(sent, 100, i);
		net_tx_add(&self->n, NULL, sent, 100, 1);
		if (i % 50 == 49)
			net_tx_flush(&self->n);
	}
	net_tx_flush(&self->n);
	EXPECT_EQ(packets + count, link_stat(self->n.g.tap.name, "rx_packets"));
	EXPECT_EQ(bytes + count * 100, link_stat(self->n.g.tap.name, "rx_bytes"));
	TEST_REQUIRE(__stat_dump(&q, 1) != -ENOENT, "no netlink family");
	stat_get(&q, "net", DEV_TX);
	EXPECT_STREQ("tx", q.name);
	EXPECT_EQ(count, q.chains);
	EXPECT_EQ(count * 100, q.bytes);
	EXPECT_EQ(0, q.drops);
	EXPECT_EQ(0, q.errors);
	EXPECT_EQ(variant->l.packed, q.packed);
}

TEST_F(tx, call_comes_for_frames_sent)
{
	frame_make(sent, 60, 1);
	event_take(self->n.g.dev.call[DEV_TX]);
	ring_enable_call(&self->n.g.ring[DEV_TX]);
	net_tx_add(&self->n, NULL, sent, 60, 1);
	dev_publish(&self->n.g.dev, DEV_TX, &self->n.g.ring[DEV_TX]);
	EXPECT_NE(0, event_wait(self->n.g.dev.call[DEV_TX], DEV_PATIENCE_MS));
	net_tx_flush(&self->n);
	expect_frame(_metadata, self, 60, 1);
}

TEST_F(tx, frames_the_tap_cannot_take_are_dropped_and_counted)
{
	struct stat_queue q;

	/* Too short, amid good ones: exactly the good ones arrive. */
	for (uint32_t i = 0; i < 30; i++) {
		uint32_t len = i % 3 == 1 ? i % 14 : 60;

		frame_make(sent, 60, i);
		net_tx_add(&self->n, NULL, sent, len, 1);
	}
	net_tx_flush(&self->n);
	for (uint32_t i = 0; i < 30; i++)
		if (i % 3 != 1)
			expect_frame(_metadata, self, 60, i);
	EXPECT_EQ(0, event_take(self->n.g.dev.err[DEV_TX]));
	TEST_REQUIRE(__stat_dump(&q, 1) != -ENOENT, "no netlink family");
	stat_get(&q, "net", DEV_TX);
	EXPECT_EQ(10, q.drops);
	EXPECT_EQ(0, q.errors);
}

TEST_F(tx, the_longest_frame_and_one_byte_more)
{
	frame_make(sent, NET_FRAME_MAX, 5);
	/* 65549 bytes are what the packet socket shows of any frame at most. */
	net_tx_add(&self->n, NULL, sent, 65549, 8);
	net_tx_add(&self->n, NULL, sent, NET_FRAME_MAX, 8);
	net_tx_flush(&self->n);
	frame_make(sent, 60, 6);
	net_tx_add(&self->n, NULL, sent, 60, 1);
	net_tx_flush(&self->n);
	EXPECT_EQ(0, event_take(self->n.g.dev.err[DEV_TX]));
}

TEST_HARNESS_MAIN
