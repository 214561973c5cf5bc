// SPDX-License-Identifier: GPL-2.0
/*
 * The run directory: where it is, who may have put something there, names, who has one, and
 * what is left of the dead.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "fake_guest.h"
#include "harness.h"

FIXTURE(rundir) {
	char dir[32], path[64];
	struct rundir d;
	struct error e;
	pid_t pid;
};

FIXTURE_SETUP(rundir)
{
	strcpy(self->dir, "/tmp/runXXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	snprintf(self->path, sizeof(self->path), "%s/ferry", self->dir);
	setenv("FERRY_RUNDIR", self->path, 1);
	self->pid = -1;
}

static bool there(FIXTURE_DATA(rundir) *self, const char *file)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", self->path, file);
	return !access(path, F_OK);
}

static void make(FIXTURE_DATA(rundir) *self, const char *file)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", self->path, file);
	close(open(path, O_CREAT | O_WRONLY, 0600));
}

static void end(FIXTURE_DATA(rundir) *self)
{
	if (self->pid > 0) {
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
	self->pid = -1;
}

FIXTURE_TEARDOWN(rundir)
{
	char command[64];

	end(self);
	rundir_close(&self->d);
	snprintf(command, sizeof(command), "rm -rf %s", self->dir);
	EXPECT_EQ(0, system(command));
}

TEST_F(rundir, is_made_when_it_is_wanted)
{
	struct stat st;

	EXPECT_EQ(-ENOENT, rundir_open(&self->d, false, &self->e));
	ASSERT_EQ(0, rundir_open(&self->d, true, &self->e)) TH_LOG("%s", self->e.text);
	ASSERT_EQ(0, stat(self->path, &st));
	EXPECT_EQ(0700, st.st_mode & 0777);
	rundir_close(&self->d);
	EXPECT_EQ(0, rundir_open(&self->d, true, &self->e));
}

TEST_F(rundir, is_not_others)
{
	ASSERT_EQ(0, mkdir(self->path, 0700));
	ASSERT_EQ(0, chmod(self->path, 0770));
	EXPECT_EQ(-EPERM, rundir_open(&self->d, true, &self->e));
	EXPECT_NE(NULL, strstr(self->e.text, "others may write to the run directory"));
	ASSERT_EQ(0, chmod(self->path, 0755));
	EXPECT_EQ(0, rundir_open(&self->d, true, &self->e));
	rundir_close(&self->d);
	/* Nor what a link leads to. */
	ASSERT_EQ(0, rmdir(self->path));
	ASSERT_EQ(0, symlink("/tmp", self->path));
	EXPECT_GT(0, rundir_open(&self->d, true, &self->e));
	ASSERT_EQ(0, unlink(self->path));
	setenv("FERRY_RUNDIR", "relative", 1);
	EXPECT_EQ(-EINVAL, rundir_open(&self->d, true, &self->e));
	self->d.fd = -1;
}

TEST_F(rundir, names)
{
	static const char *const good[] = { "a", "web1", "web-1.example_2+x", "1" };
	static const char *const bad[] = {
		"", ".", "..", "-x", ".x", "a/b", "a b", "a\n", "\xc3\xa4",
		"0123456789012345678901234567890123456789012345678901234567890123",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(good); i++)
		EXPECT_EQ(0, rundir_check_name(good[i], &self->e)) TH_LOG("%zu", i);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, rundir_check_name(bad[i], &self->e)) TH_LOG("%zu", i);
}

TEST_F(rundir, a_name_is_one_process_s)
{
	struct rundir_entry found;

	self->pid = fake_start("a", 0);
	ASSERT_LT(0, self->pid);
	ASSERT_EQ(0, rundir_open(&self->d, false, &self->e));
	EXPECT_TRUE(rundir_find(&self->d, "a", &found));
	EXPECT_EQ(self->pid, found.pid);
	EXPECT_STREQ("a", found.name);
	EXPECT_FALSE(rundir_find(&self->d, "b", &found));
	EXPECT_EQ(-EEXIST, rundir_enter(&self->d, "a", &self->e));
	EXPECT_NE(NULL, strstr(self->e.text, "guest 'a' is running already, as process"));
	/* Neither looking nor cleaning harms it. */
	rundir_clean(&self->d, "a");
	EXPECT_TRUE(there(self, "a.pid") && there(self, "a.qmp") && there(self, "a.console"));
	EXPECT_EQ(-1, fake_start("a", 0));
}

