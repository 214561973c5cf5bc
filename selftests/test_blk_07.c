// SPDX-License-Identifier: GPL-2.0
/*
 * Many requests on /dev/ferry-blk at once: sixteen queues, more requests than any
 * pool holds, a slow disk that answers out of order; and every way to end while
 * requests are in flight: each is answered exactly once, or the owner is gone.
 */
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "test_blk.h"

#define SLOW_NS	30000000UL

/* Requests to distinct sectors of @b's first queue. */
struct wave {
	struct blk_req r[256];
	unsigned int n, back;
	bool seen[256];
};

static void wave_send(struct blk *b, struct wave *w, unsigned int n, bool write)
{
	memset(w, 0, sizeof(*w));
	for (w->n = 0; w->n < n; w->n++) {
		struct blk_req *r = &w->r[w->n];

		*r = (struct blk_req){ write ? T_OUT : T_IN, 8 * w->n,
				       BLK_BUF + 0x1000 + 0x2000 * w->n, 4096, .in = !write };
		if (write)
			blk_fill(blk_mem(b, r->at), 4096, r->sector << 9, 7);
		check_ok(blk_add(b, 0, r, w->n), "room for a wave");
	}
	dev_publish(&b->g.dev, 0, &b->g.ring[0]);
}

/* Take what is there now; false if a completion is wrong. */
static bool wave_take(struct blk *b, struct wave *w)
{
	struct ring_used u;
	int got;

	while ((got = ring_get(&b->g.ring[0], &u)) == 1) {
		if (u.cookie >= w->n || w->seen[u.cookie] || blk_status(b, &w->r[u.cookie]))
			return false;
		w->seen[u.cookie] = true;
		w->back++;
	}
	return got == 0;
}

static bool wave_wait(struct blk *b, struct wave *w)
{
	uint64_t end = dev_now_ns() + 6 * DEV_PATIENCE_MS * 1000000ULL;

	while (w->back < w->n && dev_now_ns() < end) {
		if (!wave_take(b, w))
			return false;
		usleep(100);
	}
	return w->back == w->n;
}

FIXTURE(many) {
	struct disk disk;
	struct blk b;
};

BLK_VARIANTS_FEW(many);

FIXTURE_SETUP(many)
{
	struct disk_options disk = variant->disk;
	struct blk_options o = { .layout = variant->l, .queues = FERRY_BLK_QUEUES };

	disk.queues = 2;
	DISK_MAKE(&self->disk, &disk);
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
}

FIXTURE_TEARDOWN(many)
{
	blk_destroy(&self->b);
	disk_free(&self->disk);
}

TEST_F(many, sixteen_queues_at_once)
{
	struct load *l = calloc(FERRY_BLK_QUEUES, sizeof(*l));

	ASSERT_NE(NULL, l);
	for (unsigned int i = 0; i < FERRY_BLK_QUEUES; i++) {
		load_init(&l[i], &self->b, i, 2048 * i, 2048);
		load_start(&l[i]);
	}
	for (unsigned int i = 0; i < FERRY_BLK_QUEUES; i++)
		EXPECT_EQ(LOAD_FINE, load_wait(&l[i], test_scale(60)));
	for (unsigned int i = 0; i < FERRY_BLK_QUEUES; i++) {
		EXPECT_EQ(LOAD_FINE, load_stop(&l[i]));
		EXPECT_EQ(LOAD_FINE, load_verify(&l[i]));
		load_destroy(&l[i]);
	}
	free(l);
}

