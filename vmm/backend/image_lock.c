// SPDX-License-Identifier: GPL-2.0
/*
 * Role: lock a disk image. A byte of the file stands for each thing that a user of
 *	it may do (from 100) and another for each that he forbids to all others (from
 *	200). Each user holds read locks on the bytes that are his, then looks whether
 *	somebody holds the opposite of one of them.
 * Threads: main.
 * Locks: open-file-description locks, which go with the descriptor at the latest.
 */
#include "image_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define IMAGE_DOES	100	/* + enum image_act */
#define IMAGE_FORBIDS	200

enum image_act {
	IMAGE_READ,
	IMAGE_WRITE,
	IMAGE_ACTS,
};

static const char *const lock_name[IMAGE_ACTS] = {
	[IMAGE_READ] = "\"consistent read\"", [IMAGE_WRITE] = "\"write\"",
};

static const char *const lock_shared_name[IMAGE_ACTS] = {
	[IMAGE_READ] = "shared \"consistent read\"", [IMAGE_WRITE] = "shared \"write\"",
};

static int lock_call(int fd, int cmd, short type, off_t byte, short *found)
{
	struct flock f = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

	if (fcntl(fd, cmd, &f) < 0)
		return -errno;
	*found = f.l_type;
	return 0;
}

static int lock_take(int fd, off_t byte, struct error *e)
{
	short found = F_UNLCK;
	int ret = lock_call(fd, F_OFD_SETLK, F_RDLCK, byte, &found);

	return ret ? error_errno(e, ret, "Failed to lock byte %d", (int)byte) : 0;
}

/* Nobody else holds @byte; else the lock called @name is not to be had. */
static int lock_check(int fd, off_t byte, const struct image_lock *l, const char *name,
		      struct error *e)
{
	short found = F_UNLCK;
	int ret = lock_call(fd, F_OFD_GETLK, F_WRLCK, byte, &found);

	if (!ret && found == F_UNLCK)
		return 0;
	ret = error_set(e, ret ?: EAGAIN, "Failed to get %s lock", name);
	error_hint(e, "Is another process using the image [%s]?", l->file);
	return ret;
}

int image_lock(int fd, const struct image_lock *l, struct error *e)
{
	const bool does[IMAGE_ACTS] = { true, l->write };
	const bool forbids[IMAGE_ACTS] = { false, !l->share };
	unsigned int i;
	short found = F_UNLCK;
	int ret = 0;

	/* Where a file system has no such locks, QEMU does without as well. */
	if (lock_call(fd, F_OFD_GETLK, F_WRLCK, IMAGE_DOES, &found))
		return 0;
	for (i = 0; i < IMAGE_ACTS && !ret; i++) {
		if (does[i])
			ret = lock_take(fd, IMAGE_DOES + i, e);
		if (!ret && forbids[i])
			ret = lock_take(fd, IMAGE_FORBIDS + i, e);
	}
	for (i = 0; i < IMAGE_ACTS && !ret; i++) {
		if (does[i])
			ret = lock_check(fd, IMAGE_FORBIDS + i, l, lock_name[i], e);
		if (!ret && forbids[i])
			ret = lock_check(fd, IMAGE_DOES + i, l, lock_shared_name[i], e);
	}
	return ret;
}

void image_lock_share(int fd)
{
	struct flock f = { .l_type = F_UNLCK, .l_whence = SEEK_SET,
			   .l_start = IMAGE_FORBIDS + IMAGE_WRITE, .l_len = 1 };

	fcntl(fd, F_OFD_SETLK, &f);
}

void image_unlock(int fd)
{
	struct flock f = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	fcntl(fd, F_OFD_SETLK, &f);
}
