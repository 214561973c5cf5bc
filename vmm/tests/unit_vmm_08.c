// SPDX-License-Identifier: GPL-2.0
/*
 * The command line of disks: what -drive and its kin become, which device gets which
 * drive, and the words in which what is wrong is refused.
 */
#include "harness.h"
#include "options/config.h"

#define WORDS_MAX	24

struct cmdline {
	struct config c;
	struct error e;
	int ret;
};

/* Split at spaces and parse; a word may not hold one. */
static void parse(struct cmdline *p, const char *line)
{
	char buf[1024], *word, *save = NULL, *argv[WORDS_MAX + 2] = { "ferry" };
	int argc = 1;

	snprintf(buf, sizeof(buf), "%s", line);
	for (word = strtok_r(buf, " ", &save); word && argc <= WORDS_MAX;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	memset(&p->e, 0, sizeof(p->e));
	p->ret = config_parse(&p->c, argc, argv, &p->e);
}

FIXTURE(drives) {
	struct cmdline p;
};

FIXTURE_SETUP(drives)
{
}

FIXTURE_TEARDOWN(drives)
{
	config_free(&self->p.c);
}

#define DRIVE	"-kernel k -drive file=x,if=none,id=d "

TEST_F(drives, defaults_are_those_of_qemu)
{
	const struct drive_config *d;
	const struct blk_config *b;

	parse(&self->p, "-kernel k -smp 3 -drive file=a,,b");
	ASSERT_EQ(CONFIG_RUN, self->p.ret) TH_LOG("%s", self->p.e.text);
	ASSERT_EQ(1, self->p.c.n_drives);
	ASSERT_EQ(1, self->p.c.n_devices);
	d = self->p.c.drive[0];
	b = &self->p.c.device[0]->blk;
	EXPECT_STREQ("a,b", d->file);
	EXPECT_STREQ("virtio0", d->id);
	EXPECT_EQ(NULL, d->format);
	EXPECT_TRUE(d->virtio);
	EXPECT_FALSE(d->readonly);
	EXPECT_FALSE(d->discard);
	EXPECT_EQ(TRI_AUTO, d->vhost);
	EXPECT_STREQ("/dev/ferry-blk", d->vhostdev);
	EXPECT_EQ(DEVICE_BLK, self->p.c.device[0]->type->kind);
	EXPECT_STREQ("-drive file=a,,b", self->p.c.device[0]->where);
	EXPECT_STREQ("virtio0", b->drive);
	EXPECT_EQ(256, b->queue_size);
	EXPECT_EQ(3, b->num_queues);
	EXPECT_TRUE(b->config_wce && b->discard && b->write_zeroes);
}

TEST_F(drives, cache_modes_mean_what_they_mean_in_qemu)
{
	static const struct {
		const char *word;
		struct drive_cache cache;
	} modes[] = {
		{ "", { false, true, false } },
		{ ",cache=writeback", { false, true, false } },
		{ ",cache=none", { true, true, false } },
		{ ",cache=off", { true, true, false } },
		{ ",cache=writethrough", { false, false, false } },
		{ ",cache=directsync", { true, false, false } },
		{ ",cache=unsafe", { false, true, true } },
		{ ",cache.direct=on", { true, true, false } },
		{ ",cache=none,cache.direct=off,cache.writeback=off", { false, false, false } },
		{ ",cache.no-flush=on", { false, true, true } },
	};
	char line[128];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		const struct drive_cache *got;
		const struct drive_cache *want = &modes[i].cache;

		snprintf(line, sizeof(line), "-kernel k -drive file=x%s", modes[i].word);
		parse(&self->p, line);
		ASSERT_EQ(CONFIG_RUN, self->p.ret) TH_LOG("%s", self->p.e.text);
		got = &self->p.c.drive[0]->cache;
		EXPECT_EQ(want->direct, got->direct) TH_LOG("'%s'", modes[i].word);
		EXPECT_EQ(want->writeback, got->writeback) TH_LOG("'%s'", modes[i].word);
		EXPECT_EQ(want->no_flush, got->no_flush) TH_LOG("'%s'", modes[i].word);
		config_free(&self->p.c);
	}
	memset(&self->p.c, 0, sizeof(self->p.c));
}

