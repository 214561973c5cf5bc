// SPDX-License-Identifier: GPL-2.0
/*
 * QMP: the order of a conversation, ids of every type, arguments, what is wrong with a
 * message, and a stream that is cut anywhere.
 */
#include "harness.h"
#include "monitor_rig.h"

#define OK(what)	"{ \"return\": " what " }\r\n"
#define NOT(class, desc) \
	"{ \"error\": { \"class\": \"" class "\", \"desc\": \"" desc "\" } }\r\n"
#define GENERIC(desc)	NOT("GenericError", desc)

FIXTURE(qmp) {
	struct rig r;
	int fd;
};

FIXTURE_SETUP(qmp)
{
	ASSERT_EQ(0, rig_init(&self->r));
	self->fd = rig_connect(&self->r, true);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(qmp)
{
	close(self->fd);
	rig_destroy(&self->r);
}

TEST_F(qmp, greets_with_a_version)
{
	struct json_object *o, *q, *v, *triple;

	ASSERT_TRUE(rig_hear(&self->r, self->fd));
	o = json_tokener_parse(self->r.heard);
	ASSERT_NE(NULL, o);
	ASSERT_TRUE(json_object_object_get_ex(o, "QMP", &q));
	ASSERT_TRUE(json_object_object_get_ex(q, "version", &v));
	ASSERT_TRUE(json_object_object_get_ex(v, "qemu", &triple));
	EXPECT_EQ(1, monitor_get_int(triple, "major"));
	EXPECT_EQ(3, monitor_get_int(triple, "micro"));
	ASSERT_TRUE(json_object_object_get_ex(q, "capabilities", &v));
	EXPECT_EQ(0, json_object_array_length(v));
	json_object_put(o);
}

TEST_F(qmp, wants_negotiation_first_and_once)
{
	rig_hear(&self->r, self->fd);
	EXPECT_STREQ(NOT("CommandNotFound",
			 "Expecting capabilities negotiation with 'qmp_capabilities'"),
		     rig_ask(&self->r, self->fd, "{\"execute\":\"count\"}"));
	EXPECT_EQ(0, self->r.count);
	EXPECT_STREQ(GENERIC("Parameter 'enable' names a capability that is not offered"),
		     rig_ask(&self->r, self->fd, "{\"execute\":\"qmp_capabilities\","
			     "\"arguments\":{\"enable\":[\"oob\"]}}"));
	EXPECT_STREQ(OK("{ }"), rig_ask(&self->r, self->fd, RIG_HELLO));
	EXPECT_STREQ(NOT("CommandNotFound",
			 "Capabilities negotiation is already complete, command ignored"),
		     rig_ask(&self->r, self->fd, RIG_HELLO));
	EXPECT_STREQ(OK("1"), rig_ask(&self->r, self->fd, "{\"execute\":\"count\"}"));
}

TEST_F(qmp, echoes_ids_of_every_type)
{
	static const char *const ids[] = {
		"1", "-7", "1.5", "\"x\"", "null", "true", "[ 1, [ 2 ] ]", "{ \"a\": { } }", "\"\"",
	};
	char ask[160], want[160];
	size_t i;

	rig_ask(&self->r, self->fd, RIG_HELLO);
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		snprintf(ask, sizeof(ask), "{\"id\":%s,\"execute\":\"count\"}", ids[i]);
		snprintf(want, sizeof(want), "{ \"return\": %zu, \"id\": %s }\r\n", i + 1, ids[i]);
		EXPECT_STREQ(want, rig_ask(&self->r, self->fd, ask));
		snprintf(ask, sizeof(ask), "{\"execute\":\"none\",\"id\":%s}", ids[i]);
		snprintf(want, sizeof(want), "{ \"error\": { \"class\": \"CommandNotFound\", "
			 "\"desc\": \"The command none has not been found\" }, \"id\": %s }\r\n",
			 ids[i]);
		EXPECT_STREQ(want, rig_ask(&self->r, self->fd, ask));
	}
	/* An id is not kept for the next. */
	EXPECT_STREQ(OK("10"), rig_ask(&self->r, self->fd, "{\"execute\":\"count\"}"));
}

TEST_F(qmp, says_what_is_wrong)
{
	static const struct {
		const char *ask, *answer;
	} cases[] = {
		{ "[]", GENERIC("QMP input must be a JSON object") },
		{ "\"execute\"\n", GENERIC("QMP input must be a JSON object") },
		{ "17\n", GENERIC("QMP input must be a JSON object") },
		{ "null\n", GENERIC("QMP input must be a JSON object") },
		{ "{}", GENERIC("QMP input lacks member 'execute'") },
		{ "{\"execute\":7}", GENERIC("QMP input member 'execute' must be a string") },
		{ "{\"execute\":\"count\",\"arguments\":[]}",
		  GENERIC("QMP input member 'arguments' must be an object") },
		{ "{\"execute\":\"count\",\"more\":1}",
		  GENERIC("QMP input member 'more' is unexpected") },
		{ "{\"execute\":\"count\",\"arguments\":{\"x\":1}}",
		  GENERIC("Parameter 'x' is unexpected") },
		{ "{\"execute\":\"count\\u0000\"}",
		  NOT("CommandNotFound", "The command count has not been found") },
		{ "{\"execute\":\"echo\"}", GENERIC("Parameter 'text' is missing") },
		{ "{\"execute\":\"echo\",\"arguments\":{\"text\":1}}",
		  GENERIC("Invalid parameter type for 'text', expected: string") },
		{ "{\"execute\":\"echo\",\"arguments\":{\"text\":\"a\",\"on\":\"on\"}}",
		  GENERIC("Invalid parameter type for 'on', expected: boolean") },
		{ "{\"execute\":\"echo\",\"arguments\":{\"text\":null}}",
		  GENERIC("Invalid parameter type for 'text', expected: string") },
		{ "{\"execute\":\"fail\"}", GENERIC("it failed") },
		{ "{\"execute\":\"fail\",\"arguments\":{\"errno\":19}}",
		  NOT("DeviceNotFound", "it failed") },
		{ "{\"execute\":\"fail\",\"arguments\":{\"errno\":107}}",
		  NOT("DeviceNotActive", "it failed") },
	};
	size_t i;

	rig_ask(&self->r, self->fd, RIG_HELLO);
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		EXPECT_STREQ(cases[i].answer, rig_ask(&self->r, self->fd, cases[i].ask));
	EXPECT_EQ(0, self->r.count);
	EXPECT_STREQ(OK("1"), rig_ask(&self->r, self->fd, "{\"execute\":\"count\"}"));
}

