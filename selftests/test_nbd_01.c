// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/ferry-blk on a network block device, attached as its user attaches it, and on a
 * device-mapper device above it: what the guest writes is in the file that the server exports.
 */
#include "nbdsrv.h"
#include "test_blk.h"

FIXTURE(network) {
	struct nbdsrv server;
	struct disk disk;
	struct dm dm;
	struct blk b;
	char node[32];
};

FIXTURE_VARIANT(network) {
	const char *target;	/* of device-mapper, NULL: none */
	bool packed;
};

FIXTURE_VARIANT_ADD(network, nbd) { .packed = true };
FIXTURE_VARIANT_ADD(network, linear_on_nbd) { .target = "linear" };

/* The first node without a server. */
static bool free_node(char *node, size_t len)
{
	for (int i = 0; i < 16; i++) {
		snprintf(node, len, "/sys/block/nbd%d/pid", i);
		if (access(node, F_OK)) {
			snprintf(node, len, "/dev/nbd%d", i);
			return !access(node, F_OK);
		}
	}
	return false;
}

FIXTURE_SETUP(network)
{
	struct blk_options o = { .layout = { .num = 256, .packed = variant->packed } };
	const char *path = self->node;
	char table[128];
	int fd;

	if (__nbdsrv_init(&self->server, 32))
		SKIP(return, "%s", self->server.why);
	ASSERT_TRUE(free_node(self->node, sizeof(self->node)));
	ASSERT_EQ(0, shell("nbd-client -b 512 -t 3 -N disk 127.0.0.1 %u %s", self->server.port,
			   self->node));
	if (variant->target) {
		TEST_REQUIRE(dm_target("dm_mod"), "no device mapper");
		/* From the second MiB on. */
		snprintf(table, sizeof(table), "0 %u %s %s 2048", 31 * 2048, variant->target,
			 self->node);
		ASSERT_EQ(0, __dm_create(&self->dm, table));
		path = self->dm.path;
	}
	fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	ASSERT_LE(0, fd);
	disk_adopt(&self->disk, path, fd);
	BLK_INIT(&self->b, &self->disk, &o);
	blk_start(&self->b);
}

FIXTURE_TEARDOWN(network)
{
	if (self->b.disk)
		blk_destroy(&self->b);
	if (self->disk.fd > 0)
		close(self->disk.fd);
	dm_remove(&self->dm);
	if (self->node[0])
		EXPECT_EQ(0, shell("nbd-client -d %s", self->node));
	nbdsrv_destroy(&self->server);
}

TEST_F(network, bytes_reach_the_server)
{
	uint64_t base = variant->target ? 1 << 20 : 0;
	struct blk *b = &self->b;

	ASSERT_EQ((32ULL << 20) - base, b->be.capacity << 9);
	for (uint32_t len = 512; len <= 65536; len *= 4) {
		struct blk_req r = { T_OUT, len / 512 * 5, BLK_AT(1), len };

		blk_fill(blk_mem(b, r.at), len, base + (r.sector << 9), len);
		ASSERT_EQ(S_OK, blk_do(b, 0, &r));
		ASSERT_EQ(S_OK, blk_flush(b));
		EXPECT_TRUE(nbdsrv_filled(&self->server, len, base + (r.sector << 9), len));
		ASSERT_EQ(S_OK, blk_read(b, r.sector, BLK_AT(2), len));
		EXPECT_EQ(0, memcmp(blk_mem(b, BLK_AT(1)), blk_mem(b, BLK_AT(2)), len));
	}
}

TEST_F(network, flush_and_discard_are_there)
{
	EXPECT_TRUE(blk_has(&self->b, VIRTIO_BLK_F_FLUSH));
	EXPECT_TRUE(blk_has(&self->b, VIRTIO_BLK_F_DISCARD));
	EXPECT_EQ(S_OK, blk_flush(&self->b));
	EXPECT_EQ(S_OK, blk_range(&self->b, VIRTIO_BLK_T_DISCARD, 0, 4096, 0));
}

TEST_F(network, mixed_load_is_verified)
{
	struct load *l = calloc(1, sizeof(*l));

	load_init(l, &self->b, 0, 0, 16384);
	EXPECT_EQ(LOAD_FINE, load_run(l, test_scale(4000))) TH_LOG("%s", l->what);
	EXPECT_EQ(LOAD_FINE, load_verify(l)) TH_LOG("%s", l->what);
	load_destroy(l);
	free(l);
}

/* What was under way fails when the device's timeout says so, and what comes later at once. */
TEST_F(network, a_lost_server_is_an_error)
{
	struct load *l = calloc(1, sizeof(*l));

	load_init(l, &self->b, 0, 0, 16384);
	l->may_fail = true;
	load_start(l);
	EXPECT_EQ(LOAD_FINE, load_wait(l, test_scale(500)));
	EXPECT_EQ(0, l->failed);
	nbdsrv_kill(&self->server);
	EXPECT_EQ(LOAD_FINE, load_wait(l, 200)) TH_LOG("%s", l->what);
	EXPECT_EQ(LOAD_FINE, load_stop(l)) TH_LOG("%s", l->what);
	EXPECT_LT(0, l->failed);
	EXPECT_EQ(S_IOERR, blk_read(&self->b, 0, BLK_AT(1), 4096));
	EXPECT_EQ(S_IOERR, blk_write(&self->b, 0, BLK_AT(1), 4096));
	EXPECT_EQ(S_IOERR, blk_flush(&self->b));
	blk_stop(&self->b);
	load_destroy(l);
	free(l);
}

TEST_HARNESS_MAIN
