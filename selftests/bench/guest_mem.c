// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that payloads lie in, as a VMM gives it to its guest: in huge pages, unless
 * a row asks for small ones. One thread.
 */
#include <errno.h>
#include <sys/mman.h>

#include "boot.h"
#include "check.h"
#include "guest_mem.h"

#define HUGE_BYTES	(2UL << 20)

/* Bytes of this process that lie in huge pages. */
static size_t mem_huge(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "re");
	unsigned long kb, sum = 0;
	char line[128];

	check(f, "open smaps_rollup: %s", strerror(errno));
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "AnonHugePages: %lu kB", &kb) == 1)
			sum += kb;
	fclose(f);
	return sum << 10;
}

void *guest_memory(const char *row, bool small_pages, struct mem *m, uint64_t gpa, size_t size)
{
	size_t before = mem_huge();
	void *at, *aligned;

	/* A machine of little memory begins without. */
	boot_put("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	size = (size + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
	at = mmap(NULL, size + HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		  -1, 0);
	check(at != MAP_FAILED, "mmap of %zu bytes: %s", size, strerror(errno));
	aligned = (void *)(((uintptr_t)at + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1));
	check(!madvise(aligned, size, small_pages ? MADV_NOHUGEPAGE : MADV_HUGEPAGE),
	      "madvise: %s", strerror(errno));
	memset(aligned, 0, size);
	check(mem_huge() == before + (small_pages ? 0 : size), "%s: %zu bytes in huge pages", row,
	      mem_huge());
	/* mem_free() unmaps the aligned part; the margin is address space only. */
	mem_add_hva(m, gpa, aligned, size);
	return aligned;
}
