// SPDX-License-Identifier: GPL-2.0
/*
 * Disks that fail under /dev/ferry-blk: bad sectors, flaky and slow targets, full
 * file systems, a device that is taken away, an owner short of memory. Errors
 * reach exactly the requests that they hit, and everything ends.
 */
#include <linux/fs.h>
#include <sys/wait.h>

#include "test_blk.h"

#define BAD	1000	/* first sector that fails in the dm tests */
#define BADS	16	/* and how many */

FIXTURE(fault) {
	struct disk disk;
	struct dm dm;
	struct blk b;
	int fd;
};

FIXTURE_SETUP(fault)
{
	self->fd = -1;
}

FIXTURE_TEARDOWN(fault)
{
	blk_destroy(&self->b);
	if (self->fd >= 0)
		close(self->fd);
	dm_remove(&self->dm);
	disk_free(&self->disk);
}

typedef FIXTURE_DATA(fault) fault_t;

/* A null_blk disk behind a dm table, which @lines describes after "linear" parts. */
#define DM_INIT(self, module, direct, fmt, ...) do {					\
	struct disk_options do_ = { .kind = (direct) ? DISK_NULL : DISK_BLOCK_CACHED };	\
	struct blk_options bo_ = { .layout = { .num = 256, .indirect = true }, .queues = 2 };	\
	char table_[400];								\
	TEST_REQUIRE(dm_target(module), "no dmsetup or no %s", module);			\
	DISK_MAKE(&(self)->disk, &do_);							\
	snprintf(table_, sizeof(table_), fmt, ##__VA_ARGS__);				\
	TEST_REQUIRE(!__dm_create(&(self)->dm, table_), "no table with %s", module);	\
	(self)->fd = open((self)->dm.path, O_RDWR | O_CLOEXEC | ((direct) ? O_DIRECT : 0));	\
	ASSERT_LE(0, (self)->fd);							\
	bo_.fd = (self)->fd;								\
	BLK_INIT(&(self)->b, &(self)->disk, &bo_);					\
	blk_start(&(self)->b);								\
} while (0)

#define DM_BAD_SECTORS(self, direct)							\
	DM_INIT(self, "dm-mod", direct,							\
		"0 %u linear %s 0\n%u %u error\n%u %u linear %s %u\n",			\
		BAD, (self)->disk.path, BAD, BADS, BAD + BADS, 32768 - BAD - BADS,	\
		(self)->disk.path, BAD + BADS)

static bool hits(uint64_t sector, uint32_t sectors)
{
	return sector < BAD + BADS && sector + sectors > BAD;
}

TEST_F(fault, bad_sectors_fail_exactly_the_requests_on_them)
{
	struct blk *b = &self->b;

	DM_BAD_SECTORS(self, true);
	for (uint32_t n = 1; n <= 64; n *= 4) {
		for (uint64_t s = BAD - 70; s < BAD + BADS + 10; s++) {
			struct blk_req r = { T_OUT, s, BLK_AT(1), n * 512 };

			blk_fill(blk_mem(b, r.at), r.len, s << 9, 5);
			ASSERT_EQ(hits(s, n) ? S_IOERR : S_OK, blk_do(b, 0, &r));
			ASSERT_EQ(1, r.used_len);
			r.type = T_IN;
			r.in = true;
			ASSERT_EQ(hits(s, n) ? S_IOERR : S_OK, blk_do(b, 0, &r));
			ASSERT_EQ(1 + (hits(s, n) ? 0 : r.len), r.used_len);
		}
	}
	EXPECT_EQ(S_OK, blk_flush(b));
}

TEST_F(fault, a_great_request_over_one_bad_sector)
{
	struct blk *b = &self->b;
	const uint32_t lens[] = { 262144, 524288, 1048576 };

	DM_BAD_SECTORS(self, true);
	for (unsigned int i = 0; i < ARRAY_SIZE(lens); i++) {
		uint32_t cuts[40] = { 16 }, n = 1;

		/* In pieces, so that it takes several bios. */
		while (n < 30)
			cuts[n++] = lens[i] / 32;
		struct blk_req r = { T_IN, 0, BLK_AT(1), lens[i], .in = true, .cuts = cuts };

		for (uint64_t s = 0; s < 4096; s += 256) {
			r.sector = s;
			r.type = T_IN;
			r.in = true;
			ASSERT_EQ(hits(s, r.len / 512) ? S_IOERR : S_OK, blk_do(b, 0, &r));
			r.type = T_OUT;
			r.in = false;
			ASSERT_EQ(hits(s, r.len / 512) ? S_IOERR : S_OK, blk_do(b, 0, &r));
		}
	}
}

