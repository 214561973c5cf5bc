// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: directories under load. A very large one is listed completely while entries
 * come and go, and names move between directories from many requests at once without
 * one of them being lost, doubled, or let out of the export.
 */
#include "export.h"
#include "p9.h"
#include "test.h"
#include <dirent.h>
#include <sys/stat.h>

#define ENTRIES	100000
#define DIRS	4
#define FILES	8

FIXTURE(crowd) {
	struct p9 p;
};

FIXTURE_VARIANT(crowd) {
	const char *fs;
	unsigned int model;
};

FIXTURE_VARIANT_ADD(crowd, tmpfs) { "tmpfs", FERRY_9P_MODEL_PASSTHROUGH };
FIXTURE_VARIANT_ADD(crowd, ext4_mapped) { "ext4", FERRY_9P_MODEL_MAPPED };

FIXTURE_SETUP(crowd)
{
	EXPORT_SERVE(&self->p, variant->fs, variant->model);
}

FIXTURE_TEARDOWN(crowd)
{
	struct p9_stat st;

	EXPECT_TRUE(export_holds(export_path("outside/secret"), "secret"));
	EXPECT_EQ(0, p9_getattr(&self->p, 0, &st));
	export_unserve(&self->p);
}

FIXTURE(large) {
	struct p9 p;
};

FIXTURE_VARIANT(large) {
	const char *fs;
};

FIXTURE_VARIANT_ADD(large, tmpfs) { "tmpfs" };
FIXTURE_VARIANT_ADD(large, ext4) { "ext4" };

FIXTURE_SETUP(large)
{
	EXPORT_SERVE(&self->p, variant->fs, FERRY_9P_MODEL_PASSTHROUGH);
}

FIXTURE_TEARDOWN(large)
{
	export_unserve(&self->p);
}

/* Entries of one file, which needs no inode for each. */
static unsigned int fill(int dir, unsigned int total)
{
	char name[32], first[32] = "";
	unsigned int i;

	for (i = 0; i < total; i++) {
		int fd;

		snprintf(name, sizeof(name), "keep%u", i);
		/* ext4 has no more than 65000 links of one. */
		if (i % 30000 && !linkat(dir, first, dir, name, 0))
			continue;
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		check(fd >= 0, "make %s: %s", name, strerror(errno));
		close(fd);
		memcpy(first, name, sizeof(first));
	}
	return i;
}

/* One more and one less of what is not counted, by turns in front and behind. */
static void churn(int dir, unsigned int turn)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "%s%u", turn % 2 ? "aaa" : "zzz", turn);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	check(fd >= 0, "make %s: %s", name, strerror(errno));
	close(fd);
	if (!turn)
		return;
	snprintf(name, sizeof(name), "%s%u", turn % 2 ? "zzz" : "aaa", turn - 1);
	check(!unlinkat(dir, name, 0), "unlink %s: %s", name, strerror(errno));
}

TEST_F_TIMEOUT(large, a_hundred_thousand_entries, 300)
{
	const unsigned int total = test_scale(ENTRIES);
	static struct p9_dirent d[4096];
	uint8_t *seen = calloc(total, 1);
	unsigned int turn = 0, again = 0;
	uint64_t at = 0;
	int dir, n;

	dir = open(export_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, dir);
	ASSERT_EQ(total, fill(dir, total));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
	for (;;) {
		uint64_t before = at;

		n = p9_readdir(&self->p, 1, &at, 60000, d, 4096);
		if (n <= 0)
			break;
		for (int i = 0; i < n; i++) {
			unsigned int k;

			if (sscanf(d[i].name, "keep%u", &k) == 1 && k < total)
				seen[k]++;
		}
		churn(dir, turn++);
		/*
		 * An offset is good for a second time, from an entry in the middle as well; not
		 * on a tmpfs before 6.6, which counts entries.
		 */
		if (turn % 16 == 0 && !strcmp(variant->fs, "ext4")) {
			uint64_t from = d[n / 2].offset, to = at;
			struct p9_dirent last = d[n - 1], mid = d[n / 2 + 1];

			ASSERT_LT(n / 2 + 1, n - 1);
			ASSERT_LT(0, p9_readdir(&self->p, 1, &from, 60000, d, 4096));
			EXPECT_STREQ(mid.name, d[0].name);
			EXPECT_EQ(mid.ino, d[0].ino);
			at = before;
			ASSERT_LT(0, p9_readdir(&self->p, 1, &at, 60000, d, 4096));
			at = to;
			EXPECT_EQ(last.offset, to);
			again++;
		}
	}
	EXPECT_EQ(0, n);
	close(dir);
	for (unsigned int i = 0; i < total; i++) {
		ASSERT_EQ(1, seen[i]) {
			TH_LOG("keep%u", i);
		}
	}
	TH_LOG("%u entries in %u messages, %u of them twice", total, turn, again);
	free(seen);
}

