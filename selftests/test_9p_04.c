// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: what programs rely on. Files that are unlinked while open, O_APPEND, O_EXCL,
 * O_TRUNC, sparse files, long names, directories that change while they are listed,
 * locks, set-id bits, and a read-only export.
 */
#include "export.h"
#include "p9.h"
#include "test.h"
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

FIXTURE(semantics) {
	struct p9 p;
};

FIXTURE_VARIANT(semantics) {
	const char *fs;
	unsigned int model;
};

FIXTURE_VARIANT_ADD(semantics, tmpfs_passthrough) { "tmpfs", FERRY_9P_MODEL_PASSTHROUGH };
FIXTURE_VARIANT_ADD(semantics, tmpfs_mapped) { "tmpfs", FERRY_9P_MODEL_MAPPED };
FIXTURE_VARIANT_ADD(semantics, tmpfs_none) { "tmpfs", FERRY_9P_MODEL_NONE };
FIXTURE_VARIANT_ADD(semantics, ext4_passthrough) { "ext4", FERRY_9P_MODEL_PASSTHROUGH };
FIXTURE_VARIANT_ADD(semantics, ext4_mapped) { "ext4", FERRY_9P_MODEL_MAPPED };

FIXTURE_SETUP(semantics)
{
	EXPORT_SERVE(&self->p, variant->fs, variant->model);
}

FIXTURE_TEARDOWN(semantics)
{
	export_unserve(&self->p);
}

static int make(struct p9 *p, uint32_t fid, const char *name, uint32_t flags, uint32_t mode)
{
	int err = p9_walk(p, 0, fid, NULL);

	return err ? err : p9_lcreate(p, fid, name, flags, mode, 0);
}

TEST_F(semantics, an_unlinked_file_lives_on)
{
	struct p9_stat st;
	char buf[8];

	ASSERT_EQ(0, make(&self->p, 1, "f", FERRY_P9_O_RDWR, 0600));
	ASSERT_EQ(4, p9_write(&self->p, 1, 0, "data", 4));
	ASSERT_EQ(0, p9_unlinkat(&self->p, 0, "f", 0));
	ASSERT_EQ(0, p9_getattr(&self->p, 1, &st));
	EXPECT_EQ(0U, st.nlink);
	EXPECT_EQ(4U, st.size);
	EXPECT_EQ(4, p9_read(&self->p, 1, 0, buf, sizeof(buf)));
	EXPECT_EQ(3, p9_write(&self->p, 1, 4, "+++", 3));
	ASSERT_EQ(0, p9_setattr(&self->p, 1, FERRY_P9_SET_SIZE, 0, 0, 0, 2));
	ASSERT_EQ(0, p9_getattr(&self->p, 1, &st));
	EXPECT_EQ(2U, st.size);
	EXPECT_EQ(-ENOENT, p9_walk(&self->p, 0, 2, "f"));
	EXPECT_EQ(0, p9_clunk(&self->p, 1));
}

TEST_F(semantics, append_excl_and_trunc)
{
	struct p9_stat st;

	ASSERT_EQ(0, make(&self->p, 1, "f", FERRY_P9_O_RDWR | FERRY_P9_O_EXCL, 0600));
	EXPECT_EQ(-EEXIST, make(&self->p, 2, "f", FERRY_P9_O_RDWR | FERRY_P9_O_EXCL, 0600));
	EXPECT_EQ(0, p9_clunk(&self->p, 2));
	ASSERT_EQ(0, make(&self->p, 2, "f", FERRY_P9_O_WRONLY | FERRY_P9_O_APPEND, 0600));
	ASSERT_EQ(3, p9_write(&self->p, 2, 0, "abc", 3));
	ASSERT_EQ(3, p9_write(&self->p, 2, 0, "def", 3));
	EXPECT_TRUE(export_holds(export_path("export/f"), "abcdef"));
	ASSERT_EQ(0, make(&self->p, 3, "f", FERRY_P9_O_WRONLY | FERRY_P9_O_TRUNC, 0600));
	ASSERT_EQ(0, p9_getattr(&self->p, 1, &st));
	EXPECT_EQ(0U, st.size);
	ASSERT_EQ(0, p9_walk(&self->p, 0, 4, "f"));
	EXPECT_EQ(-ENOTDIR, p9_lopen(&self->p, 4, FERRY_P9_O_DIRECTORY));
	EXPECT_EQ(-EINVAL, p9_lopen(&self->p, 4, 3));
	EXPECT_EQ(0, p9_lopen(&self->p, 4, FERRY_P9_O_RDWR | FERRY_P9_O_DIRECT |
				FERRY_P9_O_NOFOLLOW | FERRY_P9_O_CLOEXEC));
	/* O_DIRECT is the guest's own affair: any size goes. */
	EXPECT_EQ(1, p9_write(&self->p, 4, 1, "x", 1));
}

