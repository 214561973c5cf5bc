/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One error message, owned by the caller. Library code fills it and returns a
 * negative errno; only main.c prints one and ends the program.
 */
#ifndef FERRY_VMM_ERROR_H
#define FERRY_VMM_ERROR_H

struct error {
	char text[768];		/* without "ferry: " and without a newline */
	char hint[512];		/* further lines, printed as they are; may be empty */
};

/**
 * error_set - say what went wrong
 * @e: where to say it; NULL where nobody listens
 * @err: the errno, of either sign, 0 read as EINVAL
 * @fmt: the message, without the program's name
 *
 * Return: @err as a negative errno, so that a caller can return it.
 */
int error_set(struct error *e, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* As error_set(), with ": " and what the errno means behind the message. */
int error_errno(struct error *e, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Put "@prefix: " before a message that is there already. */
void error_prefix(struct error *e, const char *prefix);

/* Set the lines that follow the message. */
void error_hint(struct error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif /* FERRY_VMM_ERROR_H */
