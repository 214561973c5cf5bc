// SPDX-License-Identifier: GPL-2.0
/*
 * Keeps one idle virtual machine for the life of the lab.
 *
 * KVM switches static branches with the first machine of a host, the last one, and with every
 * virtual CPU whose local APIC is still off.  The emulator under the lab can lose such a change
 * when another of its CPUs runs through the very instruction (ferrylab/splat.py tells what it
 * looks like).  A machine that is always there, and whose CPU never starts, keeps all of these
 * branches as they are while guests come and go.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm = -1;

	if (kvm >= 0)
		vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0 || ioctl(vm, KVM_CREATE_IRQCHIP) || ioctl(vm, KVM_CREATE_VCPU, 0) < 0) {
		perror("hold-vm");
		return 1;
	}
	for (;;)
		pause();
}
