// SPDX-License-Identifier: GPL-2.0
/*
 * The directory that is served: on ext4 on a RAM disk, made from the image that came
 * with the machine, or on tmpfs. All of its file lies in the page cache. One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "check.h"
#include "p9_bench.h"

#define TREE_IMAGE	"/ext4"
#define TREE_DISK	"/dev/ram0"
#define TREE_TOP	"/export"

static void tree_copy_image(void)
{
	int from = open(TREE_IMAGE, O_RDONLY | O_CLOEXEC);
	int to = open(TREE_DISK, O_WRONLY | O_CLOEXEC);
	static char buf[1 << 16];
	ssize_t n;

	check(from >= 0 && to >= 0, "open %s and %s: %s", TREE_IMAGE, TREE_DISK,
	      strerror(errno));
	while ((n = read(from, buf, sizeof(buf))) > 0)
		check(write(to, buf, n) == n, "write %s: %s", TREE_DISK, strerror(errno));
	check(!n, "read %s: %s", TREE_IMAGE, strerror(errno));
	close(from);
	close(to);
}

static void tree_fill(void)
{
	int fd = open(TREE_TOP "/" P9_FILE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	static uint8_t buf[1 << 16];

	check(fd >= 0, "create %s: %s", P9_FILE, strerror(errno));
	for (uint64_t pos = 0; pos < P9_FILE_BYTES; pos += sizeof(buf)) {
		for (unsigned int i = 0; i < sizeof(buf); i++)
			buf[i] = p9_byte(pos + i);
		check(write(fd, buf, sizeof(buf)) == sizeof(buf), "write: %s", strerror(errno));
	}
	/* What is written back later would cost somebody else's instructions. */
	check(!fsync(fd), "fsync: %s", strerror(errno));
	close(fd);
}

const char *p9_tree(const struct p9_row *row)
{
	check(!mkdir(TREE_TOP, 0755) || errno == EEXIST, "mkdir: %s", strerror(errno));
	if (!row->tmpfs)
		tree_copy_image();
	check(!mount(row->tmpfs ? "tmpfs" : TREE_DISK, TREE_TOP, row->tmpfs ? "tmpfs" : "ext4", 0,
		     NULL), "mount: %s", strerror(errno));
	tree_fill();
	return TREE_TOP;
}

void p9_tree_gone(void)
{
	check(!umount(TREE_TOP), "unmount the directory: %s", strerror(errno));
}

void p9_tree_check(const struct p9_row *row, unsigned int n)
{
	int fd = open(TREE_TOP "/" P9_FILE, O_RDONLY | O_CLOEXEC);

	check(fd >= 0, "open %s: %s", P9_FILE, strerror(errno));
	for (unsigned int i = 0; row->kind == P9_WRITE && i < n; i++) {
		uint64_t at = p9_offset(row, i);
		uint8_t ends[2];

		check(pread(fd, ends, 1, at) == 1 &&
		      pread(fd, ends + 1, 1, at + row->size - 1) == 1, "read: %s",
		      strerror(errno));
		check(ends[0] == p9_mark(i) && ends[1] == p9_mark(i),
		      "%s: request %u left %#x and %#x", row->name, i, ends[0], ends[1]);
	}
	close(fd);
}
