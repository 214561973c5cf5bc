// SPDX-License-Identifier: GPL-2.0
/*
 * A device with poll queues under a busy-polling /dev/ferry-blk: nobody but the
 * worker completes its requests. They come back while there is more to do and when
 * there is not, when polling is switched off or the disk taken away meanwhile, and
 * when everything ends.
 */
#include <fcntl.h>
#include <linux/vhost.h>
#include <pthread.h>
#include <sched.h>

#include "test_blk.h"

FIXTURE(polled) {
	struct disk disk;
	struct blk b;
	struct load l;
};

FIXTURE_VARIANT(polled) {
	struct ring_layout l;
	const char *depth;	/* of each of the disk's queues */
};

FIXTURE_VARIANT_ADD(polled, split_event) { .l = { .num = 256, .event_idx = true } };
FIXTURE_VARIANT_ADD(polled, packed_indirect) {
	.l = { .num = 64, .packed = true, .indirect = true } };
/* More requests than the disk takes: some have to wait, which a poller must not. */
FIXTURE_VARIANT_ADD(polled, few_tags) { .l = { .num = 256 }, .depth = "4" };

static void busy_poll(struct blk *b, unsigned int us)
{
	dev_vring(&b->g.dev, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, 0, us);
}

/* What can be set only while the device is off. */
static void disk_change(struct disk *d, const char *attribute, const char *value)
{
	close(d->fd);
	check_ok(__disk_set_null(d, "power", "0"), "power off");
	check_ok(__disk_set_null(d, attribute, value), "%s", attribute);
	check_ok(__disk_set_null(d, "power", "1"), "power on");
	d->fd = disk_open(d, O_RDWR | O_DIRECT);
}

FIXTURE_SETUP(polled)
{
	struct disk_options d = { .kind = DISK_NULL, .poll_queues = 1, .delay_ns = 10000 };

	DISK_MAKE(&self->disk, &d);
	if (variant->depth)
		disk_change(&self->disk, "hw_queue_depth", variant->depth);
}

FIXTURE_TEARDOWN(polled)
{
	blk_destroy(&self->b);
	if (self->l.model)
		load_destroy(&self->l);
	disk_free(&self->disk);
}

/* A device that polls, and a load of 64 requests at once. */
#define POLLED_INIT(self, variant) do {							\
	struct blk_options o_ = { .layout = (variant)->l };				\
	BLK_INIT(&(self)->b, &(self)->disk, &o_);					\
	busy_poll(&(self)->b, 50);							\
	blk_start(&(self)->b);								\
	load_init(&(self)->l, &(self)->b, 0, 0, 16384);					\
	(self)->l.depth = 64;								\
} while (0)

/* A read of the host's own, which takes an interrupt half a second later. */
struct host_read {
	const struct disk *d;
	pthread_t thread;
	int done;
};

