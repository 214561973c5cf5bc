// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: the disk below the exported file system fails. Each request that needs it is
 * answered by an error, the others are served, and all of it can be closed and unmounted.
 */
#include "disk.h"
#include "export.h"
#include "p9.h"
#include "test.h"

#define LINEAR	"0 %llu linear %s 0"
#define ERROR	"0 %llu error"

FIXTURE(disk) {
	struct disk d;
	struct dm dm;
	struct p9 p;
	char table[2][160];
};

FIXTURE_SETUP(disk)
{
	struct disk_options o = { .kind = DISK_LOOP, .mb = 32 };
	unsigned long long sectors;
	int err;

	TEST_REQUIRE(p9_available(), "no " DEV_9P_PATH);
	TEST_REQUIRE(!__disk_make(&self->d, &o), "no disk: %s", self->d.why);
	TEST_REQUIRE(dm_target("dm-mod"), "no dmsetup or no dm-mod");
	sectors = self->d.sectors;
	snprintf(self->table[0], sizeof(self->table[0]), LINEAR, sectors, self->d.path);
	snprintf(self->table[1], sizeof(self->table[1]), ERROR, sectors);
	TEST_REQUIRE(!__dm_create(&self->dm, self->table[0]), "no device-mapper");
	err = __export_mount(self->dm.path);
	TEST_REQUIRE(!err, "no ext4 here: %s", strerror(-err));
	p9_open(&self->p, export_dir(), FERRY_9P_MODEL_PASSTHROUGH, 0);
}

FIXTURE_TEARDOWN(disk)
{
	export_unserve(&self->p);
	dm_remove(&self->dm);
	disk_free(&self->d);
}

/* A file that is on the disk and in no cache. */
static void make_cold(struct __test_metadata *_metadata, const char *name)
{
	int fd = open(export_path("export/%s", name), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	static char block[64 << 10];

	memset(block, 'x', sizeof(block));
	ASSERT_EQ((ssize_t)sizeof(block), write(fd, block, sizeof(block)));
	ASSERT_EQ(0, fsync(fd));
	ASSERT_EQ(0, posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	close(fd);
}

TEST_F(disk, fails)
{
	struct p9_stat st;
	char buf[64];

	make_cold(_metadata, "cold");
	export_write(export_path("export/warm"), "text");
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "cold"));
	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDWR));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "warm"));
	ASSERT_EQ(0, p9_lopen(&self->p, 2, FERRY_P9_O_RDWR));
	dm_reload(&self->dm, self->table[1]);
	EXPECT_EQ(-EIO, p9_read(&self->p, 1, 0, buf, sizeof(buf)));
	/* What is in memory is there. */
	EXPECT_EQ(4, p9_read(&self->p, 2, 0, buf, sizeof(buf)));
	EXPECT_EQ(0, p9_getattr(&self->p, 1, &st));
	/* Written to memory, if that can be had, and never to the disk. */
	p9_write(&self->p, 2, 0, "TEXT", 4);
	EXPECT_GT(0, p9_call(&self->p, FERRY_P9_TFSYNC, "44", P9_U64(2), P9_U64(0)));
	for (int i = 0; i < 50; i++) {
		char name[16];

		/* Its journal has failed by now, or does so soon. */
		snprintf(name, sizeof(name), "d%d", i);
		p9_mkdir(&self->p, 0, name, 0755, 0);
	}
	EXPECT_GT(0, p9_call(&self->p, FERRY_P9_TFSYNC, "44", P9_U64(2), P9_U64(0)));
	EXPECT_EQ(0, p9_clunk(&self->p, 1));
	EXPECT_EQ(0, p9_clunk(&self->p, 2));
	EXPECT_EQ(0, p9_getattr(&self->p, 0, &st));
}

/* The old dialects have no Tfsync: a Twstat that changes nothing is one. */
TEST_F(disk, fails_the_sync_of_an_old_client)
{
	const uint64_t none = ~0ULL;

	ASSERT_EQ(0, p9_version(&self->p, "9P2000.u", P9_MSIZE));
	ASSERT_EQ(0, p9_attach(&self->p, 0, 0));
	export_write(export_path("export/f"), "text");
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "f"));
	ASSERT_EQ(0, p9_call(&self->p, FERRY_P9_TOPEN, "41", P9_U64(1), P9_U64(FERRY_P9_ORDWR)));
	for (int i = 0; i < 2; i++) {
		int err;

		ASSERT_EQ(4, p9_write(&self->p, 1, 0, "TEXT", 4));
		if (i)
			dm_reload(&self->dm, self->table[1]);
		err = p9_call(&self->p, FERRY_P9_TWSTAT, "4222414844" "48" "sssss" "444", P9_U64(1),
			      P9_U64(63), P9_U64(61), none, none, none, none, none, none, none,
			      none, none, "", "", "", "", "", none, none, none);
		EXPECT_EQ(i ? -EIO : 0, err);
	}
}

TEST_HARNESS_MAIN
