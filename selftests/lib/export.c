// SPDX-License-Identifier: GPL-2.0
/*
 * The directory that a test of ferry-9p exports: DIR/export on a file system mounted
 * on DIR, beside DIR/outside, which no guest may see.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "check.h"
#include "export.h"
#include "fsimage.h"

#define EXPORT_TOP	"/tmp/ferry-9p"
#define EXPORT_IMAGE	"/tmp/ferry-9p.img"
#define EXPORT_BLOCK	1024	/* the smallest block that mkfs takes by itself */

const char *export_top(void)
{
	return EXPORT_TOP;
}

const char *export_dir(void)
{
	return EXPORT_TOP "/export";
}

static int export_image(const char *fs, unsigned int mb)
{
	char node[32];
	int loop, err = fs_format(fs, mb, EXPORT_IMAGE);

	if (err)
		return err;
	loop = loop_attach(EXPORT_IMAGE, 0, node, sizeof(node));
	if (loop < 0)
		return loop;
	err = mount(node, EXPORT_TOP, fs, 0, fs_mount_data(fs)) ? -errno : 0;
	close(loop);
	return err;
}

static int export_ext4_on(const char *device)
{
	char command[256];

	snprintf(command, sizeof(command), "PATH=$PATH:/sbin:/usr/sbin; modprobe -aq ext4;"
		 " mkfs.ext4 -q -F %s >/dev/null 2>&1"
		 " && mount -o errors=continue %s " EXPORT_TOP " >/dev/null 2>&1", device, device);
	return system(command) ? -ENODEV : 0;
}

int __export_mount(const char *fs)
{
	int err;

	/* Each test has its own mounts, which go with it. */
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	mkdir(EXPORT_TOP, 0755);
	if (fs[0] == '/')
		err = export_ext4_on(fs);
	else if (!strcmp(fs, "ext4"))
		err = export_image(fs, 64);
	else if (!strcmp(fs, "xfs"))
		err = export_image(fs, 320);
	else
		err = mount(fs, EXPORT_TOP, fs, 0, "size=64m,nr_inodes=0") ? -errno : 0;
	if (err)
		return err;
	umask(0);
	if (chmod(EXPORT_TOP, 0755) || mkdir(EXPORT_TOP "/export", 0755) ||
	    mkdir(EXPORT_TOP "/outside", 0755))
		return -errno;
	export_write(EXPORT_TOP "/outside/secret", "secret");
	return 0;
}

void export_unmount(void)
{
	check(!umount(EXPORT_TOP), "unmount the exported file system: %s", strerror(errno));
}

bool export_takes_xattrs(void)
{
	return !setxattr(export_dir(), "user.probe", "x", 1, 0) &&
	       !removexattr(export_dir(), "user.probe");
}

int __export_mount_xattrs(void)
{
	int err = __export_mount("tmpfs");

	if (err || export_takes_xattrs())
		return err;
	export_unmount();
	return __export_mount("ext4");
}

const char *export_path(const char *fmt, ...)
{
	static char text[4][512];
	static unsigned int at;
	char *path = text[at++ % 4];
	va_list args;
	int n = snprintf(path, sizeof(text[0]), "%s/", EXPORT_TOP);

	va_start(args, fmt);
	vsnprintf(path + n, sizeof(text[0]) - n, fmt, args);
	va_end(args);
	return path;
}

void export_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "write %s: %s",
	      path, strerror(errno));
	close(fd);
}

bool export_holds_bytes(const char *path, const void *bytes, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *got = malloc(size + 1);
	bool is = fd >= 0 && got && read(fd, got, size + 1) == (ssize_t)size &&
		  !memcmp(got, bytes, size);

	free(got);
	if (fd >= 0)
		close(fd);
	return is;
}

bool export_holds(const char *path, const char *text)
{
	return export_holds_bytes(path, text, strlen(text));
}

/* Of what is no hole. */
bool export_stores(const void *bytes, size_t size)
{
	int fd = open(EXPORT_IMAGE, O_RDONLY | O_CLOEXEC);
	char *got = malloc(size);
	bool is = false;
	off_t at = 0;

	check(fd >= 0 && got, "open " EXPORT_IMAGE ": %s", strerror(errno));
	while (!is && (at = lseek(fd, at, SEEK_DATA)) >= 0) {
		off_t end = lseek(fd, at, SEEK_HOLE);

		for (at -= at % EXPORT_BLOCK; at < end && !is; at += EXPORT_BLOCK)
			is = pread(fd, got, size, at) == (ssize_t)size &&
			     !memcmp(got, bytes, size);
	}
	free(got);
	close(fd);
	return is;
}

const char *__export_serve(struct p9 *p, const char *fs, unsigned int model)
{
	static char why[128];
	int err;

	if (!p9_available())
		return "no " DEV_9P_PATH;
	err = strcmp(fs, "xattrs") ? __export_mount(fs) : __export_mount_xattrs();
	if (!err && model == FERRY_9P_MODEL_MAPPED && !export_takes_xattrs())
		err = -EOPNOTSUPP;
	if (!err) {
		p9_open(p, export_dir(), model, 0);
		return NULL;
	}
	snprintf(why, sizeof(why), "no %s here that serves: %s", fs, strerror(-err));
	return why;
}

void export_unserve(struct p9 *p)
{
	p9_close(p);
	export_unmount();
}
