// SPDX-License-Identifier: GPL-2.0
/*
 * What can fail in a worker fails, one place after the other, while it carries
 * traffic: every chain comes back exactly once, every frame arrives or is
 * counted as dropped, a queue that stopped says so and goes on when it is set
 * going again, and what comes after the failure is as if there had been none.
 * Needs a kernel with FAULT_INJECTION; a splat or a leak is the lab's to report.
 */
#include <limits.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <sys/mman.h>

#include "fault.h"
#include "pump.h"
#include "test.h"

/* Far more places than a round has: the sweep ends by itself. */
#define PLACES_MAX	1000

#define FRAMES		20

/* A used ring of its own. */
#define USED_GPA	0x900000000ULL

static uint8_t frame[NET_FRAME_MAX];

/* One life of a device: a round with a failure in it, and one without. */
struct life {
	struct net n;
	unsigned int queue;
	int knob;
	unsigned int breaks;		/* times the queue stopped itself */
	unsigned int seen[FRAMES];
};

/*
 * Put the device's part of a split ring on a page that is not there yet, so that
 * the worker needs one when it first writes to it. The packed ring's is among the
 * driver's bytes.
 */
static void forget_used(struct rig *g, unsigned int queue)
{
	struct ring *r = &g->ring[queue];

	if (r->l.packed)
		return;
	dev_stop(&g->dev, queue);
	r->used = mem_add(&g->mem, USED_GPA, 4096);
	check_ok(__dev_vring_addr(&g->dev, queue, r), "SET_VRING_ADDR");
	dev_start(&g->dev, queue, g->backend);
	check(!madvise(r->used, 4096, MADV_DONTNEED), "a page goes");
}

static pid_t worker_of(const char *kind, unsigned int queue)
{
	struct stat_queue q;

	stat_get(&q, kind, queue);
	return q.worker;
}

static int worker_knob(const char *kind, unsigned int queue)
{
	int fd = __fault_open(worker_of(kind, queue));

	check_ok(fd, "fail-nth of a worker");
	return fd;
}

/* Set the queue going again if it stopped itself. */
static void mend(struct rig *g, unsigned int queue, unsigned int *breaks)
{
	if (!event_take(g->dev.err[queue]))
		return;
	++*breaks;
	dev_start(&g->dev, queue, g->backend);
}

/* The next completion, however often the queue stops before it. */
static void expect_used(struct rig *g, unsigned int queue, unsigned int *breaks)
{
	uint64_t end = dev_now_ns() + DEV_PATIENCE_MS * 1000000ULL;
	struct ring_used u;
	int got;

	while (!(got = dev_poll_used(&g->ring[queue], &u, 10))) {
		mend(g, queue, breaks);
		check(dev_now_ns() < end, "a chain comes back");
	}
	check_ok(got, "a completion the driver can place");
}

static void life_begin(struct life *l, const struct rig_options *o, unsigned int queue)
{
	memset(l, 0, sizeof(*l));
	l->queue = queue;
	check_ok(__net_init(&l->n, o), "a network device");
	tap_set_mtu(l->n.g.tap.name, 9000);
	forget_used(&l->n.g, queue);
	l->knob = worker_knob("net", queue);
}

/* Take the failure back, if it was not met. Return whether it was. */
static bool calm(struct rig *g, unsigned int queue, int knob, unsigned int *breaks)
{
	bool met = fault_met(knob);

	fault_arm(knob, 0);
	/* Waits for the worker's turn, which may yet have met it. */
	dev_vring_base(&g->dev, queue);
	mend(g, queue, breaks);
	return met;
}

static void life_end(struct life *l)
{
	close(l->knob);
	net_destroy(&l->n);
}

/* Small ones, and some that do not fit into a page. */
static uint32_t frame_len(uint32_t i)
{
	return i % 5 == 4 ? 4500 + i : 60 + i * 40;
}

static void mark(struct life *l, uint32_t len)
{
	uint32_t seq;

	memcpy(&seq, frame + 14, 4);
	check(seq < FRAMES && len == frame_len(seq) && frame_ok(frame, len, seq),
	      "a frame of %u bytes as it was sent", len);
	l->seen[seq]++;
}

