// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the QEMU Machine Protocol: cut a stream of bytes into JSON objects, check
 *	each, run its command, answer. Clients are not trusted to be in order: sizes and
 *	depth are bounded, and a mistake costs an answer, not the conversation.
 * Threads: main.
 * Locks: the machine's lock is held by the caller, for the commands.
 */
#include "qmp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define QMP_FORMAT	(JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE)

static const char generic_error[] = "GenericError";
static const char command_not_found[] = "CommandNotFound";

/* The first byte of a character beyond ASCII: how many follow, and what the next may be. */
static bool qmp_utf8_first(struct qmp_utf8 *u, u8 c)
{
	u->min = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	u->max = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	u->left = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	return c >= 0xc2 && c <= 0xf4;
}

static bool qmp_utf8_next(struct qmp_utf8 *u, u8 c)
{
	bool fits = c >= u->min && c <= u->max;

	u->min = 0x80;
	u->max = 0xbf;
	u->left--;
	return fits;
}

/* Bytes of the character at @text, 0 if it is none. */
static size_t qmp_utf8_len(const char *text)
{
	struct qmp_utf8 u;
	size_t n = 1;

	if ((u8)*text < 0x80)
		return 1;
	if (!qmp_utf8_first(&u, *text))
		return 0;
	while (u.left)
		if (!qmp_utf8_next(&u, text[n++]))
			return 0;
	return n;
}

/*
 * What we say is JSON whatever it is about: names of files may be any bytes, and messages are cut
 * where they become too long.
 */
static void qmp_mend(char *text)
{
	size_t n;

	for (; *text; text += n ?: 1) {
		n = qmp_utf8_len(text);
		if (!n)
			*text = '?';
	}
}

static void qmp_send(struct qmp *q, struct json_object *o)
{
	const char *text = json_object_to_json_string_ext(o, QMP_FORMAT);
	char *line = NULL;
	int n;

	n = text ? asprintf(&line, "%s\r\n", text) : -1;
	if (n > 0) {
		qmp_mend(line);
		q->send(q->opaque, line, n);
		free(line);
	}
	json_object_put(o);
}

/* Of any type: what came goes back. */
static void qmp_add_id(const struct qmp *q, struct json_object *answer)
{
	if (q->has_id)
		json_object_object_add(answer, "id", json_object_get(q->id));
}

static void qmp_send_error(struct qmp *q, const char *class, const char *desc)
{
	struct json_object *answer = json_object_new_object();
	struct json_object *error = json_object_new_object();

	monitor_add_string(error, "class", class);
	monitor_add_string(error, "desc", desc);
	json_object_object_add(answer, "error", error);
	qmp_add_id(q, answer);
	qmp_send(q, answer);
}

static struct json_object *qmp_version(const struct qmp *q)
{
	struct json_object *v = json_object_new_object(), *triple = json_object_new_object();
	unsigned int major = 0, minor = 0, micro = 0;

	sscanf(q->table->version, "%u.%u.%u", &major, &minor, &micro);
	monitor_add_int(triple, "micro", micro);
	monitor_add_int(triple, "minor", minor);
	monitor_add_int(triple, "major", major);
	/* The protocol's own key for it, whatever program speaks. */
	json_object_object_add(v, "qemu", triple);
	monitor_add_string(v, "package", "ferry");
	return v;
}

void qmp_greet(struct qmp *q)
{
	struct json_object *o = json_object_new_object(), *qmp = json_object_new_object();

	json_object_object_add(qmp, "version", qmp_version(q));
	json_object_object_add(qmp, "capabilities", json_object_new_array());
	json_object_object_add(o, "QMP", qmp);
	qmp_send(q, o);
}

/* Commands of the protocol itself. */
static struct json_object *qmp_query_commands(const struct qmp *q)
{
	static const char *const own[] = { "qmp_capabilities", "query-commands",
					   "query-version", "human-monitor-command" };
	struct json_object *list = json_object_new_array(), *o;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(own) + q->table->n; i++) {
		const char *name = i < ARRAY_SIZE(own) ? own[i] :
				   q->table->row[i - ARRAY_SIZE(own)].qmp;

		if (!name)
			continue;
		o = json_object_new_object();
		monitor_add_string(o, "name", name);
		json_object_array_add(list, o);
	}
	return list;
}

/* Lines end as QEMU ends them, by which qmp-shell takes them apart. */
static struct json_object *qmp_lines(const char *text, size_t len)
{
	struct json_object *ret;
	char *lines = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&lines, &n);

	if (!out)
		return json_object_new_string("");
	for (; len; len--, text++) {
		if (*text == '\n')
			fputc('\r', out);
		fputc(*text, out);
	}
	fclose(out);
	ret = json_object_new_string_len(lines, n);
	free(lines);
	return ret;
}

