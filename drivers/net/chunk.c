// SPDX-License-Identifier: GPL-2.0
/* Recycled room for frames; see chunk.h. Runs in the queue's worker. */
#include <linux/cache.h>
#include <linux/gfp.h>
#include <linux/mm.h>

#include "chunk.h"

#define FERRY_CHUNK_ORDER	3

/* More references than frames fit into a chunk: some are always spare. */
#define FERRY_CHUNK_REFS	(PAGE_SIZE << FERRY_CHUNK_ORDER)

static void ferry_chunk_release(struct ferry_chunk *chunk)
{
	if (chunk->page) {
		/* All spare references but one, which put_page() gives up. */
		page_ref_sub(chunk->page, chunk->spare - 1);
		put_page(chunk->page);
	}
	chunk->page = NULL;
	chunk->size = 0;
}

static bool ferry_chunk_fill(struct ferry_chunk *chunk)
{
	unsigned int order = FERRY_CHUNK_ORDER;

	ferry_chunk_release(chunk);
	chunk->page = alloc_pages(GFP_KERNEL | __GFP_COMP | __GFP_NOWARN | __GFP_NORETRY, order);
	if (!chunk->page) {
		order = 0;
		chunk->page = alloc_page(GFP_KERNEL);
	}
	if (!chunk->page)
		return false;
	chunk->va = page_address(chunk->page);
	chunk->size = PAGE_SIZE << order;
	chunk->off = 0;
	chunk->spare = FERRY_CHUNK_REFS;
	page_ref_add(chunk->page, FERRY_CHUNK_REFS - 1);
	return true;
}

/* Begin the chunk anew if no frame in it is alive. */
static bool ferry_chunk_recycle(struct ferry_chunk *chunk)
{
	if (!chunk->page || page_ref_count(chunk->page) != chunk->spare)
		return false;
	/* Emergency memory goes back to where it is needed. */
	if (page_is_pfmemalloc(chunk->page))
		return false;
	page_ref_add(chunk->page, FERRY_CHUNK_REFS - chunk->spare);
	chunk->spare = FERRY_CHUNK_REFS;
	chunk->off = 0;
	return true;
}

/**
 * ferry_chunk_alloc - room for one frame
 * @pool: under the queue's mutex
 * @size: bytes, at most PAGE_SIZE, a multiple of SMP_CACHE_BYTES
 *
 * Return: cache-line aligned room with a page reference of its own, or NULL.
 */
void *ferry_chunk_alloc(struct ferry_chunk_pool *pool, u32 size)
{
	struct ferry_chunk *chunk = &pool->chunk[pool->cur];
	void *va;

	if (unlikely(chunk->size - chunk->off < size || !chunk->page)) {
		if (!chunk->page || !ferry_chunk_recycle(chunk)) {
			pool->cur = (pool->cur + 1) % FERRY_CHUNKS;
			chunk = &pool->chunk[pool->cur];
			if (!ferry_chunk_recycle(chunk) && !ferry_chunk_fill(chunk))
				return NULL;
		}
	}
	va = chunk->va + chunk->off;
	chunk->off += size;
	chunk->spare--;
	return va;
}

/* Take back the last ferry_chunk_alloc() of @size bytes. */
void ferry_chunk_unalloc(struct ferry_chunk_pool *pool, u32 size)
{
	pool->chunk[pool->cur].off -= size;
	pool->chunk[pool->cur].spare++;
}

void ferry_chunk_destroy(struct ferry_chunk_pool *pool)
{
	unsigned int i;

	for (i = 0; i < FERRY_CHUNKS; i++)
		ferry_chunk_release(&pool->chunk[i]);
}
