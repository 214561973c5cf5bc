// SPDX-License-Identifier: GPL-2.0
/*
 * The monitor that people type at: lines, words, arguments, help; the editing of a line
 * where no terminal does it; C-a c on a serial port; sockets and who may have them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "backend/sock.h"
#include "harness.h"
#include "monitor_rig.h"

#define PROMPT	"(qemu) "

FIXTURE(hmp) {
	struct rig r;
	int fd;
	char dir[32], path[64];
};

FIXTURE_SETUP(hmp)
{
	ASSERT_EQ(0, rig_init(&self->r));
	strcpy(self->dir, "/tmp/hmpXXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	snprintf(self->path, sizeof(self->path), "%s/s", self->dir);
	self->fd = rig_connect(&self->r, false);
	ASSERT_LE(0, self->fd);
	ASSERT_TRUE(rig_hear(&self->r, self->fd));
}

FIXTURE_TEARDOWN(hmp)
{
	close(self->fd);
	rig_destroy(&self->r);
	unlink(self->path);
	rmdir(self->dir);
}

TEST_F(hmp, greets)
{
	EXPECT_STREQ("Ferry 1.2.3 monitor - type 'help' for more information\n" PROMPT,
		     self->r.heard);
}

TEST_F(hmp, lines)
{
	static const struct {
		const char *typed, *answer;
	} cases[] = {
		{ "\n", PROMPT },
		{ "count\n", "1\n" PROMPT },
		{ "  n \r\n", "2\n" PROMPT },
		{ "echo a\n", "{\"text\":\"a\"}\n" PROMPT },
		{ "echo \"a \\\" b\" on\n", "{\"text\":\"a \\\" b\",\"on\":true}\n" PROMPT },
		{ "echo\n", "Error: Parameter 'text' is missing\n" PROMPT },
		{ "echo a maybe\n", "Error: Expected 'on' or 'off'\n" PROMPT },
		{ "echo a on b\n",
		  "Error: extraneous characters at the end of line: 'b'\n" PROMPT },
		{ "echo \"a\n", "Error: unterminated or too long word\n" PROMPT },
		{ "info size 256\n", "{\"value\":268435456}\n" PROMPT },
		{ "info  size\t2G\n", "{\"value\":2147483648}\n" PROMPT },
		{ "info size 4k\n", "{\"value\":4096}\n" PROMPT },
		{ "info size 4x\n", "Error: invalid number '4x'\n" PROMPT },
		{ "info size 99999999999999999999\n",
		  "Error: number '99999999999999999999' is out of range\n" PROMPT },
		{ "plug dev,id=a,id=b,,c,id=d\n",
		  "{\"driver\":\"dev\",\"id\":[{\"str\":\"a\"},{\"str\":\"b,c\"},"
		  "{\"str\":\"d\"}]}\n" PROMPT },
		{ "plug ,\n", "{\"driver\":\"\"}\n" PROMPT },
		{ "plug dev,id=a,on\n",
		  "{\"driver\":\"dev\",\"id\":\"a\",\"on\":\"on\"}\n" PROMPT },
		{ "fail\n", "Error: it failed\n" PROMPT },
		{ "counts\n", "unknown command: 'counts'\n" PROMPT },
		{ "info\n", "info size value -- show a size\n" PROMPT },
		{ "info bogus\n", "info size value -- show a size\n" PROMPT },
		{ "help echo\n", "echo text [on] -- say it again\n" PROMPT },
		{ "cou\bunx\177t\n", "3\n" PROMPT },
		{ "bogus\025count\n", "4\n" PROMPT },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		EXPECT_STREQ(cases[i].answer, rig_ask(&self->r, self->fd, cases[i].typed));
	rig_ask(&self->r, self->fd, "help\n");
	EXPECT_NE(NULL, strstr(self->r.heard, "count|n -- count\n"));
	EXPECT_NE(NULL, strstr(self->r.heard, "help|? [cmd] -- show the help\n"));
}

TEST_F(hmp, a_line_too_long)
{
	char line[5000];

	memset(line, 'a', sizeof(line));
	rig_say(&self->r, self->fd, line, sizeof(line));
	EXPECT_STREQ("the line is longer than 1023 characters\n" PROMPT,
		     rig_ask(&self->r, self->fd, "\n"));
	EXPECT_STREQ("1\n" PROMPT, rig_ask(&self->r, self->fd, "count\n"));
}

TEST_F(hmp, a_socket_takes_clients_and_is_gone_after)
{
	struct chardev_config cfg = { .kind = CHARDEV_SOCKET, .path = self->path,
				      .server = true };
	int a, b;

	ASSERT_EQ(0, monitor_open(&self->r.mon, true, &cfg, -1, &self->r.e))
		TH_LOG("%s", self->r.e.text);
	a = sock_connect(self->path, &self->r.e);
	b = sock_connect(self->path, &self->r.e);
	ASSERT_LE(0, a);
	ASSERT_LE(0, b);
	EXPECT_TRUE(rig_hear(&self->r, a));
	EXPECT_NE(NULL, strstr(self->r.heard, "\"QMP\""));
	EXPECT_TRUE(rig_hear(&self->r, b));
	EXPECT_NE(NULL, strstr(self->r.heard, "\"QMP\""));
	/* It is ours as long as we live. */
	EXPECT_EQ(-EADDRINUSE, monitor_open(&self->r.mon, true, &cfg, -1, &self->r.e));
	EXPECT_NE(NULL, strstr(self->r.e.text, "Failed to bind socket to "));
	monitor_destroy(&self->r.mon);
	EXPECT_NE(0, access(self->path, F_OK));
	close(a);
	close(b);
}

