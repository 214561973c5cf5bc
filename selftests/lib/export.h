/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A directory to export, on a file system of its own, as tests of ferry-9p need it.
 */
#ifndef FERRY_SELFTEST_EXPORT_H
#define FERRY_SELFTEST_EXPORT_H

#include <stdbool.h>

/* Mount a fresh tmpfs or ext4 on export_top(); negative: cannot be had here. */
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
bool export_holds(const char *path, const char *text);

#endif /* FERRY_SELFTEST_EXPORT_H */
