// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-balloon, driven through its rings: what a guest gives back is taken, in ranges,
 * and nothing else is, whatever numbers stand in its buffers.
 */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "dev/balloon.h"
#include "harness.h"
#include "ring_driver.h"

#define RAM_SIZE	(X86_RAM_END + 16 * MIB)
#define AREA(i)		(0x100000 + (i) * 0x20000ULL)
#define LIST		0x400000ULL	/* page numbers, statistics */
#define PAGES		0x800000ULL	/* what is given back */
#define PAGE		4096ULL
#define SIZE		64
#define RANGES_MAX	64

/* What the device gave back, in order; madvise() below stands in for the C library's. */
static struct {
	const struct ram *ram;
	unsigned int n, outside;
	struct {
		u64 gpa, len;
	} range[RANGES_MAX];
} given;

int madvise(void *addr, size_t len, int advice)
{
	unsigned int i;
	bool inside = false;

	for (i = 0; given.ram && advice == MADV_DONTNEED && i < given.ram->n; i++) {
		const struct ram_region *r = &given.ram->region[i];
		u64 off = (u8 *)addr - r->hva;

		if ((u8 *)addr < r->hva || off >= r->size)
			continue;
		inside = len <= r->size - off;
		if (given.n < RANGES_MAX) {
			given.range[given.n].gpa = r->gpa + off;
			given.range[given.n].len = len;
		}
		given.n++;
	}
	given.outside += given.ram && advice == MADV_DONTNEED && !inside;
	return syscall(SYS_madvise, addr, len, advice);
}

FIXTURE(balloon) {
	struct testvm t;
	struct balloon_dev b;
	struct ring_driver d[BALLOON_QUEUES];
	struct error e;
	unsigned int changes;
	u64 actual;
};

FIXTURE_VARIANT(balloon) {
	bool packed;
	bool poison;
};

FIXTURE_VARIANT_ADD(balloon, split) { };
FIXTURE_VARIANT_ADD(balloon, packed) { .packed = true };
FIXTURE_VARIANT_ADD(balloon, split_poison) { .poison = true };

typedef FIXTURE_DATA(balloon) rig;

static void changed(void *opaque, u64 actual)
{
	rig *r = opaque;

	r->changes++;
	r->actual = actual;
}

