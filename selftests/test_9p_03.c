// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: hostile messages. Sizes that lie, bodies cut short everywhere, fids and tags
 * that are not there or twice, limits, and messages split at every byte. The server
 * answers each with an error, or stops the queue where there is no room for one.
 */
#include "export.h"
#include "p9.h"
#include "test.h"
#include <sys/stat.h>

FIXTURE(hostile) {
	struct p9 p;
};

FIXTURE_VARIANT(hostile) {
	struct ring_layout l;
};

FIXTURE_VARIANT_ADD(hostile, split) { .l = { .num = 128 } };
FIXTURE_VARIANT_ADD(hostile, packed) { .l = { .num = 128, .packed = true, .indirect = true } };

static void serve(struct p9 *p, struct ferry_9p_backend *b, const struct ring_layout *l)
{
	memset(p, 0, sizeof(*p));
	p->layout = *l;
	b->model = FERRY_9P_MODEL_PASSTHROUGH;
	b->uid = FERRY_9P_SELF;
	b->gid = FERRY_9P_SELF;
	b->fd = open(export_dir(), O_RDONLY | O_DIRECTORY);
	check_ok(__p9_open(p, b), "serve");
	close(b->fd);
	check_ok(p9_version(p, "9P2000.L", P9_MSIZE), "Tversion");
	check_ok(p9_attach(p, 0, 0), "Tattach");
}

FIXTURE_SETUP(hostile)
{
	struct ferry_9p_backend b = {};
	int err;

	TEST_REQUIRE(p9_available(), "no " DEV_9P_PATH);
	err = __export_mount("tmpfs");
	TEST_REQUIRE(!err, "no tmpfs here: %s", strerror(-err));
	serve(&self->p, &b, &variant->l);
	export_write(export_path("export/file"), "0123456789");
}

FIXTURE_TEARDOWN(hostile)
{
	p9_close(&self->p);
	export_unmount();
}

static bool alive(struct p9 *p)
{
	struct p9_stat st;

	return !p9_getattr(p, 0, &st);
}

TEST_F(hostile, sizes_that_lie)
{
	static const uint32_t lies[] = { 1, 6, 7, 10, 12, 1000, P9_MSIZE, P9_MSIZE + 1, 0x7fffffff,
					 0xffffffff };

	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		self->p.lie = lies[i];
		EXPECT_GT(0, p9_call(&self->p, FERRY_P9_TCLUNK, "4", P9_U64(0))) {
			TH_LOG("size %u", lies[i]);
		}
		EXPECT_GT(0, p9_call(&self->p, FERRY_P9_TWRITE, "484d", P9_U64(0), P9_U64(0),
				     P9_U64(3), "abc", P9_U64(3)));
	}
	self->p.lie = 0;
	EXPECT_TRUE(alive(&self->p));
}

TEST_F(hostile, every_body_cut_short_or_too_long)
{
	static const uint8_t zeroes[64];

	for (unsigned int type = 0; type < 256; type++) {
		if (type == FERRY_P9_TVERSION || type == FERRY_P9_TFLUSH)
			continue;
		for (uint64_t len = 0; len < sizeof(zeroes); len++) {
			self->p.tag = 1;
			p9_send(&self->p, 0, type, "d", zeroes, len);
			ASSERT_EQ(0, p9_recv(&self->p, DEV_PATIENCE_MS));
			ASSERT_LE((uint32_t)FERRY_P9_HEADER, self->p.rx_len);
		}
		/* A clunk of fid 0 that was well-formed went through. */
		if (!alive(&self->p))
			ASSERT_EQ(0, p9_attach(&self->p, 0, 0));
	}
	EXPECT_TRUE(alive(&self->p));
}

