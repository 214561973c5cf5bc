// SPDX-License-Identifier: GPL-2.0
/*
 * vhost ABI: VRING_NUM, VRING_BASE and VRING_ADDR, what each of them refuses,
 * and what may not change while the queue runs.
 */
#include "test.h"

FIXTURE(vring) {
	struct rig g;
	unsigned int last;
	struct vhost_vring_addr a;
};

NODE_VARIANTS(vring);

FIXTURE_SETUP(vring)
{
	struct ring *r;

	NODE_RIG_INIT(&self->g, &variant->node);
	self->last = self->g.queues - 1;
	r = &self->g.ring[self->last];
	self->a = (struct vhost_vring_addr){
		.index = self->last,
		.desc_user_addr = (uintptr_t)r->desc,
		.avail_user_addr = (uintptr_t)r->avail,
		.used_user_addr = (uintptr_t)r->used,
	};
}

FIXTURE_TEARDOWN(vring)
{
	rig_destroy(&self->g);
}

typedef FIXTURE_DATA(vring) vring_t;

static int num(vring_t *self, int n)
{
	return __dev_vring(&self->g.dev, VHOST_SET_VRING_NUM, self->last, n);
}

static int base(vring_t *self, int n)
{
	return __dev_vring(&self->g.dev, VHOST_SET_VRING_BASE, self->last, n);
}

static int addr(vring_t *self)
{
	return __dev_ioctl(&self->g.dev, VHOST_SET_VRING_ADDR, &self->a);
}

TEST_F(vring, num_takes_every_power_of_two)
{
	for (int n = 1; n <= 32768; n *= 2)
		EXPECT_EQ(0, num(self, n));
}

TEST_F(vring, num_refuses_others)
{
	const int bad[] = { 0, 3, 255, 257, 32769, 65535, 65536, 65537, 0x7fffffff, -1,
			    -2147483647 - 1 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		EXPECT_EQ(-EINVAL, num(self, bad[i])) {
			TH_LOG("num %d", bad[i]);
		}
	}
}

TEST_F(vring, num_of_a_packed_ring_may_be_odd)
{
	if (variant->node.intree)
		SKIP(return, "in-tree has no packed rings");
	ASSERT_EQ(0, __dev_set_features(&self->g.dev, F_PACKED | F_VERSION_1));
	EXPECT_EQ(0, num(self, 1));
	EXPECT_EQ(0, num(self, 7));
	EXPECT_EQ(0, num(self, 32768));
	EXPECT_EQ(-EINVAL, num(self, 0));
	EXPECT_EQ(-EINVAL, num(self, 65536));
}

TEST_F(vring, num_is_busy_while_running)
{
	rig_start(&self->g);
	EXPECT_EQ(-EBUSY, num(self, 128));
	EXPECT_EQ(-EBUSY, num(self, 256));
	rig_ping(&self->g, self->last);
	rig_stop(&self->g);
	EXPECT_EQ(0, num(self, 128));
}

TEST_F(vring, base_of_a_split_ring_has_16_bits)
{
	EXPECT_EQ(0, base(self, 0));
	EXPECT_EQ(0, base(self, 0xffff));
	EXPECT_EQ(0xffff, dev_vring_base(&self->g.dev, self->last));
	EXPECT_EQ(-EINVAL, base(self, 0x10000));
	EXPECT_EQ(-EINVAL, base(self, -1));
	EXPECT_EQ(0xffff, dev_vring_base(&self->g.dev, self->last));
}

TEST_F(vring, base_of_a_packed_ring_has_two_halves)
{
	if (variant->node.intree)
		SKIP(return, "in-tree has no packed rings");
	ASSERT_EQ(0, __dev_set_features(&self->g.dev, F_PACKED | F_VERSION_1));
	EXPECT_EQ(0, base(self, 0x80008000));
	EXPECT_EQ(0x80008000, dev_vring_base(&self->g.dev, self->last));
	EXPECT_EQ(0, base(self, 0x00058003));
	EXPECT_EQ(0x00058003, dev_vring_base(&self->g.dev, self->last));
	/* As DPDK's virtio-user tells it: both are there. */
	EXPECT_EQ(0, base(self, 0x8000));
	EXPECT_EQ(0x80008000, dev_vring_base(&self->g.dev, self->last));
	EXPECT_EQ(0, base(self, 0x8005));
	EXPECT_EQ(0x80058005, dev_vring_base(&self->g.dev, self->last));
}

TEST_F(vring, base_is_busy_while_running)
{
	rig_start(&self->g);
	EXPECT_EQ(-EBUSY, base(self, 0));
	rig_ping(&self->g, self->last);
	EXPECT_EQ(1, dev_vring_base(&self->g.dev, self->last));
	rig_stop(&self->g);
	EXPECT_EQ(1, dev_vring_base(&self->g.dev, self->last));
	EXPECT_EQ(0, base(self, 0));
}

TEST_F(vring, addr_flags)
{
	self->a.flags = 1 << VHOST_VRING_F_LOG;
	EXPECT_EQ(0, addr(self));
	for (int bit = 1; bit < 32; bit++) {
		self->a.flags = 1U << bit;
		EXPECT_EQ(-EOPNOTSUPP, addr(self));
	}
}

