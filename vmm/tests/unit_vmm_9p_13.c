// SPDX-License-Identifier: GPL-2.0
/*
 * vhost=off of a 9P device: what the server keeps by itself where the kernel module has
 * the kernel's: whose rights a thread has, locks, the place in a directory; and what it
 * refuses to serve.
 */
#include "export.h"
#include "p9.h"
#include "test.h"
#include "backend/p9loop.h"
#include <dirent.h>
#include <grp.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/stat.h>

FIXTURE(own) {
	struct p9 p;
};

FIXTURE_SETUP(own)
{
	int err = __export_mount("tmpfs");

	TEST_REQUIRE(!err, "no tmpfs here: %s", strerror(-err));
	ASSERT_EQ(0, setgroups(1, (gid_t[]){ 5 }));
	p9_open(&self->p, export_dir(), FERRY_9P_MODEL_PASSTHROUGH, 0);
}

FIXTURE_TEARDOWN(own)
{
	p9_close(&self->p);
	export_unmount();
}

TEST_F(own, rights_do_not_stay_with_a_thread)
{
	const unsigned int n = 30;
	struct stat st;
	gid_t group;

	ASSERT_EQ(0, chmod(export_dir(), 0777));
	for (uint32_t u = 1; u < 4; u++)
		ASSERT_EQ(0, p9_attach(&self->p, u, 1000 * (u - 1)));
	for (unsigned long round = 0; round < test_scale(50); round++) {
		char name[32];

		for (unsigned int i = 0; i < n; i++) {
			snprintf(name, sizeof(name), "d%lu-%u", round, i);
			self->p.tag = 100 + i;
			p9_queue(&self->p, i, FERRY_P9_TMKDIR, "4s44", P9_U64(1 + i % 3), name,
				 P9_U64(0755), P9_U64(50 + i % 2));
		}
		p9_kick(&self->p);
		for (unsigned int i = 0; i < n; i++) {
			ASSERT_LE(0, p9_recv(&self->p, DEV_PATIENCE_MS));
			ASSERT_EQ(0, p9_result(&self->p, FERRY_P9_TMKDIR));
		}
		for (unsigned int i = 0; i < n; i++) {
			ASSERT_EQ(0, stat(export_path("export/d%lu-%u", round, i), &st));
			ASSERT_EQ(1000 * (i % 3), st.st_uid);
			ASSERT_EQ(50 + i % 2, st.st_gid);
		}
	}
	/* Nor does the program change. */
	EXPECT_EQ(0, setfsuid(-1));
	EXPECT_EQ(0, setfsgid(-1));
	ASSERT_EQ(1, getgroups(1, &group));
	EXPECT_EQ(5U, group);
	EXPECT_EQ(0U, umask(0));
}

TEST_F(own, the_programs_groups_are_not_the_guests)
{
	export_write(export_path("export/f"), "f");
	ASSERT_EQ(0, chown(export_path("export/f"), 0, 5));
	ASSERT_EQ(0, chmod(export_path("export/f"), 0640));
	ASSERT_EQ(0, p9_attach(&self->p, 1, 1000));
	ASSERT_EQ(0, p9_walk(&self->p, 1, 2, "f"));
	EXPECT_EQ(-EACCES, p9_lopen(&self->p, 2, FERRY_P9_O_RDONLY));
	/* Root's request is next, and the user's after it. */
	ASSERT_EQ(0, p9_walk(&self->p, 0, 3, "f"));
	EXPECT_EQ(0, p9_lopen(&self->p, 3, FERRY_P9_O_RDONLY));
	EXPECT_EQ(-EACCES, p9_lopen(&self->p, 2, FERRY_P9_O_RDONLY));
	EXPECT_EQ(-EPERM, p9_setattr(&self->p, 2, FERRY_P9_SET_UID, 0, 1000, 0, 0));
}

TEST_F(own, a_directory_that_may_not_be_searched)
{
	struct p9_dirent d[4];
	uint64_t at = 0;

	ASSERT_EQ(0, mkdir(export_path("export/d"), 0755));
	export_write(export_path("export/d/f"), "f");
	ASSERT_EQ(0, p9_attach(&self->p, 1, 1000));
	ASSERT_EQ(0, p9_walk(&self->p, 1, 2, "d"));
	ASSERT_EQ(0, chmod(export_path("export/d"), 0744));
	EXPECT_EQ(-EACCES, p9_walk(&self->p, 2, 3, "f"));
	EXPECT_EQ(-EACCES, p9_walk(&self->p, 2, 3, ".."));
	EXPECT_EQ(-EACCES, p9_mkdir(&self->p, 2, "x", 0755, 0));
	/* It may be listed, and what may not be searched is known to be inside. */
	ASSERT_EQ(0, p9_lopen(&self->p, 2, FERRY_P9_O_RDONLY));
	EXPECT_EQ(3, p9_readdir(&self->p, 2, &at, 4096, d, 4));
}

