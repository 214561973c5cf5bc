// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: clients that speak 9P2000.u or plain 9P2000 attach, walk, open, create,
 * read, write, stat, change and remove, and read directories as files.
 */
#include "export.h"
#include "p9.h"
#include "test.h"
#include <sys/stat.h>

FIXTURE(legacy) {
	struct p9 p;
};

FIXTURE_VARIANT(legacy) {
	const char *version;
	unsigned int model;
};

FIXTURE_VARIANT_ADD(legacy, u) { "9P2000.u", FERRY_9P_MODEL_PASSTHROUGH };
FIXTURE_VARIANT_ADD(legacy, u_mapped) { "9P2000.u", FERRY_9P_MODEL_MAPPED };
FIXTURE_VARIANT_ADD(legacy, plain) { "9P2000", FERRY_9P_MODEL_MAPPED };

FIXTURE_SETUP(legacy)
{
	EXPORT_SERVE(&self->p, "xattrs", variant->model);
	ASSERT_EQ(0, p9_version(&self->p, variant->version, P9_MSIZE));
	ASSERT_EQ(0, p9_attach(&self->p, 0, 0));
}

FIXTURE_TEARDOWN(legacy)
{
	export_unserve(&self->p);
}

static bool is_u(const struct p9 *p)
{
	return p->dialect == FERRY_P9_2000U;
}

static int create(struct p9 *p, uint32_t fid, const char *name, uint32_t perm, uint8_t mode,
		  const char *extension)
{
	int err = p9_walk(p, 0, fid, NULL);

	if (err)
		return err;
	if (is_u(p))
		return p9_call(p, FERRY_P9_TCREATE, "4s41s", P9_U64(fid), name, P9_U64(perm),
			       P9_U64(mode), extension);
	return p9_call(p, FERRY_P9_TCREATE, "4s41", P9_U64(fid), name, P9_U64(perm), P9_U64(mode));
}

struct old_stat {
	uint8_t qtype;
	uint32_t mode, mtime, uid, gid;
	uint64_t length;
	char name[256];
	char extension[256];
};

static void get_string(struct ferry_p9_dec *d, char *to, size_t room)
{
	struct ferry_p9_str s = ferry_p9_get_str(d);

	check(!d->bad && s.len < room, "a string of a stat");
	memcpy(to, s.s, s.len);
	to[s.len] = 0;
}

static void get_stat(const struct p9 *p, struct ferry_p9_dec *d, struct old_stat *st)
{
	uint32_t size = ferry_p9_get(d, 2), left = d->left;
	char id[256];

	ferry_p9_get(d, 2);
	ferry_p9_get(d, 4);
	st->qtype = ferry_p9_get(d, 1);
	ferry_p9_get(d, 4);
	ferry_p9_get(d, 8);
	st->mode = ferry_p9_get(d, 4);
	ferry_p9_get(d, 4);
	st->mtime = ferry_p9_get(d, 4);
	st->length = ferry_p9_get(d, 8);
	get_string(d, st->name, sizeof(st->name));
	for (int i = 0; i < 3; i++)
		get_string(d, id, sizeof(id));
	if (is_u(p)) {
		get_string(d, st->extension, sizeof(st->extension));
		st->uid = ferry_p9_get(d, 4);
		st->gid = ferry_p9_get(d, 4);
		ferry_p9_get(d, 4);
	}
	check(!d->bad && left - d->left == size, "a stat of %u bytes", size);
}

static int old_stat(struct p9 *p, uint32_t fid, struct old_stat *st)
{
	int err = p9_call(p, FERRY_P9_TSTAT, "4", P9_U64(fid));

	if (err)
		return err;
	check(p9_get(p, 2) == p->rx.left, "Rstat holds one stat");
	get_stat(p, &p->rx, st);
	check(!p->rx.left, "and no more");
	return 0;
}

static int wstat(struct p9 *p, uint32_t fid, uint32_t mode, uint32_t mtime, uint64_t length,
		 const char *name)
{
	const uint64_t none = ~0ULL, base = 2 + 4 + 13 + 4 + 4 + 4 + 8 + 2 + strlen(name) + 6;

	if (is_u(p))
		return p9_call(p, FERRY_P9_TWSTAT, "4222414844" "48" "sssss" "444", P9_U64(fid),
			       base + 14 + 2, base + 14, none, none, none, none, none, P9_U64(mode),
			       none, P9_U64(mtime), length, name, "", "", "", "", none, none, none);
	return p9_call(p, FERRY_P9_TWSTAT, "4222414844" "48" "ssss", P9_U64(fid), base + 2, base,
		       none, none, none, none, none, P9_U64(mode), none, P9_U64(mtime), length,
		       name, "", "", "");
}