TEST_F(fault, bad_sectors_among_many_requests)
{
	struct blk_req r[128];
	struct blk *b = &self->b;
	struct ring_used u;

	DM_BAD_SECTORS(self, true);
	for (unsigned long round = 0; round < test_scale(10); round++) {
		for (unsigned int i = 0; i < 128; i++) {
			r[i] = (struct blk_req){ i & 1 ? T_OUT : T_IN, BAD - 512 + 8 * i,
						 BLK_BUF + 0x1000 + 0x2000 * i, 4096,
						 .in = !(i & 1) };
			ASSERT_EQ(0, blk_add(b, 0, &r[i], i));
		}
		dev_publish(&b->g.dev, 0, &b->g.ring[0]);
		for (unsigned int i = 0; i < 128; i++) {
			dev_expect_used(&b->g.ring[0], &u);
			ASSERT_GT(128, u.cookie);
			ASSERT_EQ(hits(r[u.cookie].sector, 8) ? S_IOERR : S_OK,
				  blk_status(b, &r[u.cookie]));
		}
	}
}

TEST_F(fault, bad_sectors_and_the_page_cache)
{
	struct blk *b = &self->b;

	/* Aligned to pages: the cache works in those. */
	DM_BAD_SECTORS(self, false);
	EXPECT_EQ(S_IOERR, blk_read(b, BAD, BLK_AT(1), 4096));
	EXPECT_EQ(S_OK, blk_read(b, BAD - 64, BLK_AT(1), 4096));
	EXPECT_EQ(S_OK, blk_read(b, BAD + BADS + 64, BLK_AT(1), 4096));
	EXPECT_EQ(S_OK, blk_flush(b));
	/* A write may be taken; then it is the flush that has to say it. */
	if (blk_write(b, BAD, BLK_AT(1), 4096) == S_OK)
		EXPECT_EQ(S_IOERR, blk_flush(b));
	EXPECT_EQ(S_OK, blk_write(b, BAD - 64, BLK_AT(1), 4096));
}

TEST_F(fault, zeroes_on_bad_sectors)
{
	struct blk *b = &self->b;

	DM_BAD_SECTORS(self, true);
	TEST_REQUIRE(blk_has(b, VIRTIO_BLK_F_WRITE_ZEROES), "dm-error lets no zeroes through");
	EXPECT_EQ(S_IOERR, blk_range(b, VIRTIO_BLK_T_WRITE_ZEROES, BAD - 8, 16, 0));
	EXPECT_EQ(S_OK, blk_range(b, VIRTIO_BLK_T_WRITE_ZEROES, BAD - 64, 16, 0));
}

TEST_F(fault, a_device_that_is_off_and_on_again)
{
	struct load l;

	DM_INIT(self, "dm-flakey", true, "0 32768 flakey %s 0 1 1\n", self->disk.path);
	load_init(&l, &self->b, 0, 0, 8192);
	l.may_fail = true;
	load_start(&l);
	for (int i = 0; i < 30; i++) {
		usleep(100000);
		ASSERT_EQ(LOAD_FINE, load_wait(&l, 1));
	}
	EXPECT_EQ(LOAD_FINE, load_stop(&l));
	EXPECT_LT(0, l.failed);
	EXPECT_LT(l.failed, l.done);
	EXPECT_EQ(LOAD_FINE, load_verify(&l));
	load_destroy(&l);
}

TEST_F(fault, a_slow_device)
{
	struct load l;

	DM_INIT(self, "dm-delay", true, "0 32768 delay %s 0 10 %s 0 30\n", self->disk.path,
		self->disk.path);
	load_init(&l, &self->b, 0, 0, 8192);
	EXPECT_EQ(LOAD_FINE, load_run(&l, 300));
	EXPECT_EQ(LOAD_FINE, load_verify(&l));
	load_destroy(&l);
}

