// SPDX-License-Identifier: GPL-2.0
/*
 * Role: parse "key=value,..." against a table, in QEMU's spelling and words.
 * Threads: main.
 * Locks: none.
 */
#include "table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPT_VALUE_MAX	4096

/*
 * Copy one "key=value" or bare word up to a single comma, reading ",," as a comma.
 * Returns what follows, or NULL if it does not fit.
 */
static const char *opt_next(const char *p, char *buf, size_t len)
{
	size_t n = 0;

	while (*p) {
		if (*p == ',') {
			if (p[1] != ',')
				break;
			p++;
		}
		if (n + 1 >= len)
			return NULL;
		buf[n++] = *p++;
	}
	buf[n] = '\0';
	return *p ? p + 1 : p;
}

static const struct opt_row *opt_find(const struct opt_table *t, const char *key)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (!strcmp(t->rows[i].name, key))
			return &t->rows[i];
	return NULL;
}

int opt_parse_size(const char *text, u64 unit, u64 *val, struct error *e, const char *key)
{
	static const char suffix[] = "BKMGTPE";
	const char *s;
	char *end;
	u64 v, mul = unit ? unit : 1;

	errno = 0;
	v = strtoull(text, &end, 0);
	if (end == text || strchr(text, '-')) {
		error_set(e, EINVAL, "Parameter '%s' expects a non-negative number below 2^64",
			  key);
		error_hint(e, "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, "
			   "tera-, peta-\nand exabytes, respectively.");
		return -EINVAL;
	}
	if (*end) {
		s = strchr(suffix, *end >= 'a' && *end <= 'z' ? *end - 32 : *end);
		if (!s || end[1]) {
			error_set(e, EINVAL, "Parameter '%s' expects a size", key);
			error_hint(e, "You may use k, M, G or T suffixes for kilobytes, "
				   "megabytes, gigabytes and terabytes.");
			return -EINVAL;
		}
		mul = 1ULL << (10 * (s - suffix));
	}
	if (errno == ERANGE || __builtin_mul_overflow(v, mul, val))
		return error_set(e, ERANGE, "Value '%s' is out of range for parameter '%s'",
				 text, key);
	return 0;
}

static int opt_parse_bool(const char *text, bool *val, struct error *e, const char *key)
{
	if (!strcmp(text, "on") || !strcmp(text, "yes") || !strcmp(text, "true") ||
	    !strcmp(text, "y"))
		*val = true;
	else if (!strcmp(text, "off") || !strcmp(text, "no") || !strcmp(text, "false") ||
		 !strcmp(text, "n"))
		*val = false;
	else
		return error_set(e, EINVAL, "Parameter '%s' expects 'on' or 'off'", key);
	return 0;
}

static int opt_parse_uint(const char *text, u32 *val, struct error *e, const char *key)
{
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(text, &end, 0);
	if (end == text || *end || strchr(text, '-'))
		return error_set(e, EINVAL, "Parameter '%s' expects a number", key);
	if (errno || v > UINT32_MAX)
		return error_set(e, ERANGE, "Value '%s' is out of range for parameter '%s'",
				 text, key);
	*val = v;
	return 0;
}

static int opt_parse_mac(const char *text, u8 mac[6], struct error *e, const char *key)
{
	unsigned int b[6], i;
	char rest;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &rest) != 6 &&
	    sscanf(text, "%2x-%2x-%2x-%2x-%2x-%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &rest) != 6)
		return error_set(e, EINVAL, "Parameter '%s' expects an Ethernet address", key);
	if (b[0] & 1)
		return error_set(e, EINVAL, "Parameter '%s': '%s' is a multicast address", key,
				 text);
	for (i = 0; i < 6; i++)
		mac[i] = b[i];
	return 0;
}

static int opt_check_range(const struct opt_row *r, u64 v, const char *text, struct error *e)
{
	if (!r->max || (v >= r->min && v <= r->max))
		return 0;
	return error_set(e, ERANGE, "Value '%s' is out of range for parameter '%s' "
			 "(%llu to %llu)", text, r->name, (unsigned long long)r->min,
			 (unsigned long long)r->max);
}

