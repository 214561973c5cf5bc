// SPDX-License-Identifier: GPL-2.0
/*
 * Frames in a tap's ring that name a device of before: the in-tree vhost_net keeps frames
 * while its guest has no buffers, and puts them back when it is stopped, be their interface
 * still there or not. The descriptor may have another one by then.
 */
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "net.h"
#include "shell.h"
#include "test.h"

#define FRAMES	40U

static struct virtio_net_hdr_mrg_rxbuf hdr;
static uint8_t frame[2048], got[NET_FRAME_MAX];

FIXTURE(stale) {
	struct net before, now;
};

FIXTURE_SETUP(stale)
{
	struct rig_options o = {
		.kind = DEV_NET, .path = "/dev/vhost-net", .layout = { .num = 256 },
	};

	shell("modprobe -q vhost_net");
	NET_INIT(&self->before, &o);
	o.path = NULL;
	o.tap_name = "ftap1";
	check_ok(__net_init(&self->now, &o), "a second device");
}

FIXTURE_TEARDOWN(stale)
{
	net_destroy(&self->now);
	net_destroy(&self->before);
}

/* Until vhost_net has taken what is in the tap's ring. */
static void wait_taken(int tap)
{
	struct pollfd p = { .fd = tap, .events = POLLIN };
	int ms = 0;

	while (poll(&p, 1, 0) && p.revents & POLLIN && ms++ < DEV_PATIENCE_MS)
		usleep(1000);
	check(ms < DEV_PATIENCE_MS, "frames left the tap's ring");
}

static void give_interface(int tap, const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int hdr_len = sizeof(hdr);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	check(!ioctl(tap, TUNSETIFF, &ifr), "TUNSETIFF: %s", strerror(errno));
	check(!ioctl(tap, TUNSETVNETHDRSZ, &hdr_len), "TUNSETVNETHDRSZ: %s", strerror(errno));
	tap_up(name, true);
}

TEST_F(stale, counted_where_they_are_delivered)
{
	int tap = self->before.g.tap.fd;

	dev_stop(&self->before.g.dev, DEV_RX);
	for (uint32_t i = 0; i < FRAMES; i++) {
		frame_make(frame, 200 + i, i);
		net_host_send(&self->before, frame, 200 + i);
	}
	dev_start(&self->before.g.dev, DEV_RX, tap);
	wait_taken(tap);
	check_ok(shell("ip link del %s", self->before.g.tap.name), "ip link del");
	dev_stop(&self->before.g.dev, DEV_RX);
	/* It may get the memory of the one that was deleted, and is no tap. */
	check_ok(shell("ip link add ftap3 type bridge"), "ip link add");
	give_interface(tap, "ftap2");

	net_rx_post(&self->now, 64, 2048, 1);
	dev_stop(&self->now.g.dev, DEV_RX);
	dev_start(&self->now.g.dev, DEV_RX, tap);
	for (uint32_t i = 0; i < FRAMES; i++) {
		ASSERT_EQ(200 + i, net_rx_take(&self->now, &hdr, got, DEV_PATIENCE_MS));
		EXPECT_TRUE(frame_ok(got, 200 + i, i));
	}
	EXPECT_LE(FRAMES, link_stat("ftap2", "tx_packets"));
	dev_stop(&self->now.g.dev, DEV_RX);
}

TEST_HARNESS_MAIN
