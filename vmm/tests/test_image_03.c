// SPDX-License-Identifier: GPL-2.0
/*
 * Images that cannot be had: the message says what QEMU says, or what is missing here, and
 * nothing is left behind.
 * Threads: one, and processes without rights. Locks: none.
 */
#include "testimage.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

FIXTURE(refusal) {
	char dir[64];
	char file[128];
	char path[512];
	struct image_config cfg;
	struct image img;
	struct error e;
};

FIXTURE_SETUP(refusal)
{
	IMAGE_REQUIRE();
	__image_env(self->dir, sizeof(self->dir));
	snprintf(self->file, sizeof(self->file), "%s/disk.qcow2", self->dir);
	snprintf(self->path, sizeof(self->path), "%s", getenv("PATH"));
	ASSERT_EQ(0, run("qemu-img create -q -f qcow2 %s 64M", self->file));
	self->cfg = (struct image_config){ .file = self->file, .format = "qcow2" };
	self->img.fd = -1;
}

FIXTURE_TEARDOWN(refusal)
{
	if (!self->file[0])
		return;
	EXPECT_EQ(0, image_devices());
	EXPECT_EQ(0, image_servers());
	EXPECT_EQ(0, image_entries(self->dir));
	EXPECT_EQ(-1, self->img.fd);
	run("rm -r %s", self->dir);
}

static bool said(const struct error *e, const char *text, const char *hint)
{
	if (!strcmp(e->text, text) && !strcmp(e->hint, hint))
		return true;
	printf("# wanted: %s\n# hint:   %s\n# got:    %s\n# hint:   %s\n", text, hint, e->text,
	       e->hint);
	fflush(stdout);
	return false;
}

#define REFUSED(self, err, hint_, ...) do {					\
	char text_[256];							\
	EXPECT_EQ(err, image_open(&(self)->img, &(self)->cfg, &(self)->e));	\
	snprintf(text_, sizeof(text_), __VA_ARGS__);				\
	EXPECT_TRUE(said(&(self)->e, text_, hint_));				\
} while (0)

TEST_F(refusal, missing)
{
	self->cfg.file = "/tmp/none.qcow2";
	REFUSED(self, -ENOENT, "", "Could not open '/tmp/none.qcow2': No such file or directory");
}

TEST_F(refusal, not_a_file)
{
	self->cfg.file = self->dir;
	REFUSED(self, -EISDIR, "", "Could not open '%s': Is a directory", self->dir);
	self->cfg.readonly = true;
	REFUSED(self, -EINVAL, "", "'%s' is neither a regular file nor a block device", self->dir);
}

