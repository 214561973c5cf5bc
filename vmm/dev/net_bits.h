/* SPDX-License-Identifier: GPL-2.0 */
/* virtio-net and tun numbers, of which those of Linux 6.2 may not be installed. */
#ifndef FERRY_VMM_DEV_NET_BITS_H
#define FERRY_VMM_DEV_NET_BITS_H

#include <linux/if_tun.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>

#ifndef VIRTIO_NET_F_GUEST_USO4
#define VIRTIO_NET_F_GUEST_USO4	54
#endif
#ifndef VIRTIO_NET_F_GUEST_USO6
#define VIRTIO_NET_F_GUEST_USO6	55
#endif
#ifndef VIRTIO_NET_F_HOST_USO
#define VIRTIO_NET_F_HOST_USO	56
#endif
#ifndef TUN_F_USO4
#define TUN_F_USO4	0x20
#endif
#ifndef TUN_F_USO6
#define TUN_F_USO6	0x40
#endif

#endif /* FERRY_VMM_DEV_NET_BITS_H */
