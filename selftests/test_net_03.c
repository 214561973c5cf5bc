// SPDX-License-Identifier: GPL-2.0
/*
 * Network offloads handed through: checksums to be filled in and TCP/UDP
 * segmentation, in both directions, seen at the host's end in a virtio_net_hdr
 * of the packet socket. A header that makes no sense costs the frame, not more.
 */
#include <arpa/inet.h>
#include <linux/if_tun.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

#include "test.h"

#ifndef TUN_F_USO4
#define TUN_F_USO4	0x20
#define TUN_F_USO6	0x40
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4	5
#endif

#define OFFLOADS	(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)
#define MSS		1400

static uint8_t sent[NET_FRAME_MAX + 16], got[NET_FRAME_MAX + 16];

FIXTURE(offload) {
	struct net n;
	int wire;		/* packet socket with headers */
};

FIXTURE_VARIANT(offload) {
	uint64_t features;
	bool packed;
};

FIXTURE_VARIANT_ADD(offload, mergeable) { .features = F_MRG_RXBUF };
FIXTURE_VARIANT_ADD(offload, big_buffers) { .features = 0 };
FIXTURE_VARIANT_ADD(offload, packed_mergeable) { .features = F_MRG_RXBUF, .packed = true };

FIXTURE_SETUP(offload)
{
	struct rig_options o = {
		.kind = DEV_NET, .features = variant->features,
		.layout = { .num = 256, .packed = variant->packed },
		.tap = { .offload = OFFLOADS },
	};

	NET_INIT(&self->n, &o);
	self->wire = packet_open(self->n.g.tap.ifindex, true);
}

FIXTURE_TEARDOWN(offload)
{
	close(self->wire);
	net_destroy(&self->n);
}

typedef FIXTURE_DATA(offload) offload_t;

/* What a frame to be segmented or summed looks like. */
struct gso {
	uint8_t type;		/* VIRTIO_NET_HDR_GSO_* */
	bool v6;
	bool udp;
};

static uint32_t l4_offset(const struct gso *s)
{
	return 14 + (s->v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr));
}

static uint32_t headers(const struct gso *s)
{
	return l4_offset(s) + (s->udp ? sizeof(struct udphdr) : sizeof(struct tcphdr));
}

static uint16_t ones_sum(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *p = data;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void make_ip4(uint8_t *l3, const struct gso *s, uint32_t l4_len)
{
	struct iphdr ip = {
		.version = 4, .ihl = 5, .ttl = 64,
		.tot_len = htons(sizeof(ip) + l4_len),
		.protocol = s->udp ? IPPROTO_UDP : IPPROTO_TCP,
		.saddr = htonl(0x0a000001), .daddr = htonl(0x0a000002),
	};

	ip.check = htons(~ones_sum(&ip, sizeof(ip), 0));
	memcpy(l3, &ip, sizeof(ip));
}

static void make_ip6(uint8_t *l3, const struct gso *s, uint32_t l4_len)
{
	struct ip6_hdr ip = { 0 };

	ip.ip6_flow = htonl(6U << 28);
	ip.ip6_plen = htons(l4_len);
	ip.ip6_nxt = s->udp ? IPPROTO_UDP : IPPROTO_TCP;
	ip.ip6_hlim = 64;
	ip.ip6_src.s6_addr[15] = 1;
	ip.ip6_dst.s6_addr[15] = 2;
	memcpy(l3, &ip, sizeof(ip));
}

/* Lay out a frame with @payload bytes; fill in its header. Return its length. */
static uint32_t make(const struct gso *s, uint32_t payload, struct virtio_net_hdr *h,
		     uint8_t *frame)
{
	uint32_t l4 = l4_offset(s), len = headers(s) + payload;

	frame_make(frame, len, 0);
	frame[12] = s->v6 ? 0x86 : 0x08;
	frame[13] = s->v6 ? 0xdd : 0x00;
	if (s->v6)
		make_ip6(frame + 14, s, len - l4);
	else
		make_ip4(frame + 14, s, len - l4);
	if (s->udp) {
		struct udphdr u = { .source = htons(7), .dest = htons(9), .len = htons(len - l4) };

		memcpy(frame + l4, &u, sizeof(u));
	} else {
		struct tcphdr t = { .source = htons(7), .dest = htons(9), .doff = 5, .ack = 1,
				    .window = htons(1000) };

		memcpy(frame + l4, &t, sizeof(t));
	}
	*h = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = s->type,
		.gso_size = s->type ? MSS : 0,
		.hdr_len = headers(s),
		.csum_start = l4,
		.csum_offset = s->udp ? 6 : 16,
	};
	return len;
}

