// SPDX-License-Identifier: GPL-2.0
/*
 * vhost ABI: SET_MEM_TABLE. Which tables are accepted, and with which error each
 * wrong one is refused, stopped and running.
 */
#include "test.h"

#define REGIONS_MAX	64

struct table {
	uint32_t nregions;
	uint32_t padding;
	struct vhost_memory_region r[REGIONS_MAX + 1];
};

FIXTURE(mem_table) {
	struct rig g;
	struct table t;
};

NODE_VARIANTS(mem_table);

FIXTURE_SETUP(mem_table)
{
	NODE_RIG_INIT(&self->g, &variant->node);
	self->t.nregions = 1;
	self->t.r[0].guest_phys_addr = 0;
	self->t.r[0].memory_size = RIG_BUF_SIZE;
	self->t.r[0].userspace_addr = (uintptr_t)rig_buf(&self->g, 0);
}

FIXTURE_TEARDOWN(mem_table)
{
	rig_destroy(&self->g);
}

typedef FIXTURE_DATA(mem_table) mem_table_t;

/* The in-tree device judges user addresses only while a queue runs. */
static void start_intree(mem_table_t *self, const struct test_node *node)
{
	if (node->intree)
		rig_start(&self->g);
}

static int set(mem_table_t *self)
{
	return __dev_ioctl(&self->g.dev, VHOST_SET_MEM_TABLE, &self->t);
}

TEST_F(mem_table, one_region)
{
	EXPECT_EQ(0, set(self));
}

TEST_F(mem_table, none)
{
	self->t.nregions = 0;
	EXPECT_EQ(0, set(self));
}

TEST_F(mem_table, padding)
{
	self->t.padding = 1;
	EXPECT_EQ(-EOPNOTSUPP, set(self));
}

static void fill(mem_table_t *self, uint32_t n)
{
	self->t.nregions = n;
	for (uint32_t i = 0; i < n && i <= REGIONS_MAX; i++) {
		self->t.r[i] = self->t.r[0];
		self->t.r[i].memory_size = 0x1000;
		self->t.r[i].guest_phys_addr = 0x1000ULL * (n - i);
	}
}

TEST_F(mem_table, as_many_as_allowed_in_any_order)
{
	fill(self, REGIONS_MAX);
	EXPECT_EQ(0, set(self));
}

TEST_F(mem_table, too_many)
{
	fill(self, REGIONS_MAX + 1);
	EXPECT_EQ(-E2BIG, set(self));
	self->t.nregions = 0xffffffff;
	EXPECT_EQ(-E2BIG, set(self));
}

TEST_F(mem_table, bad_pointer)
{
	EXPECT_EQ(-EFAULT, __dev_ioctl(&self->g.dev, VHOST_SET_MEM_TABLE, NULL));
	EXPECT_EQ(-EFAULT, __dev_ioctl(&self->g.dev, VHOST_SET_MEM_TABLE, (void *)-8L));
}

TEST_F(mem_table, regions_behind_the_end_of_memory)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vhost_memory *t = (void *)(p + 4096 - sizeof(*t));

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, munmap(p + 4096, 4096));
	t->nregions = 1;
	EXPECT_EQ(-EFAULT, __dev_ioctl(&self->g.dev, VHOST_SET_MEM_TABLE, t));
}

TEST_F(mem_table, empty_region)
{
	self->t.r[0].guest_phys_addr = 0x1000;
	self->t.r[0].memory_size = 0;
	EXPECT_EQ(-EFAULT, set(self));
}

TEST_F(mem_table, empty_region_at_zero)
{
	if (variant->node.intree)
		SKIP(return, "in-tree takes it for all of the address space");
	self->t.r[0].memory_size = 0;
	EXPECT_EQ(-EFAULT, set(self));
}

TEST_F(mem_table, guest_addresses_wrap)
{
	self->t.r[0].guest_phys_addr = -0x1000ULL;
	self->t.r[0].memory_size = 0x2000;
	EXPECT_EQ(-EFAULT, set(self));
}

TEST_F(mem_table, user_addresses_wrap)
{
	start_intree(self, &variant->node);
	self->t.r[0].userspace_addr = -0x1000ULL;
	self->t.r[0].memory_size = 0x2000;
	EXPECT_EQ(-EFAULT, set(self));
}

TEST_F(mem_table, all_there_is)
{
	start_intree(self, &variant->node);
	self->t.r[0].memory_size = ~0ULL;
	EXPECT_EQ(-EFAULT, set(self));
}

TEST_F(mem_table, kernel_memory)
{
	start_intree(self, &variant->node);
	self->t.r[0].userspace_addr = 0xffff888000000000ULL;
	EXPECT_EQ(-EFAULT, set(self));
}

TEST_F(mem_table, overlap)
{
	if (variant->node.intree)
		SKIP(return, "in-tree keeps overlapping regions");
	fill(self, 2);
	self->t.r[0].guest_phys_addr = 0x10000;
	self->t.r[1].guest_phys_addr = 0x10fff;
	EXPECT_EQ(-EFAULT, set(self));
	self->t.r[1].guest_phys_addr = 0x11000;
	EXPECT_EQ(0, set(self));
	self->t.r[1].guest_phys_addr = 0x10000;
	EXPECT_EQ(-EFAULT, set(self));
}

TEST_F(mem_table, live)
{
	rig_start(&self->g);
	EXPECT_EQ(0, __dev_set_mem(&self->g.dev, &self->g.mem));
	rig_ping(&self->g, self->g.queues - 1);
}

TEST_F(mem_table, a_refused_table_changes_nothing)
{
	rig_start(&self->g);
	self->t.r[0].userspace_addr = -0x1000ULL;
	EXPECT_EQ(-EFAULT, set(self));
	self->t.padding = 1;
	EXPECT_EQ(-EOPNOTSUPP, set(self));
	rig_ping(&self->g, self->g.queues - 1);
}

TEST_HARNESS_MAIN
