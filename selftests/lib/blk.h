/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A block device without a guest: requests of any shape through its rings.
 *
 * A request lies in one piece of guest memory: the header right before the
 * payload, the status byte right behind it. How that is cut into segments is up
 * to the caller. One thread at a time may use a queue.
 */
#ifndef FERRY_SELFTEST_BLK_H
#define FERRY_SELFTEST_BLK_H

#include <linux/virtio_blk.h>

#include "disk.h"
#include "rig.h"

/* Numbers that older headers do not have. */
#ifndef VIRTIO_BLK_F_SECURE_ERASE
#define VIRTIO_BLK_F_SECURE_ERASE	16
#define VIRTIO_BLK_T_SECURE_ERASE	14
#endif
#define BLK_F_LIFETIME		15
#define BLK_T_GET_LIFETIME	10

#define BLK_F(name)	BIT_ULL(VIRTIO_BLK_F_##name)
/* What a usual driver acknowledges. */
#define BLK_FEATURES	(BLK_F(SIZE_MAX) | BLK_F(SEG_MAX) | BLK_F(BLK_SIZE) | BLK_F(FLUSH) |	\
			 BLK_F(TOPOLOGY) | BLK_F(CONFIG_WCE) | BLK_F(MQ) | BLK_F(DISCARD) |	\
			 BLK_F(WRITE_ZEROES) | BLK_F(RO))

/* Guest memory for requests, beside that of the rig. */
#define BLK_BUF		0x40000000ULL
#define BLK_BUF_SIZE	0x4000000ULL
/* Page aligned payloads, with room for a header before and a status behind. */
#define BLK_AT(i)	(BLK_BUF + 0x1000 + (uint64_t)(i) * 0x20000)

#define BLK_SEGS_MAX	1024
/* What a status byte holds before the device writes it. */
#define BLK_UNWRITTEN	0xee

struct blk_options {
	struct ring_layout layout;
	unsigned int queues;		/* 0: 1 */
	uint64_t features;		/* VIRTIO_BLK_F_*, 0: BLK_FEATURES */
	uint32_t flags;			/* FERRY_BLK_F_* */
	uint64_t capacity;		/* 0: all */
	uint32_t block_size;		/* 0: the file's */
	int fd;				/* 0: the disk's */
};

struct blk {
	struct rig g;
	struct disk *disk;
	struct ferry_blk_backend be;	/* as given last, with what it answered */
	uint64_t features;		/* acknowledged VIRTIO_BLK_F_* */
};

struct blk_req {
	uint32_t type;
	uint64_t sector;
	uint64_t at;		/* guest address of the payload */
	uint32_t len;		/* of the payload */
	bool in;		/* the device fills the payload */
	/*
	 * Lengths of the segments, ended by 0; the last one takes what is left, and
	 * what the device reads never shares one with what it writes. NULL: header,
	 * payload, status.
	 */
	const uint32_t *cuts;
	uint32_t used_len;	/* blk_wait(): as the device said */
};

/*
 * Open the device and set up rings and memory, with the features that both the
 * options and the disk have; no queue runs yet. 0, or -errno of an absent device.
 */
int __blk_init(struct blk *b, struct disk *disk, const struct blk_options *o);
/* Also of one that is all zeroes, as it is afterwards. */
void blk_destroy(struct blk *b);

/* SET_BACKEND with b->be as it is, and with no file. */
int __blk_start(struct blk *b);
void blk_start(struct blk *b);
void blk_stop(struct blk *b);
/* PROBE of any file; 0 or -errno. */
int __blk_probe(struct blk *b, int fd, struct ferry_blk_backend *be);
/* After a stop: fresh rings, then start. */
void blk_restart(struct blk *b);

void *blk_mem(const struct blk *b, uint64_t at);
bool blk_has(const struct blk *b, unsigned int feature);

/* Write header and status byte and add the chain; 0 or -ENOSPC. */
int blk_add(struct blk *b, unsigned int queue, const struct blk_req *r, uint64_t cookie);
/* The status byte of a request that came back. */
uint8_t blk_status(const struct blk *b, const struct blk_req *r);
/* Add, publish, wait, return the status. Nothing else may be in flight. */
uint8_t blk_do(struct blk *b, unsigned int queue, struct blk_req *r);

/* blk_do() of usual shape with the payload at @at; writes fill it themselves. */
uint8_t blk_read(struct blk *b, uint64_t sector, uint64_t at, uint32_t len);
uint8_t blk_write(struct blk *b, uint64_t sector, uint64_t at, uint32_t len);
uint8_t blk_flush(struct blk *b);
/* One range of DISCARD, WRITE_ZEROES or SECURE_ERASE. */
uint8_t blk_range(struct blk *b, uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags);

/* Bytes that blk_filled() knows again by place and @tag; tag 0: zeroes. */
void blk_fill(void *buf, uint32_t len, uint64_t offset, uint32_t tag);
bool blk_filled(const void *buf, uint32_t len, uint64_t offset, uint32_t tag);
/* The same of the disk itself. */
bool disk_filled(const struct disk *d, uint64_t sector, uint32_t len, uint32_t tag);

#endif /* FERRY_SELFTEST_BLK_H */