/* A frame off the wire that is not the host's own chatter, with its header. */
static uint32_t wire_take(offload_t *self, struct virtio_net_hdr *h, uint8_t *frame)
{
	ssize_t n;

	do {
		n = packet_recv(self->wire, got, sizeof(got), DEV_PATIENCE_MS);
		if (!n)
			return 0;
	} while (memcmp(got + sizeof(*h), sent, 12));
	memcpy(h, got, sizeof(*h));
	memmove(frame, got + sizeof(*h), n - sizeof(*h));
	return n - sizeof(*h);
}

/* The bytes from the transport header on, but for the checksum. */
static bool same_payload(const struct gso *s, const uint8_t *a, const uint8_t *b, uint32_t len)
{
	uint32_t at = headers(s);

	return !memcmp(a + at, b + at, len - at);
}

static void tx_one(struct __test_metadata *_metadata, offload_t *self, const struct gso *s,
		   uint32_t payload, unsigned int segs)
{
	struct virtio_net_hdr h, w;
	uint32_t len = make(s, payload, &h, sent);

	net_tx_add(&self->n, &h, sent, len, segs);
	net_tx_flush(&self->n);
	ASSERT_EQ(len, wire_take(self, &w, got));
	EXPECT_EQ(h.gso_type, w.gso_type);
	EXPECT_EQ(h.gso_size, w.gso_size);
	EXPECT_EQ(VIRTIO_NET_HDR_F_NEEDS_CSUM, w.flags);
	EXPECT_EQ(h.csum_start, w.csum_start);
	EXPECT_EQ(h.csum_offset, w.csum_offset);
	EXPECT_TRUE(same_payload(s, sent, got, len));
}

static void rx_one(struct __test_metadata *_metadata, offload_t *self, const struct gso *s,
		   uint32_t payload)
{
	struct virtio_net_hdr_mrg_rxbuf r;
	struct virtio_net_hdr h;
	uint32_t len = make(s, payload, &h, sent), n;

	memcpy(got, &h, sizeof(h));
	memcpy(got + sizeof(h), sent, len);
	packet_send(self->wire, got, sizeof(h) + len);
	do {
		n = net_rx_take_any(&self->n, &r, got, DEV_PATIENCE_MS);
		ASSERT_NE(0, n);
	} while (memcmp(got, sent, 12));
	EXPECT_EQ(len, n);
	EXPECT_EQ(h.gso_type, r.hdr.gso_type);
	EXPECT_EQ(h.gso_size, r.hdr.gso_size);
	EXPECT_EQ(VIRTIO_NET_HDR_F_NEEDS_CSUM, r.hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);
	EXPECT_EQ(h.csum_start, r.hdr.csum_start);
	EXPECT_EQ(h.csum_offset, r.hdr.csum_offset);
	EXPECT_TRUE(same_payload(s, sent, got, len));
}

static void post(offload_t *self)
{
	if (self->n.g.o.features & F_MRG_RXBUF)
		net_rx_post(&self->n, 200, 1536, 1);
	else
		net_rx_post(&self->n, 20, 66000, 2);
}

static const struct gso csum4 = { VIRTIO_NET_HDR_GSO_NONE, false, false };
static const struct gso csum6 = { VIRTIO_NET_HDR_GSO_NONE, true, true };
static const struct gso tso4 = { VIRTIO_NET_HDR_GSO_TCPV4, false, false };
static const struct gso tso6 = { VIRTIO_NET_HDR_GSO_TCPV6, true, false };
static const struct gso uso4 = { VIRTIO_NET_HDR_GSO_UDP_L4, false, true };
static const struct gso uso6 = { VIRTIO_NET_HDR_GSO_UDP_L4, true, true };

TEST_F(offload, tx_checksum)
{
	tx_one(_metadata, self, &csum4, 100, 1);
	tx_one(_metadata, self, &csum6, 1000, 2);
	tx_one(_metadata, self, &csum4, 1300, 3);
}

TEST_F(offload, tx_tcp_segmentation)
{
	for (int i = 0; i < 10; i++) {
		tx_one(_metadata, self, &tso4, 3000 + i * 6000, i % 5 + 1);
		tx_one(_metadata, self, &tso6, 3000 + i * 6000, i % 5 + 1);
	}
}

