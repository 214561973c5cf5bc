// SPDX-License-Identifier: GPL-2.0
/*
 * Role: open KVM, learn what it can do, and the few VM-wide ioctls that more
 *	than one part needs.
 * Threads: main while building; kvm_ioeventfd() and kvm_irqfd() also in vCPUs.
 * Locks: none; KVM serialises its own.
 */
#include "kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Three pages below the firmware's area, where no RAM and no device is. */
#define KVM_TSS_ADDR		0xfffbd000UL
#define KVM_IDENTITY_MAP_ADDR	0xfffbc000ULL

static int kvm_check_caps(struct kvm *k, struct error *e)
{
	static const struct {
		int cap;
		const char *name;
	} need[] = {
		{ KVM_CAP_USER_MEMORY, "user memory" },
		{ KVM_CAP_IRQCHIP, "an interrupt controller" },
		{ KVM_CAP_PIT2, "an interval timer" },
		{ KVM_CAP_IRQFD, "irqfd" },
		{ KVM_CAP_IOEVENTFD, "ioeventfd" },
		{ KVM_CAP_IRQ_ROUTING, "interrupt routing" },
		{ KVM_CAP_EXT_CPUID, "CPUID" },
		{ KVM_CAP_MP_STATE, "multiprocessor state" },
		{ KVM_CAP_IMMEDIATE_EXIT, "immediate exit" },
		{ KVM_CAP_XSAVE2, "extended state" },
	};
	unsigned int i;
	int n;

	for (i = 0; i < ARRAY_SIZE(need); i++)
		if (ioctl(k->fd, KVM_CHECK_EXTENSION, need[i].cap) <= 0)
			return error_set(e, ENOTSUP, "kvm does not support %s", need[i].name);

	n = ioctl(k->fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	k->max_vcpus = n > 0 ? n : 4;
	n = ioctl(k->fd, KVM_CHECK_EXTENSION, KVM_CAP_IRQ_ROUTING);
	k->max_gsi = n;
	k->ioeventfd_any_len =
		ioctl(k->fd, KVM_CHECK_EXTENSION, KVM_CAP_IOEVENTFD_ANY_LENGTH) > 0;
	k->tsc_deadline = ioctl(k->fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	return 0;
}

static int kvm_create_vm(struct kvm *k, struct error *e)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	__u64 identity = KVM_IDENTITY_MAP_ADDR;

	k->vmfd = ioctl(k->fd, KVM_CREATE_VM, 0UL);
	if (k->vmfd < 0) {
		error_errno(e, errno, "failed to initialize kvm");
		error_hint(e, "ferry needs a processor with virtualization switched on, "
			   "or nested virtualization in a guest.");
		return -errno;
	}
	if (ioctl(k->vmfd, KVM_SET_IDENTITY_MAP_ADDR, &identity) ||
	    ioctl(k->vmfd, KVM_SET_TSS_ADDR, KVM_TSS_ADDR))
		return error_errno(e, errno, "kvm: could not place the task state segment");
	if (ioctl(k->vmfd, KVM_CREATE_IRQCHIP, 0UL))
		return error_errno(e, errno, "kvm: could not create the interrupt controllers");
	if (ioctl(k->vmfd, KVM_CREATE_PIT2, &pit))
		return error_errno(e, errno, "kvm: could not create the interval timer");
	return 0;
}

static int kvm_open(struct kvm *k, struct error *e)
{
	int version;

	k->fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (k->fd < 0) {
		int err = errno;

		error_errno(e, err, "Could not access KVM kernel module");
		if (err == EACCES)
			error_hint(e, "/dev/kvm: you may need to be in the group 'kvm'.");
		else
			error_hint(e, "failed to initialize kvm: is kvm_intel or kvm_amd loaded?");
		return -err;
	}
	version = ioctl(k->fd, KVM_GET_API_VERSION, 0UL);
	if (version < 0)
		return error_errno(e, errno, "Could not access KVM kernel module");
	if (version != KVM_API_VERSION)
		return error_set(e, ENOTSUP, "kvm: API version is %d, not %d", version,
				 KVM_API_VERSION);
	return 0;
}

int kvm_init(struct kvm *k, struct error *e)
{
	int ret, size;

	k->vmfd = -1;
	ret = kvm_open(k, e);
	if (ret)
		return ret;
	size = ioctl(k->fd, KVM_GET_VCPU_MMAP_SIZE, 0UL);
	if (size <= 0)
		return error_errno(e, errno, "kvm: no vCPU mapping size");
	k->run_size = size;
	ret = kvm_check_caps(k, e);
	if (ret)
		return ret;
	return kvm_create_vm(k, e);
}

void kvm_destroy(struct kvm *k)
{
	if (k->vmfd >= 0)
		close(k->vmfd);
	if (k->fd >= 0)
		close(k->fd);
	k->vmfd = -1;
	k->fd = -1;
}

int kvm_vm_ioctl(const struct kvm *k, unsigned long req, void *arg)
{
	if (k->vmfd < 0)
		return 0;
	return ioctl(k->vmfd, req, arg) < 0 ? -errno : 0;
}

int kvm_ioeventfd(const struct kvm *k, u64 addr, u32 flags, int fd)
{
	struct kvm_ioeventfd io = {
		.addr = addr,
		/* Length 0 matches any write, and lets KVM skip the decoding of it. */
		.len = k->ioeventfd_any_len ? 0 : 2,
		.fd = fd,
		.flags = flags,
	};

	return kvm_vm_ioctl(k, KVM_IOEVENTFD, &io);
}

int kvm_irq_line(const struct kvm *k, u32 gsi, bool level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	return kvm_vm_ioctl(k, KVM_IRQ_LINE, &line);
}

int kvm_irqfd(const struct kvm *k, int fd, u32 gsi, bool assign)
{
	struct kvm_irqfd irq = {
		.fd = fd,
		.gsi = gsi,
		.flags = assign ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};

	return kvm_vm_ioctl(k, KVM_IRQFD, &irq);
}
