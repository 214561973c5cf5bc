// SPDX-License-Identifier: GPL-2.0
/*
 * Requests whose payloads lie in the same huge page, which /dev/ferry-blk pins once for those that
 * begin together: each moves its own bytes, and memory that was exchanged meanwhile is seen so.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include "test_blk.h"

#define HUGE		(2UL << 20)
#define PAGE		4096U
#define STRIDE		(3 * PAGE)	/* header, payload and status of one request */
#define MANY		32U

FIXTURE(huge) {
	struct disk disk;
	struct blk b;
	uint64_t at;		/* guest address of two huge pages */
};

BLK_VARIANTS_FEW(huge);

/* Bytes of this process that lie in huge pages. */
static size_t huge_bytes(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "re");
	size_t kb = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f) && sscanf(line, "AnonHugePages: %zu", &kb) != 1)
		;
	if (f)
		fclose(f);
	return kb << 10;
}

/* Pages that were pinned on this machine so far. */
static uint64_t pinned(void)
{
	unsigned long long n = 0;
	char line[128];
	FILE *f;

	/* Each CPU counts for itself until it is asked. */
	check(!system("echo 1 >/proc/sys/vm/stat_refresh"), "refresh the counters");
	f = fopen("/proc/vmstat", "re");
	while (f && fgets(line, sizeof(line), f) &&
	       sscanf(line, "nr_foll_pin_acquired %llu", &n) != 1)
		;
	if (f)
		fclose(f);
	return n;
}

FIXTURE_SETUP(huge)
{
	struct blk_options o = { .layout = variant->l };
	size_t before = huge_bytes();
	uintptr_t hva;

	DISK_MAKE(&self->disk, &variant->disk);
	BLK_INIT(&self->b, &self->disk, &o);
	hva = (uintptr_t)blk_mem(&self->b, BLK_BUF);
	self->at = BLK_BUF + (-hva & (HUGE - 1)) + HUGE;
	TEST_REQUIRE(!madvise(blk_mem(&self->b, self->at), 2 * HUGE, MADV_HUGEPAGE),
		     "no huge pages here: %s", strerror(errno));
	memset(blk_mem(&self->b, self->at), 0, 2 * HUGE);
	TEST_REQUIRE(huge_bytes() >= before + 2 * HUGE, "no huge pages here");
	blk_start(&self->b);
}

FIXTURE_TEARDOWN(huge)
{
	blk_destroy(&self->b);
	disk_free(&self->disk);
}

/* Request @i of those that begin together; every other one is in the second huge page. */
static struct blk_req request(const FIXTURE_DATA(huge) *self, unsigned int i, bool in)
{
	return (struct blk_req){
		.type = in ? T_IN : T_OUT, .sector = 64 + 16 * i, .in = in,
		.at = self->at + (i % 2) * HUGE + i / 2 * STRIDE + PAGE, .len = PAGE,
	};
}

/* Show them all at once, and wait for them. */
static void go(struct __test_metadata *_metadata, struct blk *b, const struct blk_req *r,
	       unsigned int n)
{
	struct ring_used u;

	for (unsigned int i = 0; i < n; i++)
		ASSERT_EQ(0, blk_add(b, 0, &r[i], i));
	dev_publish(&b->g.dev, 0, &b->g.ring[0]);
	for (unsigned int i = 0; i < n; i++)
		dev_expect_used(&b->g.ring[0], &u);
	for (unsigned int i = 0; i < n; i++)
		ASSERT_EQ(S_OK, blk_status(b, &r[i]));
}

static void write_many(struct __test_metadata *_metadata, FIXTURE_DATA(huge) *self, uint32_t tag)
{
	struct blk_req r[MANY];

	for (unsigned int i = 0; i < MANY; i++) {
		r[i] = request(self, i, false);
		blk_fill(blk_mem(&self->b, r[i].at), PAGE, r[i].sector << 9, tag + i);
	}
	go(_metadata, &self->b, r, MANY);
	for (unsigned int i = 0; i < MANY; i++)
		EXPECT_TRUE(disk_filled(&self->disk, r[i].sector, PAGE, tag + i));
}