TEST_F(hostile, strings_longer_than_the_message)
{
	EXPECT_EQ(-EINVAL, p9_call(&self->p, FERRY_P9_TWALK, "44222d", P9_U64(0), P9_U64(1),
				   P9_U64(1), P9_U64(0xffff), P9_U64(0), "a", P9_U64(1)));
	EXPECT_EQ(-EINVAL, p9_call(&self->p, FERRY_P9_TWALK, "442", P9_U64(0), P9_U64(1),
				   P9_U64(17)));
	EXPECT_EQ(-EINVAL, p9_call(&self->p, FERRY_P9_TWALK, "442", P9_U64(0), P9_U64(1),
				   P9_U64(0xffff)));
	EXPECT_EQ(-EINVAL, p9_call(&self->p, FERRY_P9_TWRITE, "484d", P9_U64(0), P9_U64(0),
				   P9_U64(0xffffffff), "abc", P9_U64(3)));
	EXPECT_TRUE(alive(&self->p));
}

TEST_F(hostile, fids_that_are_not_there)
{
	struct p9_stat st;
	char c;

	for (int i = 0; i < 3; i++) {
		uint32_t fid = i == 0 ? 77 : i == 1 ? FERRY_P9_NOFID : 0x80000000;

		EXPECT_EQ(-EBADF, p9_getattr(&self->p, fid, &st));
		EXPECT_EQ(-EBADF, p9_clunk(&self->p, fid));
		EXPECT_EQ(-EBADF, p9_walk(&self->p, fid, 5, "file"));
		EXPECT_EQ(-EBADF, p9_read(&self->p, fid, 0, &c, 1));
		EXPECT_EQ(-EBADF, p9_write(&self->p, fid, 0, "c", 1));
		EXPECT_EQ(-EBADF, p9_renameat(&self->p, 0, "file", fid, "x"));
		EXPECT_EQ(-EBADF, p9_call(&self->p, FERRY_P9_TLINK, "44s", P9_U64(0),
					  P9_U64(fid), "x"));
	}
	EXPECT_EQ(-EINVAL, p9_walk(&self->p, 0, FERRY_P9_NOFID, NULL));
	EXPECT_EQ(-EINVAL, p9_attach(&self->p, 0, 0));
	/* Not open, and then open twice. */
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "file"));
	EXPECT_EQ(-EBADF, p9_read(&self->p, 1, 0, &c, 1));
	EXPECT_EQ(-EBADF, p9_write(&self->p, 1, 0, "c", 1));
	EXPECT_EQ(-EBADF, p9_call(&self->p, FERRY_P9_TFSYNC, "44", P9_U64(1), P9_U64(0)));
	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
	EXPECT_EQ(-EINVAL, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
	EXPECT_EQ(-EINVAL, p9_lcreate(&self->p, 1, "x", 0, 0644, 0));
	EXPECT_EQ(-EBADF, p9_write(&self->p, 1, 0, "c", 1));
	EXPECT_EQ(-EINVAL, p9_read(&self->p, 1, 1ULL << 63, &c, 1));
	EXPECT_EQ(-EINVAL, p9_walk(&self->p, 1, 1, NULL));
	/* A number is free again once clunked. */
	EXPECT_EQ(0, p9_clunk(&self->p, 1));
	EXPECT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
}

TEST_F(hostile, before_tversion_nothing_is_served)
{
	struct p9_stat st;

	EXPECT_EQ(0, p9_call(&self->p, FERRY_P9_TVERSION, "4s", P9_U64(8192), "9P3000"));
	EXPECT_EQ(8192, (int)p9_get(&self->p, 4));
	EXPECT_EQ(7, (int)p9_get(&self->p, 2));
	EXPECT_EQ(0, memcmp(self->p.rx.p, "unknown", 7));
	EXPECT_EQ(-EOPNOTSUPP, p9_attach(&self->p, 0, 0));
	EXPECT_EQ(-EOPNOTSUPP, p9_getattr(&self->p, 0, &st));
	EXPECT_EQ(-EMSGSIZE, p9_version(&self->p, "9P2000.L", 4095));
	ASSERT_EQ(0, p9_version(&self->p, "9P2000.L", 0xffffffff));
	EXPECT_EQ(512U << 10, p9_get(&self->p, 4));
	ASSERT_EQ(0, p9_attach(&self->p, 0, 0));
	EXPECT_TRUE(alive(&self->p));
	/* Another Tversion forgets every fid. */
	ASSERT_EQ(0, p9_version(&self->p, "9P2000.L", P9_MSIZE));
	EXPECT_EQ(-EBADF, p9_getattr(&self->p, 0, &st));
}

