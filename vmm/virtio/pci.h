/* SPDX-License-Identifier: GPL-2.0 */
/* The modern PCI transport of a virtio device. */
#ifndef FERRY_VMM_VIRTIO_PCI_H
#define FERRY_VMM_VIRTIO_PCI_H

#include "../pci/msix.h"
#include "../pci/pci.h"
#include "virtio.h"

/* Where a queue's ioeventfds are: in memory and at a port, 0 if nowhere. */
struct vp_notify {
	u64 memory;
	u64 port;
};

struct virtio_pci {
	struct pci_dev pci;
	struct msix msix;
	struct virtio_dev *v;
	u32 device_feature_select, driver_feature_select;
	u16 queue_select;
	u16 config_vector;
	u16 *queue_vector;
	struct vp_notify *notify;	/* of each queue */
	u8 window_cap;		/* the capability that reaches the BAR through config */
};

struct virtio_pci_config {
	const char *name;	/* for messages */
	const char *addr;	/* slot, or NULL */
	unsigned int vectors;
};

/* Make @v, whose queues are set up, a device on the bus. */
int virtio_pci_init(struct virtio_pci *p, struct virtio_dev *v, struct pci_bus *b,
		    const struct virtio_pci_config *cfg, struct error *e);
void virtio_pci_destroy(struct virtio_pci *p);

/* As at power-on; the bus resets the PCI registers. */
void virtio_pci_reset(struct virtio_pci *p);

#endif /* FERRY_VMM_VIRTIO_PCI_H */
