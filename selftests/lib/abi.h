/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The vhost ABI, with what the installed headers may be too old to know.
 */
#ifndef FERRY_SELFTEST_ABI_H
#define FERRY_SELFTEST_ABI_H

#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <linux/ferry.h>

/* Since 6.4. The same layout under names of our own, so as not to clash. */
struct abi_worker_state {
	unsigned int worker_id;
};

struct abi_vring_worker {
	unsigned int index;
	unsigned int worker_id;
};

#define ABI_NEW_WORKER		_IOR(VHOST_VIRTIO, 0x8, struct abi_worker_state)
#define ABI_FREE_WORKER		_IOW(VHOST_VIRTIO, 0x9, struct abi_worker_state)
#define ABI_ATTACH_VRING_WORKER	_IOW(VHOST_VIRTIO, 0x15, struct abi_vring_worker)
#define ABI_GET_VRING_WORKER	_IOWR(VHOST_VIRTIO, 0x16, struct abi_vring_worker)

/* Since 6.18; @count words follow. */
struct abi_features_array {
	__u64 count;
	__u64 features[];
};

#define ABI_GET_FEATURES_ARRAY	_IOR(VHOST_VIRTIO, 0x83, struct abi_features_array)
#define ABI_SET_FEATURES_ARRAY	_IOW(VHOST_VIRTIO, 0x83, struct abi_features_array)

/* Since 6.17, before SET_OWNER. */
#define ABI_FORK_OWNER_KTHREAD	0
#define ABI_FORK_OWNER_TASK	1
#define ABI_SET_FORK_FROM_OWNER	_IOW(VHOST_VIRTIO, 0x84, __u8)
#define ABI_GET_FORK_FROM_OWNER	_IOR(VHOST_VIRTIO, 0x85, __u8)

#define BIT_ULL(n)		(1ULL << (n))

#define F_INDIRECT	BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC)
#define F_EVENT_IDX	BIT_ULL(VIRTIO_RING_F_EVENT_IDX)
#define F_VERSION_1	BIT_ULL(VIRTIO_F_VERSION_1)
#define F_PACKED	BIT_ULL(VIRTIO_F_RING_PACKED)
#define F_ACCESS_PLATFORM BIT_ULL(VIRTIO_F_ACCESS_PLATFORM)
#define F_MRG_RXBUF	BIT_ULL(VIRTIO_NET_F_MRG_RXBUF)
#define F_LOG_ALL	BIT_ULL(VHOST_F_LOG_ALL)
#define F_NET_HDR	BIT_ULL(VHOST_NET_F_VIRTIO_NET_HDR)

#endif /* FERRY_SELFTEST_ABI_H */
