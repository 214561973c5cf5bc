// SPDX-License-Identifier: GPL-2.0
/*
 * The payload of a request: guest memory pinned where it lies, or a bounce buffer
 * where the disk cannot use it so. Runs in the queue's worker or in the thread that
 * kicks, in the owner's mm, under the queue's mutex; unmapping also in whoever drains
 * the queue.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "../vring/copy.h"
#include "ferry_blk.h"

/* Goes through a payload piece by piece. */
struct ferry_blk_walk {
	const struct iovec *seg;
	u32 skip;		/* bytes of it that are not the payload's */
	u32 left;
	unsigned long addr;	/* the piece */
	u32 len;
};

static bool ferry_blk_walk_next(struct ferry_blk_walk *w)
{
	if (!w->left)
		return false;
	while (unlikely(w->skip >= w->seg->iov_len)) {
		w->skip -= w->seg->iov_len;
		w->seg++;
	}
	w->addr = (unsigned long)w->seg->iov_base + w->skip;
	w->len = min_t(size_t, w->left, w->seg->iov_len - w->skip);
	w->left -= w->len;
	w->skip = 0;
	w->seg++;
	return true;
}

/* Memory that other requests hold will come back: do not fight for it then. */
static gfp_t ferry_blk_gfp(const struct ferry_blk_req *req)
{
	return GFP_KERNEL_ACCOUNT | __GFP_NOWARN | (req->q->flight ? __GFP_NORETRY : 0);
}

/*
 * Room for @n pieces, and for the bios that they need. A bio ends with a block, and may leave
 * most of the pieces that it could take; but not the next one, too, which goes at least a
 * block further. So two of them take as many pieces as one could.
 */
static int ferry_blk_table(struct ferry_blk_req *req, u32 n)
{
	u32 bios;

	req->nr_bvec = 0;
	req->bvec = req->own_bvec;
	if (likely(n <= FERRY_BLK_BVECS))
		return 0;
	bios = DIV_ROUND_UP(n, BIO_MAX_VECS / 2) - 1;
	req->bvec = kvmalloc(n * sizeof(*req->bvec) + bios * sizeof(struct bio),
			     ferry_blk_gfp(req));
	if (!req->bvec) {
		req->bvec = req->own_bvec;
		return -ENOMEM;
	}
	req->more = (struct bio *)&req->bvec[n];
	return 0;
}

/* One page that need not be marked is let go of without a look at what lies beside it. */
static void ferry_blk_unpin(const struct bio_vec *bv, bool dirty)
{
	u32 pages = DIV_ROUND_UP(bv->bv_offset + bv->bv_len, PAGE_SIZE);

	if (pages == 1 && (!dirty || folio_test_dirty(page_folio(bv->bv_page))))
		unpin_user_page(bv->bv_page);
	else
		unpin_user_page_range_dirty_lock(bv->bv_page, pages, dirty);
}

/* How many of @n pages lie side by side in the folio of the first. */
static u32 ferry_blk_side_by_side(struct page **page, u32 n)
{
	struct folio *folio;
	u32 run = 1;

	if (n == 1 || page[1] != page[0] + 1)
		return 1;
	folio = page_folio(page[0]);
	n = min_t(u32, n, folio_nr_pages(folio) - folio_page_idx(folio, page[0]));
	while (run < n && page[run] == page[0] + run)
		run++;
	return run;
}

/*
 * Append a piece of one folio. Pieces are joined where one page of a folio ends and
 * the next begins, so that every page of a joined piece was pinned exactly once.
 */
static void ferry_blk_append(struct ferry_blk_req *req, struct page *page, u32 off, u32 len)
{
	struct bio_vec *bv;

	if (req->nr_bvec && !off) {
		u32 end;

		bv = &req->bvec[req->nr_bvec - 1];
		end = bv->bv_offset + bv->bv_len;
		if (!(end % PAGE_SIZE) && page == bv->bv_page + end / PAGE_SIZE &&
		    page_folio(page) == page_folio(bv->bv_page)) {
			bv->bv_len += len;
			return;
		}
	}
	bv = &req->bvec[req->nr_bvec++];
	bv->bv_page = page;
	bv->bv_offset = off;
	bv->bv_len = len;
}

