// SPDX-License-Identifier: GPL-2.0
/*
 * A driver of /dev/ferry-blk that does what a guest's does for each request: fill
 * in the header, add a chain, kick once a batch, take the completion, look at the
 * status. It asks for no interrupt. One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <x86intrin.h>

#include "blk_bench.h"
#include "check.h"
#include "count.h"
#include "dev.h"
#include "guest_mem.h"

#define FERRY_RING	256
#define FERRY_RING_GPA	0x0ULL
#define FERRY_REQ_GPA	0x100000ULL
#define FERRY_DATA_GPA	0x200000ULL
/* What a status byte holds until the device has written it. */
#define FERRY_PENDING	0xee

/* As a guest's driver has it: header and status in its own memory, side by side. */
struct ferry_req {
	struct virtio_blk_outhdr hdr;
	uint8_t status;
	uint8_t pad[64 - sizeof(struct virtio_blk_outhdr) - 1];
};

struct blk_ferry {
	const struct blk_row *row;
	struct mem mem;
	struct dev dev;
	struct ring ring;
	struct ferry_req *req;
	int disk;
};

static uint64_t ferry_features(const struct blk_row *row)
{
	uint64_t f = F_VERSION_1 | BIT_ULL(VIRTIO_BLK_F_FLUSH) | BIT_ULL(VIRTIO_BLK_F_SEG_MAX) |
		     BIT_ULL(VIRTIO_BLK_F_BLK_SIZE) | BIT_ULL(VIRTIO_BLK_F_MQ);

	if (row->packed)
		f |= F_PACKED;
	if (row->indirect)
		f |= F_INDIRECT;
	return f;
}

struct blk_ferry *ferry_open(const struct blk_row *row, const char *disk)
{
	const struct ring_layout layout = {
		.packed = row->packed, .indirect = row->indirect, .num = FERRY_RING,
		.table_max = 4,
	};
	struct blk_ferry *f = calloc(1, sizeof(*f));
	struct ferry_blk_backend backend = { 0 };

	check(f, "memory for a side");
	check(ring_bytes(&layout) <= FERRY_REQ_GPA, "a ring that fits");
	f->row = row;
	f->disk = open(disk, O_RDWR | O_DIRECT | O_CLOEXEC);
	check(f->disk >= 0, "open %s: %s", disk, strerror(errno));
	guest_memory(row->name, row->small_pages, &f->mem, 0,
		     FERRY_DATA_GPA + BLK_DEPTH_MAX * row->size);
	f->req = mem_hva(&f->mem, FERRY_REQ_GPA);
	for (unsigned int i = 0; i < BLK_DEPTH_MAX; i++)
		f->req[i].status = FERRY_PENDING;
	ring_init(&f->ring, &layout, mem_hva(&f->mem, FERRY_RING_GPA), FERRY_RING_GPA);
	dev_setup(&f->dev, DEV_BLK, DEV_BLK_PATH, ferry_features(row), &f->mem);
	dev_set_ring(&f->dev, 0, &f->ring);
	ring_disable_call(&f->ring);
	backend.fd = f->disk;
	dev_blk_backend(&f->dev, &backend);
	return f;
}

static void ferry_submit(struct blk_ferry *f, unsigned int n)
{
	const struct blk_row *row = f->row;

	for (unsigned int i = 0; i < n; i++) {
		uint64_t req = FERRY_REQ_GPA + i * sizeof(struct ferry_req);
		struct ring_seg seg[3] = {
			{ req, sizeof(struct virtio_blk_outhdr) },
			{ FERRY_DATA_GPA + i * row->size, row->size },
			{ req + offsetof(struct ferry_req, status), 1 },
		};

		f->req[i].hdr.type = row->write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN;
		f->req[i].hdr.ioprio = 0;
		f->req[i].hdr.sector = blk_offset(row, i) >> 9;
		check_ok(ring_add(&f->ring, seg, row->write ? 2 : 1, row->write ? 1 : 2, i),
			 "add a request");
	}
	if (ring_publish(&f->ring))
		dev_kick(&f->dev, 0);
}

/* Take what is there, up to @n, and look at the statuses. Return how many. */
static unsigned int ferry_reap(struct blk_ferry *f, unsigned int n)
{
	unsigned int done = 0;
	struct ring_used u;
	int got = 1;

	while (done < n && (got = ring_get(&f->ring, &u)) == 1) {
		check(!f->req[u.cookie].status, "%s: request %llu ends with status %#x",
		      f->row->name, (unsigned long long)u.cookie, f->req[u.cookie].status);
		done++;
	}
	check_ok(got, "%s: a completion that makes sense", f->row->name);
	return done;
}

uint64_t ferry_once(void *ferry, unsigned int n, void (*mark)(void))
{
	struct blk_ferry *f = ferry;
	unsigned int done, prompt;
	struct ring_used u;
	uint64_t ticks;

	mark();
	ticks = __rdtsc();
	ferry_submit(f, n);
	prompt = ferry_reap(f, n);
	ticks = __rdtsc() - ticks;
	mark_end();
	for (done = prompt; done < n; done++) {
		dev_expect_used(&f->ring, &u);
		check(!f->req[u.cookie].status, "%s: a late request's status", f->row->name);
	}
	for (unsigned int i = 0; i < n; i++)
		f->req[i].status = FERRY_PENDING;
	if (prompt != n)
		return 0;
	mark_keep();
	return ticks;
}

void ferry_close(struct blk_ferry *f)
{
	check(!ring_has_used(&f->ring), "%s: nothing more", f->row->name);
	dev_blk_stop(&f->dev);
	dev_close(&f->dev);
	close(f->disk);
	ring_destroy(&f->ring);
	mem_free(&f->mem);
	free(f);
}
