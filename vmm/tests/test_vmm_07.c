// SPDX-License-Identifier: GPL-2.0
/*
 * The VMM's virtio-9p on /dev/ferry-9p and without it, with no guest: the export is judged
 * when the VM is built, a driver opens a session, and a reset ends it.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend/fsdev.h"
#include "dev/p9.h"
#include "harness.h"
#include "options/config.h"
#include "ring_driver.h"

#define RAM		(8 * MIB)
#define RINGS		0x100000ULL
#define MESSAGE		0x200000ULL
#define ANSWER		0x210000ULL
#define PATIENCE_MS	60000

FIXTURE(dir) {
	struct testvm t;
	struct config c;
	struct fsdev fs;
	struct p9_dev p;
	struct ring_driver d;
	struct error e;
	char path[64];
};

FIXTURE_VARIANT(dir) {
	bool packed, vhost;
};

FIXTURE_VARIANT_ADD(dir, split) { false, true };
FIXTURE_VARIANT_ADD(dir, packed) { true, true };
FIXTURE_VARIANT_ADD(dir, split_off) { false, false };
FIXTURE_VARIANT_ADD(dir, packed_off) { true, false };

static unsigned int said;

static void say(const char *text)
{
	said++;
	fprintf(stderr, "# %s\n", text);
}

FIXTURE_SETUP(dir)
{
	if (variant->vhost && access("/dev/ferry-9p", F_OK))
		SKIP(return, "no /dev/ferry-9p");
	ASSERT_EQ(0, testvm_init(&self->t, RAM));
	snprintf(self->path, sizeof(self->path), "/tmp/ferry-9p-XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->path));
}

static void unplug(FIXTURE_DATA(dir) *self)
{
	p9_destroy(&self->p);
	fsdev_destroy(&self->fs);
	config_free(&self->c);
}

FIXTURE_TEARDOWN(dir)
{
	unplug(self);
	machine_destroy(&self->t.m);
	rmdir(self->path);
}

/* Build the device of a -virtfs with more keys. */
static int plug(FIXTURE_DATA(dir) *self, const FIXTURE_VARIANT(dir) *variant, const char *keys)
{
	char virtfs[256];
	char *argv[] = { "ferry", "-kernel", "k", "-virtfs", virtfs };
	const struct p9_dev_config dev = { virtio_ring_features(true, true, true), "t" };
	int ret;

	snprintf(virtfs, sizeof(virtfs), "local,path=%s,mount_tag=t,vhost=%s,%s", self->path,
		 variant->vhost ? "on" : "off", keys);
	ret = config_parse(&self->c, ARRAY_SIZE(argv), argv, &self->e);
	if (!ret)
		ret = fsdev_init(&self->fs, &self->t.m, self->c.device[0]->p9.export, say,
				 &self->e);
	return ret ?: p9_init(&self->p, &self->t.m, &dev, &fsdev_ops, &self->fs, &self->e);
}

