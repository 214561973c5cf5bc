// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest and other programs see of a disk: configuration space through the
 * registers, the locks on its image, and the words on files that cannot be used.
 */
#include <linux/virtio_pci.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "backend/image_lock.h"
#include "blk_rig.h"
#include "harness.h"
#include "virtio/pci.h"

#define DISK	(4 * MIB)
#define SLOT	1
#define COMMON	0x0000
#define DEVICE	0x2000

FIXTURE(seen) {
	struct blk_rig g;
	struct virtio_pci pci;
	u64 bar;
};

FIXTURE_SETUP(seen)
{
}

static void unplug(FIXTURE_DATA(seen) *self)
{
	if (self->bar)
		virtio_pci_destroy(&self->pci);
	self->bar = 0;
	blk_rig_destroy(&self->g);
}

FIXTURE_TEARDOWN(seen)
{
	unplug(self);
}

static int plug(FIXTURE_DATA(seen) *self, const struct blk_rig_options *o)
{
	const struct virtio_pci_config cfg = { "virtio-blk-pci", NULL, 3 };
	struct testvm *t = &self->g.t;
	int ret = blk_rig_init(&self->g, o);

	if (!ret)
		ret = virtio_pci_init(&self->pci, &self->g.b.v, &t->pci, &cfg, &self->g.e);
	if (ret)
		return ret;
	cfg_write(t, SLOT, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	self->bar = cfg_read(t, SLOT, PCI_BASE_ADDRESS_0, 4);
	/* To be plugged in is a reset. */
	return blk_rig_up(&self->g, false, 0) ? 0 : -EIO;
}

#define CONFIG(field)							\
	mmio_read(t, self->bar + DEVICE + offsetof(struct virtio_blk_config, field), \
		  sizeof(((struct virtio_blk_config *)0)->field))

static u64 offered(struct testvm *t, u64 bar)
{
	u64 f;

	mmio_write(t, bar + COMMON + VIRTIO_PCI_COMMON_DFSELECT, 0, 4);
	f = mmio_read(t, bar + COMMON + VIRTIO_PCI_COMMON_DF, 4);
	mmio_write(t, bar + COMMON + VIRTIO_PCI_COMMON_DFSELECT, 1, 4);
	return f | mmio_read(t, bar + COMMON + VIRTIO_PCI_COMMON_DF, 4) << 32;
}

TEST_F(seen, the_registers_tell_what_the_disk_is)
{
	const struct blk_rig_options o = {
		.drive = ",discard=unmap", .bytes = DISK + 1000,
		.device = ",logical_block_size=4096,physical_block_size=8192,min_io_size=8192,"
			  "opt_io_size=65536",
	};
	struct testvm *t = &self->g.t;
	u64 f;

	ASSERT_EQ(0, plug(self, &o)) TH_LOG("%s", self->g.e.text);
	EXPECT_EQ(0x10421af4, cfg_read(t, SLOT, PCI_VENDOR_ID, 4));
	EXPECT_EQ(0x01, cfg_read(t, SLOT, PCI_CLASS_DEVICE + 1, 1));
	f = offered(t, self->bar);
	EXPECT_TRUE(f & BIT_ULL(VIRTIO_BLK_F_FLUSH));
	EXPECT_TRUE(f & BIT_ULL(VIRTIO_BLK_F_CONFIG_WCE));
	EXPECT_TRUE(f & BIT_ULL(VIRTIO_BLK_F_MQ));
	EXPECT_TRUE(f & BIT_ULL(VIRTIO_BLK_F_WRITE_ZEROES));
	EXPECT_FALSE(f & BIT_ULL(VIRTIO_BLK_F_RO));
	/* Whole blocks count. */
	EXPECT_EQ(DISK / 512, CONFIG(capacity));
	EXPECT_EQ(4096, CONFIG(blk_size));
	EXPECT_EQ(1, CONFIG(physical_block_exp));
	EXPECT_EQ(2, CONFIG(min_io_size));
	EXPECT_EQ(16, CONFIG(opt_io_size));
	EXPECT_EQ(254, CONFIG(seg_max));
	EXPECT_EQ(FERRY_BLK_SIZE_MAX, CONFIG(size_max));
	EXPECT_EQ(2, CONFIG(num_queues));
	EXPECT_EQ(1, CONFIG(wce));
	EXPECT_EQ(1, CONFIG(write_zeroes_may_unmap));
	EXPECT_LT(0, CONFIG(max_write_zeroes_sectors));
}

TEST_F(seen, short_queues_have_short_requests)
{
	const struct blk_rig_options o = { .bytes = DISK, .device = ",queue-size=128" };
	struct testvm *t = &self->g.t;

	ASSERT_EQ(0, plug(self, &o)) TH_LOG("%s", self->g.e.text);
	EXPECT_EQ(126, CONFIG(seg_max));
}

TEST_F(seen, a_disk_that_is_read_only_says_so_and_stays_as_it_is)
{
	const struct blk_rig_options o = {
		.drive = ",readonly=on,discard=unmap", .bytes = DISK,
	};
	struct testvm *t = &self->g.t;
	u64 f;

	ASSERT_EQ(0, plug(self, &o)) TH_LOG("%s", self->g.e.text);
	f = offered(t, self->bar);
	EXPECT_TRUE(f & BIT_ULL(VIRTIO_BLK_F_RO));
	EXPECT_FALSE(f & BIT_ULL(VIRTIO_BLK_F_DISCARD));
	EXPECT_FALSE(f & BIT_ULL(VIRTIO_BLK_F_WRITE_ZEROES));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, blk_do(&self->g, VIRTIO_BLK_T_OUT, 0, 512));
	EXPECT_EQ(VIRTIO_BLK_S_UNSUPP, blk_do(&self->g, VIRTIO_BLK_T_DISCARD, 0, 16));
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(&self->g, VIRTIO_BLK_T_IN, 0, 512));
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(&self->g, VIRTIO_BLK_T_FLUSH, 0, 0));
}