TEST_F(hmp, more_clients_than_there_may_be_wait)
{
	struct chardev_config cfg = { .kind = CHARDEV_SOCKET, .path = self->path,
				      .server = true };
	int fd[MONITOR_CLIENTS + 1];
	size_t i;

	/* One is there already. */
	ASSERT_EQ(0, monitor_open(&self->r.mon, true, &cfg, -1, &self->r.e));
	for (i = 0; i < MONITOR_CLIENTS + 1; i++) {
		fd[i] = sock_connect(self->path, &self->r.e);
		ASSERT_LE(0, fd[i]);
		EXPECT_TRUE(rig_hear(&self->r, fd[i]));
		EXPECT_EQ(i < MONITOR_CLIENTS - 1, self->r.len > 0) TH_LOG("%zu", i);
	}
	EXPECT_EQ(MONITOR_CLIENTS, self->r.mon.n_sessions);
	for (i = 0; i < 2; i++) {
		close(fd[i]);
		testvm_run_loop(&self->r.t);
		EXPECT_TRUE(rig_hear(&self->r, fd[MONITOR_CLIENTS - 1 + i]));
		EXPECT_LT(0, self->r.len);
	}
	for (i = 2; i < MONITOR_CLIENTS + 1; i++)
		close(fd[i]);
	testvm_run_loop(&self->r.t);
	EXPECT_EQ(1, self->r.mon.n_sessions);
}

TEST_F(hmp, a_dead_socket_is_replaced_and_a_file_is_not)
{
	int fd = sock_listen(self->path, &self->r.e);

	ASSERT_LE(0, fd);
	close(fd);
	fd = sock_listen(self->path, &self->r.e);
	EXPECT_LE(0, fd) TH_LOG("%s", self->r.e.text);
	close(fd);
	unlink(self->path);
	fd = open(self->path, O_CREAT | O_WRONLY, 0600);
	ASSERT_LE(0, fd);
	close(fd);
	EXPECT_EQ(-EADDRINUSE, sock_listen(self->path, &self->r.e));
	EXPECT_EQ(0, access(self->path, F_OK));
}

TEST_F(hmp, waiting_can_be_broken_off)
{
	struct chardev_config cfg = { .kind = CHARDEV_SOCKET, .path = self->path,
				      .server = true, .wait = true };
	int p[2];

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(1, write(p[1], "x", 1));
	EXPECT_EQ(-EINTR, monitor_open(&self->r.mon, true, &cfg, p[0], &self->r.e));
	close(p[0]);
	close(p[1]);
}

/* Take all descriptors that there are, but for those in use. */
static bool take_descriptors(int *fd, size_t n)
{
	struct rlimit r;
	size_t i;

	if (getrlimit(RLIMIT_NOFILE, &r))
		return false;
	r.rlim_cur = n;
	if (setrlimit(RLIMIT_NOFILE, &r))
		return false;
	for (i = 0; i < n; i++)
		fd[i] = dup(STDERR_FILENO);
	return fd[n - 1] < 0 && errno == EMFILE;
}

