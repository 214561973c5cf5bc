/* SPDX-License-Identifier: GPL-2.0 */
/* The QEMU Machine Protocol: bytes in, lines of JSON out. Knows no descriptor. */
#ifndef FERRY_VMM_MONITOR_QMP_H
#define FERRY_VMM_MONITOR_QMP_H

#include "command.h"

/* What one message may have: bytes, and objects and lists in one another. */
#define QMP_MESSAGE_MAX	65536U
#define QMP_DEPTH_MAX	32

/* Where in a character a text is. */
struct qmp_utf8 {
	u8 left;		/* bytes that it lacks */
	u8 min, max;		/* within which bounds the next of them is */
};

struct qmp {
	const struct monitor_table *table;
	void *vm;
	struct json_tokener *tok;
	size_t taken;		/* bytes of the message that is not whole yet */
	struct qmp_utf8 utf8;	/* of these */
	bool skip;		/* what follows a mistake, up to the end of its line */
	bool negotiated;
	bool closed;		/* cannot go on: a message was too long */
	bool has_id;		/* of the message that is being answered */
	struct json_object *id;	/* NULL is JSON's null */

	/* Where answers go; one whole line each. */
	void (*send)(void *opaque, const char *line, size_t len);
	void *opaque;
};

int qmp_init(struct qmp *q, const struct monitor_table *t, void *vm);
void qmp_destroy(struct qmp *q);

/* The first line that a client gets. */
void qmp_greet(struct qmp *q);

/**
 * qmp_take - read what a client sent
 * @q: the conversation
 * @buf: bytes, in pieces of any length
 * @len: how many, at least one
 *
 * Does at most one command, so that the caller can see whether its answer was read
 * before there is another.
 *
 * Return: how many bytes were used, at least one.
 */
size_t qmp_take(struct qmp *q, const char *buf, size_t len);

/* Make the line of an event; freed by the caller with free(). Takes over @data. */
char *qmp_event(const char *name, struct json_object *data);

#endif /* FERRY_VMM_MONITOR_QMP_H */