TEST_F(own, descriptors_run_out)
{
	const uint32_t most = 1000;
	struct rlimit r, few;
	struct p9_stat st;
	struct stat host;
	uint32_t fid;
	int err = 0;

	export_write(export_path("export/f"), "f");
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &r));
	few = (struct rlimit){ most / 2, r.rlim_max };
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &few));
	for (fid = 1; !err && fid < most; fid++)
		err = p9_walk(&self->p, 0, fid, "f");
	EXPECT_EQ(-EMFILE, err);
	/* Some are left, but not for the guest. */
	err = dup(0);
	EXPECT_LE(0, err);
	close(err);
	EXPECT_EQ(-EMFILE, p9_walk(&self->p, 0, fid, "f"));
	EXPECT_EQ(-EMFILE, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
	EXPECT_EQ(-EMFILE, p9_mkdir(&self->p, 0, "d", 0755, 0));
	EXPECT_NE(0, access(export_path("export/d"), F_OK));
	EXPECT_EQ(-EMFILE, p9_symlink(&self->p, 0, "s", "t", 0));
	EXPECT_NE(0, lstat(export_path("export/s"), &host));
	/* Clones need none, and one that is given back can be had again. */
	EXPECT_EQ(0, p9_walk(&self->p, 1, most, NULL));
	EXPECT_EQ(0, p9_getattr(&self->p, most, &st));
	EXPECT_EQ(0, p9_clunk(&self->p, 2));
	EXPECT_EQ(0, p9_walk(&self->p, 0, 2, "f"));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &r));
	EXPECT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
}

#define LOCK_BYTES	48
#define LOCK_OWNERS	3

static int lock(struct p9 *p, uint32_t fid, uint64_t type, uint64_t start, uint64_t len,
		uint32_t proc)
{
	int err = p9_call(p, FERRY_P9_TLOCK, "414884s", P9_U64(fid), type, P9_U64(0), start, len,
			  P9_U64(proc), "host");

	return err ? err : (int)p9_get(p, 1);
}

/* Whether an owner may have a lock, by one letter for each byte of each owner. */
static bool lock_free(char held[LOCK_OWNERS][LOCK_BYTES], unsigned int o, uint64_t type,
		      unsigned int start, unsigned int len)
{
	for (unsigned int other = 0; other < LOCK_OWNERS; other++)
		for (unsigned int i = start; i < start + len; i++)
			if (other != o && held[other][i] &&
			    (type == FERRY_P9_LOCK_WRLCK || held[other][i] == 'w'))
				return false;
	return true;
}

TEST_F(own, locks_are_a_model_of_themselves)
{
	static const char letters[] = { 'r', 'w', 0 };
	char held[LOCK_OWNERS][LOCK_BYTES] = { { 0 } };
	uint64_t seed = 1;

	export_write(export_path("export/f"), "f");
	for (uint32_t fid = 1; fid < 4; fid++) {
		ASSERT_EQ(0, p9_walk(&self->p, 0, fid, "f"));
		ASSERT_EQ(0, p9_lopen(&self->p, fid, FERRY_P9_O_RDWR));
	}
	for (unsigned long i = 0; i < test_scale(5000); i++) {
		unsigned int o, start, len;
		uint64_t type;
		bool can;

		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		o = (seed >> 33) % LOCK_OWNERS;
		type = (seed >> 37) % 3;
		start = (seed >> 41) % LOCK_BYTES;
		len = 1 + (seed >> 49) % (LOCK_BYTES - start);
		can = type == FERRY_P9_LOCK_UNLCK || lock_free(held, o, type, start, len);
		/* An owner is the same by whatever fid. */
		ASSERT_EQ(can ? FERRY_P9_LOCK_SUCCESS : FERRY_P9_LOCK_BLOCKED,
			  lock(&self->p, 1 + (seed >> 20) % 3, type, start, len, o));
		if (can)
			memset(&held[o][start], letters[type], len);
	}
	/* By one fid all that its owners locked goes, by whatever fid they did. */
	ASSERT_EQ(0, p9_clunk(&self->p, 1));
	EXPECT_EQ(FERRY_P9_LOCK_SUCCESS, lock(&self->p, 2, 1, 0, 0, 77));
}

