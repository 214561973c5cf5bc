// SPDX-License-Identifier: GPL-2.0
/*
 * The verbs against guests that do what they are told, and against those that do not: what
 * is printed, what is said when it fails, and what is left.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>

#include "commands.h"
#include "ctl/plain.h"
#include "fake_guest.h"
#include "harness.h"

#define WORDS_MAX	8
#define SAID_MAX	4096

FIXTURE(verbs) {
	char dir[32];
	struct error e;
	char said[SAID_MAX];
	pid_t pid;
	int ret;
};

FIXTURE_SETUP(verbs)
{
	strcpy(self->dir, "/tmp/ctlXXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	setenv("FERRY_RUNDIR", self->dir, 1);
	self->pid = -1;
}

FIXTURE_TEARDOWN(verbs)
{
	char command[64];

	if (self->pid > 0) {
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
	snprintf(command, sizeof(command), "rm -rf %s", self->dir);
	EXPECT_EQ(0, system(command));
}

/* Run a verb with words that end in NULL, standard input from @input; what it prints. */
static const char *verb_with(FIXTURE_DATA(verbs) *self, const char *input, ...)
{
	int out = memfd_create("out", 0), in = memfd_create("in", 0), old[2], argc = 0;
	char *argv[WORDS_MAX + 1];
	va_list ap;
	ssize_t n;

	va_start(ap, input);
	while (argc < WORDS_MAX && (argv[argc] = va_arg(ap, char *)))
		argc++;
	va_end(ap);
	argv[argc] = NULL;
	n = write(in, input, strlen(input));
	lseek(in, 0, SEEK_SET);
	fflush(stdout);
	old[0] = dup(0);
	old[1] = dup(1);
	dup2(in, 0);
	dup2(out, 1);
	self->e = (struct error){ 0 };
	self->ret = command_run(argc, argv, &self->e);
	fflush(stdout);
	dup2(old[0], 0);
	dup2(old[1], 1);
	n = pread(out, self->said, sizeof(self->said) - 1, 0);
	self->said[n > 0 ? n : 0] = '\0';
	close(old[0]);
	close(old[1]);
	close(in);
	close(out);
	return self->said;
}

#define verb(self, ...) verb_with(self, "", __VA_ARGS__, NULL)

#define SAYS(what, ...) do {							\
	EXPECT_STREQ(what, verb(self, __VA_ARGS__));				\
	EXPECT_EQ(0, self->ret) TH_LOG("%s", self->e.text);			\
} while (0)

#define REFUSES(message, ...) do {						\
	verb(self, __VA_ARGS__);						\
	EXPECT_GT(0, self->ret);						\
	EXPECT_STREQ(message, self->e.text);					\
} while (0)

static unsigned int files(const char *dir)
{
	char command[96], count[16] = "";
	FILE *f;

	snprintf(command, sizeof(command), "find %s -type f -o -type s | wc -l", dir);
	f = popen(command, "r");
	if (!f || !fgets(count, sizeof(count), f))
		return 99;
	pclose(f);
	return atoi(count);
}

TEST(what_a_terminal_obeys)
{
	static const struct {
		const char *said, *shown;
	} cases[] = {
		{ "", "" },
		{ "a b~", "a b~" },
		{ "a\tb\nc\r\033\x7f\001", "a b?c????" },
		{ "\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", "??????\xc2\xa0" },
		{ "\xc3\xa4\xdf\xbf\xe2\x82\xac\xf0\x9f\x9a\xa2",
		  "\xc3\xa4\xdf\xbf\xe2\x82\xac\xf0\x9f\x9a\xa2" },
		/* What begins in the middle, or ends there. */
		{ "\x9b" "1m\xbf", "?1m?" },
		{ "\xc3", "?" },
		{ "\xe2\x82x", "??x" },
		{ "\xf0\x9f\x9a\xc3\xa4", "???\xc3\xa4" },
		/* Longer than need be, halves of a pair, beyond the end. */
		{ "\xc0\x9b\xc1\xbf\xe0\x82\x9b\xf0\x80\x82\x9b", "???????????" },
		{ "\xed\xa0\x80\xf4\x90\x80\x80\xf5\xff", "?????????" },
	};
	char text[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		strcpy(text, cases[i].said);
		plain_text(text, strlen(text), false);
		EXPECT_STREQ(cases[i].shown, text);
	}
	strcpy(text, "a\n\tb\n");
	plain_text(text, strlen(text), true);
	EXPECT_STREQ("a\n b\n", text);
	/* Only what there is is looked at. */
	strcpy(text, "a\xc3\xa4");
	plain_text(text, 2, false);
	EXPECT_STREQ("a?\xa4", text);
}

