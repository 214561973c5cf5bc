// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the state of vCPUs and interrupt chips at power-on, at a kernel's entry
 *	and after a reset. KVM's own state of fresh vCPUs is kept and put back at a
 *	reset, so nothing of the guest before survives in a register.
 * Threads: main; vCPUs are parked.
 * Locks: none.
 */
#include "cpu.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "map.h"

#define MSR_IA32_TSC			0x10
#define MSR_IA32_TSC_ADJUST		0x3b
#define MSR_IA32_MISC_ENABLE		0x1a0
#define MSR_IA32_MISC_ENABLE_FAST_STRING	1
#define MSR_MTRR_DEF_TYPE		0x2ff
#define MSR_MTRR_ENABLE_WB		0x806
#define MSR_IA32_TSC_DEADLINE		0x6e0

/* In an XSAVE area, which of its parts it has, and the one of those that holds PKRU. */
#define XSAVE_HEADER	512U
#define XSAVE_PKRU	(1ULL << 9)

#define CR0_PE	(1ULL << 0)
#define CR0_PG	(1ULL << 31)
#define CR4_PAE	(1ULL << 5)
#define EFER_LME	(1ULL << 8)
#define EFER_LMA	(1ULL << 10)

#define CODE_SELECTOR	0x10
#define DATA_SELECTOR	0x18
#define TSS_SELECTOR	0x20

struct vcpu_state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_xsave *xsave;
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debug;
	struct kvm_vcpu_events events;
	struct kvm_lapic_state lapic;
	struct kvm_mp_state mp;
	struct kvm_msrs *msrs;
};

struct x86_power_on {
	unsigned int n;
	struct kvm_irqchip chip[3];
	struct kvm_pit_state2 pit;
	struct vcpu_state cpu[];
};

/* KVM_GET_MSRS or KVM_SET_MSRS of one. */
static int cpu_msr_ioctl(int fd, unsigned long req, struct kvm_msr_entry *msr)
{
	_Alignas(struct kvm_msrs) u8 buf[sizeof(struct kvm_msrs) + sizeof(*msr)];
	struct kvm_msrs *m = (void *)buf;

	*m = (struct kvm_msrs){ .nmsrs = 1 };
	memcpy(m + 1, msr, sizeof(*msr));
	if (ioctl(fd, req, m) != 1)
		return -EIO;
	memcpy(msr, m + 1, sizeof(*msr));
	return 0;
}

static int cpu_set_msr(int fd, u32 index, u64 val)
{
	struct kvm_msr_entry msr = { .index = index, .data = val };

	return cpu_msr_ioctl(fd, KVM_SET_MSRS, &msr);
}

static int cpu_get_msr(int fd, u32 index, u64 *val)
{
	struct kvm_msr_entry msr = { .index = index };
	int ret = cpu_msr_ioctl(fd, KVM_GET_MSRS, &msr);

	*val = msr.data;
	return ret;
}

int x86_cpus_init(struct machine *m, struct error *e)
{
	unsigned int i;
	int ret;

	for (i = 0; i < m->vcpus.n; i++) {
		int fd = m->vcpus.v[i].fd;

		/* CPUID first: it decides which MSRs there are. */
		ret = x86_cpuid_set(&m->kvm, fd, i, m->vcpus.n, e);
		if (ret)
			return ret;
		if (cpu_set_msr(fd, MSR_IA32_MISC_ENABLE, MSR_IA32_MISC_ENABLE_FAST_STRING) ||
		    cpu_set_msr(fd, MSR_MTRR_DEF_TYPE, MSR_MTRR_ENABLE_WB))
			return error_set(e, EIO, "kvm: could not set MSRs of vCPU %u", i);
	}
	return 0;
}

static struct kvm_msr_list *cpu_msr_list(const struct kvm *k)
{
	struct kvm_msr_list probe = { 0 }, *list;

	/* Fails with E2BIG and tells the number. */
	ioctl(k->fd, KVM_GET_MSR_INDEX_LIST, &probe);
	list = calloc(1, sizeof(*list) + probe.nmsrs * sizeof(list->indices[0]));
	if (!list)
		return NULL;
	list->nmsrs = probe.nmsrs;
	if (ioctl(k->fd, KVM_GET_MSR_INDEX_LIST, list))
		list->nmsrs = 0;
	return list;
}

/* The clock runs on: putting it back would set the processors' clocks apart. */
static bool cpu_msr_is_clock(u32 index)
{
	return index == MSR_IA32_TSC || index == MSR_IA32_TSC_ADJUST ||
	       index == MSR_IA32_TSC_DEADLINE;
}

/* Read one MSR after the other: which of the list this vCPU has is not told. */
static struct kvm_msrs *cpu_save_msrs(int fd, const struct kvm_msr_list *list)
{
	struct kvm_msrs *out;
	u32 i;