TEST_F(many, queues_with_workers_of_their_own)
{
	struct abi_worker_state s;
	struct load l[4];

	for (unsigned int i = 0; i < 4; i++) {
		struct abi_vring_worker w = { .index = i };

		dev_ioctl(&self->b.g.dev, ABI_NEW_WORKER, &s);
		w.worker_id = s.worker_id;
		dev_ioctl(&self->b.g.dev, ABI_ATTACH_VRING_WORKER, &w);
		load_init(&l[i], &self->b, i, 4096 * i, 4096);
		load_start(&l[i]);
	}
	for (unsigned int i = 0; i < 4; i++) {
		EXPECT_EQ(LOAD_FINE, load_wait(&l[i], test_scale(150)));
		EXPECT_EQ(LOAD_FINE, load_stop(&l[i]));
		EXPECT_EQ(LOAD_FINE, load_verify(&l[i]));
		load_destroy(&l[i]);
	}
}

TEST_F(many, a_ring_full_of_requests)
{
	unsigned int n = variant->l.indirect ? 200 : 256 / 3;
	struct wave w;

	for (unsigned long i = 0; i < test_scale(6); i++) {
		wave_send(&self->b, &w, n, !(i & 1));
		ASSERT_TRUE(wave_wait(&self->b, &w));
	}
	EXPECT_TRUE(disk_filled(&self->disk, 0, n * 4096, 7));
}

TEST_F(many, a_ring_smaller_than_its_requests)
{
	struct blk_options o = { .layout = variant->l };
	struct load l;

	blk_destroy(&self->b);
	o.layout.num = 4;
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
	load_init(&l, &self->b, 0, 0, 4096);
	load_forget(&l);
	EXPECT_EQ(LOAD_FINE, load_run(&l, test_scale(300)));
	EXPECT_EQ(LOAD_FINE, load_verify(&l));
	load_destroy(&l);
}

TEST_F(many, the_biggest_ring)
{
	struct blk_options o = { .layout = variant->l };
	struct load l;

	blk_destroy(&self->b);
	o.layout.num = 32768;
	o.layout.table_max = 8;
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
	load_init(&l, &self->b, 0, 0, 8192);
	load_forget(&l);
	l.depth = 64;
	l.bytes_max = 4096;
	EXPECT_EQ(LOAD_FINE, load_run(&l, test_scale(800)));
	EXPECT_EQ(LOAD_FINE, load_verify(&l));
	load_destroy(&l);
}

/* --- a slow disk -------------------------------------------------------------------------- */

FIXTURE(slow) {
	struct disk disk;
	struct blk b;
	struct wave w;
};

FIXTURE_VARIANT(slow) {
	struct disk_options disk;
	struct ring_layout l;
};

FIXTURE_VARIANT_ADD(slow, split) {
	.disk = { .kind = DISK_NULL, .delay_ns = SLOW_NS }, .l = { .num = 256 } };
FIXTURE_VARIANT_ADD(slow, packed_indirect_event) {
	.disk = { .kind = DISK_NULL, .delay_ns = SLOW_NS },
	.l = { .num = 256, .packed = true, .indirect = true, .event_idx = true } };
FIXTURE_VARIANT_ADD(slow, packed) {
	.disk = { .kind = DISK_NULL, .delay_ns = SLOW_NS }, .l = { .num = 250, .packed = true } };
FIXTURE_VARIANT_ADD(slow, ext4_direct_split_indirect) {
	.disk = { .kind = DISK_EXT4_DIRECT, .delay_ns = SLOW_NS },
	.l = { .num = 256, .indirect = true } };
FIXTURE_VARIANT_ADD(slow, cached_packed_event) {
	.disk = { .kind = DISK_BLOCK_CACHED, .delay_ns = SLOW_NS },
	.l = { .num = 256, .packed = true, .event_idx = true } };

FIXTURE_SETUP(slow)
{
	struct blk_options o = { .layout = variant->l };

	DISK_MAKE(&self->disk, &variant->disk);
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
}

FIXTURE_TEARDOWN(slow)
{
	blk_destroy(&self->b);
	disk_free(&self->disk);
}

