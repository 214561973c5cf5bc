// SPDX-License-Identifier: GPL-2.0
/*
 * QMP among clients that do not behave: rubbish, endless and deep messages, some that
 * never read, many at once, and all kinds of leaving. Nothing crashes, memory stays
 * bounded, and the others notice nothing.
 */
#include "harness.h"
#include "monitor/session.h"
#include "monitor_rig.h"

#define CLIENTS	50

FIXTURE(rude) {
	struct rig r;
	int fd;
};

FIXTURE_SETUP(rude)
{
	ASSERT_EQ(0, rig_init(&self->r));
	self->fd = rig_client(&self->r);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(rude)
{
	close(self->fd);
	rig_destroy(&self->r);
}

static unsigned int sessions(const struct rig *r)
{
	const struct monitor_session *s;
	unsigned int n = 0;

	for (s = r->mon.sessions; s; s = s->next)
		n++;
	return n;
}

static const char *ask_count(struct rig *r, int fd)
{
	rig_hear(r, fd);
	return rig_ask(r, fd, "\n{\"execute\":\"count\"}\n");
}

/* A strict reader of UTF-8 would give up here. */
static bool is_text(const char *s)
{
	static const char *const whole[] = { "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x9a\xa2" };
	size_t i;

	while (*s) {
		for (i = 0; i < ARRAY_SIZE(whole); i++)
			if (!strncmp(s, whole[i], strlen(whole[i])))
				break;
		if (i == ARRAY_SIZE(whole) && (*s & 0x80))
			return false;
		s += i < ARRAY_SIZE(whole) ? strlen(whole[i]) : 1;
	}
	return true;
}

/* Messages are cut, names of files may be anything: what comes is JSON all the same. */
TEST_F(rude, answers_are_text)
{
	static const char *const characters[] = { "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x9a\xa2" };
	struct json_object *data;
	char name[512], line[600];
	unsigned int i, shift;

	for (i = 0; i < ARRAY_SIZE(characters); i++) {
		for (shift = 0; shift < 4; shift++) {
			memset(name, 'a', shift);
			name[shift] = '\0';
			while (strlen(name) < 300)
				strcat(name, characters[i]);
			snprintf(line, sizeof(line), "{\"execute\":\"%s\"}\n", name);
			rig_ask(&self->r, self->fd, line);
			EXPECT_NE(NULL, strstr(self->r.heard, "has not been found"));
			EXPECT_TRUE(is_text(self->r.heard)) TH_LOG("%s", self->r.heard);
			/* What is whole comes as it is. */
			snprintf(line, sizeof(line),
				 "{\"execute\":\"echo\",\"arguments\":{\"text\":\"%s\"}}\n", name);
			rig_ask(&self->r, self->fd, line);
			EXPECT_NE(NULL, strstr(self->r.heard, name)) TH_LOG("%s", self->r.heard);
		}
	}
	data = json_object_new_object();
	monitor_add_string(data, "file", "/srv/\xe9-\xff-\xc3-\xe2\x82-\xc3\xa4-\xf0\x9f");
	monitor_event(&self->r.mon, "EVENT", data);
	rig_hear(&self->r, self->fd);
	EXPECT_NE(NULL, strstr(self->r.heard, "\"/srv/?-?-?-?" "?-\xc3\xa4-?" "?\""))
		TH_LOG("%s", self->r.heard);
}

TEST_F(rude, a_mistake_costs_one_answer)
{
	static const char *const mistakes[] = {
		"{,}\n", "}\n", "{\"execute\" \"count\"}\n", "{'execute':'count'}\n", "]]]]\n",
		"{\"execute\":\"count\",}\n", "/* count */ {\"execute\":\"count\"}\n",
		"{\"execute\":\"co\tunt\001\"}\n", "GET / HTTP/1.1\n", "\377\376\375\n",
		"{\"execute\":\"\xc3\x28\"}\n", "NaN\n",
	};
	static const char wrong[] = "{ \"error\": { \"class\": \"GenericError\", ";
	char want[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mistakes); i++) {
		rig_ask(&self->r, self->fd, mistakes[i]);
		EXPECT_EQ(0, strncmp(self->r.heard, wrong, strlen(wrong)))
			TH_LOG("%s: %s", mistakes[i], self->r.heard);
		EXPECT_EQ(self->r.heard + self->r.len - 1, strchr(self->r.heard, '\n'))
			TH_LOG("%s: %s", mistakes[i], self->r.heard);
		snprintf(want, sizeof(want), "{ \"return\": %zu }\r\n", i + 1);
		EXPECT_STREQ(want, ask_count(&self->r, self->fd)) TH_LOG("%s", mistakes[i]);
	}
}

TEST_F(rude, depth_is_bounded)
{
	char deep[4096];

	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\n';
	rig_say(&self->r, self->fd, deep, sizeof(deep));
	ASSERT_TRUE(rig_hear(&self->r, self->fd));
	EXPECT_STREQ("{ \"error\": { \"class\": \"GenericError\", \"desc\": \"JSON parse error, "
		     "nested too deeply\" } }\r\n", self->r.heard);
	EXPECT_STREQ("{ \"return\": 1 }\r\n", ask_count(&self->r, self->fd));
}

