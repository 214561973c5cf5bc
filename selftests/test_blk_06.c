// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/ferry-blk under load: everything that may be changed while requests are in
 * flight is changed again and again. No request is lost, answered twice, or
 * answered with other data than the disk's.
 */
#include "test_blk.h"

#define AREA	8192	/* sectors of one load */

FIXTURE(live) {
	struct disk disk;
	struct blk b;
	struct load l;
};

BLK_VARIANTS_FEW(live);

FIXTURE_SETUP(live)
{
	struct blk_options o = { .layout = variant->l, .queues = 2 };

	DISK_MAKE(&self->disk, &variant->disk);
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
	load_init(&self->l, &self->b, 0, 0, AREA);
}

FIXTURE_TEARDOWN(live)
{
	blk_destroy(&self->b);
	load_destroy(&self->l);
	disk_free(&self->disk);
}

#define EXPECT_SOUND(l) do {						\
	EXPECT_EQ(LOAD_FINE, load_wait(l, 50));				\
	EXPECT_EQ(LOAD_FINE, load_stop(l));				\
	EXPECT_EQ(LOAD_FINE, load_verify(l));				\
} while (0)

TEST_F(live, call_swapped)
{
	int other = eventfd(0, EFD_NONBLOCK);
	struct dev *d = &self->b.g.dev;

	self->l.other_call = other;
	load_start(&self->l);
	for (unsigned long i = 0; i < test_scale(200); i++) {
		dev_vring(d, VHOST_SET_VRING_CALL, 0, i & 1 ? d->call[0] : other);
		if (i % 20 == 0)
			ASSERT_EQ(LOAD_FINE, load_wait(&self->l, 1));
	}
	EXPECT_SOUND(&self->l);
}

TEST_F(live, kick_unbound_and_bound_again)
{
	struct dev *d = &self->b.g.dev;

	load_start(&self->l);
	for (unsigned long i = 0; i < test_scale(200); i++) {
		dev_vring(d, VHOST_SET_VRING_KICK, 0, -1);
		if (i & 1)
			sched_yield();
		dev_vring(d, VHOST_SET_VRING_KICK, 0, d->kick[0]);
		if (i % 20 == 0)
			ASSERT_EQ(LOAD_FINE, load_wait(&self->l, 1));
	}
	EXPECT_SOUND(&self->l);
}

TEST_F(live, mem_table_replaced)
{
	struct rig *g = &self->b.g;
	struct mem more = g->mem;

	for (int i = 0; i < 20; i++)
		mem_add_hva(&more, 0x9000000000ULL + i * 0x100000ULL, rig_buf(g, 0), 0x1000);
	load_start(&self->l);
	for (unsigned long i = 0; i < test_scale(200); i++) {
		dev_set_mem(&g->dev, i & 1 ? &g->mem : &more);
		if (i % 20 == 0)
			ASSERT_EQ(LOAD_FINE, load_wait(&self->l, 1));
	}
	EXPECT_SOUND(&self->l);
	EXPECT_EQ(0, event_take(g->dev.err[0]));
}

TEST_F(live, addresses_set_again)
{
	load_start(&self->l);
	for (unsigned long i = 0; i < test_scale(200); i++) {
		ASSERT_EQ(0, __dev_vring_addr(&self->b.g.dev, 0, &self->b.g.ring[0]));
		if (i % 20 == 0)
			ASSERT_EQ(LOAD_FINE, load_wait(&self->l, 1));
	}
	EXPECT_SOUND(&self->l);
}

TEST_F(live, the_same_disk_again)
{
	load_start(&self->l);
	for (unsigned long i = 0; i < test_scale(100); i++) {
		blk_start(&self->b);
		if (i % 20 == 0)
			ASSERT_EQ(LOAD_FINE, load_wait(&self->l, 1));
	}
	EXPECT_SOUND(&self->l);
}

TEST_F(live, cache_mode_toggled)
{
	load_start(&self->l);
	for (unsigned long i = 0; i < test_scale(100); i++) {
		self->b.be.flags = i & 1 ? 0 : FERRY_BLK_F_WRITETHROUGH;
		blk_start(&self->b);
		if (i % 20 == 0)
			ASSERT_EQ(LOAD_FINE, load_wait(&self->l, 1));
	}
	EXPECT_SOUND(&self->l);
}

TEST_F(live, resized_up_and_down)
{
	struct blk_req r = { T_IN, self->disk.sectors - 8, BLK_AT(120), 4096, .in = true };

	load_start(&self->l);
	for (unsigned long i = 0; i < test_scale(80); i++) {
		self->b.be.capacity = i & 1 ? self->disk.sectors : AREA + i % 100;
		blk_start(&self->b);
		ASSERT_EQ(i & 1 ? S_OK : S_IOERR, blk_do(&self->b, 1, &r));
	}
	EXPECT_SOUND(&self->l);
}