static int opt_set_string(char **slot, const char *text, struct error *e)
{
	char *copy = strdup(text);

	if (!copy)
		return error_errno(e, ENOMEM, "options");
	free(*slot);
	*slot = copy;
	return 0;
}

static int opt_add_string(char ***slot, const char *text, struct error *e)
{
	char **list;
	size_t n = 0;

	while (*slot && (*slot)[n])
		n++;
	list = realloc(*slot, (n + 2) * sizeof(*list));
	if (!list)
		return error_errno(e, ENOMEM, "options");
	*slot = list;
	list[n] = strdup(text);
	list[n + 1] = NULL;
	return list[n] ? 0 : error_errno(e, ENOMEM, "options");
}

static int opt_set(const struct opt_row *r, const char *text, void *obj, struct error *e)
{
	void *slot = (char *)obj + r->offset;
	bool b;
	int ret;

	switch (r->type) {
	case OPT_STRING:
		return opt_set_string(slot, text, e);
	case OPT_LIST:
		return opt_add_string(slot, text, e);
	case OPT_BOOL:
		return opt_parse_bool(text, slot, e, r->name);
	case OPT_TRI:
		if (!strcmp(text, "auto")) {
			*(enum tri *)slot = TRI_AUTO;
			return 0;
		}
		ret = opt_parse_bool(text, &b, e, r->name);
		if (!ret)
			*(enum tri *)slot = b ? TRI_ON : TRI_OFF;
		return ret;
	case OPT_UINT:
		ret = opt_parse_uint(text, slot, e, r->name);
		return ret ?: opt_check_range(r, *(u32 *)slot, text, e);
	case OPT_SIZE:
		ret = opt_parse_size(text, r->unit, slot, e, r->name);
		return ret ?: opt_check_range(r, *(u64 *)slot, text, e);
	case OPT_MAC:
		return opt_parse_mac(text, slot, e, r->name);
	case OPT_IGNORED:
		return 0;
	}
	return -EINVAL;
}

static int opt_unknown(const struct opt_table *t, const char *key, struct error *e)
{
	if (t->device)
		return error_set(e, EINVAL, "Property '%s.%s' not found", t->device, key);
	return error_set(e, EINVAL, "%s '%s'", t->unknown ?: "Invalid parameter", key);
}

/* "key=value", or "key" for "key=on" and "nokey" for "key=off". */
static int opt_take(const struct opt_table *t, char *word, bool first, void *obj,
		    struct error *e)
{
	char *eq = strchr(word, '=');
	const struct opt_row *r;

	if (!eq && first && t->implied) {
		r = opt_find(t, t->implied);
		return opt_set(r, word, obj, e);
	}
	if (eq)
		*eq++ = '\0';
	r = opt_find(t, word);
	if (r)
		return opt_set(r, eq ? eq : "on", obj, e);
	if (!eq && !strncmp(word, "no", 2)) {
		r = opt_find(t, word + 2);
		if (r && (r->type == OPT_BOOL || r->type == OPT_TRI))
			return opt_set(r, "off", obj, e);
	}
	return opt_unknown(t, word, e);
}

int opt_parse(const struct opt_table *t, const char *text, void *obj, struct error *e)
{
	char word[OPT_VALUE_MAX];
	bool first = true;
	int ret;

	while (*text) {
		text = opt_next(text, word, sizeof(word));
		if (!text)
			return error_set(e, E2BIG, "option is longer than %d characters",
					 OPT_VALUE_MAX - 1);
		ret = opt_take(t, word, first, obj, e);
		if (ret)
			return ret;
		first = false;
	}
	return 0;
}

int opt_defaults(const struct opt_table *t, void *obj, struct error *e)
{
	size_t i;
	int ret;

	for (i = 0; i < t->n; i++) {
		if (!t->rows[i].def)
			continue;
		ret = opt_set(&t->rows[i], t->rows[i].def, obj, e);
		if (ret)
			return ret;
	}
	return 0;
}

