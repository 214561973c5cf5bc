// SPDX-License-Identifier: GPL-2.0
/* The command line of the balloon, and the words in which what is wrong is refused. */
#include "harness.h"
#include "options/config.h"

#define WORDS_MAX	16

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

TEST_F(line, a_balloon_by_its_short_name)
{
	const struct device_config *d;

	parse(self, "-balloon virtio,addr=5");
	ASSERT_EQ(CONFIG_RUN, self->ret) TH_LOG("%s", self->e.text);
	ASSERT_EQ(1, self->c.n_devices);
	d = self->c.device[0];
	EXPECT_EQ(DEVICE_BALLOON, d->type->kind);
	EXPECT_STREQ("5", d->addr);
	EXPECT_STREQ("-balloon virtio,addr=5", d->where);
	EXPECT_FALSE(d->balloon.deflate_on_oom);
	EXPECT_FALSE(d->balloon.free_page_reporting);
	EXPECT_TRUE(d->balloon.page_poison);
	EXPECT_EQ(0, d->balloon.interval);
}

TEST_F(line, none_is_none)
{
	parse(self, "-balloon none");
	ASSERT_EQ(CONFIG_RUN, self->ret);
	EXPECT_EQ(0, self->c.n_devices);
}

TEST_F(line, a_balloon_with_everything)
{
	const struct balloon_config *b;

	parse(self, "-device virtio-balloon-pci,id=b,deflate-on-oom=on,free-page-reporting=on,"
	      "page-poison=off,free-page-hint=off,guest-stats-polling-interval=5,addr=0x1e");
	ASSERT_EQ(CONFIG_RUN, self->ret) TH_LOG("%s", self->e.text);
	b = &self->c.device[0]->balloon;
	EXPECT_TRUE(b->deflate_on_oom);
	EXPECT_TRUE(b->free_page_reporting);
	EXPECT_FALSE(b->page_poison);
	EXPECT_EQ(5, b->interval);
}

static const struct {
	const char *line, *message;
} wrong[] = {
	{ "-balloon", "-balloon: requires an argument" },
	{ "-balloon xen", "-balloon xen: invalid balloon 'xen'" },
	{ "-balloon virtiox", "-balloon virtiox: invalid balloon 'virtiox'" },
	{ "-balloon virtio,bogus=1",
	  "-balloon virtio,bogus=1: Property 'virtio-balloon-pci.bogus' not found" },
	{ "-balloon virtio -balloon virtio",
	  "-balloon virtio: Only one balloon device is supported" },
	{ "-balloon virtio -device virtio-balloon-pci",
	  "-device virtio-balloon-pci: Only one balloon device is supported" },
	{ "-device virtio-balloon,deflate-on-oom=7", "-device virtio-balloon,deflate-on-oom=7: "
	  "Parameter 'deflate-on-oom' expects 'on' or 'off'" },
	{ "-device virtio-balloon,free-page-hint=on", "-device virtio-balloon,free-page-hint=on: "
	  "free-page-hint=on is not supported: there is no migration" },
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
