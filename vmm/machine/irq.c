// SPDX-License-Identifier: GPL-2.0
/*
 * Role: own the table of GSI routes and hand it to KVM.
 * Threads: vCPUs (a guest writes its MSI-X table) and main (set-up, reset).
 * Locks: the machine's lock is held by the caller.
 */
#include "irq.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>

/*
 * KVM takes 4096 routes, and 16 GSIs have two: more vectors than a full bus of
 * devices asks for.
 */
#define IRQ_GSI_MAX	(4096U - 16U)

static int irq_commit(struct irq_router *r)
{
	r->table->nr = r->n;
	return kvm_vm_ioctl(r->kvm, KVM_SET_GSI_ROUTING, r->table);
}

static void irq_add_pin(struct irq_router *r, u32 gsi, u32 chip, u32 pin)
{
	r->table->entries[r->n++] = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};
}

int irq_init(struct irq_router *r, const struct kvm *k, struct error *e)
{
	u32 gsi;
	int ret;

	r->kvm = k;
	r->n = 0;
	r->max = k->max_gsi < IRQ_GSI_MAX ? k->max_gsi : IRQ_GSI_MAX;
	r->used = calloc(r->max, 1);
	/* Every GSI has one route, those below 16 a second one to the 8259. */
	r->table = calloc(1, sizeof(*r->table) +
			  (r->max + 16) * sizeof(struct kvm_irq_routing_entry));
	if (!r->used || !r->table)
		return error_errno(e, ENOMEM, "interrupt routes");
	for (gsi = 0; gsi < IRQ_IOAPIC_PINS && gsi < r->max; gsi++) {
		if (gsi < 16)
			irq_add_pin(r, gsi, gsi < 8 ? KVM_IRQCHIP_PIC_MASTER :
				    KVM_IRQCHIP_PIC_SLAVE, gsi % 8);
		irq_add_pin(r, gsi, KVM_IRQCHIP_IOAPIC, gsi);
	}
	ret = irq_commit(r);
	if (ret)
		return error_errno(e, ret, "kvm: could not set interrupt routes");
	return 0;
}

void irq_destroy(struct irq_router *r)
{
	free(r->table);
	free(r->used);
	r->table = NULL;
	r->used = NULL;
}

static struct kvm_irq_routing_entry *irq_find_msi(struct irq_router *r, u32 gsi)
{
	unsigned int i;

	for (i = 0; i < r->n; i++)
		if (r->table->entries[i].gsi == gsi &&
		    r->table->entries[i].type == KVM_IRQ_ROUTING_MSI)
			return &r->table->entries[i];
	return NULL;
}

static u32 irq_alloc(struct irq_router *r)
{
	u32 gsi;

	for (gsi = IRQ_IOAPIC_PINS; gsi < r->max; gsi++)
		if (!r->used[gsi])
			return gsi;
	return 0;
}

int irq_msi_set(struct irq_router *r, u32 *gsi, u64 addr, u32 data)
{
	struct kvm_irq_routing_entry *ent = *gsi ? irq_find_msi(r, *gsi) : NULL;

	if (!ent) {
		*gsi = irq_alloc(r);
		if (!*gsi)
			return -ENOSPC;
		r->used[*gsi] = 1;
		ent = &r->table->entries[r->n++];
	} else if (ent->u.msi.data == data && ent->u.msi.address_lo == (u32)addr &&
		   ent->u.msi.address_hi == addr >> 32) {
		return 0;
	}
	*ent = (struct kvm_irq_routing_entry){
		.gsi = *gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = addr, .address_hi = addr >> 32, .data = data },
	};
	return irq_commit(r);
}

void irq_msi_free(struct irq_router *r, u32 gsi)
{
	struct kvm_irq_routing_entry *ent = irq_find_msi(r, gsi);

	if (!ent)
		return;
	/* The route goes from KVM's table with the next change; nothing uses it. */
	*ent = r->table->entries[--r->n];
	r->used[gsi] = 0;
}