static void give_descriptors(const int *fd, size_t n)
{
	while (n--)
		if (fd[n] >= 0)
			close(fd[n]);
}

/* Nobody who is connected leaves, so that nothing says when there are descriptors again. */
TEST_F(hmp, without_descriptors_clients_are_turned_away)
{
	struct chardev_config cfg = { .kind = CHARDEV_SOCKET, .path = self->path,
				      .server = true };
	int fd, all[128];

	ASSERT_EQ(0, monitor_open(&self->r.mon, false, &cfg, -1, &self->r.e));
	for (int i = 0; i < 3; i++) {
		fd = sock_connect(self->path, &self->r.e);
		ASSERT_LE(0, fd);
		ASSERT_TRUE(take_descriptors(all, ARRAY_SIZE(all)));
		rig_hear(&self->r, fd);
		EXPECT_EQ(0, self->r.len);
		EXPECT_EQ(0, read(fd, &cfg, 1)) TH_LOG("%d", i);
		give_descriptors(all, ARRAY_SIZE(all));
		close(fd);
	}
	fd = sock_connect(self->path, &self->r.e);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(rig_hear(&self->r, fd));
	EXPECT_NE(NULL, strstr(self->r.heard, PROMPT));
	close(fd);
}

/* A serial port without a FIFO, so that it holds one byte, whose other end is self->path. */
static int port_on_a_socket(FIXTURE_DATA(hmp) *self, struct chardev *c, struct serial *s, bool mux)
{
	const struct chardev_config cfg = { .kind = CHARDEV_SOCKET, .path = self->path,
					    .server = true, .mux = mux };
	int ret = chardev_init(c, &self->r.t.m, &cfg, -1, &self->r.e);

	*s = (struct serial){ .m = &self->r.t.m, .irq_fd = -1 };
	serial_reset(s);
	if (!ret)
		chardev_attach(c, s);
	return ret;
}

/* Its port has no room, so that nobody reads; the next one must not wait for the guest. */
TEST_F(hmp, a_client_that_leaves_a_full_port_makes_way)
{
	struct serial s;
	struct chardev c;
	int fd;

	ASSERT_EQ(0, port_on_a_socket(self, &c, &s, false));
	for (int i = 0; i < 3; i++) {
		fd = sock_connect(self->path, &self->r.e);
		ASSERT_LE(0, fd);
		EXPECT_STREQ("", rig_ask(&self->r, fd, "ab"));
		EXPECT_EQ('a', s.rx[s.rx_head]);
		/* The guest reads, and what else is there comes in, as before. */
		serial_reset(&s);
		EXPECT_STREQ("", rig_ask(&self->r, fd, "cd"));
		EXPECT_EQ('b', s.rx[s.rx_head]);
		close(fd);
		testvm_run_loop(&self->r.t);
		EXPECT_EQ(-1, c.in_fd) TH_LOG("%d: it has left", i);
		serial_reset(&s);
		EXPECT_EQ(0, s.rx_count);
	}
	chardev_destroy(&c);
}

/* A terminal that is ready may have less room than is written to it. */
TEST_F(hmp, a_terminal_that_nobody_reads_is_not_waited_for)
{
	struct chardev_config cfg = { .kind = CHARDEV_STDIO };
	struct serial s = { .m = &self->r.t.m, .irq_fd = -1 };
	int pt = posix_openpt(O_RDWR | O_NOCTTY), in = dup(STDIN_FILENO), out = dup(STDOUT_FILENO);
	struct chardev c;
	char name[64], text[777];
	int tty;

	ASSERT_LE(0, pt);
	ASSERT_EQ(0, unlockpt(pt));
	ASSERT_EQ(0, ptsname_r(pt, name, sizeof(name)));
	tty = open(name, O_RDWR | O_NOCTTY);
	ASSERT_LE(0, tty);
	dup2(tty, STDIN_FILENO);
	dup2(tty, STDOUT_FILENO);
	EXPECT_EQ(0, chardev_init(&c, &self->r.t.m, &cfg, -1, &self->r.e));
	chardev_attach(&c, &s);
	memset(text, 'x', sizeof(text));
	/* More than a terminal holds; what is too much is dropped. */
	for (int i = 0; i < 2000; i++)
		chardev_print(&c, text, sizeof(text));
	EXPECT_LT(0, c.text_len);
	EXPECT_TRUE(c.out.added);
	EXPECT_NE(0, fcntl(c.out_fd, F_GETFL) & O_NONBLOCK);
	EXPECT_EQ(0, fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK);
	chardev_destroy(&c);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	close(tty);
	close(pt);
}