TEST_F(drives, a_drive_with_everything_and_its_device)
{
	parse(&self->p, "-kernel k -drive file=x,if=none,id=d,format=qcow2,cache=none,aio=native,"
	      "readonly=on,serial=s1,discard=unmap,detect-zeroes=off,media=disk,werror=report,"
	      "rerror=report,snapshot=off,vhost=on,vhostforce=on,vhostdev=/dev/x "
	      "-device virtio-blk-pci,drive=d,serial=s2,bootindex=1,num-queues=4,queue-size=1024,"
	      "logical_block_size=4096,physical_block_size=8K,min_io_size=8192,opt_io_size=64K,"
	      "discard=off,write-zeroes=off,config-wce=off,write-cache=off,addr=7,vectors=3,"
	      "packed=on,event_idx=off,indirect_desc=off,disable-legacy=on,share-rw=on");
	ASSERT_EQ(CONFIG_RUN, self->p.ret) TH_LOG("%s", self->p.e.text);
	EXPECT_STREQ("qcow2", self->p.c.drive[0]->format);
	EXPECT_TRUE(self->p.c.drive[0]->readonly);
	EXPECT_TRUE(self->p.c.drive[0]->discard);
	EXPECT_TRUE(self->p.c.drive[0]->share);
	EXPECT_TRUE(self->p.c.drive[0]->vhostforce);
	EXPECT_EQ(1, self->p.c.n_devices);
	EXPECT_EQ(4, self->p.c.device[0]->blk.num_queues);
	EXPECT_EQ(1024, self->p.c.device[0]->blk.queue_size);
	EXPECT_EQ(8192, self->p.c.device[0]->blk.physical_block);
	EXPECT_EQ(65536, self->p.c.device[0]->blk.opt_io);
	EXPECT_EQ(TRI_OFF, self->p.c.device[0]->blk.write_cache);
	EXPECT_STREQ("s2", self->p.c.device[0]->blk.serial);
	EXPECT_EQ(BIT_ULL(VIRTIO_BLK_F_MQ), blk_config_features(&self->p.c.device[0]->blk) &
		  (BIT_ULL(VIRTIO_BLK_F_MQ) | BIT_ULL(VIRTIO_BLK_F_DISCARD) |
		   BIT_ULL(VIRTIO_BLK_F_WRITE_ZEROES) | BIT_ULL(VIRTIO_BLK_F_CONFIG_WCE)));
}

TEST_F(drives, short_words_make_disks_in_their_order)
{
	struct config *c = &self->p.c;

	parse(&self->p, "-kernel k -hdc c -hdb b,with=comma -device virtio-rng-pci a");
	ASSERT_EQ(CONFIG_RUN, self->p.ret) TH_LOG("%s", self->p.e.text);
	ASSERT_EQ(4, c->n_devices);
	EXPECT_EQ(DEVICE_RNG, c->device[0]->type->kind);
	EXPECT_STREQ("virtio0", c->device[1]->blk.drive);
	EXPECT_STREQ("a", c->device[1]->where);
	EXPECT_STREQ("virtio1", c->device[2]->blk.drive);
	EXPECT_STREQ("b,with=comma", config_find_drive(c, "virtio1")->file);
	EXPECT_STREQ("-hdc c", c->device[3]->where);
}

TEST_F(drives, places_are_given_and_filled)
{
	struct config *c = &self->p.c;

	parse(&self->p, "-kernel k -drive file=b,index=1 -drive file=a -drive file=c "
	      "-drive file=n,if=none -drive file=d,bus=0,unit=7");
	ASSERT_EQ(CONFIG_RUN, self->p.ret) TH_LOG("%s", self->p.e.text);
	ASSERT_EQ(4, c->n_devices);
	EXPECT_STREQ("-drive file=a", c->device[0]->where);
	EXPECT_STREQ("-drive file=b,index=1", c->device[1]->where);
	EXPECT_STREQ("-drive file=c", c->device[2]->where);
	EXPECT_STREQ("virtio7", c->device[3]->blk.drive);
}

