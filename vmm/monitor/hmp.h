/* SPDX-License-Identifier: GPL-2.0 */
/* The monitor that people type at: bytes in, text out. Knows no descriptor. */
#ifndef FERRY_VMM_MONITOR_HMP_H
#define FERRY_VMM_MONITOR_HMP_H

#include "command.h"

#define HMP_LINE_MAX	1024U

struct hmp {
	const struct monitor_table *table;
	void *vm;
	bool raw;		/* nothing edits the line or shows it on the way */
	char line[HMP_LINE_MAX];
	size_t len;
	bool too_long;
	bool after_cr;		/* a line feed is part of the line's end */

	void (*send)(void *opaque, const char *text, size_t len);
	void *opaque;
};

void hmp_init(struct hmp *h, const struct monitor_table *t, void *vm);

/* What is printed first; and the prompt alone. */
void hmp_greet(struct hmp *h);
void hmp_prompt(struct hmp *h);

/* As qmp_take(): at most one line's command is done. */
size_t hmp_take(struct hmp *h, const char *buf, size_t len);

#endif /* FERRY_VMM_MONITOR_HMP_H */
