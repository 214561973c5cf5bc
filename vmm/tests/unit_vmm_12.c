// SPDX-License-Identifier: GPL-2.0
/*
 * Exported directories: what -fsdev, -virtfs and -device virtio-9p-pci stand for and
 * what they refuse, how a directory is opened, and what a guest sees of the device.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_pci.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/fsdev.h"
#include "dev/p9.h"
#include "harness.h"
#include "options/config.h"
#include "testvm.h"

#define RAM_SIZE	(8 * MIB)
#define RINGS		0x100000
#define SLOT		1
#define COMMON		0x0000
#define DEVICE		0x2000
#define WORDS_MAX	12

FIXTURE(words) {
	struct config c;
	struct error e;
};

FIXTURE_SETUP(words)
{
}

FIXTURE_TEARDOWN(words)
{
	config_free(&self->c);
}

/* Parse words behind a kernel, with spaces between. */
static int parse(FIXTURE_DATA(words) *self, const char *line)
{
	char copy[1024], *argv[WORDS_MAX + 3] = { "ferry", "-kernel", "k" }, *word, *rest = copy;
	int n = 3;

	config_free(&self->c);
	snprintf(copy, sizeof(copy), "%s", line);
	while ((word = strsep(&rest, " ")) && n < WORDS_MAX + 3)
		argv[n++] = word;
	return config_parse(&self->c, n, argv, &self->e);
}

#define TAKES(line) \
	ASSERT_EQ(CONFIG_RUN, parse(self, line)) TH_LOG("%s", self->e.text)

#define REFUSES(line, message) do {						\
	EXPECT_GT(0, parse(self, line)) TH_LOG("taken: %s", line);		\
	EXPECT_STREQ(message, self->e.text);					\
} while (0)

#define FS	"-fsdev local,id=a,path=/p,"
#define ON_DEV	" -device virtio-9p-pci,fsdev=a,mount_tag=t"

TEST_F(words, an_export_and_its_device)
{
	const struct fsdev_config *f;

	TAKES(FS "security_model=mapped" ON_DEV);
	ASSERT_EQ(1, self->c.n_fsdevs);
	ASSERT_EQ(1, self->c.n_devices);
	f = self->c.fsdev[0];
	EXPECT_STREQ("/p", f->path);
	EXPECT_EQ(FERRY_9P_MODEL_MAPPED, f->model);
	EXPECT_EQ(0, f->flags);
	EXPECT_EQ(0600, f->fmode);
	EXPECT_EQ(0700, f->dmode);
	EXPECT_EQ(FERRY_9P_SELF, f->uid);
	EXPECT_EQ(FERRY_9P_SELF, f->gid);
	EXPECT_EQ(512 * KIB, f->msize);
	EXPECT_EQ(65536, f->fids);
	EXPECT_EQ(16 * MIB, f->xattr_bytes);
	EXPECT_STREQ("/dev/ferry-9p", f->vhostdev);
	EXPECT_EQ(DEVICE_9P, self->c.device[0]->type->kind);
	EXPECT_EQ(f, self->c.device[0]->p9.export);
	EXPECT_STREQ("t", self->c.device[0]->p9.mount_tag);
}

TEST_F(words, every_model_has_its_name)
{
	static const struct {
		const char *line;
		u32 model;
	} models[] = {
		{ FS "security_model=mapped", FERRY_9P_MODEL_MAPPED },
		{ FS "security_model=mapped-xattr", FERRY_9P_MODEL_MAPPED },
		{ FS "security_model=passthrough", FERRY_9P_MODEL_PASSTHROUGH },
		{ FS "security_model=none", FERRY_9P_MODEL_NONE },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(models); i++) {
		TAKES(models[i].line);
		EXPECT_EQ(models[i].model, self->c.fsdev[0]->model);
	}
}