TEST_F(semantics, a_file_without_rights_is_open_to_its_maker)
{
	char buf[4];

	ASSERT_EQ(0, make(&self->p, 1, "f", FERRY_P9_O_RDWR, 0));
	EXPECT_EQ(2, p9_write(&self->p, 1, 0, "ab", 2));
	EXPECT_EQ(2, p9_read(&self->p, 1, 0, buf, 4));
}

TEST_F(semantics, holes_stay_holes)
{
	const uint64_t far = 1ULL << 33;
	struct p9_stat st;
	char buf[4096] = "x";

	ASSERT_EQ(0, make(&self->p, 1, "f", FERRY_P9_O_RDWR, 0600));
	ASSERT_EQ(3, p9_write(&self->p, 1, far, "end", 3));
	ASSERT_EQ(0, p9_getattr(&self->p, 1, &st));
	EXPECT_EQ(far + 3, st.size);
	EXPECT_GT(1000U, st.blocks);
	ASSERT_EQ(4096, p9_read(&self->p, 1, 12345, buf, 4096));
	for (int i = 0; i < 4096; i++)
		ASSERT_EQ(0, buf[i]);
	EXPECT_EQ(3, p9_read(&self->p, 1, far, buf, 4096));
}

TEST_F(semantics, names_of_255_bytes)
{
	char name[257];

	memset(name, 'x', 256);
	name[256] = 0;
	EXPECT_EQ(-ENAMETOOLONG, p9_mkdir(&self->p, 0, name, 0755, 0));
	name[255] = 0;
	EXPECT_EQ(0, p9_mkdir(&self->p, 0, name, 0755, 0));
	EXPECT_EQ(0, p9_walk(&self->p, 0, 1, name));
	EXPECT_EQ(0, p9_unlinkat(&self->p, 0, name, FERRY_P9_UNLINK_DIR));
}

TEST_F(semantics, a_large_directory_changes_while_it_is_listed)
{
	const unsigned int total = test_scale(2000);
	static struct p9_dirent d[2000];
	static uint8_t seen[2000];
	uint64_t at = 0;
	unsigned int calls = 0;
	int n;

	for (unsigned int i = 0; i < total; i++)
		export_write(export_path("export/keep%u", i), "");
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
	while ((n = p9_readdir(&self->p, 1, &at, 8000, d, 2000)) > 0) {
		for (int i = 0; i < n; i++) {
			unsigned int k;

			if (sscanf(d[i].name, "keep%u", &k) == 1 && k < total)
				seen[k]++;
		}
		/* Entries come and go, also those that were listed last. */
		export_write(export_path("export/new%u", calls), "");
		if (calls)
			unlink(export_path("export/new%u", calls - 1));
		calls++;
		ASSERT_LT(calls, 10000U);
	}
	EXPECT_EQ(0, n);
	for (unsigned int i = 0; i < total; i++) {
		ASSERT_EQ(1, seen[i]) {
			TH_LOG("keep%u", i);
		}
	}
}

static int lock(struct p9 *p, uint32_t fid, uint8_t type, uint64_t start, uint64_t len,
		uint32_t proc, const char *client)
{
	int err = p9_call(p, FERRY_P9_TLOCK, "414884s", P9_U64(fid), P9_U64(type), P9_U64(0),
			  start, len, P9_U64(proc), client);

	return err ? err : (int)p9_get(p, 1);
}

