// SPDX-License-Identifier: GPL-2.0
/*
 * vhost=off of a 9P device, with the right to mount and without: where files are is found
 * anew as they move, also where no path tells it, and what lies outside stays there.
 */
#include "export.h"
#include "p9.h"
#include "test.h"
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

FIXTURE(place) {
	struct p9 p;
};

FIXTURE_VARIANT(place) {
	bool mounts;
	unsigned int model;
};

FIXTURE_VARIANT_ADD(place, mounts) { true, FERRY_9P_MODEL_PASSTHROUGH };
FIXTURE_VARIANT_ADD(place, does_not_mount) { false, FERRY_9P_MODEL_PASSTHROUGH };
FIXTURE_VARIANT_ADD(place, none_does_not_mount) { false, FERRY_9P_MODEL_NONE };

/* The threads of the server are made by this one, and have its rights. */
static void may_mount(bool may)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];

	check(!syscall(SYS_capget, &h, caps), "capget");
	caps[0].effective &= ~(1U << CAP_SYS_ADMIN);
	if (may)
		caps[0].effective |= 1U << CAP_SYS_ADMIN;
	check(!syscall(SYS_capset, &h, caps), "capset");
}

FIXTURE_SETUP(place)
{
	int err = __export_mount("tmpfs");

	TEST_REQUIRE(!err, "no tmpfs here: %s", strerror(-err));
	may_mount(variant->mounts);
	p9_open(&self->p, export_dir(), variant->model, 0);
}

FIXTURE_TEARDOWN(place)
{
	struct p9_stat st;

	EXPECT_TRUE(export_holds(export_path("outside/secret"), "secret"));
	EXPECT_EQ(0, p9_getattr(&self->p, 0, &st));
	p9_close(&self->p);
	may_mount(true);
	export_unmount();
}

static int remove_fid(struct p9 *p, uint32_t fid)
{
	return p9_call(p, FERRY_P9_TREMOVE, "4", P9_U64(fid));
}

static int rename_fid(struct p9 *p, uint32_t fid, uint32_t dir, const char *name)
{
	return p9_call(p, FERRY_P9_TRENAME, "44s", P9_U64(fid), P9_U64(dir), name);
}

static uint64_t ino_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) ? 0 : st.st_ino;
}

TEST_F(place, the_way_up_ends_at_the_root)
{
	struct p9_stat st;

	ASSERT_EQ(0, mkdir(export_path("export/a"), 0755));
	ASSERT_EQ(0, mkdir(export_path("export/a/b"), 0755));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "a/b"));
	ASSERT_EQ(0, p9_walk(&self->p, 1, 2, "../../../../.."));
	ASSERT_EQ(0, p9_getattr(&self->p, 2, &st));
	EXPECT_EQ(ino_of(export_dir()), st.ino);
	EXPECT_EQ(-ENOENT, p9_walk(&self->p, 1, 3, "../../../outside"));
}

TEST_F(place, fids_follow_their_files)
{
	struct p9_stat st;

	ASSERT_EQ(0, mkdir(export_path("export/d"), 0755));
	ASSERT_EQ(0, mkdir(export_path("export/e"), 0755));
	export_write(export_path("export/d/f"), "f");
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "d/f"));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "d"));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 3, "e"));
	/* By the guest, by another fid; then by the host; then with its directory. */
	ASSERT_EQ(0, p9_renameat(&self->p, 2, "f", 3, "g"));
	EXPECT_EQ(0, rename_fid(&self->p, 1, 2, "h"));
	EXPECT_TRUE(export_holds(export_path("export/d/h"), "f"));
	ASSERT_EQ(0, rename(export_path("export/d/h"), export_path("export/e/i")));
	EXPECT_EQ(0, rename_fid(&self->p, 1, 0, "j"));
	EXPECT_TRUE(export_holds(export_path("export/j"), "f"));
	ASSERT_EQ(0, rename_fid(&self->p, 1, 2, "k"));
	ASSERT_EQ(0, rename(export_path("export/d"), export_path("export/e/d")));
	EXPECT_EQ(0, rename_fid(&self->p, 2, 0, "dd"));
	EXPECT_TRUE(export_holds(export_path("export/dd/k"), "f"));
	EXPECT_EQ(0, remove_fid(&self->p, 1));
	EXPECT_NE(0, access(export_path("export/dd/k"), F_OK));
	EXPECT_EQ(0, remove_fid(&self->p, 2));
	EXPECT_NE(0, access(export_path("export/dd"), F_OK));
	EXPECT_EQ(-EBADF, p9_getattr(&self->p, 2, &st));
}

