// SPDX-License-Identifier: GPL-2.0
/*
 * Role: allocate guest memory and translate guest-physical addresses.
 * Threads: built and freed by main; ram_ptr() and ram_discard() in any thread.
 * Locks: none; the table does not change while the guest runs.
 */
#include "ram.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/mman.h>

#define RAM_HUGE	(2 * MIB)

/*
 * Memory that begins, as its place in the guest does, where a huge page of the host may: KVM
 * maps huge pages only so. NORESERVE: a guest's memory is overcommitted, as its user expects.
 */
static void *ram_reserve(u64 size)
{
	u8 *p = mmap(NULL, size + RAM_HUGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	u64 before;

	if (p == MAP_FAILED)
		return MAP_FAILED;
	before = -(uintptr_t)p % RAM_HUGE;
	if (before)
		munmap(p, before);
	munmap(p + before + size, RAM_HUGE - before);
	return p + before;
}

static int ram_add(struct ram *r, u64 gpa, u64 size, struct error *e)
{
	struct ram_region *reg = &r->region[r->n];
	void *p;

	p = ram_reserve(size);
	if (p == MAP_FAILED)
		return error_errno(e, errno, "cannot set up guest memory 'pc.ram'");
	/* All are advice: a kernel without one runs the guest all the same. */
	madvise(p, size, MADV_HUGEPAGE);
	madvise(p, size, MADV_DONTDUMP);
	/* The servers of images are forked, and the one that stays would keep pages. */
	madvise(p, size, MADV_DONTFORK);
	*reg = (struct ram_region){ gpa, size, p };
	r->n++;
	return 0;
}

int ram_init(struct ram *r, u64 size, u64 low_end, u64 high_base, struct error *e)
{
	u64 low = size < low_end ? size : low_end;
	int ret;

	r->n = 0;
	r->size = size;
	ret = ram_add(r, 0, low, e);
	if (!ret && size > low)
		ret = ram_add(r, high_base, size - low, e);
	return ret;
}

int ram_map(struct ram *r, const struct kvm *k, struct error *e)
{
	unsigned int i;
	int ret;

	for (i = 0; i < r->n; i++) {
		struct kvm_userspace_memory_region slot = {
			.slot = i,
			.guest_phys_addr = r->region[i].gpa,
			.memory_size = r->region[i].size,
			.userspace_addr = (uintptr_t)r->region[i].hva,
		};

		ret = kvm_vm_ioctl(k, KVM_SET_USER_MEMORY_REGION, &slot);
		if (ret)
			return error_errno(e, ret, "kvm: could not map guest memory");
	}
	return 0;
}

void ram_destroy(struct ram *r)
{
	while (r->n) {
		r->n--;
		munmap(r->region[r->n].hva, r->region[r->n].size);
	}
}

void *ram_ptr(const struct ram *r, u64 gpa, u64 len)
{
	unsigned int i;

	for (i = 0; i < r->n; i++) {
		const struct ram_region *reg = &r->region[i];

		if (gpa >= reg->gpa && gpa - reg->gpa < reg->size)
			return reg->size - (gpa - reg->gpa) >= len ?
			       reg->hva + (gpa - reg->gpa) : NULL;
	}
	return NULL;
}

bool ram_discard(void *hva, u64 len)
{
	/* Memory that the host's user locked stays where it is. */
	return !madvise(hva, len, MADV_DONTNEED);
}