TEST_F(hostile, authentication_is_refused)
{
	EXPECT_EQ(-EOPNOTSUPP, p9_call(&self->p, FERRY_P9_TAUTH, "4ss4", P9_U64(9), "u", "",
				       P9_U64(0)));
	EXPECT_EQ(-EINVAL, p9_call(&self->p, FERRY_P9_TATTACH, "44ss4", P9_U64(9), P9_U64(3), "u",
				   "", P9_U64(0)));
	EXPECT_EQ(-EOPNOTSUPP, p9_call(&self->p, FERRY_P9_TOPEN, "41", P9_U64(0), P9_U64(0)));
	EXPECT_EQ(-EOPNOTSUPP, p9_call(&self->p, FERRY_P9_RLERROR, "4", P9_U64(0)));
	EXPECT_EQ(-EOPNOTSUPP, p9_call(&self->p, 255, "4", P9_U64(0)));
}

TEST_F(hostile, messages_split_at_every_byte)
{
	struct p9_stat st;
	char buf[16];

	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "file"));
	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDWR));
	for (uint32_t at = 1; at < 40; at++) {
		self->p.split = at;
		ASSERT_EQ(0, p9_getattr(&self->p, 1, &st));
		EXPECT_EQ(10U, st.size);
		ASSERT_EQ(10, p9_write(&self->p, 1, 0, "abcdefghij", 10));
		memset(buf, 0, sizeof(buf));
		ASSERT_EQ(10, p9_read(&self->p, 1, 0, buf, sizeof(buf)));
		EXPECT_EQ(0, memcmp(buf, "abcdefghij", 10));
		ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "file"));
		ASSERT_EQ(0, p9_clunk(&self->p, 2));
	}
}

TEST_F(hostile, an_answer_has_to_fit)
{
	char buf[64];

	self->p.room = 11;
	struct p9_stat st;
	EXPECT_EQ(-EMSGSIZE, p9_getattr(&self->p, 0, &st));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "") ? 0 : 0);
	self->p.room = 64;
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "file"));
	ASSERT_EQ(0, p9_lopen(&self->p, 2, FERRY_P9_O_RDONLY));
	self->p.room = 11 + 4;
	EXPECT_EQ(4, p9_read(&self->p, 2, 0, buf, 10));
	self->p.room = 11;
	EXPECT_EQ(0, p9_read(&self->p, 2, 0, buf, 10));
}

/* A dialect changes what the shortest error is, that of its Tversion among them. */
TEST_F(hostile, a_new_dialect_has_to_fit)
{
	static const char * const name[] = { "9P2000", "9P2000.u" };

	for (uint32_t room = 11; room < 19; room++) {
		for (int i = 0; i < 2; i++) {
			self->p.room = P9_ROOM;
			ASSERT_EQ(0, p9_version(&self->p, "9P2000.L", P9_MSIZE));
			self->p.room = room;
			EXPECT_NE(0, p9_version(&self->p, name[i], P9_MSIZE));
			EXPECT_EQ(room < 13 ? FERRY_P9_RLERROR : FERRY_P9_RERROR,
				  self->p.rx_type);
			EXPECT_GE(room, self->p.rx_len);
		}
	}
}

