/* SPDX-License-Identifier: GPL-2.0 */
/* The KVM descriptors and what this host's KVM can do. */
#ifndef FERRY_VMM_MACHINE_KVM_H
#define FERRY_VMM_MACHINE_KVM_H

#include "../error.h"
#include "../types.h"

struct kvm {
	int fd;			/* /dev/kvm */
	int vmfd;		/* -1 in a machine without KVM, as the fuzzers build it */
	unsigned int run_size;	/* bytes of struct kvm_run's mapping */
	unsigned int max_vcpus;
	unsigned int max_gsi;
	bool ioeventfd_any_len;
	bool tsc_deadline;
};

/* Open /dev/kvm, check what it must offer, make a VM with its interrupt chips. */
int kvm_init(struct kvm *k, struct error *e);
void kvm_destroy(struct kvm *k);

/* An ioctl on the VM; 0 without doing anything in a machine without KVM. */
int kvm_vm_ioctl(const struct kvm *k, unsigned long req, void *arg);

/* Assign an eventfd to writes of any size. @flags: KVM_IOEVENTFD_FLAG_PIO, _DEASSIGN. */
int kvm_ioeventfd(const struct kvm *k, u64 addr, u32 flags, int fd);

/* Set the level of @gsi. */
int kvm_irq_line(const struct kvm *k, u32 gsi, bool level);

/* Assign (or take back) an eventfd that raises @gsi. */
int kvm_irqfd(const struct kvm *k, int fd, u32 gsi, bool assign);

#endif /* FERRY_VMM_MACHINE_KVM_H */
