// SPDX-License-Identifier: GPL-2.0
/*
 * The engine of a block device that is open with O_DIRECT: one bio a request, or
 * several where the payload is in too many pieces. Requests begin in the queue's
 * worker, or in the thread that kicks, under the queue's mutex and complete in the
 * driver's interrupt, or, polled, in whoever holds that mutex. Ranges are carried out
 * in the pool.
 */
#include <linux/pagemap.h>

#include "ferry_blk.h"

static void ferry_blk_bio_end(struct bio *bio)
{
	struct ferry_blk_req *req = bio->bi_private;

	/* The first error is the request's. */
	if (unlikely(bio->bi_status))
		cmpxchg(&req->error, 0, blk_status_to_errno(bio->bi_status));
	if (atomic_dec_and_test(&req->parts))
		ferry_blk_req_done(req, req->error ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
}

static void ferry_blk_bio_init(struct ferry_blk_req *req, struct bio *bio, blk_opf_t opf,
			       const struct bvec_iter *at)
{
	bio_init(bio, req->q->disk->bdev, req->bvec, req->nr_bvec, opf);
	bio->bi_vcnt = req->nr_bvec;
	bio->bi_iter = *at;
	bio->bi_private = req;
	bio->bi_end_io = ferry_blk_bio_end;
}

/* Bytes from @at on that one bio takes: whole blocks. */
static u32 ferry_blk_bio_bytes(const struct ferry_blk_req *req, const struct bvec_iter *at)
{
	u32 i, n = at->bi_idx + BIO_MAX_VECS, bytes = mp_bvec_iter_len(req->bvec, *at);

	if (n >= req->nr_bvec)
		return at->bi_size;
	for (i = at->bi_idx + 1; i < n; i++)
		bytes += req->bvec[i].bv_len;
	return round_down(bytes, req->q->disk->limits.block_size);
}

/* All bios share the table of pieces, as the parts of a split bio do. */
static void ferry_blk_bdev_submit_many(struct ferry_blk_req *req, blk_opf_t opf,
				       struct bvec_iter at)
{
	struct bio *bio = &req->bio, *next = req->more;

	/* The first part is dropped last. */
	atomic_set(&req->parts, 1);
	for (;;) {
		u32 bytes = ferry_blk_bio_bytes(req, &at);
		bool last = bytes == at.bi_size;

		ferry_blk_bio_init(req, bio, opf, &at);
		bio->bi_iter.bi_size = bytes;
		bvec_iter_advance(req->bvec, &at, bytes);
		at.bi_sector += bytes >> SECTOR_SHIFT;
		if (last) {
			submit_bio(bio);
			return;
		}
		atomic_inc(&req->parts);
		submit_bio(bio);
		bio = next++;
	}
}

/* What the page cache has of the sectors goes: written back before, forgotten after. */
static void ferry_blk_bdev_uncache(const struct ferry_blk_disk *disk, bool write, u64 sector,
				   u64 bytes)
{
	struct address_space *mapping = disk->file->f_mapping;
	loff_t pos = sector << SECTOR_SHIFT, last = pos + bytes - 1;

	if (likely(!mapping->nrpages) || !bytes)
		return;
	filemap_write_and_wait_range(mapping, pos, last);
	if (write)
		invalidate_inode_pages2_range(mapping, pos >> PAGE_SHIFT, last >> PAGE_SHIFT);
}

/* Submit with more flags than the request's own. */
static void ferry_blk_bdev_submit_as(struct ferry_blk_req *req, blk_opf_t opf)
{
	const struct ferry_blk_disk *disk = req->q->disk;
	const struct bvec_iter at = { .bi_sector = req->sector, .bi_size = req->bytes };

	opf |= req->op == FERRY_BLK_READ ? REQ_OP_READ : disk->write_opf;
	req->error = 0;
	if (unlikely(req->nr_bvec > BIO_MAX_VECS)) {
		ferry_blk_bdev_submit_many(req, opf, at);
		return;
	}
	atomic_set(&req->parts, 1);
	ferry_blk_bio_init(req, &req->bio, opf, &at);
	submit_bio(&req->bio);
}

/* Submit, whatever that waits for. */
static void ferry_blk_bdev_submit(struct ferry_blk_req *req)
{
	ferry_blk_bdev_submit_as(req, 0);
}

/*
 * Submit for polling. It does not wait for resources of the device: what holds
 * them may be other requests that only we complete. Nor is it merged: of the bios of
 * one request only the first can be polled, and that may be somebody else's.
 */
static void ferry_blk_bdev_submit_polled(struct ferry_blk_req *req)
{
	req->nowait = true;
	req->polled = true;
	list_add_tail(&req->poll, &req->q->polled);
	ferry_blk_bdev_submit_as(req, REQ_POLLED | REQ_NOWAIT | REQ_NOMERGE);
}

static void ferry_blk_bdev_rw(struct ferry_blk_req *req)
{
	const struct ferry_blk_queue *q = req->q;

	ferry_blk_bdev_uncache(q->disk, req->op == FERRY_BLK_WRITE, req->sector, req->bytes);
	if (q->vq.at_kick) {
		req->nowait = true;
		ferry_blk_bdev_submit_as(req, REQ_NOWAIT);
	} else if (unlikely(q->disk->polled) && q->vq.busyloop_us && req->nr_bvec <= BIO_MAX_VECS) {
		ferry_blk_bdev_submit_polled(req);
	} else {
		ferry_blk_bdev_submit(req);
	}
}

static void ferry_blk_bdev_flush(struct ferry_blk_req *req)
{
	const struct bvec_iter none = {};

	/* What the guest wrote while it had the disk without O_DIRECT may be there yet. */
	if (unlikely(req->q->disk->file->f_mapping->nrpages)) {
		ferry_blk_req_sync(req);
		return;
	}

	req->error = 0;
	atomic_set(&req->parts, 1);
	ferry_blk_bio_init(req, &req->bio, REQ_OP_WRITE | REQ_PREFLUSH | REQ_SYNC, &none);
	submit_bio(&req->bio);
}

static bool ferry_blk_bdev_reaped(struct ferry_blk_req *req)
{
	if (unlikely(req->polled)) {
		req->polled = false;
		list_del(&req->poll);
	}
	if (req->nowait) {
		req->nowait = false;
		if (unlikely(req->error == -EAGAIN || req->error == -EOPNOTSUPP)) {
			/* It may wait there, while we go on serving. */
			ferry_blk_req_defer(req, ferry_blk_bdev_submit);
			return false;
		}
	}
	if (req->op == FERRY_BLK_WRITE)
		ferry_blk_bdev_uncache(req->q->disk, true, req->sector, req->bytes);
	return true;
}

/**
 * ferry_blk_bdev_poll - complete polled requests that are due
 * @q: has some in flight, under its mutex
 */
void ferry_blk_bdev_poll(struct ferry_blk_queue *q)
{
	struct ferry_blk_req *req;

	lockdep_assert_held(&q->vq.mutex);
	/*
	 * One stands for all of its hardware queue. Those that the driver does not have yet
	 * cannot be polled, and may wait for others to complete that came after them.
	 */
	list_for_each_entry(req, &q->polled, poll) {
		if (READ_ONCE(req->bio.bi_cookie) == BLK_QC_T_NONE)
			continue;
		bio_poll(&req->bio, NULL, BLK_POLL_ONESHOT);
		break;
	}
}

static int ferry_blk_bdev_range(struct ferry_blk_req *req, const struct ferry_blk_range *r)
{
	const struct ferry_blk_disk *disk = req->q->disk;
	bool unmap = !disk->no_unmap && (r->flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);
	u64 bytes = (u64)r->num_sectors << SECTOR_SHIFT;
	int err;

	ferry_blk_bdev_uncache(disk, true, r->sector, bytes);
	switch (req->type) {
	case VIRTIO_BLK_T_DISCARD:
		err = blkdev_issue_discard(disk->bdev, r->sector, r->num_sectors, GFP_KERNEL);
		break;
	case VIRTIO_BLK_T_SECURE_ERASE:
		err = blkdev_issue_secure_erase(disk->bdev, r->sector, r->num_sectors,
						GFP_KERNEL);
		break;
	default:
		err = blkdev_issue_zeroout(disk->bdev, r->sector, r->num_sectors, GFP_KERNEL,
					   unmap ? 0 : BLKDEV_ZERO_NOUNMAP);
	}
	ferry_blk_bdev_uncache(disk, true, r->sector, bytes);
	return err;
}

const struct ferry_blk_engine ferry_blk_bdev_engine = {
	.rw	= ferry_blk_bdev_rw,
	.flush	= ferry_blk_bdev_flush,
	.range	= ferry_blk_bdev_range,
	.reaped	= ferry_blk_bdev_reaped,
};