TEST_F(offload, tx_udp_segmentation)
{
	/* Whether this kernel's tun knows it at all. */
	TEST_REQUIRE(!ioctl(self->n.g.tap.fd, TUNSETOFFLOAD,
			    (unsigned long)(OFFLOADS | TUN_F_USO4 | TUN_F_USO6)),
		     "tun has no USO");
	tx_one(_metadata, self, &uso4, 14000, 2);
	tx_one(_metadata, self, &uso6, 14000, 2);
}

TEST_F(offload, rx_checksum)
{
	post(self);
	rx_one(_metadata, self, &csum4, 100);
	rx_one(_metadata, self, &csum6, 1300);
}

TEST_F(offload, rx_tcp_segmentation)
{
	post(self);
	for (int i = 0; i < 10; i++) {
		rx_one(_metadata, self, &tso4, 3000 + i * 6000);
		rx_one(_metadata, self, &tso6, 3000 + i * 6000);
	}
}

TEST_F(offload, rx_udp_segmentation)
{
	TEST_REQUIRE(!ioctl(self->n.g.tap.fd, TUNSETOFFLOAD,
			    (unsigned long)(OFFLOADS | TUN_F_USO4 | TUN_F_USO6)),
		     "tun has no USO");
	post(self);
	rx_one(_metadata, self, &uso4, 14000);
	rx_one(_metadata, self, &uso6, 14000);
}

TEST_F(offload, rx_is_segmented_for_a_guest_that_takes_no_gso)
{
	struct virtio_net_hdr_mrg_rxbuf r;
	struct virtio_net_hdr h;
	uint32_t len = make(&tso4, 4 * MSS, &h, sent), n, total = 0;

	ASSERT_EQ(0, ioctl(self->n.g.tap.fd, TUNSETOFFLOAD, 0UL));
	post(self);
	memcpy(got, &h, sizeof(h));
	memcpy(got + sizeof(h), sent, len);
	packet_send(self->wire, got, sizeof(h) + len);
	while (total < 4 * MSS) {
		n = net_rx_take_any(&self->n, &r, got, DEV_PATIENCE_MS);
		ASSERT_NE(0, n);
		if (memcmp(got, sent, 12))
			continue;
		EXPECT_EQ(0, r.hdr.gso_type);
		EXPECT_EQ(0, r.hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);
		EXPECT_GE(MSS + headers(&tso4), n);
		total += n - headers(&tso4);
	}
	EXPECT_EQ(4 * MSS, total);
}

/* Frames with this header are dropped; the one behind them arrives. */
static void expect_drop(struct __test_metadata *_metadata, offload_t *self,
			const struct virtio_net_hdr *h, uint32_t len)
{
	struct virtio_net_hdr good, w;
	struct stat_queue q;
	uint64_t drops = 0;
	uint32_t n = len;

	if (__stat_dump(&q, 1) != -ENOENT) {
		stat_get(&q, "net", DEV_TX);
		drops = q.drops;
	}
	net_tx_add(&self->n, h, sent, len, 1);
	net_tx_flush(&self->n);
	n = make(&csum4, 200, &good, sent);
	net_tx_add(&self->n, &good, sent, n, 1);
	net_tx_flush(&self->n);
	EXPECT_EQ(n, wire_take(self, &w, got));
	EXPECT_EQ(0, event_take(self->n.g.dev.err[DEV_TX]));
	if (__stat_dump(&q, 1) != -ENOENT) {
		stat_get(&q, "net", DEV_TX);
		EXPECT_EQ(drops + 1, q.drops);
	}
}

TEST_F(offload, tx_checksum_outside_the_frame)
{
	struct virtio_net_hdr h;
	uint32_t len = make(&csum4, 100, &h, sent);

	h.csum_start = len;
	expect_drop(_metadata, self, &h, len);
	len = make(&csum4, 100, &h, sent);
	h.csum_start = 0xffff;
	h.csum_offset = 0xffff;
	expect_drop(_metadata, self, &h, len);
	len = make(&csum4, 100, &h, sent);
	h.csum_start = 0xfffe;
	h.csum_offset = 0;
	expect_drop(_metadata, self, &h, len);
}

TEST_F(offload, tx_header_longer_than_the_frame)
{
	struct virtio_net_hdr h = { .hdr_len = 0xffff };

	frame_make(sent, 100, 0);
	expect_drop(_metadata, self, &h, 100);
	frame_make(sent, 6000, 0);
	expect_drop(_metadata, self, &h, 6000);
}

TEST_HARNESS_MAIN
