// SPDX-License-Identifier: GPL-2.0
/*
 * The log of a guest in the background: what is kept of what its VMM says, how much, for how
 * long, and what "ferry log" shows of it.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "commands.h"
#include "ctl/log.h"
#include "fake_guest.h"
#include "harness.h"

FIXTURE(log) {
	char dir[32], path[64];
	struct rundir d;
	struct error e;
	char text[2 * LOG_MAX];
	int entry, fd;
};

FIXTURE_SETUP(log)
{
	strcpy(self->dir, "/tmp/logXXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	snprintf(self->path, sizeof(self->path), "%s/g.log", self->dir);
	setenv("FERRY_RUNDIR", self->dir, 1);
	self->entry = -1;
	ASSERT_EQ(0, rundir_open(&self->d, true, &self->e));
}

FIXTURE_TEARDOWN(log)
{
	char command[64];

	rundir_close(&self->d);
	snprintf(command, sizeof(command), "rm -rf %s", self->dir);
	EXPECT_EQ(0, system(command));
}

static void begin(FIXTURE_DATA(log) *self)
{
	self->entry = rundir_enter(&self->d, "g", &self->e);
	self->fd = self->entry < 0 ? -1 : log_begin(&self->d, "g", &self->e);
}

/* The VMM is gone, and the process that writes its log has seen that and ended. */
static void end(FIXTURE_DATA(log) *self)
{
	close(self->fd);
	while (waitpid(-1, NULL, 0) > 0)
		;
}

/* All of it, however slow the other side is. */
static void put(FIXTURE_DATA(log) *self, const char *text)
{
	struct pollfd p = { .fd = self->fd, .events = POLLOUT };
	size_t len = strlen(text);
	ssize_t n;

	while (len && poll(&p, 1, -1) == 1 && p.revents == POLLOUT) {
		n = write(self->fd, text, len);
		text += n > 0 ? n : 0;
		len -= n > 0 ? n : 0;
	}
}

/* What "ferry log" prints. */
static const char *shown(FIXTURE_DATA(log) *self, int *ret)
{
	int out = memfd_create("out", 0), old;
	char *argv[] = { "log", "g", NULL };
	ssize_t n;

	fflush(stdout);
	old = dup(1);
	dup2(out, 1);
	self->e = (struct error){ 0 };
	*ret = command_run(2, argv, &self->e);
	fflush(stdout);
	dup2(old, 1);
	n = pread(out, self->text, sizeof(self->text) - 1, 0);
	self->text[n > 0 ? n : 0] = '\0';
	close(old);
	close(out);
	return self->text;
}

TEST_F(log, keeps_the_last_words)
{
	const char *text;
	int ret;

	begin(self);
	ASSERT_LE(0, self->fd) TH_LOG("%s", self->e.text);
	put(self, "ferry: first\nfer");
	put(self, "ry: second\033[2J\t\x7f\xc2\x9bH\xc3\xa4\xe4\nferry: without an end");
	/* As whoever is killed leaves it. */
	close(self->entry);
	end(self);
	text = shown(self, &ret);
	ASSERT_EQ(0, ret) TH_LOG("%s", self->e.text);
	EXPECT_NE(NULL, strstr(text, " ferry: first\n")) TH_LOG("%s", text);
	EXPECT_NE(NULL, strstr(text, " ferry: second?[2J ???H\xc3\xa4?\n")) TH_LOG("%s", text);
	EXPECT_NE(NULL, strstr(text, " ferry: without an end\n")) TH_LOG("%s", text);
	/* "2026-11-28 12:00:00 " */
	EXPECT_EQ('-', text[4]);
	EXPECT_EQ(':', text[13]);
	/* It stays when what is left of the guest is removed, until the next one. */
	rundir_clean(&self->d, "g");
	EXPECT_EQ(0, access(self->path, F_OK));
	begin(self);
	ASSERT_LE(0, self->fd) TH_LOG("%s", self->e.text);
	EXPECT_STREQ("", shown(self, &ret));
	EXPECT_EQ(0, ret);
	close(self->entry);
	end(self);
}

TEST_F(log, is_bounded)
{
	char line[128];
	struct stat st;
	int i, ret;

	begin(self);
	ASSERT_LE(0, self->fd) TH_LOG("%s", self->e.text);
	for (i = 0; i < 20000; i++) {
		snprintf(line, sizeof(line), "ferry: line %d of many that a guest has us say\n", i);
		put(self, line);
	}
	/* A line that does not end is no way out. */
	memset(self->text, 'x', LOG_MAX);
	self->text[LOG_MAX] = '\0';
	put(self, self->text);
	put(self, "\nferry: the end\n");
	close(self->entry);
	end(self);
	ASSERT_EQ(0, stat(self->path, &st));
	EXPECT_GE(LOG_MAX, st.st_size);
	EXPECT_LE(LOG_MAX / 4, st.st_size);
	shown(self, &ret);
	EXPECT_EQ(NULL, strstr(self->text, "line 0 of"));
	EXPECT_NE(NULL, strstr(self->text, "xxxx"));
	EXPECT_NE(NULL, strstr(self->text, " ferry: the end\n"));
	/* It begins where a line does. */
	EXPECT_EQ('-', self->text[4]);
}

TEST_F(log, goes_when_it_tells_nothing)
{
	int ret;

	/* Killed without a word: the writer takes it away. */
	begin(self);
	ASSERT_LE(0, self->fd) TH_LOG("%s", self->e.text);
	EXPECT_EQ(0, access(self->path, F_OK));
	close(self->entry);
	end(self);
	EXPECT_NE(0, access(self->path, F_OK));
	shown(self, &ret);
	EXPECT_EQ(-ENOENT, ret);
	EXPECT_STREQ("log: there is no guest 'g'", self->e.text);
	/* All went well. */
	begin(self);
	put(self, "ferry: terminating on signal 15\n");
	rundir_leave(&self->d, "g", self->entry, true);
	end(self);
	EXPECT_NE(0, access(self->path, F_OK));
	/* It did not. */
	begin(self);
	rundir_leave(&self->d, "g", self->entry, false);
	put(self, "ferry: kvm: vCPU 0: unexpected exit\n");
	end(self);
	EXPECT_EQ(0, access(self->path, F_OK));
	EXPECT_NE(NULL, strstr(shown(self, &ret), " ferry: kvm: vCPU 0: unexpected exit\n"));
	/* Whoever asked for the end knows. */
	rundir_forget(&self->d, "g");
	EXPECT_NE(0, access(self->path, F_OK));
}

TEST_F(log, of_one_in_the_foreground)
{
	pid_t pid = fake_start("g", 0);
	int ret;

	ASSERT_LT(0, pid);
	shown(self, &ret);
	EXPECT_EQ(-ENOENT, ret);
	EXPECT_STREQ("log: guest 'g' is not in the background, and has no log", self->e.text);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A slow writer of the log holds nobody up: what does not fit is lost. */
TEST_F(log, waits_for_nobody)
{
	ssize_t n = 0;
	int i;

	begin(self);
	ASSERT_LE(0, self->fd) TH_LOG("%s", self->e.text);
	memset(self->text, 'x', sizeof(self->text));
	for (i = 0; i < 1000 && n >= 0; i++)
		n = write(self->fd, self->text, sizeof(self->text));
	EXPECT_TRUE(n >= 0 || errno == EAGAIN);
	EXPECT_TRUE(fcntl(self->fd, F_GETFL) & O_NONBLOCK);
	close(self->entry);
	end(self);
}

TEST_HARNESS_MAIN
