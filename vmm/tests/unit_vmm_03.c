// SPDX-License-Identifier: GPL-2.0
/*
 * PCI, MSI-X and the virtio registers, driven by the accesses of a guest: first a
 * well-behaved driver, then one that writes anything anywhere (under sanitizers).
 */
#include <linux/virtio_pci.h>
#include <sys/eventfd.h>

#include "dev/net.h"
#include "dev/rng.h"
#include "harness.h"
#include "testvm.h"

#define RAM_SIZE	(8 * MIB)
#define NET_SLOT	1
#define RNG_SLOT	2
#define PAIRS		2

#define COMMON		0x0000
#define ISR		0x1000
#define DEVICE		0x2000
#define NOTIFY		0x3000
#define PBA		0x4000
#define TABLE		0x8000

/* A backend that moves no packets and remembers what it was told. */
struct fake {
	unsigned int starts, stops, pairs;
	u64 offloads;
	int fail;
};

static u64 fake_features(void *backend, u64 wanted)
{
	return wanted;
}

static int fake_start(void *backend, struct net_dev *n, unsigned int pairs)
{
	struct fake *f = backend;

	f->starts++;
	f->pairs = pairs;
	return f->fail;
}

static int fake_set_pairs(void *backend, unsigned int pairs)
{
	((struct fake *)backend)->pairs = pairs;
	return 0;
}

static int fake_set_offloads(void *backend, u64 offloads)
{
	((struct fake *)backend)->offloads = offloads;
	return 0;
}

static void fake_stop(void *backend)
{
	struct fake *f = backend;

	f->stops++;
	f->pairs = 0;
}

static void fake_pause(void *backend)
{
}

static int fake_resume(void *backend)
{
	return 0;
}

static const struct net_backend_ops fake_ops = {
	fake_features, fake_start, fake_set_pairs, fake_set_offloads, fake_stop, fake_pause,
	fake_resume,
};

FIXTURE(regs) {
	struct testvm t;
	struct fake fake;
	struct net_dev net;
	struct rng_dev rng;
	struct virtio_pci net_pci, rng_pci;
	struct error e;
	u64 bar;
};

