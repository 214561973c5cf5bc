// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile guest on a network device: headers, frames and descriptors rewritten
 * while they are being read, and buffer memory that goes away under traffic. At
 * worst a queue stops; set up anew, both work.
 */
#include "bad.h"
#include "test.h"

static uint8_t sent[NET_FRAME_MAX], got[NET_FRAME_MAX];

FIXTURE(hostile) {
	struct net n;
	struct ring copy[2];	/* the rings themselves are set up anew meanwhile */
	pthread_t thread[2];
	int stop;
};

FIXTURE_VARIANT(hostile) {
	struct ring_layout l;
};

RING_VARIANT(hostile, split, .event_idx = true);
RING_VARIANT(hostile, packed_indirect, .packed = true, .indirect = true);

FIXTURE_SETUP(hostile)
{
	struct rig_options o = { .kind = DEV_NET, .layout = variant->l,
				 .features = F_MRG_RXBUF | F_INDIRECT };

	NET_INIT(&self->n, &o);
}

FIXTURE_TEARDOWN(hostile)
{
	net_destroy(&self->n);
}

typedef FIXTURE_DATA(hostile) hostile_t;

static bool stopped(hostile_t *self)
{
	return __atomic_load_n(&self->stop, __ATOMIC_RELAXED);
}

/* Random bytes all over what tx reads: headers first of all. */
static void *scribble_buffers(void *arg)
{
	hostile_t *self = arg;
	uint8_t *buf = rig_buf(&self->n.g, NET_TX_BUF - RIG_BUF);
	unsigned int seed = 4711, n = 0;

	while (!stopped(self)) {
		buf[rand_r(&seed) % 64 * 256 + rand_r(&seed) % 30] = rand_r(&seed);
		if (++n % 64 == 0)
			sched_yield();
	}
	return NULL;
}

/* Random descriptors of both rings. */
static void *scribble_rings(void *arg)
{
	hostile_t *self = arg;
	unsigned int seed = 815, n = 0;

	while (!stopped(self)) {
		const struct ring *r = &self->copy[rand_r(&seed) % 2];
		struct vring_desc *d = &r->desc[rand_r(&seed) % r->l.num];

		if (rand_r(&seed) % 2)
			d->len = rand_r(&seed) % 5000;
		else
			d->addr = RIG_BUF + rand_r(&seed) % (2 * RIG_BUF_SIZE);
		if (++n % 64 == 0)
			sched_yield();
	}
	return NULL;
}

static void *host_sends(void *arg)
{
	hostile_t *self = arg;
	uint8_t frame[1400];
	uint32_t seq = 0;

	while (!stopped(self)) {
		uint32_t len = 60 + seq * 37 % 1300;

		frame_make(frame, len, seq++);
		if (send(self->n.host, frame, len, MSG_DONTWAIT) < 0 || seq % 8 == 0)
			sched_yield();
	}
	return NULL;
}

/* Both queues from the beginning, whatever state they are in. */
static void set_up_anew(hostile_t *self)
{
	for (unsigned int i = 0; i < 2; i++) {
		dev_stop(&self->n.g.dev, i);
		rig_reset_ring(&self->n.g, i);
		dev_start(&self->n.g.dev, i, self->n.g.backend);
		event_take(self->n.g.dev.err[i]);
	}
}

static void start(hostile_t *self, void *(*scribble)(void *))
{
	memcpy(self->copy, self->n.g.ring, sizeof(self->copy));
	check(!pthread_create(&self->thread[0], NULL, scribble, self), "a thread");
	check(!pthread_create(&self->thread[1], NULL, host_sends, self), "a thread");
}

static void stop(hostile_t *self)
{
	__atomic_store_n(&self->stop, 1, __ATOMIC_RELAXED);
	pthread_join(self->thread[0], NULL);
	pthread_join(self->thread[1], NULL);
}

static void expect_works(struct __test_metadata *_metadata, hostile_t *self)
{
	struct virtio_net_hdr_mrg_rxbuf hdr;
	uint32_t len;

	set_up_anew(self);
	self->n.tx_used = 0;
	self->n.in_flight = 0;
	net_rx_post(&self->n, 64, 2048, 1);
	while (packet_recv(self->n.host, got, sizeof(got), 0))
		;
	frame_make(sent, 1401, 1);
	net_tx_add(&self->n, NULL, sent, 1401, 1);
	net_tx_flush(&self->n);
	do {
		len = net_host_take(&self->n, got, DEV_PATIENCE_MS);
		ASSERT_NE(0, len);
	} while (len != 1401);
	EXPECT_TRUE(frame_ok(got, 1401, 1));
	frame_make(sent, 1402, 2);
	net_host_send(&self->n, sent, 1402);
	do {
		len = net_rx_take(&self->n, &hdr, got, DEV_PATIENCE_MS);
		ASSERT_NE(0, len);
	} while (len != 1402);
	EXPECT_TRUE(frame_ok(got, 1402, 2));
}

/* Throw frames into tx and buffers into rx; take what comes, whatever it says. */
static void churn(hostile_t *self, unsigned long rounds)
{
	struct net *n = &self->n;
	struct ring_used u;

	for (unsigned long i = 0; i < rounds; i++) {
		for (unsigned int q = 0; q < 2; q++) {
			struct ring *r = &n->g.ring[q];

			for (uint32_t j = 0; j < 32; j++) {
				uint64_t at = q == DEV_TX ? NET_TX_BUF + j * 256 :
							    NET_RX_BUF + j * 2048;
				struct ring_seg seg = { at, q == DEV_TX ? 200 : 2048 };

				if (ring_add(r, &seg, q == DEV_TX, q != DEV_TX, j))
					break;
			}
			ring_publish(r);
			dev_kick(&n->g.dev, q);
			while (ring_get(r, &u) == 1)
				;
		}
		sched_yield();
		if (i % 20 == 19)
			set_up_anew(self);
	}
}

TEST_F(hostile, buffers_rewritten_while_they_are_read)
{
	start(self, scribble_buffers);
	churn(self, test_scale(1000));
	stop(self);
	expect_works(_metadata, self);
}

TEST_F(hostile, rings_rewritten_while_they_are_read)
{
	start(self, scribble_rings);
	churn(self, test_scale(1000));
	stop(self);
	expect_works(_metadata, self);
}

TEST_F(hostile, buffer_memory_goes_away_and_comes_back)
{
	void *buf = rig_buf(&self->n.g, 0);

	start(self, host_sends);
	for (unsigned long i = 0; i < test_scale(50); i++) {
		churn(self, 5);
		check(!mprotect(buf, RIG_BUF_SIZE, i & 1 ? PROT_READ : PROT_NONE), "mprotect");
		churn(self, 5);
		check(!mprotect(buf, RIG_BUF_SIZE, PROT_READ | PROT_WRITE), "mprotect");
		set_up_anew(self);
	}
	stop(self);
	expect_works(_metadata, self);
}

TEST_HARNESS_MAIN
