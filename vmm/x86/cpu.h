/* SPDX-License-Identifier: GPL-2.0 */
/* vCPU state: CPUID, MSRs, the state at power-on and the one at a kernel's entry. */
#ifndef FERRY_VMM_X86_CPU_H
#define FERRY_VMM_X86_CPU_H

#include "../machine/machine.h"

/* How the first processor begins. */
enum x86_entry_mode {
	X86_ENTRY_64,		/* long mode, RSI = zero page */
	X86_ENTRY_PVH,		/* protected mode, EBX = start info */
	X86_ENTRY_RESET,	/* at the reset vector, where firmware is */
};

struct x86_entry {
	enum x86_entry_mode mode;
	u64 ip;
	u64 arg;
};

struct x86_power_on;

/* Set every vCPU's CPUID and MSRs. */
int x86_cpus_init(struct machine *m, struct error *e);

/* Keep the state of the vCPUs and interrupt chips as KVM made them. */
int x86_power_on_save(struct machine *m, struct x86_power_on **state, struct error *e);
void x86_power_on_free(struct x86_power_on *state);

/* Put that state back, and the first vCPU at @entry. vCPUs are parked. */
int x86_cpus_reset(struct machine *m, const struct x86_power_on *state,
		   const struct x86_entry *entry, struct error *e);

/* CPUID of one vCPU out of @n. */
int x86_cpuid_set(const struct kvm *k, int fd, unsigned int index, unsigned int n,
		  struct error *e);

#endif /* FERRY_VMM_X86_CPU_H */
