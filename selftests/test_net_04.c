// SPDX-License-Identifier: GPL-2.0
/*
 * A tap disturbed while frames flow: taken down and up, deleted, exchanged for
 * another; queues restarted; several devices at once; busy polling. Frames may be
 * lost where their way is gone, chains and wake-ups may not.
 */
#include "link.h"
#include "pump.h"
#include "test.h"

static uint8_t sent[NET_FRAME_MAX], got[NET_FRAME_MAX];

FIXTURE(disturb) {
	struct net n;
	struct pump p;
	pthread_t host;
	int host_stop;
};

FIXTURE_VARIANT(disturb) {
	struct ring_layout l;
};

RING_VARIANT(disturb, split, .event_idx = true);
RING_VARIANT(disturb, packed, .packed = true);

FIXTURE_SETUP(disturb)
{
	struct rig_options o = { .kind = DEV_NET, .layout = variant->l, .features = F_MRG_RXBUF };

	NET_INIT(&self->n, &o);
	/* tx traffic: frames of zeroes behind a header of zeroes. */
	pump_init(&self->p, &self->n.g, DEV_TX);
	self->p.segs = 1;
	net_rx_post(&self->n, 128, 2048, 1);
}

FIXTURE_TEARDOWN(disturb)
{
	net_destroy(&self->n);
}

typedef FIXTURE_DATA(disturb) disturb_t;

/* The host's end sends without an end, wherever the interface has gone. */
static void *host_sends(void *arg)
{
	disturb_t *self = arg;
	uint8_t frame[200];
	uint32_t seq = 0;

	while (!__atomic_load_n(&self->host_stop, __ATOMIC_RELAXED)) {
		frame_make(frame, sizeof(frame), seq++);
		if (send(self->n.host, frame, sizeof(frame), MSG_DONTWAIT) < 0 || seq % 16 == 0)
			sched_yield();
	}
	return NULL;
}

static void traffic_start(disturb_t *self)
{
	pump_start(&self->p);
	check(!pthread_create(&self->host, NULL, host_sends, self), "a thread");
}

static void traffic_stop(disturb_t *self)
{
	__atomic_store_n(&self->host_stop, 1, __ATOMIC_RELAXED);
	pthread_join(self->host, NULL);
	check_ok(pump_stop(&self->p), "tx traffic to the end");
}

/* Both ways, once, with whatever is in the way taken first. */
static void expect_works(struct __test_metadata *_metadata, struct net *n)
{
	struct virtio_net_hdr_mrg_rxbuf hdr;
	uint32_t len;

	/* What the traffic left in the socket would push this frame out. */
	while (packet_recv(n->host, got, sizeof(got), 0))
		;
	frame_make(sent, 321, 1);
	net_tx_add(n, NULL, sent, 321, 1);
	net_tx_flush(n);
	do {
		len = net_host_take(n, got, DEV_PATIENCE_MS);
		ASSERT_NE(0, len);
	} while (len != 321);
	frame_make(sent, 432, 2);
	net_host_send(n, sent, 432);
	do {
		len = net_rx_take(n, &hdr, got, DEV_PATIENCE_MS);
		ASSERT_NE(0, len);
	} while (len != 432);
	EXPECT_TRUE(frame_ok(got, 432, 2));
}

/* Take what has come by rx, so that the host is not stopped for good. */
static void drain(disturb_t *self)
{
	struct virtio_net_hdr_mrg_rxbuf hdr;

	for (int i = 0; i < 500 && ring_has_used(&self->n.g.ring[DEV_RX]); i++)
		net_rx_take_any(&self->n, &hdr, got, 0);
}

TEST_F(disturb, down_and_up)
{
	traffic_start(self);
	for (unsigned long i = 0; i < test_scale(30); i++) {
		ASSERT_EQ(0, pump_wait(&self->p, 10));
		tap_up(self->n.g.tap.name, false);
		/* Frames to a tap that is down are dropped, chains still complete. */
		ASSERT_EQ(0, pump_wait(&self->p, 10));
		tap_up(self->n.g.tap.name, true);
		drain(self);
	}
	traffic_stop(self);
	drain(self);
	expect_works(_metadata, &self->n);
}

