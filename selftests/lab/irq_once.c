// SPDX-License-Identifier: GPL-2.0
/*
 * A guest in real mode that gets interrupts, whose handler takes its time with interrupts
 * disabled, while the host's timer fires: each interrupt must come once. Exit status 1 if one
 * came again or not at all, 2 if it cannot be tried.
 * Threads: one. Locks: none.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>

#define MEMORY		0x10000
#define START		0x1000
#define HANDLER		0x1100
#define COUNT		0x2000
#define STACK		0x8000
#define VECTOR		0x20
#define INTERRUPTS	1000
#define TICK_US		100
/* Enabled, x2APIC, of the first CPU. */
#define APIC_BASE	(0xfee00000 | 1 << 11 | 1 << 10 | 1 << 8)

/* Enable the APIC by its spurious vector, then leave for the host again and again. */
static const unsigned char start[] = {
	0x66, 0xb9, 0x0f, 0x08, 0, 0,		/* mov $0x80f, %ecx */
	0x66, 0xb8, 0xff, 0x01, 0, 0,		/* mov $0x1ff, %eax */
	0x66, 0x31, 0xd2,			/* xor %edx, %edx */
	0x0f, 0x30,				/* wrmsr */
	0xfb,					/* sti */
	0xe6, 0x10,				/* 1: out %al, $0x10 */
	0x90,					/* nop */
	0xeb, 0xfb,				/* jmp 1b */
};

/* Count, take half of the host's tick in instructions that do not leave, then end the interrupt. */
static const unsigned char handler[] = {
	0xff, 0x06, COUNT & 0xff, COUNT >> 8,	/* incw COUNT */
	0xb9, 50000 & 0xff, 50000 >> 8,		/* mov $50000, %cx */
	0xe2, 0xfe,				/* 1: loop 1b */
	0x66, 0xb9, 0x0b, 0x08, 0, 0,		/* mov $0x80b, %ecx */
	0x66, 0x31, 0xc0,			/* xor %eax, %eax */
	0x66, 0x31, 0xd2,			/* xor %edx, %edx */
	0x0f, 0x30,				/* wrmsr */
	0xcf,					/* iret */
};

static void tick(int sig)
{
	(void)sig;
}

static void fill(char *memory)
{
	const unsigned short vector[] = { HANDLER, 0 };

	memcpy(memory + START, start, sizeof(start));
	memcpy(memory + HANDLER, handler, sizeof(handler));
	memcpy(memory + VECTOR * sizeof(vector), vector, sizeof(vector));
}

static void registers(int kvm, int cpu)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[256];
	} *id = calloc(1, sizeof(*id));
	struct kvm_regs regs = { .rip = START, .rsp = STACK, .rflags = 2 };
	struct kvm_sregs sregs;

	if (!id)
		err(2, "memory");
	id->head.nent = 256;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, id) || ioctl(cpu, KVM_SET_CPUID2, id) ||
	    ioctl(cpu, KVM_GET_SREGS, &sregs))
		err(2, "vCPU");
	free(id);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	sregs.apic_base = APIC_BASE;
	if (ioctl(cpu, KVM_SET_SREGS, &sregs) || ioctl(cpu, KVM_SET_REGS, &regs))
		err(2, "registers");
}

/* Interrupts beyond the first that came of each, and @lost ones. */
static unsigned int interrupts(int vm, int cpu, volatile unsigned short *count,
			       unsigned int *lost)
{
	const struct kvm_msi msi = { .address_lo = 0xfee00000, .data = VECTOR };
	unsigned int sent = 0, extra = 0;

	while (sent < INTERRUPTS) {
		/* The timer's signal; the guest goes on where it was. */
		if (ioctl(cpu, KVM_RUN, 0UL))
			continue;
		if (sent && !*count)
			++*lost;
		if (*count > 1)
			extra += *count - 1;
		*count = 0;
		if (ioctl(vm, KVM_SIGNAL_MSI, &msi) <= 0)
			err(2, "MSI");
		sent++;
	}
	return extra;
}

int main(void)
{
	const struct itimerval often = { { 0, TICK_US }, { 0, TICK_US } };
	int kvm = open("/dev/kvm", O_RDWR), vm = ioctl(kvm, KVM_CREATE_VM, 0UL);
	char *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);
	const struct kvm_userspace_memory_region region = {
		.memory_size = MEMORY,
		.userspace_addr = (unsigned long)memory,
	};
	unsigned int extra, lost = 0;
	int cpu;

	if (vm < 0 || memory == MAP_FAILED ||
	    ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) ||
	    ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000UL) || ioctl(vm, KVM_CREATE_IRQCHIP, 0UL))
		err(2, "VM");
	cpu = ioctl(vm, KVM_CREATE_VCPU, 0UL);
	if (cpu < 0)
		err(2, "vCPU");
	fill(memory);
	registers(kvm, cpu);
	signal(SIGALRM, tick);
	setitimer(ITIMER_REAL, &often, NULL);
	extra = interrupts(vm, cpu, (void *)(memory + COUNT), &lost);
	printf("of %u interrupts %u came again, %u not at all\n", INTERRUPTS, extra, lost);
	return extra || lost;
}
