// SPDX-License-Identifier: GPL-2.0
/*
 * -pidfile: the file names a process that lives, one at a time, and goes with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "pidfile.h"

FIXTURE(pidfile) {
	char dir[64], path[80];
	struct error e;
};

FIXTURE_SETUP(pidfile)
{
	snprintf(self->dir, sizeof(self->dir), "%s/ferry-pid-XXXXXX", getenv("TMPDIR") ?: "/tmp");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	snprintf(self->path, sizeof(self->path), "%s/pid", self->dir);
}

FIXTURE_TEARDOWN(pidfile)
{
	unlink(self->path);
	rmdir(self->dir);
}

static int said(const char *path)
{
	FILE *f = fopen(path, "re");
	int pid = -1;

	if (!f)
		return -errno;
	if (fscanf(f, "%d", &pid) != 1 || fgetc(f) != '\n' || fgetc(f) != EOF)
		pid = 0;
	fclose(f);
	return pid;
}

/* What another process gets: 0, or an errno. */
static int tried(const char *path)
{
	struct error e;
	int status, fd;
	pid_t pid = fork();

	if (!pid) {
		fd = pidfile_create(path, &e);
		_exit(fd < 0 ? -fd : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

TEST_F(pidfile, names_the_process_while_it_lives)
{
	int fd = pidfile_create(self->path, &self->e);

	ASSERT_LE(0, fd);
	EXPECT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	EXPECT_EQ(getpid(), said(self->path));
	pidfile_remove(self->path, fd);
	EXPECT_EQ(-ENOENT, said(self->path));
	pidfile_remove(self->path, -1);
}

TEST_F(pidfile, of_a_living_process_is_refused)
{
	int fd = pidfile_create(self->path, &self->e);

	ASSERT_LE(0, fd);
	EXPECT_EQ(EAGAIN, tried(self->path));
	EXPECT_EQ(getpid(), said(self->path));
	pidfile_remove(self->path, fd);
	EXPECT_EQ(0, tried(self->path));
}

TEST_F(pidfile, of_a_dead_process_is_taken_over)
{
	int fd = open(self->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	ASSERT_EQ(20, write(fd, "123456789012345678\n\n", 20));
	close(fd);
	EXPECT_EQ(0, tried(self->path));
	fd = pidfile_create(self->path, &self->e);
	ASSERT_LE(0, fd);
	EXPECT_EQ(getpid(), said(self->path));
	pidfile_remove(self->path, fd);
}

TEST_F(pidfile, that_cannot_be_is_named)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/none/pid", self->dir);
	EXPECT_EQ(-ENOENT, pidfile_create(path, &self->e));
	EXPECT_NE(NULL, strstr(self->e.text, path));
	EXPECT_EQ(-EISDIR, pidfile_create(self->dir, &self->e));
}

TEST_HARNESS_MAIN
