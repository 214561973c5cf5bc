// SPDX-License-Identifier: GPL-2.0
/*
 * XDP programs on the tap: frames dropped, frames redirected into the tap (which
 * puts them into its ring as XDP frames, not as skbs), out of it, and a program
 * attached and detached while frames flow.
 */
#include "pump.h"
#include "test.h"

static uint8_t sent[NET_FRAME_MAX], got[NET_FRAME_MAX];

FIXTURE(xdp) {
	struct net n;
	struct tap other;
};

FIXTURE_VARIANT(xdp) {
	struct ring_layout l;
	uint64_t features;
};

FIXTURE_VARIANT_ADD(xdp, split) { .l = { .num = 256 } };
FIXTURE_VARIANT_ADD(xdp, mergeable) { .l = { .num = 256 }, .features = F_MRG_RXBUF };
FIXTURE_VARIANT_ADD(xdp, packed) { .l = { .num = 256, .packed = true } };

FIXTURE_SETUP(xdp)
{
	struct rig_options o = { .kind = DEV_NET, .layout = variant->l,
				 .features = variant->features };

	NET_INIT(&self->n, &o);
	tap_open(&self->other, "ftap1", NULL);
	tap_up("ftap1", true);
}

FIXTURE_TEARDOWN(xdp)
{
	tap_close(&self->other);
	net_destroy(&self->n);
}

#define REQUIRE_LINK(fd, what) \
	TEST_REQUIRE((fd) >= 0, "no XDP %s here: %s", what, strerror(-(fd)))

TEST_F(xdp, dropped_frames_complete)
{
	int link = __tap_xdp_drop(self->n.g.tap.ifindex);

	REQUIRE_LINK(link, "program");
	for (uint32_t i = 0; i < 200; i++) {
		uint32_t len = i % 40 == 39 ? 6000 : 60 + i;

		frame_make(sent, len, i);
		net_tx_add(&self->n, NULL, sent, len, 1);
		if (i % 50 == 49)
			net_tx_flush(&self->n);
	}
	EXPECT_EQ(0, net_host_take(&self->n, got, 20));
	/* Gone with its link: frames pass again. */
	close(link);
	frame_make(sent, 100, 1);
	net_tx_add(&self->n, NULL, sent, 100, 1);
	net_tx_flush(&self->n);
	EXPECT_EQ(100, net_host_take(&self->n, got, DEV_PATIENCE_MS));
}

TEST_F(xdp, redirected_frames_arrive)
{
	int link = __tap_xdp_redirect(self->other.ifindex, self->n.g.tap.ifindex);
	struct virtio_net_hdr_mrg_rxbuf hdr;

	REQUIRE_LINK(link, "redirection");
	net_rx_post(&self->n, 64, 2048, 1);
	for (uint32_t i = 0; i < 200; i++) {
		uint32_t len = 60 + i * 5;

		/* A frame into the other tap, behind its header. */
		memset(got, 0, 12);
		frame_make(got + 12, len, i);
		ASSERT_EQ((ssize_t)(12 + len), write(self->other.fd, got, 12 + len));
		ASSERT_EQ(len, net_rx_take(&self->n, &hdr, got, DEV_PATIENCE_MS));
		ASSERT_TRUE(frame_ok(got, len, i));
		ASSERT_EQ(0, hdr.hdr.gso_type | hdr.hdr.flags);
	}
	close(link);
}

TEST_F(xdp, redirected_frames_wait_and_mix_with_others)
{
	int link = __tap_xdp_redirect(self->other.ifindex, self->n.g.tap.ifindex);
	struct virtio_net_hdr_mrg_rxbuf hdr;

	REQUIRE_LINK(link, "redirection");
	for (uint32_t i = 0; i < 40; i++) {
		if (i % 2) {
			frame_make(sent, 100, i);
			net_host_send(&self->n, sent, 100);
		} else {
			memset(got, 0, 12);
			frame_make(got + 12, 100, i);
			ASSERT_EQ(112, write(self->other.fd, got, 112));
		}
	}
	net_rx_post(&self->n, 8, 2048, 1);
	for (uint32_t i = 0; i < 40; i++) {
		ASSERT_EQ(100, net_rx_take(&self->n, &hdr, got, DEV_PATIENCE_MS));
		ASSERT_TRUE(frame_ok(got, 100, i));
	}
	/* And some that nobody takes: freed with the device. */
	memset(got, 0, 12);
	for (uint32_t i = 0; i < 20; i++) {
		frame_make(got + 12, 1000, i);
		ASSERT_EQ(1012, write(self->other.fd, got, 1012));
	}
	close(link);
}

TEST_F(xdp, tx_redirected_to_another_tap)
{
	int link = __tap_xdp_redirect(self->n.g.tap.ifindex, self->other.ifindex);

	REQUIRE_LINK(link, "redirection");
	for (uint32_t i = 0; i < 100; i++) {
		frame_make(sent, 200, i);
		net_tx_add(&self->n, NULL, sent, 200, 1);
		net_tx_flush(&self->n);
		ASSERT_EQ(212, read(self->other.fd, got, sizeof(got)));
		ASSERT_TRUE(frame_ok(got + 12, 200, i));
	}
	close(link);
}

TEST_F(xdp, attached_and_detached_under_traffic)
{
	struct pump p;

	pump_init(&p, &self->n.g, DEV_TX);
	p.segs = 1;
	pump_start(&p);
	for (unsigned long i = 0; i < test_scale(30); i++) {
		int link = __tap_xdp_drop(self->n.g.tap.ifindex);

		REQUIRE_LINK(link, "program");
		ASSERT_EQ(0, pump_wait(&p, 1));
		close(link);
		ASSERT_EQ(0, pump_wait(&p, 1));
	}
	EXPECT_EQ(0, pump_stop(&p));
}

TEST_HARNESS_MAIN
