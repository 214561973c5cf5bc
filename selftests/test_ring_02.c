// SPDX-License-Identifier: GPL-2.0
/*
 * Rings on /dev/ferry-null: unusual but legal buffers. Empty descriptors, buffers
 * that cross from region to region, the longest chain, tables longer than the
 * ring, tables across regions.
 */
#include "test.h"

#define NEXT	VRING_DESC_F_NEXT
#define WRITE	VRING_DESC_F_WRITE
#define TABLE	VRING_DESC_F_INDIRECT

/* Four adjacent regions, of pages that are anywhere in this process. */
#define PIECES		0x40000000ULL
#define PIECE		0x1000ULL
#define PIECES_N	4

FIXTURE(buffers) {
	struct rig g;
};

FIXTURE_VARIANT(buffers) {
	struct ring_layout l;
};

RING_VARIANTS(buffers);

FIXTURE_SETUP(buffers)
{
	struct rig_options o = { .kind = DEV_NULL, .layout = variant->l, .queues = 2 };

	o.layout.num = 1024;
	o.layout.table_max = 1024;
	o.features = F_INDIRECT;
	RIG_INIT(&self->g, &o);
	for (int i = 0; i < PIECES_N; i++) {
		/* Every other page, so that no two touch here as well. */
		char *p = mmap(NULL, 2 * PIECE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		ASSERT_NE(MAP_FAILED, p);
		ASSERT_EQ(0, munmap(p + PIECE, PIECE));
		mem_add_hva(&self->g.mem, PIECES + i * PIECE, p, PIECE);
	}
	dev_set_mem(&self->g.dev, &self->g.mem);
	rig_start(&self->g);
}

FIXTURE_TEARDOWN(buffers)
{
	rig_destroy(&self->g);
}

typedef FIXTURE_DATA(buffers) buffers_t;

static void expect_chain(struct __test_metadata *_metadata, buffers_t *self,
			 const struct ring_seg *seg, unsigned int n_out, unsigned int n_in)
{
	struct ring_used u;

	ASSERT_EQ(0, ring_add(&self->g.ring[0], seg, n_out, n_in, 77));
	dev_publish(&self->g.dev, 0, &self->g.ring[0]);
	ASSERT_EQ(1, dev_poll_used(&self->g.ring[0], &u, DEV_PATIENCE_MS));
	EXPECT_EQ(77, u.cookie);
	EXPECT_EQ(0, event_take(self->g.dev.err[0]));
}

TEST_F(buffers, empty_descriptors)
{
	struct ring_seg seg[4] = { { RIG_BUF, 0 }, { RIG_BUF, 5 }, { RIG_BUF, 0 }, { RIG_BUF, 0 } };

	expect_chain(_metadata, self, seg, 1, 0);
	expect_chain(_metadata, self, seg, 0, 1);
	expect_chain(_metadata, self, seg, 2, 2);
	expect_chain(_metadata, self, seg, 0, 4);
}

TEST_F(buffers, a_buffer_across_all_regions)
{
	struct ring_seg seg[2] = {
		{ PIECES, PIECES_N * PIECE },
		{ PIECES + 1, PIECES_N * PIECE - 2 },
	};

	expect_chain(_metadata, self, seg, 1, 1);
	expect_chain(_metadata, self, seg, 0, 2);
	expect_chain(_metadata, self, seg, 2, 0);
}

TEST_F(buffers, a_buffer_that_ends_with_its_region)
{
	struct ring_seg seg = { RIG_BUF + RIG_BUF_SIZE - 100, 100 };

	expect_chain(_metadata, self, &seg, 1, 0);
}

TEST_F(buffers, the_longest_chain)
{
	static struct ring_seg seg[1024];

	for (int i = 0; i < 1024; i++)
		seg[i] = (struct ring_seg){ RIG_BUF + 16 * i, 16 };
	for (int i = 0; i < 3; i++) {
		expect_chain(_metadata, self, seg, 1024, 0);
		expect_chain(_metadata, self, seg, 0, 1024);
		expect_chain(_metadata, self, seg, 3, 1021);
	}
}

TEST_F(buffers, every_piece_in_one_chain)
{
	static struct ring_seg seg[400];

	/* Each segment crosses a border: far more pieces than descriptors. */
	for (int i = 0; i < 400; i++)
		seg[i] = (struct ring_seg){ PIECES + 8, PIECES_N * PIECE - 16 };
	for (int i = 0; i < 3; i++)
		expect_chain(_metadata, self, seg, 200, 200);
}

/* A hand-made descriptor of queue 1 that names a table. */
static void expect_table(struct __test_metadata *_metadata, buffers_t *self, uint64_t table,
			 uint32_t len, uint16_t flags)
{
	struct ring_raw d = { .addr = table, .len = len, .flags = TABLE | flags };
	struct ring *r = &self->g.ring[1];
	struct ring_used u;

	r->slot[0].count = 1;
	ring_raw_add(r, &d, 1);
	dev_publish(&self->g.dev, 1, r);
	ASSERT_EQ(1, dev_poll_used(r, &u, DEV_PATIENCE_MS));
	EXPECT_EQ(0, event_take(self->g.dev.err[1]));
}

/* @n entries of a table in @packed's format, the last one writable. */
static void fill_table(void *at, unsigned int n, bool packed)
{
	struct vring_packed_desc *p = at;
	struct vring_desc *t = at;

	for (unsigned int i = 0; i < n; i++) {
		uint16_t flags = i + 1 == n ? WRITE : packed ? 0 : NEXT;

		if (packed)
			p[i] = (struct vring_packed_desc){ RIG_BUF, 64, 0, flags };
		else
			t[i] = (struct vring_desc){ RIG_BUF, 64, flags, i + 1 };
	}
}

TEST_F(buffers, a_table_across_two_regions)
{
	/* The second entry lies half in one region, half in the next. */
	struct vring_desc t[3];

	fill_table(t, 3, variant->l.packed);
	memcpy(mem_hva(&self->g.mem, PIECES + PIECE - 24), t, 24);
	memcpy(mem_hva(&self->g.mem, PIECES + PIECE), (char *)t + 24, 24);
	expect_table(_metadata, self, PIECES + PIECE - 24, 48, 0);
}

TEST_F(buffers, a_table_at_an_odd_address)
{
	struct vring_desc t[3];

	fill_table(t, 3, variant->l.packed);
	memcpy(rig_buf(&self->g, 4097), t, sizeof(t));
	expect_table(_metadata, self, RIG_BUF + 4097, sizeof(t), 0);
}

TEST_F(buffers, a_table_with_the_write_flag)
{
	fill_table(rig_buf(&self->g, 4096), 3, variant->l.packed);
	expect_table(_metadata, self, RIG_BUF + 4096, 48, WRITE);
}

TEST_F(buffers, a_table_of_one)
{
	fill_table(rig_buf(&self->g, 4096), 1, variant->l.packed);
	expect_table(_metadata, self, RIG_BUF + 4096, 16, 0);
}

TEST_HARNESS_MAIN
