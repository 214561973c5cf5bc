/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A disk that this process serves, through VDUSE: to the kernel it is a virtio disk like any
 * other, with what no other disk of the lab can do, SECURE_ERASE. Needs root, and a kernel that
 * has the driver's side, 6.2 or newer. A thread serves it; everybody may read the counter.
 *
 * It erases nothing. Linux, 7.3 included, sends the ranges of a SECURE_ERASE as if the device
 * were to write them, so that VDUSE, which copies a buffer for whom it is, shows none. The
 * kernel's trace of the requests that it issued does.
 */
#ifndef FERRY_SELFTEST_VDUSE_H
#define FERRY_SELFTEST_VDUSE_H

#include <linux/virtio_ring.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define VDUSE_MAPS	8

/* Memory of the driver, by its I/O virtual addresses. */
struct vduse_map {
	uint64_t start, last;
	uint8_t *at;
};

struct vduse {
	char name[32];
	char path[64];			/* the disk's node */
	char why[128];			/* why there is none */
	uint8_t *data;			/* what it holds */
	uint64_t bytes;

	unsigned int erases;		/* that were asked for, whatever became of them */
	bool fail_erase;		/* answer one with an error */

	int dev, kick, end;		/* VDUSE, and two eventfds */
	bool attached, serving;
	pthread_t thread;
	struct vduse_map map[VDUSE_MAPS];
	unsigned int n_maps;
	struct vring ring;		/* num 0: none yet */
	uint16_t next;
};

/*
 * A disk of @mb MiB of zeroes with logical blocks of 512 bytes, that erases up to
 * @erase_sectors at once. 0, or -errno with a reason to skip.
 */
int __vduse_init(struct vduse *v, unsigned int mb, uint32_t erase_sectors);
/* Nobody may have it open. Also of one that is all zeroes, as it is afterwards. */
void vduse_destroy(struct vduse *v);

/*
 * The ranges, "SECTOR + SECTORS " each, that the kernel asked disks to erase since the last call.
 * Goes by the kernel's trace, of which there is one: for one test at a time.
 */
void vduse_issued(char *text, size_t room);

#endif /* FERRY_SELFTEST_VDUSE_H */