/* The queue ended with some of the wave answered: the rest is still the driver's. */
static void expect_settled(struct __test_metadata *_metadata, struct blk *b, struct wave *w)
{
	unsigned int at_once;

	/* Nothing to wait for, and nothing that comes later. */
	EXPECT_TRUE(wave_take(b, w));
	at_once = w->back;
	usleep(SLOW_NS / 1000 * 2);
	EXPECT_TRUE(wave_take(b, w));
	EXPECT_EQ(at_once, w->back);
	for (unsigned int i = 0; i < w->n; i++)
		EXPECT_EQ(w->seen[i] ? S_OK : BLK_UNWRITTEN, blk_status(b, &w->r[i]));
}

TEST_F(slow, a_stop_answers_all_that_was_taken)
{
	for (unsigned int i = 0; i < 4; i++) {
		wave_send(&self->b, &self->w, 60, i & 1);
		usleep(5000 * i);
		blk_stop(&self->b);
		expect_settled(_metadata, &self->b, &self->w);
		blk_start(&self->b);
		EXPECT_TRUE(wave_wait(&self->b, &self->w));
	}
}

TEST_F(slow, get_base_answers_all_that_was_taken)
{
	uint32_t base;

	wave_send(&self->b, &self->w, 60, true);
	usleep(5000);
	base = dev_vring_base(&self->b.g.dev, 0);
	EXPECT_TRUE(wave_take(&self->b, &self->w));
	if (!variant->l.packed)
		EXPECT_LE(self->w.back, base & 0xffff);
	EXPECT_TRUE(wave_wait(&self->b, &self->w));
	/* In the end all of the driver's chains are back: the positions say so. */
	blk_stop(&self->b);
	EXPECT_EQ(ring_base(&self->b.g.ring[0]), dev_vring_base(&self->b.g.dev, 0));
}

TEST_F(slow, a_stop_leaves_a_position_to_go_on_from)
{
	uint32_t base;

	wave_send(&self->b, &self->w, 60, true);
	usleep(2000);
	blk_stop(&self->b);
	expect_settled(_metadata, &self->b, &self->w);
	base = dev_vring_base(&self->b.g.dev, 0);
	if (!variant->l.packed)
		EXPECT_EQ(self->w.back, base);
	dev_vring(&self->b.g.dev, VHOST_SET_VRING_BASE, 0, base);
	ASSERT_EQ(0, __dev_vring_addr(&self->b.g.dev, 0, &self->b.g.ring[0]));
	blk_start(&self->b);
	EXPECT_TRUE(wave_wait(&self->b, &self->w));
	EXPECT_TRUE(disk_filled(&self->disk, 0, 60 * 4096, 7));
}

TEST_F(slow, a_new_memory_table_waits_for_what_is_in_flight)
{
	struct rig *g = &self->b.g;

	for (int i = 0; i < 3; i++) {
		wave_send(&self->b, &self->w, 60, true);
		usleep(3000);
		dev_set_mem(&g->dev, &g->mem);
		EXPECT_TRUE(wave_wait(&self->b, &self->w));
	}
	EXPECT_TRUE(disk_filled(&self->disk, 0, 60 * 4096, 7));
}

/* A queue that has taken all it can asks for no kick: whoever empties it sees to the next. */
TEST_F(slow, an_ioctl_empties_a_queue_without_room)
{
	struct dev *dev = &self->b.g.dev;

	TEST_REQUIRE(variant->l.indirect, "a chain takes several descriptors");
	for (int i = 0; i < 4; i++) {
		wave_send(&self->b, &self->w, variant->l.num, true);
		usleep(10000);
		if (i & 1)
			dev_vring_base(dev, 0);
		else
			dev_set_mem(dev, &self->b.g.mem);
		EXPECT_TRUE(wave_wait(&self->b, &self->w));
	}
	EXPECT_TRUE(disk_filled(&self->disk, 0, 60 * 4096, 7));
}

