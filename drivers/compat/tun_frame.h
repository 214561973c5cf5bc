/* SPDX-License-Identifier: GPL-2.0 */
/* Where a frame that goes to a tap by TUN_MSG_PTR carries its virtio-net header. */
#ifndef FERRY_COMPAT_TUN_FRAME_H
#define FERRY_COMPAT_TUN_FRAME_H

#include <linux/if_tun.h>
#include <net/xdp.h>

/*
 * The header at the very start of the frame's room. Until 6.19 the size of that
 * room stands in front of it.
 */
static inline struct virtio_net_hdr *ferry_tun_frame_hdr(struct xdp_buff *xdp)
{
#ifdef FERRY_TUN_XDP_HDR
	struct tun_xdp_hdr *hdr = xdp->data_hard_start;

	hdr->buflen = xdp->frame_sz;
	return &hdr->gso;
#else
	return xdp->data_hard_start;
#endif
}

#endif /* FERRY_COMPAT_TUN_FRAME_H */