static const struct {
	const char *line, *message;
} wrong[] = {
	{ "-drive", "-drive: requires an argument" },
	{ "-drive file=x,bogus=1",
	  "-drive file=x,bogus=1: Block format 'raw' does not support the option 'bogus'" },
	{ "-drive file=x,format=qcow2,bogus=1", "-drive file=x,format=qcow2,bogus=1: Block "
	  "format 'qcow2' does not support the option 'bogus'" },
	{ "-drive file=x,if=bogus", "-drive file=x,if=bogus: unsupported bus type 'bogus'" },
	{ "-drive file=x,if=ide",
	  "-drive file=x,if=ide: if=ide is not supported: use if=virtio" },
	{ "-drive file=x,if=scsi",
	  "-drive file=x,if=scsi: if=scsi is not supported: use if=virtio" },
	{ "-drive file=x,format=bogus", "-drive file=x,format=bogus: Unknown driver 'bogus'" },
	{ "-drive file=x,cache=bogus", "-drive file=x,cache=bogus: invalid cache option" },
	{ "-drive file=x,aio=bogus", "-drive file=x,aio=bogus: invalid aio option" },
	{ "-drive file=x,aio=native", "-drive file=x,aio=native: aio=native was specified, but "
	  "it requires cache.direct=on, which was not specified." },
	{ "-drive file=x,discard=bogus", "-drive file=x,discard=bogus: Invalid discard option" },
	{ "-drive file=x,detect-zeroes=on",
	  "-drive file=x,detect-zeroes=on: detect-zeroes=on is not supported" },
	{ "-drive file=x,detect-zeroes=x",
	  "-drive file=x,detect-zeroes=x: invalid parameter value: x" },
	{ "-drive file=x,media=cdrom", "-drive file=x,media=cdrom: media=cdrom is not "
	  "supported: there are only disks; readonly=on protects one" },
	{ "-drive file=x,media=tape", "-drive file=x,media=tape: 'tape' invalid media" },
	{ "-drive file=x,werror=stop", "-drive file=x,werror=stop: werror=stop is not "
	  "supported: the guest is told of errors (report)" },
	{ "-drive file=x,rerror=x", "-drive file=x,rerror=x: 'x' invalid read error action" },
	{ "-drive file=x,snapshot=on", "-drive file=x,snapshot=on: snapshot=on is not "
	  "supported: make an overlay with 'qemu-img create -f qcow2 -b'" },
	{ "-drive file=x,readonly=maybe",
	  "-drive file=x,readonly=maybe: Parameter 'readonly' expects 'on' or 'off'" },
	{ "-drive file=x,vhost=off,vhostforce=on", "-drive file=x,vhost=off,vhostforce=on: "
	  "vhostforce= is not valid with vhost=off" },
	{ "-drive file=x,index=1,unit=1",
	  "-drive file=x,index=1,unit=1: index cannot be used with bus and unit" },
	{ "-drive file=x,bus=1", "-drive file=x,bus=1: unsupported bus 1: disks are on bus 0" },
	{ "-drive file=x,index=2 -drive file=y,index=2",
	  "-drive file=y,index=2: drive with bus=0, unit=2 (index=2) exists" },
	{ "-hda x y", "y: drive with bus=0, unit=0 (index=0) exists" },
	{ "-hda x -hda y", "-hda y: drive with bus=0, unit=0 (index=0) exists" },
	{ "-cdrom x", "-cdrom x: there are no CD-ROM drives" },
	{ "-drive file=x,id=a -drive file=y,id=a",
	  "-drive file=y,id=a: Duplicate ID 'a' for drive" },
	{ "-kernel k -drive if=virtio",
	  "-drive if=virtio: Device needs media, but drive is empty" },
	{ "-kernel k -drive if=none,id=d -device virtio-blk-pci,drive=d",
	  "-device virtio-blk-pci,drive=d: Device needs media, but drive is empty" },
	{ "-device virtio-blk-pci", "-device virtio-blk-pci: drive property not set" },
	{ DRIVE "-device virtio-blk-pci,drive=e", "-device virtio-blk-pci,drive=e: Property "
	  "'virtio-blk-device.drive' can't find value 'e'" },
	{ DRIVE "-device virtio-blk-pci,drive=d -device virtio-blk,drive=d",
	  "-device virtio-blk,drive=d: Drive 'd' is already in use by another device" },
	{ "-kernel k -drive file=x,id=d -device virtio-blk-pci,drive=d",
	  "-device virtio-blk-pci,drive=d: Drive 'd' is already in use because it has been "
	  "automatically connected to another device (did you need 'if=none' in the drive "
	  "options?)" },
	{ DRIVE "-device virtio-blk-pci,drive=d,bogus=1", "-device virtio-blk-pci,drive=d,"
	  "bogus=1: Property 'virtio-blk-pci.bogus' not found" },
	{ DRIVE "-device virtio-blk-pci,drive=d,num-queues=0", "-device virtio-blk-pci,drive=d,"
	  "num-queues=0: num-queues property must be larger than 0" },
	{ DRIVE "-device virtio-blk-pci,drive=d,num-queues=17", "-device virtio-blk-pci,drive=d,"
	  "num-queues=17: num-queues property must not be larger than 16" },
	{ DRIVE "-device virtio-blk-pci,drive=d,queue-size=2", "-device virtio-blk-pci,drive=d,"
	  "queue-size=2: invalid queue-size property (2), must be > 2" },
	{ DRIVE "-device virtio-blk-pci,drive=d,queue-size=100", "-device virtio-blk-pci,drive=d,"
	  "queue-size=100: invalid queue-size property (100), must be a power of 2 (max 1024)" },
	{ DRIVE "-device virtio-blk-pci,drive=d,queue-size=2048",
	  "-device virtio-blk-pci,drive=d,queue-size=2048: invalid queue-size property (2048), "
	  "must be a power of 2 (max 1024)" },
	{ DRIVE "-device virtio-blk-pci,drive=d,logical_block_size=100",
	  "-device virtio-blk-pci,drive=d,logical_block_size=100: Property 'virtio-blk-pci."
	  "logical_block_size' doesn't take value 100 (minimum: 512, maximum: 2097152)" },
	{ DRIVE "-device virtio-blk-pci,drive=d,physical_block_size=1000",
	  "-device virtio-blk-pci,drive=d,physical_block_size=1000: Property 'virtio-blk-pci."
	  "physical_block_size' doesn't take value '1000', it's not a power of 2" },
	{ DRIVE "-device virtio-blk-pci,drive=d,logical_block_size=4096,physical_block_size=512",
	  "-device virtio-blk-pci,drive=d,logical_block_size=4096,physical_block_size=512: "
	  "logical_block_size > physical_block_size not supported" },
	{ DRIVE "-device virtio-blk-pci,drive=d,opt_io_size=513",
	  "-device virtio-blk-pci,drive=d,opt_io_size=513: opt_io_size must be a multiple of "
	  "logical_block_size" },
	{ DRIVE "-device virtio-blk-pci,drive=d,min_io_size=513",
	  "-device virtio-blk-pci,drive=d,min_io_size=513: min_io_size must be a multiple of "
	  "logical_block_size" },
};