static void opt_free_list(char ***slot)
{
	size_t i;

	for (i = 0; *slot && (*slot)[i]; i++)
		free((*slot)[i]);
	free(*slot);
	*slot = NULL;
}

void opt_free(const struct opt_table *t, void *obj)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		void *slot = (char *)obj + t->rows[i].offset;

		if (t->rows[i].type == OPT_LIST)
			opt_free_list(slot);
		if (t->rows[i].type != OPT_STRING)
			continue;
		free(*(char **)slot);
		*(char **)slot = NULL;
	}
}

/* Whether a word of a list sets that key. */
static bool opt_sets(const char *word, size_t len, const char *key)
{
	size_t klen = strlen(key);

	return len >= klen && !strncmp(word, key, klen) && (len == klen || word[klen] == '=');
}

char *opt_without(const char *text, const char *const *keys)
{
	char *out = calloc(1, strlen(text) + 1), word[OPT_VALUE_MAX];
	const char *next;
	size_t i, len;

	for (; out && *text; text = next) {
		next = opt_next(text, word, sizeof(word));
		if (!next)
			next = text + strlen(text);
		/* As it was typed, without the comma behind it. */
		len = next - text - (*next ? 1 : 0);
		for (i = 0; keys[i] && !opt_sets(text, len, keys[i]); i++)
			;
		if (!keys[i])
			sprintf(out + strlen(out), "%s%.*s", *out ? "," : "", (int)len, text);
	}
	return out;
}

bool opt_peek(const char *text, const char *implied, const char *key, char *buf, size_t len)
{
	size_t klen = strlen(key);
	bool first = true, found = false;
	char word[OPT_VALUE_MAX];

	while (text && *text) {
		text = opt_next(text, word, sizeof(word));
		if (!text)
			break;
		if (first && implied && !strcmp(implied, key) && !strchr(word, '=')) {
			found = true;
			snprintf(buf, len, "%s", word);
		} else if (!strncmp(word, key, klen) && word[klen] == '=') {
			found = true;
			snprintf(buf, len, "%s", word + klen + 1);
		}
		first = false;
	}
	return found;
}

static void opt_print_size(const struct opt_row *r, u64 v)
{
	static const char units[] = "BKMGTP";
	unsigned int unit = 0;

	while (r->type == OPT_SIZE && v && !(v & 1023) && units[unit + 1]) {
		v >>= 10;
		unit++;
	}
	printf("%llu", (unsigned long long)v);
	if (unit)
		putchar(units[unit]);
}

/* What a row says of its values, in parentheses. */
static void opt_print_values(const struct opt_row *r)
{
	bool def = r->def && *r->def;

	if (def)
		printf(" (default: %s", r->def);
	if (r->max && (r->type == OPT_UINT || r->type == OPT_SIZE)) {
		printf(def ? "; " : " (");
		opt_print_size(r, r->min);
		printf(" to ");
		opt_print_size(r, r->max);
		def = true;
	}
	if (def)
		printf(")");
}

void opt_print_help(const struct opt_table *t)
{
	static const char *const kind[] = {
		[OPT_STRING] = "str", [OPT_LIST] = "str", [OPT_BOOL] = "bool",
		[OPT_TRI] = "on|off|auto", [OPT_UINT] = "uint",
		[OPT_SIZE] = "size", [OPT_MAC] = "mac",
	};
	size_t i;

	for (i = 0; i < t->n; i++) {
		const struct opt_row *r = &t->rows[i];

		if (r->type == OPT_IGNORED || !r->help)
			continue;
		printf("  %s=<%s>%*s - %s", r->name, kind[r->type],
		       (int)(28 - strlen(r->name) - strlen(kind[r->type])) > 0 ?
		       (int)(28 - strlen(r->name) - strlen(kind[r->type])) : 0, "", r->help);
		opt_print_values(r);
		printf("\n");
	}
}
