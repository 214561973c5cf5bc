// SPDX-License-Identifier: GPL-2.0
/*
 * The modules' life: refused to go while in use, gone at once afterwards, and
 * working again after they were loaded anew. FERRY_MODULE_DIR names the
 * directory of the .ko files; the default is where make leaves them.
 */
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "pump.h"
#include "test.h"

FIXTURE(module) {
	char dir[256];
};

FIXTURE_VARIANT(module) {
	enum dev_kind kind;
	const char *name;
	const char *path;
};

FIXTURE_VARIANT_ADD(module, null) {
	.kind = DEV_NULL, .name = "ferry_null", .path = DEV_NULL_PATH,
};
FIXTURE_VARIANT_ADD(module, net) {
	.kind = DEV_NET, .name = "ferry_net", .path = DEV_NET_PATH,
};

static int remove_module(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

static int insert_module(const char *dir, const char *name)
{
	char path[512];
	int fd, err;

	snprintf(path, sizeof(path), "%s/%s.ko", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return err;
}

FIXTURE_SETUP(module)
{
	const char *env = getenv("FERRY_MODULE_DIR");
	struct utsname u;
	char ko[512];

	uname(&u);
	if (env)
		snprintf(self->dir, sizeof(self->dir), "%s", env);
	else
		snprintf(self->dir, sizeof(self->dir), "build/modules/%s", u.release);
	snprintf(ko, sizeof(ko), "%s/%s.ko", self->dir, variant->name);
	TEST_REQUIRE(!access(ko, R_OK), "no %s to load again", ko);
	TEST_REQUIRE(!access(variant->path, R_OK | W_OK), "no %s", variant->path);
}

FIXTURE_TEARDOWN(module)
{
	/* Leave it loaded for the tests that follow. */
	if (access(variant->path, F_OK))
		insert_module(self->dir, variant->name);
}

TEST_F(module, open_it_stays)
{
	struct dev d;

	dev_open(&d, variant->kind, variant->path);
	EXPECT_EQ(-EWOULDBLOCK, remove_module(variant->name));
	dev_ioctl(&d, VHOST_SET_OWNER, NULL);
	EXPECT_EQ(-EWOULDBLOCK, remove_module(variant->name));
	/* The engine is used by its back ends in any case. */
	EXPECT_EQ(-EWOULDBLOCK, remove_module("ferry"));
	dev_close(&d);
}

TEST_F(module, running_it_stays_and_runs)
{
	struct rig_options o = { .kind = variant->kind, .layout = { .num = 64 } };
	unsigned int last;
	struct rig g;

	RIG_INIT(&g, &o);
	last = g.queues - 1;
	rig_start(&g);
	rig_ping(&g, last);
	EXPECT_EQ(-EWOULDBLOCK, remove_module(variant->name));
	rig_ping(&g, last);
	rig_destroy(&g);
}

TEST_F(module, closed_it_goes_and_comes_back)
{
	struct rig_options o = { .kind = variant->kind, .layout = { .num = 64 } };
	struct rig g;

	RIG_INIT(&g, &o);
	rig_start(&g);
	rig_ping(&g, g.queues - 1);
	rig_destroy(&g);

	ASSERT_EQ(0, remove_module(variant->name));
	EXPECT_NE(0, access(variant->path, F_OK));
	ASSERT_EQ(0, insert_module(self->dir, variant->name));
	ASSERT_EQ(0, access(variant->path, F_OK));

	ASSERT_EQ(0, __rig_init(&g, &o));
	rig_start(&g);
	rig_ping(&g, g.queues - 1);
	rig_destroy(&g);
}

TEST_F(module, again_and_again)
{
	for (unsigned long i = 0; i < test_scale(20); i++) {
		struct rig_options o = { .kind = DEV_NULL, .layout = { .num = 64 }, .queues = 1 };
		struct rig g;

		if (variant->kind == DEV_NULL) {
			ASSERT_EQ(0, __rig_init(&g, &o));
			rig_start(&g);
			rig_ping(&g, 0);
			rig_destroy(&g);
		}
		ASSERT_EQ(0, remove_module(variant->name));
		ASSERT_EQ(0, insert_module(self->dir, variant->name));
	}
}

TEST_HARNESS_MAIN
