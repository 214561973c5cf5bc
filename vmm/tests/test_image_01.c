// SPDX-License-Identifier: GPL-2.0
/*
 * An image in use: what is written through the block device is in the image, as QEMU reads it,
 * and the options reach the one who keeps it.
 * Threads: one. Locks: none.
 */
#include <sys/resource.h>

#include "testimage.h"

FIXTURE(image) {
	char dir[64];
	char file[128];
	struct image_config cfg;
	struct image img;
	struct error e;
};

FIXTURE_SETUP(image)
{
	IMAGE_REQUIRE();
	__image_env(self->dir, sizeof(self->dir));
	snprintf(self->file, sizeof(self->file), "%s/a,b.qcow2", self->dir);
	ASSERT_EQ(0, run("qemu-img create -q -f qcow2 %s 64M", self->file));
	self->cfg = (struct image_config){ .file = self->file, .format = "qcow2" };
	self->img = (struct image){ .fd = -1, .nbd = { .fd = -1 } };
}

FIXTURE_TEARDOWN(image)
{
	image_close(&self->img);
	if (self->file[0]) {
		EXPECT_TRUE(image_all_gone(self->dir, self->file));
		run("rm -r %s", self->dir);
	}
}

#define OPEN(self) ASSERT_EQ(0, image_open(&(self)->img, &(self)->cfg, &(self)->e))	\
	TH_LOG("%s", (self)->e.text)

TEST_F(image, bytes_arrive)
{
	u64 bytes = 0;

	OPEN(self);
	EXPECT_EQ(IMAGE_SIZE, self->img.size);
	EXPECT_EQ(0, ioctl(self->img.fd, BLKGETSIZE64, &bytes));
	EXPECT_EQ(IMAGE_SIZE, bytes);
	EXPECT_TRUE(fcntl(self->img.fd, F_GETFL) & O_DIRECT);
	EXPECT_TRUE(image_holds(self->img.fd, 0, 0, 65536));
	EXPECT_TRUE(image_write(self->img.fd, 0xa5, 4096, 1 << 20));
	EXPECT_TRUE(image_write(self->img.fd, 0x5a, IMAGE_SIZE - 512, 512));
	EXPECT_EQ(0, fsync(self->img.fd));
	EXPECT_TRUE(image_holds(self->img.fd, 0xa5, 4096, 1 << 20));
	EXPECT_FALSE(image_write(self->img.fd, 1, IMAGE_SIZE, 512));
	image_close(&self->img);
	EXPECT_EQ(-1, self->img.fd);
	EXPECT_TRUE(image_file_holds(self->file, 0, 0, 4096));
	EXPECT_TRUE(image_file_holds(self->file, 0xa5, 4096, 1 << 20));
	EXPECT_TRUE(image_file_holds(self->file, 0x5a, IMAGE_SIZE - 512, 512));
	EXPECT_EQ(0, run("qemu-img check -q -f qcow2 %s", self->file));
}

TEST_F(image, survives_reopening)
{
	unsigned int i;

	for (i = 1; i <= image_scale(5); i++) {
		OPEN(self);
		EXPECT_TRUE(image_holds(self->img.fd, i - 1, 0, 4096));
		EXPECT_TRUE(image_write(self->img.fd, i, 0, 4096));
		image_close(&self->img);
	}
}

TEST_F(image, several_at_once)
{
	struct image_config cfg = self->cfg;
	char file[160];
	struct image other;

	snprintf(file, sizeof(file), "%s-2", self->file);
	ASSERT_EQ(0, run("qemu-img create -q -f qcow2 %s 32M", file));
	cfg.file = file;
	OPEN(self);
	ASSERT_EQ(0, image_open(&other, &cfg, &self->e));
	EXPECT_NE(self->img.nbd.index, other.nbd.index);
	EXPECT_EQ(IMAGE_SIZE / 2, other.size);
	EXPECT_TRUE(image_write(other.fd, 2, 0, 4096));
	EXPECT_TRUE(image_write(self->img.fd, 1, 0, 4096));
	image_close(&self->img);
	EXPECT_TRUE(image_holds(other.fd, 2, 0, 4096));
	image_close(&other);
	EXPECT_TRUE(image_file_holds(file, 2, 0, 4096));
	EXPECT_TRUE(image_file_holds(self->file, 1, 0, 4096));
}

/* Of an image that may not grow further the write fails that grows it, and nothing else. */
TEST_F(image, limited_by_its_user)
{
	const rlim_t most = 2 << 20;
	struct rlimit before, limit;

	ASSERT_EQ(0, getrlimit(RLIMIT_FSIZE, &before));
	limit = (struct rlimit){ most, before.rlim_max };
	self->cfg.direct = true;
	ASSERT_EQ(0, setrlimit(RLIMIT_FSIZE, &limit));
	OPEN(self);
	setrlimit(RLIMIT_FSIZE, &before);
	EXPECT_TRUE(image_write(self->img.fd, 1, 0, 65536));
	EXPECT_FALSE(image_write(self->img.fd, 2, 1 << 20, 2 * most));
	EXPECT_TRUE(image_holds(self->img.fd, 1, 0, 65536));
	EXPECT_TRUE(image_write(self->img.fd, 3, 0, 65536));
	EXPECT_EQ(0, fsync(self->img.fd));
	image_close(&self->img);
	EXPECT_TRUE(image_file_holds(self->file, 3, 0, 65536));
}

