// SPDX-License-Identifier: GPL-2.0
/*
 * vhost=off with a tap that is full: its send buffer is limited, and its frames wait in a
 * macvtap on top of it, which nobody reads. Takes the right to make interfaces, in a
 * network namespace of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "backend/netloop.h"
#include "harness.h"
#include "link.h"
#include "net/net_core.h"
#include "ring_driver.h"

#define RAM_SIZE	(32 * MIB)
#define RX_AREA		0x100000
#define TX_AREA		0x140000
#define BUFFERS		0x400000
#define SIZE		64
#define FRAMES		60U
#define FRAME_LEN	1400U

FIXTURE(full) {
	struct testvm t;
	struct virtio_dev v;
	struct ring_driver rx, tx;
	struct netloop nl;
	struct tap tap, top;
	struct error e;
};

FIXTURE_SETUP(full)
{
	const u16 sizes[2] = { SIZE, SIZE };
	int sndbuf = 20000, err;

	self->tap.fd = -1;
	self->top.fd = -1;
	ASSERT_EQ(0, testvm_init(&self->t, RAM_SIZE));
	ASSERT_EQ(0, virtio_init(&self->v, &self->t.m, 2, sizes, &self->e));
	self->v.acked = virtio_ring_features(false, true, true);
	ring_driver_init(&self->rx, &self->t, &self->v.queue[0], SIZE, RX_AREA, false);
	ring_driver_init(&self->tx, &self->t, &self->v.queue[1], SIZE, TX_AREA, false);
	ASSERT_EQ(0, netloop_init(&self->nl, &self->t.m, &self->e));
	err = __netns_enter();
	if (err)
		SKIP(return, "no network namespace: %s", strerror(-err));
	err = __tap_open(&self->tap, "ftap0", NULL);
	if (err)
		SKIP(return, "no tap: %s", strerror(-err));
	tap_up("ftap0", true);
	err = __macvtap_open(&self->top, "ftap0", "fmtap0", NULL);
	if (err)
		SKIP(return, "no macvtap: %s", strerror(-err));
	tap_up("fmtap0", true);
	tap_wait_running("fmtap0");
	ASSERT_EQ(0, fcntl(self->tap.fd, F_SETFL, O_NONBLOCK));
	ASSERT_EQ(0, ioctl(self->tap.fd, TUNSETSNDBUF, &sndbuf));
}

FIXTURE_TEARDOWN(full)
{
	netloop_stop(&self->nl);
	netloop_destroy(&self->nl);
	virtio_destroy(&self->v);
	machine_destroy(&self->t.m);
	if (self->top.fd >= 0)
		tap_close(&self->top);
	if (self->tap.fd >= 0)
		tap_close(&self->tap);
}

/* Chains that come back until none does for @ms. */
static unsigned int taken(struct ring_driver *d, unsigned int ms)
{
	unsigned int n = 0, idle = 0;
	u32 len;
	u16 id;

	while (idle < ms) {
		if (ring_driver_take(d, 1, &id, &len)) {
			n++;
			idle = 0;
			continue;
		}
		usleep(1000);
		idle++;
	}
	return n;
}

TEST_F(full, a_tap_that_goes_takes_the_frames_that_wait_along)
{
	static const u8 macs[] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5 };
	struct ring_piece p = { BUFFERS, FRAME_LEN, false };
	unsigned int i, done;

	/* To one station: others get copies, and then nothing waits. */
	memcpy(ram_ptr(&self->t.m.ram, BUFFERS + sizeof(struct virtio_net_hdr_mrg_rxbuf),
		       sizeof(macs)), macs, sizeof(macs));
	for (i = 0; i < FRAMES; i++)
		ring_driver_add(&self->tx, &p, 1);
	eventfd_write(self->tx.q->kick_fd, 1);
	ASSERT_EQ(0, netloop_start(&self->nl, &self->v, 0, self->tap.fd, true));
	done = taken(&self->tx, 500);
	ASSERT_GT(FRAMES, done);
	ASSERT_EQ(0, __link_delete("ftap0"));
	for (i = 0; i < 20 && done < FRAMES; i++)
		done += taken(&self->tx, 250);
	EXPECT_EQ(FRAMES, done);
	/* And what comes later. */
	ring_driver_add(&self->tx, &p, 1);
	eventfd_write(self->tx.q->kick_fd, 1);
	EXPECT_EQ(1, taken(&self->tx, 500));
}

TEST_HARNESS_MAIN