/* As a driver does it, with every queue of @r set up anew. */
static bool start(rig *r, bool packed)
{
	unsigned int i;

	virtio_reset(&r->b.v);
	given.n = 0;
	for (i = 0; i < BALLOON_QUEUES; i++)
		ring_driver_init(&r->d[i], &r->t, &r->b.v.queue[i], SIZE, AREA(i), packed);
	r->b.v.acked = r->b.v.offered;
	virtio_set_status(&r->b.v, VIRTIO_CONFIG_S_FEATURES_OK);
	virtio_set_status(&r->b.v, VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
	return r->b.v.running;
}

FIXTURE_SETUP(balloon)
{
	struct balloon_dev_config cfg = {
		.features = virtio_ring_features(variant->packed, true, true),
		.deflate_on_oom = true, .reporting = true, .page_poison = variant->poison,
	};

	ASSERT_EQ(0, testvm_init(&self->t, RAM_SIZE));
	ASSERT_EQ(0, balloon_init(&self->b, &self->t.m, &cfg, &self->e));
	memset(&given, 0, sizeof(given));
	given.ram = &self->t.m.ram;
	ASSERT_TRUE(start(self, variant->packed));
}

FIXTURE_TEARDOWN(balloon)
{
	EXPECT_EQ(0, given.outside);
	given.ram = NULL;
	balloon_destroy(&self->b);
	machine_destroy(&self->t.m);
}

static void kick(rig *r, unsigned int q)
{
	eventfd_write(r->b.v.queue[q].kick_fd, 1);
	testvm_run_loop(&r->t);
}

/* Whether the device handed one chain of @slots back. */
static bool answered(rig *r, unsigned int q, unsigned int slots)
{
	u16 id;
	u32 len;

	return ring_driver_take(&r->d[q], slots, &id, &len) && !len;
}

static bool send_chain(rig *r, unsigned int q, const struct ring_piece *p, unsigned int n)
{
	ring_driver_add(&r->d[q], p, n);
	kick(r, q);
	return answered(r, q, n);
}

static bool send_pfns(rig *r, unsigned int q, const u32 *pfn, unsigned int n)
{
	const struct ring_piece p = { LIST, n * sizeof(*pfn), false };

	memcpy(ram_ptr(&r->t.m.ram, LIST, p.len), pfn, p.len);
	return send_chain(r, q, &p, 1);
}

static bool ended(const rig *r)
{
	return r->b.v.status & VIRTIO_CONFIG_S_NEEDS_RESET;
}

static bool resident(const rig *r, u64 gpa)
{
	unsigned char in = 0;

	return !mincore(ram_ptr(&r->t.m.ram, gpa, PAGE), PAGE, &in) && in & 1;
}

static void touch(rig *r, u64 gpa, unsigned int pages)
{
	memset(ram_ptr(&r->t.m.ram, gpa, pages * PAGE), 0x5a, pages * PAGE);
}

TEST_F(balloon, neighbours_are_given_back_as_one_range)
{
	const u32 base = PAGES / PAGE;
	const u32 pfn[] = { base + 5, base + 3, base + 4, base + 9, base + 8, base + 3, base };
	unsigned int i;

	touch(self, PAGES, 12);
	ASSERT_TRUE(send_pfns(self, BALLOON_INFLATE, pfn, ARRAY_SIZE(pfn)));
	ASSERT_EQ(3, given.n);
	EXPECT_EQ(PAGES, given.range[0].gpa);
	EXPECT_EQ(PAGE, given.range[0].len);
	EXPECT_EQ(PAGES + 3 * PAGE, given.range[1].gpa);
	EXPECT_EQ(3 * PAGE, given.range[1].len);
	EXPECT_EQ(PAGES + 8 * PAGE, given.range[2].gpa);
	EXPECT_EQ(2 * PAGE, given.range[2].len);
	for (i = 0; i < 12; i++) {
		bool taken = i == 0 || (i >= 3 && i <= 5) || i == 8 || i == 9;
		u8 *p = ram_ptr(&self->t.m.ram, PAGES + i * PAGE, PAGE);

		EXPECT_EQ(!taken, resident(self, PAGES + i * PAGE));
		EXPECT_EQ(taken ? 0 : 0x5a, *p);
	}
	EXPECT_FALSE(ended(self));
}

TEST_F(balloon, a_long_list_goes_as_it_came)
{
	u32 pfn[4096];
	unsigned int i;

	touch(self, PAGES, ARRAY_SIZE(pfn));
	for (i = 0; i < ARRAY_SIZE(pfn); i++)
		pfn[i] = PAGES / PAGE + ARRAY_SIZE(pfn) - 1 - i;
	ASSERT_TRUE(send_pfns(self, BALLOON_INFLATE, pfn, ARRAY_SIZE(pfn)));
	EXPECT_EQ(4, given.n);
	for (i = 0; i < ARRAY_SIZE(pfn); i++)
		ASSERT_FALSE(resident(self, PAGES + i * PAGE));
}

TEST_F(balloon, deflating_takes_nothing)
{
	const u32 pfn[] = { PAGES / PAGE, PAGES / PAGE + 1 };

	touch(self, PAGES, 2);
	ASSERT_TRUE(send_pfns(self, BALLOON_DEFLATE, pfn, 2));
	EXPECT_EQ(0, given.n);
	EXPECT_TRUE(resident(self, PAGES));
}

TEST_F(balloon, pages_outside_memory_end_their_queue_alone)
{
	static const u32 bad[][2] = {
		{ X86_RAM_END / PAGE, X86_RAM_END / PAGE },		/* behind low memory */
		{ X86_RAM_END / PAGE - 1, X86_RAM_END / PAGE },		/* half in it */
		{ X86_PCI_MMIO / PAGE, PAGES / PAGE },			/* a device's registers */
		{ X86_ECAM / PAGE, PAGES / PAGE },
		{ X86_RAM_ABOVE_4G / PAGE - 1, X86_RAM_ABOVE_4G / PAGE },
		{ (X86_RAM_ABOVE_4G + 16 * MIB) / PAGE, PAGES / PAGE },
		{ UINT32_MAX, 0x1000 },
		{ UINT32_MAX, UINT32_MAX - 1 },
	};
	const u32 good = PAGES / PAGE;
	unsigned int i, q;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		for (q = BALLOON_INFLATE; q <= BALLOON_DEFLATE; q++) {
			ASSERT_TRUE(start(self, variant->packed));
			EXPECT_FALSE(send_pfns(self, q, bad[i], 2));
			EXPECT_TRUE(ended(self));
			/* Not even for pages that are good; the other one goes on. */
			EXPECT_FALSE(send_pfns(self, q, &good, 1));
			EXPECT_TRUE(send_pfns(self, !q, &good, 1));
		}
	ASSERT_TRUE(start(self, variant->packed));
	EXPECT_FALSE(ended(self));
}

TEST_F(balloon, memory_above_4g_is_found)
{
	const u32 pfn[] = { X86_RAM_ABOVE_4G / PAGE, X86_RAM_END / PAGE - 1 };

	touch(self, X86_RAM_ABOVE_4G, 1);
	touch(self, X86_RAM_END - PAGE, 1);
	ASSERT_TRUE(send_pfns(self, BALLOON_INFLATE, pfn, 2));
	EXPECT_EQ(2, given.n);
	EXPECT_FALSE(resident(self, X86_RAM_ABOVE_4G));
	EXPECT_FALSE(resident(self, X86_RAM_END - PAGE));
}

TEST_F(balloon, lists_that_are_none_end_their_queue)
{
	static const struct ring_piece bad[] = {
		{ LIST, 3, false },			/* not whole numbers */
		{ LIST, 4, true },			/* nothing to read */
		{ LIST, 65540, false },			/* longer than any driver's */
		{ LIST, 0x40000000, false },
		{ X86_RAM_END - 4, 8, false },		/* not in memory itself */
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		ASSERT_TRUE(start(self, variant->packed));
		EXPECT_FALSE(send_chain(self, BALLOON_INFLATE, &bad[i], 1));
		EXPECT_TRUE(ended(self));
		EXPECT_EQ(0, given.n);
	}
}

TEST_F(balloon, free_pages_are_taken_on_either_queue)
{
	const struct ring_piece p[] = {
		{ PAGES, 4 * PAGE, true }, { PAGES + 16 * PAGE, PAGE, true },
	};
	unsigned int q;

	for (q = BALLOON_STATISTICS + 1; q < BALLOON_QUEUES; q++) {
		touch(self, PAGES, 17);
		ASSERT_TRUE(send_chain(self, q, p, 2));
		EXPECT_FALSE(resident(self, PAGES + 3 * PAGE));
		EXPECT_TRUE(resident(self, PAGES + 4 * PAGE));
		EXPECT_FALSE(resident(self, PAGES + 16 * PAGE));
	}
	EXPECT_EQ(4, given.n);
}

TEST_F(balloon, free_pages_with_poison_stay)
{
	const struct ring_piece p = { PAGES, PAGE, true };
	const u32 poison = 0xaaaaaaaa, off = offsetof(struct virtio_balloon_config, poison_val);

	touch(self, PAGES, 1);
	self->b.v.ops->config_write(&self->b.v, off, &poison, 4);
	ASSERT_TRUE(send_chain(self, BALLOON_STATISTICS + 1, &p, 1));
	/* Without the feature it is just a number that somebody wrote. */
	EXPECT_EQ(variant->poison, resident(self, PAGES));
	touch(self, PAGES, 1);
	ASSERT_TRUE(start(self, variant->packed));
	ASSERT_TRUE(send_chain(self, BALLOON_STATISTICS + 1, &p, 1));
	EXPECT_FALSE(resident(self, PAGES));
}

TEST_F(balloon, reports_of_what_is_no_page_of_memory_end_their_queue)
{
	static const struct ring_piece bad[] = {
		{ PAGES + 1, PAGE, true }, { PAGES, PAGE - 1, true }, { PAGES, PAGE, false },
		{ X86_RAM_END, PAGE, true }, { X86_RAM_END - PAGE, 2 * PAGE, true },
		{ X86_PCI_MMIO, 2 * MIB, true }, { X86_ECAM, PAGE, true },
		{ ~0ULL & ~(PAGE - 1), 2 * PAGE, true }, { PAGES, 0xfffff000, true },
	};
	const u32 good = PAGES / PAGE;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct ring_piece p[2] = { { PAGES, PAGE, true }, bad[i] };

		ASSERT_TRUE(start(self, variant->packed));
		touch(self, PAGES, 1);
		/* Readable pieces must precede writable ones, else the ring itself is broken. */
		EXPECT_FALSE(send_chain(self, BALLOON_STATISTICS + 1, p, 2));
		EXPECT_TRUE(ended(self));
		EXPECT_TRUE(resident(self, PAGES));
		EXPECT_TRUE(send_pfns(self, BALLOON_INFLATE, &good, 1));
	}
}

