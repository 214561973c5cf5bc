/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that payloads lie in, as a VMM gives it to its guest.
 */
#ifndef FERRY_BENCH_GUEST_MEM_H
#define FERRY_BENCH_GUEST_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"

/*
 * Memory at guest address @gpa, all of it touched, in huge pages unless @small_pages.
 * @row is who wants it, for messages. Return its start.
 */
void *guest_memory(const char *row, bool small_pages, struct mem *m, uint64_t gpa, size_t size);

#endif /* FERRY_BENCH_GUEST_MEM_H */
