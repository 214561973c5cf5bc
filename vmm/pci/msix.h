/* SPDX-License-Identifier: GPL-2.0 */
/*
 * MSI-X by irqfd. A device signals eventfds ("sources"), each bound to a vector;
 * while the vector may deliver, KVM itself watches the eventfd. While it is masked
 * the eventfd collects, which is the pending bit, and KVM takes it up again with
 * the unmasking.
 */
#ifndef FERRY_VMM_PCI_MSIX_H
#define FERRY_VMM_PCI_MSIX_H

#include "pci.h"

#define MSIX_MAX_VECTORS	2048U
#define MSIX_ENTRY_SIZE		16U
#define MSIX_NO_VECTOR		0xffffU

struct msix_vector {
	u32 entry[4];		/* address, upper address, data, control */
	u32 gsi;		/* 0 until it was first needed */
};

struct msix_source {
	int fd;
	u16 vector;
	bool attached;		/* KVM watches it */
	u32 gsi;		/* by this route */
};

struct msix {
	struct machine *m;
	struct pci_dev *dev;
	u8 cap;
	u32 table, pba;		/* offsets in BAR 0 */
	unsigned int n_vectors;
	struct msix_vector *vector;
	unsigned int n_sources;
	struct msix_source *source;
};

int msix_init(struct msix *x, struct machine *m, struct pci_dev *d, u32 table, u32 pba,
	      unsigned int n_vectors, unsigned int n_sources, struct error *e);
void msix_destroy(struct msix *x);
void msix_reset(struct msix *x);

/* Bind source @i, an eventfd, to @vector, which may be MSIX_NO_VECTOR. */
void msix_bind(struct msix *x, unsigned int i, int fd, u16 vector);

/* Accesses to the table and the pending bits; false if @off is in neither. */
bool msix_bar_read(struct msix *x, u64 off, unsigned int size, u64 *val);
bool msix_bar_write(struct msix *x, u64 off, u64 val, unsigned int size);

/* The capability's control word may have been written. */
void msix_config_written(struct msix *x);

#endif /* FERRY_VMM_PCI_MSIX_H */