TEST_F(balloon, a_stopped_guest_is_left_alone_and_goes_on)
{
	const u32 good = PAGES / PAGE, bad = UINT32_MAX;

	EXPECT_FALSE(send_pfns(self, BALLOON_DEFLATE, &bad, 1));
	touch(self, PAGES, 1);
	virtio_pause(&self->b.v);
	EXPECT_FALSE(send_pfns(self, BALLOON_INFLATE, &good, 1));
	EXPECT_TRUE(resident(self, PAGES));
	virtio_resume(&self->b.v);
	testvm_run_loop(&self->t);
	EXPECT_TRUE(answered(self, BALLOON_INFLATE, 1));
	EXPECT_FALSE(resident(self, PAGES));
	/* What the guest broke before stays broken. */
	EXPECT_FALSE(send_pfns(self, BALLOON_DEFLATE, &good, 1));
}

static void put_stat(rig *r, unsigned int i, u16 tag, u64 val)
{
	struct virtio_balloon_stat *s = ram_ptr(&r->t.m.ram, LIST, PAGE);

	s[i] = (struct virtio_balloon_stat){ tag, val };
}

/* Let a timer run out now that was to within @ns; false if it was not. */
static bool run_out(rig *r, const struct loop_source *timer, u64 ns)
{
	const struct itimerspec now = { .it_value.tv_nsec = 1 };
	struct pollfd p = { timer->fd, POLLIN };
	struct itimerspec t;

	if (timerfd_gettime(timer->fd, &t) ||
	    t.it_value.tv_sec * 1000000000ULL + t.it_value.tv_nsec > ns)
		return false;
	if ((t.it_value.tv_sec || t.it_value.tv_nsec) && timerfd_settime(timer->fd, 0, &now, NULL))
		return false;
	if (poll(&p, 1, 10000) != 1)
		return false;
	testvm_run_loop(&r->t);
	return true;
}