FIXTURE_SETUP(regs)
{
	const u64 ring = virtio_ring_features(true, true, true);
	const struct net_dev_config cfg = {
		.mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 }, .mtu = 1400, .rx_size = 256,
		.tx_size = 256, .pairs = PAIRS,
		.features = ring | BIT_ULL(VIRTIO_NET_F_MAC) | BIT_ULL(VIRTIO_NET_F_CTRL_VQ) |
			    BIT_ULL(VIRTIO_NET_F_MQ) | BIT_ULL(VIRTIO_NET_F_STATUS) |
			    BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) |
			    BIT_ULL(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) |
			    BIT_ULL(VIRTIO_NET_F_CTRL_MAC_ADDR) |
			    BIT_ULL(VIRTIO_NET_F_CTRL_RX),
	};
	const struct virtio_pci_config net = { "virtio-net-pci", NULL, 2 * PAIRS + 2 };
	const struct virtio_pci_config rng = { "virtio-rng-pci", NULL, 2 };

	ASSERT_EQ(0, testvm_init(&self->t, RAM_SIZE));
	ASSERT_EQ(0, net_init(&self->net, &self->t.m, &cfg, &fake_ops, &self->fake, &self->e));
	ASSERT_EQ(0, rng_init(&self->rng, &self->t.m, ring, &self->e));
	ASSERT_EQ(0, virtio_pci_init(&self->net_pci, &self->net.v, &self->t.pci, &net,
				     &self->e));
	ASSERT_EQ(0, virtio_pci_init(&self->rng_pci, &self->rng.v, &self->t.pci, &rng,
				     &self->e));
	cfg_write(&self->t, NET_SLOT, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	cfg_write(&self->t, RNG_SLOT, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	self->bar = cfg_read(&self->t, NET_SLOT, PCI_BASE_ADDRESS_0, 4);
}

FIXTURE_TEARDOWN(regs)
{
	virtio_pci_destroy(&self->rng_pci);
	virtio_pci_destroy(&self->net_pci);
	rng_destroy(&self->rng);
	net_destroy(&self->net);
	machine_destroy(&self->t.m);
}

/* One queue's rings, in a page of their own each. */
static void setup_queue(struct testvm *t, u64 bar, u16 queue, u16 size, u64 area)
{
	mmio_write(t, bar + COMMON + VIRTIO_PCI_COMMON_Q_SELECT, queue, 2);
	mmio_write(t, bar + COMMON + VIRTIO_PCI_COMMON_Q_SIZE, size, 2);
	mmio_write(t, bar + COMMON + VIRTIO_PCI_COMMON_Q_MSIX, queue + 1, 2);
	mmio_write(t, bar + COMMON + VIRTIO_PCI_COMMON_Q_DESCLO, area, 4);
	mmio_write(t, bar + COMMON + VIRTIO_PCI_COMMON_Q_DESCHI, 0, 4);
	mmio_write(t, bar + COMMON + VIRTIO_PCI_COMMON_Q_AVAILLO, area + 0x4000, 8);
	mmio_write(t, bar + COMMON + VIRTIO_PCI_COMMON_Q_USEDLO, area + 0x5000, 8);
	mmio_write(t, bar + COMMON + VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
}

static u8 set_status(struct testvm *t, u64 bar, u8 status)
{
	mmio_write(t, bar + COMMON + VIRTIO_PCI_COMMON_STATUS, status, 1);
	return mmio_read(t, bar + COMMON + VIRTIO_PCI_COMMON_STATUS, 1);
}

static u8 negotiate(struct testvm *t, u64 bar, u64 features)
{
	set_status(t, bar, 0);
	set_status(t, bar, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	mmio_write(t, bar + COMMON + VIRTIO_PCI_COMMON_GFSELECT, 0, 4);
	mmio_write(t, bar + COMMON + VIRTIO_PCI_COMMON_GF, features, 4);
	mmio_write(t, bar + COMMON + VIRTIO_PCI_COMMON_GFSELECT, 1, 4);
	mmio_write(t, bar + COMMON + VIRTIO_PCI_COMMON_GF, features >> 32, 4);
	return set_status(t, bar, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
			  VIRTIO_CONFIG_S_FEATURES_OK);
}

#define DRIVER_UP (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | \
		   VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK)
#define F_V1	VIRTIO_BIT(F_VERSION_1)
#define F_NET	(F_V1 | BIT_ULL(VIRTIO_NET_F_CTRL_VQ) | BIT_ULL(VIRTIO_NET_F_MQ) | \
		 BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) | BIT_ULL(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) | \
		 BIT_ULL(VIRTIO_NET_F_CTRL_MAC_ADDR))

static u8 start_net(struct testvm *t, u64 bar, u64 features)
{
	unsigned int i;

	negotiate(t, bar, features);
	for (i = 0; i < 2 * PAIRS + 1; i++)
		setup_queue(t, bar, i, i == 2 * PAIRS ? 64 : 256, 0x200000 + i * 0x10000);
	return set_status(t, bar, DRIVER_UP);
}

TEST_F(regs, ports_and_ecam_show_the_same_device)
{
	struct testvm *t = &self->t;

	EXPECT_EQ(0x10411af4, cfg_read(t, NET_SLOT, PCI_VENDOR_ID, 4));
	testvm_access(t, &t->m.pio, X86_PORT_PCI, 1U << 31 | NET_SLOT << 11, 4, true);
	EXPECT_EQ(0x10411af4, testvm_access(t, &t->m.pio, X86_PORT_PCI + 4, 0, 4, false));
	EXPECT_EQ(0x1041, testvm_access(t, &t->m.pio, X86_PORT_PCI + 6, 0, 2, false));
	EXPECT_EQ(0xffffffff, cfg_read(t, 9, PCI_VENDOR_ID, 4));
	EXPECT_EQ(0xffffffff, mmio_read(t, X86_ECAM + (NET_SLOT << 15) + (1 << 12), 4));
	EXPECT_EQ(0, cfg_read(t, NET_SLOT, 0x100, 4));
}

