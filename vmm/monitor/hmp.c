// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the monitor that people type at: lines, their editing where no terminal does
 *	it, and the prompt.
 * Threads: main.
 * Locks: the machine's lock is held by the caller, for the commands.
 */
#include "hmp.h"

#include <stdlib.h>
#include <string.h>

#define KEY_BACKSPACE	'\b'
#define KEY_DELETE	0x7f
#define KEY_CTRL_C	0x03
#define KEY_CTRL_U	0x15

static void hmp_puts(struct hmp *h, const char *text)
{
	h->send(h->opaque, text, strlen(text));
}

void hmp_init(struct hmp *h, const struct monitor_table *t, void *vm)
{
	*h = (struct hmp){ .table = t, .vm = vm };
}

void hmp_prompt(struct hmp *h)
{
	hmp_puts(h, "(qemu) ");
}

void hmp_greet(struct hmp *h)
{
	hmp_puts(h, "Ferry ");
	hmp_puts(h, h->table->version);
	hmp_puts(h, " monitor - type 'help' for more information\n");
	hmp_prompt(h);
}

static void hmp_line(struct hmp *h)
{
	size_t len = 0;
	char *text = NULL;
	FILE *out;

	h->line[h->len] = '\0';
	out = open_memstream(&text, &len);
	if (out && h->too_long)
		fprintf(out, "the line is longer than %u characters\n", HMP_LINE_MAX - 1);
	else if (out)
		monitor_run_line(h->table, h->vm, h->line, out);
	if (out)
		fclose(out);
	h->len = 0;
	h->too_long = false;
	if (len)
		h->send(h->opaque, text, len);
	free(text);
	hmp_prompt(h);
}

static void hmp_rub_out(struct hmp *h, size_t n)
{
	while (n-- && h->len) {
		h->len--;
		if (h->raw)
			hmp_puts(h, "\b \b");
	}
}

static void hmp_put(struct hmp *h, char c)
{
	/* Tabs are blanks; what cannot be seen is no part of a command. */
	if (c == '\t')
		c = ' ';
	if ((unsigned char)c < ' ')
		return;
	if (h->len + 1 >= sizeof(h->line)) {
		h->too_long = true;
		return;
	}
	h->line[h->len++] = c;
	if (h->raw)
		h->send(h->opaque, &c, 1);
}

/* One byte; true if it ended a line. */
static bool hmp_key(struct hmp *h, char c)
{
	bool after_cr = h->after_cr;

	h->after_cr = c == '\r';
	switch (c) {
	case '\n':
		if (after_cr)
			return false;
		/* Falls through. */
	case '\r':
		if (h->raw)
			hmp_puts(h, "\n");
		hmp_line(h);
		return true;
	case KEY_BACKSPACE:
	case KEY_DELETE:
		hmp_rub_out(h, 1);
		break;
	case KEY_CTRL_C:
	case KEY_CTRL_U:
		hmp_rub_out(h, h->len);
		break;
	default:
		hmp_put(h, c);
	}
	return false;
}

size_t hmp_take(struct hmp *h, const char *buf, size_t len)
{
	size_t n = 0;

	while (n < len)
		if (hmp_key(h, buf[n++]))
			break;
	return n;
}
