// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: what POSIX promises of files holds for the stock Linux client, as it does
 * on the exported file system itself. The client speaks to a socket; a process behind
 * it hands each message to the device's ring, and the answer back.
 */
#include <libgen.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "export.h"
#include "p9.h"
#include "test.h"

#define POSIX_MOUNT	"/tmp/ferry-posix"

FIXTURE(posix) {
	pid_t bridge;
	char program[512];
};

FIXTURE_VARIANT(posix) {
	const char *fs;
	unsigned int model;
	const char *cache;
};

FIXTURE_VARIANT_ADD(posix, tmpfs_pass_none) {
	"tmpfs", FERRY_9P_MODEL_PASSTHROUGH, "none" };
FIXTURE_VARIANT_ADD(posix, ext4_pass_none) {
	"ext4", FERRY_9P_MODEL_PASSTHROUGH, "none" };
FIXTURE_VARIANT_ADD(posix, ext4_pass_mmap) {
	"ext4", FERRY_9P_MODEL_PASSTHROUGH, "mmap" };
FIXTURE_VARIANT_ADD(posix, ext4_pass_loose) {
	"ext4", FERRY_9P_MODEL_PASSTHROUGH, "loose" };
FIXTURE_VARIANT_ADD(posix, ext4_mapped_none) {
	"ext4", FERRY_9P_MODEL_MAPPED, "none" };
FIXTURE_VARIANT_ADD(posix, ext4_mapped_mmap) {
	"ext4", FERRY_9P_MODEL_MAPPED, "mmap" };
FIXTURE_VARIANT_ADD(posix, ext4_mapped_loose) {
	"ext4", FERRY_9P_MODEL_MAPPED, "loose" };

static bool posix_read(int fd, void *to, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = read(fd, (char *)to + at, len - at);

		if (n <= 0)
			return false;
		at += n;
	}
	return true;
}

/* One message after the other, until the client is gone. */
static void posix_bridge(int fd, unsigned int model)
{
	static uint8_t head[FERRY_P9_HEADER], body[P9_ROOM];
	struct ferry_9p_backend b = { .model = model, .uid = FERRY_9P_SELF,
				      .gid = FERRY_9P_SELF };
	static struct p9 p;

	b.fd = open(export_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check_ok(__p9_open(&p, &b), "serve %s", export_dir());
	close(b.fd);
	while (posix_read(fd, head, sizeof(head))) {
		struct ferry_p9_hdr h = ferry_p9_header(head);
		uint32_t len = h.size - FERRY_P9_HEADER;

		check(len <= sizeof(body) && posix_read(fd, body, len), "a whole message");
		p.tag = h.tag;
		p9_send(&p, 0, h.type, "d", body, P9_U64(len));
		check(!p9_recv(&p, DEV_PATIENCE_MS), "an answer");
		check(write(fd, p.rx.p - FERRY_P9_HEADER, p.rx_len) == (ssize_t)p.rx_len,
		      "the answer's way back");
	}
	p9_close(&p);
}

static int posix_mount(int fd, const char *cache)
{
	char options[256];

	snprintf(options, sizeof(options),
		 "trans=fd,rfdno=%d,wfdno=%d,version=9p2000.L,msize=%u,cache=%s,access=user", fd,
		 fd, P9_MSIZE, cache);
	mkdir(POSIX_MOUNT, 0755);
	return mount("posix", POSIX_MOUNT, "9p", 0, options) ? -errno : 0;
}

FIXTURE_SETUP(posix)
{
	char path[256] = "";
	int ends[2], err;

	TEST_REQUIRE(p9_available(), "no %s", DEV_9P_PATH);
	TEST_REQUIRE(!test_emulated(), "an emulated CPU takes minutes: user-mode Linux shows it");
	TEST_REQUIRE(test_scale(100) >= 50 || !strcmp(variant->cache, "loose"),
		     "one mode of the cache is enough where all is slow");
	ASSERT_LT(0, readlink("/proc/self/exe", path, sizeof(path) - 1));
	snprintf(self->program, sizeof(self->program), "%s/guest/posix_fs", dirname(path));
	TEST_REQUIRE(!access(self->program, X_OK), "%s is not built", self->program);
	err = __export_mount(variant->fs);
	TEST_REQUIRE(!err, "no %s here: %s", variant->fs, strerror(-err));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	self->bridge = fork();
	ASSERT_LE(0, self->bridge);
	if (!self->bridge) {
		close(ends[0]);
		posix_bridge(ends[1], variant->model);
		_exit(0);
	}
	close(ends[1]);
	err = posix_mount(ends[0], variant->cache);
	close(ends[0]);
	TEST_REQUIRE(err != -ENODEV && err != -EINVAL, "no 9P client over a socket here");
	ASSERT_EQ(0, err);
}

FIXTURE_TEARDOWN(posix)
{
	int status;

	EXPECT_EQ(0, umount(POSIX_MOUNT));
	EXPECT_EQ(self->bridge, waitpid(self->bridge, &status, 0));
	EXPECT_EQ(0, status);
	export_unmount();
}

TEST_F(posix, holds)
{
	unsigned int total = 0, bad = 0;
	char command[640], line[512];
	FILE *f;

	snprintf(command, sizeof(command), "%s -m 9p,%s,%s %s", self->program, variant->cache,
		 variant->model == FERRY_9P_MODEL_MAPPED ? "mapped" : "passthrough", POSIX_MOUNT);
	f = popen(command, "re");
	ASSERT_NE(NULL, f);
	while (fgets(line, sizeof(line), f)) {
		sscanf(line, "1..%u", &total);
		if (line[0] != '#' && strncmp(line, "not ok", 6))
			continue;
		TH_LOG("%.*s", (int)strcspn(line, "\n"), line);
		bad += line[0] != '#';
	}
	pclose(f);
	EXPECT_LT(60, total);
	EXPECT_EQ(0, bad);
}

TEST_HARNESS_MAIN