static void *host_read(void *arg)
{
	struct host_read *h = arg;
	uint8_t buf[512];

	disk_peek(h->d, buf, sizeof(buf), 0);
	__atomic_store_n(&h->done, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static bool read_in_flight(const struct disk *d)
{
	return !shell("read n m </sys/block/%s/inflight && [ $n -gt 0 ]",
		      d->path + strlen("/dev/"));
}

/* Whether three of ours, one after the other, came back before one of the host's. */
static bool polled_is_first(struct blk *b)
{
	struct host_read h = { .d = b->disk };
	bool first;

	check(!pthread_create(&h.thread, NULL, host_read, &h), "a thread");
	while (!read_in_flight(b->disk) && !__atomic_load_n(&h.done, __ATOMIC_SEQ_CST))
		usleep(1000);
	for (unsigned int i = 0; i < 3; i++)
		check(blk_read(b, 8, BLK_AT(1), 4096) == S_OK, "a read");
	first = !__atomic_load_n(&h.done, __ATOMIC_SEQ_CST);
	pthread_join(h.thread, NULL);
	return first;
}

TEST_F(polled, requests_come_back_without_an_interrupt)
{
	bool first = false;

	TEST_REQUIRE(!variant->depth, "a case of enough tags");
	disk_change(&self->disk, "completion_nsec", "500000000");
	POLLED_INIT(self, variant);
	for (unsigned int i = 0; i < 5 && !first; i++)
		first = polled_is_first(&self->b);
	EXPECT_TRUE(first);
}

TEST_F(polled, mixed_io)
{
	POLLED_INIT(self, variant);
	EXPECT_EQ(LOAD_FINE, load_run(&self->l, test_scale(2000)));
	self->l.odd = true;
	EXPECT_EQ(LOAD_FINE, load_run(&self->l, test_scale(500)));
	EXPECT_EQ(0, self->l.failed);
	EXPECT_EQ(LOAD_FINE, load_verify(&self->l));
}

TEST_F(polled, polling_switched_off_and_on)
{
	POLLED_INIT(self, variant);
	load_start(&self->l);
	for (unsigned int i = 0; i < 20; i++) {
		busy_poll(&self->b, i & 1 ? 50 : 0);
		ASSERT_EQ(LOAD_FINE, load_wait(&self->l, 50));
	}
	EXPECT_EQ(LOAD_FINE, load_stop(&self->l));
	EXPECT_EQ(LOAD_FINE, load_verify(&self->l));
}

TEST_F(polled, stopped_and_started_under_load)
{
	POLLED_INIT(self, variant);
	load_start(&self->l);
	for (unsigned int i = 0; i < 20; i++) {
		blk_stop(&self->b);
		blk_start(&self->b);
		ASSERT_EQ(LOAD_FINE, load_wait(&self->l, 20));
	}
	EXPECT_EQ(LOAD_FINE, load_stop(&self->l));
	EXPECT_EQ(LOAD_FINE, load_verify(&self->l));
}

TEST_F(polled, taken_away_under_load)
{
	POLLED_INIT(self, variant);
	self->l.may_fail = true;
	load_start(&self->l);
	ASSERT_EQ(LOAD_FINE, load_wait(&self->l, 50));
	ASSERT_EQ(0, __disk_unplug(&self->disk));
	EXPECT_EQ(LOAD_FINE, load_wait(&self->l, 200));
	EXPECT_EQ(LOAD_FINE, load_stop(&self->l));
	EXPECT_LT(0, self->l.failed);
	EXPECT_EQ(S_IOERR, blk_read(&self->b, 8, BLK_AT(1), 4096));
}

TEST_F(polled, closed_with_requests_in_flight)
{
	struct blk_req r = { T_IN, 0, 0, 4096, .in = true };

	POLLED_INIT(self, variant);
	for (unsigned int i = 0; i < 16; i++) {
		r.sector = 8 * i;
		r.at = BLK_AT(i);
		ASSERT_EQ(0, blk_add(&self->b, 0, &r, i));
	}
	dev_publish(&self->b.g.dev, 0, &self->b.g.ring[0]);
	/* The teardown closes it, and removes the disk. */
}

/* Add reads of a block each, @n of them, from sector @first on every @step sectors. */
static void add_reads(struct blk *b, unsigned int n, uint64_t first, int step)
{
	for (unsigned int i = 0; i < n; i++) {
		struct blk_req r = { T_IN, first + (int64_t)step * i, BLK_AT(i), 4096, .in = true };

		check_ok(blk_add(b, 0, &r, i), "room in the ring");
	}
}

/* All @n come back well. */
static void take_reads(struct blk *b, unsigned int n)
{
	struct blk_req r = { .len = 4096 };
	struct ring_used u;

	while (n--) {
		dev_expect_used(&b->g.ring[0], &u);
		r.at = BLK_AT(u.cookie);
		check(blk_status(b, &r) == S_OK, "a read");
	}
}

/* The guest breaks the queue behind them: they are still answered. */
TEST_F(polled, in_front_of_what_is_no_request)
{
	const struct ring_seg bad = { BLK_AT(16), 4096 };

	POLLED_INIT(self, variant);
	add_reads(&self->b, 8, 0, 8);
	ASSERT_EQ(0, ring_add(&self->b.g.ring[0], &bad, 1, 0, 16));
	dev_publish(&self->b.g.dev, 0, &self->b.g.ring[0]);
	EXPECT_EQ(1, event_wait(self->b.g.dev.err[0], DEV_PATIENCE_MS));
	take_reads(&self->b, 8);
}

/* What the block layer joins to one request has one of them in front: not the oldest. */
TEST_F(polled, neighbours_from_back_to_front)
{
	POLLED_INIT(self, variant);
	for (unsigned int i = 0; i < test_scale(200); i++) {
		add_reads(&self->b, 16, 8000, -8);
		dev_publish(&self->b.g.dev, 0, &self->b.g.ring[0]);
		take_reads(&self->b, 16);
	}
}

/* The oldest may have to wait for others that were let go first. */
TEST_F(polled, a_scheduler_that_lets_reads_pass)
{
	POLLED_INIT(self, variant);
	TEST_REQUIRE(!__disk_schedule(&self->disk, "mq-deadline"), "no mq-deadline");
	EXPECT_EQ(LOAD_FINE, load_run(&self->l, test_scale(2000)));
	EXPECT_EQ(0, self->l.failed);
	EXPECT_EQ(LOAD_FINE, load_verify(&self->l));
}

#define MANY	512	/* more than a worker takes in one turn */

static struct blk_req small_read(unsigned int i)
{
	return (struct blk_req){ T_IN, 8 * i, BLK_BUF + 0x1000 + 0x2000 * i, 4096, .in = true };
}

/* Ask for many blocks, and switch polling off while some are in flight. */
static void switch_off(struct blk *b)
{
	struct ring_used u;
	struct blk_req r;

	busy_poll(b, 50);
	for (unsigned int i = 0; i < MANY; i++) {
		r = small_read(i);
		check_ok(blk_add(b, 0, &r, i), "room in the ring");
	}
	dev_publish(&b->g.dev, 0, &b->g.ring[0]);
	sched_yield();
	busy_poll(b, 0);
	for (unsigned int i = 0; i < MANY; i++) {
		dev_expect_used(&b->g.ring[0], &u);
		r = small_read(u.cookie);
		check(blk_status(b, &r) == S_OK, "a read");
	}
}

/* Those that were begun to be polled are, when nobody is to poll any more. */
TEST(polling_switched_off_for_good)
{
	struct disk_options d = { .kind = DISK_NULL, .poll_queues = 1 };
	struct blk_options o = { .layout = { .num = 1024, .indirect = true } };
	struct disk disk;
	struct blk b;

	DISK_MAKE(&disk, &d);
	BLK_INIT(&b, &disk, &o);
	blk_start(&b);
	for (unsigned int i = 0; i < test_scale(100); i++)
		switch_off(&b);
	blk_destroy(&b);
	disk_free(&disk);
}

TEST_HARNESS_MAIN
