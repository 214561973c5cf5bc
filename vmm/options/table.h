/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Declarative tables of "key=value,..." options. One row says a key's name, type,
 * default, range, help and where its value is kept; the parser, the defaults and
 * the help text all read the same rows.
 */
#ifndef FERRY_VMM_OPTIONS_TABLE_H
#define FERRY_VMM_OPTIONS_TABLE_H

#include "../error.h"
#include "../types.h"

enum opt_type {
	OPT_STRING,	/* char *, owned by the object */
	OPT_LIST,	/* char **, each time the key was given, NULL behind the last */
	OPT_BOOL,	/* bool */
	OPT_TRI,	/* enum tri: on, off or, left out, auto */
	OPT_UINT,	/* u32 */
	OPT_SIZE,	/* u64, bytes, suffixes K M G T; opt_row.unit without one */
	OPT_MAC,	/* u8[6] */
	OPT_IGNORED,	/* taken and forgotten: another machine's detail */
};

struct opt_row {
	const char *name;
	enum opt_type type;
	size_t offset;
	u64 min, max;		/* of OPT_UINT and OPT_SIZE; max 0: no range */
	u64 unit;		/* of OPT_SIZE */
	const char *def;	/* as if typed; NULL: all bits zero */
	const char *help;
};

struct opt_table {
	const char *implied;	/* the key that a first bare value stands for, or NULL */
	const char *device;	/* a device's name, if these are properties of one */
	const struct opt_row *rows;
	size_t n;
	const char *unknown;	/* what precedes the name of a key that is none, or NULL */
};

/* Set every value to its default; the object is all zero. */
int opt_defaults(const struct opt_table *t, void *obj, struct error *e);

/* Take "value,key=value,..."; ",," is a comma within a value. */
int opt_parse(const struct opt_table *t, const char *text, void *obj, struct error *e);

/* Free the strings. */
void opt_free(const struct opt_table *t, void *obj);

/* The value of one key in @text, copied to @buf; false if it is not there. */
bool opt_peek(const char *text, const char *implied, const char *key, char *buf, size_t len);

/* A copy of @text without the words that set one of @keys, which end in NULL; or NULL. */
char *opt_without(const char *text, const char *const *keys);

/* One type's own parser, for options that are a bare value. */
int opt_parse_size(const char *text, u64 unit, u64 *val, struct error *e, const char *key);

/* A line a key, on stdout. */
void opt_print_help(const struct opt_table *t);

#endif /* FERRY_VMM_OPTIONS_TABLE_H */
