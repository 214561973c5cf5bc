// SPDX-License-Identifier: GPL-2.0
/*
 * A guest on the first CPU that leaves for the host again and again, while another CPU restores
 * FPU states: the guest must go on where it was. Exit status 1 if it did not, 2 if it cannot be
 * tried.
 * Threads: main, which is the guest's, and one that restores.
 * Locks: none.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define MEMORY		0x10000
#define START		0x1000
#define EXITS		30000

static const unsigned char start[] = {
	0xe6, 0x10,				/* 1: out %al, $0x10 */
	0xeb, 0xfc,				/* jmp 1b */
};

static void stay_on(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(2, "CPU %u", cpu);
}

static void *restore(void *unused)
{
	char state[512] __attribute__((aligned(16)));

	stay_on(1);
	__asm__ volatile("fxsave %0" : "=m"(state));
	for (;;)
		__asm__ volatile("fxrstor %0" : : "m"(state));
	return unused;
}

/* Wherever it may come to, it halts. */
static void make_guest(int vm, int cpu)
{
	unsigned char *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const struct kvm_userspace_memory_region region = {
		.memory_size = MEMORY,
		.userspace_addr = (unsigned long)memory,
	};
	struct kvm_regs regs = { .rip = START, .rflags = 2 };
	struct kvm_sregs sregs;

	if (memory == MAP_FAILED)
		err(2, "memory");
	memset(memory, 0xf4, MEMORY);
	memcpy(memory + START, start, sizeof(start));
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) || ioctl(cpu, KVM_GET_SREGS, &sregs))
		err(2, "VM");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(cpu, KVM_SET_SREGS, &sregs) || ioctl(cpu, KVM_SET_REGS, &regs))
		err(2, "registers");
}

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR), vm = ioctl(kvm, KVM_CREATE_VM, 0UL);
	int cpu = ioctl(vm, KVM_CREATE_VCPU, 0UL);
	const struct kvm_run *run;
	unsigned int exits, strays = 0;
	pthread_t other;

	if (cpu < 0)
		err(2, "vCPU");
	run = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0UL), PROT_READ, MAP_SHARED, cpu, 0);
	if (run == MAP_FAILED)
		err(2, "vCPU");
	make_guest(vm, cpu);
	stay_on(0);
	if (pthread_create(&other, NULL, restore, NULL))
		errx(2, "no thread");
	for (exits = 0; exits < EXITS && !strays; exits++)
		if (ioctl(cpu, KVM_RUN, 0UL) || run->exit_reason != KVM_EXIT_IO)
			strays++;
	printf("%u exits, the last for reason %u\n", exits, run->exit_reason);
	return !!strays;
}
