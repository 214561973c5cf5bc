// SPDX-License-Identifier: GPL-2.0
/*
 * What is measured. Constant data.
 */
#include "net_bench.h"

const struct bench_row bench_rows[] = {
	{ .name = "tx-60-drop", .title = "tx 60 B, XDP_DROP",
	  .kind = DEV_NET, .queue = DEV_TX, .size = 60, .sink = SINK_XDP },
	{ .name = "tx-1514-drop", .title = "tx 1514 B, XDP_DROP",
	  .kind = DEV_NET, .queue = DEV_TX, .size = 1514, .sink = SINK_XDP },
	{ .name = "tx-60-stack", .title = "tx 60 B, into the stack",
	  .kind = DEV_NET, .queue = DEV_TX, .size = 60, .sink = SINK_STACK },
	{ .name = "tx-1514-stack", .title = "tx 1514 B, into the stack",
	  .kind = DEV_NET, .queue = DEV_TX, .size = 1514, .sink = SINK_STACK },
	{ .name = "tx-1514-indirect", .title = "tx 1514 B, indirect, XDP_DROP",
	  .kind = DEV_NET, .queue = DEV_TX, .size = 1514, .sink = SINK_XDP, .indirect = true },
	{ .name = "tx-60-packed", .title = "tx 60 B, packed ring, XDP_DROP",
	  .kind = DEV_NET, .queue = DEV_TX, .size = 60, .sink = SINK_XDP, .packed = true,
	  .ferry_only = true },
	{ .name = "tx-60k-tso", .title = "tx 60 KiB TSO, into the stack",
	  .kind = DEV_NET, .queue = DEV_TX, .size = 61440, .sink = SINK_STACK,
	  .frame = FRAME_TCP, .indirect = true },
	{ .name = "rx-60", .title = "rx 60 B",
	  .kind = DEV_NET, .queue = DEV_RX, .size = 60, .buffer = 2048 },
	{ .name = "rx-1514", .title = "rx 1514 B",
	  .kind = DEV_NET, .queue = DEV_RX, .size = 1514, .buffer = 2048 },
	{ .name = "rx-1514-merge", .title = "rx 1514 B, three buffers of 512 B",
	  .kind = DEV_NET, .queue = DEV_RX, .size = 1514, .buffer = 512 },
	{ .name = "rx-60k-gso", .title = "rx 60 KiB GSO, mergeable 2 KiB buffers",
	  .kind = DEV_NET, .queue = DEV_RX, .size = 61440, .frame = FRAME_TCP, .buffer = 2048 },
	{ .name = "rx-60-packed", .title = "rx 60 B, packed ring",
	  .kind = DEV_NET, .queue = DEV_RX, .size = 60, .buffer = 2048, .packed = true,
	  .ferry_only = true },
	{ .name = "null-split", .title = "ferry-null, split ring, a chain",
	  .kind = DEV_NULL, .size = 60, .ferry_only = true },
	{ .name = "null-packed", .title = "ferry-null, packed ring, a chain",
	  .kind = DEV_NULL, .size = 60, .packed = true, .ferry_only = true },
};

const unsigned int bench_nr_rows = sizeof(bench_rows) / sizeof(*bench_rows);
