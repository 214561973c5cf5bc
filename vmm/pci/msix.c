// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the MSI-X table, its masks and pending bits, and the irqfds behind it.
 *	Follows the PCI Local Bus specification 3.0, "MSI-X Capability and Table
 *	Structure".
 * Threads: main while building and resetting, vCPUs after.
 * Locks: the machine's lock is held by the caller once the guest runs.
 */
#include "msix.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#define MSIX_CONTROL(x)		(pci_get16((x)->dev, (x)->cap + PCI_MSIX_FLAGS))
#define MSIX_TABLE_SIZE(x)	((u64)(x)->n_vectors * MSIX_ENTRY_SIZE)
#define MSIX_PBA_SIZE(x)	(ALIGN_UP((x)->n_vectors, 64) / 8)

static bool msix_delivers(const struct msix *x, u16 vector)
{
	u16 control = MSIX_CONTROL(x);

	return vector < x->n_vectors && (control & PCI_MSIX_FLAGS_ENABLE) &&
	       !(control & PCI_MSIX_FLAGS_MASKALL) &&
	       !(x->vector[vector].entry[3] & PCI_MSIX_ENTRY_CTRL_MASKBIT);
}

static void msix_detach(struct msix *x, struct msix_source *s)
{
	if (!s->attached)
		return;
	kvm_irqfd(&x->m->kvm, s->fd, s->gsi, false);
	s->attached = false;
}

static void msix_attach(struct msix *x, struct msix_source *s)
{
	struct msix_vector *v = &x->vector[s->vector];

	if (irq_msi_set(&x->m->irq, &v->gsi, (u64)v->entry[1] << 32 | v->entry[0], v->entry[2]))
		return;		/* a message that KVM refuses goes nowhere */
	if (s->attached && s->gsi == v->gsi)
		return;
	msix_detach(x, s);
	s->attached = !kvm_irqfd(&x->m->kvm, s->fd, v->gsi, true);
	s->gsi = v->gsi;
}

static void msix_update_source(struct msix *x, struct msix_source *s)
{
	if (s->fd >= 0 && msix_delivers(x, s->vector))
		msix_attach(x, s);
	else
		msix_detach(x, s);
}

static void msix_update_vector(struct msix *x, unsigned int vector)
{
	unsigned int i;

	for (i = 0; i < x->n_sources; i++)
		if (x->source[i].vector == vector)
			msix_update_source(x, &x->source[i]);
}

static void msix_update_all(struct msix *x)
{
	unsigned int i;

	for (i = 0; i < x->n_sources; i++)
		msix_update_source(x, &x->source[i]);
}

