/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtio device, whatever the transport: features, status, queues. Who moves
 * the queues' data (the kernel, a thread, the main loop) is the device's affair;
 * here a queue is addresses, sizes and two eventfds.
 */
#ifndef FERRY_VMM_VIRTIO_VIRTIO_H
#define FERRY_VMM_VIRTIO_VIRTIO_H

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "../machine/machine.h"

#ifndef VIRTIO_F_RING_PACKED
#define VIRTIO_F_RING_PACKED	34
#endif

#define VIRTIO_BIT(name)	BIT_ULL(VIRTIO_##name)

struct virtio_dev;

struct virtq {
	u16 max_size;
	u16 size;
	bool enabled;
	u64 desc;	/* guest-physical: descriptors, split or packed */
	u64 driver;	/* avail ring, or driver event area */
	u64 device;	/* used ring, or device event area */
	int kick_fd;	/* the guest notified */
	int call_fd;	/* notify the guest */
};

/* Bytes of a queue's three areas. */
struct virtq_layout {
	u64 desc, driver, device;
};

/* What a kind of device does. Called under the machine's lock. */
struct virtio_ops {
	/* Device configuration; off + size never leaves config_size. */
	void (*config_read)(struct virtio_dev *v, u32 off, void *buf, u32 size);
	void (*config_write)(struct virtio_dev *v, u32 off, const void *buf, u32 size);

	/*
	 * The driver is ready, or resets the device. A start that fails leaves the
	 * device stopped, and the driver is told that it needs a reset.
	 */
	int (*start)(struct virtio_dev *v);
	void (*stop)(struct virtio_dev *v);

	/* The driver resets the device, which does not run (any more): forget what it set. */
	void (*reset)(struct virtio_dev *v);

	/*
	 * While the guest is stopped: leave the queues where they are, with nothing in
	 * flight, and go on from there. stop may come in between. Without them, the device
	 * begins nothing by itself, but what the guest asked before is still answered.
	 */
	void (*pause)(struct virtio_dev *v);
	int (*resume)(struct virtio_dev *v);
};

struct virtio_dev {
	const struct virtio_ops *ops;
	struct machine *m;
	u16 type;
	u32 class_code;		/* for PCI */
	u32 config_size;
	u64 offered;
	u64 acked;
	u8 status;
	u8 generation;		/* of the configuration */
	u8 isr;
	bool running;
	bool paused;
	int config_fd;		/* tell the guest that the configuration changed */
	unsigned int n_queues;
	struct virtq *queue;
};

/* The ring features that the options of every device switch. */
u64 virtio_ring_features(bool packed, bool event_idx, bool indirect);

/* @sizes holds each queue's largest size. */
int virtio_init(struct virtio_dev *v, struct machine *m, unsigned int n_queues,
		const u16 *sizes, struct error *e);
void virtio_destroy(struct virtio_dev *v);

static inline bool virtio_has(const struct virtio_dev *v, unsigned int bit)
{
	return v->acked & BIT_ULL(bit);
}

/* For the transport. */
void virtio_set_status(struct virtio_dev *v, u8 status);
void virtio_reset(struct virtio_dev *v);
bool virtio_enable_queue(struct virtio_dev *v, unsigned int i);

/* Nothing touches the queues between the two, which come while no vCPU runs. */
void virtio_pause(struct virtio_dev *v);
void virtio_resume(struct virtio_dev *v);

/* For the device. */
void virtio_config_changed(struct virtio_dev *v);
void virtio_needs_reset(struct virtio_dev *v);
void virtq_layout(const struct virtio_dev *v, const struct virtq *q, struct virtq_layout *l);

#endif /* FERRY_VMM_VIRTIO_VIRTIO_H */