/* Times that are given are changes, as the mode is; those of a write are not. */
TEST_F(semantics, times_of_what_may_only_grow)
{
	const uint32_t times = FERRY_P9_SET_MTIME | FERRY_P9_SET_MTIME_SET;
	const uint32_t now = FERRY_P9_SET_ATIME | FERRY_P9_SET_MTIME;
	int flags = FS_APPEND_FL, none = 0, fd;

	ASSERT_EQ(0, make(&self->p, 1, "f", FERRY_P9_O_RDWR, 0600));
	fd = open(export_path("export/f"), O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	TEST_REQUIRE(!ioctl(fd, FS_IOC_SETFLAGS, &flags), "no such files here");
	EXPECT_EQ(-EPERM, p9_setattr(&self->p, 1, times, 0, 0, 0, 0));
	EXPECT_EQ(0, p9_setattr(&self->p, 1, now, 0, 0, 0, 0));
	ASSERT_EQ(0, ioctl(fd, FS_IOC_SETFLAGS, &none));
	EXPECT_EQ(0, p9_setattr(&self->p, 1, times, 0, 0, 0, 0));
	close(fd);
}

TEST_F(semantics, locks_exclude_and_go_with_their_owner)
{
	struct flock fl = { .l_type = F_WRLCK };
	int fd;

	ASSERT_EQ(0, make(&self->p, 1, "f", FERRY_P9_O_RDWR, 0600));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "f"));
	ASSERT_EQ(0, p9_lopen(&self->p, 2, FERRY_P9_O_RDWR));
	EXPECT_EQ(FERRY_P9_LOCK_SUCCESS, lock(&self->p, 1, 1, 0, 10, 100, "host"));
	EXPECT_EQ(FERRY_P9_LOCK_BLOCKED, lock(&self->p, 2, 1, 5, 10, 200, "host"));
	EXPECT_EQ(FERRY_P9_LOCK_BLOCKED, lock(&self->p, 2, 1, 5, 10, 100, "other"));
	EXPECT_EQ(FERRY_P9_LOCK_SUCCESS, lock(&self->p, 2, 1, 5, 10, 100, "host"));
	EXPECT_EQ(FERRY_P9_LOCK_SUCCESS, lock(&self->p, 2, 0, 100, 0, 200, "host"));
	ASSERT_EQ(0, p9_call(&self->p, FERRY_P9_TGETLOCK, "41884s", P9_U64(2), P9_U64(1), P9_U64(0),
			     P9_U64(0), P9_U64(300), "host"));
	EXPECT_EQ(FERRY_P9_LOCK_WRLCK, (int)p9_get(&self->p, 1));
	EXPECT_EQ(0, (int)p9_get(&self->p, 8));
	EXPECT_EQ(15, (int)p9_get(&self->p, 8));
	/* Linux asks for no lock at all, and means any. */
	ASSERT_EQ(0, p9_call(&self->p, FERRY_P9_TGETLOCK, "41884s", P9_U64(2), P9_U64(2), P9_U64(0),
			     P9_U64(0), P9_U64(300), "host"));
	EXPECT_EQ(FERRY_P9_LOCK_WRLCK, (int)p9_get(&self->p, 1));
	ASSERT_EQ(0, p9_call(&self->p, FERRY_P9_TGETLOCK, "41884s", P9_U64(2), P9_U64(2),
			     P9_U64(50), P9_U64(0), P9_U64(300), "host"));
	EXPECT_EQ(FERRY_P9_LOCK_UNLCK, (int)p9_get(&self->p, 1));
	EXPECT_EQ(-EINVAL, p9_call(&self->p, FERRY_P9_TGETLOCK, "41884s", P9_U64(2), P9_U64(3),
				   P9_U64(0), P9_U64(0), P9_U64(300), "host"));
	EXPECT_EQ(-EINVAL, lock(&self->p, 1, 3, 0, 0, 1, "host"));
	EXPECT_EQ(-EINVAL, lock(&self->p, 1, 1, ~0ULL, 1, 1, "host"));
	EXPECT_EQ(-EINVAL, lock(&self->p, 1, 1, 10, ~0ULL, 1, "host"));
	/* The host's processes see them. */
	fd = open(export_path("export/f"), O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, fcntl(fd, F_SETLK, &fl));
	EXPECT_EQ(FERRY_P9_LOCK_SUCCESS, lock(&self->p, 1, 2, 0, 0, 100, "host"));
	fl.l_len = 50;
	EXPECT_EQ(0, fcntl(fd, F_SETLK, &fl));
	fl.l_type = F_UNLCK;
	EXPECT_EQ(0, fcntl(fd, F_SETLK, &fl));
	/* Closed without unlocking. */
	EXPECT_EQ(0, p9_clunk(&self->p, 2));
	EXPECT_EQ(0, p9_clunk(&self->p, 1));
	fl.l_type = F_WRLCK;
	fl.l_len = 0;
	EXPECT_EQ(0, fcntl(fd, F_SETLK, &fl));
	close(fd);
}

