/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rules of a virtio-net header, as pure functions shared by ferry_net, the
 * VMM's vhost=off device and the fuzzers.
 *
 * Follows the virtio specification 1.3, "Network Device", "Device Operation".
 */
#ifndef FERRY_NET_CORE_H
#define FERRY_NET_CORE_H

#include <linux/types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#ifndef __KERNEL__
#include <stdbool.h>
#endif

/* Shortest frame that a tap takes: an Ethernet header. */
#define FERRY_NET_FRAME_MIN	14U

/* Longest: a 64 KiB IP packet, its Ethernet header and a VLAN tag. */
#define FERRY_NET_FRAME_MAX	(65535U + 18U)

/**
 * ferry_net_hdr_len - size of the header before each frame in the ring
 * @features: the acknowledged feature bits
 *
 * Return: bytes; num_buffers is part of the header in either of two cases.
 */
static inline __u32 ferry_net_hdr_len(__u64 features)
{
	if (features & (1ULL << VIRTIO_NET_F_MRG_RXBUF | 1ULL << VIRTIO_F_VERSION_1))
		return sizeof(struct virtio_net_hdr_mrg_rxbuf);
	return sizeof(struct virtio_net_hdr);
}

/**
 * ferry_net_tx_len - check the lengths of one chain to be sent
 * @out_len: readable bytes of the chain
 * @in_len: writable bytes of the chain
 * @hdr_len: what ferry_net_hdr_len() said
 *
 * Return: frame length in bytes, 0 if the frame is to be dropped (too short or
 * too long for any tap), or -1 if the driver broke the protocol.
 */
static inline int ferry_net_tx_len(__u32 out_len, __u32 in_len, __u32 hdr_len)
{
	if (in_len || out_len < hdr_len)
		return -1;
	out_len -= hdr_len;
	if (out_len < FERRY_NET_FRAME_MIN || out_len > FERRY_NET_FRAME_MAX)
		return 0;
	return out_len;
}

/**
 * ferry_net_tx_csum - mend or refuse a header that asks for a checksum
 * @flags: virtio_net_hdr.flags
 * @csum_start: virtio_net_hdr.csum_start, CPU order
 * @csum_offset: virtio_net_hdr.csum_offset, CPU order
 * @hdr_len: virtio_net_hdr.hdr_len, CPU order; raised to cover the checksum
 * @frame_len: bytes of the frame
 *
 * Return: whether the frame may go to the tap.
 */
static inline bool ferry_net_tx_csum(__u8 flags, __u16 csum_start, __u16 csum_offset,
				     __u16 *hdr_len, __u32 frame_len)
{
	__u32 end = (__u32)csum_start + csum_offset + 2;

	if ((flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) && *hdr_len < end) {
		if (end > 0xffff)
			return false;
		*hdr_len = end;
	}
	return *hdr_len <= frame_len;
}

#endif /* FERRY_NET_CORE_H */