TEST_F(words, keys_become_flags_and_limits)
{
	const struct fsdev_config *f;

	TAKES(FS "security_model=passthrough,readonly=on,squash=root,uid=33,gid=34,guest_checks=on,"
	      "msize=1M,fids=100,xattr_bytes=64K,multidevs=warn,writeout=immediate");
	f = self->c.fsdev[0];
	EXPECT_EQ(FERRY_9P_F_READ_ONLY | FERRY_9P_F_ROOT_SQUASH | FERRY_9P_F_GUEST_CHECKS |
		  FERRY_9P_F_WRITEOUT, f->flags);
	EXPECT_EQ(33, f->uid);
	EXPECT_EQ(34, f->gid);
	EXPECT_EQ(MIB, f->msize);
	EXPECT_EQ(100, f->fids);
	EXPECT_EQ(64 * KIB, f->xattr_bytes);
	TAKES(FS "security_model=passthrough,squash=all");
	f = self->c.fsdev[0];
	EXPECT_EQ(FERRY_9P_F_ALL_SQUASH, f->flags);
	EXPECT_EQ(65534, f->uid);
	EXPECT_EQ(65534, f->gid);
	TAKES(FS "security_model=mapped,fmode=0644,dmode=0755,uid=33,multidevs=remap,squash=none,"
	      "writeout=immediate");
	f = self->c.fsdev[0];
	EXPECT_EQ(FERRY_9P_F_WRITEOUT, f->flags);
	EXPECT_EQ(0644, f->fmode);
	EXPECT_EQ(0755, f->dmode);
	EXPECT_EQ(33, f->uid);
	EXPECT_EQ(FERRY_9P_SELF, f->gid);
	/* A comma in a name is doubled. */
	TAKES("-fsdev local,id=a,path=/p,,q,security_model=none,readonly");
	f = self->c.fsdev[0];
	EXPECT_STREQ("/p,q", f->path);
	EXPECT_EQ(FERRY_9P_F_READ_ONLY, f->flags);
}

TEST_F(words, virtfs_is_both_in_one)
{
	struct device_config **d = self->c.device;

	TAKES("-virtfs local,path=/p,mount_tag=t,security_model=mapped,vhostdev=/dev/x "
	      "-virtfs local,path=/q,mount_tag=u,security_model=none,id=b,vhost=on "
	      "-fsdev local,id=c,path=/r,security_model=none "
	      "-device virtio-9p-pci,fsdev=c,mount_tag=v,vhost=auto");
	ASSERT_EQ(3, self->c.n_devices);
	EXPECT_STREQ("t", d[0]->p9.mount_tag);
	EXPECT_STREQ("/p", d[0]->p9.export->path);
	EXPECT_STREQ("t", d[0]->p9.export->id);
	EXPECT_STREQ("/dev/x", d[0]->p9.export->vhostdev);
	EXPECT_STREQ("u", d[1]->p9.mount_tag);
	EXPECT_STREQ("b", d[1]->p9.export->id);
	EXPECT_STREQ("/dev/ferry-9p", d[1]->p9.export->vhostdev);
	EXPECT_STREQ("/r", d[2]->p9.export->path);
}

TEST_F(words, what_an_export_may_not_be)
{
#define IS(rest)	"-fsdev " rest ": "
	REFUSES("-fsdev local,path=/p,security_model=none",
		IS("local,path=/p,security_model=none") "fsdev: No id specified");
	REFUSES("-fsdev id=a", IS("id=a") "fsdev: No fsdriver specified");
	REFUSES("-fsdev what,id=a", IS("what,id=a") "fsdev: fsdriver what not found");
	REFUSES("-fsdev proxy,id=a",
		IS("proxy,id=a") "fsdev: fsdriver proxy is not supported: use local");
	REFUSES("-fsdev local,id=a", IS("local,id=a") "security_model property not set");
	EXPECT_STREQ("Valid options are: security_model=[passthrough|mapped-xattr|none]",
		     self->e.hint);
	REFUSES("-fsdev local,id=a,security_model=none",
		IS("local,id=a,security_model=none") "path property not set");
	REFUSES(FS "security_model=x", FS "security_model=x: invalid security_model property 'x'");
	REFUSES(FS "security_model=mapped-file",
		FS "security_model=mapped-file: security_model=mapped-file is not supported: a "
		"guest could reach the files that hold its attributes");
	REFUSES(FS "security_model=none,bogus=1",
		FS "security_model=none,bogus=1: Invalid parameter 'bogus'");
	REFUSES(FS "security_model=none,mount_tag=t",
		FS "security_model=none,mount_tag=t: Invalid parameter 'mount_tag'");
	REFUSES(FS "security_model=none,multidevs=x",
		FS "security_model=none,multidevs=x: invalid multidevs property 'x'");
	EXPECT_GT(0, parse(self, FS "security_model=none,multidevs=forbid"));
	EXPECT_NE(NULL, strstr(self->e.text, "multidevs=forbid is not supported"));
	REFUSES(FS "security_model=none,writeout=later",
		FS "security_model=none,writeout=later: invalid writeout property 'later': there "
		"is immediate, or leave it out");
	REFUSES(FS "security_model=none " FS "security_model=none",
		FS "security_model=none: Duplicate ID 'a' for fsdev");
}

