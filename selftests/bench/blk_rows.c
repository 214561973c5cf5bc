// SPDX-License-Identifier: GPL-2.0
/*
 * What is measured. Constant data.
 */
#include "blk_bench.h"

const struct blk_row blk_rows[] = {
	{ .name = "blk-read", .title = "read 4 KiB, split ring", .size = 4096 },
	{ .name = "blk-write", .title = "write 4 KiB, split ring", .size = 4096, .write = true },
	{ .name = "blk-read-indirect", .title = "read 4 KiB, split ring, indirect",
	  .size = 4096, .indirect = true },
	{ .name = "blk-write-indirect", .title = "write 4 KiB, split ring, indirect",
	  .size = 4096, .write = true, .indirect = true },
	{ .name = "blk-read-packed", .title = "read 4 KiB, packed ring",
	  .size = 4096, .packed = true },
	{ .name = "blk-write-packed", .title = "write 4 KiB, packed ring",
	  .size = 4096, .write = true, .packed = true },
	{ .name = "blk-read-128k", .title = "read 128 KiB, split ring, indirect",
	  .size = 131072, .indirect = true },
	{ .name = "blk-write-128k", .title = "write 128 KiB, split ring, indirect",
	  .size = 131072, .write = true, .indirect = true },
	{ .name = "blk-read-small", .title = "read 4 KiB, memory in small pages",
	  .size = 4096, .small_pages = true },
	{ .name = "blk-read-128k-small", .title = "read 128 KiB, memory in small pages",
	  .size = 131072, .indirect = true, .small_pages = true },
};

const unsigned int blk_nr_rows = sizeof(blk_rows) / sizeof(blk_rows[0]);
