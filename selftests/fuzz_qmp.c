// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target for the monitors: any bytes, in pieces of any length, to QMP and to
 * HMP. Each line that QMP answers must be JSON of the kind that it promises, whatever it was
 * asked; what is kept of a message must stay within its bounds.
 */
#include <stdlib.h>
#include <string.h>

#include "monitor/hmp.h"
#include "monitor/qmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static int run_echo(void *vm, struct json_object *args, struct json_object **ret,
		    struct error *e)
{
	if (vm || monitor_number(args, "n", 0) == 7)
		return error_set(e, EXIT_FAILURE, "seven");
	*ret = json_object_get(args);
	return 0;
}

static void print_echo(FILE *out, struct json_object *ret)
{
	fputs(json_object_to_json_string(ret), out);
}

static const struct monitor_command rows[] = {
	{ "e", "e|echo", "", { { "s", MONITOR_STRING }, { "n", MONITOR_INT, true } },
	  .run = run_echo, .print = print_echo },
	{ "b", "b", "", { { "m", MONITOR_MEGABYTES }, { "b", MONITOR_BOOL, true } },
	  .run = run_echo, .print = print_echo },
	{ "o", "info o", "", { { "d", MONITOR_OPTIONS } }, .run = run_echo,
	  .print = print_echo },
};

static const struct monitor_table table = { rows, ARRAY_SIZE(rows), "0.1" };

/* An answer is one line: an object with one of three members, and perhaps an id. */
static void check_line(void *opaque, const char *line, size_t len)
{
	struct json_tokener *tok = json_tokener_new_ex(2 * QMP_DEPTH_MAX);
	struct json_object *o = json_tokener_parse_ex(tok, line, len);

	(void)opaque;
	must(len >= 2 && !memcmp(line + len - 2, "\r\n", 2) && !memchr(line, '\n', len - 2));
	must(json_object_is_type(o, json_type_object));
	must(json_object_object_get_ex(o, "return", NULL) ||
	     json_object_object_get_ex(o, "error", NULL) ||
	     json_object_object_get_ex(o, "QMP", NULL));
	json_object_put(o);
	json_tokener_free(tok);
}

static void ignore(void *opaque, const char *text, size_t len)
{
	(void)opaque, (void)text, (void)len;
}

static void fuzz_qmp(const char *data, size_t size, size_t piece)
{
	struct qmp q;
	size_t n;

	must(!qmp_init(&q, &table, NULL));
	q.send = check_line;
	q.negotiated = piece & 1;
	qmp_greet(&q);
	while (size && !q.closed) {
		n = qmp_take(&q, data, size < piece ? size : piece);
		must(n && n <= size);
		must(q.taken <= QMP_MESSAGE_MAX || q.closed);
		data += n;
		size -= n;
	}
	qmp_destroy(&q);
}

static void fuzz_hmp(const char *data, size_t size, size_t piece)
{
	struct hmp h;
	size_t n;

	hmp_init(&h, &table, NULL);
	h.send = ignore;
	h.raw = piece & 1;
	while (size) {
		n = hmp_take(&h, data, size < piece ? size : piece);
		must(n && n <= size && h.len < HMP_LINE_MAX);
		data += n;
		size -= n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	fuzz_qmp((const char *)data + 1, size - 1, data[0] + 1U);
	fuzz_hmp((const char *)data + 1, size - 1, data[0] + 1U);
	return 0;
}