/* The driver comes up; false where the device did not take it. */
static bool up(FIXTURE_DATA(dir) *self, bool packed)
{
	struct virtio_dev *v = &self->p.v;

	pthread_mutex_lock(&self->t.m.lock);
	virtio_reset(v);
	virtio_set_status(v, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	v->acked = v->offered & ~BIT_ULL(VIRTIO_RING_F_EVENT_IDX);
	if (!packed)
		v->acked &= ~VIRTIO_BIT(F_RING_PACKED);
	virtio_set_status(v, v->status | VIRTIO_CONFIG_S_FEATURES_OK);
	ring_driver_init(&self->d, &self->t, &v->queue[0], v->queue[0].max_size, RINGS, packed);
	virtio_set_status(v, v->status | VIRTIO_CONFIG_S_DRIVER_OK);
	pthread_mutex_unlock(&self->t.m.lock);
	return !(v->status & VIRTIO_CONFIG_S_NEEDS_RESET);
}

/* Send a message and wait; the bytes of its answer, or -1. */
static int ask(FIXTURE_DATA(dir) *self, const void *msg, u32 len)
{
	const struct ring_piece p[] = { { MESSAGE, len, false }, { ANSWER, 4096, true } };
	struct pollfd call = { .fd = self->d.q->call_fd, .events = POLLIN };
	eventfd_t n;
	u32 got;
	u16 id;

	memcpy(ram_ptr(&self->t.m.ram, MESSAGE, len), msg, len);
	ring_driver_add(&self->d, p, 2);
	eventfd_write(self->d.q->kick_fd, 1);
	while (!ring_driver_take(&self->d, 2, &id, &got)) {
		if (poll(&call, 1, PATIENCE_MS) <= 0)
			return -1;
		eventfd_read(call.fd, &n);
	}
	return got;
}

static const u8 *answer(FIXTURE_DATA(dir) *self)
{
	return ram_ptr(&self->t.m.ram, ANSWER, 4096);
}

/* Tversion of 9P2000.L with an msize of 64 KiB; the msize that both agree on, or 0. */
static u32 version(FIXTURE_DATA(dir) *self)
{
	static const u8 msg[] = "\x15\0\0\0\x64\xff\xff\0\0\1\0\x08\0" "9P2000.L";
	u32 msize;

	if (ask(self, msg, sizeof(msg) - 1) != 21 || answer(self)[4] != 101 ||
	    memcmp(answer(self) + 13, "9P2000.L", 8))
		return 0;
	memcpy(&msize, answer(self) + 7, 4);
	return le32toh(msize);
}

/* Tattach of the export as fid 1; whether it is a directory then. */
static bool attached(FIXTURE_DATA(dir) *self)
{
	static const u8 msg[] = "\x17\0\0\0\x68\0\0\1\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0\0\0";

	return ask(self, msg, sizeof(msg) - 1) == 20 && answer(self)[4] == 105 &&
	       answer(self)[7] == 0x80;
}

TEST_F(dir, a_session_lives_as_long_as_its_driver)
{
	unsigned int round;

	ASSERT_EQ(0, plug(self, variant, "security_model=passthrough")) TH_LOG("%s", self->e.text);
	EXPECT_TRUE(self->p.v.offered & VIRTIO_BIT(F_RING_PACKED));
	for (round = 0; round < 3; round++) {
		ASSERT_TRUE(up(self, variant->packed));
		EXPECT_EQ(65536, version(self));
		EXPECT_TRUE(attached(self));
		/* The fid is taken, for this session. */
		EXPECT_FALSE(attached(self));
		EXPECT_EQ(7, answer(self)[4]);
	}
}

TEST_F(dir, limits_are_those_asked_for)
{
	ASSERT_EQ(0, plug(self, variant, "security_model=none,msize=8192"))
		TH_LOG("%s", self->e.text);
	ASSERT_TRUE(up(self, variant->packed));
	EXPECT_EQ(8192, version(self));
}

TEST_F(dir, the_directory_is_held_and_not_its_name)
{
	char moved[80];

	ASSERT_EQ(0, plug(self, variant, "security_model=none")) TH_LOG("%s", self->e.text);
	snprintf(moved, sizeof(moved), "%s.moved", self->path);
	ASSERT_EQ(0, rename(self->path, moved));
	ASSERT_EQ(0, symlink("/", self->path));
	EXPECT_TRUE(up(self, variant->packed));
	EXPECT_EQ(65536, version(self));
	EXPECT_TRUE(attached(self));
	unlink(self->path);
	rename(moved, self->path);
}

TEST_F(dir, a_broken_chain_needs_a_reset)
{
	const struct ring_piece nothing = { MESSAGE, 4, false };
	struct pollfd loop = { .fd = self->t.m.loop.epfd, .events = POLLIN };

	ASSERT_EQ(0, plug(self, variant, "security_model=none")) TH_LOG("%s", self->e.text);
	ASSERT_TRUE(up(self, variant->packed));
	ring_driver_add(&self->d, &nothing, 1);
	eventfd_write(self->d.q->kick_fd, 1);
	ASSERT_EQ(1, poll(&loop, 1, PATIENCE_MS));
	testvm_run_loop(&self->t);
	EXPECT_TRUE(self->p.v.status & VIRTIO_CONFIG_S_NEEDS_RESET);
	ASSERT_TRUE(up(self, variant->packed));
	EXPECT_EQ(65536, version(self));
}

/* A driver may try again and again; whoever reads what is said is not to be kept busy by it. */
TEST_F(dir, a_start_that_fails_is_told_of_once)
{
	struct virtio_dev *v = &self->p.v;
	unsigned int i;

	ASSERT_EQ(0, plug(self, variant, "security_model=none")) TH_LOG("%s", self->e.text);
	said = 0;
	pthread_mutex_lock(&self->t.m.lock);
	v->acked = VIRTIO_BIT(F_VERSION_1);
	/* There is no queue yet. */
	for (i = 0; i < 100; i++)
		EXPECT_EQ(-EINVAL, fsdev_ops.start(&self->fs, v));
	pthread_mutex_unlock(&self->t.m.lock);
	EXPECT_EQ(1, said);
	ASSERT_TRUE(up(self, variant->packed));
	EXPECT_EQ(65536, version(self));
}

/* Without the rights of others. */
static void drop_setuid(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	syscall(SYS_capget, &h, data);
	data[0].effective &= ~(1U << CAP_SETUID);
	data[0].permitted &= ~(1U << CAP_SETUID);
	syscall(SYS_capset, &h, data);
}

TEST_F(dir, what_is_refused_is_told_before_the_guest_runs)
{
	drop_setuid();
	EXPECT_EQ(-EPERM, plug(self, variant, "security_model=passthrough"));
	EXPECT_NE(NULL, strstr(self->e.text, "Operation not permitted"));
	EXPECT_NE(NULL, strstr(self->e.hint, "CAP_SETUID"));
	unplug(self);
	EXPECT_EQ(-EPERM, plug(self, variant, "security_model=mapped,uid=1"));
	unplug(self);
	EXPECT_EQ(0, plug(self, variant, "security_model=none")) TH_LOG("%s", self->e.text);
}

TEST_HARNESS_MAIN
