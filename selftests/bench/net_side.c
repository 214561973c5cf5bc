// SPDX-License-Identifier: GPL-2.0
/*
 * One side of a comparison: a device, its tap, and a ring driver that checks
 * what it gets. Runs in the only thread of the machine. Nothing in here is
 * inside the measured part.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>

#include "check.h"
#include "net_bench.h"

/* Guest addresses: ring and tables, then buffers. */
#define SIDE_RING_GPA	0x0ULL
#define SIDE_BUF_GPA	0x1000000ULL
#define SIDE_MEM_SIZE	0x2000000ULL
#define SIDE_TX_STRIDE	2048

/* Headers of an Ethernet, IPv4 and TCP frame, and the piece a segment carries. */
#define SIDE_TCP_HDRS	54
#define SIDE_MSS	1448
/* Largest piece of payload in one descriptor, as a Linux guest sends it. */
#define SIDE_PIECE	32768

static const uint8_t side_macs[2 * ETH_ALEN] = {
	0x02, 0, 0, 0, 0x77, 0x01, 0x02, 0, 0, 0, 0x77, 0x02,
};

static bool side_is_rx(const struct bench_row *row)
{
	return row->kind == DEV_NET && row->queue == DEV_RX;
}

static void side_put16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

/* An IPv4 and TCP header whose checksums are the receiver's business. */
static void side_fill_tcp(uint8_t *frame, unsigned int size)
{
	uint8_t *ip = frame + ETH_HLEN, *tcp = ip + 20;
	static const uint8_t addrs[8] = { 192, 0, 2, 1, 192, 0, 2, 2 };
	uint32_t sum = 0;

	side_put16(frame + 12, ETH_P_IP);
	memset(ip, 0, 40);
	ip[0] = 0x45;
	side_put16(ip + 2, size - ETH_HLEN);
	ip[8] = 64;
	ip[9] = 6; /* TCP */
	memcpy(ip + 12, addrs, sizeof(addrs));
	for (unsigned int i = 0; i < 20; i += 2)
		sum += ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	side_put16(ip + 10, ~(sum + (sum >> 16)));
	side_put16(tcp, 1);
	side_put16(tcp + 2, 2);
	tcp[12] = 5 << 4;
	tcp[13] = 0x10; /* ACK */
	side_put16(tcp + 14, 0xffff);
}

static void side_fill_frame(const struct bench_row *row, uint8_t *frame)
{
	for (unsigned int i = 0; i < row->size; i++)
		frame[i] = i;
	memcpy(frame, side_macs, sizeof(side_macs));
	if (row->frame == FRAME_TCP)
		side_fill_tcp(frame, row->size);
	else
		side_put16(frame + 12, 0x88b5); /* for local experiments */
}

static void side_fill_hdr(const struct bench_row *row, struct virtio_net_hdr *hdr)
{
	memset(hdr, 0, sizeof(*hdr));
	if (row->frame != FRAME_TCP)
		return;
	hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr->csum_start = ETH_HLEN + 20;
	hdr->csum_offset = 16;
	hdr->gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	hdr->gso_size = SIDE_MSS;
	hdr->hdr_len = SIDE_TCP_HDRS;
}

/* Where the running number of a frame is kept. */
static unsigned int side_stamp(const struct bench_row *row)
{
	return row->frame == FRAME_TCP ? SIDE_TCP_HDRS : ETH_HLEN;
}

static unsigned int side_chains(const struct bench_row *row)
{
	if (!side_is_rx(row))
		return 1;
	return (row->size + BENCH_HDR + row->buffer - 1) / row->buffer;
}

unsigned int side_batch_max(const struct bench_row *row)
{
	unsigned int fit = BENCH_RING / side_chains(row);
	unsigned int max = row->frame == FRAME_TCP ? BENCH_BATCH_TCP : BENCH_BATCH_MAX;

	return fit < max ? fit : max;
}

static uint64_t side_features(const struct bench_row *row)
{
	uint64_t f = F_VERSION_1;

	if (row->indirect)
		f |= F_INDIRECT;
	if (row->packed)
		f |= F_PACKED;
	if (row->kind == DEV_NET)
		f |= F_MRG_RXBUF;
	return f;
}

