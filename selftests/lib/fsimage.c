// SPDX-License-Identifier: GPL-2.0
/*
 * Empty file systems and loop devices. Runs in the test's thread; takes no locks, and other
 * processes may do the same meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fsimage.h"
#include "shell.h"

#define BLOCK	4096
#define PATHS	"PATH=$PATH:/sbin:/usr/sbin; "

static bool fs_known(const char *type)
{
	char line[64], name[32];
	bool found = false;
	FILE *f = fopen("/proc/filesystems", "re");

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, " %31s", name) == 1 && !strcmp(name, type);
	if (f)
		fclose(f);
	return found || !shell(PATHS "modprobe %s", type);
}

/* Only a whole image gets its name. */
static int image_make(const char *type, unsigned int mb, const char *image)
{
	const char *options = strcmp(type, "ext4") ? "-q -f" : "-q -F -m 0 -b 4096";
	char part[96];
	int err = 0;

	if (shell(PATHS "command -v mkfs.%s", type))
		return -ENOENT;
	snprintf(part, sizeof(part), "%s.%d", image, getpid());
	if (shell(PATHS "truncate -s %uM %s && mkfs.%s %s %s", mb, part, type, options, part))
		err = -EIO;
	if (!err && rename(part, image))
		err = -errno;
	if (err)
		unlink(part);
	return err;
}

static bool is_zero(const char *block, size_t n)
{
	return !block[0] && !memcmp(block, block + 1, n - 1);
}

static int copy_blocks(int from, int to)
{
	char block[BLOCK];
	off_t at = 0;
	ssize_t n;

	for (;;) {
		at = lseek(from, at, SEEK_DATA);
		if (at < 0)
			return errno == ENXIO ? 0 : -errno;
		at -= at % BLOCK;
		n = pread(from, block, BLOCK, at);
		if (n <= 0)
			return n ? -errno : 0;
		if (!is_zero(block, n) && pwrite(to, block, n, at) != n)
			return -errno ?: -EIO;
		at += n;
	}
}

/* A file is made anew: of its predecessor somebody's loop device may still live. */
static int target_open(const char *path, off_t size)
{
	struct stat st;
	int fd, err;

	if (!stat(path, &st) && S_ISBLK(st.st_mode)) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, size))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int image_copy(const char *image, const char *path)
{
	int from = open(image, O_RDONLY | O_CLOEXEC), to, err;
	struct stat source;

	if (from < 0)
		return -errno;
	to = fstat(from, &source) ? -errno : target_open(path, source.st_size);
	err = to < 0 ? to : copy_blocks(from, to);
	if (!err && fsync(to))
		err = -errno;
	if (to >= 0)
		close(to);
	close(from);
	return err;
}

int fs_format(const char *type, unsigned int mb, const char *path)
{
	char image[64];
	int err = 0;

	if (!fs_known(type))
		return -ENODEV;
	snprintf(image, sizeof(image), "/tmp/ferry-%s-%u.img", type, mb);
	if (access(image, R_OK))
		err = image_make(type, mb, image);
	return err ? err : image_copy(image, path);
}

const char *fs_mount_data(const char *type)
{
	return strcmp(type, "xfs") ? NULL : "nouuid";
}

int loop_attach(const char *file, unsigned int block_size, char *node, size_t size)
{
	struct loop_config c = { .block_size = block_size, .info.lo_flags = LO_FLAGS_AUTOCLEAR };
	int control, n, back, device, err;

	if (access("/dev/loop-control", F_OK))
		shell(PATHS "modprobe loop");
	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		return -errno;
	n = ioctl(control, LOOP_CTL_GET_FREE);
	err = n < 0 ? -errno : 0;
	close(control);
	if (err)
		return err;
	snprintf(node, size, "/dev/loop%d", n);
	back = open(file, O_RDWR | O_CLOEXEC);
	device = open(node, O_RDWR | O_CLOEXEC);
	c.fd = back;
	err = back < 0 || device < 0 || ioctl(device, LOOP_CONFIGURE, &c) ? -errno : 0;
	if (back >= 0)
		close(back);
	if (!err)
		return device;
	if (device >= 0)
		close(device);
	return err;
}