/* As on the host, a directory is neither made with set-id bits nor open for writing. */
TEST_F(semantics, what_a_directory_does_not_have)
{
	struct p9_stat st;

	ASSERT_EQ(0, p9_mkdir(&self->p, 0, "d", 07755, 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "d"));
	ASSERT_EQ(0, p9_getattr(&self->p, 1, &st));
	if (variant->model != FERRY_9P_MODEL_MAPPED)
		EXPECT_EQ(S_IFDIR | 01755U, st.mode);
	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
	EXPECT_EQ(FERRY_P9_LOCK_SUCCESS, lock(&self->p, 1, 0, 0, 0, 100, "host"));
	EXPECT_EQ(-EBADF, lock(&self->p, 1, 1, 0, 0, 100, "host"));
	EXPECT_EQ(FERRY_P9_LOCK_SUCCESS, lock(&self->p, 1, 2, 0, 0, 100, "host"));
	/* That it is not open for that is said before where it would be. */
	EXPECT_EQ(-EBADF, p9_write(&self->p, 1, ~0ULL, "x", 1));
}

TEST_F(semantics, locks_are_limited)
{
	unsigned int n;

	ASSERT_EQ(0, make(&self->p, 1, "f", FERRY_P9_O_RDWR, 0600));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "f"));
	ASSERT_EQ(0, p9_lopen(&self->p, 2, FERRY_P9_O_RDWR));
	for (n = 0; n < 1100; n++)
		if (lock(&self->p, 1, 0, 0, 1, n, "host"))
			break;
	EXPECT_EQ(1024U, n);
	EXPECT_EQ(-ENOLCK, lock(&self->p, 1, 0, 0, 1, n, "host"));
	EXPECT_EQ(0, p9_clunk(&self->p, 1));
	/* All are gone with the fid. */
	EXPECT_EQ(0, lock(&self->p, 2, 1, 0, 0, 9999, "host"));
}

static int mode_of(struct p9 *p, uint32_t fid)
{
	struct p9_stat st;

	return p9_getattr(p, fid, &st) ? -1 : (int)(st.mode & 07777);
}

TEST_F(semantics, set_id_bits_go)
{
	ASSERT_EQ(0, make(&self->p, 1, "f", FERRY_P9_O_RDWR, 0755));
	ASSERT_EQ(0, p9_setattr(&self->p, 1, FERRY_P9_SET_MODE, 06755, 0, 0, 0));
	EXPECT_EQ(06755, mode_of(&self->p, 1));
	ASSERT_EQ(1, p9_write(&self->p, 1, 0, "x", 1));
	EXPECT_EQ(0755, mode_of(&self->p, 1));
	ASSERT_EQ(0, p9_setattr(&self->p, 1, FERRY_P9_SET_MODE, 06755, 0, 0, 0));
	ASSERT_EQ(0, p9_setattr(&self->p, 1, FERRY_P9_SET_SIZE, 0, 0, 0, 0));
	EXPECT_EQ(0755, mode_of(&self->p, 1));
	ASSERT_EQ(0, p9_setattr(&self->p, 1, FERRY_P9_SET_MODE, 06755, 0, 0, 0));
	ASSERT_EQ(0, p9_setattr(&self->p, 1, FERRY_P9_SET_UID, 0, 1, 0, 0));
	EXPECT_EQ(0755, mode_of(&self->p, 1));
	ASSERT_EQ(0, p9_setattr(&self->p, 1, FERRY_P9_SET_MODE, 06755, 0, 0, 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "f"));
	ASSERT_EQ(0, p9_lopen(&self->p, 2, FERRY_P9_O_WRONLY | FERRY_P9_O_TRUNC));
	EXPECT_EQ(0755, mode_of(&self->p, 1));
}

