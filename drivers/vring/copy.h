/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bytes between the kernel and the segments of a chain.
 *
 * Segments come from a memory table whose regions passed access_ok(), so the
 * copies are raw: no second range check, and no check of the kernel side
 * against its slab cache: every caller knows the size of what it hands in.
 * In the small-packet path these checks would cost more than the copy.
 *
 * Run in the owner's mm; may sleep on a page fault.
 */
#ifndef FERRY_VRING_COPY_H
#define FERRY_VRING_COPY_H

#include <linux/instrumented.h>
#include <linux/minmax.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

static inline int ferry_copy_in(void *to, const void __user *from, u32 len)
{
	might_fault();
	instrument_copy_from_user_before(to, from, len);
	return raw_copy_from_user(to, from, len) ? -EFAULT : 0;
}

static inline int ferry_copy_out(void __user *to, const void *from, u32 len)
{
	might_fault();
	instrument_copy_to_user(to, from, len);
	return raw_copy_to_user(to, from, len) ? -EFAULT : 0;
}

/**
 * ferry_copy_from_segs - the first bytes of some segments
 * @to: room for @len bytes
 * @seg: segments that hold at least @len bytes
 * @len: bytes
 *
 * Return: 0 or -EFAULT.
 */
static inline int ferry_copy_from_segs(void *to, const struct iovec *seg, u32 len)
{
	while (unlikely(seg->iov_len < len)) {
		if (ferry_copy_in(to, seg->iov_base, seg->iov_len))
			return -EFAULT;
		to += seg->iov_len;
		len -= seg->iov_len;
		seg++;
	}
	return ferry_copy_in(to, seg->iov_base, len);
}

/* Where a copy into segments goes on. */
struct ferry_seg_cursor {
	const struct iovec *seg;
	u32 off;		/* into *seg */
};

/**
 * ferry_copy_to_segs - put bytes into segments
 * @at: where; moved on
 * @from: the bytes
 * @len: how many; the segments have room for them
 *
 * Return: 0 or -EFAULT.
 */
static inline int ferry_copy_to_segs(struct ferry_seg_cursor *at, const void *from, u32 len)
{
	while (len) {
		u32 n = min_t(size_t, len, at->seg->iov_len - at->off);

		if (ferry_copy_out(at->seg->iov_base + at->off, from, n))
			return -EFAULT;
		from += n;
		len -= n;
		at->off += n;
		if (at->off == at->seg->iov_len) {
			at->seg++;
			at->off = 0;
		}
	}
	return 0;
}

#endif /* FERRY_VRING_COPY_H */