TEST_F(place, another_file_of_the_name_is_another_file)
{
	export_write(export_path("export/f"), "old");
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "f"));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "f"));
	ASSERT_EQ(0, unlink(export_path("export/f")));
	export_write(export_path("export/f"), "new");
	EXPECT_EQ(-ENOENT, rename_fid(&self->p, 2, 0, "g"));
	EXPECT_EQ(-ENOENT, remove_fid(&self->p, 1));
	EXPECT_TRUE(export_holds(export_path("export/f"), "new"));
	/* A name that looks like what the kernel says of files that are gone. */
	export_write(export_path("export/x (deleted)"), "x");
	ASSERT_EQ(0, p9_walk(&self->p, 0, 3, "x (deleted)"));
	ASSERT_EQ(0, rename(export_path("export/x (deleted)"), export_path("export/y (deleted)")));
	EXPECT_EQ(0, remove_fid(&self->p, 3));
	EXPECT_NE(0, access(export_path("export/y (deleted)"), F_OK));
}

TEST_F(place, files_that_are_moved_out_are_out)
{
	ASSERT_EQ(0, mkdir(export_path("export/outside"), 0755));
	export_write(export_path("export/f"), "f");
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "f"));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "f"));
	ASSERT_EQ(0, rename(export_path("export/f"), export_path("outside/f")));
	/* One of the same name where the path would lead from the wrong root. */
	export_write(export_path("export/outside/f"), "another");
	EXPECT_EQ(-ESTALE, p9_lopen(&self->p, 1, FERRY_P9_O_RDWR));
	EXPECT_EQ(-ESTALE, p9_setattr(&self->p, 1, FERRY_P9_SET_MODE, 0777, 0, 0, 0));
	EXPECT_NE(0, rename_fid(&self->p, 1, 0, "g"));
	EXPECT_NE(0, remove_fid(&self->p, 1));
	EXPECT_NE(0, p9_call(&self->p, FERRY_P9_TLINK, "44s", P9_U64(0), P9_U64(2), "l"));
	EXPECT_TRUE(export_holds(export_path("outside/f"), "f"));
	EXPECT_TRUE(export_holds(export_path("export/outside/f"), "another"));
}

/* The name that a file was found by is gone, and it has another. */
TEST_F(place, one_of_two_names_goes)
{
	char name[256] = {};
	struct p9_stat st;

	memset(name, 'n', 255);
	ASSERT_EQ(0, mkdir(export_path("export/d"), 0755));
	export_write(export_path("export/d/%s", name), "f");
	ASSERT_EQ(0, link(export_path("export/d/%s", name), export_path("export/other")));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "d"));
	ASSERT_EQ(0, p9_walk(&self->p, 1, 2, name));
	ASSERT_EQ(0, p9_walk(&self->p, 2, 3, NULL));
	ASSERT_EQ(0, p9_walk(&self->p, 2, 4, NULL));
	ASSERT_EQ(0, p9_unlinkat(&self->p, 1, name, 0));
	EXPECT_EQ(0, p9_setattr(&self->p, 2, FERRY_P9_SET_MODE, 0640, 0, 0, 0));
	EXPECT_EQ(0, p9_lopen(&self->p, 2, FERRY_P9_O_RDWR));
	ASSERT_EQ(0, p9_getattr(&self->p, 2, &st));
	EXPECT_EQ(0640U, st.mode & 0777);
	/* It is to be found by no name, and not where its directory is not. */
	EXPECT_EQ(-ENOENT, remove_fid(&self->p, 4));
	ASSERT_EQ(0, rename(export_path("export/d"), export_path("outside/d")));
	EXPECT_EQ(-ESTALE, p9_lopen(&self->p, 3, FERRY_P9_O_RDWR));
}

/* Likewise, but it was moved out before, to where a path leads from the wrong root. */
TEST_F(place, one_of_two_names_goes_outside)
{
	ASSERT_EQ(0, mkdir(export_path("export/outside"), 0755));
	export_write(export_path("export/f"), "f");
	ASSERT_EQ(0, link(export_path("export/f"), export_path("outside/other")));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "f"));
	ASSERT_EQ(0, rename(export_path("export/f"), export_path("outside/f")));
	ASSERT_EQ(0, unlink(export_path("outside/f")));
	EXPECT_EQ(-ESTALE, p9_lopen(&self->p, 1, FERRY_P9_O_RDWR));
	EXPECT_NE(0, p9_call(&self->p, FERRY_P9_TLINK, "44s", P9_U64(0), P9_U64(1), "l"));
}