TEST_F(image, backing_file)
{
	char overlay[160];

	ASSERT_EQ(0, run("qemu-io -f qcow2 -c 'write -P 7 0 64k' %s", self->file));
	snprintf(overlay, sizeof(overlay), "%s/overlay.qcow2", self->dir);
	ASSERT_EQ(0, run("qemu-img create -q -f qcow2 -F qcow2 -b %s %s", self->file, overlay));
	self->cfg.file = overlay;
	OPEN(self);
	EXPECT_TRUE(image_holds(self->img.fd, 7, 0, 65536));
	EXPECT_TRUE(image_write(self->img.fd, 8, 0, 4096));
	image_close(&self->img);
	EXPECT_TRUE(image_file_holds(overlay, 8, 0, 4096));
	EXPECT_TRUE(image_file_holds(overlay, 7, 4096, 4096));
	EXPECT_TRUE(image_file_holds(self->file, 7, 0, 4096));
}

TEST_F(image, read_only)
{
	struct image other;
	char node[32];
	int fd, on = 0;

	ASSERT_EQ(0, run("qemu-io -f qcow2 -c 'write -P 9 0 64k' %s", self->file));
	self->cfg.readonly = true;
	OPEN(self);
	EXPECT_TRUE(image_holds(self->img.fd, 9, 0, 4096));
	EXPECT_FALSE(image_write(self->img.fd, 1, 0, 4096));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(0, ioctl(self->img.fd, BLKROGET, &on));
	EXPECT_EQ(1, on);
	snprintf(node, sizeof(node), "/dev/nbd%d", self->img.nbd.index);
	fd = open(node, O_RDWR | O_DIRECT | O_CLOEXEC);
	EXPECT_FALSE(image_write(fd, 1, 0, 4096));
	close(fd);
	/* Those who only read share. */
	ASSERT_EQ(0, image_open(&other, &self->cfg, &self->e));
	EXPECT_TRUE(image_holds(other.fd, 9, 0, 4096));
	image_close(&other);
}

/* Whether the server has the image's file open with O_DIRECT. */
static int file_is_direct(const struct image *img, const char *file)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "for f in /proc/%d/fd/*; do [ \"$(readlink $f)\" = '%s' ] && "
		 "cat /proc/%d/fdinfo/${f##*/}; done | awk '/^flags/ { print $2 }' | "
		 "grep -qE '[4567]....$'", img->child, file, img->child);
	return !run("%s", command);
}

TEST_F(image, cache_of_the_page_cache)
{
	OPEN(self);
	EXPECT_FALSE(file_is_direct(&self->img, self->file));
}

TEST_F(image, cache_none)
{
	int fd = open(self->file, O_RDWR | O_DIRECT | O_CLOEXEC);

	if (fd < 0)
		SKIP(return, "no O_DIRECT on this file system");
	close(fd);
	self->cfg.direct = true;
	OPEN(self);
	EXPECT_TRUE(file_is_direct(&self->img, self->file));
	EXPECT_TRUE(image_write(self->img.fd, 3, 512, 512));
	EXPECT_TRUE(image_holds(self->img.fd, 3, 512, 512));
	image_close(&self->img);
	EXPECT_TRUE(image_file_holds(self->file, 3, 512, 512));
}

/* Where the image has data, to QEMU: the length of the first range that is not a hole. */
static int range_is_data(const char *file, unsigned int offset)
{
	return !run("qemu-img map -f qcow2 --output=json '%s' | tr '{' '\\n' | "
		    "grep '\"start\": %u,' | grep -q '\"data\": true'", file, offset);
}

TEST_F(image, discard_frees)
{
	u64 range[2] = { 0, 1 << 20 };

	ASSERT_EQ(0, run("qemu-io -f qcow2 -c 'write -P 9 0 1M' %s", self->file));
	ASSERT_TRUE(range_is_data(self->file, 0));
	self->cfg.discard = true;
	OPEN(self);
	EXPECT_EQ(0, ioctl(self->img.fd, BLKDISCARD, range));
	image_close(&self->img);
	EXPECT_FALSE(range_is_data(self->file, 0));
	EXPECT_TRUE(image_file_holds(self->file, 0, 0, 1 << 20));
}

TEST_F(image, discard_ignored)
{
	u64 range[2] = { 0, 1 << 20 };

	ASSERT_EQ(0, run("qemu-io -f qcow2 -c 'write -P 9 0 1M' %s", self->file));
	OPEN(self);
	EXPECT_EQ(0, ioctl(self->img.fd, BLKDISCARD, range));
	image_close(&self->img);
	EXPECT_TRUE(range_is_data(self->file, 0));
}

TEST_F(image, qemu_nbd_instead)
{
	char *path = strdup(getenv("PATH"));

	ASSERT_EQ(0, run("mkdir %s/bin && ln -s $(command -v qemu-nbd) %s/bin/", self->dir,
			 self->dir));
	snprintf(self->e.text, sizeof(self->e.text), "%s/bin", self->dir);
	setenv("PATH", self->e.text, 1);
	EXPECT_EQ(0, image_open(&self->img, &self->cfg, &self->e)) TH_LOG("%s", self->e.text);
	setenv("PATH", path, 1);
	free(path);
	EXPECT_EQ(IMAGE_SIZE, self->img.size);
	EXPECT_TRUE(image_write(self->img.fd, 4, 0, 65536));
	image_close(&self->img);
	EXPECT_TRUE(image_file_holds(self->file, 4, 0, 65536));
}

TEST_HARNESS_MAIN
