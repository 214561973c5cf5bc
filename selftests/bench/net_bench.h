/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Instruction counts of vhost-net devices: what is measured (rows), on what
 * (sides), and how (net_count.c).
 */
#ifndef FERRY_BENCH_NET_H
#define FERRY_BENCH_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "dev.h"
#include "mem.h"
#include "ring.h"
#include "tap.h"

/* Where frames that the driver sends end. */
enum bench_sink {
	SINK_XDP,	/* an XDP program on the tap drops them */
	SINK_STACK,	/* the host's network stack drops them */
};

/* What a frame is. */
enum bench_frame {
	FRAME_PLAIN,	/* an Ethernet type that nobody listens to */
	FRAME_TCP,	/* IPv4 and TCP for another host's address, to be segmented */
};

struct bench_row {
	const char *name;
	const char *title;
	enum dev_kind kind;
	unsigned int queue;
	unsigned int size;	/* of a frame, without the virtio-net header */
	enum bench_sink sink;
	enum bench_frame frame;
	bool packed;
	bool indirect;		/* header and frame in two descriptors of a table */
	bool ferry_only;	/* the in-tree module has nothing to compare with */
	unsigned int buffer;	/* rx: bytes of a buffer */
};

extern const struct bench_row bench_rows[];
extern const unsigned int bench_nr_rows;

/* Most frames in one batch, and descriptors of a ring. */
#define BENCH_BATCH_MAX	256
/* The same of large frames: a batch must be over before a tick may end it. */
#define BENCH_BATCH_TCP	32
#define BENCH_RING	1024

#define BENCH_HDR	((unsigned int)sizeof(struct virtio_net_hdr_mrg_rxbuf))

/* One device with its tap, set up for one row. */
struct bench_side {
	const char *name;
	const struct bench_row *row;
	struct mem mem;
	struct dev dev;
	struct ring ring;
	struct tap tap;
	int xdp;
	int inject;		/* packet socket that puts frames onto the tap */
	uint8_t *frame;
	uint32_t seq;		/* frames made so far */
	uint32_t seen;		/* frames received so far */
	uint64_t frames;	/* the tap's counter at the start */
};

/* The largest batch that a ring and a tap hold. */
unsigned int side_batch_max(const struct bench_row *row);

void side_open(struct bench_side *s, const char *name, const char *path,
	       const struct bench_row *row);

/* Let @n frames, or buffers for @n frames that wait in the tap, await a kick. */
void side_prepare(struct bench_side *s, unsigned int n);

/*
 * Take back what side_prepare() put there, checking it. Return whether all of it
 * had been served before this was called; wait for the rest.
 */
bool side_collect(struct bench_side *s, unsigned int n);

/* Check that @n frames in all went where the row sends them. */
void side_verify(struct bench_side *s, unsigned int n);
void side_close(struct bench_side *s);

#endif /* FERRY_BENCH_NET_H */