TEST_F(legacy, files)
{
	struct old_stat st;
	char buf[16];

	ASSERT_EQ(0, create(&self->p, 1, "f", 0640, FERRY_P9_ORDWR, ""));
	ASSERT_EQ(5, p9_write(&self->p, 1, 0, "hello", 5));
	ASSERT_EQ(5, p9_read(&self->p, 1, 0, buf, 16));
	ASSERT_EQ(0, old_stat(&self->p, 1, &st));
	EXPECT_STREQ("f", st.name);
	EXPECT_EQ(0640U, st.mode);
	EXPECT_EQ(5U, st.length);
	EXPECT_GT(0, create(&self->p, 2, "f", 0640, FERRY_P9_ORDWR, ""));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 3, "f"));
	ASSERT_EQ(0, p9_call(&self->p, FERRY_P9_TOPEN, "41", P9_U64(3),
			     P9_U64(FERRY_P9_OWRITE | FERRY_P9_OTRUNC)));
	ASSERT_EQ(0, old_stat(&self->p, 1, &st));
	EXPECT_EQ(0U, st.length);
	ASSERT_EQ(0, p9_call(&self->p, FERRY_P9_TREMOVE, "4", P9_U64(3)));
	EXPECT_NE(0, access(export_path("export/f"), F_OK));
}

TEST_F(legacy, an_open_file_without_a_place)
{
	struct old_stat st;

	ASSERT_EQ(0, create(&self->p, 1, "f", 0640, FERRY_P9_ORDWR, ""));
	ASSERT_EQ(5, p9_write(&self->p, 1, 0, "hello", 5));
	ASSERT_EQ(0, unlink(export_path("export/f")));
	ASSERT_EQ(0, old_stat(&self->p, 1, &st));
	EXPECT_STREQ("f", st.name);
	EXPECT_EQ(5U, st.length);
	ASSERT_EQ(0, create(&self->p, 2, "g", 0640, FERRY_P9_ORDWR, ""));
	ASSERT_EQ(0, rename(export_path("export/g"), export_path("outside/g")));
	ASSERT_EQ(0, old_stat(&self->p, 2, &st));
	EXPECT_STREQ("g", st.name);
}

TEST_F(legacy, changes)
{
	struct old_stat st;

	ASSERT_EQ(0, create(&self->p, 1, "f", 0640, FERRY_P9_ORDWR, ""));
	ASSERT_EQ(0, wstat(&self->p, 1, 0600, 12345, 100, "g"));
	ASSERT_EQ(0, old_stat(&self->p, 1, &st));
	EXPECT_STREQ("g", st.name);
	EXPECT_EQ(0600U, st.mode);
	EXPECT_EQ(12345U, st.mtime);
	EXPECT_EQ(100U, st.length);
	EXPECT_EQ(0, access(export_path("export/g"), F_OK));
	EXPECT_GT(0, wstat(&self->p, 1, ~0U, ~0U, ~0ULL, "../outside/g"));
	EXPECT_GT(0, wstat(&self->p, 0, ~0U, ~0U, ~0ULL, "g2"));
	EXPECT_EQ(0, wstat(&self->p, 1, ~0U, ~0U, ~0ULL, ""));
}

TEST_F(legacy, a_directory_that_was_moved_out_is_not_listed)
{
	static char buf[600];

	ASSERT_EQ(0, create(&self->p, 1, "d", 0755 | FERRY_P9_DMDIR, FERRY_P9_OREAD, ""));
	export_write(export_path("export/d/before"), "x");
	EXPECT_LT(0, p9_read(&self->p, 1, 0, buf, sizeof(buf)));
	ASSERT_EQ(0, rename(export_path("export/d"), export_path("outside/d")));
	export_write(export_path("outside/d/after"), "x");
	EXPECT_GT(0, p9_read(&self->p, 1, 0, buf, sizeof(buf)));
}

/* It is made and opened at once, and its maker need not be allowed to open it again. */
TEST_F(legacy, a_directory_that_nobody_may_read)
{
	TEST_REQUIRE(variant->model == FERRY_9P_MODEL_PASSTHROUGH, "the host judges the VMM");
	ASSERT_EQ(0, chmod(export_path("export"), 0777));
	ASSERT_EQ(0, p9_attach(&self->p, 10, 1000));
	ASSERT_EQ(0, p9_walk(&self->p, 10, 11, NULL));
	EXPECT_EQ(0, p9_call(&self->p, FERRY_P9_TCREATE, "4s41s", P9_U64(11), "d",
			     P9_U64(0300 | FERRY_P9_DMDIR), P9_U64(FERRY_P9_OREAD), ""));
	ASSERT_EQ(0, p9_walk(&self->p, 10, 12, "d"));
	EXPECT_EQ(-EACCES, p9_call(&self->p, FERRY_P9_TOPEN, "41", P9_U64(12),
				   P9_U64(FERRY_P9_OREAD)));
}