TEST_F(live, a_file_that_grows)
{
	struct blk_req r = { T_OUT, self->disk.sectors, BLK_AT(120), 4096 };
	struct blk *b = &self->b;

	TEST_REQUIRE(variant->disk.kind >= DISK_TMPFS, "not a file");
	load_start(&self->l);
	EXPECT_EQ(S_IOERR, blk_do(b, 1, &r));
	ASSERT_EQ(0, truncate(self->disk.path, (self->disk.sectors + 2048) << 9));
	/* Told or not, the size is what SET_BACKEND said. */
	EXPECT_EQ(S_IOERR, blk_do(b, 1, &r));
	b->be.capacity = 0;
	blk_start(b);
	EXPECT_EQ(self->disk.sectors + 2048, b->be.capacity);
	EXPECT_EQ(S_OK, blk_do(b, 1, &r));
	EXPECT_SOUND(&self->l);
}

TEST_F(live, a_file_that_shrinks_behind_our_back)
{
	struct blk_req r = { T_IN, self->disk.sectors - 2048, BLK_AT(120), 8192, .in = true };
	struct blk *b = &self->b;

	TEST_REQUIRE(variant->disk.kind >= DISK_TMPFS, "not a file");
	load_start(&self->l);
	ASSERT_EQ(0, truncate(self->disk.path, (self->disk.sectors - 2040) << 9));
	/* Half of it is no longer there: an error, or zeroes, but an answer. */
	memset(blk_mem(b, r.at), 0x5a, r.len);
	if (blk_do(b, 1, &r) == S_OK)
		EXPECT_TRUE(blk_filled(blk_mem(b, r.at), r.len, 0, 0));
	r.sector += 1000;
	memset(blk_mem(b, r.at), 0x5a, r.len);
	if (blk_do(b, 1, &r) == S_OK)
		EXPECT_TRUE(blk_filled(blk_mem(b, r.at), r.len, 0, 0));
	EXPECT_SOUND(&self->l);
}

TEST_F(live, stopped_and_started)
{
	load_start(&self->l);
	for (unsigned long i = 0; i < test_scale(80); i++) {
		blk_stop(&self->b);
		if (i & 1)
			sched_yield();
		blk_start(&self->b);
		if (i % 10 == 0)
			ASSERT_EQ(LOAD_FINE, load_wait(&self->l, 1));
	}
	EXPECT_SOUND(&self->l);
}

static unsigned int worker_new(struct dev *d)
{
	struct abi_worker_state s;

	dev_ioctl(d, ABI_NEW_WORKER, &s);
	return s.worker_id;
}

TEST_F(live, workers_come_and_go)
{
	struct abi_vring_worker w = { .index = 0 };
	struct dev *d = &self->b.g.dev;
	struct abi_worker_state old;

	load_start(&self->l);
	for (unsigned long i = 0; i < test_scale(40); i++) {
		dev_ioctl(d, ABI_GET_VRING_WORKER, &w);
		old.worker_id = w.worker_id;
		w.worker_id = worker_new(d);
		dev_ioctl(d, ABI_ATTACH_VRING_WORKER, &w);
		/* The first one serves the other queues as well. */
		ASSERT_EQ(i ? 0 : -EBUSY, __dev_ioctl(d, ABI_FREE_WORKER, &old));
		if (i % 10 == 0)
			ASSERT_EQ(LOAD_FINE, load_wait(&self->l, 1));
	}
	EXPECT_SOUND(&self->l);
}

TEST_F(live, busy_poll_switched_on_and_off)
{
	struct dev *d = &self->b.g.dev;

	load_start(&self->l);
	for (unsigned long i = 0; i < test_scale(200); i++) {
		dev_vring(d, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, 0, i % 3 * 30);
		ASSERT_EQ(LOAD_FINE, load_wait(&self->l, 1));
	}
	EXPECT_SOUND(&self->l);
}

TEST_F(live, everything_at_once)
{
	int other = eventfd(0, EFD_NONBLOCK);
	struct dev *d = &self->b.g.dev;
	struct abi_vring_worker w[2] = { { 0, 0 }, { 0, worker_new(d) } };

	dev_ioctl(d, ABI_GET_VRING_WORKER, &w[0]);
	self->l.other_call = other;
	self->l.odd = true;
	load_start(&self->l);
	for (unsigned long i = 0; i < test_scale(100); i++) {
		dev_vring(d, VHOST_SET_VRING_CALL, 0, i & 1 ? d->call[0] : other);
		dev_vring(d, VHOST_SET_VRING_ERR, 0, i & 1 ? d->err[0] : -1);
		dev_set_mem(d, &self->b.g.mem);
		dev_ioctl(d, ABI_ATTACH_VRING_WORKER, &w[i & 1]);
		ASSERT_EQ(0, __dev_vring_addr(d, 0, &self->b.g.ring[0]));
		if (i % 3 == 0)
			blk_stop(&self->b);
		self->b.be.flags = i & 2 ? 0 : FERRY_BLK_F_WRITETHROUGH;
		blk_start(&self->b);
		if (i % 20 == 0)
			ASSERT_EQ(LOAD_FINE, load_wait(&self->l, 1));
	}
	EXPECT_SOUND(&self->l);
}

TEST_HARNESS_MAIN