TEST_F(seen, discards_are_offered_only_where_asked_for)
{
	const struct blk_rig_options o = { .bytes = DISK };
	struct testvm *t = &self->g.t;
	struct stat before, after;
	struct virtio_blk_discard_write_zeroes *r;

	ASSERT_EQ(0, plug(self, &o)) TH_LOG("%s", self->g.e.text);
	EXPECT_FALSE(offered(t, self->bar) & BIT_ULL(VIRTIO_BLK_F_DISCARD));
	EXPECT_EQ(0, CONFIG(write_zeroes_may_unmap));
	/* Zeroes with leave to unmap are then zeroes that keep their room. */
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(&self->g, VIRTIO_BLK_T_OUT, 0, 8192));
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(&self->g, VIRTIO_BLK_T_FLUSH, 0, 0));
	stat(self->g.path, &before);
	r = (void *)blk_payload(&self->g, 0);
	*r = (struct virtio_blk_discard_write_zeroes){ 0, 16, 1 };
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(&self->g, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16));
	stat(self->g.path, &after);
	EXPECT_EQ(before.st_blocks, after.st_blocks);
}

TEST_F(seen, writethrough_and_unsafe_are_what_they_are_called)
{
	static const struct {
		const char *drive;
		u32 flags;
		u8 wce;
	} modes[] = {
		{ ",cache=writethrough", FERRY_BLK_F_WRITETHROUGH, 0 },
		{ ",cache=unsafe", FERRY_BLK_F_NO_FLUSH, 1 },
		{ ",cache=writeback", 0, 1 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		const struct blk_rig_options o = { .drive = modes[i].drive, .bytes = DISK };
		struct testvm *t = &self->g.t;

		if (i)
			unplug(self);
		ASSERT_EQ(0, plug(self, &o)) TH_LOG("%s", self->g.e.text);
		EXPECT_EQ(modes[i].wce, CONFIG(wce));
		EXPECT_EQ(modes[i].flags, self->g.drive.loop.disk.flags & ~FERRY_BLK_F_NO_UNMAP);
		EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(&self->g, VIRTIO_BLK_T_FLUSH, 0, 0));
	}
}

/* Also one that gives up before it is ready. */
TEST_F(seen, the_write_cache_is_the_next_drivers_again)
{
	const struct blk_rig_options o = { .bytes = DISK };
	const u64 wce = DEVICE + offsetof(struct virtio_blk_config, wce);
	struct virtio_dev *v = &self->g.b.v;
	struct testvm *t = &self->g.t;

	ASSERT_EQ(0, plug(self, &o)) TH_LOG("%s", self->g.e.text);
	mmio_write(t, self->bar + wce, 0, 1);
	EXPECT_EQ(0, CONFIG(wce));
	virtio_set_status(v, 0);
	EXPECT_EQ(1, CONFIG(wce));
	virtio_set_status(v, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	v->acked = v->offered;
	virtio_set_status(v, v->status | VIRTIO_CONFIG_S_FEATURES_OK);
	mmio_write(t, self->bar + wce, 0, 1);
	EXPECT_EQ(0, CONFIG(wce));
	virtio_set_status(v, 0);
	EXPECT_EQ(1, CONFIG(wce));
}

TEST_F(seen, requests_are_counted_by_kind)
{
	const struct blk_rig_options o = { .drive = ",discard=unmap", .bytes = DISK };
	struct blk_rig *g = &self->g;
	struct ferry_blk_stats s;
	struct virtio_blk_discard_write_zeroes *r;

	ASSERT_EQ(0, plug(self, &o)) TH_LOG("%s", g->e.text);
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_OUT, 0, 8192));
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_IN, 0, 4096));
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_FLUSH, 0, 0));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, blk_do(g, VIRTIO_BLK_T_IN, DISK / 512, 4096));
	EXPECT_EQ(VIRTIO_BLK_S_UNSUPP, blk_do(g, 99, 0, 512));
	r = (void *)blk_payload(g, 0);
	*r = (struct virtio_blk_discard_write_zeroes){ 0, 16, 0 };
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(g, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16));
	/* They outlive the queues that counted them. */
	ASSERT_TRUE(blk_rig_up(g, false, 0));
	drive_stats(&g->drive, &s);
	EXPECT_EQ(1, s.op[FERRY_BLK_STAT_READ].done);
	EXPECT_EQ(4096, s.op[FERRY_BLK_STAT_READ].bytes);
	EXPECT_EQ(1, s.op[FERRY_BLK_STAT_READ].failed);
	EXPECT_EQ(2, s.op[FERRY_BLK_STAT_WRITE].done);
	EXPECT_EQ(16384, s.op[FERRY_BLK_STAT_WRITE].bytes);
	EXPECT_EQ(1, s.op[FERRY_BLK_STAT_FLUSH].done);
	EXPECT_EQ(0, s.op[FERRY_BLK_STAT_UNMAP].done);
	EXPECT_EQ(1, s.op[FERRY_BLK_STAT_OTHER].failed);
}