TEST_F(legacy, directories)
{
	unsigned int seen = 0;
	uint64_t at = 0;
	static char buf[600];
	ssize_t n;

	for (int i = 0; i < 50; i++)
		export_write(export_path("export/entry%02d", i), "x");
	ASSERT_EQ(0, create(&self->p, 1, "d", 0755 | FERRY_P9_DMDIR, FERRY_P9_OREAD, ""));
	ASSERT_EQ(0, p9_read(&self->p, 1, 0, buf, sizeof(buf)));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, NULL));
	ASSERT_EQ(0, p9_call(&self->p, FERRY_P9_TOPEN, "41", P9_U64(2), P9_U64(FERRY_P9_OREAD)));
	while ((n = p9_read(&self->p, 2, at, buf, sizeof(buf))) > 0) {
		struct ferry_p9_dec d = { (uint8_t *)buf, n, false };
		struct old_stat st;

		while (d.left) {
			get_stat(&self->p, &d, &st);
			EXPECT_EQ(0, access(export_path("export/%s", st.name), F_OK));
			seen++;
		}
		at += n;
	}
	EXPECT_EQ(0, n);
	EXPECT_EQ(51U, seen);
}

/* As Linux does: read on until the buffer is full, and with a new one after that. */
TEST_F(legacy, directories_in_buffers_that_are_filled_up)
{
	unsigned int seen = 0;
	uint64_t at = 0;
	static char buf[600];
	ssize_t n, fill;

	for (int i = 0; i < 50; i++)
		export_write(export_path("export/entry%02d", i), "x");
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_call(&self->p, FERRY_P9_TOPEN, "41", P9_U64(1), P9_U64(FERRY_P9_OREAD)));
	EXPECT_GT(0, p9_read(&self->p, 1, 0, buf, 20));
	do {
		fill = 0;
		do {
			n = p9_read(&self->p, 1, at, buf + fill, sizeof(buf) - fill);
			ASSERT_LE(0, n);
			fill += n;
			at += n;
		} while (n);
		for (struct ferry_p9_dec d = { (uint8_t *)buf, fill, false }; d.left; seen++) {
			struct old_stat st;

			get_stat(&self->p, &d, &st);
			EXPECT_EQ(0, access(export_path("export/%s", st.name), F_OK));
		}
	} while (fill);
	EXPECT_EQ(50U, seen);
}

TEST_F(legacy, special_files_of_9p2000_u)
{
	struct old_stat st;

	if (!is_u(&self->p)) {
		EXPECT_GT(0, create(&self->p, 1, "s", FERRY_P9_DMSYMLINK | 0777, 0, "to"));
		return;
	}
	ASSERT_EQ(0, create(&self->p, 1, "s", FERRY_P9_DMSYMLINK | 0777, 0, "to"));
	ASSERT_EQ(0, old_stat(&self->p, 1, &st));
	EXPECT_STREQ("to", st.extension);
	EXPECT_TRUE(st.mode & FERRY_P9_DMSYMLINK);
	ASSERT_EQ(0, create(&self->p, 2, "b", FERRY_P9_DMDEVICE | 0600, 0, "b 8 1"));
	ASSERT_EQ(0, old_stat(&self->p, 2, &st));
	EXPECT_STREQ("b 8 1", st.extension);
	EXPECT_EQ(-EINVAL, create(&self->p, 3, "c", FERRY_P9_DMDEVICE | 0600, 0, "nonsense"));
}