TEST_F(semantics, a_umask_of_the_owner_has_no_effect)
{
	ASSERT_EQ(0, p9_mkdir(&self->p, 0, "a", 01777, 0));
	umask(0777);
	ASSERT_EQ(0, p9_mkdir(&self->p, 0, "b", 01777, 0));
	ASSERT_EQ(0, make(&self->p, 1, "f", FERRY_P9_O_RDWR, 0666));
	umask(0);
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "b"));
	EXPECT_EQ(01777, mode_of(&self->p, 2));
	EXPECT_EQ(0666, mode_of(&self->p, 1));
}

TEST_F(semantics, a_full_file_system_says_so)
{
	static char data[65536];
	uint64_t at = 0;
	ssize_t n;

	ASSERT_EQ(0, make(&self->p, 1, "f", FERRY_P9_O_RDWR, 0600));
	while ((n = p9_write(&self->p, 1, at, data, sizeof(data))) > 0 && at < 1ULL << 30)
		at += n;
	EXPECT_EQ(-ENOSPC, n);
	EXPECT_EQ(0, p9_setattr(&self->p, 1, FERRY_P9_SET_SIZE, 0, 0, 0, 0));
	EXPECT_EQ(1, p9_write(&self->p, 1, 0, "x", 1));
}

TEST_F(semantics, read_only_means_that)
{
	struct p9_stat st;
	char buf[4];

	export_write(export_path("export/f"), "data");
	p9_close(&self->p);
	p9_open(&self->p, export_dir(), variant->model, FERRY_9P_F_READ_ONLY);
	EXPECT_EQ(-EROFS, p9_mkdir(&self->p, 0, "d", 0755, 0));
	EXPECT_EQ(-EROFS, make(&self->p, 1, "g", FERRY_P9_O_RDONLY, 0600));
	EXPECT_EQ(-EROFS, p9_symlink(&self->p, 0, "s", "t", 0));
	EXPECT_EQ(-EROFS, p9_unlinkat(&self->p, 0, "f", 0));
	EXPECT_EQ(-EROFS, p9_renameat(&self->p, 0, "f", 0, "g"));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "f"));
	EXPECT_EQ(-EROFS, p9_lopen(&self->p, 2, FERRY_P9_O_RDWR));
	EXPECT_EQ(-EROFS, p9_lopen(&self->p, 2, FERRY_P9_O_RDONLY | FERRY_P9_O_TRUNC));
	EXPECT_EQ(-EROFS, p9_setattr(&self->p, 2, FERRY_P9_SET_MODE, 0777, 0, 0, 0));
	EXPECT_EQ(-EROFS, p9_call(&self->p, FERRY_P9_TXATTRCREATE, "4s84", P9_U64(2), "user.a",
				  P9_U64(1), P9_U64(0)));
	EXPECT_EQ(0, p9_lopen(&self->p, 2, FERRY_P9_O_RDONLY));
	EXPECT_EQ(4, p9_read(&self->p, 2, 0, buf, 4));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 3, "f"));
	EXPECT_EQ(-EROFS, p9_call(&self->p, FERRY_P9_TREMOVE, "4", P9_U64(3)));
	EXPECT_EQ(-EBADF, p9_getattr(&self->p, 3, &st));
	EXPECT_TRUE(export_holds(export_path("export/f"), "data"));
}

TEST_HARNESS_MAIN
