/* SPDX-License-Identifier: GPL-2.0 */
/* Locks on disk images, as QEMU takes them, so that each keeps the other out. */
#ifndef FERRY_VMM_BACKEND_IMAGE_LOCK_H
#define FERRY_VMM_BACKEND_IMAGE_LOCK_H

#include "../error.h"
#include "../types.h"

struct image_lock {
	const char *file;	/* for messages */
	bool write;		/* this program writes */
	bool share;		/* others may write as well */
};

/* Held until image_unlock(), or until @fd, and every copy of it, is closed. */
int image_lock(int fd, const struct image_lock *l, struct error *e);

/* From now on others may write as well. */
void image_lock_share(int fd);

/* Let go now: the kernel may have copies that it closes in its own time, those of io_uring. */
void image_unlock(int fd);

#endif /* FERRY_VMM_BACKEND_IMAGE_LOCK_H */