TEST_F(fault, a_table_exchanged_under_load)
{
	char good[200], bad[200];
	struct load l;

	DM_INIT(self, "dm-mod", true, "0 32768 linear %s 0\n", self->disk.path);
	snprintf(good, sizeof(good), "0 32768 linear %s 0\n", self->disk.path);
	snprintf(bad, sizeof(bad), "0 32768 error\n");
	load_init(&l, &self->b, 0, 0, 8192);
	l.may_fail = true;
	load_start(&l);
	for (int i = 0; i < 6; i++) {
		dm_reload(&self->dm, i & 1 ? good : bad);
		ASSERT_EQ(LOAD_FINE, load_wait(&l, 100));
	}
	l.may_fail = false;
	EXPECT_EQ(LOAD_FINE, load_stop(&l));
	EXPECT_LT(0, l.failed);
	EXPECT_EQ(LOAD_FINE, load_verify(&l));
	load_destroy(&l);
}

/* --- devices taken away ------------------------------------------------------------------- */

FIXTURE(gone) {
	struct disk disk;
	struct blk b;
};

FIXTURE_VARIANT(gone) {
	enum disk_kind kind;
	unsigned long delay_ns;
};

FIXTURE_VARIANT_ADD(gone, null) { .kind = DISK_NULL };
FIXTURE_VARIANT_ADD(gone, slow) { .kind = DISK_NULL, .delay_ns = 5000000 };
FIXTURE_VARIANT_ADD(gone, cached) { .kind = DISK_BLOCK_CACHED };
FIXTURE_VARIANT_ADD(gone, scsi) { .kind = DISK_SCSI };
FIXTURE_VARIANT_ADD(gone, scsi_slow) { .kind = DISK_SCSI, .delay_ns = 5000000 };

FIXTURE_SETUP(gone)
{
	struct disk_options d = { .kind = variant->kind, .delay_ns = variant->delay_ns };
	struct blk_options o = { .layout = { .num = 256 } };

	DISK_MAKE(&self->disk, &d);
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
}

FIXTURE_TEARDOWN(gone)
{
	blk_destroy(&self->b);
	disk_free(&self->disk);
}

TEST_F(gone, a_device_removed_under_load)
{
	struct load l;

	load_init(&l, &self->b, 0, 0, 8192);
	l.may_fail = true;
	load_start(&l);
	ASSERT_EQ(LOAD_FINE, load_wait(&l, 50));
	ASSERT_EQ(0, __disk_unplug(&self->disk));
	EXPECT_EQ(LOAD_FINE, load_wait(&l, 200));
	EXPECT_EQ(LOAD_FINE, load_stop(&l));
	if (variant->kind != DISK_BLOCK_CACHED)
		EXPECT_LT(0, l.failed);
	EXPECT_EQ(S_IOERR, blk_read(&self->b, 16384, BLK_AT(1), 4096));
	load_destroy(&l);
}

TEST_F(gone, a_device_removed_and_the_owner_too)
{
	struct blk_req last;
	struct load l;

	load_init(&l, &self->b, 0, 0, 8192);
	l.may_fail = true;
	load_start(&l);
	ASSERT_EQ(LOAD_FINE, load_wait(&l, 20));
	ASSERT_EQ(0, __disk_unplug(&self->disk));
	/* It is no disk any more; what has it keeps it until told otherwise. */
	self->b.be.capacity = self->disk.sectors;
	EXPECT_GT(0, __blk_start(&self->b));
	EXPECT_EQ(LOAD_FINE, load_stop(&l));
	load_destroy(&l);
	last = (struct blk_req){ T_OUT, 0, BLK_AT(1), 4096 };
	ASSERT_EQ(0, blk_add(&self->b, 0, &last, 1));
	dev_publish(&self->b.g.dev, 0, &self->b.g.ring[0]);
	/* Closed with one more on the way. */
}

/* --- sectors that go bad below a file ----------------------------------------------------- */

FIXTURE(file) {
	struct disk disk;
	struct blk b;
};

FIXTURE_VARIANT(file) {
	struct disk_options disk;
};

FIXTURE_VARIANT_ADD(file, ext4_direct) { .disk = { .kind = DISK_EXT4_DIRECT } };
FIXTURE_VARIANT_ADD(file, ext4) { .disk = { .kind = DISK_EXT4 } };
FIXTURE_VARIANT_ADD(file, ext4_direct_full) {
	.disk = { .kind = DISK_EXT4_DIRECT, .sparse = true, .mb = 64, .fs_mb = 24 } };
FIXTURE_VARIANT_ADD(file, ext4_full) {
	.disk = { .kind = DISK_EXT4, .sparse = true, .mb = 64, .fs_mb = 24 } };