TEST_F(legacy, hard_links_of_9p2000_u)
{
	const char *bad[] = { "", "99\n", "-1", "3x" };
	struct stat f, g;
	struct old_stat st;
	char buf[8];

	ASSERT_EQ(0, create(&self->p, 3, "f", 0640, FERRY_P9_ORDWR, ""));
	ASSERT_EQ(5, p9_write(&self->p, 3, 0, "hello", 5));
	if (!is_u(&self->p)) {
		EXPECT_GT(0, create(&self->p, 1, "g", FERRY_P9_DMLINK, FERRY_P9_OREAD, "3\n"));
		return;
	}
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_GT(0, create(&self->p, 10 + i, "g", FERRY_P9_DMLINK, 0, bad[i]))
			TH_LOG("%s", bad[i]);
	}
	/* It is a link, whatever else it shall be. */
	EXPECT_GT(0, create(&self->p, 14, "g", FERRY_P9_DMLINK | FERRY_P9_DMDEVICE, 0, "b 8 1"));
	EXPECT_NE(0, access(export_path("export/g"), F_OK));
	ASSERT_EQ(0, create(&self->p, 1, "g", FERRY_P9_DMLINK, FERRY_P9_OREAD, "3\n"));
	EXPECT_EQ(-EEXIST, create(&self->p, 2, "g", FERRY_P9_DMLINK, FERRY_P9_OREAD, "3\n"));
	ASSERT_EQ(0, stat(export_path("export/f"), &f));
	ASSERT_EQ(0, stat(export_path("export/g"), &g));
	EXPECT_EQ(f.st_ino, g.st_ino);
	EXPECT_EQ(2U, g.st_nlink);
	/* The fid is the link, not what it was made to, and not open. */
	ASSERT_EQ(0, old_stat(&self->p, 1, &st));
	EXPECT_STREQ("g", st.name);
	ASSERT_EQ(0, p9_call(&self->p, FERRY_P9_TOPEN, "41", P9_U64(1), P9_U64(FERRY_P9_OREAD)));
	EXPECT_EQ(5, p9_read(&self->p, 1, 0, buf, sizeof(buf)));
	ASSERT_EQ(0, p9_call(&self->p, FERRY_P9_TREMOVE, "4", P9_U64(1)));
	EXPECT_NE(0, access(export_path("export/g"), F_OK));
	EXPECT_EQ(0, access(export_path("export/f"), F_OK));
	EXPECT_GT(0, create(&self->p, 20, "../outside/g", FERRY_P9_DMLINK, 0, "3\n"));
	/* No hard links of directories. */
	EXPECT_GT(0, create(&self->p, 21, "g", FERRY_P9_DMLINK, 0, "0\n"));
}

TEST_F(legacy, what_is_removed_on_close)
{
	static const struct {
		const char *name;
		uint32_t perm;
		uint8_t mode;
		const char *extension;
		bool extended;
	} made[] = {
		{ "f", 0644, FERRY_P9_ORDWR, "", false },
		{ "d", 0755 | FERRY_P9_DMDIR, FERRY_P9_OREAD, "", false },
		{ "s", 0777 | FERRY_P9_DMSYMLINK, FERRY_P9_OREAD, "to", true },
		{ "l", FERRY_P9_DMLINK, FERRY_P9_OREAD, "3\n", true },
	};
	struct stat st;

	export_write(export_path("export/opened"), "x");
	ASSERT_EQ(0, p9_walk(&self->p, 0, 3, "opened"));
	for (unsigned int i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		const char *path = export_path("export/%s", made[i].name);

		if (made[i].extended && !is_u(&self->p))
			continue;
		ASSERT_EQ(0, create(&self->p, 1, made[i].name, made[i].perm,
				    made[i].mode | FERRY_P9_ORCLOSE, made[i].extension));
		EXPECT_EQ(0, lstat(path, &st));
		EXPECT_EQ(0, p9_call(&self->p, FERRY_P9_TCLUNK, "4", P9_U64(1)));
		EXPECT_NE(0, lstat(path, &st)) TH_LOG("%s is still there", path);
		/* And without the bit it stays. */
		ASSERT_EQ(0, create(&self->p, 1, made[i].name, made[i].perm, made[i].mode,
				    made[i].extension));
		EXPECT_EQ(0, p9_call(&self->p, FERRY_P9_TCLUNK, "4", P9_U64(1)));
		EXPECT_EQ(0, lstat(path, &st)) TH_LOG("%s is gone", path);
	}
	ASSERT_EQ(0, p9_call(&self->p, FERRY_P9_TOPEN, "41", P9_U64(3),
			     P9_U64(FERRY_P9_OREAD | FERRY_P9_ORCLOSE)));
	EXPECT_EQ(0, p9_call(&self->p, FERRY_P9_TCLUNK, "4", P9_U64(3)));
	EXPECT_NE(0, lstat(export_path("export/opened"), &st));
}

/* Only a Tclunk removes it: whoever loses the client loses no files. */
TEST_F(legacy, what_a_lost_client_leaves)
{
	const char *path = export_path("export/f");
	const unsigned int mode = FERRY_P9_ORDWR | FERRY_P9_ORCLOSE;

	ASSERT_EQ(0, create(&self->p, 1, "f", 0644, mode, ""));
	ASSERT_EQ(0, p9_version(&self->p, variant->version, P9_MSIZE));
	EXPECT_EQ(0, access(path, F_OK));
	ASSERT_EQ(0, p9_attach(&self->p, 0, 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "f"));
	ASSERT_EQ(0, p9_call(&self->p, FERRY_P9_TOPEN, "41", P9_U64(1), P9_U64(mode)));
	p9_close(&self->p);
	EXPECT_EQ(0, access(path, F_OK));
	p9_open(&self->p, export_dir(), variant->model, 0);
	EXPECT_EQ(0, access(path, F_OK));
}

TEST_HARNESS_MAIN
