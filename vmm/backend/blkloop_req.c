// SPDX-License-Identifier: GPL-2.0
/*
 * Role: one request of a disk that is served here: judged by drivers/blk/blk_core.h,
 *	as in the kernel, then carried out by io_uring or by the ranges' thread. Header
 *	and ranges are copied once and judged as copies; payload goes straight to and
 *	from guest memory, or through a bounce buffer where direct I/O cannot take it.
 * Threads: the queue's own.
 * Locks: none.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "blkloop_queue.h"

static void req_finish(struct blkloop_req *r, u8 status)
{
	struct blkloop_queue *q = r->q;

	*r->status = status;
	virtio_ring_fill(&q->ring, &r->c, ferry_blk_used_len(r->op, status, r->bytes));
	ferry_blk_count(q->stats, r->type, status, r->op == FERRY_BLK_RANGES && r->ranges ?
			ferry_blk_range_bytes(r->ranges, r->n_ranges) : r->bytes);
	if (r->pieces != r->own_pieces)
		free(r->pieces);
	free(r->bounce.iov_base);
	free(r->ranges);
	r->pieces = r->own_pieces;
	r->bounce = (struct iovec){ 0 };
	r->ranges = NULL;
	r->next = q->free;
	q->free = r;
	q->in_flight--;
}

/* There is room for one of each request, and for the two polls. */
static struct io_uring_sqe *req_sqe(struct blkloop_req *r)
{
	return io_uring_get_sqe(&r->q->uring);
}

static void req_send(struct blkloop_req *r, struct io_uring_sqe *sqe)
{
	/* The disk is the one file that the ring knows, number 0. */
	sqe->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data(sqe, r);
}

static u32 req_bounced(const struct blkloop_req *r)
{
	return r->left < r->bounce.iov_len ? r->left : r->bounce.iov_len;
}

/* Move what is left, or as much of it as is bounced at a time. */
static void req_move(struct blkloop_req *r)
{
	bool stable = r->q->bl->disk.flags & FERRY_BLK_F_WRITETHROUGH;
	struct io_uring_sqe *sqe = req_sqe(r);
	struct iovec *iov = r->iov;
	unsigned int n = r->n;

	if (r->bounce.iov_base) {
		r->bounce.iov_len = BLKLOOP_BOUNCE;
		r->bounce.iov_len = req_bounced(r);
		if (r->op == FERRY_BLK_WRITE)
			virtio_iov_read(r->iov, r->n, 0, r->bounce.iov_base, r->bounce.iov_len);
		iov = &r->bounce;
		n = 1;
	}
	if (r->op == FERRY_BLK_READ)
		io_uring_prep_readv(sqe, 0, iov, n, r->pos);
	else
		io_uring_prep_writev2(sqe, 0, iov, n, r->pos, stable ? RWF_DSYNC : 0);
	req_send(r, sqe);
}

/* Take @len bytes, which are there, off the front. */
static void req_advance(struct blkloop_req *r, u32 len)
{
	r->pos += len;
	r->left -= len;
	while (len >= r->iov->iov_len && r->n) {
		len -= r->iov->iov_len;
		r->iov++;
		if (!--r->n)
			return;
	}
	r->iov->iov_base = (u8 *)r->iov->iov_base + len;
	r->iov->iov_len -= len;
}

/* The file has become shorter than the disk: what is behind its end is zeroes. */
static bool req_past_end(struct blkloop_req *r)
{
	static const u8 zeroes[512];
	struct stat st;

	if (r->op != FERRY_BLK_READ || fstat(r->q->bl->disk.fd, &st) || !S_ISREG(st.st_mode) ||
	    r->pos < (u64)st.st_size)
		return false;
	while (r->left) {
		u32 part = r->left < sizeof(zeroes) ? r->left : sizeof(zeroes);

		virtio_iov_write(r->iov, r->n, 0, zeroes, part);
		req_advance(r, part);
	}
	return true;
}