TEST_F(rundir, the_dead_leave_nothing)
{
	struct rundir_entry found, *list;
	pid_t alive;

	self->pid = fake_start("dead", 0);
	alive = fake_start("alive", 0);
	ASSERT_LT(0, self->pid);
	ASSERT_LT(0, alive);
	end(self);
	EXPECT_TRUE(there(self, "dead.pid") && there(self, "dead.qmp"));
	ASSERT_EQ(0, rundir_open(&self->d, false, &self->e));
	make(self, "other.txt");
	make(self, ".hidden.pid");
	EXPECT_FALSE(rundir_find(&self->d, "dead", &found));
	ASSERT_EQ(1, rundir_list(&self->d, &list, &self->e));
	EXPECT_STREQ("alive", list[0].name);
	EXPECT_EQ(alive, list[0].pid);
	free(list);
	EXPECT_FALSE(there(self, "dead.pid") || there(self, "dead.qmp") ||
		     there(self, "dead.console"));
	EXPECT_TRUE(there(self, "alive.pid") && there(self, "alive.qmp"));
	EXPECT_TRUE(there(self, "other.txt") && there(self, ".hidden.pid"));
	self->pid = alive;
}

/* A number in a file proves nothing: only the lock does. */
TEST_F(rundir, a_number_is_no_proof)
{
	struct rundir_entry found;
	int fd;

	ASSERT_EQ(0, rundir_open(&self->d, true, &self->e));
	fd = openat(self->d.fd, "a.pid", O_CREAT | O_WRONLY, 0600);
	dprintf(fd, "%d\n", getppid());
	close(fd);
	EXPECT_FALSE(rundir_find(&self->d, "a", &found));
	self->pid = fake_start("a", 0);
	ASSERT_LT(0, self->pid);
	EXPECT_TRUE(rundir_find(&self->d, "a", &found));
	EXPECT_EQ(self->pid, found.pid);
}

/* A child of the guest's that lives on does not keep the name. */
TEST_F(rundir, children_do_not_have_it)
{
	struct rundir_entry found;
	int ready[2], end[2];
	char c;

	ASSERT_EQ(0, rundir_open(&self->d, true, &self->e));
	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe(end));
	self->pid = fork();
	if (!self->pid) {
		if (rundir_enter(&self->d, "a", &self->e) < 0)
			_exit(1);
		if (fork())
			_exit(0);
		close(end[1]);
		_exit(write(ready[1], "x", 1) != 1 || read(end[0], &c, 1));
	}
	EXPECT_EQ(1, read(ready[0], &c, 1));
	EXPECT_EQ(0, fake_status_of(self->pid));
	self->pid = -1;
	EXPECT_FALSE(rundir_find(&self->d, "a", &found));
	close(end[1]);
}

TEST_F(rundir, many)
{
	struct rundir_entry *list;
	char name[16];
	pid_t pid[17];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pid); i++) {
		snprintf(name, sizeof(name), "g%02zu", ARRAY_SIZE(pid) - 1 - i);
		pid[i] = fake_start(name, FAKE_NO_SOCKETS);
		ASSERT_LT(0, pid[i]);
	}
	ASSERT_EQ(0, rundir_open(&self->d, false, &self->e));
	EXPECT_EQ(ARRAY_SIZE(pid), rundir_list(&self->d, &list, &self->e));
	for (i = 0; i < ARRAY_SIZE(pid); i++) {
		snprintf(name, sizeof(name), "g%02zu", i);
		EXPECT_STREQ(name, list[i].name);
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	free(list);
	EXPECT_EQ(0, rundir_list(&self->d, &list, &self->e));
	free(list);
	EXPECT_FALSE(there(self, "g00.pid"));
}

TEST_HARNESS_MAIN
