// SPDX-License-Identifier: GPL-2.0
/*
 * Role: tells text from what could be a terminal's command.
 * Threads: any.
 * Locks: none.
 */
#include "plain.h"

/* UTF-8 without controls: U+0080 to U+009F are as good as an escape and a letter. */
static const struct {
	u8 from, to;		/* the first byte */
	u8 low, high;		/* the second one */
	u8 len;
} plain_forms[] = {
	{ 0x20, 0x7e, .len = 1 },
	{ 0xc2, 0xc2, 0xa0, 0xbf, 2 },
	{ 0xc3, 0xdf, 0x80, 0xbf, 2 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 },
	{ 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

/* Bytes of the character that begins here; 0 if none does. */
static size_t plain_length(const u8 *p, size_t left)
{
	size_t i = 0, n;

	while (i < ARRAY_SIZE(plain_forms) && (*p < plain_forms[i].from || *p > plain_forms[i].to))
		i++;
	if (i == ARRAY_SIZE(plain_forms) || plain_forms[i].len > left)
		return 0;
	if (plain_forms[i].len > 1 && (p[1] < plain_forms[i].low || p[1] > plain_forms[i].high))
		return 0;
	for (n = 2; n < plain_forms[i].len; n++)
		if ((p[n] & 0xc0) != 0x80)
			return 0;
	return plain_forms[i].len;
}

void plain_text(char *text, size_t len, bool lines)
{
	size_t i, n;

	for (i = 0; i < len; i += n ?: 1) {
		n = plain_length((const u8 *)text + i, len - i);
		if (!n && !(lines && text[i] == '\n'))
			text[i] = text[i] == '\t' ? ' ' : '?';
	}
}
