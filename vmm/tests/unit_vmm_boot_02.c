// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel of a bzImage is unpacked by the program for what it is packed with, as far as its
 * size says and no farther, and kept in a directory that is ours alone, of which the oldest
 * give way.
 */
#include <asm/bootparam.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "testvm.h"
#include "x86/unpack.h"

#define SETUP		(5 * 512)
#define OFFSET		64		/* of what is packed, behind the setup */
#define CONTENT		300000U

static const char *const tools[] = { "zstd", "xz", "gzip", "bzip2", "lz4 -l", "lzop",
				     "xz --format=lzma" };

FIXTURE(unpack) {
	char dir[32], path[64];
	u8 content[CONTENT];
	struct setup_header h;
	u64 size;
	int kernel, out;
};

FIXTURE_SETUP(unpack)
{
	strcpy(self->dir, "/tmp/unpack-XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	for (u32 i = 0; i < CONTENT; i++)
		self->content[i] = i / 1000 + i % 7;
	self->kernel = -1;
	self->out = memfd_create("out", MFD_CLOEXEC);
	setenv("FERRY_CACHEDIR", self->dir, 1);
}

FIXTURE_TEARDOWN(unpack)
{
	char command[64];

	close(self->kernel);
	close(self->out);
	snprintf(command, sizeof(command), "rm -rf %s", self->dir);
	EXPECT_EQ(0, system(command));
}

typedef FIXTURE_DATA(unpack) unpack_t;

/* A bzImage packed by @tool, which says @said bytes; false without the tool. */
static bool pack(unpack_t *self, const char *tool, u32 said)
{
	static u8 packed[CONTENT + 4096];
	bool gzip = !strcmp(tool, "gzip");
	char command[256];
	ssize_t len;
	FILE *f;
	int fd;

	snprintf(self->path, sizeof(self->path), "%s/content", self->dir);
	f = fopen(self->path, "w");
	if (!f || fwrite(self->content, 1, CONTENT, f) != CONTENT || fclose(f))
		return false;
	snprintf(command, sizeof(command), "%s -c <%s >%s.packed 2>/dev/null", tool, self->path,
		 self->path);
	if (system(command))
		return false;
	strcat(self->path, ".packed");
	fd = open(self->path, O_RDONLY);
	len = read(fd, packed, CONTENT);
	close(fd);
	if (len <= 0)
		return false;
	if (!gzip) {
		memcpy(packed + len, &said, 4);
		len += 4;
	} else if (said != CONTENT) {
		memcpy(packed + len - 4, &said, 4);
	}
	self->h = (struct setup_header){ .setup_sects = 4, .payload_offset = OFFSET,
					 .payload_length = len };
	snprintf(self->path, sizeof(self->path), "%s/kernel", self->dir);
	close(self->kernel);
	self->kernel = open(self->path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	/* Something follows, as the checksum of the image does. */
	self->size = SETUP + OFFSET + len + 100;
	return !ftruncate(self->kernel, self->size) &&
	       pwrite(self->kernel, packed, len, SETUP + OFFSET) == len;
}

static int unpack(unpack_t *self)
{
	if (ftruncate(self->out, 0) || lseek(self->out, 0, SEEK_SET))
		return -1;
	return x86_unpack(self->kernel, self->size, &self->h, self->out);
}

static bool holds_content(unpack_t *self, int fd)
{
	static u8 buf[CONTENT + 1];

	return pread(fd, buf, sizeof(buf), 0) == CONTENT && !memcmp(buf, self->content, CONTENT);
}

TEST_F(unpack, each_format_by_its_program)
{
	unsigned int done = 0;

	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		if (!pack(self, tools[i], CONTENT)) {
			TH_LOG("no %s", tools[i]);
			continue;
		}
		EXPECT_EQ(0, unpack(self)) TH_LOG("%s", tools[i]);
		EXPECT_TRUE(holds_content(self, self->out));
		/* It says too little: no more than that is written. It says too much. */
		ASSERT_TRUE(pack(self, tools[i], CONTENT - 1));
		EXPECT_NE(0, unpack(self)) TH_LOG("%s", tools[i]);
		EXPECT_GE(CONTENT - 1, lseek(self->out, 0, SEEK_END));
		ASSERT_TRUE(pack(self, tools[i], CONTENT + 1));
		EXPECT_NE(0, unpack(self)) TH_LOG("%s", tools[i]);
		ASSERT_TRUE(pack(self, tools[i], 0xffffffff));
		EXPECT_NE(0, unpack(self)) TH_LOG("%s", tools[i]);
		done++;
	}
	EXPECT_LE(3U, done);
}

TEST_F(unpack, what_is_not_packed_or_damaged_is_refused)
{
	ASSERT_TRUE(pack(self, "gzip", CONTENT));
	self->h.payload_length = self->size;
	EXPECT_EQ(-ENOTSUP, unpack(self));
	self->h.payload_length = 9;
	EXPECT_EQ(-ENOTSUP, unpack(self));
	ASSERT_TRUE(pack(self, "gzip", CONTENT));
	self->h.payload_offset = 0xffffffff;
	EXPECT_EQ(-ENOTSUP, unpack(self));
	ASSERT_TRUE(pack(self, "gzip", CONTENT));
	ASSERT_EQ(1, pwrite(self->kernel, "x", 1, SETUP + OFFSET + 200));
	EXPECT_NE(0, unpack(self));
	ASSERT_EQ(1, pwrite(self->kernel, "x", 1, SETUP + OFFSET));
	EXPECT_EQ(-ENOTSUP, unpack(self));
	/* The file has become shorter. */
	ASSERT_TRUE(pack(self, "gzip", CONTENT));
	ASSERT_EQ(0, ftruncate(self->kernel, SETUP + OFFSET + 100));
	EXPECT_GT(0, unpack(self));
}

static int kept(unpack_t *self, struct stat *st)
{
	int fd = x86_unpack_kept(self->kernel, self->size, &self->h);

	if (fd >= 0 && st)
		fstat(fd, st);
	return fd;
}

static unsigned int files(unpack_t *self)
{
	DIR *d = opendir(self->dir);
	struct dirent *e;
	unsigned int n = 0;

	while ((e = readdir(d)))
		n += !strncmp(e->d_name, "ferry-kernel-", 13);
	closedir(d);
	return n;
}

TEST_F(unpack, a_kernel_is_unpacked_once)
{
	struct stat first, second;
	int fd;

	ASSERT_TRUE(pack(self, "gzip", CONTENT));
	fd = kept(self, &first);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(holds_content(self, fd));
	EXPECT_EQ(0100600, first.st_mode);
	close(fd);
	fd = kept(self, &second);
	ASSERT_LE(0, fd);
	EXPECT_EQ(first.st_ino, second.st_ino);
	close(fd);
	EXPECT_EQ(1, files(self));
	/* Another kernel under the same name. */
	self->content[0] ^= 1;
	usleep(20000);
	ASSERT_TRUE(pack(self, "gzip", CONTENT));
	fd = kept(self, &second);
	ASSERT_LE(0, fd);
	EXPECT_NE(first.st_ino, second.st_ino);
	EXPECT_TRUE(holds_content(self, fd));
	close(fd);
}

TEST_F(unpack, the_oldest_give_way)
{
	char left[64], theirs[64];
	int fd;

	snprintf(left, sizeof(left), "%s/ferry-kernel-new-1234", self->dir);
	fd = creat(left, 0600);
	ASSERT_LE(0, fd);
	close(fd);
	/* The directory may hold what is not ours, and older. */
	snprintf(theirs, sizeof(theirs), "%s/kernel-config", self->dir);
	fd = creat(theirs, 0600);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, futimens(fd, (struct timespec[2]){ { 1, 0 }, { 1, 0 } }));
	close(fd);
	for (unsigned int i = 0; i < 6; i++) {
		usleep(20000);
		ASSERT_TRUE(pack(self, "gzip", CONTENT));
		fd = kept(self, NULL);
		ASSERT_LE(0, fd);
		EXPECT_TRUE(holds_content(self, fd));
		close(fd);
	}
	EXPECT_EQ(4, files(self));
	EXPECT_NE(0, access(left, F_OK));
	EXPECT_EQ(0, access(theirs, F_OK));
}

TEST_F(unpack, nothing_is_kept_where_others_write_or_what_fails)
{
	ASSERT_TRUE(pack(self, "gzip", CONTENT));
	ASSERT_EQ(0, chmod(self->dir, 0770));
	EXPECT_EQ(-1, kept(self, NULL));
	ASSERT_EQ(0, chmod(self->dir, 0700));
	setenv("FERRY_CACHEDIR", "relative", 1);
	EXPECT_EQ(-1, kept(self, NULL));
	setenv("FERRY_CACHEDIR", "", 1);
	EXPECT_EQ(-1, kept(self, NULL));
	setenv("FERRY_CACHEDIR", "/proc/none", 1);
	EXPECT_EQ(-1, kept(self, NULL));
	setenv("FERRY_CACHEDIR", self->dir, 1);
	ASSERT_TRUE(pack(self, "gzip", CONTENT + 1));
	EXPECT_EQ(-1, kept(self, NULL));
	EXPECT_EQ(0, files(self));
}

TEST_HARNESS_MAIN
