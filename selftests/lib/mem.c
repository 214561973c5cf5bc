// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory regions of a user-space ring driver. Single-threaded; takes no
 * locks.
 */
#include <errno.h>
#include <sys/mman.h>

#include "check.h"
#include "mem.h"

void mem_add_hva(struct mem *m, uint64_t gpa, void *hva, size_t size)
{
	check(m->n < MEM_REGIONS_MAX, "room for another region");
	m->r[m->n++] = (struct mem_region){ .gpa = gpa, .size = size, .hva = hva };
}

void *mem_map(struct mem *m, uint64_t gpa, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(p != MAP_FAILED, "mmap of %zu bytes: %s", size, strerror(errno));
	mem_add_hva(m, gpa, p, size);
	return p;
}

void *mem_add(struct mem *m, uint64_t gpa, size_t size)
{
	return memset(mem_map(m, gpa, size), 0, size);
}

void *mem_hva(const struct mem *m, uint64_t gpa)
{
	for (unsigned int i = 0; i < m->n; i++)
		if (gpa >= m->r[i].gpa && gpa - m->r[i].gpa < m->r[i].size)
			return m->r[i].hva + (gpa - m->r[i].gpa);
	check_fail("guest address %#llx is in no region", (unsigned long long)gpa);
}

void mem_free(struct mem *m)
{
	while (m->n) {
		m->n--;
		munmap(m->r[m->n].hva, m->r[m->n].size);
	}
}
