/* SPDX-License-Identifier: GPL-2.0 */
/* The verbs by their names: "ferry VERB ...". */
#ifndef FERRY_VMM_COMMANDS_H
#define FERRY_VMM_COMMANDS_H

#include "error.h"
#include "types.h"

/* A verb may have several rows, one for each form of what follows it. */
struct command {
	const char *name;
	const char *words;	/* what follows it */
	const char *help;
	int (*run)(int argc, char **argv, struct error *e);
};

/* By its place, NULL behind the last. */
const struct command *command_at(size_t i);

/* Whether the program's first word is one. */
bool command_is(const char *word);

/* Run it; argv[0] is that word. */
int command_run(int argc, char **argv, struct error *e);

/* How the program is called, on stdout. */
void command_print_usage(void);

#endif /* FERRY_VMM_COMMANDS_H */
