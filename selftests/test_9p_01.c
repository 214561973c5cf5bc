// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: every request of 9P2000.L does what it says, in each security model, on
 * tmpfs and on ext4, and the host sees the same.
 */
#include "export.h"
#include "p9.h"
#include "test.h"
#include <sys/stat.h>
#include <sys/xattr.h>

FIXTURE(basic) {
	struct p9 p;
};

FIXTURE_VARIANT(basic) {
	const char *fs;
	unsigned int model;
	struct ring_layout l;
};

FIXTURE_VARIANT_ADD(basic, tmpfs_passthrough) {
	.fs = "tmpfs", .model = FERRY_9P_MODEL_PASSTHROUGH };
FIXTURE_VARIANT_ADD(basic, tmpfs_mapped) { .fs = "tmpfs", .model = FERRY_9P_MODEL_MAPPED };
FIXTURE_VARIANT_ADD(basic, tmpfs_none) { .fs = "tmpfs", .model = FERRY_9P_MODEL_NONE };
FIXTURE_VARIANT_ADD(basic, ext4_passthrough) {
	.fs = "ext4", .model = FERRY_9P_MODEL_PASSTHROUGH };
FIXTURE_VARIANT_ADD(basic, ext4_mapped) { .fs = "ext4", .model = FERRY_9P_MODEL_MAPPED };

FIXTURE_SETUP(basic)
{
	EXPORT_SERVE(&self->p, variant->fs, variant->model);
}

FIXTURE_TEARDOWN(basic)
{
	export_unserve(&self->p);
}

TEST_F(basic, attach_is_the_directory)
{
	struct p9_stat st;
	struct stat host;

	ASSERT_EQ(0, p9_getattr(&self->p, 0, &st));
	ASSERT_EQ(0, stat(export_dir(), &host));
	EXPECT_EQ(host.st_ino, st.ino);
	EXPECT_EQ(FERRY_P9_QTDIR, st.qtype);
	EXPECT_EQ(host.st_mode, st.mode);
	EXPECT_EQ(host.st_uid, st.uid);
	EXPECT_EQ(host.st_mtime, (time_t)st.mtime);
	EXPECT_EQ(host.st_nlink, st.nlink);
}

TEST_F(basic, files_are_made_written_and_read)
{
	static char data[100000], back[100000];
	struct p9_stat st;
	struct stat host;

	for (unsigned int i = 0; i < sizeof(data); i++)
		data[i] = i * 7 + i / 251;
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_lcreate(&self->p, 1, "file", FERRY_P9_O_RDWR, 0640, 0));
	ASSERT_EQ((ssize_t)sizeof(data), p9_write(&self->p, 1, 0, data, sizeof(data)));
	ASSERT_EQ((ssize_t)sizeof(back), p9_read(&self->p, 1, 0, back, sizeof(back)));
	EXPECT_EQ(0, memcmp(data, back, sizeof(data)));
	EXPECT_EQ(3, p9_read(&self->p, 1, sizeof(data) - 3, back, 100));
	EXPECT_EQ(0, p9_read(&self->p, 1, sizeof(data), back, 100));
	ASSERT_EQ(0, p9_getattr(&self->p, 1, &st));
	EXPECT_EQ(sizeof(data), st.size);
	EXPECT_EQ(S_IFREG | 0640, (int)st.mode);
	ASSERT_EQ(0, stat(export_path("export/file"), &host));
	EXPECT_EQ((off_t)sizeof(data), host.st_size);
	EXPECT_EQ(S_IFREG | (variant->model == FERRY_9P_MODEL_MAPPED ? 0600 : 0640),
		  (int)host.st_mode);
	EXPECT_EQ(0, p9_call(&self->p, FERRY_P9_TFSYNC, "44", P9_U64(1), P9_U64(0)));
	EXPECT_EQ(0, p9_clunk(&self->p, 1));
	EXPECT_EQ(-EBADF, p9_clunk(&self->p, 1));
}

