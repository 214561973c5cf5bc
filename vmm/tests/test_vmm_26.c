// SPDX-License-Identifier: GPL-2.0
/*
 * What a VM is to be allowed in its sandbox follows from who serves its disks, which is known
 * once the kernel was asked.
 */
#include "hotplug_rig.h"
#include "harness.h"

FIXTURE(uses) {
	struct hotplug_rig r;
};

FIXTURE_VARIANT(uses) {
	const char *vhost;
	u32 blk;
};

FIXTURE_VARIANT_ADD(uses, kernel_alone) { "vhost=on,vhostforce=on", 0 };
FIXTURE_VARIANT_ADD(uses, kernel_first) { "vhost=on", SANDBOX_BLK };
FIXTURE_VARIANT_ADD(uses, threads) { "vhost=off", SANDBOX_BLK };

FIXTURE_SETUP(uses)
{
}

FIXTURE_TEARDOWN(uses)
{
	hotplug_rig_destroy(&self->r);
}

TEST_F(uses, threads_are_let_serve_disks_where_they_may_have_to)
{
	char drive[96], file[] = "/tmp/usesXXXXXX";
	char *argv[] = { "ferry", "-kernel", "k", "-drive", drive };
	int fd = mkstemp(file), ret;

	snprintf(drive, sizeof(drive), "if=virtio,format=raw,file=%s,%s", file, variant->vhost);
	ASSERT_EQ(0, ftruncate(fd, MIB));
	close(fd);
	ret = hotplug_rig_init(&self->r, argv, ARRAY_SIZE(argv));
	unlink(file);
	if (ret && access("/dev/ferry-blk", F_OK))
		SKIP(return, "no /dev/ferry-blk");
	ASSERT_EQ(0, ret) TH_LOG("%s", self->r.e.text);
	EXPECT_EQ(variant->blk, self->r.vm.uses & SANDBOX_BLK);
}

TEST_HARNESS_MAIN