static void read_many(struct __test_metadata *_metadata, FIXTURE_DATA(huge) *self, uint32_t tag)
{
	struct blk_req r[MANY];

	for (unsigned int i = 0; i < MANY; i++) {
		r[i] = request(self, i, true);
		memset(blk_mem(&self->b, r[i].at), 0x5a, PAGE);
	}
	go(_metadata, &self->b, r, MANY);
	for (unsigned int i = 0; i < MANY; i++)
		EXPECT_TRUE(blk_filled(blk_mem(&self->b, r[i].at), PAGE, r[i].sector << 9,
				       tag + i));
}

TEST_F(huge, each_moves_its_own_bytes)
{
	for (uint32_t tag = 100; tag < 500; tag += 100) {
		write_many(_metadata, self, tag);
		read_many(_metadata, self, tag);
	}
}

/* Some read, some write, some are larger than a page, or in a part of one. */
TEST_F(huge, of_all_sorts)
{
	struct blk_req r[MANY];

	write_many(_metadata, self, 900);
	for (unsigned int i = 0; i < MANY; i++) {
		r[i] = request(self, i, i % 3);
		if (i % 4 == 1)
			r[i].len = 2 * PAGE - 512;
		if (i % 4 == 2)
			r[i].len = 512;
		if (!r[i].in)
			blk_fill(blk_mem(&self->b, r[i].at), r[i].len, r[i].sector << 9, 700 + i);
	}
	go(_metadata, &self->b, r, MANY);
	for (unsigned int i = 0; i < MANY; i++) {
		uint32_t len = r[i].len < PAGE ? r[i].len : PAGE;

		EXPECT_TRUE(r[i].in ?
			    blk_filled(blk_mem(&self->b, r[i].at), len, r[i].sector << 9, 900 + i) :
			    disk_filled(&self->disk, r[i].sector, r[i].len, 700 + i));
	}
}

/* A balloon, for one, takes pages out of the middle, and others come there. */
TEST_F(huge, pages_that_were_exchanged)
{
	for (unsigned int round = 0; round < 4; round++) {
		write_many(_metadata, self, 100 * (round + 1));
		for (unsigned int i = round; i < MANY; i += 3) {
			void *page = blk_mem(&self->b, request(self, i, false).at);

			ASSERT_EQ(0, madvise(page, PAGE, MADV_DONTNEED));
		}
		read_many(_metadata, self, 100 * (round + 1));
		write_many(_metadata, self, 100 * (round + 5));
		/* Huge ones again. */
		ASSERT_EQ(0, madvise(blk_mem(&self->b, self->at), 2 * HUGE, MADV_DONTNEED));
		memset(blk_mem(&self->b, self->at), 0, 2 * HUGE);
	}
}

/* What a child of the owner has is what it had when it was made. */
TEST_F(huge, pages_that_a_child_has_too)
{
	int status, go_on[2];
	char byte = 0;
	pid_t pid;

	write_many(_metadata, self, 300);
	memset(blk_mem(&self->b, self->at), 0x33, 2 * HUGE);
	ASSERT_EQ(0, pipe(go_on));
	pid = fork();
	if (!pid) {
		const uint8_t *p = blk_mem(&self->b, self->at);
		bool same;

		close(go_on[1]);
		same = read(go_on[0], &byte, 1) == 1;
		for (size_t i = 0; i < 2 * HUGE; i++)
			same &= p[i] == 0x33;
		_exit(!same);
	}
	/* Headers and status bytes are written by us, payloads by the kernel alone. */
	read_many(_metadata, self, 300);
	ASSERT_EQ(1, write(go_on[1], &byte, 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	write_many(_metadata, self, 600);
	read_many(_metadata, self, 600);
}

/* Until 6.10 the kernel does not know cheaply how a huge page is mapped. */
static bool huge_are_known(void)
{
	unsigned int major = 0, minor = 0;
	FILE *f = fopen("/proc/sys/kernel/osrelease", "re");
	bool ok = f && fscanf(f, "%u.%u", &major, &minor) == 2;

	if (f)
		fclose(f);
	return ok && (major > 6 || (major == 6 && minor >= 10));
}

TEST_F(huge, one_pin_serves_many)
{
	struct blk_req r[MANY];
	uint64_t before;

	TEST_REQUIRE(huge_are_known(), "each page is pinned by itself on this kernel");
	for (unsigned int i = 0; i < MANY; i++)
		r[i] = request(self, i, true);
	/* Those that come while the first begins are a batch of their own. */
	before = pinned();
	go(_metadata, &self->b, r, MANY);
	EXPECT_GT(MANY / 2, pinned() - before);
}

TEST_HARNESS_MAIN