/* What comes after cannot be told from what is inside: the conversation ends. */
TEST_F(rude, length_is_bounded)
{
	char part[1024];
	unsigned int i;
	bool open = true;

	memset(part, 'a', sizeof(part));
	rig_say(&self->r, self->fd, "{\"execute\":\"", 12);
	for (i = 0; i < 2 * QMP_MESSAGE_MAX / sizeof(part) && open; i++) {
		rig_say(&self->r, self->fd, part, sizeof(part));
		open = sessions(&self->r);
	}
	EXPECT_FALSE(open);
	EXPECT_FALSE(rig_hear(&self->r, self->fd));
	EXPECT_NE(NULL, strstr(self->r.heard, "JSON message is too long"));
}

TEST_F(rude, rubbish_of_every_kind)
{
	u64 seed = 0x2545f4914f6cdd1d;
	char junk[512];
	unsigned int i, k;

	for (i = 0; i < 400; i++) {
		for (k = 0; k < sizeof(junk); k++)
			/* Every byte there is, or those that JSON is made of. */
			junk[k] = i & 1 ? (char)(test_random(&seed) >> 32) :
				  "{}[]\",:\\ \n01eE.-tfn"[(test_random(&seed) >> 32) % 20];
		rig_say(&self->r, self->fd, junk, sizeof(junk));
		ASSERT_TRUE(rig_hear(&self->r, self->fd));
	}
	/* A quote may still be open, and stays open over the end of the line. */
	rig_ask(&self->r, self->fd, "\n\001\n");
	EXPECT_STREQ("{ \"return\": 1 }\r\n", ask_count(&self->r, self->fd));
}

TEST_F(rude, one_who_never_reads_is_not_listened_to)
{
	static const char ask[] = "{\"execute\":\"big\"}";
	int other = rig_client(&self->r);
	unsigned int i;
	size_t said = 0;

	for (i = 0; i < 100000; i++)
		said += rig_say(&self->r, self->fd, ask, sizeof(ask) - 1);
	EXPECT_GT(100000 * (sizeof(ask) - 1), said);
	/* Its socket's buffer full, and a bounded rest here. */
	EXPECT_GT(100, self->r.count);
	EXPECT_STREQ("{ \"return\": ", (ask_count(&self->r, other), self->r.heard[12] = 0,
					self->r.heard));
	/* When it reads after all, nothing was lost. */
	ASSERT_EQ(2, sessions(&self->r));
	for (i = 0; i < 2000 && rig_hear(&self->r, self->fd) && self->r.len; i++)
		;
	EXPECT_EQ(2, sessions(&self->r));
	EXPECT_EQ(said / (sizeof(ask) - 1) + 1, self->r.count);
	close(other);
}

TEST_F(rude, events_for_one_who_never_reads_end_it)
{
	int other = rig_client(&self->r);
	unsigned int i;

	for (i = 0; i < 40000; i++) {
		monitor_event(&self->r.mon, "STOP", NULL);
		if (!(i % 100))
			rig_hear(&self->r, other);
	}
	testvm_run_loop(&self->r.t);
	EXPECT_EQ(1, sessions(&self->r));
	EXPECT_TRUE(rig_hear(&self->r, other));
	EXPECT_NE(NULL, strstr(ask_count(&self->r, other), "{ \"return\": 1 }"));
	close(other);
}

TEST_F(rude, many_at_once)
{
	char text[128], want[64];
	int fd[CLIENTS];
	size_t i, k;

	for (i = 0; i < CLIENTS; i++) {
		fd[i] = rig_client(&self->r);
		ASSERT_LE(0, fd[i]);
	}
	EXPECT_EQ(CLIENTS + 1, sessions(&self->r));
	/* Each says a byte in turn. */
	snprintf(text, sizeof(text), "{\"execute\":\"echo\",\"arguments\":{\"text\":\"me\"}}");
	for (k = 0; k < strlen(text); k++)
		for (i = 0; i < CLIENTS; i++)
			rig_say(&self->r, fd[i], text + k, 1);
	snprintf(want, sizeof(want), "{ \"return\": { \"text\": \"me\" } }\r\n");
	for (i = 0; i < CLIENTS; i++) {
		EXPECT_TRUE(rig_hear(&self->r, fd[i]));
		EXPECT_STREQ(want, self->r.heard);
		if (i % 2)
			close(fd[i]);
	}
	testvm_run_loop(&self->r.t);
	EXPECT_EQ(CLIENTS / 2 + 1, sessions(&self->r));
	for (i = 0; i < CLIENTS; i += 2)
		close(fd[i]);
	testvm_run_loop(&self->r.t);
	EXPECT_EQ(1, sessions(&self->r));
}

TEST_F(rude, leaving_in_any_way)
{
	int fd;

	/* Without a word; in the middle of one; with an answer on its way. */
	close(rig_connect(&self->r, true));
	fd = rig_client(&self->r);
	rig_say(&self->r, fd, "{\"exec", 6);
	close(fd);
	fd = rig_client(&self->r);
	ASSERT_EQ(17, send(fd, "{\"execute\":\"big\"}", 17, 0));
	close(fd);
	testvm_run_loop(&self->r.t);
	EXPECT_EQ(1, sessions(&self->r));
	/* Who only stops talking is still answered. */
	fd = rig_client(&self->r);
	ASSERT_EQ(19, send(fd, "{\"execute\":\"count\"}", 19, 0));
	shutdown(fd, SHUT_WR);
	EXPECT_FALSE(rig_hear(&self->r, fd));
	EXPECT_STREQ("{ \"return\": 2 }\r\n", self->r.heard);
	close(fd);
	EXPECT_EQ(1, sessions(&self->r));
}

TEST_HARNESS_MAIN