TEST_F(vring, addr_alignment)
{
	struct vhost_vring_addr good = self->a;

	EXPECT_EQ(0, addr(self));
	self->a.avail_user_addr += 1;
	EXPECT_EQ(-EINVAL, addr(self));
	self->a = good;
	for (int i = 1; i < 4; i++) {
		self->a.used_user_addr = good.used_user_addr + i;
		EXPECT_EQ(-EINVAL, addr(self));
	}
	self->a = good;
	for (int i = 1; i < 4; i++) {
		self->a.log_guest_addr = 0x1000 + i;
		EXPECT_EQ(-EINVAL, addr(self));
	}
	self->a = good;
	self->a.avail_user_addr += 2;
	self->a.used_user_addr += 4;
	EXPECT_EQ(0, addr(self));
}

TEST_F(vring, addr_live)
{
	rig_start(&self->g);
	EXPECT_EQ(0, addr(self));
	rig_ping(&self->g, self->last);
}

TEST_F(vring, addr_live_must_be_accessible)
{
	struct vhost_vring_addr good = self->a;

	rig_start(&self->g);
	self->a.desc_user_addr = 0xffff888000000000ULL;
	EXPECT_EQ(-EINVAL, addr(self));
	self->a = good;
	self->a.avail_user_addr = 0xffff888000000000ULL;
	EXPECT_EQ(-EINVAL, addr(self));
	self->a = good;
	self->a.used_user_addr = -64ULL;
	EXPECT_EQ(-EINVAL, addr(self));
	rig_ping(&self->g, self->last);
}

TEST_F(vring, indices_out_of_range)
{
	static const unsigned long reqs[] = {
		VHOST_SET_VRING_NUM, VHOST_SET_VRING_ADDR, VHOST_SET_VRING_BASE,
		VHOST_GET_VRING_BASE, VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL,
		VHOST_SET_VRING_ERR, VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
		VHOST_GET_VRING_BUSYLOOP_TIMEOUT,
	};
	const uint32_t index[] = { self->g.dev.nvq, self->g.dev.nvq + 1, 0x7fffffff, 0x80000000,
				   0xffffffff };

	for (size_t i = 0; i < sizeof(reqs) / sizeof(*reqs); i++)
		for (size_t j = 0; j < sizeof(index) / sizeof(*index); j++) {
			self->a.index = index[j];
			EXPECT_EQ(-ENOBUFS, __dev_ioctl(&self->g.dev, reqs[i], &self->a)) {
				TH_LOG("ioctl %#lx index %u", reqs[i], index[j]);
			}
		}
}

TEST_F(vring, bad_pointers)
{
	static const unsigned long reqs[] = {
		VHOST_SET_VRING_NUM, VHOST_SET_VRING_ADDR, VHOST_SET_VRING_BASE,
		VHOST_GET_VRING_BASE, VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL,
		VHOST_SET_VRING_ERR, VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
		VHOST_GET_VRING_BUSYLOOP_TIMEOUT, VHOST_SET_LOG_BASE, VHOST_SET_LOG_FD,
	};
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* The index of queue 0 is readable, what follows is not. */
	char *half = page + 4096 - 4;

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, munmap(page + 4096, 4096));
	for (size_t i = 0; i < sizeof(reqs) / sizeof(*reqs); i++) {
		EXPECT_EQ(-EFAULT, __dev_ioctl(&self->g.dev, reqs[i], NULL)) {
			TH_LOG("ioctl %#lx", reqs[i]);
		}
		EXPECT_EQ(-EFAULT, __dev_ioctl(&self->g.dev, reqs[i], (void *)-4096L));
		if (reqs[i] == VHOST_SET_LOG_FD)
			continue;
		EXPECT_EQ(-EFAULT, __dev_ioctl(&self->g.dev, reqs[i], half)) {
			TH_LOG("ioctl %#lx", reqs[i]);
		}
	}
}

TEST_F(vring, busyloop_timeout_is_kept)
{
	struct vhost_vring_state s = { .index = self->last };

	dev_ioctl(&self->g.dev, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, &s);
	EXPECT_EQ(0, s.num);
	EXPECT_EQ(0, __dev_vring(&self->g.dev, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, self->last, 50));
	dev_ioctl(&self->g.dev, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, &s);
	EXPECT_EQ(50, s.num);
	EXPECT_EQ(self->last, s.index);
	rig_start(&self->g);
	rig_ping(&self->g, self->last);
	EXPECT_EQ(0, __dev_vring(&self->g.dev, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, self->last, 0));
	rig_ping(&self->g, self->last);
}

TEST_F(vring, unknown_ioctls)
{
	struct vhost_vring_state s = { .index = 0 };

	EXPECT_EQ(-ENOTTY, __dev_ioctl(&self->g.dev, _IO(VHOST_VIRTIO, 0xee), &s));
	EXPECT_EQ(-ENOTTY, __dev_ioctl(&self->g.dev, _IOW('x', 0x10, struct vhost_vring_state),
				       &s));
	EXPECT_EQ(-ENOTTY, __dev_ioctl(&self->g.dev, 0, &s));
	/* Right number, wrong size. */
	EXPECT_EQ(-ENOTTY, __dev_ioctl(&self->g.dev, _IOW(VHOST_VIRTIO, 0x10, uint64_t[8]), &s));
}

TEST_F(vring, another_kinds_backend_ioctl_is_unknown)
{
	struct vhost_vring_state s = { .index = 0 };
	unsigned long other = variant->node.kind == DEV_NET ? FERRY_NULL_SET_BACKEND :
							      VHOST_NET_SET_BACKEND;

	EXPECT_EQ(-ENOTTY, __dev_ioctl(&self->g.dev, other, &s));
}

TEST_HARNESS_MAIN
