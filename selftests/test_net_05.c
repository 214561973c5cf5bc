// SPDX-License-Identifier: GPL-2.0
/*
 * Malformed traffic on a network device: what breaks the protocol stops that
 * queue alone and is mended by a fresh set-up, what is merely a useless frame
 * costs that frame. The other queue goes on in every case.
 */
#include "bad.h"
#include "test.h"

static uint8_t sent[NET_FRAME_MAX], got[NET_FRAME_MAX];

FIXTURE(bad_net) {
	struct net n;
};

FIXTURE_VARIANT(bad_net) {
	struct ring_layout l;
	uint64_t features;
};

#define MODE(name, mrg, ...) FIXTURE_VARIANT_ADD(bad_net, name) {			\
	.l = { .num = 64, __VA_ARGS__ }, .features = F_INDIRECT | ((mrg) ? F_MRG_RXBUF : 0) }

MODE(split, false, .event_idx = true);
MODE(split_mergeable, true);
MODE(packed, false, .packed = true);
MODE(packed_mergeable, true, .packed = true);

FIXTURE_SETUP(bad_net)
{
	struct rig_options o = { .kind = DEV_NET, .layout = variant->l,
				 .features = variant->features };

	NET_INIT(&self->n, &o);
}

FIXTURE_TEARDOWN(bad_net)
{
	net_destroy(&self->n);
}

typedef FIXTURE_DATA(bad_net) bad_net_t;

static struct ring *ring(bad_net_t *self, unsigned int q)
{
	return &self->n.g.ring[q];
}

static void expect_tx(struct __test_metadata *_metadata, bad_net_t *self, uint32_t seq)
{
	frame_make(sent, 200, seq);
	net_tx_add(&self->n, NULL, sent, 200, 1);
	net_tx_flush(&self->n);
	ASSERT_EQ(200, net_host_take(&self->n, got, DEV_PATIENCE_MS));
	ASSERT_TRUE(frame_ok(got, 200, seq));
}

static void expect_rx(struct __test_metadata *_metadata, bad_net_t *self, uint32_t seq)
{
	struct virtio_net_hdr_mrg_rxbuf hdr;

	frame_make(sent, 200, seq);
	net_host_send(&self->n, sent, 200);
	ASSERT_EQ(200, net_rx_take(&self->n, &hdr, got, DEV_PATIENCE_MS));
	ASSERT_TRUE(frame_ok(got, 200, seq));
}

/* A tx chain that breaks the queue; rx goes on; tx works when set up anew. */
static void expect_tx_stop(struct __test_metadata *_metadata, bad_net_t *self,
			   const struct ring_seg *seg, unsigned int out, unsigned int in)
{
	net_rx_post(&self->n, 16, 2048, 1);
	ASSERT_EQ(0, ring_add(ring(self, DEV_TX), seg, out, in, 0));
	dev_publish(&self->n.g.dev, DEV_TX, ring(self, DEV_TX));
	bad_expect_broken(&self->n.g, DEV_TX);
	EXPECT_FALSE(ring_has_used(ring(self, DEV_TX)));
	expect_rx(_metadata, self, 5);
	EXPECT_EQ(0, event_take(self->n.g.dev.err[DEV_RX]));
	bad_mend(&self->n.g, DEV_TX);
	expect_tx(_metadata, self, 6);
}

TEST_F(bad_net, tx_with_a_writable_descriptor)
{
	const struct ring_seg seg[2] = { { RIG_BUF, 100 }, { RIG_BUF, 1 } };

	expect_tx_stop(_metadata, self, seg, 1, 1);
}

TEST_F(bad_net, tx_with_nothing_but_a_writable_descriptor)
{
	const struct ring_seg seg = { RIG_BUF, 100 };

	expect_tx_stop(_metadata, self, &seg, 0, 1);
}