/* Frames never seen; twice seen are only those of a queue that stopped. */
static unsigned int lost(struct life *l)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < FRAMES; i++) {
		n += !l->seen[i];
		check(l->seen[i] <= 1 + l->breaks, "frame %u once, not %u times", i, l->seen[i]);
		l->seen[i] = 0;
	}
	return n;
}

/*
 * Frames on the way from tx to the packet socket that someone dropped and counted;
 * some are counted by the tap and by the queue.
 */
static uint64_t tx_drops(struct life *l)
{
	struct tpacket_stats s = {};
	socklen_t len = sizeof(s);
	struct stat_queue q;

	stat_get(&q, "net", DEV_TX);
	check(!getsockopt(l->n.host, SOL_PACKET, PACKET_STATISTICS, &s, &len), "packet statistics");
	return q.drops + link_stat(l->n.g.tap.name, "rx_dropped") + s.tp_drops;
}

static void tx_publish(struct life *l)
{
	struct net *n = &l->n;

	for (uint32_t i = 0; i < FRAMES; i++) {
		frame_make(frame, frame_len(i), i);
		net_tx_add(n, NULL, frame, frame_len(i), 1);
	}
	dev_publish(&n->g.dev, DEV_TX, &n->g.ring[DEV_TX]);
}

/* Until all chains are back; then what arrived at the other end. */
static void tx_collect(struct life *l)
{
	struct net *n = &l->n;
	uint32_t len;

	for (; n->in_flight; n->in_flight--)
		expect_used(&n->g, DEV_TX, &l->breaks);
	n->tx_used = 0;
	while ((len = net_host_take(n, frame, 0)))
		mark(l, len);
}

static void tx_round(struct life *l)
{
	tx_publish(l);
	tx_collect(l);
}

/*
 * Each lost frame is counted, but for one of a batch that the tap itself got no
 * skb for: of that it tells nobody. A frame whose memory the tap could not read
 * it counts as well; the queue stops at it and sends it again.
 */
static bool tx_accounts(const struct life *l, unsigned int lost, uint64_t drops,
			unsigned int untold)
{
	return lost <= drops + untold && drops <= 2 * lost + l->breaks;
}

static uint64_t rx_drops(void)
{
	struct stat_queue q;

	stat_get(&q, "net", DEV_RX);
	return q.drops;
}

/* Until all frames came or were dropped. */
static void rx_round(struct life *l)
{
	uint64_t end = dev_now_ns() + DEV_PATIENCE_MS * 1000000ULL, before = rx_drops();
	struct virtio_net_hdr_mrg_rxbuf hdr;
	unsigned int got = 0;
	uint32_t len;

	for (uint32_t i = 0; i < FRAMES; i++) {
		frame_make(frame, frame_len(i), i);
		net_host_send(&l->n, frame, frame_len(i));
	}
	if (!l->n.rx_len)
		net_rx_post(&l->n, 60, l->n.g.o.features & F_MRG_RXBUF ? 1536 : 8192, 1);
	while (got + rx_drops() - before < FRAMES) {
		len = net_rx_take(&l->n, &hdr, frame, 10);
		if (len) {
			mark(l, len);
			got++;
			continue;
		}
		mend(&l->n.g, DEV_RX, &l->breaks);
		check(dev_now_ns() < end, "a frame comes or is dropped");
	}
}

FIXTURE(worker) {
	struct rig_options o;
	int pages;		/* whether single pages may fail */
};

FIXTURE_VARIANT(worker) {
	struct ring_layout l;
	uint64_t features;
	bool limited;		/* a tap with a send buffer: frames go one by one */
};

FIXTURE_VARIANT_ADD(worker, split) { .l = { .num = 256 } };
FIXTURE_VARIANT_ADD(worker, mergeable) { .l = { .num = 256 }, .features = F_MRG_RXBUF };
FIXTURE_VARIANT_ADD(worker, packed) { .l = { .num = 256, .packed = true } };
FIXTURE_VARIANT_ADD(worker, limited) { .l = { .num = 256 }, .limited = true };