TEST_F(regs, a_bar_tells_its_size_and_moves)
{
	struct testvm *t = &self->t;
	u64 to = self->bar + 0x1000000;

	cfg_write(t, NET_SLOT, PCI_COMMAND, 0, 2);
	EXPECT_EQ(~0ULL, mmio_read(t, self->bar + COMMON, 8));
	cfg_write(t, NET_SLOT, PCI_BASE_ADDRESS_0, 0xffffffff, 4);
	EXPECT_EQ(0xffff0000, cfg_read(t, NET_SLOT, PCI_BASE_ADDRESS_0, 4));
	cfg_write(t, NET_SLOT, PCI_BASE_ADDRESS_0, to, 4);
	cfg_write(t, NET_SLOT, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	EXPECT_EQ(5, mmio_read(t, to + COMMON + VIRTIO_PCI_COMMON_NUMQ, 2));
	EXPECT_EQ(~0ULL, mmio_read(t, self->bar + COMMON, 8));
}

TEST_F(regs, a_driver_brings_the_device_up_and_down)
{
	struct testvm *t = &self->t;

	EXPECT_EQ(DRIVER_UP, start_net(t, self->bar, F_NET));
	EXPECT_EQ(1, self->fake.starts);
	EXPECT_EQ(1, self->fake.pairs);
	EXPECT_EQ(BIT_ULL(VIRTIO_NET_F_GUEST_CSUM), self->fake.offloads);
	EXPECT_EQ(0x52, mmio_read(t, self->bar + DEVICE, 1));
	EXPECT_EQ(VIRTIO_NET_S_LINK_UP, mmio_read(t, self->bar + DEVICE + 6, 2));
	EXPECT_EQ(PAIRS, mmio_read(t, self->bar + DEVICE + 8, 2));
	EXPECT_EQ(1400, mmio_read(t, self->bar + DEVICE + 10, 2));
	EXPECT_EQ(0, set_status(t, self->bar, 0));
	EXPECT_EQ(1, self->fake.stops);
	mmio_write(t, self->bar + COMMON + VIRTIO_PCI_COMMON_Q_SELECT, 0, 2);
	EXPECT_EQ(0, mmio_read(t, self->bar + COMMON + VIRTIO_PCI_COMMON_Q_ENABLE, 2));
	EXPECT_EQ(DRIVER_UP, start_net(t, self->bar, F_NET));
	EXPECT_EQ(2, self->fake.starts);
}

TEST_F(regs, features_that_were_not_offered_are_refused)
{
	struct testvm *t = &self->t;
	const u8 want = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	EXPECT_EQ(want, negotiate(t, self->bar, F_V1 | BIT_ULL(40)));
	EXPECT_EQ(want, negotiate(t, self->bar, BIT_ULL(VIRTIO_NET_F_MAC)));
	EXPECT_EQ(want | VIRTIO_CONFIG_S_FEATURES_OK, negotiate(t, self->bar, F_V1));
}

TEST_F(regs, queues_outside_memory_are_not_enabled)
{
	static const struct {
		u64 area;
		u16 size;
	} bad[] = {
		{ RAM_SIZE, 256 }, { RAM_SIZE - 0x4000, 256 }, { ~0ULL - 0x4fff, 256 },
		{ 0x200001, 256 }, { 0x200000, 0 }, { 0x200000, 100 }, { 0x200000, 512 },
	};
	struct testvm *t = &self->t;
	size_t i;

	negotiate(t, self->bar, F_V1);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		setup_queue(t, self->bar, 0, bad[i].size, bad[i].area);
		EXPECT_EQ(0, mmio_read(t, self->bar + COMMON + VIRTIO_PCI_COMMON_Q_ENABLE, 2))
			TH_LOG("case %zu", i);
	}
	/* Without its queues the device does not start, and says so. */
	EXPECT_TRUE(set_status(t, self->bar, DRIVER_UP) & VIRTIO_CONFIG_S_NEEDS_RESET);
	EXPECT_EQ(0, self->fake.starts);
}

TEST_F(regs, a_backend_that_fails_asks_for_a_reset)
{
	self->fake.fail = -EIO;
	EXPECT_TRUE(start_net(&self->t, self->bar, F_NET) & VIRTIO_CONFIG_S_NEEDS_RESET);
	self->fake.fail = 0;
	EXPECT_EQ(DRIVER_UP, start_net(&self->t, self->bar, F_NET));
}

/* The capability of that kind behind @cap, or the first one behind 0. */
static u8 next_cap(struct testvm *t, unsigned int slot, u8 cap, u8 id)
{
	do
		cap = cfg_read(t, slot, cap ? cap + 1 : PCI_CAPABILITY_LIST, 1);
	while (cap && cfg_read(t, slot, cap, 1) != id);
	return cap;
}

static u8 msix_cap(struct testvm *t, unsigned int slot)
{
	return next_cap(t, slot, 0, PCI_CAP_ID_MSIX);
}