/* The one piece of a payload, which is in one page. Return: as ferry_blk_pin(). */
static int ferry_blk_pin_page(struct ferry_blk_req *req, unsigned long addr, u32 len)
{
	struct ferry_blk_queue *q = req->q;
	u32 off = offset_in_page(addr);
	bool write = req->op == FERRY_BLK_READ;
	struct ferry_blk_span *s = NULL;
	struct page *page;
	int got;

	if (q->span_some)
		s = ferry_blk_span_get(q, addr, write);
	if (s) {
		page = s->first + ((addr & ~PMD_MASK) >> PAGE_SHIFT);
	} else {
		got = pin_user_pages_fast(addr - off, 1, write ? FOLL_WRITE : 0, &page);
		if (unlikely(got != 1))
			return got == -ENOMEM ? got : -EFAULT;
		if (q->span_more)
			s = ferry_blk_span_new(q, addr, page, write);
	}
	req->span = s;
	bvec_set_page(&req->bvec[req->nr_bvec++], page, len, off);
	return 0;
}

/* Pin one piece. Return: 0, -ENOMEM, or -EFAULT if memory is not there. */
static int ferry_blk_pin(struct ferry_blk_req *req, unsigned long addr, u32 len)
{
	unsigned int flags = req->op == FERRY_BLK_READ ? FOLL_WRITE : 0;
	struct page **pages = req->q->pages;

	while (len) {
		u32 off = offset_in_page(addr), nr, i, run;
		int got;

		nr = min_t(u32, DIV_ROUND_UP(off + len, PAGE_SIZE), FERRY_BLK_PIN);
		got = pin_user_pages_fast(addr - off, nr, flags, pages);
		if (unlikely(got <= 0))
			return got == -ENOMEM ? got : -EFAULT;
		for (i = 0; i < got; i += run) {
			u32 n;

			run = ferry_blk_side_by_side(&pages[i], got - i);
			n = min_t(u32, len, run * PAGE_SIZE - off);
			ferry_blk_append(req, pages[i], off, n);
			addr += n;
			len -= n;
			off = 0;
		}
	}
	return 0;
}

/* Where a bounced read goes once it is there. */
static int ferry_blk_keep_segs(struct ferry_blk_req *req, struct ferry_blk_walk w, u32 pieces)
{
	u32 i;

	req->seg = kvmalloc_array(pieces, sizeof(*req->seg), ferry_blk_gfp(req));
	if (!req->seg)
		return -ENOMEM;
	for (i = 0; ferry_blk_walk_next(&w); i++) {
		req->seg[i].iov_base = (void __user *)w.addr;
		req->seg[i].iov_len = w.len;
	}
	return 0;
}

/* Fill the bounce buffer of a write. */
static int ferry_blk_bounce_in(struct ferry_blk_req *req, struct ferry_blk_walk w)
{
	u32 at = 0;

	while (ferry_blk_walk_next(&w)) {
		while (w.len) {
			const struct bio_vec *bv = &req->bvec[at / PAGE_SIZE];
			u32 n = min_t(u32, w.len, PAGE_SIZE - at % PAGE_SIZE);

			if (ferry_copy_in(page_address(bv->bv_page) + at % PAGE_SIZE,
					  (void __user *)w.addr, n))
				return -EFAULT;
			at += n;
			w.addr += n;
			w.len -= n;
		}
	}
	return 0;
}

static int ferry_blk_bounce(struct ferry_blk_req *req, const struct ferry_blk_walk *w, u32 pieces)
{
	u32 left = req->bytes;
	int err = ferry_blk_table(req, DIV_ROUND_UP(left, PAGE_SIZE));

	req->bounced = true;
	while (!err && left) {
		struct bio_vec *bv = &req->bvec[req->nr_bvec];

		bv->bv_page = alloc_page(ferry_blk_gfp(req));
		bv->bv_offset = 0;
		bv->bv_len = min_t(u32, left, PAGE_SIZE);
		if (!bv->bv_page)
			return -ENOMEM;
		req->nr_bvec++;
		left -= bv->bv_len;
	}
	if (err)
		return err;
	if (req->op == FERRY_BLK_READ)
		return ferry_blk_keep_segs(req, *w, pieces);
	return ferry_blk_bounce_in(req, *w);
}

/**
 * ferry_blk_map - make the payload of a read or write ready for the engine
 * @req: op and bytes are set
 * @seg: segments of the chain, readable ones for a write, writable ones for a read
 * @skip: bytes of them in front of the payload
 *
 * Return: 0, -ENOMEM, or -EFAULT if guest memory is not there; then nothing is mapped.
 */
