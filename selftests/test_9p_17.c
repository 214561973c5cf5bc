// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: data is what was written. Processes of the stock Linux client read, write,
 * append, truncate and map files at random, in turn with processes of the host's, which
 * punch holes as well; each knows every byte that it has to find.
 */
#include <sys/wait.h>

#include "client.h"
#include "export.h"
#include "p9.h"
#include "test.h"

#define DATA_FILES	4

FIXTURE(data) {
	struct client client;
	const char *program;
};

FIXTURE_VARIANT(data) {
	const char *fs;
	unsigned int model;
	const char *cache;
	bool host;		/* takes turns; nobody can with a client that trusts its cache */
};

FIXTURE_VARIANT_ADD(data, ext4_pass_none) {
	"ext4", FERRY_9P_MODEL_PASSTHROUGH, "none", true };
FIXTURE_VARIANT_ADD(data, ext4_pass_mmap) {
	"ext4", FERRY_9P_MODEL_PASSTHROUGH, "mmap", true };
FIXTURE_VARIANT_ADD(data, ext4_pass_loose) {
	"ext4", FERRY_9P_MODEL_PASSTHROUGH, "loose", false };
FIXTURE_VARIANT_ADD(data, ext4_mapped_mmap) {
	"ext4", FERRY_9P_MODEL_MAPPED, "mmap", true };
FIXTURE_VARIANT_ADD(data, xfs_pass_none) {
	"xfs", FERRY_9P_MODEL_PASSTHROUGH, "none", true };
FIXTURE_VARIANT_ADD(data, tmpfs_pass_none) {
	"tmpfs", FERRY_9P_MODEL_PASSTHROUGH, "none", true };

FIXTURE_SETUP(data)
{
	CLIENT_PROGRAM(self->program, "fs_data");
	CLIENT_MOUNT(&self->client, variant->fs, variant->model, variant->cache);
}

FIXTURE_TEARDOWN(data)
{
	EXPECT_EQ(0, __client_unmount(&self->client));
}

/* One side of one file, in the background; of a process group of its own if that is 0. */
static pid_t data_side(pid_t group, const char *program, const char *place, unsigned int file,
		       unsigned int side, unsigned int sides, unsigned long operations)
{
	char text[5][24];
	pid_t pid = fork();

	if (pid)
		return pid;
	setpgid(0, group);
	snprintf(text[0], sizeof(text[0]), "f%u", file);
	snprintf(text[1], sizeof(text[1]), "%u", side);
	snprintf(text[2], sizeof(text[2]), "%u", sides);
	snprintf(text[3], sizeof(text[3]), "%lu", operations);
	snprintf(text[4], sizeof(text[4]), "%u", 1000 + file);
	execl(program, "fs_data", place, text[0], text[1], text[2], text[3], text[4], NULL);
	_exit(127);
}

/* All of a group; who fails before its first turn tells nobody, so the others end with it. */
static int data_sides_wait(pid_t group)
{
	int status, failed = 0;

	while (waitpid(-group, &status, 0) > 0) {
		if (status && !failed)
			kill(-group, SIGKILL);
		failed |= status;
	}
	return failed;
}

/* A soak takes as long as it is asked to. */
TEST_F_TIMEOUT(data, is_what_was_written, 24 * 3600)
{
	unsigned int sides = variant->host ? 2 : 1;
	unsigned long operations = test_scale(300);
	pid_t pid, group = 0;

	for (unsigned int i = 0; i < DATA_FILES * sides; i++) {
		const char *place = i % sides ? export_dir() : CLIENT_PLACE;

		pid = data_side(group, self->program, place, i / sides, i % sides, sides,
				operations);
		ASSERT_LT(0, pid);
		group = group ?: pid;
		/* It has done so itself if it runs its program by now. */
		if (setpgid(pid, group))
			ASSERT_EQ(EACCES, errno);
	}
	EXPECT_EQ(0, data_sides_wait(group));
}

TEST_HARNESS_MAIN