TEST_F(disturb, deleted_under_traffic)
{
	traffic_start(self);
	ASSERT_EQ(0, pump_wait(&self->p, 100));
	TEST_REQUIRE(!__link_delete(self->n.g.tap.name), "no rtnetlink");
	/* The chains go on, to nowhere. */
	EXPECT_EQ(0, pump_wait(&self->p, 100));
	traffic_stop(self);
	EXPECT_EQ(0, event_take(self->n.g.dev.err[DEV_TX]));
	EXPECT_EQ(0, event_take(self->n.g.dev.err[DEV_RX]));
	dev_stop(&self->n.g.dev, DEV_TX);
	dev_stop(&self->n.g.dev, DEV_RX);
}

TEST_F(disturb, deleted_and_replaced)
{
	struct tap_options o = { 0 };

	for (unsigned long i = 0; i < test_scale(10); i++) {
		struct tap fresh;

		self->host_stop = 0;
		traffic_start(self);
		ASSERT_EQ(0, pump_wait(&self->p, 50));
		TEST_REQUIRE(!__link_delete(self->n.g.tap.name), "no rtnetlink");
		ASSERT_EQ(0, pump_wait(&self->p, 50));
		tap_open(&fresh, "ftap1", &o);
		tap_up(fresh.name, true);
		dev_start(&self->n.g.dev, DEV_TX, fresh.fd);
		dev_start(&self->n.g.dev, DEV_RX, fresh.fd);
		ASSERT_EQ(0, pump_wait(&self->p, 50));
		traffic_stop(self);
		tap_close(&self->n.g.tap);
		self->n.g.tap = fresh;
		close(self->n.host);
		self->n.host = packet_open(fresh.ifindex, false);
		drain(self);
		expect_works(_metadata, &self->n);
		/* The name is free for the next round. */
		TEST_REQUIRE(!__link_delete(fresh.name), "no rtnetlink");
		dev_stop(&self->n.g.dev, DEV_TX);
		dev_stop(&self->n.g.dev, DEV_RX);
		tap_close(&self->n.g.tap);
		tap_open(&self->n.g.tap, "ftap0", &o);
		tap_up("ftap0", true);
		dev_start(&self->n.g.dev, DEV_TX, self->n.g.tap.fd);
		dev_start(&self->n.g.dev, DEV_RX, self->n.g.tap.fd);
		close(self->n.host);
		self->n.host = packet_open(self->n.g.tap.ifindex, false);
	}
}

TEST_F(disturb, the_tap_is_closed_by_its_opener)
{
	/* The device holds the file: nothing goes until it lets go. */
	traffic_start(self);
	close(self->n.g.tap.fd);
	self->n.g.tap.fd = -1;
	EXPECT_EQ(0, pump_wait(&self->p, 100));
	traffic_stop(self);
	drain(self);
	expect_works(_metadata, &self->n);
	dev_stop(&self->n.g.dev, DEV_TX);
	dev_stop(&self->n.g.dev, DEV_RX);
	EXPECT_EQ(-1, send(self->n.host, sent, 60, MSG_DONTWAIT));
}

TEST_F(disturb, backend_swapped_under_traffic)
{
	struct tap other;
	int fd[2];

	tap_open(&other, "ftap1", NULL);
	tap_up(other.name, true);
	fd[0] = other.fd;
	fd[1] = self->n.g.tap.fd;
	traffic_start(self);
	for (unsigned long i = 0; i < test_scale(200); i++) {
		dev_start(&self->n.g.dev, DEV_TX, fd[i & 1]);
		dev_start(&self->n.g.dev, DEV_RX, fd[i & 1]);
		if (i % 10 == 0)
			ASSERT_EQ(0, pump_wait(&self->p, 1));
		drain(self);
	}
	dev_start(&self->n.g.dev, DEV_TX, fd[1]);
	dev_start(&self->n.g.dev, DEV_RX, fd[1]);
	EXPECT_EQ(0, pump_wait(&self->p, 100));
	traffic_stop(self);
	drain(self);
	expect_works(_metadata, &self->n);
	tap_close(&other);
}

TEST_F(disturb, queues_restarted_under_traffic)
{
	struct dev *d = &self->n.g.dev;

	traffic_start(self);
	for (unsigned long i = 0; i < test_scale(100); i++) {
		dev_stop(d, DEV_RX);
		dev_stop(d, DEV_TX);
		dev_start(d, DEV_TX, self->n.g.tap.fd);
		dev_start(d, DEV_RX, self->n.g.tap.fd);
		if (i % 10 == 0)
			ASSERT_EQ(0, pump_wait(&self->p, 1));
		drain(self);
	}
	traffic_stop(self);
	drain(self);
	expect_works(_metadata, &self->n);
}

