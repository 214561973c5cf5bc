/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Room for frames on their way to the tap, cut from a few large chunks that are
 * used again once the network stack has let go of every frame in them. A frame
 * then costs neither an allocation nor the zeroing that comes with one.
 *
 * A pool belongs to one queue and is used under its mutex; frames may be freed
 * anywhere, by put_page() on their head page. What is left in a chunk from
 * earlier came from the same queue, and no frame exposes more than was written
 * to it.
 */
#ifndef FERRY_NET_CHUNK_H
#define FERRY_NET_CHUNK_H

#include <linux/types.h>

struct page;

/* Chunks of a pool: several batches may be on their way at once. */
#define FERRY_CHUNKS	8

struct ferry_chunk {
	struct page *page;	/* NULL: none yet */
	void *va;
	u32 size;
	u32 off;		/* first free byte */
	u32 spare;		/* page references that are ours to give away */
};

struct ferry_chunk_pool {
	struct ferry_chunk chunk[FERRY_CHUNKS];
	unsigned int cur;
};

void *ferry_chunk_alloc(struct ferry_chunk_pool *pool, u32 size);
void ferry_chunk_unalloc(struct ferry_chunk_pool *pool, u32 size);
void ferry_chunk_destroy(struct ferry_chunk_pool *pool);

#endif /* FERRY_NET_CHUNK_H */