TEST_F(verbs, of_nobody)
{
	static const char *const all[] = { "console", "shutdown", "destroy", "pause", "resume",
					   "balloon", "stat", "qmp" };
	char message[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		snprintf(message, sizeof(message), "%s: there is no guest 'x'", all[i]);
		REFUSES(message, all[i], "x");
		EXPECT_STREQ("'ferry list' tells which there are.", self->e.hint);
		snprintf(message, sizeof(message), "%s: 'a/b' is not a name for a guest", all[i]);
		REFUSES(message, all[i], "a/b");
		snprintf(message, sizeof(message), "%s: -bogus: invalid option", all[i]);
		REFUSES(message, all[i], "x", "-bogus");
	}
	SAYS("", "list", "-q");
	SAYS("[\n]\n", "list", "-json");
	/* Nor was a run directory made. */
	EXPECT_EQ(0, rmdir(self->dir));
	SAYS("", "list", "-q");
	REFUSES("pause: there is no guest 'x'", "pause", "x");
}

TEST_F(verbs, with_other_words)
{
	REFUSES("pause: expects NAME", "pause");
	REFUSES("pause: 'b' is unexpected: expects NAME", "pause", "a", "b");
	REFUSES("balloon: expects NAME [MIB]", "balloon");
	REFUSES("balloon: '12q' is not an amount of memory: it is MiB, or has a suffix K, M, "
		"G or T", "balloon", "a", "12q");
	REFUSES("balloon: '99999999T' is not an amount of memory: it is MiB, or has a suffix K, "
		"M, G or T", "balloon", "a", "99999999T");
	REFUSES("shutdown: -timeout: requires an argument", "shutdown", "a", "-timeout");
	REFUSES("shutdown: -timeout soon: expects seconds, 0 to 86400", "shutdown", "a",
		"--timeout=soon");
	REFUSES("list: -json=yes: does not take a value", "list", "-json=yes");
	REFUSES("list: 'a' is unexpected: expects no words", "list", "a");
	REFUSES("qmp: expects NAME [COMMAND [ARGUMENTS]]", "qmp");
	REFUSES("create: a guest needs a name", "create");
	REFUSES("create: -readconfig /none.conf: Cannot read config file /none.conf: No such file "
		"or directory", "create", "/none.conf");
	REFUSES("create: 'a/b' is not a name for a guest", "create", "-name", "a/b");
	REFUSES("create: no kernel and no disk to boot", "create", "-name", "a");
	REFUSES("create: cannot use stdio with -daemonize", "create", "-name", "a", "-kernel", "k",
		"-serial", "stdio");
	EXPECT_EQ(0, files(self->dir));
}

TEST_F(verbs, pause_and_resume_and_list)
{
	char row[128];

	self->pid = fake_start("web1", 0);
	ASSERT_LT(0, self->pid);
	SAYS("web1\n", "list", "-q");
	snprintf(row, sizeof(row), "web1                 %8d running          512     2\n",
		 self->pid);
	verb(self, "list");
	EXPECT_STREQ(row, strchr(self->said, '\n') + 1);
	SAYS("", "pause", "web1");
	verb(self, "list", "--json");
	EXPECT_NE(NULL, strstr(self->said, "\"state\":\"paused\""));
	EXPECT_NE(NULL, strstr(self->said, "\"memory\":536870912"));
	REFUSES("shutdown: guest 'web1' is paused", "shutdown", "web1");
	SAYS("", "resume", "web1");
	verb(self, "list");
	EXPECT_STREQ(row, strchr(self->said, '\n') + 1);
}