TEST_F(slow, memory_that_leaves_the_table_is_left_alone)
{
	struct rig *g = &self->b.g;
	struct mem less = g->mem;
	uint8_t *p = blk_mem(&self->b, BLK_BUF);

	wave_send(&self->b, &self->w, 60, false);
	usleep(3000);
	/* All but the request memory, which is the last region. */
	less.n--;
	dev_set_mem(&g->dev, &less);
	/* Whoever gets the memory next finds that nobody writes to it any more. */
	memset(p, 0x77, 0x2000 * 64);
	usleep(SLOW_NS / 1000 * 3);
	for (size_t i = 0; i < 0x2000 * 64; i++)
		ASSERT_EQ(0x77, p[i]);
	blk_stop(&self->b);
	dev_set_mem(&g->dev, &g->mem);
	blk_restart(&self->b);
	EXPECT_EQ(S_OK, blk_read(&self->b, 0, BLK_AT(1), 512));
}

TEST_F(slow, new_ring_addresses_wait_for_what_is_in_flight)
{
	for (int i = 0; i < 3; i++) {
		wave_send(&self->b, &self->w, 60, true);
		usleep(3000);
		ASSERT_EQ(0, __dev_vring_addr(&self->b.g.dev, 0, &self->b.g.ring[0]));
		EXPECT_TRUE(wave_wait(&self->b, &self->w));
	}
}

TEST_F(slow, the_disk_is_changed_under_requests)
{
	struct disk_options fast = { .kind = DISK_TMPFS };
	struct disk other;

	DISK_MAKE(&other, &fast);
	wave_send(&self->b, &self->w, 60, true);
	usleep(3000);
	self->b.be.fd = other.fd;
	blk_start(&self->b);
	EXPECT_TRUE(wave_wait(&self->b, &self->w));
	/* Each request is on the one or on the other. */
	for (unsigned int i = 0; i < self->w.n; i++)
		EXPECT_NE(disk_filled(&other, 8 * i, 4096, 7),
			  disk_filled(&self->disk, 8 * i, 4096, 7));
	EXPECT_EQ(S_OK, blk_write(&self->b, 0, self->w.r[0].at, 4096));
	EXPECT_TRUE(disk_filled(&other, 0, 4096, 7));
	blk_stop(&self->b);
	disk_free(&other);
}

TEST_F(slow, closed_with_requests_in_flight)
{
	for (int i = 0; i < 5; i++) {
		struct blk_options o = { .layout = variant->l };

		wave_send(&self->b, &self->w, 60, i & 1);
		usleep(1000 * i);
		blk_destroy(&self->b);
		BLK_INIT(&self->b, &self->disk, &o);
		blk_start(&self->b);
	}
	EXPECT_EQ(S_OK, blk_read(&self->b, 0, BLK_AT(1), 512));
}

TEST_F(slow, an_unlinked_file_closed_with_requests_in_flight)
{
	TEST_REQUIRE(self->disk.dir[0], "not a file");
	/* The device holds the file alone, and nothing holds the file system then. */
	ASSERT_EQ(0, unlink(self->disk.path));
	close(self->disk.fd);
	self->disk.fd = -1;
	wave_send(&self->b, &self->w, 60, true);
	usleep(2000);
	blk_destroy(&self->b);
	EXPECT_EQ(0, umount2(self->disk.dir, 0));
}

TEST_F(slow, reset_owner_with_requests_in_flight)
{
	wave_send(&self->b, &self->w, 60, true);
	usleep(3000);
	dev_ioctl(&self->b.g.dev, VHOST_RESET_OWNER, NULL);
	expect_settled(_metadata, &self->b, &self->w);
}

static void killed_child(const struct disk *disk, const struct ring_layout *l, int ready)
{
	struct blk_options o = { .layout = *l };
	struct disk mine = *disk;
	struct blk b;
	struct wave w;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	check_ok(__blk_init(&b, &mine, &o), "a device");
	blk_start(&b);
	wave_send(&b, &w, 60, true);
	check(write(ready, "x", 1) == 1, "a pipe");
	for (;;)
		pause();
}

#define RANGES	64