static void side_open_tap(struct bench_side *s)
{
	const struct tap_options options = {
		.vnet_hdr_len = BENCH_HDR,
		.offload = s->row->frame == FRAME_TCP ? TUN_F_CSUM | TUN_F_TSO4 : 0,
	};

	tap_open(&s->tap, NULL, &options);
	tap_up(s->tap.name, true);
	if (!side_is_rx(s->row) && s->row->sink == SINK_XDP) {
		s->xdp = __tap_xdp_drop(s->tap.ifindex);
		check_ok(s->xdp, "attach XDP_DROP");
	}
}

/* A socket that only sends: it must not see what the driver sends. */
static void side_open_inject(struct bench_side *s)
{
	const struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = s->tap.ifindex };
	int one = 1;

	s->inject = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	check(s->inject >= 0, "packet socket: %s", strerror(errno));
	check(!bind(s->inject, (const struct sockaddr *)&to, sizeof(to)), "bind: %s",
	      strerror(errno));
	check(!setsockopt(s->inject, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)),
	      "PACKET_VNET_HDR: %s", strerror(errno));
}

static const char *side_counter(const struct bench_row *row)
{
	if (side_is_rx(row))
		return "tx_packets";
	return row->sink == SINK_XDP ? "rx_dropped" : "rx_packets";
}

/* Fill every buffer that a sender's chain may name. */
static void side_fill_buffers(struct bench_side *s)
{
	unsigned int n = s->row->frame == FRAME_TCP ? 1 : BENCH_BATCH_MAX;

	for (unsigned int i = 0; i < n; i++) {
		uint8_t *at = mem_hva(&s->mem, SIDE_BUF_GPA + i * SIDE_TX_STRIDE);

		memset(at, 0, BENCH_HDR);
		side_fill_hdr(s->row, (struct virtio_net_hdr *)at);
		side_fill_frame(s->row, at + BENCH_HDR);
	}
}

void side_open(struct bench_side *s, const char *name, const char *path,
	       const struct bench_row *row)
{
	const struct ring_layout layout = {
		.packed = row->packed, .indirect = row->indirect, .num = BENCH_RING,
		.table_max = 4,
	};

	memset(s, 0, sizeof(*s));
	s->name = name;
	s->row = row;
	s->xdp = -1;
	s->inject = -1;
	mem_add(&s->mem, SIDE_RING_GPA, SIDE_MEM_SIZE);
	ring_init(&s->ring, &layout, mem_hva(&s->mem, SIDE_RING_GPA), SIDE_RING_GPA);
	check(ring_bytes(&layout) <= SIDE_BUF_GPA, "a ring that fits");
	dev_setup(&s->dev, row->kind, path, side_features(row), &s->mem);
	dev_set_ring(&s->dev, row->queue, &s->ring);
	ring_disable_call(&s->ring);
	/* Frame with its virtio-net header, as the packet socket wants it. */
	s->frame = calloc(1, sizeof(struct virtio_net_hdr) + row->size);
	check(s->frame, "memory for a frame");
	side_fill_hdr(row, (struct virtio_net_hdr *)s->frame);
	side_fill_frame(row, s->frame + sizeof(struct virtio_net_hdr));
	if (row->kind == DEV_NULL) {
		dev_start(&s->dev, row->queue, 1);
		return;
	}
	side_open_tap(s);
	if (side_is_rx(row))
		side_open_inject(s);
	else
		side_fill_buffers(s);
	dev_start(&s->dev, row->queue, s->tap.fd);
	s->frames = link_stat(s->tap.name, side_counter(row));
}

static void side_inject(struct bench_side *s)
{
	uint8_t *frame = s->frame + sizeof(struct virtio_net_hdr);
	ssize_t size = sizeof(struct virtio_net_hdr) + s->row->size;

	memcpy(frame + side_stamp(s->row), &s->seq, sizeof(s->seq));
	s->seq++;
	check(send(s->inject, s->frame, size, 0) == size, "send to the tap: %s", strerror(errno));
}

