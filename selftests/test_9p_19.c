// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: file systems of other kinds: one in layers, which closes files of its own with
 * each of ours, one that the kernel makes up, and one whose names may be longer than any
 * message can say.
 */
#include "export.h"
#include "fsimage.h"
#include "p9.h"
#include "test.h"
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#define OVERLAY		"/tmp/ferry-9p-overlay"
#define MADE_UP		"/proc/fs"
#define FAT		"/tmp/ferry-9p-fat"
#define FAT_IMAGE	FAT ".img"
#define FILE_CHUNKS	64U	/* of 64 KiB */

static int mount_overlay(void)
{
	char options[512];
	int n;

	if (system("PATH=$PATH:/sbin:/usr/sbin; modprobe -aq overlay"))
		fprintf(stderr, "# no module overlay: it may be built in\n");
	mkdir(OVERLAY, 0755);
	mkdir(export_path("lower"), 0755);
	mkdir(export_path("upper"), 0755);
	mkdir(export_path("work"), 0755);
	n = snprintf(options, sizeof(options), "lowerdir=%s", export_path("lower"));
	n += snprintf(options + n, sizeof(options) - n, ",upperdir=%s", export_path("upper"));
	snprintf(options + n, sizeof(options) - n, ",workdir=%s", export_path("work"));
	return mount("overlay", OVERLAY, "overlay", 0, options) ? -errno : 0;
}

FIXTURE(layers) {
	struct p9 p;
};

FIXTURE_SETUP(layers)
{
	int err;

	TEST_REQUIRE(p9_available(), "no " DEV_9P_PATH);
	err = __export_mount("tmpfs");
	TEST_REQUIRE(!err, "no tmpfs here: %s", strerror(-err));
	err = mount_overlay();
	TEST_REQUIRE(!err, "no overlay here: %s", strerror(-err));
	p9_open(&self->p, OVERLAY, FERRY_9P_MODEL_PASSTHROUGH, 0);
}

/* As soon as the device is closed nothing is in use any more. */
FIXTURE_TEARDOWN(layers)
{
	p9_close(&self->p);
	EXPECT_EQ(0, umount(OVERLAY));
	export_unmount();
}

static uint64_t blocks_free(void)
{
	struct statfs st;

	check(!statfs(export_top(), &st), "statfs: %s", strerror(errno));
	return st.f_bfree;
}

/* Whether all is free again that was, soon. */
static bool free_again(uint64_t before)
{
	for (int ms = 0; blocks_free() < before && ms < DEV_PATIENCE_MS; ms++)
		usleep(1000);
	return blocks_free() >= before;
}

/* A file with bytes, open as fid 1, whose name is gone. */
static void make_and_unlink(struct p9 *p)
{
	static char chunk[64 << 10];

	check_ok(p9_walk(p, 0, 1, NULL), "clone");
	check_ok(p9_lcreate(p, 1, "f", FERRY_P9_O_RDWR, 0644, 0), "create");
	for (unsigned int i = 0; i < FILE_CHUNKS; i++)
		check(p9_write(p, 1, i * sizeof(chunk), chunk, sizeof(chunk)) == sizeof(chunk),
		      "write");
	check_ok(p9_unlinkat(p, 0, "f", 0), "unlink");
}

TEST_F(layers, a_clunk_closes_what_lies_below)
{
	uint64_t before = blocks_free();

	make_and_unlink(&self->p);
	EXPECT_LT(blocks_free(), before);
	ASSERT_EQ(0, p9_clunk(&self->p, 1));
	EXPECT_TRUE(free_again(before));
}

TEST_F(layers, a_new_session_closes_what_lies_below)
{
	uint64_t before = blocks_free();

	make_and_unlink(&self->p);
	ASSERT_EQ(0, p9_version(&self->p, "9P2000.L", P9_MSIZE));
	EXPECT_TRUE(free_again(before));
	EXPECT_EQ(0, p9_attach(&self->p, 0, 0));
}

FIXTURE(made_up) {
	struct p9 p;
};