TEST_F(disturb, device_closed_under_traffic)
{
	self->p.may_break = true;
	traffic_start(self);
	ASSERT_EQ(0, pump_wait(&self->p, 100));
	close(self->n.g.dev.fd);
	traffic_stop(self);
	self->n.g.dev.fd = -1;
	/* The tap is free for another. */
	tap_close(&self->n.g.tap);
	tap_open(&self->n.g.tap, "ftap0", NULL);
}

TEST_F(disturb, busy_poll)
{
	struct dev *d = &self->n.g.dev;
	struct stat_queue q;

	for (int us = 0; us <= 100; us += 50) {
		dev_vring(d, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, DEV_RX, us);
		dev_vring(d, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, DEV_TX, us);
		for (int i = 0; i < 20; i++)
			expect_works(_metadata, &self->n);
	}
	TEST_REQUIRE(__stat_dump(&q, 1) != -ENOENT, "no netlink family");
	stat_get(&q, "net", DEV_TX);
	EXPECT_LT(0, q.polls);
	EXPECT_LE(q.polls_paid, q.polls);
	stat_get(&q, "net", DEV_RX);
	EXPECT_LT(0, q.polls);
}

TEST_F(disturb, busy_poll_sleeps_when_idle)
{
	struct dev *d = &self->n.g.dev;
	struct stat_queue a, b;

	TEST_REQUIRE(__stat_dump(&a, 1) != -ENOENT, "no netlink family");
	dev_vring(d, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, DEV_RX, 100);
	dev_vring(d, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, DEV_TX, 100);
	expect_works(_metadata, &self->n);
	usleep(50000);
	stat_get(&a, "net", DEV_RX);
	usleep(200000);
	stat_get(&b, "net", DEV_RX);
	/* Nothing came: nothing polled. */
	EXPECT_EQ(a.polls, b.polls);
}

TEST_F(disturb, mem_table_replaced_under_traffic)
{
	traffic_start(self);
	for (unsigned long i = 0; i < test_scale(300); i++) {
		dev_set_mem(&self->n.g.dev, &self->n.g.mem);
		if (i % 20 == 0) {
			ASSERT_EQ(0, pump_wait(&self->p, 1));
			drain(self);
		}
	}
	traffic_stop(self);
	drain(self);
	expect_works(_metadata, &self->n);
}

/* Several devices, each with a tap of its own. */
#define DEVICES	4

TEST(several_devices_at_once)
{
	static struct net n[DEVICES];
	struct rig_options o = { .kind = DEV_NET, .features = F_MRG_RXBUF,
				 .layout = { .num = 256 } };
	struct virtio_net_hdr_mrg_rxbuf hdr;

	TEST_REQUIRE(!__netns_enter(), "no network namespaces");
	for (int i = 0; i < DEVICES; i++) {
		char name[16];
		int err;

		snprintf(name, sizeof(name), "ftap-%d", i);
		o.tap_name = name;
		o.layout.packed = i & 1;
		err = __net_init(&n[i], &o);
		TEST_REQUIRE(!err, "no device or no tap here: %s", strerror(-err));
		net_rx_post(&n[i], 64, 2048, 1);
	}
	for (uint32_t round = 0; round < test_scale(50); round++) {
		for (int i = 0; i < DEVICES; i++) {
			frame_make(sent, 100 + i, round);
			net_tx_add(&n[i], NULL, sent, 100 + i, 1);
			net_host_send(&n[i], sent, 100 + i);
		}
		for (int i = 0; i < DEVICES; i++) {
			net_tx_flush(&n[i]);
			ASSERT_EQ(100 + i, net_host_take(&n[i], got, DEV_PATIENCE_MS));
			ASSERT_EQ(100 + i, net_rx_take(&n[i], &hdr, got, DEV_PATIENCE_MS));
			ASSERT_TRUE(frame_ok(got, 100 + i, round));
		}
	}
	for (int i = 0; i < DEVICES; i++)
		net_destroy(&n[i]);
}

TEST_HARNESS_MAIN
