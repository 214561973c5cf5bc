// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that are pinned once for several requests. Of requests that begin together many
 * have their payload in the same huge page of guest memory; to pin each page by itself is
 * most of what a small request costs beside the block layer.
 *
 * A huge page that is mapped as a whole is pinned with the first of its pages, and the others
 * are where it says. That holds for requests that were in the ring when the first was pinned,
 * and so the page is looked for no longer than they take to begin: what was unmapped before
 * they came is not found, and who unmaps it later unmaps it under a request, as ever.
 * The pin lasts until the last request that has it is through.
 *
 * Whoever maps and unmaps payloads, under the queue's mutex.
 */
#include <linux/mm.h>

#include "../compat/folio.h"
#include "ferry_blk.h"

static struct ferry_blk_span **ferry_blk_span_at(struct ferry_blk_queue *q, unsigned long addr)
{
	return &q->span[(addr >> PMD_SHIFT) % FERRY_BLK_SPANS];
}

/**
 * ferry_blk_span_get - find the page of an address in what is pinned already
 * @q: the queue
 * @addr: in the owner's memory
 * @write: whether the page will be written to
 *
 * Return: the span, to be let go of by ferry_blk_span_put(), or NULL.
 */
struct ferry_blk_span *ferry_blk_span_get(struct ferry_blk_queue *q, unsigned long addr,
					  bool write)
{
	struct ferry_blk_span *s = *ferry_blk_span_at(q, addr);

	if (!s || s->addr != (addr & PMD_MASK) || (write && !s->write))
		return NULL;
	s->users++;
	return s;
}

void ferry_blk_span_put(struct ferry_blk_queue *q, struct ferry_blk_span *s)
{
	if (--s->users)
		return;
	unpin_user_page(s->pinned);
	s->next = q->free_span;
	q->free_span = s;
}

/*
 * Whether a page that was just pinned is one of a huge page that this address space maps as
 * a whole. Pinned it is nobody else's, if it is anonymous.
 */
static bool ferry_blk_span_whole(struct page *page, unsigned long addr)
{
	struct folio *folio = page_folio(page);

	return folio_test_large(folio) && folio_nr_pages(folio) == PMD_SIZE >> PAGE_SHIFT &&
	       folio_test_anon(folio) && ferry_folio_mapped_whole(folio) &&
	       folio_page_idx(folio, page) == (addr & ~PMD_MASK) >> PAGE_SHIFT;
}

/**
 * ferry_blk_span_new - look for the pages beside one that was pinned from now on
 * @q: the queue
 * @addr: where the page is in the owner's memory
 * @page: the page; its pin is the span's if there is one
 * @write: whether it was pinned to be written to
 *
 * Return: the span, held for the caller, or NULL where the page stands for itself.
 */
struct ferry_blk_span *ferry_blk_span_new(struct ferry_blk_queue *q, unsigned long addr,
					  struct page *page, bool write)
{
	struct ferry_blk_span *s = q->free_span, **at = ferry_blk_span_at(q, addr);

	if (!s || !ferry_blk_span_whole(page, addr))
		return NULL;
	q->free_span = s->next;
	if (*at)
		ferry_blk_span_put(q, *at);
	*at = s;
	s->addr = addr & PMD_MASK;
	s->pinned = page;
	s->first = folio_page(page_folio(page), 0);
	s->write = write;
	/* The caller's, and that it is looked for. */
	s->users = 2;
	q->span_some = true;
	return s;
}

/* The requests have begun: look for none of these any more. */
void ferry_blk_spans_forget(struct ferry_blk_queue *q)
{
	u32 i;

	q->span_some = false;
	for (i = 0; i < FERRY_BLK_SPANS; i++) {
		if (q->span[i])
			ferry_blk_span_put(q, q->span[i]);
		q->span[i] = NULL;
	}
}

/* One for each of @n requests at most. */
int ferry_blk_spans_alloc(struct ferry_blk_queue *q, u32 n)
{
	u32 i;

	q->spans = kvcalloc(n + FERRY_BLK_SPANS, sizeof(*q->spans), GFP_KERNEL_ACCOUNT);
	if (!q->spans)
		return -ENOMEM;
	q->free_span = NULL;
	for (i = 0; i < n + FERRY_BLK_SPANS; i++) {
		q->spans[i].next = q->free_span;
		q->free_span = &q->spans[i];
	}
	return 0;
}

void ferry_blk_spans_free(struct ferry_blk_queue *q)
{
	kvfree(q->spans);
	q->spans = NULL;
	q->free_span = NULL;
}
