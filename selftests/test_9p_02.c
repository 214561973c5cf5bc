// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: nothing outside the exported directory is ever read, created or changed,
 * by names, links, moves or mounts, and nothing but files and directories is opened.
 */
#include "export.h"
#include "p9.h"
#include "test.h"
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define EXPORT_SWAP_A	"/tmp/ferry-9p/export/swapa"
#define EXPORT_SWAP_B	"/tmp/ferry-9p/export/swapb"

FIXTURE(confine) {
	struct p9 p;
};

FIXTURE_SETUP(confine)
{
	int err;

	TEST_REQUIRE(p9_available(), "no " DEV_9P_PATH);
	err = __export_mount("tmpfs");
	TEST_REQUIRE(!err, "no tmpfs here: %s", strerror(-err));
	p9_open(&self->p, export_dir(), FERRY_9P_MODEL_PASSTHROUGH, 0);
}

/* Whatever was tried: the outside is as it was, and the server lives. */
FIXTURE_TEARDOWN(confine)
{
	struct p9_stat st;

	EXPECT_TRUE(export_holds(export_path("outside/secret"), "secret"));
	EXPECT_EQ(0, access(export_dir(), F_OK));
	EXPECT_EQ(0, p9_getattr(&self->p, 0, &st));
	p9_close(&self->p);
	export_unmount();
}

typedef FIXTURE_DATA(confine) confine_t;

static ino_t ino_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) ? 0 : st.st_ino;
}

TEST_F(confine, dotdot_stops_at_the_root)
{
	struct p9_stat st;

	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, ".."));
	ASSERT_EQ(0, p9_getattr(&self->p, 1, &st));
	EXPECT_EQ(ino_of(export_dir()), st.ino);
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "../../../../../../../.."));
	ASSERT_EQ(0, p9_getattr(&self->p, 2, &st));
	EXPECT_EQ(ino_of(export_dir()), st.ino);
	EXPECT_NE(0, p9_walk(&self->p, 0, 3, "../outside"));
	EXPECT_NE(0, p9_walk(&self->p, 0, 3, "../outside/secret"));
}

TEST_F(confine, readdir_does_not_tell_the_parent)
{
	struct p9_dirent d[16];
	uint64_t at = 0;
	int n;

	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
	n = p9_readdir(&self->p, 1, &at, 4096, d, 16);
	ASSERT_EQ(2, n);
	for (int i = 0; i < n; i++)
		EXPECT_EQ(ino_of(export_dir()), d[i].ino);
}

static const struct {
	const char *s;
	uint64_t len;
} bad_names[] = {
	{ "", 0 }, { "/", 1 }, { "a/b", 3 }, { "../outside", 10 }, { "/etc", 4 }, { "a\0b", 3 },
	{ "\0", 1 }, { "..\0", 3 }, { "x/", 2 },
};

/* Every message that takes a name, with the fid of a directory in front. */
static int send_name(struct p9 *p, unsigned int which, const char *s, uint64_t n)
{
	switch (which) {
	case 0:
		return p9_call(p, FERRY_P9_TWALK, "442S", P9_U64(0), P9_U64(50), P9_U64(1), s, n);
	case 1:
		return p9_call(p, FERRY_P9_TLCREATE, "4S444", P9_U64(1), s, n, P9_U64(2),
			       P9_U64(0644), P9_U64(0));
	case 2:
		return p9_call(p, FERRY_P9_TSYMLINK, "4Ss4", P9_U64(0), s, n, "t", P9_U64(0));
	case 3:
		return p9_call(p, FERRY_P9_TMKNOD, "4S4444", P9_U64(0), s, n, P9_U64(S_IFIFO),
			       P9_U64(0), P9_U64(0), P9_U64(0));
	case 4:
		return p9_call(p, FERRY_P9_TRENAME, "44S", P9_U64(2), P9_U64(0), s, n);
	case 5:
		return p9_call(p, FERRY_P9_TLINK, "44S", P9_U64(0), P9_U64(2), s, n);
	case 6:
		return p9_call(p, FERRY_P9_TMKDIR, "4S44", P9_U64(0), s, n, P9_U64(0755),
			       P9_U64(0));
	case 7:
		return p9_call(p, FERRY_P9_TRENAMEAT, "4S4s", P9_U64(0), s, n, P9_U64(0), "to");
	case 8:
		return p9_call(p, FERRY_P9_TRENAMEAT, "4s4S", P9_U64(0), "file", P9_U64(0), s, n);
	case 9:
		return p9_call(p, FERRY_P9_TUNLINKAT, "4S4", P9_U64(0), s, n, P9_U64(0));
	default:
		return p9_call(p, FERRY_P9_TUNLINKAT, "4S4", P9_U64(0), s, n, P9_U64(0x200));
	}
}