TEST_F(words, keys_that_say_nothing_there_are_refused)
{
#define NONE	FS "security_model=none,"
#define MAPPED	FS "security_model=mapped,"
#define PASS	FS "security_model=passthrough,"
	REFUSES(NONE "fmode=0600", NONE "fmode=0600: fmode is only valid for mapped security "
		"modes");
	REFUSES(PASS "dmode=0700", PASS "dmode=0700: dmode is only valid for mapped security "
		"modes");
	REFUSES(MAPPED "fmode=99", MAPPED "fmode=99: invalid fmode 0143: wanted is 0600 or more, "
		"up to 0777");
	REFUSES(MAPPED "fmode=0", MAPPED "fmode=0: invalid fmode 00: wanted is 0600 or more, "
		"up to 0777");
	REFUSES(MAPPED "dmode=01777", MAPPED "dmode=01777: invalid dmode 01777: wanted is 0700 or "
		"more, up to 0777");
	REFUSES(MAPPED "squash=all", MAPPED "squash=all: squash is only valid for "
		"security_model=passthrough");
	REFUSES(NONE "guest_checks=on", NONE "guest_checks=on: guest_checks is only valid for "
		"security_model=passthrough");
	REFUSES(PASS "squash=x", PASS "squash=x: invalid squash property 'x': there are none, "
		"root and all");
	REFUSES(PASS "uid=1", PASS "uid=1: uid and gid are only valid for mapped security modes "
		"and with squash=root or all");
	REFUSES(NONE "gid=1", NONE "gid=1: uid and gid are only valid for mapped security modes "
		"and with squash=root or all");
	REFUSES(MAPPED "msize=4095", MAPPED "msize=4095: Value '4095' is out of range for "
		"parameter 'msize' (4096 to 1048576)");
	REFUSES(MAPPED "fids=0", MAPPED "fids=0: Value '0' is out of range for parameter 'fids' "
		"(1 to 65536)");
}

TEST_F(words, what_a_device_may_not_be)
{
#define DEV	"-device virtio-9p-pci,"
#define TAG31	"0123456789012345678901234567890"
	REFUSES(DEV "mount_tag=t", DEV "mount_tag=t: fsdev property not set");
	REFUSES(DEV "fsdev=a", DEV "fsdev=a: fsdev with id a needs mount_tag arguments");
	REFUSES(DEV "fsdev=a,mount_tag=", DEV "fsdev=a,mount_tag=: fsdev with id a needs mount_tag "
		"arguments");
	REFUSES(DEV "fsdev=a,mount_tag=" TAG31 "x", DEV "fsdev=a,mount_tag=" TAG31 "x: mount tag '"
		TAG31 "x' (32 bytes) is longer than maximum (31 bytes)");
	TAKES(FS "security_model=none " DEV "fsdev=a,mount_tag=" TAG31);
	REFUSES(DEV "fsdev=a,mount_tag=t", DEV "fsdev=a,mount_tag=t: 9pfs device couldn't find "
		"fsdev with the id = a");
	REFUSES(DEV "fsdev=a,mount_tag=t,vhost=maybe", DEV "fsdev=a,mount_tag=t,vhost=maybe: "
		"Parameter 'vhost' expects 'on' or 'off'");
	TAKES(FS "security_model=none " DEV "fsdev=a,mount_tag=t,vhost=off");
	REFUSES(FS "security_model=none " DEV "fsdev=a,mount_tag=t " DEV "fsdev=a,mount_tag=u",
		DEV "fsdev=a,mount_tag=u: fsdev 'a' is already in use by another device");
	REFUSES(FS "security_model=none " DEV "fsdev=a,mount_tag=t "
		"-virtfs local,path=/q,mount_tag=t,security_model=none",
		"-virtfs local,path=/q,mount_tag=t,security_model=none: mount tag 't' is already "
		"in use by another device");
	REFUSES("-virtfs local,path=/q,security_model=none",
		"-virtfs local,path=/q,security_model=none: Usage: -virtfs fsdriver,mount_tag=tag");
	REFUSES("-virtfs local,path=/q,mount_tag=t",
		"-virtfs local,path=/q,mount_tag=t: security_model property not set");
	EXPECT_EQ(0, self->c.n_devices);
}

/* An engine that serves nothing and remembers what it was told. */
struct fake {
	unsigned int starts, stops;
	int fail;
};

