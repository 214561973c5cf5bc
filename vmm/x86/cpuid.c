// SPDX-License-Identifier: GPL-2.0
/*
 * Role: CPUID of a vCPU: what KVM supports on this host, with this machine's own
 *	APIC ids and topology (one socket, one thread a core).
 * Threads: main, while building.
 * Locks: none.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cpu.h"

#define CPUID_MAX_ENTRIES	256U

#define CPUID1_ECX_TSC_DEADLINE	(1U << 24)
#define CPUID1_ECX_HYPERVISOR	(1U << 31)
#define CPUID1_EDX_HTT		(1U << 28)

/* Bits of an APIC id that number the cores of a socket of @n. */
static unsigned int cpuid_core_bits(unsigned int n)
{
	return n > 1 ? 32 - __builtin_clz(n - 1) : 0;
}

static void cpuid_leaf_1(struct kvm_cpuid_entry2 *c, const struct kvm *k, unsigned int index,
			 unsigned int n)
{
	c->ebx = (c->ebx & 0xffff) | index << 24 | (n & 0xff) << 16;
	c->ecx |= CPUID1_ECX_HYPERVISOR;
	if (k->tsc_deadline)
		c->ecx |= CPUID1_ECX_TSC_DEADLINE;
	if (n > 1)
		c->edx |= CPUID1_EDX_HTT;
	else
		c->edx &= ~CPUID1_EDX_HTT;
}

/* Intel's caches: the first two levels belong to a core, the third to the socket. */
static void cpuid_leaf_4(struct kvm_cpuid_entry2 *c, unsigned int n)
{
	unsigned int level = c->eax >> 5 & 7;
	unsigned int ids = 1U << cpuid_core_bits(n);

	if (!(c->eax & 0x1f))
		return;
	c->eax &= ~0xffffc000U;
	c->eax |= (ids - 1 > 63 ? 63 : ids - 1) << 26;
	if (level == 3)
		c->eax |= (ids - 1) << 14;
}

/* AMD's caches: the same. */
static void cpuid_leaf_8000001d(struct kvm_cpuid_entry2 *c, unsigned int n)
{
	if (!(c->eax & 0x1f))
		return;
	c->eax &= ~(0xfffU << 14);
	if ((c->eax >> 5 & 7) == 3)
		c->eax |= (n - 1) << 14;
}

static void cpuid_patch(struct kvm_cpuid_entry2 *c, const struct kvm *k, unsigned int index,
			unsigned int n)
{
	switch (c->function) {
	case 0x1:
		cpuid_leaf_1(c, k, index, n);
		break;
	case 0x4:
		cpuid_leaf_4(c, n);
		break;
	case 0x80000008:
		c->ecx = (c->ecx & ~0xf0ffU) | cpuid_core_bits(n) << 12 | (n - 1);
		break;
	case 0x8000001d:
		cpuid_leaf_8000001d(c, n);
		break;
	case 0x8000001e:
		c->eax = index;
		c->ebx = index & 0xff;
		c->ecx = 0;
		break;
	}
}

/* Extended topology, leaf 0xb or 0x1f: thread, core, end. */
static void cpuid_topology(struct kvm_cpuid2 *c, u32 function, unsigned int index,
			   unsigned int n)
{
	const u32 level[3][3] = {
		{ 0, 1, 1 << 8 },
		{ cpuid_core_bits(n), n, 2 << 8 },
		{ 0, 0, 0 },
	};
	u32 i;

	for (i = 0; i < 3 && c->nent < CPUID_MAX_ENTRIES; i++)
		c->entries[c->nent++] = (struct kvm_cpuid_entry2){
			.function = function,
			.index = i,
			.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			.eax = level[i][0],
			.ebx = level[i][1],
			.ecx = level[i][2] | i,
			.edx = index,
		};
}

static void cpuid_replace_topology(struct kvm_cpuid2 *c, unsigned int index, unsigned int n)
{
	bool has_b = false, has_1f = false;
	u32 i, kept = 0;

	for (i = 0; i < c->nent; i++) {
		u32 f = c->entries[i].function;

		has_b |= f == 0xb;
		has_1f |= f == 0x1f;
		if (f != 0xb && f != 0x1f)
			c->entries[kept++] = c->entries[i];
	}
	c->nent = kept;
	if (has_b)
		cpuid_topology(c, 0xb, index, n);
	if (has_1f)
		cpuid_topology(c, 0x1f, index, n);
}

int x86_cpuid_set(const struct kvm *k, int fd, unsigned int index, unsigned int n,
		  struct error *e)
{
	struct kvm_cpuid2 *c;
	int ret = 0;
	u32 i;

	c = calloc(1, sizeof(*c) + CPUID_MAX_ENTRIES * sizeof(c->entries[0]));
	if (!c)
		return error_errno(e, ENOMEM, "CPUID");
	c->nent = CPUID_MAX_ENTRIES - 6;	/* room for the topology leaves */
	if (ioctl(k->fd, KVM_GET_SUPPORTED_CPUID, c)) {
		ret = error_errno(e, errno, "kvm: could not read the supported CPUID");
		goto out;
	}
	for (i = 0; i < c->nent; i++)
		cpuid_patch(&c->entries[i], k, index, n);
	cpuid_replace_topology(c, index, n);
	if (ioctl(fd, KVM_SET_CPUID2, c))
		ret = error_errno(e, errno, "kvm: could not set CPUID of vCPU %u", index);
out:
	free(c);
	return ret;
}