FIXTURE_SETUP(worker)
{
	int fd = __fault_open(0);

	TEST_REQUIRE(fd >= 0, "no fault injection in this kernel");
	close(fd);
	self->pages = __fault_prepare();
	TEST_REQUIRE(self->pages >= 0, "no failslab or fail_page_alloc to set up");
	TEST_REQUIRE(!access(DEV_NET_PATH, F_OK), "no " DEV_NET_PATH);
	TEST_REQUIRE(!__netns_enter(), "no network namespaces: %s", strerror(errno));
	self->o = (struct rig_options){ .kind = DEV_NET, .layout = variant->l,
					.features = variant->features };
}

FIXTURE_TEARDOWN(worker)
{
}

typedef FIXTURE_DATA(worker) worker_t;

static void limit_sndbuf(struct life *l)
{
	int sndbuf = 4 << 20;

	check(!ioctl(l->n.g.tap.fd, TUNSETSNDBUF, &sndbuf), "TUNSETSNDBUF");
}

TEST_F_TIMEOUT(worker, every_place_in_tx, 600)
{
	unsigned int breaks = 0, dropped = 0;
	bool met = true;
	struct life l;
	int nth;

	for (nth = 1; met && nth < PLACES_MAX; nth++) {
		unsigned int gone;
		uint64_t drops;

		life_begin(&l, &self->o, DEV_TX);
		if (variant->limited)
			limit_sndbuf(&l);
		fault_arm(l.knob, nth);
		tx_round(&l);
		met = calm(&l.n.g, DEV_TX, l.knob, &l.breaks);
		drops = tx_drops(&l);
		gone = lost(&l);
		ASSERT_TRUE(tx_accounts(&l, gone, drops, met && !variant->limited)) {
			TH_LOG("place %d: %u lost, %llu counted", nth, gone,
			       (unsigned long long)drops);
		}
		breaks += l.breaks;
		dropped += gone;
		l.breaks = 0;
		tx_round(&l);
		ASSERT_EQ(0, lost(&l) + l.breaks) {
			TH_LOG("after place %d", nth);
		}
		life_end(&l);
	}
	TH_LOG("%d places: %u frames dropped, %u stops", nth - 1, dropped, breaks);
	EXPECT_LT(nth, PLACES_MAX);
	EXPECT_GT(dropped, 0);
}

TEST_F_TIMEOUT(worker, every_place_in_rx, 600)
{
	unsigned int breaks = 0, dropped = 0;
	bool met = true;
	struct life l;
	int nth;

	TEST_REQUIRE(!variant->limited, "that is for tx");
	for (nth = 1; met && nth < PLACES_MAX; nth++) {
		uint64_t drops;

		life_begin(&l, &self->o, DEV_RX);
		fault_arm(l.knob, nth);
		rx_round(&l);
		met = calm(&l.n.g, DEV_RX, l.knob, &l.breaks);
		drops = rx_drops();
		ASSERT_EQ(drops, lost(&l)) {
			TH_LOG("place %d", nth);
		}
		breaks += l.breaks;
		dropped += drops;
		l.breaks = 0;
		rx_round(&l);
		ASSERT_EQ(0, lost(&l) + l.breaks) {
			TH_LOG("after place %d", nth);
		}
		life_end(&l);
	}
	TH_LOG("%d places: %u frames dropped, %u stops", nth - 1, dropped, breaks);
	EXPECT_LT(nth, PLACES_MAX);
	EXPECT_GT(dropped + breaks, 0);
}