#define LONGEST	255

/* A name that tells its length, by a letter and by how many of it there are. */
static const char *name_of(unsigned int len)
{
	static char name[LONGEST + 1];

	memset(name, 'a' + len % 26, len);
	name[len] = 0;
	return name;
}

/* Every entry once, none of another name, in answers of so many bytes. */
static void list_in(struct p9 *p, uint32_t bytes)
{
	static struct p9_dirent d[512];
	bool seen[LONGEST + 1] = {};
	unsigned int total = 0;
	uint64_t at = 0;
	int n;

	while ((n = p9_readdir(p, 1, &at, bytes, d, 512)) > 0) {
		for (int i = 0; i < n; i++) {
			unsigned int len = strlen(d[i].name);

			if (!strcmp(d[i].name, ".") || !strcmp(d[i].name, ".."))
				continue;
			check(len <= LONGEST && !strcmp(d[i].name, name_of(len)),
			      "answers of %u: a name %s", bytes, d[i].name);
			check(!seen[len], "answers of %u: %u letters twice", bytes, len);
			seen[len] = true;
			total++;
		}
	}
	check(!n && total == LONGEST, "answers of %u: %u names, then %d", bytes, total, n);
}

/* Where an answer, or a part of one, ends falls into each field of an entry. */
TEST_F(crowd, names_of_every_length)
{
	static const uint32_t whole[] = { 4096, 20000, 60000 };
	const uint32_t longest = FERRY_P9_QID + 8 + 1 + 2 + LONGEST;
	struct p9_dirent d[8];
	uint64_t at = 0;
	int dir = open(export_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ASSERT_LE(0, dir);
	for (unsigned int len = 1; len <= LONGEST; len++) {
		int fd = openat(dir, name_of(len), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

		ASSERT_LE(0, fd);
		close(fd);
	}
	close(dir);
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
	for (uint32_t more = 0; more < 1024; more += 13)
		list_in(&self->p, longest + more);
	for (unsigned int i = 0; i < ARRAY_SIZE(whole); i++)
		list_in(&self->p, whole[i]);
	/* What is not whole is not there. */
	EXPECT_EQ(-EINVAL, p9_readdir(&self->p, 1, &at, FERRY_P9_QID + 8 + 1 + 2, d, 8));
}

static const uint32_t dir_fid = 100, file_fid = 200;

/* Queue one request of many kinds that moves a name; @r is random. */
static void queue_move(struct p9 *p, unsigned int slot, unsigned int r)
{
	uint32_t from = dir_fid + r % DIRS, to = dir_fid + r / DIRS % DIRS;
	char old[16], new[16];

	snprintf(old, sizeof(old), "f%u", r / 16 % FILES);
	snprintf(new, sizeof(new), "f%u", r / 128 % FILES);
	p->tag = 100 + slot;
	switch (r / 1024 % 6) {
	case 0:
	case 1:
		p9_queue(p, slot, FERRY_P9_TRENAMEAT, "4s4s", P9_U64(from), old, P9_U64(to), old);
		break;
	case 2:
		/* By fid, to the name that it has: nothing is replaced but itself. */
		p9_queue(p, slot, FERRY_P9_TRENAME, "44s", P9_U64(file_fid + r / 16 % FILES),
			 P9_U64(to), old);
		break;
	case 3:
		/* Directories into one another, also into themselves. */
		snprintf(old, sizeof(old), "d%u", r / 16 % DIRS);
		p9_queue(p, slot, FERRY_P9_TRENAMEAT, "4s4s", P9_U64(from), old, P9_U64(to), old);
		break;
	case 4:
		p9_queue(p, slot, FERRY_P9_TWALK, "442ss", P9_U64(from), P9_U64(500 + slot),
			 P9_U64(2), "..", old);
		break;
	default:
		p9_queue(p, slot, FERRY_P9_TLINK, "44s", P9_U64(to),
			 P9_U64(file_fid + r / 16 % FILES), new);
		break;
	}
}

/* Count the files of the export by what they hold, and the directories. */
static unsigned int count(const char *path, unsigned int *files, unsigned int depth)
{
	unsigned int dirs = 0;
	DIR *d = opendir(path);
	struct dirent *e;

	check(d && depth < 2 * DIRS, "open %s: %s", path, strerror(errno));
	while ((e = readdir(d))) {
		char below[1024], text[16] = "";
		struct stat st;
		int fd;

		if (e->d_name[0] == '.')
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, e->d_name);
		check(!lstat(below, &st), "stat %s: %s", below, strerror(errno));
		if (S_ISDIR(st.st_mode)) {
			dirs += 1 + count(below, files, depth + 1);
			continue;
		}
		fd = open(below, O_RDONLY | O_CLOEXEC);
		check(read(fd, text, sizeof(text) - 1) > 0, "read %s", below);
		close(fd);
		check((unsigned int)atoi(text) < FILES, "%s holds %s", below, text);
		files[atoi(text)]++;
	}
	closedir(d);
	return dirs;
}

TEST_F(crowd, names_move_from_many_requests)
{
	unsigned int files[FILES] = {}, good = 0;
	unsigned int r = 12345;
	char name[32];

	for (unsigned int i = 0; i < DIRS; i++) {
		snprintf(name, sizeof(name), "d%u", i);
		ASSERT_EQ(0, p9_mkdir(&self->p, 0, name, 0755, 0));
		ASSERT_EQ(0, p9_walk(&self->p, 0, dir_fid + i, name));
	}
	for (unsigned int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		ASSERT_EQ(0, p9_walk(&self->p, dir_fid, file_fid + i, NULL));
		ASSERT_EQ(0, p9_lcreate(&self->p, file_fid + i, name, FERRY_P9_O_RDWR, 0644, 0));
		snprintf(name, sizeof(name), "%u", i);
		ASSERT_EQ(1, p9_write(&self->p, file_fid + i, 0, name, 1));
	}
	for (unsigned long round = 0; round < test_scale(300); round++) {
		for (unsigned int i = 0; i < P9_SLOTS; i++) {
			r = r * 1103515245 + 12345;
			queue_move(&self->p, i, r >> 8);
		}
		p9_kick(&self->p);
		for (unsigned int i = 0; i < P9_SLOTS; i++) {
			ASSERT_LE(0, p9_recv(&self->p, DEV_PATIENCE_MS));
			good += self->p.rx_type != FERRY_P9_RLERROR;
		}
		for (unsigned int i = 0; i < P9_SLOTS; i++)
			p9_clunk(&self->p, 500 + i);
	}
	/* Links and renames over others may take names away; what is open is never lost. */
	EXPECT_EQ((unsigned int)DIRS, count(export_dir(), files, 0));
	for (unsigned int i = 0; i < FILES; i++) {
		struct p9_stat st;
		char c = 0;

		ASSERT_EQ(0, p9_getattr(&self->p, file_fid + i, &st));
		EXPECT_EQ(st.nlink, files[i]);
		EXPECT_EQ(1, p9_read(&self->p, file_fid + i, 0, &c, 1));
		EXPECT_EQ('0' + (char)i, c);
	}
	EXPECT_LT(0U, good);
	TH_LOG("%u requests did something", good);
}

TEST_HARNESS_MAIN
