// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: FERRY_9P_SET_BACKEND and the vhost ioctls beside it: what is refused, what
 * is filled in, and what changes while requests run.
 */
#include "export.h"
#include "p9.h"
#include "stat.h"
#include "test.h"
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <linux/capability.h>
#include <sys/syscall.h>

FIXTURE(abi) {
	struct p9 p;
};

FIXTURE_SETUP(abi)
{
	int err;

	TEST_REQUIRE(p9_available(), "no " DEV_9P_PATH);
	err = __export_mount("tmpfs");
	TEST_REQUIRE(!err, "no tmpfs here: %s", strerror(-err));
	p9_open(&self->p, export_dir(), FERRY_9P_MODEL_PASSTHROUGH, 0);
}

FIXTURE_TEARDOWN(abi)
{
	p9_close(&self->p);
	export_unmount();
}

static struct ferry_9p_backend good(void)
{
	struct ferry_9p_backend b = { .model = FERRY_9P_MODEL_MAPPED, .uid = FERRY_9P_SELF,
				      .gid = FERRY_9P_SELF };

	b.fd = open(export_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return b;
}

static int set(struct p9 *p, struct ferry_9p_backend *b)
{
	return __dev_ioctl(&p->dev, FERRY_9P_SET_BACKEND, b);
}

TEST_F(abi, defaults_are_told)
{
	struct ferry_9p_backend b = good();

	ASSERT_EQ(0, set(&self->p, &b));
	EXPECT_EQ(512U << 10, b.msize);
	EXPECT_EQ(65536U, b.fids);
	EXPECT_EQ(16ULL << 20, b.xattr_bytes);
	EXPECT_EQ(0600, b.fmode);
	EXPECT_EQ(0700, b.dmode);
	EXPECT_EQ(0U, b.uid);
	close(b.fd);
}

TEST_F(abi, bytes_are_counted_both_ways)
{
	struct stat_queue before, after;
	char data[3000] = "";

	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_lcreate(&self->p, 1, "file", FERRY_P9_O_RDWR, 0640, 0));
	stat_get(&before, "9p", 0);
	ASSERT_EQ(3000, p9_write(&self->p, 1, 0, data, sizeof(data)));
	stat_get(&after, "9p", 0);
	EXPECT_EQ(3000U, after.bytes - before.bytes);
	ASSERT_EQ(1000, p9_read(&self->p, 1, 2000, data, sizeof(data)));
	stat_get(&after, "9p", 0);
	EXPECT_EQ(4000U, after.bytes - before.bytes);
}

TEST_F(abi, nonsense_is_refused_and_changes_nothing)
{
	struct ferry_9p_backend b;
	struct p9_stat st;
	int fd = good().fd;

#define REFUSED(err, ...) do {					\
	b = good();						\
	close(b.fd);						\
	b.fd = fd;						\
	__VA_ARGS__;						\
	EXPECT_EQ(err, set(&self->p, &b));			\
} while (0)
	REFUSED(-EINVAL, b.flags = 1U << 31);
	REFUSED(-EINVAL, b.model = 0);
	REFUSED(-EINVAL, b.model = 4);
	REFUSED(-EINVAL, b.msize = 4095);
	REFUSED(-EINVAL, b.msize = (1U << 20) + 1);
	REFUSED(-EINVAL, b.fids = 65537);
	REFUSED(-EINVAL, b.xattr_bytes = 1ULL << 40);
	REFUSED(-EINVAL, b.fmode = 0400);
	REFUSED(-EINVAL, b.fmode = 04600);
	REFUSED(-EINVAL, b.dmode = 0600);
	REFUSED(-EINVAL, b.flags = FERRY_9P_F_ROOT_SQUASH);
	REFUSED(-EINVAL, b.reserved[3] = 1);
	REFUSED(-EBADF, b.fd = 9999);
	REFUSED(-EBADF, b.fd = -2);
	REFUSED(-ENOTDIR, b.fd = self->p.dev.fd);
	EXPECT_EQ(-EFAULT, __dev_ioctl(&self->p.dev, FERRY_9P_SET_BACKEND, (void *)8));
	EXPECT_EQ(0, p9_getattr(&self->p, 0, &st));
	close(fd);
}

