// SPDX-License-Identifier: GPL-2.0
/*
 * The script for the end of a tap is run whatever ends its VMM, while the interface is
 * still there.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/tap.h"
#include "harness.h"

#define NAME	"ferryt3"

FIXTURE(script) {
	char dir[32], down[64], log[64], text[128];
};

FIXTURE_SETUP(script)
{
	FILE *f;

	if (geteuid() || access("/dev/net/tun", R_OK | W_OK))
		SKIP(return, "takes root and /dev/net/tun");
	strcpy(self->dir, "/tmp/ferry-script-XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	snprintf(self->down, sizeof(self->down), "%s/down", self->dir);
	snprintf(self->log, sizeof(self->log), "%s/log", self->dir);
	f = fopen(self->down, "we");
	ASSERT_NE(NULL, f);
	fprintf(f, "#!/bin/sh\n[ -e /sys/class/net/$1 ] && there=there\n"
		"echo $1 $there >%s.new; mv %s.new %s\n", self->log, self->log, self->log);
	fclose(f);
	chmod(self->down, 0755);
}

FIXTURE_TEARDOWN(script)
{
	unlink(self->down);
	unlink(self->log);
	rmdir(self->dir);
}

/* Open the tap in a child that ends by @sig, or in order if that is 0. */
static void live(struct _test_data_script *self, int sig)
{
	struct tap_config cfg = { .ifname = NAME, .script = "/bin/true", .queues = 1,
				  .downscript = self->down };
	struct error e;
	struct tap t;
	pid_t pid = fork();

	if (!pid) {
		if (tap_open(&t, &cfg, &e)) {
			fprintf(stderr, "# %s\n", e.text);
			_exit(1);
		}
		if (sig)
			raise(sig);
		tap_close(&t);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* What the script wrote, for which there is a minute. */
static const char *log_text(struct _test_data_script *self)
{
	unsigned int i;
	ssize_t n;
	int fd;

	for (i = 0; i < 600 && access(self->log, F_OK); i++)
		usleep(100000);
	fd = open(self->log, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, self->text, sizeof(self->text) - 1);
	self->text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return self->text;
}

TEST_F_TIMEOUT(script, an_orderly_end_waits_for_it, 90)
{
	live(self, 0);
	/* It has been run by now. */
	EXPECT_EQ(0, access(self->log, F_OK));
	EXPECT_STREQ(NAME " there\n", log_text(self));
	EXPECT_NE(0, access("/sys/class/net/" NAME, F_OK));
}

TEST_F_TIMEOUT(script, being_killed_does_not_prevent_it, 90)
{
	live(self, SIGKILL);
	EXPECT_STREQ(NAME " there\n", log_text(self));
}

TEST_HARNESS_MAIN