TEST_F(verbs, balloon)
{
	self->pid = fake_start("b", 0);
	ASSERT_LT(0, self->pid);
	SAYS("512\n", "balloon", "b");
	SAYS("", "balloon", "b", "256");
	SAYS("256\n", "balloon", "b");
	SAYS("", "balloon", "b", "1G");
	SAYS("1024\n", "balloon", "b");
	kill(self->pid, SIGKILL);
	waitpid(self->pid, NULL, 0);
	self->pid = fake_start("b", FAKE_NO_BALLOON);
	ASSERT_LT(0, self->pid);
	/* What a guest says is not a terminal's command. */
	REFUSES("balloon: No balloon?device??2J?\xc3\xbc has been activated", "balloon", "b",
		"256");
	REFUSES("balloon: No balloon device has been activated", "balloon", "b");
	verb(self, "list");
	EXPECT_NE(NULL, strstr(self->said, " 512 ")) TH_LOG("%s", self->said);
}

TEST_F(verbs, qmp)
{
	self->pid = fake_start("q", 0);
	ASSERT_LT(0, self->pid);
	SAYS("{\n  \"text\":\"a/b\"\n}\n", "qmp", "q", "echo", "{\"text\": \"a/b\"}");
	SAYS("{\n  \"text\":\"??0m\xc3\xbc?\\u001b\"\n}\n", "qmp", "q", "echo",
	     "{\"text\": \"\\u009b0m\\u00fc\\u007f\\u001b\"}");
	SAYS("{\n}\n", "qmp", "q", "stop");
	REFUSES("qmp: The command bogus has not been found", "qmp", "q", "bogus");
	REFUSES("qmp: Parameter 'text' is missing", "qmp", "q", "echo");
	REFUSES("qmp: '[1]' is not a JSON object", "qmp", "q", "echo", "[1]");
	REFUSES("qmp: '{' is not a JSON object", "qmp", "q", "echo", "{");
	/* The stream ends when both sides have said all. */
	verb_with(self, RIG_HELLO "\n{\"execute\":\"query-status\",\"id\":7}\n", "qmp", "q", NULL);
	EXPECT_EQ(0, self->ret);
	EXPECT_EQ(0, strncmp(self->said, "{ \"QMP\":", 8)) TH_LOG("%s", self->said);
	EXPECT_NE(NULL, strstr(self->said, "\"paused\"")) TH_LOG("%s", self->said);
}

TEST_F(verbs, shutdown)
{
	self->pid = fake_start("s", FAKE_NO_BUTTON);
	ASSERT_LT(0, self->pid);
	SAYS("", "shutdown", "-timeout", "0", "s");
	REFUSES("shutdown: guest 's' was told to shut down and has not within 1 seconds",
		"shutdown", "s", "-timeout=1");
	EXPECT_NE(NULL, strstr(self->e.hint, "'ferry destroy s' ends it at once"));
	SAYS("s\n", "list", "-q");
	SAYS("", "destroy", "s");
	EXPECT_EQ(0, fake_status_of(self->pid));
	self->pid = fake_start("s", 0);
	ASSERT_LT(0, self->pid);
	SAYS("", "shutdown", "s");
	EXPECT_EQ(0, fake_status_of(self->pid));
	self->pid = -1;
	EXPECT_EQ(0, files(self->dir));
	REFUSES("shutdown: there is no guest 's'", "shutdown", "s");
}

/* One that is about to begin, or hangs, has no monitor; it is ended by signals. */
TEST_F(verbs, destroy_without_a_monitor)
{
	self->pid = fake_start("d", FAKE_NO_SOCKETS);
	ASSERT_LT(0, self->pid);
	verb(self, "list");
	EXPECT_NE(NULL, strstr(self->said, " unready ")) TH_LOG("%s", self->said);
	REFUSES("pause: guest 'd' is not ready: it is just starting or ending", "pause", "d");
	SAYS("", "destroy", "d");
	EXPECT_EQ(SIGTERM, WTERMSIG(fake_status_of(self->pid)));
	EXPECT_EQ(0, files(self->dir));
	self->pid = fake_start("d", FAKE_NO_SOCKETS | FAKE_NO_SIGTERM);
	ASSERT_LT(0, self->pid);
	SAYS("", "destroy", "d");
	EXPECT_EQ(SIGKILL, WTERMSIG(fake_status_of(self->pid)));
	self->pid = -1;
	EXPECT_EQ(0, files(self->dir));
}

