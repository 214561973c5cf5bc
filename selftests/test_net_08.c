// SPDX-License-Identifier: GPL-2.0
/*
 * Sizes that someone wishes for and that no frame has room for: the headroom of a
 * device behind the tap's bridge, the linear part that a guest's header names, the
 * header size of the tap. Frames arrive byte for byte, or are dropped and counted.
 */
#include <limits.h>
#include <linux/if_tun.h>

#include "link.h"
#include "test.h"

/* Each VXLAN adds some 60 bytes: more than a page altogether. */
#define FLOORS	13
#define VXLANS	6

static uint8_t sent[NET_FRAME_MAX], got[NET_FRAME_MAX];

FIXTURE(wish) {
	struct net n;
};

FIXTURE_VARIANT(wish) {
	struct ring_layout l;
	uint64_t features;
	bool limited;		/* a tap with a send buffer: frames go one by one */
};

FIXTURE_VARIANT_ADD(wish, split) { .l = { .num = 256 } };
FIXTURE_VARIANT_ADD(wish, packed) {
	.l = { .num = 256, .packed = true }, .features = F_MRG_RXBUF,
};
FIXTURE_VARIANT_ADD(wish, limited) { .l = { .num = 256 }, .limited = true };

FIXTURE_SETUP(wish)
{
	struct rig_options o = { .kind = DEV_NET, .layout = variant->l,
				 .features = variant->features };
	int sndbuf = 4 << 20;

	NET_INIT(&self->n, &o);
	tap_set_mtu(self->n.g.tap.name, 65521);
	if (variant->limited)
		ASSERT_EQ(0, ioctl(self->n.g.tap.fd, TUNSETSNDBUF, &sndbuf));
}

FIXTURE_TEARDOWN(wish)
{
	net_destroy(&self->n);
}

typedef FIXTURE_DATA(wish) wish_t;

/*
 * A bridge with VXLANs one on top of the other, whose headroom reaches, by way of a
 * veth pair that is a port, what comes on top of that pair's other end.
 */
static int add_floor(int floor, const char *lower)
{
	char bridge[IFNAMSIZ], port[IFNAMSIZ], peer[IFNAMSIZ], name[IFNAMSIZ];
	char below[IFNAMSIZ] = "";
	int err = 0;

	snprintf(bridge, sizeof(bridge), "fbr%d", floor);
	snprintf(port, sizeof(port), "fva%d", floor);
	snprintf(peer, sizeof(peer), "fvb%d", floor);
	for (int i = 0; !err && i < VXLANS; i++) {
		snprintf(name, sizeof(name), "fvx%d", floor * VXLANS + i);
		err = __link_add_vxlan(i ? below : lower, name, floor * VXLANS + i + 1);
		memcpy(below, name, sizeof(below));
	}
	if (!err)
		err = __link_add_bridge(bridge);
	if (!err)
		err = __link_add_veth(port, peer);
	if (!err)
		err = __link_enslave(bridge, name);
	return err ? err : __link_enslave(bridge, port);
}

/* A bridge of the tap and devices that want more than a page in front of a frame. */
static int bridge_with_headroom(wish_t *self)
{
	char name[IFNAMSIZ];
	int err = add_floor(0, NULL);

	for (int i = 1; !err && i < FLOORS; i++) {
		snprintf(name, sizeof(name), "fvb%d", i - 1);
		err = add_floor(i, name);
	}
	if (err)
		return err;
	snprintf(name, sizeof(name), "fbr%d", FLOORS - 1);
	tap_up(name, true);
	return __link_enslave(name, self->n.g.tap.name);
}

static void through_tx(struct __test_metadata *_metadata, wish_t *self, uint32_t len, uint32_t seq)
{
	ASSERT_EQ(len, net_host_take(&self->n, got, DEV_PATIENCE_MS)) {
		TH_LOG("frame %u of %u bytes", seq, len);
	}
	ASSERT_TRUE(frame_ok(got, len, seq)) {
		TH_LOG("frame %u of %u bytes differs", seq, len);
	}
}

static uint64_t tx_drops(void)
{
	struct stat_queue q;

	stat_get(&q, "net", DEV_TX);
	return q.drops;
}

/* Around the size that just fits into a page beside what is put around it. */
static uint32_t batch_len(uint32_t i)
{
	return i % 10 == 9 ? 9000 + i : i % 10 == 8 ? 60 + i : 3300 + i * 5;
}