FIXTURE_SETUP(made_up)
{
	TEST_REQUIRE(p9_available(), "no " DEV_9P_PATH);
	TEST_REQUIRE(!access(MADE_UP, F_OK), "no " MADE_UP " here");
	p9_open(&self->p, MADE_UP, FERRY_9P_MODEL_PASSTHROUGH, 0);
}

FIXTURE_TEARDOWN(made_up)
{
	p9_close(&self->p);
}

/* It is read to its end, and what is listed there is more than nothing. */
TEST_F(made_up, a_directory_is_read_by_an_old_client)
{
	struct p9 *p = &self->p;
	static char stats[8192];
	uint64_t pos = 0;
	ssize_t n;

	ASSERT_EQ(0, p9_version(p, "9P2000.u", sizeof(stats)));
	ASSERT_EQ(0, p9_attach(p, 0, 0));
	ASSERT_EQ(0, p9_walk(p, 0, 1, NULL));
	ASSERT_EQ(0, p9_call(p, FERRY_P9_TOPEN, "41", P9_U64(1), P9_U64(0)));
	do {
		n = p9_read(p, 1, pos, stats, 4096);
		ASSERT_LE(0, n);
		pos += n;
	} while (n);
	EXPECT_LT(0U, pos);
	EXPECT_EQ(0, p9_clunk(p, 1));
}

TEST_F(made_up, a_directory_is_read)
{
	struct p9_dirent d[64];
	uint64_t at = 0;
	int n, all = 0;

	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
	while ((n = p9_readdir(&self->p, 1, &at, 4096, d, 64)) > 0)
		all += n;
	EXPECT_EQ(0, n);
	EXPECT_LT(2, all);
}

/* 255 characters a name, of up to 3 bytes each. */
static int mount_fat(void)
{
	char node[32];
	int loop, err;

	if (system("PATH=$PATH:/sbin:/usr/sbin; modprobe -aq vfat nls_ascii nls_cp437;"
		   " rm -f " FAT_IMAGE "; truncate -s 8M " FAT_IMAGE
		   " && busybox mkdosfs " FAT_IMAGE " >/dev/null"))
		return -ENOENT;
	loop = loop_attach(FAT_IMAGE, 0, node, sizeof(node));
	if (loop < 0)
		return loop;
	mkdir(FAT, 0755);
	err = mount(node, FAT, "vfat", 0, "utf8,iocharset=ascii") ? -errno : 0;
	close(loop);
	return err;
}

FIXTURE(fat) {
	struct p9 p;
};

FIXTURE_SETUP(fat)
{
	int err;

	TEST_REQUIRE(p9_available(), "no " DEV_9P_PATH);
	err = __export_mount("tmpfs");
	TEST_REQUIRE(!err, "no tmpfs here: %s", strerror(-err));
	err = mount_fat();
	TEST_REQUIRE(!err, "no FAT here: %s", strerror(-err));
	p9_open(&self->p, FAT, FERRY_9P_MODEL_PASSTHROUGH, 0);
}

FIXTURE_TEARDOWN(fat)
{
	p9_close(&self->p);
	EXPECT_EQ(0, umount(FAT));
	export_unmount();
}

static void make_long(const char *prefix, unsigned int characters)
{
	char name[1024];
	int n = snprintf(name, sizeof(name), FAT "/%s", prefix), fd;

	while (characters--)
		n += snprintf(name + n, sizeof(name) - n, "\u3042");
	fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	check(fd >= 0, "make a name of %d bytes: %s", n, strerror(errno));
	close(fd);
}

/* What the client could not take apart would keep it from all of the directory. */
TEST_F(fat, names_too_long_for_the_wire_are_left_out)
{
	struct p9_dirent d[16];
	unsigned int seen = 0;
	uint64_t at = 0;
	int n;

	make_long("0", 84);
	make_long("a", 85);
	make_long("b", 200);
	make_long("1", 1);
	make_long("c", 254);
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
	while ((n = p9_readdir(&self->p, 1, &at, 400, d, 16)) > 0)
		for (int i = 0; i < n; i++) {
			EXPECT_NE(NULL, strchr(".01", d[i].name[0]));
			seen++;
		}
	EXPECT_EQ(0, n);
	EXPECT_EQ(4U, seen);
}

TEST_HARNESS_MAIN