static struct json_object *qmp_human(const struct qmp *q, struct json_object *args)
{
	struct json_object *ret;
	size_t len = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return json_object_new_string("");
	monitor_run_line(q->table, q->vm, monitor_string(args, "command-line"), out);
	fclose(out);
	ret = qmp_lines(text, len);
	free(text);
	return ret;
}

/* Nothing can be enabled, so that only an empty list is right. */
static int qmp_negotiate(struct qmp *q, struct json_object *args, struct error *e)
{
	struct json_object *enable;

	if (json_object_object_get_ex(args, "enable", &enable) &&
	    json_object_array_length(enable))
		return error_set(e, EINVAL, "Parameter 'enable' names a capability that is not "
				 "offered");
	q->negotiated = true;
	return 0;
}

static const struct monitor_command qmp_own[] = {
	{ .qmp = "qmp_capabilities", .arg = { { "enable", MONITOR_LIST, true } } },
	{ .qmp = "query-commands" },
	{ .qmp = "query-version" },
	/* None of our commands depends on a CPU. */
	{ .qmp = "human-monitor-command", .arg = { { "command-line", MONITOR_STRING },
						   { "cpu-index", MONITOR_INT, true } } },
};

static const struct monitor_table qmp_own_table = { qmp_own, ARRAY_SIZE(qmp_own), "" };

static int qmp_run_own(struct qmp *q, const struct monitor_command *c, struct json_object *args,
		       struct json_object **ret, struct error *e)
{
	switch (c - qmp_own) {
	case 0:
		return qmp_negotiate(q, args, e);
	case 1:
		*ret = qmp_query_commands(q);
		return 0;
	case 2:
		*ret = qmp_version(q);
		return 0;
	default:
		*ret = qmp_human(q, args);
		return 0;
	}
}

static const char *qmp_class(int err)
{
	switch (err) {
	case -ENODEV:
		return "DeviceNotFound";
	case -ENOTCONN:
		return "DeviceNotActive";
	default:
		return generic_error;
	}
}

static void qmp_run(struct qmp *q, const struct monitor_command *c, struct json_object *args)
{
	struct json_object *ret = NULL, *answer;
	struct error e = { 0 };
	int err = monitor_check_args(c, args, &e);

	if (!err)
		err = c->run ? c->run(q->vm, args, &ret, &e) : qmp_run_own(q, c, args, &ret, &e);
	if (err) {
		json_object_put(ret);
		qmp_send_error(q, qmp_class(err), e.text);
		return;
	}
	answer = json_object_new_object();
	json_object_object_add(answer, "return", ret ?: json_object_new_object());
	qmp_add_id(q, answer);
	qmp_send(q, answer);
}

/* The command of a message, NULL with what is wrong about it. */
static const struct monitor_command *qmp_find(struct qmp *q, struct json_object *execute,
					      struct error *e)
{
	const char *name = json_object_get_string(execute);
	const struct monitor_command *c = monitor_find_qmp(&qmp_own_table, name);
	bool negotiation = c == qmp_own;
	/* A 0 in it is not its end. */
	bool whole = strlen(name) == (size_t)json_object_get_string_len(execute);

	if (!q->negotiated && !negotiation)
		error_set(e, ENOENT, "Expecting capabilities negotiation with "
			  "'qmp_capabilities'");
	else if (q->negotiated && negotiation)
		error_set(e, ENOENT, "Capabilities negotiation is already complete, command "
			  "ignored");
	else if (!whole || (!c && !(c = monitor_find_qmp(q->table, name))))
		error_set(e, ENOENT, "The command %.64s has not been found", name);
	else
		return c;
	return NULL;
}

/* Whether a message has the members it must have, of their types, and no others. */
static int qmp_check(struct json_object *msg, struct error *e)
{
	struct json_object *execute;

	if (!json_object_is_type(msg, json_type_object))
		return error_set(e, EINVAL, "QMP input must be a JSON object");
	json_object_object_foreach(msg, name, val) {
		if (!strcmp(name, "execute") && !json_object_is_type(val, json_type_string))
			return error_set(e, EINVAL, "QMP input member 'execute' must be a string");
		if (!strcmp(name, "arguments") && !json_object_is_type(val, json_type_object))
			return error_set(e, EINVAL, "QMP input member 'arguments' must be an "
					 "object");
		if (strcmp(name, "execute") && strcmp(name, "arguments") && strcmp(name, "id"))
			return error_set(e, EINVAL, "QMP input member '%.64s' is unexpected",
					 name);
	}
	if (!json_object_object_get_ex(msg, "execute", &execute))
		return error_set(e, EINVAL, "QMP input lacks member 'execute'");
	return 0;
}