TEST_F(drives, what_is_wrong_is_named)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		parse(&self->p, wrong[i].line);
		EXPECT_GT(0, self->p.ret) TH_LOG("'%s' was taken", wrong[i].line);
		EXPECT_STREQ(wrong[i].message, self->p.e.text);
		config_free(&self->p.c);
	}
	memset(&self->p.c, 0, sizeof(self->p.c));
}

TEST_F(drives, more_disks_than_slots_are_refused)
{
	char *argv[CONFIG_DEVICES_MAX * 2 + 8] = { "ferry", "-kernel", "k", "-device",
						   "virtio-rng-pci" };
	int argc = 5, i;

	for (i = 0; i < CONFIG_DEVICES_MAX; i++) {
		argv[argc++] = "-drive";
		argv[argc++] = "file=x";
	}
	self->p.ret = config_parse(&self->p.c, argc, argv, &self->p.e);
	EXPECT_EQ(-ENOSPC, self->p.ret);
	EXPECT_STREQ("-drive file=x: PCI: no slot/function available for virtio-blk-pci, all in "
		     "use or reserved", self->p.e.text);
	config_free(&self->p.c);
	argv[argc++] = "-drive";
	argv[argc++] = "file=x";
	self->p.ret = config_parse(&self->p.c, argc, argv, &self->p.e);
	EXPECT_EQ(-ENOSPC, self->p.ret);
	EXPECT_STREQ("-drive file=x: too many drives", self->p.e.text);
}

TEST_HARNESS_MAIN
