/* SPDX-License-Identifier: GPL-2.0 */
/* Whether a block device has queues to poll. Until 6.11 a queue flag says so. */
#ifndef FERRY_COMPAT_BLK_POLL_H
#define FERRY_COMPAT_BLK_POLL_H

#include <linux/blkdev.h>

static inline bool ferry_bdev_can_poll(struct block_device *bdev)
{
#ifdef FERRY_QUEUE_FLAG_POLL
	return test_bit(QUEUE_FLAG_POLL, &bdev_get_queue(bdev)->queue_flags);
#else
	return bdev_get_queue(bdev)->limits.features & BLK_FEAT_POLL;
#endif
}

#endif /* FERRY_COMPAT_BLK_POLL_H */