	out = calloc(1, sizeof(*out) + list->nmsrs * sizeof(out->entries[0]));
	if (!out)
		return NULL;
	for (i = 0; i < list->nmsrs; i++) {
		struct kvm_msr_entry *one = &out->entries[out->nmsrs];
		u64 val;

		if (cpu_msr_is_clock(list->indices[i]) || cpu_get_msr(fd, list->indices[i], &val))
			continue;
		one->index = list->indices[i];
		one->data = val;
		out->nmsrs++;
	}
	return out;
}

/* All that XSAVE knows, of which the FPU's registers are the first part. */
static int cpu_save_xsave(const struct kvm *k, int fd, struct kvm_xsave **area)
{
	int size = ioctl(k->vmfd, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);
	struct kvm_xsave *x;
	u64 *parts;

	if (size < (int)sizeof(*x))
		return -EOPNOTSUPP;
	x = calloc(1, size);
	*area = x;
	if (!x)
		return -ENOMEM;
	if (ioctl(fd, KVM_GET_XSAVE2, x))
		return -errno;
	/* KVM begins each part anew that is not there, but for PKRU: that one has to be. */
	parts = (u64 *)((u8 *)x + XSAVE_HEADER);
	*parts |= XSAVE_PKRU;
	if (ioctl(fd, KVM_SET_XSAVE, x))
		*parts &= ~XSAVE_PKRU;
	return 0;
}

static int cpu_save(const struct kvm *k, int fd, const struct kvm_msr_list *list,
		    struct vcpu_state *s)
{
	int ret = cpu_save_xsave(k, fd, &s->xsave);

	if (ret)
		return ret;
	if (ioctl(fd, KVM_GET_REGS, &s->regs) || ioctl(fd, KVM_GET_SREGS, &s->sregs) ||
	    ioctl(fd, KVM_GET_DEBUGREGS, &s->debug) ||
	    ioctl(fd, KVM_GET_VCPU_EVENTS, &s->events) || ioctl(fd, KVM_GET_LAPIC, &s->lapic) ||
	    ioctl(fd, KVM_GET_MP_STATE, &s->mp))
		return -errno;
	/* A processor without XSAVE has none of these. */
	if (ioctl(fd, KVM_GET_XCRS, &s->xcrs))
		s->xcrs.nr_xcrs = 0;
	s->msrs = cpu_save_msrs(fd, list);
	return s->msrs ? 0 : -ENOMEM;
}

int x86_power_on_save(struct machine *m, struct x86_power_on **state, struct error *e)
{
	struct kvm_msr_list *list = cpu_msr_list(&m->kvm);
	struct x86_power_on *s;
	unsigned int i;
	int ret = 0;

	s = calloc(1, sizeof(*s) + m->vcpus.n * sizeof(s->cpu[0]));
	*state = s;
	if (!s || !list) {
		free(list);
		return error_errno(e, ENOMEM, "vCPU state");
	}
	for (i = 0; i < 3 && !ret; i++) {
		s->chip[i].chip_id = i;
		ret = kvm_vm_ioctl(&m->kvm, KVM_GET_IRQCHIP, &s->chip[i]);
	}
	if (!ret)
		ret = kvm_vm_ioctl(&m->kvm, KVM_GET_PIT2, &s->pit);
	for (i = 0; i < m->vcpus.n && !ret; i++) {
		ret = cpu_save(&m->kvm, m->vcpus.v[i].fd, list, &s->cpu[i]);
		s->n++;
	}
	free(list);
	return ret ? error_errno(e, ret, "kvm: could not read the power-on state") : 0;
}

void x86_power_on_free(struct x86_power_on *s)
{
	unsigned int i;

	if (!s)
		return;
	for (i = 0; i < s->n; i++) {
		free(s->cpu[i].xsave);
		free(s->cpu[i].msrs);
	}
	free(s);
}

static void cpu_flat_segments(struct kvm_sregs *s, bool long_mode)
{
	struct kvm_segment code = {
		.limit = 0xffffffff, .selector = CODE_SELECTOR, .type = 0xb, .present = 1,
		.db = !long_mode, .s = 1, .l = long_mode, .g = 1,
	};
	struct kvm_segment data = {
		.limit = 0xffffffff, .selector = DATA_SELECTOR, .type = 0x3, .present = 1,
		.db = 1, .s = 1, .g = 1,
	};
	struct kvm_segment tss = {
		.limit = 0xffff, .selector = TSS_SELECTOR, .type = 0xb, .present = 1,
	};

	s->cs = code;
	s->ds = data;
	s->es = data;
	s->fs = data;
	s->gs = data;
	s->ss = data;
	s->tr = tss;
	s->gdt.base = X86_GDT;
	s->gdt.limit = 5 * 8 - 1;
}