TEST_F(abi, only_the_owner_sets_it)
{
	struct ferry_9p_backend b = good();
	struct dev d;

	dev_open(&d, DEV_9P, NULL);
	EXPECT_EQ(-EPERM, __dev_ioctl(&d, FERRY_9P_SET_BACKEND, &b));
	dev_ioctl(&d, VHOST_SET_OWNER, NULL);
	EXPECT_EQ(-EFAULT, __dev_ioctl(&d, FERRY_9P_SET_BACKEND, &b));
	EXPECT_EQ(-ENOTTY, __dev_ioctl(&d, FERRY_NULL_SET_BACKEND, &b));
	close(b.fd);
	b.fd = -1;
	EXPECT_EQ(0, __dev_ioctl(&d, FERRY_9P_SET_BACKEND, &b));
	EXPECT_FALSE(dev_features(&d) & 1ULL << 35);
	EXPECT_TRUE(dev_features(&d) & 1);
	dev_close(&d);
}

TEST_F(abi, another_directory_ends_the_session)
{
	struct ferry_9p_backend b = good();
	struct p9_stat st;
	int root = b.fd;

	ASSERT_EQ(0, mkdir(export_path("export/sub"), 0755));
	b.fd = openat(root, "sub", O_RDONLY | O_DIRECTORY);
	ASSERT_EQ(0, set(&self->p, &b));
	EXPECT_EQ(-EOPNOTSUPP, p9_getattr(&self->p, 0, &st));
	ASSERT_EQ(0, p9_version(&self->p, "9P2000.L", P9_MSIZE));
	ASSERT_EQ(0, p9_attach(&self->p, 0, 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, ".."));
	ASSERT_EQ(0, p9_getattr(&self->p, 1, &st));
	close(b.fd);
	close(root);
	/* Nothing is served once it is taken away, and served again when it is back. */
	b.fd = -1;
	ASSERT_EQ(0, set(&self->p, &b));
	EXPECT_EQ(0, set(&self->p, &b));
}

TEST_F(abi, memory_is_swapped_under_requests)
{
	for (unsigned long i = 0; i < test_scale(50); i++) {
		for (unsigned int k = 0; k < 8; k++) {
			self->p.tag = 100 + k;
			p9_queue(&self->p, k, FERRY_P9_TFSYNC, "44", P9_U64(0), P9_U64(0));
		}
		p9_kick(&self->p);
		dev_set_mem(&self->p.dev, &self->p.mem);
		for (unsigned int k = 0; k < 8; k++)
			ASSERT_LE(0, p9_recv(&self->p, DEV_PATIENCE_MS));
	}
}

/* The first page of the answer is there, but not what is behind it. */
TEST_F(abi, no_memory_for_a_listing_stops_the_queue)
{
	const size_t page = 4096, rest = P9_ROOM - page;
	struct p9_dirent d[64];
	char name[200] = "";
	uint64_t at = 0;
	uint8_t *gone;

	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "export/%0190d", i);
		export_write(export_path(name), "");
	}
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
	gone = self->p.tx + P9_ROOM + page;
	ASSERT_EQ(0, mprotect(gone, rest, PROT_NONE));
	EXPECT_EQ(-P9_NO_ANSWER, p9_readdir(&self->p, 1, &at, 60000, d, 64));
	EXPECT_NE(0U, event_wait(self->p.dev.err[0], DEV_PATIENCE_MS));
	ASSERT_EQ(0, mprotect(gone, rest, PROT_READ | PROT_WRITE));
}

TEST_F(abi, passthrough_takes_the_right_to_be_anyone)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];
	struct ferry_9p_backend b = good();

	ASSERT_EQ(0, syscall(SYS_capget, &h, caps));
	caps[0].effective &= ~(1U << CAP_SETUID);
	ASSERT_EQ(0, syscall(SYS_capset, &h, caps));
	b.model = FERRY_9P_MODEL_PASSTHROUGH;
	EXPECT_EQ(-EPERM, set(&self->p, &b));
	b.model = FERRY_9P_MODEL_MAPPED;
	b.uid = 1000;
	EXPECT_EQ(-EPERM, set(&self->p, &b));
	b.uid = FERRY_9P_SELF;
	EXPECT_EQ(0, set(&self->p, &b));
	close(b.fd);
}

