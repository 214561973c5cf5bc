// SPDX-License-Identifier: GPL-2.0
/* The command line of consoles, and the words in which what is wrong is refused. */
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"
#include "options/config.h"

#define WORDS_MAX	24

FIXTURE(line) {
	struct config c;
	struct error e;
	int ret;
};

FIXTURE_SETUP(line)
{
}

FIXTURE_TEARDOWN(line)
{
	config_free(&self->c);
}

/* Split at spaces and parse. */
static void parse(FIXTURE_DATA(line) *p, const char *text)
{
	char buf[512], *word, *save = NULL, *argv[WORDS_MAX + 2] = { "ferry" };
	int argc = 1;

	config_free(&p->c);
	snprintf(buf, sizeof(buf), "-kernel k %s", text);
	for (word = strtok_r(buf, " ", &save); word && argc <= WORDS_MAX;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	memset(&p->e, 0, sizeof(p->e));
	p->ret = config_parse(&p->c, argc, argv, &p->e);
}

TEST_F(line, a_console_on_a_socket)
{
	const struct chardev_config *cfg;

	parse(self, "-device virtio-serial-pci -chardev socket,id=c,path=/p,server=on,wait=off "
	      "-device virtconsole,chardev=c,id=v");
	ASSERT_EQ(CONFIG_RUN, self->ret) TH_LOG("%s", self->e.text);
	ASSERT_EQ(1, self->c.n_devices);
	EXPECT_EQ(DEVICE_CONSOLE, self->c.device[0]->type->kind);
	cfg = self->c.device[0]->console.chardev;
	ASSERT_NE(NULL, cfg);
	EXPECT_EQ(CHARDEV_SOCKET, cfg->kind);
	EXPECT_STREQ("/p", cfg->path);
	EXPECT_TRUE(cfg->server);
	EXPECT_FALSE(cfg->wait);
	EXPECT_STREQ("c", cfg->label);
	EXPECT_EQ(CHARDEV_STDIO, self->c.serial.kind);
}

TEST_F(line, a_console_on_the_terminal_takes_it_from_the_serial_port)
{
	parse(self, "-chardev stdio,id=c,mux=on -device virtio-serial "
	      "-device virtconsole,chardev=c");
	ASSERT_EQ(CONFIG_RUN, self->ret) TH_LOG("%s", self->e.text);
	EXPECT_TRUE(self->c.device[0]->console.chardev->mux);
	EXPECT_EQ(CHARDEV_NULL, self->c.serial.kind);
}

TEST_F(line, two_consoles_by_their_buses)
{
	parse(self, "-chardev null,id=a -chardev pty,id=b -device virtio-serial-pci,id=s0 "
	      "-device virtio-serial-pci,id=s1 -device virtconsole,chardev=a,bus=s1.0 "
	      "-device virtconsole,chardev=b");
	ASSERT_EQ(CONFIG_RUN, self->ret) TH_LOG("%s", self->e.text);
	EXPECT_EQ(CHARDEV_PTY, self->c.device[0]->console.chardev->kind);
	EXPECT_EQ(CHARDEV_NULL, self->c.device[1]->console.chardev->kind);
}

TEST_F(line, a_console_from_a_file)
{
	static const char text[] =
		"[chardev \"c\"]\n  backend = \"file\"\n  path = \"/p\"\n"
		"[device]\n  driver = \"virtio-serial-pci\"\n"
		"[device \"v\"]\n  driver = \"virtconsole\"\n  chardev = \"c\"\n";
	char path[] = "/tmp/consoleXXXXXX", line[64];
	int fd = mkstemp(path);

	ASSERT_LE(0, fd);
	EXPECT_EQ((ssize_t)sizeof(text) - 1, write(fd, text, sizeof(text) - 1));
	close(fd);
	snprintf(line, sizeof(line), "-readconfig %s", path);
	parse(self, line);
	unlink(path);
	ASSERT_EQ(CONFIG_RUN, self->ret) TH_LOG("%s", self->e.text);
	ASSERT_EQ(1, self->c.n_devices);
	ASSERT_NE(NULL, self->c.device[0]->console.chardev);
	EXPECT_EQ(CHARDEV_FILE, self->c.device[0]->console.chardev->kind);
}

#define SERIAL	"-device virtio-serial-pci "
#define NONE	"-chardev null,id=c "

static const struct {
	const char *line, *message;
} wrong[] = {
	{ "-chardev id=c", "-chardev id=c: chardev: \"backend\" missing" },
	{ "-chardev stdio", "-chardev stdio: chardev: no id specified" },
	{ "-chardev tty,id=c", "-chardev tty,id=c: 'tty' is not a valid char driver name" },
	{ NONE NONE, "-chardev null,id=c: Duplicate ID 'c' for chardev" },
	{ "-chardev file,id=c", "-chardev file,id=c: chardev: file: no path given" },
	{ "-chardev socket,id=c", "-chardev socket,id=c: chardev: socket: no path given" },
	{ "-chardev pty,id=c,path=/x",
	  "-chardev pty,id=c,path=/x: chardev: pty: Invalid parameter 'path'" },
	{ "-chardev file,id=c,path=x,server=on",
	  "-chardev file,id=c,path=x,server=on: chardev: file: Invalid parameter 'server'" },
	{ "-chardev null,id=c,mux=on",
	  "-chardev null,id=c,mux=on: chardev: null: Invalid parameter 'mux'" },
	{ "-chardev null,id=c,bogus=1", "-chardev null,id=c,bogus=1: Invalid parameter 'bogus'" },
	{ SERIAL "-device virtconsole",
	  "-device virtconsole: Parameter 'chardev' is missing" },
	{ SERIAL "-device virtconsole,chardev=c,bogus=1", "-device virtconsole,chardev=c,bogus=1: "
	  "Property 'virtconsole.bogus' not found" },
	{ SERIAL "-device virtconsole,chardev=c", "-device virtconsole,chardev=c: Property "
	  "'virtconsole.chardev' can't find value 'c'" },
	{ NONE "-device virtconsole,chardev=c", "-device virtconsole,chardev=c: No "
	  "'virtio-serial-bus' bus found for device 'virtconsole'" },
	{ NONE SERIAL "-device virtconsole,chardev=c,bus=s.0",
	  "-device virtconsole,chardev=c,bus=s.0: Bus 's.0' not found" },
	{ NONE SERIAL "-device virtconsole,chardev=c -device virtconsole,chardev=c",
	  "-device virtconsole,chardev=c: Property 'virtconsole.chardev' can't take value 'c', "
	  "it's in use" },
	{ NONE "-chardev null,id=d " SERIAL "-device virtconsole,chardev=c "
	  "-device virtconsole,chardev=d", "-device virtconsole,chardev=d: A virtio-serial device "
	  "has one port, and it is taken" },
	{ SERIAL "-device virtserialport,chardev=c", "-device virtserialport,chardev=c: "
	  "virtserialport is not supported: there is virtconsole, one on each virtio-serial-pci" },
	{ "-nographic -chardev stdio,id=c",
	  "cannot use stdio by multiple character devices" },
	{ "-chardev stdio,id=c,mux=on -serial mon:unix:/x",
	  "chardev 'c': mux=on is the serial port's already" },
};

TEST_F(line, what_is_wrong_is_named)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		parse(self, wrong[i].line);
		EXPECT_GT(0, self->ret) TH_LOG("'%s' was taken", wrong[i].line);
		EXPECT_STREQ(wrong[i].message, self->e.text);
	}
}

TEST_HARNESS_MAIN