TEST_F(basic, directories_are_walked)
{
	struct p9_stat st, root;

	ASSERT_EQ(0, p9_mkdir(&self->p, 0, "a", 0755, 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "a"));
	ASSERT_EQ(0, p9_mkdir(&self->p, 1, "b", 0755, 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "a/b"));
	ASSERT_EQ(0, p9_walk(&self->p, 2, 3, "../../a/./b/.."));
	ASSERT_EQ(0, p9_getattr(&self->p, 3, &st));
	ASSERT_EQ(0, p9_getattr(&self->p, 1, &root));
	EXPECT_EQ(root.ino, st.ino);
	EXPECT_EQ(-EINVAL, p9_walk(&self->p, 0, 1, "a"));
	EXPECT_EQ(-ENOENT, p9_walk(&self->p, 0, 9, "a/nothing"));
	EXPECT_EQ(-EBADF, p9_clunk(&self->p, 9));
	EXPECT_EQ(-ENOENT, p9_walk(&self->p, 0, 9, "nothing"));
	/* In place. */
	ASSERT_EQ(0, p9_walk(&self->p, 3, 3, "b"));
	EXPECT_EQ(0, p9_unlinkat(&self->p, 1, "b", FERRY_P9_UNLINK_DIR));
	EXPECT_EQ(-ENOENT, p9_walk(&self->p, 0, 9, "a/b"));
}

TEST_F(basic, links_and_names_change)
{
	struct p9_stat st;
	char target[64];

	ASSERT_EQ(0, p9_symlink(&self->p, 0, "s", "to/where/ever", 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "s"));
	ASSERT_EQ(0, p9_getattr(&self->p, 1, &st));
	EXPECT_TRUE(S_ISLNK(st.mode));
	EXPECT_EQ(FERRY_P9_QTSYMLINK, st.qtype);
	ASSERT_EQ(0, p9_call(&self->p, FERRY_P9_TREADLINK, "4", P9_U64(1)));
	ASSERT_EQ(13, (int)p9_get(&self->p, 2));
	memcpy(target, self->p.rx.p, 13);
	EXPECT_EQ(0, memcmp(target, "to/where/ever", 13));
	EXPECT_EQ(-ELOOP, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));

	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, NULL));
	ASSERT_EQ(0, p9_lcreate(&self->p, 2, "f", FERRY_P9_O_RDWR, 0644, 0));
	ASSERT_EQ(0, p9_call(&self->p, FERRY_P9_TLINK, "44s", P9_U64(0), P9_U64(2), "g"));
	ASSERT_EQ(0, p9_getattr(&self->p, 2, &st));
	EXPECT_EQ(2, (int)st.nlink);
	ASSERT_EQ(0, p9_mkdir(&self->p, 0, "d", 0700, 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 3, "d"));
	ASSERT_EQ(0, p9_renameat(&self->p, 0, "g", 3, "h"));
	EXPECT_EQ(-ENOENT, p9_walk(&self->p, 0, 4, "g"));
	EXPECT_EQ(0, p9_walk(&self->p, 3, 4, "h"));
	EXPECT_EQ(0, p9_call(&self->p, FERRY_P9_TRENAME, "44s", P9_U64(4), P9_U64(0), "i"));
	EXPECT_EQ(0, access(export_path("export/i"), F_OK));
	EXPECT_EQ(-EISDIR, p9_unlinkat(&self->p, 0, "d", 0));
	EXPECT_EQ(-ENOTDIR, p9_unlinkat(&self->p, 0, "i", FERRY_P9_UNLINK_DIR));
	EXPECT_EQ(0, p9_call(&self->p, FERRY_P9_TREMOVE, "4", P9_U64(4)));
	EXPECT_NE(0, access(export_path("export/i"), F_OK));
	EXPECT_EQ(-EBADF, p9_getattr(&self->p, 4, &st));
	EXPECT_EQ(0, p9_unlinkat(&self->p, 0, "d", FERRY_P9_UNLINK_DIR));
	EXPECT_EQ(-EEXIST, p9_symlink(&self->p, 0, "f", "x", 0));
}

TEST_F(basic, attributes_are_set)
{
	struct p9_stat st;

	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_lcreate(&self->p, 1, "f", FERRY_P9_O_RDWR, 0644, 0));
	ASSERT_EQ(0, p9_setattr(&self->p, 1, FERRY_P9_SET_MODE, 04750, 0, 0, 0));
	ASSERT_EQ(0, p9_getattr(&self->p, 1, &st));
	EXPECT_EQ(S_IFREG | 04750, (int)st.mode);
	ASSERT_EQ(0, p9_setattr(&self->p, 1, FERRY_P9_SET_UID | FERRY_P9_SET_GID, 0, 12, 34, 0));
	ASSERT_EQ(0, p9_getattr(&self->p, 1, &st));
	EXPECT_EQ(12, (int)st.uid);
	EXPECT_EQ(34, (int)st.gid);
	EXPECT_EQ(S_IFREG | 0750, (int)st.mode);
	ASSERT_EQ(0, p9_setattr(&self->p, 1, FERRY_P9_SET_SIZE, 0, 0, 0, 12345));
	ASSERT_EQ(0, p9_setattr(&self->p, 1, FERRY_P9_SET_ATIME | FERRY_P9_SET_ATIME_SET |
				FERRY_P9_SET_MTIME | FERRY_P9_SET_MTIME_SET, 0, 0, 0, 0));
	ASSERT_EQ(0, p9_getattr(&self->p, 1, &st));
	EXPECT_EQ(12345, (int)st.size);
	EXPECT_EQ(1000, (int)st.atime);
	EXPECT_EQ(2000, (int)st.mtime);
	EXPECT_EQ(-EINVAL, p9_setattr(&self->p, 1, 0x8000, 0, 0, 0, 0));
	EXPECT_EQ(-EINVAL, p9_setattr(&self->p, 1, FERRY_P9_SET_SIZE, 0, 0, 0, -1));
	/* Mode and owner in one. */
	EXPECT_EQ(0, p9_setattr(&self->p, 1, FERRY_P9_SET_MODE | FERRY_P9_SET_UID, 06777, 0, 0, 0));
}