/* What @b asks for is refused or served; served, the file that the export has is there. */
static int serves(struct p9 *p, const struct ferry_9p_backend *b)
{
	struct ferry_9p_backend tell = *b;
	int err = set(p, &tell);

	if (err)
		return err;
	check_ok(p9_version(p, "9P2000.L", P9_MSIZE), "Tversion");
	check_ok(p9_attach(p, 0, 0), "Tattach");
	err = p9_walk(p, 0, 1, "file");
	if (!err)
		err = p9_lopen(p, 1, b->flags & FERRY_9P_F_READ_ONLY ? O_RDWR : O_RDONLY);
	return err;
}

static void have(unsigned int cap, bool on)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];

	check(!syscall(SYS_capget, &h, caps), "capget: %s", strerror(errno));
	caps[cap / 32].effective &= ~(1U << cap % 32);
	caps[cap / 32].effective |= (unsigned int)on << cap % 32;
	check(!syscall(SYS_capset, &h, caps), "capset: %s", strerror(errno));
}

/* Who has no right to a mount any more serves the one that was kept, with the rights left. */
TEST_F(abi, a_directory_is_kept)
{
	struct ferry_9p_backend b = good(), none = { .fd = -1 };
	int root = b.fd, i;

	export_write(export_path("export/file"), "text");
	b.model = FERRY_9P_MODEL_PASSTHROUGH;
	b.flags = FERRY_9P_F_KEPT;
	EXPECT_EQ(-ENOENT, serves(&self->p, &b));
	b.flags = FERRY_9P_F_KEEP;
	ASSERT_EQ(0, serves(&self->p, &b));
	/* Of no other one is it known; those that are only served do not take its place. */
	b.fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	b.flags = 0;
	EXPECT_EQ(-ENOENT, serves(&self->p, &b));
	close(b.fd);
	close(root);
	have(CAP_SYS_ADMIN, false);
	b.fd = -1;
	b.flags = FERRY_9P_F_KEPT;
	for (i = 0; i < 3; i++) {
		/* From a stop, and from itself. */
		ASSERT_EQ(0, serves(&self->p, &b));
		ASSERT_EQ(0, serves(&self->p, &b));
		ASSERT_EQ(0, set(&self->p, &none));
	}
	b.flags = FERRY_9P_F_KEPT | FERRY_9P_F_READ_ONLY;
	EXPECT_EQ(-EROFS, serves(&self->p, &b));
	b.flags = FERRY_9P_F_KEPT | FERRY_9P_F_KEEP;
	EXPECT_EQ(0, serves(&self->p, &b));
	EXPECT_EQ(0, serves(&self->p, &b));
	/* It is the directory that was kept, and no rights. */
	have(CAP_SETUID, false);
	EXPECT_EQ(-EPERM, serves(&self->p, &b));
	b.model = FERRY_9P_MODEL_NONE;
	EXPECT_EQ(0, serves(&self->p, &b));
	b.fids = 65537;
	EXPECT_EQ(-EINVAL, serves(&self->p, &b));
	/* The teardown unmounts. */
	have(CAP_SYS_ADMIN, true);
}

TEST_F(abi, what_is_kept_is_its_owner_s)
{
	struct ferry_9p_backend b = good(), kept = b;

	kept.flags = FERRY_9P_F_KEPT;
	b.flags = FERRY_9P_F_KEEP;
	ASSERT_EQ(0, set(&self->p, &b));
	ASSERT_EQ(0, set(&self->p, &kept));
	dev_ioctl(&self->p.dev, VHOST_RESET_OWNER, NULL);
	EXPECT_EQ(-EPERM, set(&self->p, &kept));
	dev_ioctl(&self->p.dev, VHOST_SET_OWNER, NULL);
	check_ok(__dev_set_features(&self->p.dev, F_VERSION_1 | F_INDIRECT), "features");
	dev_set_mem(&self->p.dev, &self->p.mem);
	dev_set_ring(&self->p.dev, 0, &self->p.ring);
	EXPECT_EQ(-ENOENT, set(&self->p, &kept));
	close(b.fd);
}

/* And no longer: the teardown would find the file system busy. */
TEST_F(abi, what_is_kept_goes_with_the_device)
{
	struct ferry_9p_backend b = good();
	int i;

	b.flags = FERRY_9P_F_KEEP;
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, set(&self->p, &b));
	close(b.fd);
	b.fd = -1;
	b.flags = 0;
	ASSERT_EQ(0, set(&self->p, &b));
}

TEST_HARNESS_MAIN
