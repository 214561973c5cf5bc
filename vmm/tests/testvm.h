/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A machine without KVM for the unit tests: memory, buses, interrupt routes and
 * a PCI bus that a test drives by the very calls that vCPUs make.
 */
#ifndef FERRY_VMM_TESTS_TESTVM_H
#define FERRY_VMM_TESTS_TESTVM_H

#include <stdlib.h>
#include <string.h>

#include "machine/machine.h"
#include "pci/pci.h"
#include "virtio/pci.h"
#include "x86/map.h"

struct testvm {
	struct machine m;
	struct pci_bus pci;
};

static inline int testvm_init(struct testvm *t, u64 ram)
{
	const struct pci_window window = { X86_ECAM, X86_PCI_MMIO, X86_PCI_MMIO_SIZE,
					   X86_PCI_FIRMWARE, X86_PCI_FIRMWARE_SIZE,
					   X86_PORT_PCI, X86_PORT_PCI_BARS };
	struct error e;

	memset(t, 0, sizeof(*t));
	if (machine_init(&t->m, &e))
		return -1;
	t->m.kvm.max_gsi = 1024;
	return ram_init(&t->m.ram, ram, X86_RAM_END, X86_RAM_ABOVE_4G, &e) ||
	       irq_init(&t->m.irq, &t->m.kvm, &e) ||
	       pci_bus_init(&t->pci, &t->m, &window, &e);
}

static inline u64 testvm_access(struct testvm *t, struct bus *b, u64 addr, u64 val,
				unsigned int size, bool write)
{
	u8 data[8];

	pthread_mutex_lock(&t->m.lock);
	memcpy(data, &val, sizeof(data));
	bus_access(b, addr, data, size, write);
	pthread_mutex_unlock(&t->m.lock);
	val = 0;
	memcpy(&val, data, size);
	return val;
}

static inline u64 mmio_read(struct testvm *t, u64 addr, unsigned int size)
{
	return testvm_access(t, &t->m.mmio, addr, 0, size, false);
}

static inline void mmio_write(struct testvm *t, u64 addr, u64 val, unsigned int size)
{
	testvm_access(t, &t->m.mmio, addr, val, size, true);
}

static inline u64 cfg_addr(unsigned int slot, unsigned int off)
{
	return X86_ECAM + (slot << 15) + off;
}

static inline u64 cfg_read(struct testvm *t, unsigned int slot, u32 off, unsigned int size)
{
	return mmio_read(t, cfg_addr(slot, off), size);
}

static inline void cfg_write(struct testvm *t, unsigned int slot, u32 off, u32 val,
			     unsigned int size)
{
	mmio_write(t, cfg_addr(slot, off), val, size);
}

/* Answer what the main loop would, until nothing is ready. */
static inline void testvm_run_loop(struct testvm *t)
{
	struct epoll_event ev;

	while (epoll_wait(t->m.loop.epfd, &ev, 1, 0) == 1) {
		struct loop_source *src = ev.data.ptr;

		pthread_mutex_lock(&t->m.lock);
		if (src->added)
			src->ready(src->opaque, ev.events);
		pthread_mutex_unlock(&t->m.lock);
	}
}

/* xorshift64*: the same numbers in every run, so that a failure comes again. */
static inline u64 test_random(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

#endif /* FERRY_VMM_TESTS_TESTVM_H */