static void qmp_message(struct qmp *q, struct json_object *msg)
{
	const struct monitor_command *c;
	struct json_object *args = NULL, *execute;
	struct error e = { 0 };

	q->has_id = json_object_is_type(msg, json_type_object) &&
		    json_object_object_get_ex(msg, "id", &q->id);
	if (qmp_check(msg, &e)) {
		qmp_send_error(q, generic_error, e.text);
	} else {
		json_object_object_get_ex(msg, "arguments", &args);
		json_object_object_get_ex(msg, "execute", &execute);
		c = qmp_find(q, execute, &e);
		if (c)
			qmp_run(q, c, args);
		else
			qmp_send_error(q, command_not_found, e.text);
	}
	q->has_id = false;
	q->id = NULL;
}

int qmp_init(struct qmp *q, const struct monitor_table *t, void *vm)
{
	*q = (struct qmp){ .table = t, .vm = vm };
	q->tok = json_tokener_new_ex(QMP_DEPTH_MAX);
	if (!q->tok)
		return -ENOMEM;
	/* Strict about what JSON is; another object may follow at once. */
	json_tokener_set_flags(q->tok, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
	return 0;
}

void qmp_destroy(struct qmp *q)
{
	if (q->tok)
		json_tokener_free(q->tok);
	q->tok = NULL;
}

static void qmp_restart(struct qmp *q)
{
	json_tokener_reset(q->tok);
	q->taken = 0;
	q->utf8.left = 0;
}

/* Bytes up to the end of the line that held a mistake. */
static size_t qmp_skip(struct qmp *q, const char *buf, size_t len)
{
	const char *end = memchr(buf, '\n', len);

	if (!end)
		return len;
	q->skip = false;
	return end + 1 - buf;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void qmp_mistake(struct qmp *q, enum json_tokener_error err)
{
	char text[128];

	snprintf(text, sizeof(text), "JSON parse error, %s",
		 err == json_tokener_error_depth ? "nested too deeply" :
		 err == json_tokener_continue ? "invalid character" :
		 json_tokener_error_desc(err));
	qmp_restart(q);
	q->skip = true;
	qmp_send_error(q, generic_error, text);
}

static size_t qmp_blanks(const char *buf, size_t len)
{
	size_t n = 0;

	while (n < len && is_blank(buf[n]))
		n++;
	return n;
}

/*
 * Bytes before one that no JSON has: a control character, which the library might take
 * for the end, or half a character, which it does not follow from piece to piece.
 */
static size_t qmp_clean(struct qmp *q, const char *buf, size_t len)
{
	size_t n;

	for (n = 0; n < len; n++) {
		u8 c = buf[n];

		if (q->utf8.left ? !qmp_utf8_next(&q->utf8, c) :
		    c >= 0x80 ? !qmp_utf8_first(&q->utf8, c) : c < ' ' && !is_blank(c))
			break;
	}
	if (n < len) {
		/* It is looked at again, and nothing that it may be is right. */
		q->utf8 = (struct qmp_utf8){ .left = 1, .min = 0xff };
	}
	return n;
}

size_t qmp_take(struct qmp *q, const char *buf, size_t len)
{
	enum json_tokener_error err;
	struct json_object *msg;
	size_t n;

	if (q->skip)
		return qmp_skip(q, buf, len);
	n = q->taken ? 0 : qmp_blanks(buf, len);
	if (n)
		return n;
	n = qmp_clean(q, buf, len);
	if (!n) {
		qmp_mistake(q, json_tokener_continue);
		return 1;
	}
	msg = json_tokener_parse_ex(q->tok, buf, n);
	err = json_tokener_get_error(q->tok);
	if (err == json_tokener_continue) {
		q->taken += n;
		if (q->taken <= QMP_MESSAGE_MAX)
			return n;
		qmp_send_error(q, generic_error, "JSON message is too long");
		q->closed = true;
		return len;
	}
	n = json_tokener_get_parse_end(q->tok);
	if (err != json_tokener_success) {
		qmp_mistake(q, err);
		return n ?: qmp_skip(q, buf, len);
	}
	qmp_restart(q);
	qmp_message(q, msg);
	json_object_put(msg);
	return n ?: 1;
}

char *qmp_event(const char *name, struct json_object *data)
{
	struct json_object *o = json_object_new_object(), *t = json_object_new_object();
	char *line = NULL;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	monitor_add_int(t, "seconds", now.tv_sec);
	monitor_add_int(t, "microseconds", now.tv_nsec / 1000);
	json_object_object_add(o, "timestamp", t);
	monitor_add_string(o, "event", name);
	if (data)
		json_object_object_add(o, "data", data);
	if (asprintf(&line, "%s\r\n", json_object_to_json_string_ext(o, QMP_FORMAT)) < 0)
		line = NULL;
	if (line)
		qmp_mend(line);
	json_object_put(o);
	return line;
}