int msix_init(struct msix *x, struct machine *m, struct pci_dev *d, u32 table, u32 pba,
	      unsigned int n_vectors, unsigned int n_sources, struct error *e)
{
	unsigned int i;

	*x = (struct msix){ .m = m, .dev = d, .table = table, .pba = pba };
	/* Without vectors there is no capability, and no interrupt. */
	x->vector = calloc(n_vectors ? n_vectors : 1, sizeof(*x->vector));
	x->source = calloc(n_sources, sizeof(*x->source));
	if (!x->vector || !x->source)
		return error_errno(e, ENOMEM, "MSI-X");
	x->n_sources = n_sources;
	for (i = 0; i < n_sources; i++)
		x->source[i] = (struct msix_source){ .fd = -1, .vector = MSIX_NO_VECTOR };
	if (!n_vectors)
		return 0;
	x->n_vectors = n_vectors;
	x->cap = pci_add_cap(d, PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF);
	pci_set16(d, x->cap + PCI_MSIX_FLAGS, n_vectors - 1);
	pci_set32(d, x->cap + PCI_MSIX_TABLE, table);
	pci_set32(d, x->cap + PCI_MSIX_PBA, pba);
	d->writable[x->cap + PCI_MSIX_FLAGS + 1] =
		(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8;
	msix_reset(x);
	return 0;
}

void msix_reset(struct msix *x)
{
	unsigned int i;

	for (i = 0; i < x->n_sources; i++) {
		msix_detach(x, &x->source[i]);
		x->source[i].vector = MSIX_NO_VECTOR;
	}
	for (i = 0; i < x->n_vectors; i++) {
		if (x->vector[i].gsi)
			irq_msi_free(&x->m->irq, x->vector[i].gsi);
		x->vector[i] = (struct msix_vector){
			.entry = { 0, 0, 0, PCI_MSIX_ENTRY_CTRL_MASKBIT },
		};
	}
	if (x->n_vectors)
		pci_set16(x->dev, x->cap + PCI_MSIX_FLAGS, x->n_vectors - 1);
}

void msix_destroy(struct msix *x)
{
	if (x->m)
		msix_reset(x);
	free(x->vector);
	free(x->source);
	x->vector = NULL;
	x->source = NULL;
	x->n_vectors = 0;
	x->n_sources = 0;
}

void msix_bind(struct msix *x, unsigned int i, int fd, u16 vector)
{
	struct msix_source *s = &x->source[i];

	if (s->fd != fd || s->vector != vector)
		msix_detach(x, s);
	s->fd = fd;
	s->vector = vector;
	msix_update_source(x, s);
}

static bool msix_pending(const struct msix *x, u32 vector)
{
	unsigned int i;

	for (i = 0; i < x->n_sources; i++) {
		const struct msix_source *s = &x->source[i];
		struct pollfd p = { .fd = s->fd, .events = POLLIN };

		if (s->fd >= 0 && s->vector == vector && !s->attached && poll(&p, 1, 0) == 1)
			return true;
	}
	return false;
}

static u64 msix_pba_read(const struct msix *x, u64 off, unsigned int size)
{
	u64 val = 0;
	u32 i;

	for (i = 0; i < size * 8; i++) {
		u32 vector = off * 8 + i;

		if (vector < x->n_vectors && msix_pending(x, vector))
			val |= BIT_ULL(i);
	}
	return val;
}

static bool msix_in(u64 off, unsigned int size, u32 base, u64 len)
{
	return off >= base && off - base < len && len - (off - base) >= size;
}

bool msix_bar_read(struct msix *x, u64 off, unsigned int size, u64 *val)
{
	const struct msix_vector *v;

	if (msix_in(off, size, x->pba, MSIX_PBA_SIZE(x))) {
		*val = msix_pba_read(x, off - x->pba, size);
		return true;
	}
	if (!msix_in(off, size, x->table, MSIX_TABLE_SIZE(x)))
		return false;
	/* The table takes whole words, aligned. */
	*val = ~0ULL;
	if (off & (size - 1) || size < 4)
		return true;
	off -= x->table;
	v = &x->vector[off / MSIX_ENTRY_SIZE];
	off = off % MSIX_ENTRY_SIZE / 4;
	*val = v->entry[off];
	if (size == 8)
		*val |= (u64)v->entry[off + 1] << 32;
	return true;
}

bool msix_bar_write(struct msix *x, u64 off, u64 val, unsigned int size)
{
	struct msix_vector *v;
	u64 index;

	if (msix_in(off, size, x->pba, MSIX_PBA_SIZE(x)))
		return true;
	if (!msix_in(off, size, x->table, MSIX_TABLE_SIZE(x)))
		return false;
	if (off & (size - 1) || size < 4)
		return true;
	off -= x->table;
	index = off / MSIX_ENTRY_SIZE;
	v = &x->vector[index];
	off = off % MSIX_ENTRY_SIZE / 4;
	v->entry[off] = val;
	if (size == 8)
		v->entry[off + 1] = val >> 32;
	msix_update_vector(x, index);
	return true;
}

void msix_config_written(struct msix *x)
{
	if (x->n_vectors)
		msix_update_all(x);
}
