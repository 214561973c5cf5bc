// SPDX-License-Identifier: GPL-2.0
/*
 * Role: open the image of a -drive, as raw bytes with QEMU's locks on them, or by the
 *	program that understands its format.
 * Threads: main, before the guest runs.
 * Locks: none.
 */
#include "drive_open.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image_lock.h"

/* What a qcow2 image begins with, in big-endian words. */
#define QCOW2_MAGIC		0x514649fbU
#define QCOW2_DATA_FILE		4ULL	/* of the incompatible features: bytes are elsewhere */

struct qcow2_start {
	u32 magic, version;
	u64 backing_file;	/* where its name is, 0 if there is none */
	u8 rest[56];
	u64 incompatible;	/* from version 3 on */
} __attribute__((packed));

static int drive_check_file(const char *file, struct error *e)
{
	struct stat st;

	if (stat(file, &st))
		return error_errno(e, errno, "Could not open '%s'", file);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return error_set(e, EINVAL, "'file' driver requires '%s' to be a regular file",
				 file);
	return 0;
}

static int drive_open_error(const char *file, int flags, int err, struct error *e)
{
	int fd;

	if (err == EINVAL && flags & O_DIRECT) {
		fd = open(file, flags & ~O_DIRECT);
		if (fd >= 0) {
			close(fd);
			return error_set(e, EINVAL, "Could not open '%s': filesystem does not "
					 "support O_DIRECT", file);
		}
	}
	return error_errno(e, err, "Could not open '%s'", file);
}

static int drive_open_raw(struct drive *d, struct error *e)
{
	const struct drive_config *cfg = d->cfg;
	const struct image_lock lock = { cfg->file, !cfg->readonly, cfg->share };
	int flags = O_CLOEXEC | (cfg->readonly ? O_RDONLY : O_RDWR) |
		    (cfg->cache.direct ? O_DIRECT : 0);

	d->fd = open(cfg->file, flags);
	if (d->fd < 0)
		return drive_open_error(cfg->file, flags, errno, e);
	return image_lock(d->fd, &lock, e);
}

static int drive_open_image(struct drive *d, const char *format, struct error *e)
{
	const struct drive_config *cfg = d->cfg;
	const struct image_config image = {
		.file = cfg->file,
		.format = format,
		.aio = cfg->aio,
		.readonly = cfg->readonly,
		.direct = cfg->cache.direct,
		.no_flush = cfg->cache.no_flush,
		.discard = cfg->discard,
	};
	int ret = image_open(&d->image, &image, e);

	if (!ret)
		d->fd = d->image.fd;
	return ret;
}

/*
 * Without format=. A guest may write what it likes to the start of a raw disk, also
 * the names of other files; so an image that refers to any must be called qcow2 by
 * the user.
 */
static int drive_guess_format(const struct drive *d, const char **format, struct error *e)
{
	const char *file = d->cfg->file;
	struct qcow2_start start = { 0 };
	char text[512];
	ssize_t n;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_errno(e, errno, "Could not open '%s'", file);
	n = pread(fd, &start, sizeof(start), 0);
	close(fd);
	*format = n == sizeof(start) && be32toh(start.magic) == QCOW2_MAGIC ? "qcow2" : "raw";
	if (!strcmp(*format, "qcow2") &&
	    (start.backing_file || (be32toh(start.version) >= 3 &&
				    be64toh(start.incompatible) & QCOW2_DATA_FILE))) {
		error_set(e, EINVAL, "Image format was not specified for '%s', which refers to "
			  "another file", file);
		error_hint(e, "Specify format=qcow2 if it is one; a guest may have written this "
			   "on a raw disk.");
		return -EINVAL;
	}
	snprintf(text, sizeof(text), "WARNING: Image format was not specified for '%s' and "
		 "probing guessed %s; specify format=%s", file, *format, *format);
	d->warn(text);
	return 0;
}

int drive_open(struct drive *d, struct error *e)
{
	const char *format = d->cfg->format;
	int ret = drive_check_file(d->cfg->file, e);

	if (!ret && !format)
		ret = drive_guess_format(d, &format, e);
	if (ret)
		return ret;
	return strcmp(format, "raw") ? drive_open_image(d, format, e) : drive_open_raw(d, e);
}