TEST_F(basic, directories_are_listed)
{
	struct p9_dirent d[64];
	uint64_t at = 0;
	int n, seen = 0;

	for (int i = 0; i < 20; i++)
		export_write(export_path("export/entry%d", i), "x");
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	EXPECT_EQ(-EBADF, p9_readdir(&self->p, 1, &at, 4096, d, 64));
	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY | FERRY_P9_O_DIRECTORY));
	EXPECT_EQ(-EINVAL, p9_readdir(&self->p, 1, &at, 10, d, 64));
	while ((n = p9_readdir(&self->p, 1, &at, 200, d, 64)) > 0) {
		for (int i = 0; i < n; i++) {
			struct stat host;

			seen++;
			if (!strcmp(d[i].name, ".."))
				continue;
			ASSERT_EQ(0, lstat(export_path("export/%s", d[i].name), &host));
			EXPECT_EQ(host.st_ino, d[i].ino);
		}
	}
	EXPECT_EQ(0, n);
	EXPECT_EQ(22, seen);
	EXPECT_EQ(-EISDIR, p9_read(&self->p, 1, 0, d, 100));
	EXPECT_EQ(-EISDIR, p9_walk(&self->p, 0, 2, NULL) ? 1 :
		  p9_lopen(&self->p, 2, FERRY_P9_O_RDWR));
}

TEST_F(basic, statfs_is_the_file_systems)
{
	ASSERT_EQ(0, p9_call(&self->p, FERRY_P9_TSTATFS, "4", P9_U64(0)));
	EXPECT_NE(0U, p9_get(&self->p, 4));
	EXPECT_NE(0U, p9_get(&self->p, 4));
	EXPECT_NE(0U, p9_get(&self->p, 8));
}

TEST_F(basic, extended_attributes_are_kept)
{
	char value[64];

	ASSERT_EQ(0, p9_mkdir(&self->p, 0, "d", 0755, 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "d"));
	errno = 0;
	if (setxattr(export_path("export/d"), "user.probe", "x", 1, 0))
		SKIP(return, "no user attributes on %s: %s", variant->fs, strerror(errno));
	removexattr(export_path("export/d"), "user.probe");
	ASSERT_EQ(0, p9_setxattr(&self->p, 1, 7, "user.test", "value", 5, 0));
	ASSERT_EQ(5, p9_getxattr(&self->p, 1, 7, "user.test", value, sizeof(value)));
	EXPECT_EQ(0, memcmp(value, "value", 5));
	ASSERT_EQ(5, getxattr(export_path("export/d"), "user.test", value, sizeof(value)));
	EXPECT_EQ(10, p9_getxattr(&self->p, 1, 7, "", value, sizeof(value)));
	EXPECT_EQ(0, memcmp(value, "user.test", 10));
	EXPECT_EQ(-EEXIST, p9_setxattr(&self->p, 1, 7, "user.test", "v", 1, XATTR_CREATE));
	EXPECT_EQ(0, p9_setxattr(&self->p, 1, 7, "user.test", NULL, 0, XATTR_REPLACE));
	EXPECT_EQ(-ENODATA, p9_getxattr(&self->p, 1, 7, "user.test", value, sizeof(value)));
	EXPECT_EQ(-EOPNOTSUPP, p9_setxattr(&self->p, 1, 7, "trusted.x", "v", 1, 0));
	EXPECT_EQ(-EOPNOTSUPP, p9_setxattr(&self->p, 1, 7, "nonsense", "v", 1, 0));
}

TEST_HARNESS_MAIN