TEST_F(bad_net, tx_without_a_whole_header)
{
	const struct ring_seg seg = { RIG_BUF, 11 };

	expect_tx_stop(_metadata, self, &seg, 1, 0);
}

TEST_F(bad_net, tx_empty)
{
	const struct ring_seg seg = { RIG_BUF, 0 };

	expect_tx_stop(_metadata, self, &seg, 1, 0);
}

TEST_F(bad_net, tx_memory_not_there)
{
	const struct ring_seg seg = { 0x9000000000ULL, 100 };
	void *hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* In the table, but not mapped. */
	mem_add_hva(&self->n.g.mem, seg.addr, hole, 4096);
	dev_set_mem(&self->n.g.dev, &self->n.g.mem);
	expect_tx_stop(_metadata, self, &seg, 1, 0);
}

/* Larger frames go to the tap one by one, which copies them itself. */
TEST_F(bad_net, tx_memory_of_a_large_frame_not_there)
{
	const struct ring_seg seg[2] = { { RIG_BUF, 5000 }, { 0x9000000000ULL, 5000 } };
	void *hole = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mem_add_hva(&self->n.g.mem, seg[1].addr, hole, 8192);
	dev_set_mem(&self->n.g.dev, &self->n.g.mem);
	expect_tx_stop(_metadata, self, seg, 2, 0);
}

TEST_F(bad_net, tx_header_of_a_large_frame_not_there)
{
	const struct ring_seg seg[2] = { { 0x9000000000ULL, 12 }, { RIG_BUF, 5000 } };
	void *hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mem_add_hva(&self->n.g.mem, seg[0].addr, hole, 4096);
	dev_set_mem(&self->n.g.dev, &self->n.g.mem);
	expect_tx_stop(_metadata, self, seg, 2, 0);
}

TEST_F(bad_net, tx_good_frames_before_a_bad_one_are_sent)
{
	const struct ring_seg bad = { RIG_BUF, 5 };
	struct ring_used u;

	for (int i = 0; i < 5; i++) {
		frame_make(sent, 100 + i, i);
		net_tx_add(&self->n, NULL, sent, 100 + i, 1);
	}
	ASSERT_EQ(0, ring_add(ring(self, DEV_TX), &bad, 1, 0, 0));
	dev_publish(&self->n.g.dev, DEV_TX, ring(self, DEV_TX));
	bad_expect_broken(&self->n.g, DEV_TX);
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(1, ring_get(ring(self, DEV_TX), &u));
		ASSERT_EQ(100 + i, net_host_take(&self->n, got, DEV_PATIENCE_MS));
		ASSERT_TRUE(frame_ok(got, 100 + i, i));
	}
	EXPECT_FALSE(ring_has_used(ring(self, DEV_TX)));
}

/* An rx chain that breaks the queue at the next frame; tx goes on. */
static void expect_rx_stop(struct __test_metadata *_metadata, bad_net_t *self,
			   const struct ring_seg *seg, unsigned int out, unsigned int in)
{
	ASSERT_EQ(0, ring_add(ring(self, DEV_RX), seg, out, in, 0));
	dev_publish(&self->n.g.dev, DEV_RX, ring(self, DEV_RX));
	frame_make(sent, 200, 1);
	net_host_send(&self->n, sent, 200);
	bad_expect_broken(&self->n.g, DEV_RX);
	EXPECT_FALSE(ring_has_used(ring(self, DEV_RX)));
	expect_tx(_metadata, self, 7);
	EXPECT_EQ(0, event_take(self->n.g.dev.err[DEV_TX]));
	bad_mend(&self->n.g, DEV_RX);
	net_rx_post(&self->n, 16, 2048, 1);
	/* The frame that met the bad chain may come first, or be lost with it. */
	frame_make(sent, 300, 8);
	net_host_send(&self->n, sent, 300);
	for (;;) {
		struct virtio_net_hdr_mrg_rxbuf hdr;
		uint32_t len = net_rx_take(&self->n, &hdr, got, DEV_PATIENCE_MS);

		ASSERT_NE(0, len);
		if (len == 300)
			break;
	}
	EXPECT_TRUE(frame_ok(got, 300, 8));
}

