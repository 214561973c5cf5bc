/* SPDX-License-Identifier: GPL-2.0 */
/* Interrupt routes: fixed ones to the IOAPIC, and one per MSI-X vector in use. */
#ifndef FERRY_VMM_MACHINE_IRQ_H
#define FERRY_VMM_MACHINE_IRQ_H

#include "kvm.h"

#define IRQ_IOAPIC_PINS	24

struct kvm_irq_routing;

struct irq_router {
	const struct kvm *kvm;
	unsigned int max;		/* GSIs that may be used */
	u8 *used;			/* per GSI from IRQ_IOAPIC_PINS up */
	struct kvm_irq_routing *table;	/* what KVM is told, whole, at each change */
	unsigned int n;			/* entries in it */
};

int irq_init(struct irq_router *r, const struct kvm *k, struct error *e);
void irq_destroy(struct irq_router *r);

/**
 * irq_msi_set - route a GSI to a message
 * @r: the router
 * @gsi: in: the GSI to change, or 0 to allocate one; out: the GSI
 * @addr: message address
 * @data: message data
 *
 * Return: 0, -ENOSPC if no GSI is free, or KVM's refusal.
 */
int irq_msi_set(struct irq_router *r, u32 *gsi, u64 addr, u32 data);
void irq_msi_free(struct irq_router *r, u32 gsi);

#endif /* FERRY_VMM_MACHINE_IRQ_H */