FIXTURE_VARIANT_ADD(file, tmpfs_full) {
	.disk = { .kind = DISK_TMPFS, .sparse = true, .mb = 64, .fs_mb = 16 } };

FIXTURE_SETUP(file)
{
	struct blk_options o = { .layout = { .num = 256, .packed = true } };

	DISK_MAKE(&self->disk, &variant->disk);
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
}

FIXTURE_TEARDOWN(file)
{
	blk_destroy(&self->b);
	disk_free(&self->disk);
}

TEST_F(file, a_bad_sector_below_a_file)
{
	struct blk *b = &self->b;
	char range[64];
	int block = 100, bsize = 0;

	TEST_REQUIRE(!variant->disk.sparse, "a case of full disks");
	for (int i = 0; i < 16; i++)
		ASSERT_EQ(S_OK, blk_write(b, 8 * 64 * i, BLK_AT(1), 32768));
	ASSERT_EQ(S_OK, blk_write(b, 800, BLK_AT(1), 4096));
	ASSERT_EQ(S_OK, blk_flush(b));
	ASSERT_EQ(0, ioctl(self->disk.fd, FIGETBSZ, &bsize));
	block = 800 * 512 / bsize;
	ASSERT_EQ(0, ioctl(self->disk.fd, FIBMAP, &block));
	ASSERT_LT(0, block);
	shell("echo 3 >/proc/sys/vm/drop_caches");
	snprintf(range, sizeof(range), "+%llu-%llu", (unsigned long long)block * bsize / 512,
		 (unsigned long long)block * bsize / 512);
	TEST_REQUIRE(!__disk_set_null(&self->disk, "badblocks", range), "no bad blocks");
	EXPECT_EQ(S_IOERR, blk_read(b, 800, BLK_AT(1), 512));
	EXPECT_EQ(S_OK, blk_read(b, 800 - 1024 / 512 * 8, BLK_AT(1), 512));
	EXPECT_EQ(S_OK, blk_read(b, 1024, BLK_AT(1), 32768));
	if (variant->disk.kind == DISK_EXT4_DIRECT) {
		EXPECT_EQ(S_IOERR, blk_write(b, 800, BLK_AT(1), 4096));
		EXPECT_EQ(S_IOERR, blk_write(b, 800 - 8, BLK_AT(1), 8192));
	} else if (blk_write(b, 800, BLK_AT(1), 4096) == S_OK) {
		EXPECT_EQ(S_IOERR, blk_flush(b));
	}
	EXPECT_EQ(S_OK, blk_write(b, 1024, BLK_AT(1), 32768));
	snprintf(range, sizeof(range), "-%llu-%llu", (unsigned long long)block * bsize / 512,
		 (unsigned long long)block * bsize / 512);
	ASSERT_EQ(0, __disk_set_null(&self->disk, "badblocks", range));
	EXPECT_EQ(S_OK, blk_write(b, 800, BLK_AT(1), 4096));
	EXPECT_EQ(S_OK, blk_flush(b));
}

TEST_F(file, no_space_is_an_error_of_the_writes_that_need_it)
{
	struct blk *b = &self->b;
	unsigned int good = 0, failed = 0;

	TEST_REQUIRE(variant->disk.sparse, "a case of bad sectors");
	for (uint32_t i = 0; i < 64 * 16; i++) {
		blk_fill(blk_mem(b, BLK_AT(1)), 65536, (uint64_t)i << 16, 3);
		if (blk_write(b, 128 * i, BLK_AT(1), 65536) == S_OK) {
			ASSERT_EQ(0, failed * (variant->disk.kind == DISK_TMPFS));
			good++;
		} else {
			failed++;
		}
	}
	TH_LOG("%u written, %u without space", good, failed);
	EXPECT_LT(32, good);
	EXPECT_LT(256, failed);
	/* What has its place works on, and what was promised is there. */
	EXPECT_EQ(S_OK, blk_flush(b));
	for (uint32_t i = 0; i < 32; i++) {
		ASSERT_EQ(S_OK, blk_read(b, 128 * i, BLK_AT(1), 65536));
		ASSERT_TRUE(blk_filled(blk_mem(b, BLK_AT(1)), 65536, (uint64_t)i << 16, 3));
	}
	EXPECT_EQ(S_OK, blk_write(b, 0, BLK_AT(1), 65536));
	EXPECT_EQ(S_OK, blk_read(b, 64 * 2048 - 128, BLK_AT(1), 65536));
}