int ferry_blk_map(struct ferry_blk_req *req, const struct iovec *seg, u32 skip)
{
	const struct ferry_blk_disk *disk = req->q->disk;
	struct ferry_blk_walk w = { seg, skip, req->bytes }, at = w;
	u32 pages = 0, pieces = 0, unfit = 0;
	int err;

	while (ferry_blk_walk_next(&at)) {
		u32 here = DIV_ROUND_UP(offset_in_page(at.addr) + at.len, PAGE_SIZE);

		unfit |= (at.addr & disk->mem_mask) | (at.len & disk->len_mask);
		if (here > 1)
			unfit |= at.addr & disk->cut_mask;
		pages += here;
		pieces++;
	}
	if (unlikely(unfit)) {
		err = ferry_blk_bounce(req, &w, pieces);
	} else {
		err = ferry_blk_table(req, pages);
		if (likely(pages == 1 && !err))
			err = ferry_blk_pin_page(req, at.addr, at.len);
		else
			while (!err && ferry_blk_walk_next(&w))
				err = ferry_blk_pin(req, w.addr, w.len);
	}
	if (unlikely(err))
		ferry_blk_unmap(req, false);
	return err;
}

/**
 * ferry_blk_map_ranges - fetch and judge the ranges of a request
 * @req: type and nr_range are set
 * @seg: all segments of the chain
 * @skip: bytes of them in front of the ranges
 *
 * Return: 0 with req->status set, -ENOMEM, or -EFAULT.
 */
int ferry_blk_map_ranges(struct ferry_blk_req *req, const struct iovec *seg, u32 skip)
{
	struct virtio_blk_discard_write_zeroes raw;
	struct ferry_blk_walk w = { seg, skip, req->nr_range * sizeof(raw) };
	u32 at = 0;

	req->status = VIRTIO_BLK_S_OK;
	req->range = kmalloc_array(req->nr_range, sizeof(*req->range), ferry_blk_gfp(req));
	if (!req->range)
		return -ENOMEM;
	while (ferry_blk_walk_next(&w)) {
		/* The array is as long as what it is fetched from. */
		static_assert(sizeof(raw) == sizeof(struct ferry_blk_range));
		if (ferry_copy_in((void *)req->range + at, (void __user *)w.addr, w.len))
			return -EFAULT;
		at += w.len;
	}
	for (at = 0; at < req->nr_range && req->status == VIRTIO_BLK_S_OK; at++) {
		struct ferry_blk_range *r = &req->range[at];

		memcpy(&raw, r, sizeof(raw));
		r->sector = le64_to_cpu(raw.sector);
		r->num_sectors = le32_to_cpu(raw.num_sectors);
		r->flags = le32_to_cpu(raw.flags);
		req->status = ferry_blk_check_range(&req->q->disk->limits, req->type, r);
	}
	return 0;
}

/* Bring a bounced read to where the guest wants it. */
static int ferry_blk_bounce_out(struct ferry_blk_req *req)
{
	struct ferry_seg_cursor at = { req->seg, 0 };
	u32 i;

	for (i = 0; i < req->nr_bvec; i++)
		if (ferry_copy_to_segs(&at, page_address(req->bvec[i].bv_page),
				       req->bvec[i].bv_len))
			return -EFAULT;
	return 0;
}

static int ferry_blk_unbounce(struct ferry_blk_req *req, bool deliver)
{
	int err = 0;
	u32 i;

	if (deliver && req->op == FERRY_BLK_READ)
		err = ferry_blk_bounce_out(req);
	for (i = 0; i < req->nr_bvec; i++)
		__free_page(req->bvec[i].bv_page);
	kvfree(req->seg);
	req->seg = NULL;
	req->bounced = false;
	return err;
}

/* Let go of a page that others may have, too. */
static void ferry_blk_unspan(struct ferry_blk_req *req)
{
	struct page *page = req->bvec->bv_page;

	if (req->op == FERRY_BLK_READ && !folio_test_dirty(page_folio(page)))
		set_page_dirty_lock(page);
	ferry_blk_span_put(req->q, req->span);
	req->span = NULL;
}

/**
 * ferry_blk_unmap - undo ferry_blk_map() and ferry_blk_map_ranges()
 * @req: mapped, also in part, or not at all
 * @deliver: the read went well: a bounced one is brought to the guest
 *
 * Return: 0, or -EFAULT if it could not be brought there.
 */
int ferry_blk_unmap(struct ferry_blk_req *req, bool deliver)
{
	int err = 0;
	u32 i;

	if (unlikely(req->bounced))
		err = ferry_blk_unbounce(req, deliver);
	else if (req->span)
		ferry_blk_unspan(req);
	else
		for (i = 0; i < req->nr_bvec; i++)
			ferry_blk_unpin(&req->bvec[i], req->op == FERRY_BLK_READ);
	req->nr_bvec = 0;
	if (unlikely(req->bvec != req->own_bvec)) {
		kvfree(req->bvec);
		req->bvec = req->own_bvec;
	}
	if (unlikely(req->range)) {
		kfree(req->range);
		req->range = NULL;
	}
	return err;
}
