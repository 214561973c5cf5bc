// SPDX-License-Identifier: GPL-2.0
/*
 * What "ferry create" adds to a guest's options, and what it tells the service manager.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness.h"
#include "notify.h"
#include "options/config.h"

FIXTURE(serve) {
	struct config c;
	struct error e;
};

FIXTURE_SETUP(serve)
{
}

FIXTURE_TEARDOWN(serve)
{
	config_free(&self->c);
}

static int serve(FIXTURE_DATA(serve) *self, char *option, char *arg)
{
	char *argv[] = { "create", "-kernel", "k", option, arg };
	int ret = config_take(&self->c, arg ? 5 : option ? 4 : 3, argv, &self->e);

	if (ret != CONFIG_RUN)
		return ret;
	self->c.daemonize = true;
	return config_serve(&self->c, "/r/a,b.qmp", "/r/a,b.console", &self->e) ?:
	       config_check(&self->c, &self->e);
}

TEST_F(serve, a_monitor_and_the_serial_port)
{
	ASSERT_EQ(CONFIG_RUN, serve(self, NULL, NULL)) TH_LOG("%s", self->e.text);
	ASSERT_EQ(1, self->c.n_monitors);
	EXPECT_TRUE(self->c.monitor[0].qmp);
	EXPECT_TRUE(self->c.monitor[0].chardev.server);
	EXPECT_FALSE(self->c.monitor[0].chardev.wait);
	EXPECT_STREQ("/r/a,b.qmp", self->c.monitor[0].chardev.path);
	EXPECT_EQ(CHARDEV_SOCKET, self->c.serial.kind);
	EXPECT_TRUE(self->c.serial.server);
	EXPECT_FALSE(self->c.serial.wait);
	EXPECT_STREQ("/r/a,b.console", self->c.serial.path);
}

TEST_F(serve, a_serial_port_that_is_elsewhere)
{
	ASSERT_EQ(CONFIG_RUN, serve(self, "-serial", "file:/x")) TH_LOG("%s", self->e.text);
	EXPECT_EQ(CHARDEV_FILE, self->c.serial.kind);
	EXPECT_STREQ("/x", self->c.serial.path);
	EXPECT_EQ(1, self->c.n_monitors);
}

TEST_F(serve, no_serial_port_that_nobody_asked_for)
{
	ASSERT_EQ(CONFIG_RUN, serve(self, "-nodefaults", NULL)) TH_LOG("%s", self->e.text);
	EXPECT_EQ(CHARDEV_NONE, self->c.serial.kind);
	EXPECT_STREQ("/r/a,b.qmp", self->c.monitor[0].chardev.path);
}

TEST_F(serve, beside_other_monitors)
{
	char *argv[20] = { "create", "-kernel", "k" };
	int argc = 3, i;

	for (i = 0; i < CONFIG_MONITORS_MAX; i++) {
		argv[argc++] = "-qmp";
		argv[argc++] = "none";
	}
	ASSERT_EQ(CONFIG_RUN, config_take(&self->c, argc, argv, &self->e));
	EXPECT_EQ(-ENOSPC, config_serve(&self->c, "/q", "/c", &self->e));
	config_free(&self->c);
	ASSERT_EQ(CONFIG_RUN, config_take(&self->c, argc - 2, argv, &self->e));
	EXPECT_EQ(0, config_serve(&self->c, "/q", "/c", &self->e));
	EXPECT_STREQ("/q", self->c.monitor[CONFIG_MONITORS_MAX - 1].chardev.path);
}

/* "-nographic" says what stdio is for where there is one. */
TEST_F(serve, without_graphics)
{
	EXPECT_EQ(CONFIG_RUN, serve(self, "-nographic", NULL));
	EXPECT_EQ(CHARDEV_SOCKET, self->c.serial.kind);
}

static void hear_ready(struct __test_metadata *_metadata, const char *name, char first)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0), said;
	char buf[32] = "";

	strcpy(a.sun_path, name);
	a.sun_path[0] = first;
	ASSERT_EQ(0, bind(fd, (struct sockaddr *)&a, offsetof(struct sockaddr_un, sun_path) +
			  strlen(name)));
	setenv("NOTIFY_SOCKET", name, 1);
	said = notify_begin();
	ASSERT_LE(0, said);
	EXPECT_EQ(NULL, getenv("NOTIFY_SOCKET"));
	EXPECT_EQ(-1, recv(fd, buf, sizeof(buf), MSG_DONTWAIT));
	notify_ready(said);
	EXPECT_EQ(8, recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT));
	EXPECT_STREQ("READY=1\n", buf);
	close(fd);
}

TEST(the_service_manager_is_told)
{
	char path[] = "/tmp/notifyXXXXXX", abstract[64];
	int fd = mkstemp(path);

	close(fd);
	unlink(path);
	hear_ready(_metadata, path, '/');
	unlink(path);
	snprintf(abstract, sizeof(abstract), "@%s", path);
	hear_ready(_metadata, abstract, '\0');
}

TEST(nobody_is_told)
{
	char path[200];

	unsetenv("NOTIFY_SOCKET");
	EXPECT_EQ(-1, notify_begin());
	notify_ready(-1);
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	setenv("NOTIFY_SOCKET", path, 1);
	EXPECT_EQ(-1, notify_begin());
	setenv("NOTIFY_SOCKET", "/nowhere", 1);
	EXPECT_EQ(-1, notify_begin());
}

TEST_HARNESS_MAIN
