// SPDX-License-Identifier: GPL-2.0
/*
 * The floor: the same by system calls of a process on the host. One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <x86intrin.h>

#include "check.h"
#include "count.h"
#include "guest_mem.h"
#include "p9_bench.h"

struct p9_floor {
	const struct p9_row *row;
	struct mem mem;
	uint8_t *data;
	int dir, file;
};

struct p9_floor *p9_floor_open(const struct p9_row *row, const char *dir)
{
	struct p9_floor *f = calloc(1, sizeof(*f));

	check(f, "memory for a side");
	f->row = row;
	f->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->file = openat(f->dir, P9_FILE, O_RDWR | O_CLOEXEC);
	check(f->dir >= 0 && f->file >= 0, "open %s: %s", dir, strerror(errno));
	if (row->size)
		f->data = guest_memory(row->name, false, &f->mem, 0, P9_DEPTH_MAX * row->size);
	for (unsigned int i = 0; row->kind == P9_WRITE && i < P9_DEPTH_MAX; i++)
		memset(f->data + i * row->size, p9_mark(i), row->size);
	return f;
}

static void floor_one(struct p9_floor *f, unsigned int i)
{
	const struct p9_row *row = f->row;
	struct statx st;
	ssize_t n;
	int fd;

	switch (row->kind) {
	case P9_GETATTR:
		check(!statx(f->file, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &st) &&
		      st.stx_size == P9_FILE_BYTES, "statx");
		break;
	case P9_OPEN:
		fd = openat(f->dir, P9_FILE, O_RDONLY | O_CLOEXEC);
		check(fd >= 0, "open");
		close(fd);
		break;
	case P9_READ:
		n = pread(f->file, f->data + i * row->size, row->size, p9_offset(row, i));
		check(n == (ssize_t)row->size, "read of %zd", n);
		break;
	case P9_WRITE:
		n = pwrite(f->file, f->data + i * row->size, row->size, p9_offset(row, i));
		check(n == (ssize_t)row->size, "write of %zd", n);
		break;
	}
}

uint64_t p9_floor_once(void *floor, unsigned int n, void (*mark)(void))
{
	struct p9_floor *f = floor;
	uint64_t ticks;

	mark();
	ticks = __rdtsc();
	for (unsigned int i = 0; i < n; i++)
		floor_one(f, i);
	ticks = __rdtsc() - ticks;
	mark_end();
	mark_keep();
	return ticks;
}

void p9_floor_close(struct p9_floor *f)
{
	close(f->file);
	close(f->dir);
	mem_free(&f->mem);
	free(f);
}
