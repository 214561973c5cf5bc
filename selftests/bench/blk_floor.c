// SPDX-License-Identifier: GPL-2.0
/*
 * The floor: the least that a request of a user-space process costs on the same
 * disk. io_uring with registered file, buffers and ring, one system call a batch,
 * completions taken by the thread that waits for them. One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <x86intrin.h>

#include "blk_bench.h"
#include "boot.h"
#include "check.h"
#include "count.h"
#include "guest_mem.h"

struct blk_floor {
	const struct blk_row *row;
	struct mem mem;
	uint8_t *data;
	struct io_uring ring;
	int disk;
};

/* With what is fastest; the row's result says with what. */
static void floor_ring(struct blk_floor *f)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
	};
	int err = io_uring_queue_init_params(BLK_DEPTH_MAX, &f->ring, &p);

	if (err == -EINVAL) {
		p = (struct io_uring_params){ 0 };
		err = io_uring_queue_init_params(BLK_DEPTH_MAX, &f->ring, &p);
	}
	check_ok(err, "io_uring");
	boot_result("floor %s %#x", f->row->name, p.flags);
	check(io_uring_register_ring_fd(&f->ring) == 1, "register the ring");
}

struct blk_floor *floor_open(const struct blk_row *row, const char *disk)
{
	struct blk_floor *f = calloc(1, sizeof(*f));
	struct iovec iov[BLK_DEPTH_MAX];

	check(f, "memory for a side");
	f->row = row;
	f->disk = open(disk, O_RDWR | O_DIRECT | O_CLOEXEC);
	check(f->disk >= 0, "open %s: %s", disk, strerror(errno));
	f->data = guest_memory(row->name, row->small_pages, &f->mem, 0,
			       BLK_DEPTH_MAX * row->size);
	floor_ring(f);
	for (unsigned int i = 0; i < BLK_DEPTH_MAX; i++)
		iov[i] = (struct iovec){ f->data + i * row->size, row->size };
	check_ok(io_uring_register_buffers(&f->ring, iov, BLK_DEPTH_MAX), "register buffers");
	check_ok(io_uring_register_files(&f->ring, &f->disk, 1), "register the file");
	return f;
}

static void floor_submit(struct blk_floor *f, unsigned int n)
{
	const struct blk_row *row = f->row;
	int got;

	for (unsigned int i = 0; i < n; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&f->ring);
		void *at = f->data + i * row->size;

		if (row->write)
			io_uring_prep_write_fixed(sqe, 0, at, row->size, blk_offset(row, i), i);
		else
			io_uring_prep_read_fixed(sqe, 0, at, row->size, blk_offset(row, i), i);
		sqe->flags |= IOSQE_FIXED_FILE;
		sqe->user_data = i;
	}
	got = io_uring_submit_and_wait(&f->ring, n);
	check(got == (int)n, "%s: %d of %u submitted", row->name, got, n);
}

static void floor_reap(struct blk_floor *f, unsigned int n)
{
	struct io_uring_cqe *cqe;
	unsigned int head, done = 0;

	io_uring_for_each_cqe(&f->ring, head, cqe) {
		check(cqe->res == (int)f->row->size, "%s: request %llu ends with %d", f->row->name,
		      (unsigned long long)cqe->user_data, cqe->res);
		done++;
	}
	check(done == n, "%s: %u of %u completed", f->row->name, done, n);
	io_uring_cq_advance(&f->ring, done);
}

uint64_t floor_once(void *floor, unsigned int n, void (*mark)(void))
{
	struct blk_floor *f = floor;
	uint64_t ticks;

	mark();
	ticks = __rdtsc();
	floor_submit(f, n);
	floor_reap(f, n);
	ticks = __rdtsc() - ticks;
	mark_end();
	mark_keep();
	return ticks;
}

void floor_close(struct blk_floor *f)
{
	io_uring_queue_exit(&f->ring);
	close(f->disk);
	mem_free(&f->mem);
	free(f);
}
