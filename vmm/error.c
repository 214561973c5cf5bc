// SPDX-License-Identifier: GPL-2.0
/*
 * Role: fill struct error.
 * Threads: any; a struct error belongs to its caller.
 * Locks: none.
 */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int error_negative(int err)
{
	if (!err)
		return -EINVAL;
	return err < 0 ? err : -err;
}

int error_set(struct error *e, int err, const char *fmt, ...)
{
	va_list ap;

	if (e) {
		va_start(ap, fmt);
		vsnprintf(e->text, sizeof(e->text), fmt, ap);
		va_end(ap);
		e->hint[0] = '\0';
	}
	return error_negative(err);
}

int error_errno(struct error *e, int err, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	err = error_negative(err);
	if (e) {
		va_start(ap, fmt);
		vsnprintf(e->text, sizeof(e->text), fmt, ap);
		va_end(ap);
		n = strlen(e->text);
		snprintf(e->text + n, sizeof(e->text) - n, ": %s", strerror(-err));
		e->hint[0] = '\0';
	}
	return err;
}

void error_prefix(struct error *e, const char *prefix)
{
	char old[sizeof(e->text)];

	if (!e)
		return;
	memcpy(old, e->text, sizeof(old));
	/* A message too long for the buffer loses its end, never its beginning. */
	snprintf(e->text, sizeof(e->text), "%.200s: %.500s", prefix, old);
}

void error_hint(struct error *e, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return;
	va_start(ap, fmt);
	vsnprintf(e->hint, sizeof(e->hint), fmt, ap);
	va_end(ap);
}