TEST_F(bad_net, rx_with_a_readable_descriptor)
{
	const struct ring_seg seg[2] = { { RIG_BUF, 100 }, { RIG_BUF + 4096, 2048 } };

	expect_rx_stop(_metadata, self, seg, 1, 1);
}

TEST_F(bad_net, rx_without_room_for_a_header)
{
	const struct ring_seg seg = { RIG_BUF, 8 };

	expect_rx_stop(_metadata, self, &seg, 0, 1);
}

TEST_F(bad_net, rx_of_no_byte)
{
	const struct ring_seg seg = { RIG_BUF, 0 };

	expect_rx_stop(_metadata, self, &seg, 0, 1);
}

TEST_F(bad_net, rx_memory_read_only)
{
	const struct ring_seg seg = { 0x9000000000ULL, 4096 };
	void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mem_add_hva(&self->n.g.mem, seg.addr, p, 4096);
	dev_set_mem(&self->n.g.dev, &self->n.g.mem);
	expect_rx_stop(_metadata, self, &seg, 0, 1);
}

TEST_F(bad_net, rx_nowhere)
{
	const struct ring_seg seg = { NOWHERE, 2048 };

	expect_rx_stop(_metadata, self, &seg, 0, 1);
}

TEST_F(bad_net, rx_malformed_in_the_middle_of_a_frame)
{
	struct virtio_net_hdr_mrg_rxbuf hdr;
	struct ring_seg good = { NET_RX_BUF, 500 }, bad = { NOWHERE, 500 };

	TEST_REQUIRE(variant->features & F_MRG_RXBUF, "needs mergeable buffers");
	/* 1200 bytes take three buffers, of which the third is nowhere. */
	for (int i = 0; i < 2; i++) {
		good.addr = NET_RX_BUF + 512 * i;
		ASSERT_EQ(0, ring_add(ring(self, DEV_RX), &good, 0, 1, 512 * i));
	}
	ASSERT_EQ(0, ring_add(ring(self, DEV_RX), &bad, 0, 1, 0));
	dev_publish(&self->n.g.dev, DEV_RX, ring(self, DEV_RX));
	frame_make(sent, 1200, 1);
	net_host_send(&self->n, sent, 1200);
	bad_expect_broken(&self->n.g, DEV_RX);
	/* No half frame is shown. */
	EXPECT_FALSE(ring_has_used(ring(self, DEV_RX)));
	expect_tx(_metadata, self, 2);
	bad_mend(&self->n.g, DEV_RX);
	net_rx_post(&self->n, 16, 2048, 1);
	frame_make(sent, 100, 3);
	net_host_send(&self->n, sent, 100);
	while (net_rx_take(&self->n, &hdr, got, DEV_PATIENCE_MS) != 100)
		ASSERT_TRUE(frame_is_ours(got, 14));
}

/* The state letter of a thread of this process. */
static char thread_state(uint32_t tid)
{
	char path[64], line[256], state = '?', *at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/stat", tid);
	f = fopen(path, "re");
	if (!f)
		return state;
	if (fgets(line, sizeof(line), f)) {
		at = strrchr(line, ')');
		if (at)
			state = at[2];
	}
	fclose(f);
	return state;
}

