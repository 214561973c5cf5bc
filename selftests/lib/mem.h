/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest memory as a driver under test sees it: a few regions of guest physical
 * addresses, each backed by a mapping of this process.
 */
#ifndef FERRY_SELFTEST_MEM_H
#define FERRY_SELFTEST_MEM_H

#include <stddef.h>
#include <stdint.h>

#define MEM_REGIONS_MAX	80

struct mem_region {
	uint64_t gpa;
	uint64_t size;
	uint8_t *hva;
};

struct mem {
	unsigned int n;
	struct mem_region r[MEM_REGIONS_MAX];
};

/* Append a region of pages that were never touched and read as zeroes; return its mapping. */
void *mem_map(struct mem *m, uint64_t gpa, size_t size);

/* The same, touched, for what must not fault while a measurement or a race is running. */
void *mem_add(struct mem *m, uint64_t gpa, size_t size);

/* Append a region over memory the caller mapped; mem_free() unmaps it too. */
void mem_add_hva(struct mem *m, uint64_t gpa, void *hva, size_t size);

/* Where a guest address lies in this process; it must be inside a region. */
void *mem_hva(const struct mem *m, uint64_t gpa);

/* Unmap everything. */
void mem_free(struct mem *m);

#endif /* FERRY_SELFTEST_MEM_H */
