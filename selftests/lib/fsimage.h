/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Empty file systems. Each is made by mkfs once, as an image in /tmp, and copied from then
 * on: mkfs is most of what a test would do where programs start slowly.
 */
#ifndef FERRY_SELFTEST_FSIMAGE_H
#define FERRY_SELFTEST_FSIMAGE_H

#include <stddef.h>

/*
 * Put a file system of @type and @mb MiB on @path: a device of zeroes, or a file, which is
 * made. Return 0, -ENODEV where the kernel has no such file system, -ENOENT where there is
 * no mkfs for it, or another -errno.
 */
int fs_format(const char *type, unsigned int mb, const char *path);

/* What mount(2) has to be told of a copy: two of them may be mounted at a time. */
const char *fs_mount_data(const char *type);

/*
 * Attach @file to a loop device, in blocks of @block_size (0: 512), and put its node's path
 * into @node. Return a descriptor of the device, which is detached with the last user's end,
 * or -errno.
 */
int loop_attach(const char *file, unsigned int block_size, char *node, size_t size);

#endif /* FERRY_SELFTEST_FSIMAGE_H */