TEST_F(worker, no_page_to_be_had_for_tx)
{
	struct life l;
	unsigned int gone;
	uint64_t drops;
	pid_t tid;

	TEST_REQUIRE(self->pages, "no single pages that could fail");
	life_begin(&l, &self->o, DEV_TX);
	if (variant->limited)
		limit_sndbuf(&l);
	tid = worker_of("net", DEV_TX);
	ASSERT_EQ(0, __fault_pages(tid, true));
	/* A worker that cannot even answer goes on once it can. */
	tx_publish(&l);
	usleep(50000);
	ASSERT_EQ(0, __fault_pages(tid, false));
	tx_collect(&l);
	drops = tx_drops(&l);
	gone = lost(&l);
	EXPECT_TRUE(tx_accounts(&l, gone, drops, 0)) {
		TH_LOG("%u lost, %llu counted", gone, (unsigned long long)drops);
	}
	EXPECT_GT(gone, 0);
	l.breaks = 0;
	tx_round(&l);
	EXPECT_EQ(0, lost(&l) + l.breaks);
	life_end(&l);
}

TEST_F_TIMEOUT(worker, again_and_again_under_traffic, 600)
{
	unsigned int breaks = 0, met = 0;
	struct pump p;
	struct life l;

	life_begin(&l, &self->o, DEV_TX);
	if (variant->limited)
		limit_sndbuf(&l);
	pump_init(&p, &l.n.g, DEV_TX);
	p.segs = 1;
	pump_start(&p);
	for (unsigned long i = 0; i < test_scale(300); i++) {
		unsigned long until = pump_done(&p) + 16;

		fault_arm(l.knob, i % 23 + 1);
		while ((long)(until - pump_done(&p)) > 0) {
			ASSERT_EQ(0, __atomic_load_n(&p.err, __ATOMIC_ACQUIRE));
			mend(&l.n.g, DEV_TX, &breaks);
			usleep(100);
		}
		met += fault_met(l.knob);
	}
	calm(&l.n.g, DEV_TX, l.knob, &breaks);
	EXPECT_EQ(0, pump_wait(&p, 200));
	EXPECT_EQ(0, pump_stop(&p));
	TH_LOG("%u places met, %u stops", met, breaks);
	EXPECT_GT(met, 0);
	life_end(&l);
}

FIXTURE(null) {
	struct rig_options o;
};

FIXTURE_VARIANT(null) {
	struct ring_layout l;
};

FIXTURE_VARIANT_ADD(null, split) { .l = { .num = 64 } };
FIXTURE_VARIANT_ADD(null, split_event) { .l = { .num = 64, .event_idx = true } };

FIXTURE_SETUP(null)
{
	int fd = __fault_open(0);

	TEST_REQUIRE(fd >= 0, "no fault injection in this kernel");
	close(fd);
	TEST_REQUIRE(__fault_prepare() == 1, "no single pages that could fail");
	TEST_REQUIRE(!access(DEV_NULL_PATH, F_OK), "no " DEV_NULL_PATH);
	self->o = (struct rig_options){ .kind = DEV_NULL, .layout = variant->l, .queues = 1 };
}

FIXTURE_TEARDOWN(null)
{
}

static void null_round(struct rig *g, unsigned int *breaks)
{
	const struct ring_seg seg[2] = { { RIG_BUF, 64 }, { RIG_BUF + 64, 64 } };

	for (int i = 0; i < 20; i++)
		check_ok(ring_add(&g->ring[0], seg, 1, 1, i), "room in the ring");
	dev_publish(&g->dev, 0, &g->ring[0]);
	for (int i = 0; i < 20; i++)
		expect_used(g, 0, breaks);
}

TEST_F_TIMEOUT(null, every_place, 300)
{
	unsigned int breaks = 0, after = 0;
	bool met = true;
	struct rig g;
	int nth;

	for (nth = 1; met && nth < PLACES_MAX; nth++) {
		int knob;

		ASSERT_EQ(0, __rig_init(&g, &self->o));
		rig_start(&g);
		forget_used(&g, 0);
		knob = worker_knob("null", 0);
		fault_arm(knob, nth);
		null_round(&g, &breaks);
		met = calm(&g, 0, knob, &breaks);
		null_round(&g, &after);
		ASSERT_EQ(0, after);
		close(knob);
		rig_destroy(&g);
	}
	TH_LOG("%d places: %u stops", nth - 1, breaks);
	EXPECT_LT(nth, PLACES_MAX);
	EXPECT_GT(breaks, 0);
}

TEST_HARNESS_MAIN
