// SPDX-License-Identifier: GPL-2.0
/*
 * What only some block devices are: worn and able to say so, as sysfs shows it of eMMC and
 * UFS, or read-only. A driver sees the same whoever serves the disk. The sysfs is the test's.
 */
#include <linux/fs.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mount.h>

#include "blk_rig.h"
#include "harness.h"

#define DISK	(4 * MIB)
#define LOOPS	64

FIXTURE(device) {
	struct blk_rig g;
};

FIXTURE_VARIANT(device) {
	const char *drive;
};

FIXTURE_VARIANT_ADD(device, vhost) { ",vhost=on,vhostforce=on,cache=none" };
FIXTURE_VARIANT_ADD(device, vhost_cached) { ",vhost=on,vhostforce=on" };
FIXTURE_VARIANT_ADD(device, own_threads) { ",cache=none" };
FIXTURE_VARIANT_ADD(device, own_threads_cached) { "" };

FIXTURE_SETUP(device)
{
	self->g.loop = -1;
}

FIXTURE_TEARDOWN(device)
{
	if (self->g.path[0])
		blk_rig_destroy(&self->g);
}

/* What the kernel has in sysfs of any loop device, in a mount namespace of our own. */
static int fake_sysfs(const char *script)
{
	char command[512], node[32];
	unsigned int i;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", "/sys/dev/block", "tmpfs", 0, NULL))
		return -errno;
	snprintf(command, sizeof(command), "mkdir /sys/dev/block/7:0 && "
		 "cd /sys/dev/block/7:0 && %s", script);
	if (system(command))
		return -EIO;
	for (i = 1; i < LOOPS; i++) {
		snprintf(node, sizeof(node), "/sys/dev/block/7:%u", i);
		if (symlink("7:0", node))
			return -errno;
	}
	return 0;
}

#define PLUG(self, variant, more)							\
({											\
	char drive_[96];								\
	const struct blk_rig_options o_ = { .drive = drive_, .bytes = DISK, .loop = true };	\
	int ret_;									\
											\
	snprintf(drive_, sizeof(drive_), "%s%s", (variant)->drive, more);		\
	ret_ = blk_rig_init(&(self)->g, &o_);						\
	if (ret_ == -ENODEV && (self)->g.loop < 0)					\
		SKIP(return, "no loop devices here");					\
	if (ret_ == -ENOENT && strstr((variant)->drive, "vhost=on"))			\
		SKIP(return, "%s", (self)->g.e.text);					\
	ret_;										\
})

static void expect_lifetime(struct __test_metadata *_metadata, struct blk_rig *g, const u8 *want)
{
	EXPECT_TRUE(g->b.v.offered & BIT_ULL(VIRTIO_BLK_F_LIFETIME));
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_GET_LIFETIME, 0, 6));
	EXPECT_EQ(0, memcmp(want, blk_payload(g, 0), 6));
}

TEST_F(device, an_emmc_tells_how_worn_it_is)
{
	static const u8 want[] = { 2, 0, 11, 0, 3, 0 };

	if (fake_sysfs("mkdir device && echo 0x02 >device/pre_eol_info && "
		       "echo 0x0b 0x03 >device/life_time"))
		SKIP(return, "not root, or no mounts here");
	ASSERT_EQ(0, PLUG(self, variant, "")) TH_LOG("%s", self->g.e.text);
	expect_lifetime(_metadata, &self->g, want);
}

TEST_F(device, a_ufs_host_tells_how_worn_its_unit_is)
{
	static const u8 want[] = { 1, 0, 4, 0, 10, 0 };

	if (fake_sysfs("d=host/target/unit && mkdir -p ufs/$d ufs/health_descriptor && "
		       "ln -s ufs/$d device && "
		       "cd ufs/health_descriptor && echo 0x01 >eol_info && "
		       "echo 0x04 >life_time_estimation_a && echo 0x0a >life_time_estimation_b"))
		SKIP(return, "not root, or no mounts here");
	ASSERT_EQ(0, PLUG(self, variant, "")) TH_LOG("%s", self->g.e.text);
	expect_lifetime(_metadata, &self->g, want);
}

TEST_F(device, others_do_not)
{
	ASSERT_EQ(0, PLUG(self, variant, "")) TH_LOG("%s", self->g.e.text);
	EXPECT_FALSE(self->g.b.v.offered & BIT_ULL(VIRTIO_BLK_F_LIFETIME));
	EXPECT_FALSE(self->g.b.v.offered & BIT_ULL(VIRTIO_BLK_F_SECURE_ERASE));
	EXPECT_EQ(VIRTIO_BLK_S_UNSUPP, blk_do(&self->g, VIRTIO_BLK_T_GET_LIFETIME, 0, 6));
	EXPECT_EQ(VIRTIO_BLK_S_UNSUPP, blk_do(&self->g, VIRTIO_BLK_T_SECURE_ERASE, 0, 16));
}

/* Its own threads would find out when the guest writes. */
TEST_F(device, one_that_is_read_only_is_not_taken_to_be_written)
{
	int on = 1, off = 0, fd;
	struct blk_dev b;
	struct drive d;
	const struct blk_dev_config cfg = { .queues = 1, .queue_size = 64 };

	ASSERT_EQ(0, PLUG(self, variant, "")) TH_LOG("%s", self->g.e.text);
	fd = open(self->g.disk, O_RDONLY);
	ASSERT_EQ(0, ioctl(fd, BLKROSET, &on));
	d = self->g.drive;
	d.vhost = (struct vhost){ .fd = -1 };
	d.loop = (struct blkloop){ .err_fd = -1 };
	EXPECT_EQ(-EROFS, blk_init(&b, &self->g.t.m, &cfg, &drive_ops, &d, &self->g.e));
	vhost_destroy(&d.vhost);
	blkloop_destroy(&d.loop);
	ASSERT_EQ(0, ioctl(fd, BLKROSET, &off));
	close(fd);
}

TEST_HARNESS_MAIN
