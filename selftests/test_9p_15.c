// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: the host does something to the exported directory while it is served: it makes
 * the file system read-only, removes the directory, or kills the owner with hundreds of
 * requests on their way. Errors reach the request, and the file system is free at once.
 */
#include "export.h"
#include "p9.h"
#include "test.h"
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Devices of one owner; together they have hundreds of requests. */
#define DEVICES	8

FIXTURE(host) {
	struct p9 p;
};

FIXTURE_VARIANT(host) {
	const char *fs;
	unsigned int model;
};

FIXTURE_VARIANT_ADD(host, tmpfs) { "tmpfs", FERRY_9P_MODEL_PASSTHROUGH };
FIXTURE_VARIANT_ADD(host, ext4) { "ext4", FERRY_9P_MODEL_PASSTHROUGH };
FIXTURE_VARIANT_ADD(host, ext4_mapped) { "ext4", FERRY_9P_MODEL_MAPPED };

FIXTURE_SETUP(host)
{
	EXPORT_SERVE(&self->p, variant->fs, variant->model);
}

FIXTURE_TEARDOWN(host)
{
	export_unserve(&self->p);
}

static int remount(unsigned long flags)
{
	return mount(NULL, export_top(), NULL, MS_REMOUNT | flags, NULL) ? -errno : 0;
}

TEST_F(host, makes_it_read_only)
{
	struct p9_stat st;
	char buf[8];

	ASSERT_EQ(0, p9_mkdir(&self->p, 0, "d", 0755, 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_lcreate(&self->p, 1, "f", FERRY_P9_O_RDWR, 0644, 0));
	ASSERT_EQ(4, p9_write(&self->p, 1, 0, "text", 4));
	/* Not while a file is open for writing: the guest's count as the host's do. */
	EXPECT_EQ(-EBUSY, remount(MS_RDONLY));
	ASSERT_EQ(0, p9_clunk(&self->p, 1));
	ASSERT_EQ(0, remount(MS_RDONLY));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "f"));
	EXPECT_EQ(-EROFS, p9_lopen(&self->p, 1, FERRY_P9_O_RDWR));
	EXPECT_EQ(-EROFS, p9_setattr(&self->p, 1, FERRY_P9_SET_SIZE, 0, 0, 0, 0));
	EXPECT_EQ(-EROFS, p9_setattr(&self->p, 1, FERRY_P9_SET_MODE, 0600, 0, 0, 0));
	EXPECT_EQ(-EROFS, p9_mkdir(&self->p, 0, "e", 0755, 0));
	EXPECT_EQ(-EROFS, p9_symlink(&self->p, 0, "s", "f", 0));
	EXPECT_EQ(-EROFS, p9_unlinkat(&self->p, 0, "f", 0));
	EXPECT_EQ(-EROFS, p9_renameat(&self->p, 0, "f", 0, "g"));
	EXPECT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
	EXPECT_EQ(4, p9_read(&self->p, 1, 0, buf, sizeof(buf)));
	EXPECT_EQ(0, p9_getattr(&self->p, 1, &st));
	ASSERT_EQ(0, remount(0));
	EXPECT_EQ(0, p9_mkdir(&self->p, 0, "e", 0755, 0));
}

TEST_F(host, removes_the_directory)
{
	struct p9_dirent d[4];
	uint64_t offset = 0;
	struct p9_stat st;
	char buf[8];

	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_lcreate(&self->p, 1, "f", FERRY_P9_O_RDWR, 0644, 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, NULL));
	ASSERT_EQ(0, p9_lopen(&self->p, 2, FERRY_P9_O_RDONLY));
	ASSERT_EQ(0, unlink(export_path("export/f")));
	ASSERT_EQ(0, rmdir(export_dir()));
	EXPECT_EQ(-ENOENT, p9_mkdir(&self->p, 0, "d", 0755, 0));
	EXPECT_EQ(-ENOENT, p9_symlink(&self->p, 0, "s", "f", 0));
	EXPECT_EQ(-ENOENT, p9_walk(&self->p, 0, 3, "f"));
	EXPECT_EQ(0, p9_walk(&self->p, 0, 3, ".."));
	EXPECT_EQ(-ENOENT, p9_mkdir(&self->p, 3, "d", 0755, 0));
	EXPECT_GE(0, p9_readdir(&self->p, 2, &offset, 4096, d, 4));
	ASSERT_EQ(0, p9_getattr(&self->p, 0, &st));
	EXPECT_TRUE(S_ISDIR(st.mode));
	/* Who has a file open goes on with it. */
	EXPECT_EQ(4, p9_write(&self->p, 1, 0, "text", 4));
	EXPECT_EQ(4, p9_read(&self->p, 1, 0, buf, sizeof(buf)));
	ASSERT_EQ(0, p9_getattr(&self->p, 1, &st));
	EXPECT_EQ(0U, st.nlink);
	/* Another of the name is another one. */
	ASSERT_EQ(0, mkdir(export_dir(), 0755));
	EXPECT_EQ(-ENOENT, p9_mkdir(&self->p, 0, "d", 0755, 0));
}

/* Devices of one process: tell when they are there, ask for all at once when told to. */
static void ask_for_hundreds(const char *dir, unsigned int model, int told, int tell)
{
	static struct p9 p[DEVICES];
	char c = 0;

	for (unsigned int i = 0; i < DEVICES; i++)
		p9_open(&p[i], dir, model, 0);
	check(write(tell, &c, 1) == 1 && read(told, &c, 1) == 1, "a word");
	for (unsigned int i = 0; i < DEVICES * P9_SLOTS; i++) {
		struct p9 *to = &p[i / P9_SLOTS];
		char name[16];

		snprintf(name, sizeof(name), "d%u", i);
		to->tag = i;
		p9_queue(to, i % P9_SLOTS, FERRY_P9_TMKDIR, "4s44", P9_U64(0), name, P9_U64(0755),
			 P9_U64(0));
		if (i % P9_SLOTS == P9_SLOTS - 1)
			p9_kick(to);
	}
	check(write(tell, &c, 1) == 1, "a word");
	for (;;)
		pause();
}

TEST_F(host, kills_the_owner_with_hundreds_of_requests)
{
	int told[2], tell[2], top, status;
	pid_t pid;
	char c;

	p9_close(&self->p);
	ASSERT_EQ(0, pipe(told));
	ASSERT_EQ(0, pipe(tell));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		ask_for_hundreds(export_dir(), variant->model, told[0], tell[1]);
	ASSERT_EQ(1, read(tell[0], &c, 1));
	top = open(export_top(), O_RDONLY | O_CLOEXEC);
	/* Where it can be frozen, none of them is carried out before the end. */
	ioctl(top, FIFREEZE, 0);
	ASSERT_EQ(1, write(told[1], &c, 1));
	ASSERT_EQ(1, read(tell[0], &c, 1));
	kill(pid, SIGKILL);
	ioctl(top, FITHAW, 0);
	close(top);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	/* Free at once: the teardown does it again with another. */
	export_unmount();
	EXPORT_SERVE(&self->p, variant->fs, variant->model);
}

TEST_HARNESS_MAIN