TEST_F(hostile, no_room_for_an_error_stops_the_queue)
{
	self->p.room = 10;
	EXPECT_EQ(-P9_NO_ANSWER, p9_clunk(&self->p, 0));
	EXPECT_NE(0U, event_wait(self->p.dev.err[0], DEV_PATIENCE_MS));
}

TEST_F(hostile, duplicate_tags)
{
	unsigned int refused = 0;

	self->p.tag = 9;
	for (unsigned int i = 0; i < 8; i++)
		p9_queue(&self->p, i, FERRY_P9_TFSYNC, "44", P9_U64(0), P9_U64(0));
	p9_kick(&self->p);
	for (unsigned int i = 0; i < 8; i++) {
		ASSERT_LE(0, p9_recv(&self->p, DEV_PATIENCE_MS));
		refused += p9_result(&self->p, FERRY_P9_TFSYNC) == -EINVAL;
	}
	EXPECT_LT(0U, refused);
	self->p.tag = FERRY_P9_NOTAG;
	p9_send(&self->p, 0, FERRY_P9_TGETATTR, "48", P9_U64(0), P9_U64(0x7ff));
	ASSERT_EQ(0, p9_recv(&self->p, DEV_PATIENCE_MS));
	EXPECT_EQ(-EINVAL, p9_result(&self->p, FERRY_P9_TGETATTR));
	EXPECT_TRUE(alive(&self->p));
}

TEST_F(hostile, limits_hold)
{
	struct ferry_9p_backend b = { .fids = 10, .xattr_bytes = 100000, .msize = 8192 };
	int err = 0, n;

	p9_close(&self->p);
	serve(&self->p, &b, &variant->l);
	for (n = 1; !err && n < 100; n++)
		err = p9_walk(&self->p, 0, n, NULL);
	EXPECT_EQ(-EMFILE, err);
	EXPECT_EQ(11, n);
	EXPECT_EQ(0, p9_clunk(&self->p, 1));
	EXPECT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	EXPECT_EQ(-E2BIG, p9_call(&self->p, FERRY_P9_TXATTRCREATE, "4s84", P9_U64(1), "user.a",
				  P9_U64(65537), P9_U64(0)));
	EXPECT_EQ(-E2BIG, p9_call(&self->p, FERRY_P9_TXATTRCREATE, "4s84", P9_U64(1), "user.a",
				  ~0ULL, P9_U64(0)));
	/* A fid is replaced by another one: that takes a second for a while. */
	EXPECT_EQ(0, p9_clunk(&self->p, 9));
	EXPECT_EQ(0, p9_call(&self->p, FERRY_P9_TXATTRCREATE, "4s84", P9_U64(1), "user.a",
			     P9_U64(65536), P9_U64(0)));
	EXPECT_EQ(-ENOSPC, p9_call(&self->p, FERRY_P9_TXATTRCREATE, "4s84", P9_U64(2), "user.a",
				   P9_U64(65536), P9_U64(0)));
	/* Beyond what was announced, out of order, and by an offset that wraps. */
	EXPECT_EQ(-EINVAL, p9_write(&self->p, 1, 65535, "ab", 2));
	EXPECT_EQ(-EINVAL, p9_write(&self->p, 1, ~0ULL, "ab", 2));
	EXPECT_EQ(-EINVAL, p9_read(&self->p, 1, 0, &b, 1));
	/* Not all of it was written. */
	EXPECT_EQ(-EINVAL, p9_clunk(&self->p, 1));
	EXPECT_EQ(0, p9_call(&self->p, FERRY_P9_TXATTRCREATE, "4s84", P9_U64(2), "user.a",
			     P9_U64(2), P9_U64(0)));
	EXPECT_EQ(-ENOSPC, p9_write(&self->p, 2, 0, "abc", 3));
	EXPECT_EQ(2, p9_write(&self->p, 2, 0, "ab", 2));
	EXPECT_EQ(-ENOSPC, p9_write(&self->p, 2, 2, "a", 1));
}

TEST_HARNESS_MAIN