/* Open the rig's file anew and lock it; the descriptor, or an error. */
static int lock(struct blk_rig *g, bool write, bool share)
{
	const struct image_lock l = { .file = g->path, .write = write, .share = share };
	int fd = open(g->path, write ? O_RDWR : O_RDONLY), ret = image_lock(fd, &l, &g->e);

	if (!ret)
		return fd;
	close(fd);
	return ret;
}

TEST_F(seen, writers_keep_others_out_and_readers_share)
{
	struct blk_rig *g = &self->g;
	int a, b;

	ASSERT_EQ(0, blk_rig_file(g, DISK));
	a = lock(g, true, false);
	ASSERT_LE(0, a) TH_LOG("%s", g->e.text);
	EXPECT_GT(0, lock(g, true, false));
	EXPECT_STREQ("Failed to get \"write\" lock", g->e.text);
	EXPECT_NE(NULL, strstr(g->e.hint, g->path));
	EXPECT_GT(0, lock(g, false, false));
	EXPECT_STREQ("Failed to get shared \"write\" lock", g->e.text);
	EXPECT_GT(0, lock(g, true, true));
	close(a);
	a = lock(g, false, false);
	b = lock(g, false, false);
	EXPECT_LE(0, a);
	EXPECT_LE(0, b);
	EXPECT_GT(0, lock(g, true, false));
	close(a);
	close(b);
	a = lock(g, true, true);
	b = lock(g, true, true);
	EXPECT_LE(0, a);
	EXPECT_LE(0, b);
	EXPECT_GT(0, lock(g, true, false));
	close(a);
	close(b);
	EXPECT_LE(0, lock(g, true, false));
}

/* Its threads' rings have the file open for as long as the kernel takes to let go of them. */
TEST_F(seen, the_image_is_free_once_its_disk_is_gone)
{
	const struct blk_rig_options o = { .bytes = DISK };
	struct blk_rig *g = &self->g;
	int fd;

	ASSERT_EQ(0, plug(self, &o)) TH_LOG("%s", g->e.text);
	EXPECT_GT(0, lock(g, true, false));
	virtio_pci_destroy(&self->pci);
	self->bar = 0;
	blk_destroy(&g->b);
	drive_destroy(&g->drive);
	fd = lock(g, true, false);
	EXPECT_LE(0, fd) TH_LOG("%s", g->e.text);
	close(fd);
}

/* Whether QEMU's own program gets at the image. */
static bool qemu_io(struct blk_rig *g, const char *how, const char *command)
{
	char line[256];

	snprintf(line, sizeof(line), "qemu-io %s -f raw -c '%s' %s >/dev/null 2>&1", how, command,
		 g->path);
	return !system(line);
}

TEST_F(seen, qemu_is_kept_out_as_it_keeps_others_out)
{
	const struct blk_rig_options o = { .bytes = DISK };
	const struct blk_rig_options reading = { .bytes = DISK, .drive = ",readonly=on" };
	struct blk_rig *g = &self->g;

	if (system("command -v qemu-io >/dev/null"))
		SKIP(return, "no qemu-io");
	ASSERT_EQ(0, plug(self, &o)) TH_LOG("%s", g->e.text);
	EXPECT_FALSE(qemu_io(g, "", "write 0 512"));
	EXPECT_FALSE(qemu_io(g, "-U", "write 0 512"));
	/* A program that only looks and minds no writers may. */
	EXPECT_TRUE(qemu_io(g, "-r", "read 0 512"));
	unplug(self);
	ASSERT_EQ(0, plug(self, &reading)) TH_LOG("%s", g->e.text);
	EXPECT_FALSE(qemu_io(g, "", "write 0 512"));
	EXPECT_TRUE(qemu_io(g, "-r", "read 0 512"));
}

TEST_HARNESS_MAIN