TEST_F(refusal, read_only_file)
{
	ASSERT_EQ(0, mount(self->dir, self->dir, NULL, MS_BIND, NULL));
	ASSERT_EQ(0, mount(NULL, self->dir, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	EXPECT_EQ(-EROFS, image_open(&self->img, &self->cfg, &self->e));
	EXPECT_TRUE(strstr(self->e.text, ": Read-only file system"));
	setenv("TMPDIR", "/tmp", 1);
	self->cfg.readonly = true;
	EXPECT_EQ(0, image_open(&self->img, &self->cfg, &self->e)) TH_LOG("%s", self->e.text);
	image_close(&self->img);
	EXPECT_EQ(0, umount(self->dir));
}

TEST_F(refusal, not_qcow2)
{
	ASSERT_EQ(0, run("rm %s && truncate -s 1M %s", self->file, self->file));
	REFUSED(self, -EINVAL, "", "Image is not in qcow2 format");
}

/* A header whose first table does not begin where tables do. */
TEST_F(refusal, corrupt)
{
	int fd = open(self->file, O_RDWR | O_CLOEXEC);

	ASSERT_EQ(1, pwrite(fd, "x", 1, 47));
	close(fd);
	EXPECT_EQ(-EINVAL, image_open(&self->img, &self->cfg, &self->e));
	EXPECT_EQ(0, strncmp(self->e.text, "Active L1 table", 15)) TH_LOG("%s", self->e.text);
}

TEST_F(refusal, missing_backing_file)
{
	ASSERT_EQ(0, run("cd %s && mv disk.qcow2 base && "
			 "qemu-img create -q -f qcow2 -F qcow2 -b base disk.qcow2 && rm base",
			 self->dir));
	REFUSED(self, -EINVAL, "", "Could not open backing file: Could not open '%s/base': "
		"No such file or directory", self->dir);
}

TEST_F(refusal, locked)
{
	struct image other;
	char hint[256];

	ASSERT_EQ(0, image_open(&other, &self->cfg, &self->e));
	snprintf(hint, sizeof(hint), "Is another process using the image [%s]?", self->file);
	REFUSED(self, -EBUSY, hint, "Failed to get \"write\" lock");
	/* The one who has it keeps it. */
	EXPECT_TRUE(image_write(other.fd, 1, 0, 4096));
	image_close(&other);
	EXPECT_EQ(0, image_open(&self->img, &self->cfg, &self->e));
	image_close(&self->img);
}

TEST_F(refusal, no_server_installed)
{
	setenv("PATH", self->dir, 1);
	REFUSED(self, -ENOENT, "On Debian, qemu-system-common has the one, qemu-utils the other.",
		"format=qcow2 takes qemu-storage-daemon or qemu-nbd, and neither is installed");
	setenv("PATH", self->path, 1);
}

TEST_F(refusal, server_says_nothing)
{
	ASSERT_EQ(0, run("mkdir %s/bin && ln -s /bin/false %s/bin/qemu-storage-daemon", self->dir,
			 self->dir));
	snprintf(self->e.hint, sizeof(self->e.hint), "%s/bin", self->dir);
	setenv("PATH", self->e.hint, 1);
	REFUSED(self, -EIO, "", "the server of image '%s' ended with status 1", self->file);
	setenv("PATH", self->path, 1);
}

TEST_F(refusal, no_rights)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, chmod(self->dir, 0777));
	ASSERT_EQ(0, chmod(self->file, 0666));
	pid = fork();
	if (!pid) {
		if (setgid(65534) || setuid(65534))
			_exit(2);
		_exit(image_open(&self->img, &self->cfg, &self->e) != -EPERM ||
		      !said(&self->e, "may not set up a network block device",
			    "That takes CAP_SYS_ADMIN."));
	}
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

/* What the kernel runs to load modules; it is restored by modprobe's usual path. */
static bool set_kernel_modprobe(const char *path)
{
	return !run("echo %s > /proc/sys/kernel/modprobe", path);
}

TEST_F(refusal, no_module)
{
	int status;
	pid_t pid;

	if (run("/sbin/rmmod nbd"))
		SKIP(return, "nbd cannot be unloaded here");
	ASSERT_TRUE(set_kernel_modprobe("/bin/false"));
	pid = fork();
	if (!pid) {
		if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    mount("none", "/lib/modules", "tmpfs", 0, NULL))
			_exit(2);
		_exit(image_open(&self->img, &self->cfg, &self->e) != -ENODEV ||
		      !said(&self->e, "the kernel has no network block device",
			    "Load its module with 'modprobe nbd max_part=0', as root."));
	}
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
	/* Where it can be loaded, that happens by itself, and without partitions. */
	EXPECT_EQ(0, image_open(&self->img, &self->cfg, &self->e)) TH_LOG("%s", self->e.text);
	image_close(&self->img);
	EXPECT_TRUE(set_kernel_modprobe("/sbin/modprobe"));
	EXPECT_EQ(0, run("grep -qx 0 /sys/module/nbd/parameters/max_part"));
}

TEST_F(refusal, no_direct_io)
{
	ASSERT_EQ(0, run("mount -t ramfs none %s && qemu-img create -q -f qcow2 %s 1M", self->dir,
			 self->file));
	self->cfg.direct = true;
	if (open(self->file, O_RDWR | O_DIRECT) < 0) {
		EXPECT_EQ(-EINVAL, image_open(&self->img, &self->cfg, &self->e));
		EXPECT_TRUE(strstr(self->e.text, "O_DIRECT")) TH_LOG("%s", self->e.text);
	} else {
		TH_LOG("this kernel has O_DIRECT everywhere");
	}
	EXPECT_EQ(0, umount2(self->dir, MNT_DETACH));
}

TEST_HARNESS_MAIN
