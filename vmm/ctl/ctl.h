/* SPDX-License-Identifier: GPL-2.0 */
/* The commands beside running a guest: stat, tap, bridge. */
#ifndef FERRY_VMM_CTL_CTL_H
#define FERRY_VMM_CTL_CTL_H

#include "../error.h"
#include "../types.h"

/* Whether the program's first word is one of them. */
bool ctl_is_command(const char *word);

/* Run it; argv[0] is that word. */
int ctl_run(int argc, char **argv, struct error *e);

/* A word that takes a value, as "name=value" or "name value". */
struct ctl_word {
	const char *name;
	const char **value;
};

int ctl_words(int argc, char **argv, const struct ctl_word *words, size_t n, struct error *e);

int ctl_stat(int argc, char **argv, struct error *e);
int ctl_tap(int argc, char **argv, struct error *e);
int ctl_bridge(int argc, char **argv, struct error *e);

#endif /* FERRY_VMM_CTL_CTL_H */