TEST_F(confine, bad_names_are_refused_everywhere)
{
	static char longest[400];

	memset(longest, 'n', sizeof(longest));
	export_write(export_path("export/file"), "f");
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "file"));
	for (unsigned int which = 0; which <= 10; which++) {
		for (size_t i = 0; i < sizeof(bad_names) / sizeof(*bad_names); i++) {
			EXPECT_NE(0, send_name(&self->p, which, bad_names[i].s, bad_names[i].len)) {
				TH_LOG("message %u, name %zu", which, i);
			}
		}
		EXPECT_EQ(-ENAMETOOLONG, send_name(&self->p, which, longest, 256));
		if (which) {
			EXPECT_NE(0, send_name(&self->p, which, ".", 1));
			EXPECT_NE(0, send_name(&self->p, which, "..", 2));
		}
	}
	EXPECT_TRUE(export_holds(export_path("export/file"), "f"));
}

TEST_F(confine, symlinks_are_not_followed)
{
	ASSERT_EQ(0, symlink("../outside", export_path("export/out")));
	ASSERT_EQ(0, symlink("/", export_path("export/slash")));
	ASSERT_EQ(0, symlink("../outside/secret", export_path("export/secret")));
	EXPECT_EQ(-ENOENT, p9_walk(&self->p, 0, 1, "out/secret"));
	EXPECT_EQ(-ENOENT, p9_walk(&self->p, 0, 1, "slash/etc"));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "out"));
	EXPECT_EQ(-ENOTDIR, p9_walk(&self->p, 1, 2, "secret"));
	EXPECT_EQ(-ELOOP, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
	EXPECT_EQ(-ENOTDIR, p9_mkdir(&self->p, 1, "new", 0755, 0));
	EXPECT_EQ(-ENOTDIR, p9_lcreate(&self->p, 1, "new", 1, 0644, 0));
	EXPECT_EQ(-ENOTDIR, p9_unlinkat(&self->p, 1, "secret", 0));
	EXPECT_EQ(-ENOTDIR, p9_renameat(&self->p, 1, "secret", 0, "mine"));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 3, "secret"));
	EXPECT_EQ(-ELOOP, p9_lopen(&self->p, 3, FERRY_P9_O_RDWR | FERRY_P9_O_TRUNC));
	EXPECT_NE(0, p9_setattr(&self->p, 3, FERRY_P9_SET_SIZE, 0, 0, 0, 0));
	EXPECT_NE(0, p9_setattr(&self->p, 3, FERRY_P9_SET_MODE, 0777, 0, 0, 0));
	/* A create that meets a symlink does not make what it points at. */
	ASSERT_EQ(0, symlink("../outside/new", export_path("export/dangling")));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 4, NULL));
	EXPECT_EQ(-ELOOP, p9_lcreate(&self->p, 4, "dangling", 1, 0644, 0));
	EXPECT_EQ(-ELOOP, p9_lcreate(&self->p, 4, "secret", 1 | FERRY_P9_O_TRUNC, 0644, 0));
	EXPECT_NE(0, access(export_path("outside/new"), F_OK));
}

TEST_F(confine, special_files_are_not_opened)
{
	ASSERT_EQ(0, mknod(export_path("export/fifo"), S_IFIFO | 0666, 0));
	ASSERT_EQ(0, mknod(export_path("export/null"), S_IFCHR | 0666, makedev(1, 3)));
	ASSERT_EQ(0, mknod(export_path("export/sock"), S_IFSOCK | 0666, 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "fifo"));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "null"));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 3, "sock"));
	for (uint32_t fid = 1; fid <= 3; fid++)
		for (uint32_t flags = 0; flags <= 2; flags++)
			EXPECT_EQ(-ENXIO, p9_lopen(&self->p, fid, flags));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 4, NULL));
	EXPECT_EQ(-ENXIO, p9_lcreate(&self->p, 4, "fifo", 2, 0644, 0));
}

TEST_F(confine, the_root_is_neither_removed_nor_renamed)
{
	ASSERT_EQ(0, p9_mkdir(&self->p, 0, "d", 0755, 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "d"));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, NULL));
	EXPECT_EQ(-EBUSY, p9_call(&self->p, FERRY_P9_TRENAME, "44s", P9_U64(2), P9_U64(1), "x"));
	EXPECT_EQ(-EBUSY, p9_call(&self->p, FERRY_P9_TREMOVE, "4", P9_U64(2)));
	EXPECT_NE(0, p9_call(&self->p, FERRY_P9_TLINK, "44s", P9_U64(1), P9_U64(0), "x"));
	/* Nor a directory into itself. */
	EXPECT_EQ(-EINVAL, p9_renameat(&self->p, 0, "d", 1, "x"));
}

