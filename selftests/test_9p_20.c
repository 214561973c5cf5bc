// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: what is on the disk when a write is answered. With FERRY_9P_F_WRITEOUT all that
 * was written, as where the guest opened the file with O_DSYNC; otherwise nothing has to be.
 */
#include "export.h"
#include "p9.h"
#include "test.h"

#define BLOCK	4096U
#define BATCH	8

FIXTURE(stable) {
	struct p9 p;
	uint8_t block[BLOCK];
	uint32_t seed;
};

FIXTURE_VARIANT(stable) {
	unsigned int flags;
	uint32_t open;		/* flags that the guest adds */
	bool stable;
};

FIXTURE_VARIANT_ADD(stable, by_nobody) { 0, 0, false };
FIXTURE_VARIANT_ADD(stable, by_the_guest) { 0, FERRY_P9_O_DSYNC, true };
FIXTURE_VARIANT_ADD(stable, by_the_export) { FERRY_9P_F_WRITEOUT, 0, true };

FIXTURE_SETUP(stable)
{
	int err;

	TEST_REQUIRE(p9_available(), "no " DEV_9P_PATH);
	err = __export_mount("ext4");
	TEST_REQUIRE(!err, "no ext4 here: %s", strerror(-err));
	p9_open(&self->p, export_dir(), FERRY_9P_MODEL_PASSTHROUGH, variant->flags);
	self->seed = getpid();
}

FIXTURE_TEARDOWN(stable)
{
	export_unserve(&self->p);
}

/* Bytes that are nowhere else. */
static const uint8_t *fill(uint8_t *block, uint32_t *seed)
{
	for (unsigned int i = 0; i < BLOCK; i++) {
		*seed = *seed * 1664525 + 1013904223;
		block[i] = *seed >> 24;
	}
	return block;
}

TEST_F(stable, a_file_that_is_made)
{
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_lcreate(&self->p, 1, "f", FERRY_P9_O_RDWR | variant->open, 0600, 0));
	for (uint64_t i = 0; i < 4; i++) {
		fill(self->block, &self->seed);
		ASSERT_EQ(BLOCK, p9_write(&self->p, 1, i * BLOCK, self->block, BLOCK));
		EXPECT_EQ(variant->stable, export_stores(self->block, BLOCK));
	}
	/* At the latest now. */
	ASSERT_EQ(0, p9_call(&self->p, FERRY_P9_TFSYNC, "44", P9_U64(1), P9_U64(0)));
	EXPECT_TRUE(export_stores(self->block, BLOCK));
}

TEST_F(stable, a_file_that_is_there)
{
	export_write(export_path("export/f"), "");
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "f"));
	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_WRONLY | FERRY_P9_O_APPEND | variant->open));
	fill(self->block, &self->seed);
	ASSERT_EQ(BLOCK, p9_write(&self->p, 1, 0, self->block, BLOCK));
	EXPECT_EQ(variant->stable, export_stores(self->block, BLOCK));
}

TEST_F(stable, writes_of_one_kick)
{
	uint8_t block[BATCH][BLOCK];
	int i, answered = 0;

	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_lcreate(&self->p, 1, "f", FERRY_P9_O_RDWR | variant->open, 0600, 0));
	for (i = 0; i < BATCH; i++) {
		self->p.tag = 10 + i;
		p9_queue(&self->p, i, FERRY_P9_TWRITE, "484d", P9_U64(1), P9_U64(i) * BLOCK,
			 P9_U64(BLOCK), fill(block[i], &self->seed), P9_U64(BLOCK));
	}
	p9_kick(&self->p);
	while (answered < BATCH) {
		i = p9_recv(&self->p, DEV_PATIENCE_MS);
		ASSERT_LE(0, i);
		ASSERT_EQ(0, p9_result(&self->p, FERRY_P9_TWRITE));
		EXPECT_EQ(variant->stable, export_stores(block[i], BLOCK));
		answered++;
	}
}

/* Its clients have no word for O_DSYNC. */
TEST_F(stable, an_old_client)
{
	ASSERT_EQ(0, p9_version(&self->p, "9P2000.u", P9_MSIZE));
	ASSERT_EQ(0, p9_attach(&self->p, 0, 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_call(&self->p, FERRY_P9_TCREATE, "4s41s", P9_U64(1), "f", P9_U64(0600),
			     P9_U64(FERRY_P9_O_RDWR), NULL));
	fill(self->block, &self->seed);
	ASSERT_EQ(BLOCK, p9_write(&self->p, 1, 0, self->block, BLOCK));
	EXPECT_EQ(!!(variant->flags & FERRY_9P_F_WRITEOUT), export_stores(self->block, BLOCK));
}

TEST_HARNESS_MAIN
