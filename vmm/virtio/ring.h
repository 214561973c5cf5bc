/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The device's side of one virtqueue, for devices that the VMM serves itself.
 * Split and packed behind one face; what a chain may look like is decided by
 * drivers/vring/vring_core.h, the very file that the kernel modules compile.
 */
#ifndef FERRY_VMM_VIRTIO_RING_H
#define FERRY_VMM_VIRTIO_RING_H

#include <sys/uio.h>

#include "virtio.h"
#include "vring/vring_core.h"

/* One chain, taken from the ring and not yet handed back. */
struct virtio_chain {
	u16 id;			/* split: head index; packed: buffer id */
	u16 slots;		/* of the ring that it took */
	u16 out_num, in_num;	/* pieces: first the readable, then the writable */
	u32 out_len, in_len;	/* bytes */
};

struct virtio_ring {
	const struct ram *ram;
	u16 num;
	bool packed, event_idx, indirect;
	int call_fd;

	/* Split: the three areas. Packed: descriptors and two event areas. */
	void *desc, *driver, *device;

	u16 next_avail;		/* index (split) or slot (packed) taken next */
	bool avail_wrap;
	u16 next_used;		/* likewise, handed back next */
	bool used_wrap;

	/* Chains filled but not yet published, and what publishing needs. */
	u16 filled;		/* used elements or slots */
	u16 first_slot;
	u16 first_flags;
};

/* Set up for a queue whose driver is ready; -EINVAL if its areas are not in RAM. */
int virtio_ring_init(struct virtio_ring *r, const struct virtio_dev *v,
		     const struct virtq *q);

/**
 * virtio_ring_pop - take the next chain that the driver made available
 * @r: the ring
 * @c: filled in
 * @iov: where the chain's pieces go
 * @room: how many pieces fit; FERRY_CHAIN_MAX always suffices
 *
 * Return: 1 with a chain, 0 without one, -ENOBUFS if it has more than @room pieces
 * (and stays in the ring), or -EPROTO if the driver broke the rules.
 */
int virtio_ring_pop(struct virtio_ring *r, struct virtio_chain *c, struct iovec *iov,
		    unsigned int room);

/* Whether the driver has made another chain available. */
bool virtio_ring_ready(const struct virtio_ring *r);

/* Hand one chain back with @written bytes; the driver sees it after publish. */
void virtio_ring_fill(struct virtio_ring *r, const struct virtio_chain *c, u32 written);

/* Show the driver all that was filled since, and notify it if it wants that. */
void virtio_ring_publish(struct virtio_ring *r);

/*
 * Ask for a notification of the next chain, or for none. enable says true if a
 * chain is there already, so that none would be sent for it.
 */
bool virtio_ring_enable_kick(struct virtio_ring *r);
void virtio_ring_disable_kick(struct virtio_ring *r);

/* Copy to or from @iov, starting @off bytes into it; how many bytes were there. */
size_t virtio_iov_write(const struct iovec *iov, unsigned int n, size_t off,
			const void *buf, size_t len);
size_t virtio_iov_read(const struct iovec *iov, unsigned int n, size_t off, void *buf,
		       size_t len);

#endif /* FERRY_VMM_VIRTIO_RING_H */