TEST_F(regs, a_masked_vector_keeps_what_is_pending)
{
	struct testvm *t = &self->t;
	struct virtq *q = &self->net.v.queue[0];
	u64 entry = self->bar + TABLE + 1 * 16;
	u8 cap = msix_cap(t, NET_SLOT);

	ASSERT_NE(0, cap);
	EXPECT_EQ(2 * PAIRS + 1, cfg_read(t, NET_SLOT, cap + 2, 2));
	cfg_write(t, NET_SLOT, cap + 2, PCI_MSIX_FLAGS_ENABLE, 2);
	start_net(t, self->bar, F_NET);
	mmio_write(t, entry, 0xfee00000, 4);
	mmio_write(t, entry + 8, 0x4041, 4);
	EXPECT_EQ(1, mmio_read(t, entry + 12, 4));
	EXPECT_FALSE(self->net_pci.msix.source[0].attached);
	eventfd_write(q->call_fd, 1);
	EXPECT_EQ(1 << 1, mmio_read(t, self->bar + PBA, 4));
	mmio_write(t, entry + 12, 0, 4);
	EXPECT_TRUE(self->net_pci.msix.source[0].attached);
	EXPECT_EQ(0, mmio_read(t, self->bar + PBA, 4));
	cfg_write(t, NET_SLOT, cap + 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL, 2);
	EXPECT_FALSE(self->net_pci.msix.source[0].attached);
	EXPECT_EQ(1 << 1, mmio_read(t, self->bar + PBA, 4));
}

TEST_F(regs, the_window_in_config_space_reaches_the_bar)
{
	struct testvm *t = &self->t;
	u8 cap = self->net_pci.window_cap;

	cfg_write(t, NET_SLOT, cap + 4, 0, 1);
	cfg_write(t, NET_SLOT, cap + 8, COMMON + VIRTIO_PCI_COMMON_NUMQ, 4);
	cfg_write(t, NET_SLOT, cap + 12, 2, 4);
	EXPECT_EQ(2 * PAIRS + 1, cfg_read(t, NET_SLOT, cap + 16, 2));
	cfg_write(t, NET_SLOT, cap + 8, COMMON + VIRTIO_PCI_COMMON_STATUS, 4);
	cfg_write(t, NET_SLOT, cap + 12, 1, 4);
	cfg_write(t, NET_SLOT, cap + 16, VIRTIO_CONFIG_S_ACKNOWLEDGE, 1);
	EXPECT_EQ(VIRTIO_CONFIG_S_ACKNOWLEDGE,
		  mmio_read(t, self->bar + COMMON + VIRTIO_PCI_COMMON_STATUS, 1));
	/* Past the BAR it reaches nothing. */
	cfg_write(t, NET_SLOT, cap + 8, 0xfffffffe, 4);
	cfg_write(t, NET_SLOT, cap + 12, 4, 4);
	cfg_write(t, NET_SLOT, cap + 16, 0xdeadbeef, 4);
	cfg_read(t, NET_SLOT, cap + 16, 4);
}

/* Send one command of class and number with @len bytes; the device's answer. */
static u8 control(struct testvm *t, u64 bar, struct virtq *q, u8 class, u8 cmd, const void *data,
		  u32 len)
{
	u8 *buf = ram_ptr(&t->m.ram, 0x100000, 4096);
	struct vring_desc *d = ram_ptr(&t->m.ram, q->desc, 32);
	struct vring_avail *avail = ram_ptr(&t->m.ram, q->driver, 6 + 2 * q->size);

	buf[0] = class;
	buf[1] = cmd;
	memcpy(buf + 2, data, len);
	buf[100] = 0xee;
	d[0] = (struct vring_desc){ 0x100000, 2 + len, VRING_DESC_F_NEXT, 1 };
	d[1] = (struct vring_desc){ 0x100000 + 100, 1, VRING_DESC_F_WRITE, 0 };
	avail->ring[avail->idx % q->size] = 0;
	avail->idx++;
	mmio_write(t, bar + NOTIFY + 4 * 2 * PAIRS, 2 * PAIRS, 2);
	testvm_run_loop(t);
	return buf[100];
}