TEST_F(qmp, arguments_reach_the_command)
{
	rig_ask(&self->r, self->fd, RIG_HELLO);
	EXPECT_STREQ(OK("{ \"text\": \"a\\u0001\\\"\", \"on\": true }"),
		     rig_ask(&self->r, self->fd, "{\"execute\":\"echo\",\"arguments\":"
			     "{\"text\":\"a\\u0001\\\"\",\"on\":true}}"));
	EXPECT_STREQ(OK("{ \"driver\": \"d\", \"x\": { \"y\": [ ] } }"),
		     rig_ask(&self->r, self->fd, "{\"execute\":\"plug\",\"arguments\":"
			     "{\"driver\":\"d\",\"x\":{\"y\":[]}}}"));
}

/* The same conversation in two pieces, cut at every byte; and byte by byte. */
TEST_F(qmp, is_a_stream)
{
	static const char text[] = " " RIG_HELLO "{\"execute\":\"count\",\"id\":\"\xc3\xa4\"}"
		"\r\n\t{\"execute\" : \"echo\", \"arguments\": {\"text\": \"}{\\\"\"}}"
		"{\"execute\":\"count\"} ";
	static const char first[] = OK("{ }") "{ \"return\": ";
	char want[256];
	size_t cut, i;
	int fd;

	for (cut = 0; cut < sizeof(text); cut++) {
		fd = rig_connect(&self->r, true);
		ASSERT_LE(0, fd);
		rig_hear(&self->r, fd);
		if (cut < sizeof(text) - 1) {
			rig_say(&self->r, fd, text, cut);
			rig_say(&self->r, fd, text + cut, sizeof(text) - 1 - cut);
		} else {
			for (i = 0; i < sizeof(text) - 1; i++)
				rig_say(&self->r, fd, text + i, 1);
		}
		ASSERT_TRUE(rig_hear(&self->r, fd));
		snprintf(want, sizeof(want), "%s%zu, \"id\": \"\xc3\xa4\" }\r\n"
			 OK("{ \"text\": \"}{\\\"\" }") OK("%zu"), first, 2 * cut + 1, 2 * cut + 2);
		ASSERT_STREQ(want, self->r.heard);
		close(fd);
		testvm_run_loop(&self->r.t);
	}
}

TEST_F(qmp, lists_its_commands)
{
	rig_ask(&self->r, self->fd, RIG_HELLO);
	rig_ask(&self->r, self->fd, "{\"execute\":\"query-commands\"}");
	EXPECT_NE(NULL, strstr(self->r.heard, "{ \"name\": \"qmp_capabilities\" }"));
	EXPECT_NE(NULL, strstr(self->r.heard, "{ \"name\": \"human-monitor-command\" }"));
	EXPECT_NE(NULL, strstr(self->r.heard, "{ \"name\": \"size\" }"));
}

TEST_F(qmp, carries_typed_commands)
{
	rig_ask(&self->r, self->fd, RIG_HELLO);
	EXPECT_STREQ(OK("\"1\\r\\n\""),
		     rig_ask(&self->r, self->fd, "{\"execute\":\"human-monitor-command\","
			     "\"arguments\":{\"command-line\":\"count\",\"cpu-index\":0}}"));
	EXPECT_STREQ(OK("\"unknown command: 'bogus'\\r\\n\""),
		     rig_ask(&self->r, self->fd, "{\"execute\":\"human-monitor-command\","
			     "\"arguments\":{\"command-line\":\"bogus 1\"}}"));
	EXPECT_STREQ(GENERIC("Parameter 'command-line' is missing"),
		     rig_ask(&self->r, self->fd, "{\"execute\":\"human-monitor-command\"}"));
}

TEST_F(qmp, events_are_for_those_who_negotiated)
{
	int fd = rig_client(&self->r), typed = rig_connect(&self->r, false);
	struct json_object *o, *t;

	rig_hear(&self->r, self->fd);
	rig_hear(&self->r, typed);
	monitor_event(&self->r.mon, "STOP", NULL);
	EXPECT_TRUE(rig_hear(&self->r, self->fd));
	EXPECT_STREQ("", self->r.heard);
	EXPECT_TRUE(rig_hear(&self->r, typed));
	EXPECT_STREQ("", self->r.heard);
	EXPECT_TRUE(rig_hear(&self->r, fd));
	o = json_tokener_parse(self->r.heard);
	ASSERT_NE(NULL, o);
	EXPECT_STREQ("STOP", monitor_get_string(o, "event"));
	ASSERT_TRUE(json_object_object_get_ex(o, "timestamp", &t));
	EXPECT_LT(1600000000, monitor_get_int(t, "seconds"));
	EXPECT_GT(1000000, monitor_get_int(t, "microseconds"));
	json_object_put(o);
	close(fd);
	close(typed);
}

TEST_HARNESS_MAIN
