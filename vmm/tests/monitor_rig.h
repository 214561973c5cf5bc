/* SPDX-License-Identifier: GPL-2.0 */
/* A monitor with a table of its own, and clients that are driven by hand. */
#ifndef FERRY_VMM_TESTS_MONITOR_RIG_H
#define FERRY_VMM_TESTS_MONITOR_RIG_H

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "monitor/monitor.h"
#include "monitor/qmp.h"
#include "testvm.h"

#define RIG_HEARD	(1 << 20)
#define RIG_BIG		40000

/* What the commands of the table did. */
struct rig {
	struct testvm t;
	struct monitor mon;
	struct error e;
	unsigned int count;
	char heard[RIG_HEARD];
	size_t len;
};

static int rig_count(void *vm, struct json_object *args, struct json_object **ret,
		     struct error *e)
{
	struct rig *r = vm;

	*ret = json_object_new_int(++r->count);
	return 0;
}

static int rig_echo(void *vm, struct json_object *args, struct json_object **ret,
		    struct error *e)
{
	*ret = json_object_get(args);
	return 0;
}

static int rig_big(void *vm, struct json_object *args, struct json_object **ret,
		   struct error *e)
{
	char text[RIG_BIG];

	((struct rig *)vm)->count++;
	memset(text, 'x', sizeof(text));
	*ret = json_object_new_string_len(text, sizeof(text));
	return 0;
}

static int rig_fail(void *vm, struct json_object *args, struct json_object **ret,
		    struct error *e)
{
	return error_set(e, monitor_number(args, "errno", EINVAL), "it failed");
}

static void rig_print(FILE *out, struct json_object *ret)
{
	fprintf(out, "%s\n", json_object_to_json_string_ext(ret, JSON_C_TO_STRING_PLAIN));
}

static const struct monitor_command rig_rows[] = {
	{ "count", "count|n", "count", .run = rig_count, .print = rig_print },
	{ "echo", "echo", "say it again", { { "text", MONITOR_STRING },
	  { "on", MONITOR_BOOL, true } }, .run = rig_echo, .print = rig_print },
	{ "size", "info size", "show a size", { { "value", MONITOR_MEGABYTES } },
	  .run = rig_echo, .print = rig_print },
	{ "plug", "plug", "take anything", { { "driver", MONITOR_OPTIONS } },
	  .run = rig_echo, .print = rig_print },
	{ "big", "big", "say a lot", .run = rig_big },
	{ "fail", "fail", "fail", { { "errno", MONITOR_INT, true } }, .run = rig_fail },
};

static const struct monitor_table rig_table = { rig_rows, ARRAY_SIZE(rig_rows), "1.2.3" };

static inline int rig_init(struct rig *r)
{
	if (testvm_init(&r->t, 8 * MIB))
		return -1;
	monitor_init(&r->mon, &r->t.m, &rig_table, r);
	return 0;
}

static inline void rig_destroy(struct rig *r)
{
	monitor_destroy(&r->mon);
	machine_destroy(&r->t.m);
}

/* A new client; its end of the connection. */
static inline int rig_connect(struct rig *r, bool qmp)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) ||
	    monitor_adopt(&r->mon, qmp, fds[1], &r->e))
		return -1;
	return fds[0];
}

/* Say as much as is taken; how much. */
static inline size_t rig_say(struct rig *r, int fd, const char *text, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = send(fd, text + done, len - done, MSG_NOSIGNAL);
		if (n > 0)
			done += n;
		testvm_run_loop(&r->t);
		if (n <= 0)
			break;
	}
	return done;
}

/* What there is to hear, as much as fits, into r->heard; whether the connection stands. */
static inline bool rig_hear(struct rig *r, int fd)
{
	ssize_t n;

	r->len = 0;
	do {
		testvm_run_loop(&r->t);
		n = recv(fd, r->heard + r->len, sizeof(r->heard) - 1 - r->len, 0);
		if (n > 0)
			r->len += n;
	} while (n > 0 && r->len + 1 < sizeof(r->heard));
	r->heard[r->len] = '\0';
	return n > 0 || (n < 0 && errno == EAGAIN);
}

/* One exchange; what was heard. */
static inline const char *rig_ask(struct rig *r, int fd, const char *text)
{
	rig_say(r, fd, text, strlen(text));
	rig_hear(r, fd);
	return r->heard;
}

#define RIG_HELLO	"{\"execute\":\"qmp_capabilities\"}"

/* A QMP client past the greeting. */
static inline int rig_client(struct rig *r)
{
	int fd = rig_connect(r, true);

	rig_ask(r, fd, RIG_HELLO);
	return fd;
}

#endif /* FERRY_VMM_TESTS_MONITOR_RIG_H */