void blkloop_req_moved(struct blkloop_req *r, int res)
{
	if (r->op == FERRY_BLK_FLUSH) {
		req_finish(r, res < 0 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
		return;
	}
	if (res == -EINTR || res == -EAGAIN) {
		req_move(r);
		return;
	}
	if (res < 0) {
		req_finish(r, VIRTIO_BLK_S_IOERR);
		return;
	}
	if (r->bounce.iov_base && r->op == FERRY_BLK_READ)
		virtio_iov_write(r->iov, r->n, 0, r->bounce.iov_base, res);
	req_advance(r, res);
	if (r->left && (!res || r->pos & r->q->bl->disk.align.len_mask)) {
		req_finish(r, req_past_end(r) ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
		return;
	}
	if (r->left)
		req_move(r);
	else
		req_finish(r, VIRTIO_BLK_S_OK);
}

/* Whether direct I/O takes the payload as the guest placed it. */
static bool req_aligned(const struct blkloop_req *r)
{
	const struct blkloop_align *a = &r->q->bl->disk.align;
	u64 bits_mem = 0, bits_len = 0;
	unsigned int i;

	for (i = 0; i < r->n; i++) {
		bits_mem |= (uintptr_t)r->iov[i].iov_base;
		bits_len |= r->iov[i].iov_len;
	}
	return !(bits_mem & a->mem_mask) && !(bits_len & a->len_mask);
}

/* The payload's pieces: @bytes from @off of @n pieces; -ENOMEM if they are too many. */
static int req_slice(struct blkloop_req *r, const struct iovec *iov, unsigned int n, u32 off)
{
	u32 left = r->bytes;
	unsigned int i;

	if (n > BLKLOOP_PIECES) {
		r->pieces = malloc(n * sizeof(*r->pieces));
		if (!r->pieces) {
			r->pieces = r->own_pieces;
			return -ENOMEM;
		}
	}
	r->iov = r->pieces;
	r->n = 0;
	for (i = 0; i < n && left; i++) {
		size_t len = iov[i].iov_len;

		if (off >= len) {
			off -= len;
			continue;
		}
		len -= off;
		if (len > left)
			len = left;
		r->pieces[r->n++] = (struct iovec){ (u8 *)iov[i].iov_base + off, len };
		left -= len;
		off = 0;
	}
	return 0;
}

static void req_begin_rw(struct blkloop_req *r, const struct iovec *iov, u64 sector)
{
	bool write = r->op == FERRY_BLK_WRITE;
	int ret;

	r->pos = sector << FERRY_BLK_SECTOR_SHIFT;
	r->left = r->bytes;
	if (!r->left) {
		req_finish(r, VIRTIO_BLK_S_OK);
		return;
	}
	if (write)
		ret = req_slice(r, iov, r->c.out_num, sizeof(struct virtio_blk_outhdr));
	else
		ret = req_slice(r, iov + r->c.out_num, r->c.in_num, 0);
	if (!ret && !req_aligned(r) &&
	    posix_memalign(&r->bounce.iov_base, BLKLOOP_BOUNCE, BLKLOOP_BOUNCE)) {
		r->bounce.iov_base = NULL;
		ret = -ENOMEM;
	}
	if (ret)
		req_finish(r, VIRTIO_BLK_S_IOERR);
	else
		req_move(r);
}

static void req_begin_flush(struct blkloop_req *r)
{
	struct io_uring_sqe *sqe;

	if (r->q->bl->disk.flags & FERRY_BLK_F_NO_FLUSH) {
		req_finish(r, VIRTIO_BLK_S_OK);
		return;
	}
	sqe = req_sqe(r);
	io_uring_prep_fsync(sqe, 0, IORING_FSYNC_DATASYNC);
	req_send(r, sqe);
}

/* Copy the ranges and judge them all before the first is carried out. */
static u8 req_fetch_ranges(struct blkloop_req *r, const struct iovec *iov)
{
	struct virtio_blk_discard_write_zeroes raw;
	u8 status = VIRTIO_BLK_S_OK;
	unsigned int i;

	r->ranges = calloc(r->n_ranges, sizeof(*r->ranges));
	if (!r->ranges)
		return VIRTIO_BLK_S_IOERR;
	for (i = 0; i < r->n_ranges && status == VIRTIO_BLK_S_OK; i++) {
		virtio_iov_read(iov, r->c.out_num + r->c.in_num, sizeof(struct virtio_blk_outhdr) +
				i * sizeof(raw), &raw, sizeof(raw));
		r->ranges[i] = (struct ferry_blk_range){ raw.sector, raw.num_sectors, raw.flags };
		status = ferry_blk_check_range(&r->q->bl->disk.limits, r->type, &r->ranges[i]);
	}
	return status;
}

static void req_begin_ranges(struct blkloop_req *r, const struct iovec *iov)
{
	u8 status = req_fetch_ranges(r, iov);

	if (status == VIRTIO_BLK_S_OK && blkloop_ranges_add(r->q->bl->ranges, r))
		status = VIRTIO_BLK_S_IOERR;
	if (status != VIRTIO_BLK_S_OK)
		req_finish(r, status);
}

void blkloop_req_ranged(struct blkloop_req *r)
{
	req_finish(r, !r->result ? VIRTIO_BLK_S_OK :
		   r->result == -EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR);
}

static void req_answer_lifetime(struct blkloop_req *r, const struct iovec *iov)
{
	const struct ferry_blk_lifetime *l = &r->q->bl->disk.lifetime;
	const u16 answer[] = { l->pre_eol_info, l->typ_a, l->typ_b };

	virtio_iov_write(iov + r->c.out_num, r->c.in_num, 0, answer, r->bytes);
	req_finish(r, VIRTIO_BLK_S_OK);
}

static void req_dispatch(struct blkloop_req *r, const struct iovec *iov,
			 const struct ferry_blk_req_rules *rules, u64 sector)
{
	switch (rules->op) {
	case FERRY_BLK_READ:
	case FERRY_BLK_WRITE:
		req_begin_rw(r, iov, sector);
		break;
	case FERRY_BLK_FLUSH:
		req_begin_flush(r);
		break;
	case FERRY_BLK_GET_ID:
		virtio_iov_write(iov + r->c.out_num, r->c.in_num, 0, r->q->bl->disk.serial,
				 r->bytes);
		req_finish(r, VIRTIO_BLK_S_OK);
		break;
	case FERRY_BLK_RANGES:
		r->n_ranges = rules->ranges;
		req_begin_ranges(r, iov);
		break;
	case FERRY_BLK_GET_LIFETIME:
		req_answer_lifetime(r, iov);
		break;
	case FERRY_BLK_FAIL:
		req_finish(r, rules->status);
		break;
	}
}

int blkloop_req_begin(struct blkloop_req *r, const struct iovec *iov)
{
	const struct iovec *last = &iov[r->c.out_num + r->c.in_num - 1];
	struct ferry_blk_req_rules rules;
	struct virtio_blk_outhdr raw;
	struct ferry_blk_hdr h;

	if (!ferry_blk_framed(r->c.out_len, r->c.in_len))
		return -EPROTO;
	virtio_iov_read(iov, r->c.out_num, 0, &raw, sizeof(raw));
	h = (struct ferry_blk_hdr){ raw.type, raw.sector };
	rules = ferry_blk_check(&r->q->bl->disk.limits, &h, r->c.out_len, r->c.in_len);
	r->op = rules.op;
	r->type = h.type;
	r->bytes = rules.bytes;
	r->status = (u8 *)last->iov_base + last->iov_len - 1;
	r->q->in_flight++;
	req_dispatch(r, iov, &rules, h.sector);
	return 0;
}
