// SPDX-License-Identifier: GPL-2.0
/*
 * What is measured. Constant data.
 */
#include "p9_bench.h"

const struct p9_row p9_rows[] = {
	{ .name = "p9-getattr", .title = "Tgetattr", .kind = P9_GETATTR },
	{ .name = "p9-getattr-mapped", .title = "Tgetattr, mapped", .kind = P9_GETATTR,
	  .mapped = true },
	{ .name = "p9-getattr-tmpfs", .title = "Tgetattr, tmpfs", .kind = P9_GETATTR,
	  .tmpfs = true },
	{ .name = "p9-open", .title = "Twalk, Tlopen, Tclunk", .kind = P9_OPEN },
	{ .name = "p9-read-4k", .title = "Tread 4 KiB", .kind = P9_READ, .size = 4096 },
	{ .name = "p9-read-128k", .title = "Tread 128 KiB", .kind = P9_READ, .size = 128 << 10 },
	{ .name = "p9-read-500k", .title = "Tread 500 KiB", .kind = P9_READ, .size = 500 << 10 },
	{ .name = "p9-write-4k", .title = "Twrite 4 KiB", .kind = P9_WRITE, .size = 4096 },
	{ .name = "p9-write-128k", .title = "Twrite 128 KiB", .kind = P9_WRITE,
	  .size = 128 << 10 },
	{ .name = "p9-write-500k", .title = "Twrite 500 KiB", .kind = P9_WRITE,
	  .size = 500 << 10 },
};

const unsigned int p9_nr_rows = sizeof(p9_rows) / sizeof(p9_rows[0]);