/* Signals are blocked where it is opened: there would be no way out of waiting. */
TEST_F(hmp, a_pipe_that_nobody_reads_is_not_waited_for)
{
	const struct chardev_config cfg = { .kind = CHARDEV_FILE, .path = self->path };
	struct chardev c;
	int fd;

	ASSERT_EQ(0, mkfifo(self->path, 0600));
	EXPECT_EQ(-ENXIO, chardev_init(&c, &self->r.t.m, &cfg, -1, &self->r.e));
	EXPECT_NE(NULL, strstr(self->r.e.text, "could not open '/"));
	chardev_destroy(&c);
	fd = open(self->path, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, chardev_init(&c, &self->r.t.m, &cfg, -1, &self->r.e));
	EXPECT_EQ(0, fcntl(c.out_fd, F_GETFL) & O_NONBLOCK);
	chardev_destroy(&c);
	close(fd);
}

/* What waits for room at the port comes in after a reset, too. */
TEST_F(hmp, a_reset_makes_room_at_the_port)
{
	struct serial s;
	struct chardev c;
	int fd;

	ASSERT_EQ(0, port_on_a_socket(self, &c, &s, false));
	fd = sock_connect(self->path, &self->r.e);
	ASSERT_LE(0, fd);
	EXPECT_STREQ("", rig_ask(&self->r, fd, "abc"));
	EXPECT_EQ(1, s.rx_count);
	EXPECT_EQ('a', s.rx[s.rx_head]);
	serial_reset(&s);
	EXPECT_STREQ("", rig_ask(&self->r, fd, "d"));
	EXPECT_EQ(1, s.rx_count);
	EXPECT_EQ('b', s.rx[s.rx_head]);
	close(fd);
	chardev_destroy(&c);
}

/* A serial port whose other end is a socket, with the monitor behind C-a c. */
TEST_F(hmp, switches_between_port_and_monitor)
{
	struct serial s;
	struct chardev c;
	int fd;

	ASSERT_EQ(0, port_on_a_socket(self, &c, &s, true));
	ASSERT_EQ(0, monitor_open_mux(&self->r.mon, &c, &self->r.e));
	fd = sock_connect(self->path, &self->r.e);
	ASSERT_LE(0, fd);
	EXPECT_STREQ("", rig_ask(&self->r, fd, "abc"));
	/* Without its FIFO the port holds one byte. */
	EXPECT_EQ(1, s.rx_count);
	EXPECT_EQ('a', s.rx[s.rx_head]);
	EXPECT_STREQ("\r\nFerry 1.2.3 monitor - type 'help' for more information\n" PROMPT,
		     rig_ask(&self->r, fd, "\001c"));
	EXPECT_STREQ("count\n1\n" PROMPT, rig_ask(&self->r, fd, "count\r"));
	EXPECT_STREQ("cox\b \bunt\n2\n" PROMPT, rig_ask(&self->r, fd, "cox\177unt\r"));
	EXPECT_STREQ("\r\n", rig_ask(&self->r, fd, "\001cd"));
	EXPECT_EQ(1, s.rx_count);
	EXPECT_STREQ("\r\n" PROMPT, rig_ask(&self->r, fd, "\001c"));
	/* Who comes next begins at the port. */
	close(fd);
	testvm_run_loop(&self->r.t);
	fd = sock_connect(self->path, &self->r.e);
	ASSERT_LE(0, fd);
	EXPECT_STREQ("", rig_ask(&self->r, fd, "e"));
	EXPECT_EQ(2, self->r.count);
	close(fd);
	chardev_destroy(&c);
	EXPECT_NE(0, access(self->path, F_OK));
}

TEST_HARNESS_MAIN
