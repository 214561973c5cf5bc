/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest memory: which guest physical address lies where in the owner's address
 * space. A table never changes once made; a new one replaces it whole, under
 * the mutex of each queue that uses it.
 */
#ifndef FERRY_VRING_MEM_H
#define FERRY_VRING_MEM_H

#include <linux/types.h>

struct vhost_memory_region;

struct ferry_region {
	u64 gpa;	/* first guest physical address */
	u64 size;	/* bytes, never 0 */
	u64 hva;	/* where gpa lies in the owner's address space */
};

struct ferry_mem {
	unsigned int nr;
	struct ferry_region region[] __counted_by(nr);	/* by gpa, disjoint */
};

struct ferry_mem *ferry_mem_create(const struct vhost_memory_region *regions, unsigned int nr);
void ferry_mem_destroy(struct ferry_mem *mem);

/**
 * ferry_mem_find - the region that holds a guest address
 * @mem: the table
 * @gpa: guest physical address
 *
 * Inline so that it may run with user access open.
 *
 * Return: the region, or NULL if no region holds @gpa.
 */
static __always_inline const struct ferry_region *ferry_mem_find(const struct ferry_mem *mem,
								 u64 gpa)
{
	unsigned int lo = 0, hi = mem->nr;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;
		const struct ferry_region *r = &mem->region[mid];

		if (gpa < r->gpa)
			hi = mid;
		else if (gpa - r->gpa >= r->size)
			lo = mid + 1;
		else
			return r;
	}
	return NULL;
}

#endif /* FERRY_VRING_MEM_H */
