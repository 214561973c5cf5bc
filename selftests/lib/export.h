/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A directory to export, on a file system of its own, as tests of ferry-9p need it.
 */
#ifndef FERRY_SELFTEST_EXPORT_H
#define FERRY_SELFTEST_EXPORT_H

#include <stdbool.h>

#include "p9.h"

/*
 * Mount a fresh tmpfs, ext4 or XFS on export_top(), or an ext4 on the block device of that path;
 * negative: cannot be had here.
 */
int __export_mount(const char *fs);
void export_unmount(void);
/* Whether it keeps user.* attributes, which mapped lives by; a tmpfs does since 6.6. */
bool export_takes_xattrs(void);
/* The same as __export_mount() of a file system that does. */
int __export_mount_xattrs(void);
const char *export_top(void);	/* the mount; the export is export_dir() below it */
const char *export_dir(void);
/* A path below the mount, from a format; a few at a time are valid. */
const char *export_path(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void export_write(const char *path, const char *text);
/* Whether the file has just these bytes, or this text. */
bool export_holds_bytes(const char *path, const void *bytes, size_t size);
bool export_holds(const char *path, const char *text);
/* Whether a block of the disk below an ext4 or XFS begins with these bytes. */
bool export_stores(const void *bytes, size_t size);

/*
 * Mount @fs ("xattrs": whichever keeps user attributes), serve the directory by @model
 * and attach fid 0 as uid 0. Return NULL, or why that is not possible here.
 */
const char *__export_serve(struct p9 *p, const char *fs, unsigned int model);
/* The reverse; it works as soon as the device is closed. */
void export_unserve(struct p9 *p);

/* __export_serve() in a fixture's setup: skips if it is not possible. */
#define EXPORT_SERVE(p, fs, model) do {					\
	const char *export_why_ = __export_serve(p, fs, model);		\
									\
	TEST_REQUIRE(!export_why_, "%s", export_why_);			\
} while (0)

#endif /* FERRY_SELFTEST_EXPORT_H */