TEST_F(own, locks_are_counted_as_they_come_and_go)
{
	const unsigned int most = 16384;
	unsigned int i;

	export_write(export_path("export/f"), "f");
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "f"));
	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDWR));
	/* Locked and unlocked for ever. */
	for (i = 0; i < test_scale(3000); i++) {
		ASSERT_EQ(0, lock(&self->p, 1, 1, i, 1, 1));
		ASSERT_EQ(0, lock(&self->p, 1, 2, i, 1, 1));
	}
	for (i = 0; i < most; i++)
		ASSERT_EQ(0, lock(&self->p, 1, 1, most * 2 - i * 2, 1, 1));
	EXPECT_EQ(-ENOLCK, lock(&self->p, 1, 1, 1, 1, 1));
	EXPECT_EQ(-ENOLCK, lock(&self->p, 1, 2, 8, 1, 1));
	EXPECT_EQ(0, lock(&self->p, 1, 2, 0, 0, 1));
	EXPECT_EQ(0, lock(&self->p, 1, 1, 1, 1, 1));
}

TEST_F(own, a_directory_is_read_in_pieces_of_any_size)
{
	const unsigned int total = test_scale(3000);
	static struct p9_dirent d[3000];
	static uint8_t seen[3000];
	uint64_t at = 0, seed = 7, before = 0;
	char first[256] = "", name[256];
	unsigned int entries = 0;
	int n;

	memset(name, 'n', 255);
	for (unsigned int i = 0; i < total; i++) {
		sprintf(name + i % 250, "%05u", i);
		export_write(export_path("export/%s", name), "");
		name[i % 250 + 5] = 'n';
		memset(name + i % 250, 'n', 5);
	}
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
	for (;;) {
		uint32_t count = 24 + 255 + (seed >> 40) % 900;

		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		n = p9_readdir(&self->p, 1, &at, count, d, 3000);
		ASSERT_LE(0, n);
		if (!n)
			break;
		for (int i = 0; i < n; i++, entries++) {
			size_t len = strlen(d[i].name);

			if (len >= 5)
				seen[strtoul(d[i].name + len - 5, NULL, 10) % 3000]++;
		}
		if (!before) {
			before = d[0].offset;
			snprintf(first, sizeof(first), "%s", n > 1 ? d[1].name : "");
		}
	}
	EXPECT_EQ(total + 2, entries);
	for (unsigned int i = 0; i < total; i++)
		ASSERT_EQ(1, seen[i]);
	/* Back to where it was: what followed follows. */
	at = before;
	ASSERT_LT(0, p9_readdir(&self->p, 1, &at, 4096, d, 3000));
	if (first[0])
		EXPECT_STREQ(first, d[0].name);
	/* No room for any. */
	at = 0;
	EXPECT_EQ(-EINVAL, p9_readdir(&self->p, 1, &at, 24, d, 3000));
	EXPECT_EQ(-EINVAL, p9_readdir(&self->p, 1, &at, 0, d, 3000));
	EXPECT_EQ(1, p9_readdir(&self->p, 1, &at, 25, d, 3000));
}

static int judge(struct ferry_9p_backend b, int fd)
{
	b.fd = b.fd ? b.fd : fd;
	b.model = b.model ? b.model : FERRY_9P_MODEL_MAPPED;
	return p9loop_check(&b);
}

TEST_F(own, nonsense_is_refused)
{
	int fd = open(export_dir(), O_RDONLY | O_DIRECTORY);
	struct ferry_9p_backend b = { .fd = fd, .model = FERRY_9P_MODEL_MAPPED,
				      .uid = FERRY_9P_SELF, .gid = FERRY_9P_SELF };

	ASSERT_EQ(0, p9loop_check(&b));
	EXPECT_EQ(512U << 10, b.msize);
	EXPECT_EQ(65536U, b.fids);
	EXPECT_EQ(16ULL << 20, b.xattr_bytes);
	EXPECT_EQ(0600, b.fmode);
	EXPECT_EQ(0700, b.dmode);
	EXPECT_EQ(0U, b.uid);
#define REFUSED(err, ...) EXPECT_EQ(err, judge((struct ferry_9p_backend){ __VA_ARGS__ }, fd))
	REFUSED(-EINVAL, .flags = 1U << 31);
	REFUSED(-EINVAL, .model = 4);
	REFUSED(-EINVAL, .msize = 4095);
	REFUSED(-EINVAL, .msize = (1U << 20) + 1);
	REFUSED(-EINVAL, .fids = 65537);
	REFUSED(-EINVAL, .xattr_bytes = 1ULL << 40);
	REFUSED(-EINVAL, .fmode = 0400);
	REFUSED(-EINVAL, .fmode = 04600);
	REFUSED(-EINVAL, .dmode = 0600);
	REFUSED(-EINVAL, .flags = FERRY_9P_F_ROOT_SQUASH);
	REFUSED(-EINVAL, .reserved = { 0, 0, 0, 1 });
	REFUSED(-EBADF, .fd = 9999);
	REFUSED(-ENOTDIR, .fd = self->p.dev.kick[0]);
	close(fd);
}

TEST_HARNESS_MAIN