static void discarding_child(const struct disk *disk, const struct ring_layout *l, int ready)
{
	struct virtio_blk_discard_write_zeroes *range;
	struct blk_options o = { .layout = *l };
	struct disk mine = *disk;
	struct blk_req r = { VIRTIO_BLK_T_DISCARD, 0, BLK_AT(1), RANGES * sizeof(*range) };
	struct blk b;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	check_ok(__blk_init(&b, &mine, &o), "a device");
	blk_start(&b);
	range = blk_mem(&b, r.at);
	for (unsigned int i = 0; i < RANGES; i++)
		range[i] = (struct virtio_blk_discard_write_zeroes){ 16 * i, 8, 0 };
	check_ok(blk_add(&b, 0, &r, 0), "room for a request");
	dev_publish(&b.g.dev, 0, &b.g.ring[0]);
	/* The first range is gone. */
	while (disk_filled(&mine, 0, 512, 8))
		usleep(1000);
	check(write(ready, "x", 1) == 1, "a pipe");
	for (;;)
		pause();
}

/* What takes long, as a guest likes, is not seen to its end when nobody waits for it. */
TEST_F(slow, owner_killed_amid_a_discard)
{
	int pipes[2], status;
	pid_t pid;
	char c;

	TEST_REQUIRE(self->disk.o.kind == DISK_NULL, "ranges take no time");
	/* The disk of the fixture does not discard. */
	blk_destroy(&self->b);
	disk_free(&self->disk);
	struct disk_options o = { .kind = DISK_NULL, .delay_ns = SLOW_NS, .discard = true };

	DISK_MAKE(&self->disk, &o);
	struct blk_options plain = { .layout = variant->l };

	BLK_INIT(&self->b, &self->disk, &plain);
	blk_start(&self->b);
	blk_fill(blk_mem(&self->b, BLK_AT(1)), RANGES * 8192, 0, 8);
	struct blk_req all = { T_OUT, 0, BLK_AT(1), RANGES * 8192 };

	ASSERT_EQ(S_OK, blk_do(&self->b, 0, &all));
	blk_destroy(&self->b);
	ASSERT_EQ(0, pipe(pipes));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		discarding_child(&self->disk, &variant->l, pipes[1]);
	close(pipes[1]);
	ASSERT_EQ(1, read(pipes[0], &c, 1));
	close(pipes[0]);
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_FALSE(disk_filled(&self->disk, 0, 512, 8));
	EXPECT_TRUE(disk_filled(&self->disk, 16 * (RANGES - 1), 4096, 8));
}

TEST_F(slow, owner_killed_with_requests_in_flight)
{
	blk_destroy(&self->b);
	for (int i = 0; i < 8; i++) {
		int pipes[2], status;
		char c;
		pid_t pid;

		ASSERT_EQ(0, pipe(pipes));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			killed_child(&self->disk, &variant->l, pipes[1]);
		close(pipes[1]);
		ASSERT_EQ(1, read(pipes[0], &c, 1));
		close(pipes[0]);
		usleep(i * 4000);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(SIGKILL, WTERMSIG(status));
	}
	/* Nothing holds the disk any more: it can be used and taken away. */
	struct blk_options o = { .layout = variant->l };

	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
	EXPECT_EQ(S_OK, blk_read(&self->b, 0, BLK_AT(1), 512));
}

TEST_F(slow, a_flush_covers_what_was_answered_before)
{
	struct blk *b = &self->b;

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(S_OK, blk_write(b, 8 * i, BLK_AT(1), 4096));
		EXPECT_EQ(S_OK, blk_flush(b));
	}
	wave_send(b, &self->w, 40, true);
	self->w.r[40] = (struct blk_req){ VIRTIO_BLK_T_FLUSH, 0, BLK_AT(100), 0 };
	ASSERT_EQ(0, blk_add(b, 0, &self->w.r[40], 40));
	self->w.n++;
	dev_publish(&b->g.dev, 0, &b->g.ring[0]);
	EXPECT_TRUE(wave_wait(b, &self->w));
}

TEST_HARNESS_MAIN