TEST_F(balloon, statistics_are_kept_and_asked_for_again)
{
	const struct ring_piece p = { LIST, 4 * 10 + 7, false };
	const struct balloon_stats *s = &self->b.stats;

	EXPECT_EQ(0, s->updated);
	EXPECT_EQ(BALLOON_STAT_UNKNOWN, s->value[VIRTIO_BALLOON_S_MEMFREE]);
	put_stat(self, 0, VIRTIO_BALLOON_S_MEMFREE, 123);
	put_stat(self, 1, 15, 456);
	put_stat(self, 2, 16, 1);
	put_stat(self, 3, 0xffff, 2);
	put_stat(self, 4, VIRTIO_BALLOON_S_MEMTOT, 3);		/* cut off */
	EXPECT_FALSE(send_chain(self, BALLOON_STATISTICS, &p, 1));
	EXPECT_EQ(123, s->value[VIRTIO_BALLOON_S_MEMFREE]);
	EXPECT_EQ(456, s->value[15]);
	EXPECT_EQ(BALLOON_STAT_UNKNOWN, s->value[VIRTIO_BALLOON_S_MEMTOT]);
	EXPECT_NE(0, s->updated);
	EXPECT_STREQ("stat-free-memory", balloon_stat_name(VIRTIO_BALLOON_S_MEMFREE));
	EXPECT_EQ(NULL, balloon_stat_name(BALLOON_STATS));

	ASSERT_EQ(0, balloon_set_interval(&self->b, 3));
	ASSERT_TRUE(run_out(self, &self->b.poll, 3000000000));
	EXPECT_TRUE(answered(self, BALLOON_STATISTICS, 1));
	ASSERT_EQ(0, balloon_set_interval(&self->b, 0));

	put_stat(self, 0, VIRTIO_BALLOON_S_MEMFREE, 124);
	EXPECT_FALSE(send_chain(self, BALLOON_STATISTICS, &p, 1));
	EXPECT_EQ(124, s->value[VIRTIO_BALLOON_S_MEMFREE]);
	/* A second buffer: the first goes back. */
	EXPECT_TRUE(send_chain(self, BALLOON_STATISTICS, &p, 1));
	EXPECT_FALSE(answered(self, BALLOON_STATISTICS, 1));
	ASSERT_TRUE(start(self, variant->packed));
	EXPECT_EQ(0, s->updated);
}