TEST_F(regs, the_control_queue_answers)
{
	struct virtq *q = &self->net.v.queue[2 * PAIRS];
	struct testvm *t = &self->t;
	u64 offloads = 0, bogus = BIT_ULL(VIRTIO_NET_F_GUEST_TSO4);
	u8 mac[6] = { 2, 3, 4, 5, 6, 7 }, one = 1;
	u16 pairs = 2, zero = 0, many = 3;

	ASSERT_EQ(DRIVER_UP, start_net(t, self->bar, F_NET));
	EXPECT_EQ(VIRTIO_NET_OK, control(t, self->bar, q, VIRTIO_NET_CTRL_MQ, 0, &pairs, 2));
	EXPECT_EQ(2, self->fake.pairs);
	EXPECT_EQ(VIRTIO_NET_ERR, control(t, self->bar, q, VIRTIO_NET_CTRL_MQ, 0, &zero, 2));
	EXPECT_EQ(VIRTIO_NET_ERR, control(t, self->bar, q, VIRTIO_NET_CTRL_MQ, 0, &many, 2));
	EXPECT_EQ(VIRTIO_NET_ERR, control(t, self->bar, q, VIRTIO_NET_CTRL_MQ, 0, &many, 1));
	EXPECT_EQ(VIRTIO_NET_OK, control(t, self->bar, q, VIRTIO_NET_CTRL_RX, 0, &one, 1));
	EXPECT_EQ(VIRTIO_NET_ERR, control(t, self->bar, q, 77, 0, &one, 1));
	EXPECT_EQ(VIRTIO_NET_OK, control(t, self->bar, q, VIRTIO_NET_CTRL_MAC,
					 VIRTIO_NET_CTRL_MAC_ADDR_SET, mac, 6));
	EXPECT_EQ(7, mmio_read(t, self->bar + DEVICE + 5, 1));
	EXPECT_EQ(VIRTIO_NET_OK, control(t, self->bar, q, VIRTIO_NET_CTRL_GUEST_OFFLOADS, 0,
					 &offloads, 8));
	EXPECT_EQ(0, self->fake.offloads);
	EXPECT_EQ(VIRTIO_NET_ERR, control(t, self->bar, q, VIRTIO_NET_CTRL_GUEST_OFFLOADS, 0,
					  &bogus, 8));
	/* A reset takes the address back. */
	set_status(t, self->bar, 0);
	EXPECT_EQ(0x56, mmio_read(t, self->bar + DEVICE + 5, 1));
}

/* How often the queue has been kicked since the last time; nobody else looks. */
static u64 kicks(const struct virtq *q)
{
	eventfd_t n = 0;

	return eventfd_read(q->kick_fd, &n) ? 0 : n;
}

TEST_F(regs, ports_notify_as_the_memory_does)
{
	const struct virtq *q = self->net.v.queue;
	struct testvm *t = &self->t;
	u32 bar = cfg_read(t, NET_SLOT, PCI_BASE_ADDRESS_1, 4), port = bar & ~3U;

	ASSERT_EQ(DRIVER_UP, start_net(t, self->bar, F_NET));
	EXPECT_EQ(PCI_BASE_ADDRESS_SPACE_IO, bar & 3);
	EXPECT_LE(X86_PORT_PCI_BARS, port);
	/* Not before they are switched on. */
	testvm_access(t, &t->m.pio, port + 4, 1, 2, true);
	EXPECT_EQ(0, kicks(&q[1]));
	cfg_write(t, NET_SLOT, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_IO, 2);
	testvm_access(t, &t->m.pio, port + 4, 1, 2, true);
	EXPECT_EQ(1, kicks(&q[1]));
	EXPECT_EQ(0, kicks(&q[0]));
	mmio_write(t, self->bar + NOTIFY + 4, 1, 2);
	EXPECT_EQ(1, kicks(&q[1]));
	/* There are as many as queues, up to a power of two; behind the last one, nothing. */
	testvm_access(t, &t->m.pio, port + 4 * (2 * PAIRS + 1), 1, 2, true);
	testvm_access(t, &t->m.pio, port + 32, 1, 2, true);
	testvm_access(t, &t->m.pio, port - 1, 1, 4, true);
	EXPECT_EQ(0, kicks(&q[0]));
	EXPECT_EQ(0xffff, testvm_access(t, &t->m.pio, port, 0, 2, false));

	cfg_write(t, NET_SLOT, PCI_BASE_ADDRESS_1, 0xffffffff, 4);
	EXPECT_EQ(0xffffffe1, cfg_read(t, NET_SLOT, PCI_BASE_ADDRESS_1, 4));
	cfg_write(t, NET_SLOT, PCI_BASE_ADDRESS_1, 0x1ff20, 4);
	testvm_access(t, &t->m.pio, 0xff24, 1, 2, true);
	EXPECT_EQ(0, kicks(&q[1]));
	cfg_write(t, NET_SLOT, PCI_BASE_ADDRESS_1, 0xff20, 4);
	testvm_access(t, &t->m.pio, port + 4, 1, 2, true);
	EXPECT_EQ(0, kicks(&q[1]));
	testvm_access(t, &t->m.pio, 0xff24, 1, 2, true);
	EXPECT_EQ(1, kicks(&q[1]));
	testvm_access(t, &t->m.pio, 0xffff, 1, 4, true);
	pci_bus_reset(&t->pci);
	EXPECT_EQ(bar, cfg_read(t, NET_SLOT, PCI_BASE_ADDRESS_1, 4));
	testvm_access(t, &t->m.pio, port + 4, 1, 2, true);
	EXPECT_EQ(0, kicks(&q[1]));
}