TEST_F(place, deeper_than_any_path)
{
	const unsigned int depth = 60;
	char name[101];
	char buf[8];

	memset(name, 'd', 100);
	name[100] = 0;
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	for (unsigned int i = 0; i < depth; i++) {
		ASSERT_EQ(0, p9_mkdir(&self->p, 1, name, 0755, 0));
		ASSERT_EQ(0, p9_walk(&self->p, 1, 1, name));
	}
	ASSERT_EQ(0, p9_walk(&self->p, 1, 2, NULL));
	ASSERT_EQ(0, p9_lcreate(&self->p, 2, "f", FERRY_P9_O_RDWR, 0644, 0));
	ASSERT_EQ(4, p9_write(&self->p, 2, 0, "deep", 4));
	ASSERT_EQ(0, p9_walk(&self->p, 1, 3, "f"));
	ASSERT_EQ(0, p9_lopen(&self->p, 3, FERRY_P9_O_RDONLY));
	EXPECT_EQ(4, p9_read(&self->p, 3, 0, buf, sizeof(buf)));
	EXPECT_EQ(0, rename_fid(&self->p, 2, 1, "g"));
	EXPECT_EQ(0, p9_clunk(&self->p, 2));
	EXPECT_EQ(0, p9_unlinkat(&self->p, 1, "g", 0));
	/* And up again, each by a fid that found it by its name. */
	for (unsigned int i = 0; i < depth; i++) {
		ASSERT_EQ(0, p9_walk(&self->p, 1, 4, ".."));
		ASSERT_EQ(0, remove_fid(&self->p, 1));
		ASSERT_EQ(0, p9_walk(&self->p, 4, 1, NULL));
		ASSERT_EQ(0, p9_clunk(&self->p, 4));
		ASSERT_EQ(0, p9_walk(&self->p, 0, 5, NULL));
		for (unsigned int k = 0; k + i + 1 < depth; k++)
			ASSERT_EQ(0, p9_walk(&self->p, 5, 5, name));
		ASSERT_EQ(0, p9_clunk(&self->p, 1));
		ASSERT_EQ(0, p9_walk(&self->p, 5, 1, NULL));
		ASSERT_EQ(0, p9_clunk(&self->p, 5));
	}
	EXPECT_NE(0, access(export_path("export/%s", name), F_OK));
}

TEST_F(place, mounts_below_are_not_crossed)
{
	struct p9_dirent d[8];
	uint64_t at = 0;

	ASSERT_EQ(0, mkdir(export_path("export/m"), 0755));
	may_mount(true);
	ASSERT_EQ(0, mount("t", export_path("export/m"), "tmpfs", 0, ""));
	export_write(export_path("export/m/inside"), "x");
	EXPECT_EQ(-ENOENT, p9_walk(&self->p, 0, 1, "m/inside"));
	/* What is below the mount is told only to whom nothing is mounted there. */
	EXPECT_EQ(variant->mounts ? 0 : -ENOENT, p9_walk(&self->p, 0, 2, "m"));
	if (variant->mounts) {
		ASSERT_EQ(0, p9_lopen(&self->p, 2, FERRY_P9_O_RDONLY));
		EXPECT_EQ(2, p9_readdir(&self->p, 2, &at, 4096, d, 8));
	}
	EXPECT_EQ(0, umount(export_path("export/m")));
	EXPECT_EQ(0, p9_walk(&self->p, 0, 3, "m"));
}

struct mover {
	char in[128], out[128];
	bool stop;
};

static void *move_forever(void *arg)
{
	struct mover *m = arg;

	while (!__atomic_load_n(&m->stop, __ATOMIC_RELAXED)) {
		rename(m->in, m->out);
		sched_yield();
		rename(m->out, m->in);
		sched_yield();
	}
	return NULL;
}

TEST_F(place, a_directory_that_comes_and_goes)
{
	struct mover m = { .stop = false };
	const uint64_t outside = ino_of(export_path("outside"));
	unsigned int good = 0;
	pthread_t thread;

	snprintf(m.in, sizeof(m.in), "%s", export_path("export/a"));
	snprintf(m.out, sizeof(m.out), "%s", export_path("outside/a"));
	ASSERT_EQ(0, mkdir(m.in, 0755));
	ASSERT_EQ(0, mkdir(export_path("export/a/b"), 0755));
	ASSERT_EQ(0, pthread_create(&thread, NULL, move_forever, &m));
	for (unsigned long i = 0; i < test_scale(3000); i++) {
		struct p9_stat st;

		if (p9_walk(&self->p, 0, 1, "a/b"))
			continue;
		EXPECT_NE(0, p9_walk(&self->p, 1, 2, "../../secret"));
		if (!p9_walk(&self->p, 1, 2, "../..")) {
			good++;
			ASSERT_EQ(0, p9_getattr(&self->p, 2, &st));
			EXPECT_NE(outside, st.ino);
			p9_mkdir(&self->p, 2, "made", 0755, 0);
			p9_clunk(&self->p, 2);
		}
		p9_clunk(&self->p, 1);
	}
	__atomic_store_n(&m.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_NE(0U, good);
	EXPECT_NE(0, access(export_path("outside/made"), F_OK));
}

TEST_HARNESS_MAIN