TEST_F(confine, what_is_moved_out_is_out)
{
	struct p9_stat st;

	ASSERT_EQ(0, mkdir(export_path("export/a"), 0755));
	ASSERT_EQ(0, mkdir(export_path("export/a/b"), 0755));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "a/b"));
	ASSERT_EQ(0, rename(export_path("export/a"), export_path("outside/a")));
	EXPECT_EQ(-ESTALE, p9_walk(&self->p, 1, 2, ".."));
	EXPECT_EQ(-ESTALE, p9_walk(&self->p, 1, 2, "../.."));
	EXPECT_EQ(-ESTALE, p9_walk(&self->p, 1, 2, "../../secret"));
	EXPECT_EQ(-ESTALE, p9_mkdir(&self->p, 1, "new", 0755, 0));
	EXPECT_EQ(-ESTALE, p9_lcreate(&self->p, 1, "new", 1, 0644, 0));
	EXPECT_EQ(-ESTALE, p9_unlinkat(&self->p, 1, "x", 0));
	EXPECT_EQ(-ESTALE, p9_setattr(&self->p, 1, FERRY_P9_SET_MODE, 0777, 0, 0, 0));
	EXPECT_EQ(-ESTALE, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
	EXPECT_EQ(-ESTALE, p9_call(&self->p, FERRY_P9_TXATTRCREATE, "4s84", P9_U64(1), "user.a",
				   P9_U64(0), P9_U64(0)));
	EXPECT_EQ(-ESTALE, p9_call(&self->p, FERRY_P9_TREMOVE, "4", P9_U64(1)));
	EXPECT_EQ(-EBADF, p9_getattr(&self->p, 1, &st));
	EXPECT_NE(0, access(export_path("outside/a/b/new"), F_OK));
	EXPECT_EQ(0, access(export_path("outside/a/b"), F_OK));
}

TEST_F(confine, mounts_below_are_not_crossed)
{
	struct p9_stat st;

	ASSERT_EQ(0, mkdir(export_path("export/m"), 0755));
	ASSERT_EQ(0, mkdir(export_path("export/m/below"), 0755));
	ASSERT_EQ(0, mount("t", export_path("export/m"), "tmpfs", 0, ""));
	export_write(export_path("export/m/inside"), "x");
	EXPECT_EQ(-ENOENT, p9_walk(&self->p, 0, 1, "m/inside"));
	EXPECT_EQ(0, p9_walk(&self->p, 0, 2, "m/below"));
	ASSERT_EQ(0, p9_walk(&self->p, 2, 3, ".."));
	EXPECT_EQ(0, p9_getattr(&self->p, 3, &st));
	EXPECT_EQ(0, umount(export_path("export/m")));
}

/* A host process swaps a directory and a symlink as fast as it can. */
static void *swap_forever(void *stop)
{
	while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED)) {
		renameat2(AT_FDCWD, EXPORT_SWAP_A, AT_FDCWD, EXPORT_SWAP_B, 2);
		sched_yield();
	}
	return NULL;
}

TEST_F(confine, swapped_symlinks_lead_nowhere)
{
	pthread_t swapper;
	bool stop = false;
	unsigned int found = 0;

	ASSERT_EQ(0, mkdir(EXPORT_SWAP_A, 0755));
	export_write(EXPORT_SWAP_A "/inner", "i");
	ASSERT_EQ(0, symlink("../outside", EXPORT_SWAP_B));
	ASSERT_EQ(0, pthread_create(&swapper, NULL, swap_forever, &stop));
	for (unsigned long i = 0; i < test_scale(3000); i++) {
		struct p9_stat st;

		if (!p9_walk(&self->p, 0, 1, "swapa/secret")) {
			found++;
			p9_clunk(&self->p, 1);
		}
		if (!p9_walk(&self->p, 0, 1, "swapa")) {
			if (!p9_lcreate(&self->p, 1, "made", 1, 0644, 0))
				p9_getattr(&self->p, 1, &st);
			p9_clunk(&self->p, 1);
		}
	}
	stop = true;
	pthread_join(swapper, NULL);
	EXPECT_EQ(0U, found);
	EXPECT_NE(0, access(export_path("outside/made"), F_OK));
}

TEST_HARNESS_MAIN