TEST_F(regs, drivers_find_the_ports_first)
{
	static const u8 bars[] = { 1, 0 };
	struct testvm *t = &self->t;
	unsigned int n = 0;
	u8 cap = 0;

	while ((cap = next_cap(t, NET_SLOT, cap, PCI_CAP_ID_VNDR))) {
		if (cfg_read(t, NET_SLOT, cap + 3, 1) != VIRTIO_PCI_CAP_NOTIFY_CFG)
			continue;
		ASSERT_GT(ARRAY_SIZE(bars), n);
		EXPECT_EQ(bars[n++], cfg_read(t, NET_SLOT, cap + 4, 1));
		EXPECT_EQ(4 * (2 * PAIRS + 1), cfg_read(t, NET_SLOT, cap + 12, 4));
		EXPECT_EQ(4, cfg_read(t, NET_SLOT, cap + 16, 4));
	}
	EXPECT_EQ(ARRAY_SIZE(bars), n);
}

TEST_F(regs, a_broken_control_queue_asks_for_a_reset)
{
	struct virtq *q = &self->net.v.queue[2 * PAIRS];
	struct vring_avail *avail;
	struct testvm *t = &self->t;
	u8 one = 1;

	ASSERT_EQ(DRIVER_UP, start_net(t, self->bar, F_NET));
	avail = ram_ptr(&t->m.ram, q->driver, 6 + 2 * q->size);
	avail->idx = 1000;
	mmio_write(t, self->bar + NOTIFY + 4 * 2 * PAIRS, 2 * PAIRS, 2);
	testvm_run_loop(t);
	EXPECT_TRUE(mmio_read(t, self->bar + COMMON + VIRTIO_PCI_COMMON_STATUS, 1) &
		    VIRTIO_CONFIG_S_NEEDS_RESET);
	/* It stays broken when the guest is stopped and goes on. */
	avail->idx = 0;
	virtio_pause(&self->net.v);
	virtio_resume(&self->net.v);
	EXPECT_EQ(0xee, control(t, self->bar, q, VIRTIO_NET_CTRL_RX, 0, &one, 1));
	EXPECT_EQ(DRIVER_UP, start_net(t, self->bar, F_NET));
	EXPECT_EQ(VIRTIO_NET_OK, control(t, self->bar, q, VIRTIO_NET_CTRL_RX, 0, &one, 1));
}