TEST_F(bad_net, rx_with_too_few_buffers_sleeps)
{
	struct virtio_net_hdr_mrg_rxbuf hdr;
	unsigned int running = 0;
	struct stat_queue q;

	TEST_REQUIRE(variant->features & F_MRG_RXBUF, "needs mergeable buffers");
	TEST_REQUIRE(__stat_dump(&q, 1) != -ENOENT, "no netlink family");
	net_rx_post(&self->n, 2, 128, 1);
	frame_make(sent, 1400, 1);
	net_host_send(&self->n, sent, 1400);
	usleep(20000);
	stat_get(&q, "net", DEV_RX);
	for (int i = 0; i < 50; i++) {
		running += thread_state(q.worker) == 'R';
		usleep(1000);
	}
	EXPECT_GT(25, running) {
		TH_LOG("the worker was running in %u of 50 samples", running);
	}
	EXPECT_FALSE(ring_has_used(ring(self, DEV_RX)));
	expect_tx(_metadata, self, 2);
	/* With enough buffers the frame that waited arrives whole. */
	for (int i = 0; i < 20; i++) {
		struct ring_seg seg = { NET_RX_BUF + 0x10000 + 128 * i, 128 };

		ASSERT_EQ(0, ring_add(ring(self, DEV_RX), &seg, 0, 1, 0x10000 + 128 * i));
	}
	dev_publish(&self->n.g.dev, DEV_RX, ring(self, DEV_RX));
	ASSERT_EQ(1400, net_rx_take(&self->n, &hdr, got, DEV_PATIENCE_MS));
	EXPECT_TRUE(frame_ok(got, 1400, 1));
	EXPECT_EQ((1400 + 12 + 127) / 128, hdr.num_buffers);
}

struct flood {
	struct net *n;
	int stop;
	unsigned long sent;
};

/* Chains without a frame, as fast as they are taken. */
static void *flood_tx(void *arg)
{
	const struct ring_seg seg = { RIG_BUF, 12 + 5 };
	struct flood *f = arg;
	struct ring *r = &f->n->g.ring[DEV_TX];
	struct ring_used u;

	while (!__atomic_load_n(&f->stop, __ATOMIC_RELAXED)) {
		while (!ring_add(r, &seg, 1, 0, 0))
			__atomic_fetch_add(&f->sent, 1, __ATOMIC_RELAXED);
		dev_publish(&f->n->g.dev, DEV_TX, r);
		while (ring_get(r, &u) == 1)
			;
		sched_yield();
	}
	return NULL;
}

TEST_F(bad_net, endless_useless_frames_do_not_starve_rx)
{
	struct flood f = { .n = &self->n };
	struct stat_queue q;
	pthread_t t;

	/* Both queues share the one worker that a device begins with. */
	net_rx_post(&self->n, 16, 2048, 1);
	ASSERT_EQ(0, pthread_create(&t, NULL, flood_tx, &f));
	/* More than a ring holds: the worker is at it. */
	while (__atomic_load_n(&f.sent, __ATOMIC_RELAXED) <= 2 * ring(self, DEV_TX)->l.num)
		usleep(1000);
	for (uint32_t i = 0; i < test_scale(200); i++)
		expect_rx(_metadata, self, i);
	__atomic_store_n(&f.stop, 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	EXPECT_EQ(0, event_take(self->n.g.dev.err[DEV_TX]));
	TEST_REQUIRE(__stat_dump(&q, 1) != -ENOENT, "no netlink family");
	stat_get(&q, "net", DEV_TX);
	EXPECT_LT(0, q.drops);
}

TEST_F(bad_net, short_frames_in_a_batch_leak_nothing)
{
	/* 60, 13, 0, 60 ... over and over: pages of dropped ones are reused. */
	for (unsigned long round = 0; round < test_scale(100); round++) {
		for (uint32_t i = 0; i < 48; i++) {
			frame_make(sent, 60, i);
			net_tx_add(&self->n, NULL, sent, i % 3 ? i % 14 : 60, 1);
		}
		net_tx_flush(&self->n);
		for (uint32_t i = 0; i < 48; i += 3) {
			ASSERT_EQ(60, net_host_take(&self->n, got, DEV_PATIENCE_MS));
			ASSERT_TRUE(frame_ok(got, 60, i));
		}
	}
}

TEST_HARNESS_MAIN