TEST_F(verbs, of_one_that_was_killed)
{
	self->pid = fake_start("k", 0);
	ASSERT_LT(0, self->pid);
	kill(self->pid, SIGKILL);
	waitpid(self->pid, NULL, 0);
	self->pid = -1;
	EXPECT_EQ(3, files(self->dir));
	REFUSES("console: there is no guest 'k'", "console", "k");
	EXPECT_EQ(0, files(self->dir));
}

/* A terminal at "ferry console": its master, and the process. */
static int console_start(const char *name, pid_t *pid)
{
	char *argv[] = { "console", (char *)name, NULL };
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	struct error e = { 0 };

	grantpt(master);
	unlockpt(master);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	*pid = fork();
	if (!*pid) {
		dup2(slave, 0);
		dup2(slave, 1);
		dup2(slave, 2);
		close(master);
		_exit(command_run(2, argv, &e) ? 1 : 0);
	}
	close(slave);
	return master;
}

/* Read until @text has come. */
static bool heard(int fd, const char *text)
{
	char all[SAID_MAX];
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len + 1 < sizeof(all)) {
		n = read(fd, all + len, sizeof(all) - 1 - len);
		len += n > 0 ? n : 0;
		all[len] = '\0';
		if (strstr(all, text))
			return true;
	}
	return false;
}

TEST_F(verbs, console)
{
	pid_t client;
	int master;

	self->pid = fake_start("c", 0);
	ASSERT_LT(0, self->pid);
	master = console_start("c", &client);
	EXPECT_TRUE(heard(master, "C-] leaves it."));
	/* Raw: what comes back is the guest's, byte for byte, and C-c is its as well. */
	EXPECT_EQ(8, write(master, "abc\r\003def", 8));
	EXPECT_TRUE(heard(master, "abc\r\003def"));
	REFUSES("console: the console of guest 'c' is in use", "console", "c");
	EXPECT_EQ(2, write(master, "x\035", 2));
	EXPECT_EQ(0, fake_status_of(client));
	close(master);
	/* Again, until the guest is gone. */
	do {
		verb(self, "qmp", "c", "query-chardev");
	} while (!strstr(self->said, "disconnected:"));
	master = console_start("c", &client);
	EXPECT_TRUE(heard(master, "C-] leaves it."));
	EXPECT_EQ(1, write(master, "y", 1));
	EXPECT_TRUE(heard(master, "y"));
	SAYS("", "destroy", "c");
	EXPECT_TRUE(heard(master, "The guest's side is closed."));
	EXPECT_EQ(0, fake_status_of(client));
	close(master);
	self->pid = -1;
}

/* Standard input from elsewhere: C-] is a byte, and its end is not that of the output. */
TEST_F(verbs, console_of_no_terminal)
{
	int out[2], in[2];
	pid_t client;
	char *argv[] = { "console", "c", NULL };

	self->pid = fake_start("c", 0);
	ASSERT_LT(0, self->pid);
	ASSERT_EQ(0, pipe(out));
	ASSERT_EQ(0, pipe(in));
	client = fork();
	if (!client) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		_exit(command_run(2, argv, &self->e) ? 1 : 0);
	}
	close(out[1]);
	close(in[0]);
	EXPECT_EQ(3, write(in[1], "a\035b", 3));
	close(in[1]);
	EXPECT_TRUE(heard(out[0], "a\035b"));
	EXPECT_EQ(0, waitpid(client, NULL, WNOHANG));
	SAYS("", "destroy", "c");
	EXPECT_EQ(0, fake_status_of(client));
	close(out[0]);
	self->pid = -1;
}

TEST_HARNESS_MAIN