TEST_F(balloon, statistics_of_a_queue_that_ended_are_left_alone)
{
	const struct ring_piece good = { LIST, 10, false }, bad = { LIST, 10, true };

	EXPECT_FALSE(send_chain(self, BALLOON_STATISTICS, &good, 1));
	EXPECT_FALSE(send_chain(self, BALLOON_STATISTICS, &bad, 1));
	EXPECT_TRUE(ended(self));
	ASSERT_EQ(0, balloon_set_interval(&self->b, 3));
	ASSERT_TRUE(run_out(self, &self->b.poll, 3000000000));
	EXPECT_FALSE(answered(self, BALLOON_STATISTICS, 1));
}

static u32 config32(rig *r, u32 off)
{
	u32 val;

	r->b.v.ops->config_read(&r->b.v, off, &val, 4);
	return val;
}

static void set_actual(rig *r, u32 pages)
{
	r->b.v.ops->config_write(&r->b.v, offsetof(struct virtio_balloon_config, actual), &pages,
				 4);
}

TEST_F(balloon, target_and_actual_size)
{
	const u32 junk = 7;
	u8 generation = self->b.v.generation;
	eventfd_t n;

	balloon_on_change(&self->b, changed, self);
	EXPECT_EQ(RAM_SIZE, balloon_actual(&self->b));
	balloon_set_target(&self->b, RAM_SIZE - 5 * PAGE);
	EXPECT_EQ(5, config32(self, 0));
	EXPECT_NE(generation, self->b.v.generation);
	EXPECT_EQ(0, eventfd_read(self->b.v.config_fd, &n));
	balloon_set_target(&self->b, RAM_SIZE - 5 * PAGE);
	EXPECT_EQ(-1, eventfd_read(self->b.v.config_fd, &n));
	/* The target is ours. */
	self->b.v.ops->config_write(&self->b.v, 0, &junk, 4);
	EXPECT_EQ(5, config32(self, 0));
	balloon_set_target(&self->b, UINT64_MAX);
	EXPECT_EQ(0, config32(self, 0));
	balloon_set_target(&self->b, 0);
	EXPECT_EQ(RAM_SIZE / PAGE, config32(self, 0));

	set_actual(self, 5);
	EXPECT_EQ(0, self->changes);
	ASSERT_TRUE(run_out(self, &self->b.tell, 1));
	EXPECT_EQ(1, self->changes);
	EXPECT_EQ(RAM_SIZE - 5 * PAGE, self->actual);
	/* Many at once are one. */
	set_actual(self, 6);
	set_actual(self, UINT32_MAX);
	testvm_run_loop(&self->t);
	EXPECT_EQ(1, self->changes);
	ASSERT_TRUE(run_out(self, &self->b.tell, 1000000000));
	EXPECT_EQ(2, self->changes);
	EXPECT_EQ(0, self->actual);
	/* A new driver begins with everything, and with the target that was set. */
	ASSERT_TRUE(start(self, variant->packed));
	EXPECT_EQ(RAM_SIZE, balloon_actual(&self->b));
	EXPECT_EQ(RAM_SIZE / PAGE, config32(self, 0));
	ASSERT_TRUE(run_out(self, &self->b.tell, 1000000000));
	EXPECT_EQ(3, self->changes);
}

TEST_F(balloon, random_numbers_never_leave_memory)
{
	u64 seed = 99 + variant->packed, *list = ram_ptr(&self->t.m.ram, LIST, PAGE);
	unsigned int round, i, q, taken = 0;

	for (round = 0; round < 2000; round++) {
		struct ring_piece p[3];

		for (i = 0; i < 32; i++)
			list[i] = test_random(&seed) & (round % 2 ? 0x000bffff000bffffULL : ~0ULL);
		q = round % BALLOON_QUEUES;
		for (i = 0; i < ARRAY_SIZE(p); i++)
			p[i] = (struct ring_piece){
				round % 3 ? LIST : test_random(&seed) % (RAM_SIZE + GIB),
				test_random(&seed) % 64 * 4, q > BALLOON_STATISTICS };
		if (q > BALLOON_STATISTICS && round % 3)
			p[0].len = p[1].len = p[2].len = PAGE * (1 + round % 8);
		taken += send_chain(self, q, p, 1 + round % 3);
		if (ended(self))
			ASSERT_TRUE(start(self, variant->packed));
	}
	EXPECT_LT(100, taken);
}

TEST_HARNESS_MAIN
