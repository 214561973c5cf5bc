// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory tables: made from what VHOST_SET_MEM_TABLE brings, checked once
 * so that no access needs to check again. Runs in the ioctl of the owner; takes
 * no lock.
 */
#include <linux/err.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>
#include <linux/vhost_types.h>

#include "mem.h"

static int ferry_region_cmp(const void *a, const void *b)
{
	const struct ferry_region *ra = a, *rb = b;

	if (ra->gpa == rb->gpa)
		return 0;
	return ra->gpa < rb->gpa ? -1 : 1;
}

static bool ferry_region_ok(const struct ferry_region *r)
{
	u64 end;

	return r->size && !check_add_overflow(r->gpa, r->size - 1, &end) &&
	       r->hva == (unsigned long)r->hva && r->size == (unsigned long)r->size &&
	       access_ok((void __user *)(unsigned long)r->hva, r->size);
}

/**
 * ferry_mem_create - make a table from what user space described
 * @regions: @nr regions in any order
 * @nr: how many; 0 makes a table in which nothing is found
 *
 * Return: the table, or ERR_PTR(-EFAULT) for a region that is empty, wraps,
 * overlaps another or lies outside the user address space, or -ENOMEM.
 */
struct ferry_mem *ferry_mem_create(const struct vhost_memory_region *regions, unsigned int nr)
{
	struct ferry_mem *mem;
	unsigned int i;

	mem = kvzalloc(struct_size(mem, region, nr), GFP_KERNEL_ACCOUNT);
	if (!mem)
		return ERR_PTR(-ENOMEM);
	mem->nr = nr;
	for (i = 0; i < nr; i++) {
		mem->region[i].gpa = regions[i].guest_phys_addr;
		mem->region[i].size = regions[i].memory_size;
		mem->region[i].hva = regions[i].userspace_addr;
		if (!ferry_region_ok(&mem->region[i]))
			goto bad;
	}
	sort(mem->region, nr, sizeof(mem->region[0]), ferry_region_cmp, NULL);
	for (i = 1; i < nr; i++) {
		const struct ferry_region *prev = &mem->region[i - 1];

		if (mem->region[i].gpa - prev->gpa < prev->size)
			goto bad;
	}
	return mem;

bad:
	kvfree(mem);
	return ERR_PTR(-EFAULT);
}

void ferry_mem_destroy(struct ferry_mem *mem)
{
	kvfree(mem);
}