static void send_batches(struct __test_metadata *_metadata, wish_t *self)
{
	for (uint32_t first = 0; first < 160; first += 40) {
		for (uint32_t i = first; i < first + 40; i++) {
			frame_make(sent, batch_len(i), i);
			net_tx_add(&self->n, NULL, sent, batch_len(i), 1 + i % 3);
		}
		net_tx_flush(&self->n);
		for (uint32_t i = first; i < first + 40; i++)
			through_tx(_metadata, self, batch_len(i), i);
	}
}

TEST_F(wish, headroom_of_a_device_behind_a_bridge)
{
	struct virtio_net_hdr_mrg_rxbuf hdr;
	int err = bridge_with_headroom(self);

	TEST_REQUIRE(err != -EOPNOTSUPP, "no VXLAN or no bridge here");
	ASSERT_EQ(0, err);
	send_batches(_metadata, self);
	EXPECT_EQ(0, tx_drops());
	EXPECT_EQ(0, link_stat(self->n.g.tap.name, "rx_dropped"));
	net_rx_post(&self->n, 30, 66000, 1);
	for (uint32_t i = 0; i < 40; i++) {
		frame_make(sent, batch_len(i), i);
		net_host_send(&self->n, sent, batch_len(i));
		ASSERT_EQ(batch_len(i), net_rx_take(&self->n, &hdr, got, DEV_PATIENCE_MS));
		ASSERT_TRUE(frame_ok(got, batch_len(i), i));
	}
}

TEST_F(wish, linear_part_named_by_the_guest)
{
	static const uint32_t lens[] = { 60, 1514, 3700, 6000, 40000, 65000 };
	uint64_t drops = 0;

	for (uint32_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		const uint16_t wish[] = { 0, 14, lens[i] / 2, lens[i] - 1, lens[i],
					  lens[i] + 1, 0xffff };

		for (uint32_t j = 0; j < sizeof(wish) / sizeof(*wish); j++) {
			struct virtio_net_hdr hdr = { .hdr_len = wish[j] };

			frame_make(sent, lens[i], i * 10 + j);
			net_tx_add(&self->n, &hdr, sent, lens[i], 1 + j % 2);
			net_tx_flush(&self->n);
			if (wish[j] <= lens[i])
				through_tx(_metadata, self, lens[i], i * 10 + j);
			else
				drops++;
			ASSERT_EQ(drops, tx_drops()) {
				TH_LOG("%u bytes, of which %u linear", lens[i], wish[j]);
			}
		}
	}
	EXPECT_EQ(0, net_host_take(&self->n, got, 0));
	EXPECT_EQ(0, event_take(self->n.g.dev.err[DEV_TX]));
}

static void set_tap_header(wish_t *self, int size)
{
	check(!ioctl(self->n.g.tap.fd, TUNSETVNETHDRSZ, &size), "header of %d bytes", size);
}

/* The tap's owner sets it as it likes; what comes of it is the owner's. */
TEST_F(wish, header_size_of_the_tap)
{
	static const int sizes[] = { 1000, 4096, 65536, 1 << 20, INT_MAX };
	struct virtio_net_hdr_mrg_rxbuf hdr;

	net_rx_post(&self->n, 30, 66000, 1);
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		set_tap_header(self, sizes[i]);
		for (uint32_t j = 0; j < 20; j++) {
			frame_make(sent, 60 + j * 400, j);
			net_tx_add(&self->n, NULL, sent, 60 + j * 400, 1);
			net_host_send(&self->n, sent, 60 + j * 400);
		}
		net_tx_flush(&self->n);
		/* Those whose place the tap's own copy fills are gone. */
		while (net_rx_take(&self->n, &hdr, got, 100))
			;
		while (net_host_take(&self->n, got, 0))
			;
		set_tap_header(self, self->n.hdr_len);
		send_batches(_metadata, self);
		frame_make(sent, 8000, i);
		net_host_send(&self->n, sent, 8000);
		ASSERT_EQ(8000, net_rx_take(&self->n, &hdr, got, DEV_PATIENCE_MS));
		ASSERT_TRUE(frame_ok(got, 8000, i));
	}
	EXPECT_EQ(0, event_take(self->n.g.dev.err[DEV_TX]));
	EXPECT_EQ(0, event_take(self->n.g.dev.err[DEV_RX]));
}

TEST_HARNESS_MAIN