/* The chain of one frame to send; returns the number of segments. */
static unsigned int side_tx_segs(const struct bench_row *row, unsigned int i,
				 struct ring_seg *seg)
{
	uint64_t at = SIDE_BUF_GPA + (row->frame == FRAME_TCP ? 0 : i) * SIDE_TX_STRIDE;
	unsigned int left = BENCH_HDR + row->size, n = 0, len;

	if (row->indirect) {
		len = BENCH_HDR + (row->frame == FRAME_TCP ? SIDE_TCP_HDRS : 0);
		seg[n++] = (struct ring_seg){ .addr = at, .len = len };
		at += len;
		left -= len;
	}
	for (; left; left -= len, at += len) {
		len = left < SIDE_PIECE ? left : SIDE_PIECE;
		seg[n++] = (struct ring_seg){ .addr = at, .len = len };
	}
	return n;
}

void side_prepare(struct bench_side *s, unsigned int n)
{
	const struct bench_row *row = s->row;
	struct ring_seg seg[4];

	if (side_is_rx(row)) {
		for (unsigned int i = 0; i < n; i++)
			side_inject(s);
		seg[0].len = row->buffer;
		for (unsigned int i = 0; i < n * side_chains(row); i++) {
			seg[0].addr = SIDE_BUF_GPA + i * row->buffer;
			check_ok(ring_add(&s->ring, seg, 0, 1, seg[0].addr), "add a buffer");
		}
	} else {
		for (unsigned int i = 0; i < n; i++)
			check_ok(ring_add(&s->ring, seg, side_tx_segs(row, i, seg), 0, i),
				 "add a frame");
	}
	ring_publish(&s->ring);
}

/* The first buffer of a received frame: header and running number. */
static void side_check_frame(struct bench_side *s, uint64_t addr)
{
	const uint8_t *at = mem_hva(&s->mem, addr);
	struct virtio_net_hdr_mrg_rxbuf hdr;
	uint32_t seq;

	memcpy(&hdr, at, sizeof(hdr));
	memcpy(&seq, at + BENCH_HDR + side_stamp(s->row), sizeof(seq));
	check(hdr.num_buffers == side_chains(s->row), "%s/%s: %u buffers", s->row->name, s->name,
	      hdr.num_buffers);
	check(seq == s->seen, "%s/%s: frame %u in place of %u", s->row->name, s->name, seq,
	      s->seen);
	check(!memcmp(at + BENCH_HDR, side_macs, sizeof(side_macs)), "%s/%s: the frame's addresses",
	      s->row->name, s->name);
	s->seen++;
}

bool side_collect(struct bench_side *s, unsigned int n)
{
	unsigned int chains = side_chains(s->row);
	bool prompt = true;

	for (unsigned int i = 0; i < n; i++) {
		unsigned int len = 0;

		for (unsigned int k = 0; k < chains; k++) {
			struct ring_used u;
			int got = ring_get(&s->ring, &u);

			check_ok(got, "%s/%s: a completion that makes sense", s->row->name,
				 s->name);
			if (!got) {
				prompt = false;
				dev_expect_used(&s->ring, &u);
			}
			len += u.len;
			if (side_is_rx(s->row) && !k)
				side_check_frame(s, u.cookie);
		}
		check(len == (side_is_rx(s->row) ? BENCH_HDR + s->row->size : 0),
		      "%s/%s: used length %u", s->row->name, s->name, len);
	}
	return prompt;
}

void side_verify(struct bench_side *s, unsigned int n)
{
	uint64_t now;

	check(!ring_has_used(&s->ring), "%s/%s: nothing more", s->row->name, s->name);
	if (s->row->kind == DEV_NULL)
		return;
	now = link_stat(s->tap.name, side_counter(s->row)) - s->frames;
	check(now == n, "%s/%s: %s of the tap grew by %llu, not %u", s->row->name, s->name,
	      side_counter(s->row), (unsigned long long)now, n);
}

void side_close(struct bench_side *s)
{
	dev_stop(&s->dev, s->row->queue);
	dev_close(&s->dev);
	if (s->row->kind == DEV_NET) {
		if (s->xdp >= 0)
			close(s->xdp);
		if (s->inject >= 0)
			close(s->inject);
		tap_close(&s->tap);
	}
	ring_destroy(&s->ring);
	mem_free(&s->mem);
	free(s->frame);
}