/* The segments above, for a kernel that reloads them before its own table. */
static int cpu_write_gdt(const struct ram *ram, bool long_mode)
{
	u64 *gdt = ram_ptr(ram, X86_GDT, 5 * 8);

	if (!gdt)
		return -EFAULT;
	memset(gdt, 0, 5 * 8);
	gdt[CODE_SELECTOR / 8] = long_mode ? 0x00af9b000000ffffULL : 0x00cf9b000000ffffULL;
	gdt[DATA_SELECTOR / 8] = 0x00cf93000000ffffULL;
	gdt[TSS_SELECTOR / 8] = 0x00008b000000ffffULL;
	return 0;
}

/* The first 4 GiB one to one, in pages of 2 MiB. */
static int cpu_write_page_tables(const struct ram *ram)
{
	u64 *pml4 = ram_ptr(ram, X86_PAGE_TABLES, 6 * 4096);
	u64 *pdpt, *pd;
	unsigned int i;

	if (!pml4)
		return -EFAULT;
	pdpt = pml4 + 512;
	pd = pdpt + 512;
	memset(pml4, 0, 2 * 4096);
	pml4[0] = (X86_PAGE_TABLES + 4096) | 3;
	for (i = 0; i < 4; i++)
		pdpt[i] = (X86_PAGE_TABLES + (2 + i) * 4096UL) | 3;
	for (i = 0; i < 4 * 512; i++)
		pd[i] = ((u64)i << 21) | 0x83;
	return 0;
}

static int cpu_enter(const struct ram *ram, const struct x86_entry *entry,
		     struct kvm_regs *regs, struct kvm_sregs *sregs)
{
	bool long_mode = entry->mode == X86_ENTRY_64;

	if (entry->mode == X86_ENTRY_RESET)
		return 0;	/* it is there at power-on */
	cpu_flat_segments(sregs, long_mode);
	regs->rflags = 2;
	regs->rip = entry->ip;
	sregs->cr0 |= CR0_PE;
	if (!long_mode) {
		regs->rbx = entry->arg;
		return cpu_write_gdt(ram, false);
	}
	regs->rsi = entry->arg;
	sregs->cr0 |= CR0_PG;
	sregs->cr3 = X86_PAGE_TABLES;
	sregs->cr4 |= CR4_PAE;
	sregs->efer |= EFER_LME | EFER_LMA;
	return cpu_write_gdt(ram, true) ?: cpu_write_page_tables(ram);
}

/* Only what the guest changed: some may be read and not written, and KVM would complain. */
static void cpu_restore_msrs(int fd, const struct kvm_msrs *msrs)
{
	u32 i;

	for (i = 0; i < msrs->nmsrs; i++) {
		const struct kvm_msr_entry *want = &msrs->entries[i];
		u64 now;

		if (!cpu_get_msr(fd, want->index, &now) && now != want->data)
			cpu_set_msr(fd, want->index, want->data);
	}
}

static int cpu_restore(int fd, const struct vcpu_state *s, const struct kvm_regs *regs,
		       const struct kvm_sregs *sregs)
{
	/*
	 * MSRs before the system registers, which hold EFER and the APIC base too
	 * and have the last word.
	 */
	cpu_restore_msrs(fd, s->msrs);
	if (ioctl(fd, KVM_SET_MP_STATE, &s->mp) || ioctl(fd, KVM_SET_SREGS, sregs) ||
	    ioctl(fd, KVM_SET_REGS, regs) || ioctl(fd, KVM_SET_XSAVE, s->xsave) ||
	    (s->xcrs.nr_xcrs && ioctl(fd, KVM_SET_XCRS, &s->xcrs)) ||
	    ioctl(fd, KVM_SET_DEBUGREGS, &s->debug) || ioctl(fd, KVM_SET_LAPIC, &s->lapic) ||
	    ioctl(fd, KVM_SET_VCPU_EVENTS, &s->events))
		return -errno;
	return 0;
}

int x86_cpus_reset(struct machine *m, const struct x86_power_on *s,
		   const struct x86_entry *entry, struct error *e)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < 3 && !ret; i++) {
		struct kvm_irqchip chip = s->chip[i];

		ret = kvm_vm_ioctl(&m->kvm, KVM_SET_IRQCHIP, &chip);
	}
	if (!ret) {
		struct kvm_pit_state2 pit = s->pit;

		ret = kvm_vm_ioctl(&m->kvm, KVM_SET_PIT2, &pit);
	}
	for (i = 0; i < s->n && !ret; i++) {
		struct kvm_regs regs = s->cpu[i].regs;
		struct kvm_sregs sregs = s->cpu[i].sregs;

		if (!i)
			ret = cpu_enter(&m->ram, entry, &regs, &sregs);
		if (!ret)
			ret = cpu_restore(m->vcpus.v[i].fd, &s->cpu[i], &regs, &sregs);
	}
	return ret ? error_errno(e, ret, "kvm: could not set the vCPUs' state") : 0;
}