/* --- an owner short of memory ------------------------------------------------------------- */

static void hungry_child(const struct disk *disk)
{
	struct blk_options o = { .layout = { .num = 256, .indirect = true } };
	struct disk mine = *disk;
	struct load l;
	struct blk b;

	check_ok(__blk_init(&b, &mine, &o), "a device");
	blk_start(&b);
	check(!shell("echo %d >/sys/fs/cgroup/ferry-test/cgroup.procs", getpid()), "a cgroup");
	load_init(&l, &b, 0, 0, 16384);
	l.depth = 64;
	l.bytes_max = LOAD_BYTES_MAX;
	l.odd = true;
	l.may_fail = true;
	load_run(&l, test_scale(2000));
	printf("# %lu requests, %lu failed\n", l.done, l.failed);
	fflush(stdout);
	_exit(l.fault);
}

/* A memory cgroup for a child to enter; whether there is one. */
static bool cgroup_make(void)
{
	shell("mkdir /sys/fs/cgroup/ferry-test");
	shell("echo +memory >/sys/fs/cgroup/cgroup.subtree_control");
	return !access("/sys/fs/cgroup/ferry-test/memory.stat", R_OK);
}

/* Its end, as waitpid() tells. */
static int run_child(void (*child)(const struct disk *disk), const struct disk *disk)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		child(disk);
	check(pid > 0 && waitpid(pid, &status, 0) == pid, "a child");
	return status;
}

TEST(an_owner_with_little_memory)
{
	struct disk_options o = { .kind = DISK_NULL };
	struct disk disk;
	int status;

	TEST_REQUIRE(!access(DEV_BLK_PATH, F_OK), "no " DEV_BLK_PATH);
	TEST_REQUIRE(cgroup_make(), "no memory cgroups");
	ASSERT_EQ(0, shell("echo 6M >/sys/fs/cgroup/ferry-test/memory.max"));
	DISK_MAKE(&disk, &o);
	status = run_child(hungry_child, &disk);
	/* It may be the one that has to go; otherwise every answer was right. */
	if (WIFEXITED(status)) {
		EXPECT_EQ(0, WEXITSTATUS(status));
	} else {
		EXPECT_EQ(SIGKILL, WTERMSIG(status));
	}
	disk_free(&disk);
	shell("rmdir /sys/fs/cgroup/ferry-test");
}

/* --- an owner in cgroups ------------------------------------------------------------------ */

#define CHARGED_MB	8

/* KiB of page cache on the account of the test's cgroup. */
static unsigned long charged_kb(void)
{
	FILE *f = fopen("/sys/fs/cgroup/ferry-test/memory.stat", "re");
	unsigned long bytes = 0;
	char line[128];

	check(f, "memory.stat");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "file %lu", &bytes) == 1)
			break;
	fclose(f);
	return bytes >> 10;
}

/* Writes through the page cache block, thus run in the pool. */
static void charged_child(const struct disk *disk)
{
	struct blk_options o = { .layout = { .num = 256 } };
	struct disk mine = *disk;
	unsigned long before;
	struct blk b;

	check(!shell("echo %d >/sys/fs/cgroup/ferry-test/cgroup.procs", getpid()), "a cgroup");
	check_ok(__blk_init(&b, &mine, &o), "a device");
	blk_start(&b);
	before = charged_kb();
	for (unsigned int i = 0; i < CHARGED_MB * 16; i++)
		check(blk_write(&b, 128 * i, BLK_AT(1), 65536) == S_OK, "a write");
	printf("# %lu KiB were charged, %lu KiB before\n", charged_kb(), before);
	fflush(stdout);
	_exit(charged_kb() < before + CHARGED_MB * 1024);
}

TEST(the_owner_is_charged_for_the_page_cache)
{
	struct disk_options o = { .kind = DISK_BLOCK_CACHED };
	struct disk disk;
	int status;

	TEST_REQUIRE(!access(DEV_BLK_PATH, F_OK), "no " DEV_BLK_PATH);
	TEST_REQUIRE(cgroup_make(), "no memory cgroups");
	DISK_MAKE(&disk, &o);
	status = run_child(charged_child, &disk);
	EXPECT_EQ(0, status);
	disk_free(&disk);
	shell("rmdir /sys/fs/cgroup/ferry-test");
}

TEST_HARNESS_MAIN