TEST_F(regs, entropy_fills_the_buffer)
{
	u64 bar = cfg_read(&self->t, RNG_SLOT, PCI_BASE_ADDRESS_0, 4);
	struct testvm *t = &self->t;
	struct vring_desc *d = ram_ptr(&t->m.ram, 0x200000, 16);
	struct vring_avail *avail = ram_ptr(&t->m.ram, 0x204000, 8);
	struct vring_used *used = ram_ptr(&t->m.ram, 0x205000, 16);
	u8 *buf = ram_ptr(&t->m.ram, 0x100000, 64), zero[64] = { 0 };

	negotiate(t, bar, F_V1);
	setup_queue(t, bar, 0, 64, 0x200000);
	ASSERT_EQ(DRIVER_UP, set_status(t, bar, DRIVER_UP));
	*d = (struct vring_desc){ 0x100000, 64, VRING_DESC_F_WRITE, 0 };
	avail->idx = 1;
	mmio_write(t, bar + NOTIFY, 0, 2);
	testvm_run_loop(t);
	EXPECT_EQ(1, used->idx);
	EXPECT_EQ(64, used->ring[0].len);
	EXPECT_NE(0, memcmp(buf, zero, 64));
	/* A queue that the guest broke stays broken when it is stopped and goes on. */
	avail->idx = 1000;
	mmio_write(t, bar + NOTIFY, 0, 2);
	testvm_run_loop(t);
	EXPECT_TRUE(self->rng.v.status & VIRTIO_CONFIG_S_NEEDS_RESET);
	avail->idx = 2;
	virtio_pause(&self->rng.v);
	virtio_resume(&self->rng.v);
	testvm_run_loop(t);
	EXPECT_EQ(1, used->idx);
}

/* Registers that make a wild guest come further than a plain random address would. */
static u64 wild_address(u64 *seed, u64 bar)
{
	static const u32 base[] = { COMMON, ISR, DEVICE, NOTIFY, PBA, TABLE };
	u64 r = test_random(seed);

	switch (r % 8) {
	case 0:
		return X86_ECAM + (r >> 8) % X86_ECAM_SIZE;
	case 1:
		return cfg_addr(NET_SLOT + (r >> 8) % 2, (r >> 16) % 256);
	case 2:
		return X86_PCI_MMIO + (r >> 8) % X86_PCI_MMIO_SIZE;
	default:
		return bar + (r >> 8) % 2 * 0x10000 + base[(r >> 16) % 6] + (r >> 24) % 128;
	}
}

static void wild_access(struct testvm *t, u64 *seed, u64 bar)
{
	unsigned int size = 1U << test_random(seed) % 4;
	u64 r = test_random(seed), val = test_random(seed);

	if (r % 3 == 0)
		val %= RAM_SIZE;
	if (r % 16 == 2) {
		testvm_access(t, &t->m.pio, X86_PORT_PCI_BARS + (r >> 8) % 64, val,
			      size > 4 ? 4 : size, r & 1 << 20);
		return;
	}
	if (r % 16 < 2) {
		testvm_access(t, &t->m.pio, X86_PORT_PCI + (r >> 8) % 8, val,
			      size > 4 ? 4 : size, r & 1 << 20);
		return;
	}
	testvm_access(t, &t->m.mmio, wild_address(seed, bar), val, size, r & 1 << 20);
}

TEST_F(regs, a_wild_guest_breaks_nothing)
{
	struct testvm *t = &self->t;
	u64 seed = 88172645463325252ULL, *ram = ram_ptr(&t->m.ram, 0x200000, 0x60000);
	unsigned int round, i;

	for (round = 0; round < 60; round++) {
		u64 rng_bar = self->bar + 0x10000;

		virtio_pci_reset(&self->net_pci);
		virtio_pci_reset(&self->rng_pci);
		pci_bus_reset(&t->pci);
		cfg_write(t, NET_SLOT, PCI_COMMAND, 7, 2);
		cfg_write(t, RNG_SLOT, PCI_COMMAND, 7, 2);
		start_net(t, self->bar, F_NET | (round % 2 ? VIRTIO_BIT(F_RING_PACKED) : 0));
		negotiate(t, rng_bar, F_V1 | (round % 2 ? VIRTIO_BIT(F_RING_PACKED) : 0));
		setup_queue(t, rng_bar, 0, 64, 0x250000);
		set_status(t, rng_bar, DRIVER_UP);
		for (i = 0; i < 3000; i++) {
			wild_access(t, &seed, self->bar);
			ram[test_random(&seed) % (0x60000 / 8)] = test_random(&seed);
			if (i % 16)
				continue;
			mmio_write(t, self->bar + NOTIFY + 4 * 2 * PAIRS, 0, 2);
			mmio_write(t, rng_bar + NOTIFY, 0, 2);
			testvm_run_loop(t);
		}
	}
	/* And after all that an orderly driver finds an orderly device. */
	virtio_pci_reset(&self->net_pci);
	pci_bus_reset(&t->pci);
	cfg_write(t, NET_SLOT, PCI_COMMAND, 6, 2);
	EXPECT_EQ(DRIVER_UP, start_net(t, self->bar, F_NET));
}

TEST_HARNESS_MAIN