static u64 fake_features(void *backend, u64 wanted)
{
	return wanted & ~VIRTIO_BIT(F_RING_PACKED);
}

static int fake_start(void *backend, struct virtio_dev *v)
{
	struct fake *f = backend;

	f->starts++;
	return f->fail;
}

static void fake_stop(void *backend)
{
	((struct fake *)backend)->stops++;
}

static const struct p9_backend_ops fake_ops = { fake_features, fake_start, fake_stop };

FIXTURE(seen) {
	struct testvm t;
	struct p9_dev p;
	struct virtio_pci pci;
	struct fake fake;
	struct error e;
	u64 bar;
};

FIXTURE_SETUP(seen)
{
	const struct virtio_pci_config cfg = { "virtio-9p-pci", NULL, 2 };
	const struct p9_dev_config dev = { virtio_ring_features(true, true, true), "share" };

	ASSERT_EQ(0, testvm_init(&self->t, RAM_SIZE));
	ASSERT_EQ(0, p9_init(&self->p, &self->t.m, &dev, &fake_ops, &self->fake, &self->e));
	ASSERT_EQ(0, virtio_pci_init(&self->pci, &self->p.v, &self->t.pci, &cfg, &self->e));
	cfg_write(&self->t, SLOT, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	self->bar = cfg_read(&self->t, SLOT, PCI_BASE_ADDRESS_0, 4);
}

FIXTURE_TEARDOWN(seen)
{
	virtio_pci_destroy(&self->pci);
	p9_destroy(&self->p);
	machine_destroy(&self->t.m);
}

static void common_write(FIXTURE_DATA(seen) *self, u32 reg, u64 val, unsigned int size)
{
	mmio_write(&self->t, self->bar + COMMON + reg, val, size);
}

static u64 common_read(FIXTURE_DATA(seen) *self, u32 reg, unsigned int size)
{
	return mmio_read(&self->t, self->bar + COMMON + reg, size);
}

/* What a driver does, up to DRIVER_OK; the status then. */
static u8 bring_up(FIXTURE_DATA(seen) *self, bool with_queue)
{
	const u64 areas[] = { RINGS, RINGS + 0x1000, RINGS + 0x2000 };
	const u32 reg[] = { VIRTIO_PCI_COMMON_Q_DESCLO, VIRTIO_PCI_COMMON_Q_AVAILLO,
			    VIRTIO_PCI_COMMON_Q_USEDLO };
	unsigned int i;

	common_write(self, VIRTIO_PCI_COMMON_STATUS, 0, 1);
	common_write(self, VIRTIO_PCI_COMMON_STATUS, 3, 1);
	common_write(self, VIRTIO_PCI_COMMON_GFSELECT, 0, 4);
	common_write(self, VIRTIO_PCI_COMMON_GF, 1, 4);
	common_write(self, VIRTIO_PCI_COMMON_GFSELECT, 1, 4);
	common_write(self, VIRTIO_PCI_COMMON_GF, 1, 4);
	common_write(self, VIRTIO_PCI_COMMON_STATUS, 0xb, 1);
	for (i = 0; with_queue && i < ARRAY_SIZE(areas); i++)
		common_write(self, reg[i], areas[i], 4);
	if (with_queue)
		common_write(self, VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
	common_write(self, VIRTIO_PCI_COMMON_STATUS, 0xf, 1);
	return common_read(self, VIRTIO_PCI_COMMON_STATUS, 1);
}

TEST_F(seen, the_registers_tell_the_tag)
{
	struct testvm *t = &self->t;
	char tag[6] = "";
	unsigned int i;

	EXPECT_EQ(0x10491af4, cfg_read(t, SLOT, PCI_VENDOR_ID, 4));
	EXPECT_EQ(0x0180, cfg_read(t, SLOT, PCI_CLASS_DEVICE, 2));
	EXPECT_EQ(1, common_read(self, VIRTIO_PCI_COMMON_NUMQ, 2));
	EXPECT_EQ(128, common_read(self, VIRTIO_PCI_COMMON_Q_SIZE, 2));
	common_write(self, VIRTIO_PCI_COMMON_DFSELECT, 0, 4);
	EXPECT_TRUE(common_read(self, VIRTIO_PCI_COMMON_DF, 4) & BIT_ULL(VIRTIO_9P_MOUNT_TAG));
	common_write(self, VIRTIO_PCI_COMMON_DFSELECT, 1, 4);
	/* The engine has the last word on the ring. */
	EXPECT_EQ(1, common_read(self, VIRTIO_PCI_COMMON_DF, 4));
	EXPECT_EQ(5, mmio_read(t, self->bar + DEVICE, 2));
	for (i = 0; i < 5; i++)
		tag[i] = mmio_read(t, self->bar + DEVICE + 2 + i, 1);
	EXPECT_STREQ("share", tag);
	/* It is the device's to say, not the driver's. */
	mmio_write(t, self->bar + DEVICE + 2, 'S', 1);
	EXPECT_EQ('s', mmio_read(t, self->bar + DEVICE + 2, 1));
	/* Nothing is behind it. */
	EXPECT_NE('e', mmio_read(t, self->bar + DEVICE + 7, 1));
}

TEST_F(seen, its_life_is_the_engines)
{
	EXPECT_EQ(0xf, bring_up(self, true));
	EXPECT_EQ(1, self->fake.starts);
	EXPECT_EQ(0, self->fake.stops);
	common_write(self, VIRTIO_PCI_COMMON_STATUS, 0, 1);
	EXPECT_EQ(1, self->fake.stops);
	/* A driver that sets up no queue has no device. */
	EXPECT_EQ(0x4f, bring_up(self, false));
	EXPECT_EQ(1, self->fake.starts);
	self->fake.fail = -EIO;
	EXPECT_EQ(0x4f, bring_up(self, true));
	EXPECT_EQ(2, self->fake.starts);
	EXPECT_EQ(1, self->fake.stops);
}

TEST_F(seen, a_tag_that_does_not_fit_is_refused)
{
	struct p9_dev p;

	EXPECT_EQ(-EINVAL, p9_init(&p, &self->t.m, &(struct p9_dev_config){ .tag = TAG31 "x" },
				   &fake_ops, &self->fake, &self->e));
	EXPECT_EQ(-EINVAL, p9_init(&p, &self->t.m, &(struct p9_dev_config){ .tag = "" },
				   &fake_ops, &self->fake, &self->e));
}

static void say(const char *text)
{
	fprintf(stderr, "# %s\n", text);
}

TEST_F(seen, a_directory_is_opened_before_the_guest_runs)
{
	struct fsdev_config cfg = {
		.id = "a", .path = "/none", .vhostdev = "/none", .model = FERRY_9P_MODEL_NONE,
		.uid = FERRY_9P_SELF, .gid = FERRY_9P_SELF, .vhost = TRI_ON,
	};
	struct fsdev fs;

	EXPECT_EQ(-ENOENT, fsdev_init(&fs, &self->t.m, &cfg, say, &self->e));
	EXPECT_STREQ("cannot initialize fsdev 'a': failed to open '/none': No such file or "
		     "directory", self->e.text);
	fsdev_destroy(&fs);
	cfg.path = "/proc/self/exe";
	EXPECT_EQ(-ENOTDIR, fsdev_init(&fs, &self->t.m, &cfg, say, &self->e));
	fsdev_destroy(&fs);
	cfg.path = "/tmp";
	EXPECT_EQ(-ENOENT, fsdev_init(&fs, &self->t.m, &cfg, say, &self->e));
	EXPECT_STREQ("vhost: could not open '/none': No such file or directory", self->e.text);
	EXPECT_STREQ("Is the module loaded? 'modprobe ferry_9p', or vhost=off to do without.",
		     self->e.hint);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fs.export.fd, F_GETFD));
	EXPECT_TRUE(fcntl(fs.export.fd, F_GETFL) & O_DIRECTORY);
	fsdev_destroy(&fs);
	/* A device that speaks something else. */
	cfg.vhostdev = "/dev/null";
	EXPECT_EQ(-ENOTTY, fsdev_init(&fs, &self->t.m, &cfg, say, &self->e));
	fsdev_destroy(&fs);
	/* Nobody insists on the kernel. */
	cfg.vhost = TRI_AUTO;
	EXPECT_EQ(0, fsdev_init(&fs, &self->t.m, &cfg, say, &self->e)) TH_LOG("%s", self->e.text);
	EXPECT_FALSE(fs.use_vhost);
	fsdev_destroy(&fs);
	cfg.vhost = TRI_OFF;
	EXPECT_EQ(0, fsdev_init(&fs, &self->t.m, &cfg, say, &self->e)) TH_LOG("%s", self->e.text);
	EXPECT_FALSE(fs.use_vhost);
	fsdev_destroy(&fs);
}

TEST_HARNESS_MAIN
