// SPDX-License-Identifier: GPL-2.0
/*
 * A macvtap as back end: frames both ways between the device and the far end of
 * a veth pair under the macvtap; and VLAN tags that the kernel carries outside
 * the frame, into a tap.
 */
#include "link.h"
#include "test.h"

static uint8_t sent[NET_FRAME_MAX], got[NET_FRAME_MAX];

FIXTURE(macvtap) {
	struct net n;
	struct tap mtap;
};

FIXTURE_VARIANT(macvtap) {
	struct ring_layout l;
	uint64_t features;
	struct tap_options tap;
};

FIXTURE_VARIANT_ADD(macvtap, split) { .l = { .num = 256 } };
FIXTURE_VARIANT_ADD(macvtap, mergeable) { .l = { .num = 256 }, .features = F_MRG_RXBUF };
FIXTURE_VARIANT_ADD(macvtap, packed) { .l = { .num = 256, .packed = true } };

FIXTURE_SETUP(macvtap)
{
	struct rig_options o = { .kind = DEV_NET, .layout = variant->l,
				 .features = variant->features };
	int err;

	NET_INIT(&self->n, &o);
	self->mtap.fd = -1;
	err = __link_add_veth("fveth0", "fveth1");
	TEST_REQUIRE(!err, "no veth here: %s", strerror(-err));
	err = __macvtap_open(&self->mtap, "fveth0", "fmtap0", NULL);
	TEST_REQUIRE(!err, "no macvtap here: %s", strerror(-err));
	tap_up("fveth0", true);
	tap_up("fveth1", true);
	tap_up("fmtap0", true);
	tap_wait_running("fveth1");
	tap_wait_running("fveth0");
	tap_wait_running("fmtap0");
	/* In place of the tap that a rig comes with. */
	rig_stop(&self->n.g);
	close(self->n.host);
	self->n.g.backend = self->mtap.fd;
	rig_start(&self->n.g);
	self->n.host = packet_open(link_index("fveth1"), false);
}

FIXTURE_TEARDOWN(macvtap)
{
	if (self->mtap.fd >= 0)
		tap_close(&self->mtap);
	net_destroy(&self->n);
}

TEST_F(macvtap, tx)
{
	for (uint32_t i = 0; i < test_scale(200); i++) {
		uint32_t len = 60 + i % 1400;

		frame_make(sent, len, i);
		net_tx_add(&self->n, NULL, sent, len, i % 3 + 1);
		net_tx_flush(&self->n);
		ASSERT_EQ(len, net_host_take(&self->n, got, DEV_PATIENCE_MS));
		ASSERT_TRUE(frame_ok(got, len, i));
	}
}

TEST_F(macvtap, rx)
{
	struct virtio_net_hdr_mrg_rxbuf hdr;

	net_rx_post(&self->n, 64, 2048, 1);
	for (uint32_t i = 0; i < test_scale(200); i++) {
		uint32_t len = 60 + i % 1400;

		frame_make(sent, len, i);
		net_host_send(&self->n, sent, len);
		ASSERT_EQ(len, net_rx_take(&self->n, &hdr, got, DEV_PATIENCE_MS));
		ASSERT_TRUE(frame_ok(got, len, i));
	}
}

TEST_F(macvtap, rx_in_batches)
{
	struct virtio_net_hdr_mrg_rxbuf hdr;

	net_rx_post(&self->n, 64, 2048, 1);
	for (unsigned long round = 0; round < test_scale(20); round++) {
		for (uint32_t i = 0; i < 50; i++) {
			frame_make(sent, 100 + i, i);
			net_host_send(&self->n, sent, 100 + i);
		}
		for (uint32_t i = 0; i < 50; i++) {
			ASSERT_EQ(100 + i, net_rx_take(&self->n, &hdr, got, DEV_PATIENCE_MS));
			ASSERT_TRUE(frame_ok(got, 100 + i, i));
		}
	}
}

TEST_F(macvtap, deleted_under_way)
{
	struct ring_seg seg = { RIG_BUF, 72 };
	struct ring_used u;

	ASSERT_EQ(0, __link_delete("fmtap0"));
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(0, ring_add(&self->n.g.ring[DEV_TX], &seg, 1, 0, i));
		dev_publish(&self->n.g.dev, DEV_TX, &self->n.g.ring[DEV_TX]);
		ASSERT_EQ(1, dev_poll_used(&self->n.g.ring[DEV_TX], &u, DEV_PATIENCE_MS));
	}
	rig_stop(&self->n.g);
}

FIXTURE(vlan) {
	struct net n;
};

FIXTURE_VARIANT(vlan) {
	uint64_t features;
};

FIXTURE_VARIANT_ADD(vlan, plain) { .features = 0 };
FIXTURE_VARIANT_ADD(vlan, mergeable) { .features = F_MRG_RXBUF };

FIXTURE_SETUP(vlan)
{
	struct rig_options o = { .kind = DEV_NET, .layout = { .num = 256 },
				 .features = variant->features };

	NET_INIT(&self->n, &o);
}

FIXTURE_TEARDOWN(vlan)
{
	net_destroy(&self->n);
}

/* As frame_make(), with an 802.1Q tag after the addresses; @len with the tag. */
static void tag_frame(uint8_t *tagged, uint32_t len, uint32_t seq, uint16_t id)
{
	frame_make(sent, len - 4, seq);
	memcpy(tagged, sent, 12);
	tagged[12] = 0x81;
	tagged[13] = 0;
	tagged[14] = id >> 8;
	tagged[15] = id & 0xff;
	memcpy(tagged + 16, sent + 12, len - 16);
}

TEST_F(vlan, rx_of_a_tag_outside_the_frame)
{
	static uint8_t want[2000];
	struct virtio_net_hdr_mrg_rxbuf hdr;
	int err = __link_add_vlan(self->n.g.tap.name, "fvlan5", 5), fd;
	uint32_t len;

	TEST_REQUIRE(!err, "no VLANs here: %s", strerror(-err));
	tap_up("fvlan5", true);
	fd = packet_open(link_index("fvlan5"), false);
	net_rx_post(&self->n, 64, 2048, 1);
	for (uint32_t i = 0; i < 100; i++) {
		uint32_t n = 64 + i * 10;

		tag_frame(want, n, i, 5);
		packet_send(fd, sent, n - 4);
		do {
			len = net_rx_take_any(&self->n, &hdr, got, DEV_PATIENCE_MS);
			ASSERT_NE(0, len);
		} while (memcmp(got, want, 12));
		ASSERT_EQ(n, len);
		ASSERT_EQ(0, memcmp(want, got, n));
	}
	close(fd);
}

TEST_F(vlan, tagged_frames_pass_both_ways)
{
	static uint8_t want[2000];
	struct virtio_net_hdr_mrg_rxbuf hdr;
	uint32_t len;

	net_rx_post(&self->n, 64, 2048, 1);
	for (uint32_t i = 0; i < 50; i++) {
		tag_frame(want, 200, i, 7);
		net_host_send(&self->n, want, 200);
		do {
			len = net_rx_take_any(&self->n, &hdr, got, DEV_PATIENCE_MS);
			ASSERT_NE(0, len);
		} while (memcmp(got, want, 12));
		ASSERT_EQ(200, len);
		ASSERT_EQ(0, memcmp(want, got, 200));
	}
}

TEST_HARNESS_MAIN
