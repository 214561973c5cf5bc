// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: what POSIX promises of files holds for the stock Linux client, as it does
 * on the exported file system itself.
 */
#include "client.h"
#include "export.h"
#include "p9.h"
#include "test.h"

FIXTURE(posix) {
	struct client client;
	const char *program;
};

FIXTURE_VARIANT(posix) {
	const char *fs;
	unsigned int model;
	const char *cache;
};

FIXTURE_VARIANT_ADD(posix, tmpfs_pass_none) {
	"tmpfs", FERRY_9P_MODEL_PASSTHROUGH, "none" };
FIXTURE_VARIANT_ADD(posix, tmpfs_mapped_none) {
	"tmpfs", FERRY_9P_MODEL_MAPPED, "none" };
FIXTURE_VARIANT_ADD(posix, xfs_pass_none) {
	"xfs", FERRY_9P_MODEL_PASSTHROUGH, "none" };
FIXTURE_VARIANT_ADD(posix, xfs_pass_mmap) {
	"xfs", FERRY_9P_MODEL_PASSTHROUGH, "mmap" };
FIXTURE_VARIANT_ADD(posix, xfs_mapped_loose) {
	"xfs", FERRY_9P_MODEL_MAPPED, "loose" };
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

FIXTURE_SETUP(posix)
{
	TEST_REQUIRE(!test_emulated(), "an emulated CPU takes minutes: user-mode Linux shows it");
	TEST_REQUIRE(test_scale(100) >= 50 || !strcmp(variant->cache, "loose"),
		     "one mode of the cache is enough where all is slow");
	CLIENT_PROGRAM(self->program, "posix_fs");
	CLIENT_MOUNT(&self->client, variant->fs, variant->model, variant->cache);
}

FIXTURE_TEARDOWN(posix)
{
	EXPECT_EQ(0, __client_unmount(&self->client));
}

TEST_F(posix, holds)
{
	unsigned int total = 0, bad = 0;
	char command[640], line[512];
	FILE *f;

	snprintf(command, sizeof(command), "%s -m 9p,%s,%s %s", self->program, variant->cache,
		 variant->model == FERRY_9P_MODEL_MAPPED ? "mapped" : "passthrough", CLIENT_PLACE);
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
