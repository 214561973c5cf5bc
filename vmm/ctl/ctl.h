/* SPDX-License-Identifier: GPL-2.0 */
/* The verbs: what the program does beside running a guest. argv[0] is the verb. */
#ifndef FERRY_VMM_CTL_CTL_H
#define FERRY_VMM_CTL_CTL_H

#include "../error.h"
#include "../types.h"

/* A word that takes a value, as "name=value" or "name value". */
struct ctl_word {
	const char *name;
	const char **value;
};

int ctl_words(int argc, char **argv, const struct ctl_word *words, size_t n, struct error *e);

/* What follows a verb: options, which begin with "-" or "--", and words in an order. */
struct ctl_option {
	const char *name;	/* NULL behind the last */
	bool *given;		/* for one without a value */
	const char **value;	/* for one with */
};

struct ctl_args {
	const struct ctl_option *options;	/* NULL: none */
	unsigned int least, most;		/* words */
	const char *expects;			/* which, for the message if it is others */
	const char **words;			/* where they go; those left out are not set */
};

int ctl_args(int argc, char **argv, const struct ctl_args *args, struct error *e);

int ctl_stat(int argc, char **argv, struct error *e);
int ctl_tap(int argc, char **argv, struct error *e);
int ctl_bridge(int argc, char **argv, struct error *e);
int ctl_list(int argc, char **argv, struct error *e);
int ctl_console(int argc, char **argv, struct error *e);
int ctl_log(int argc, char **argv, struct error *e);
int ctl_qmp(int argc, char **argv, struct error *e);
int ctl_pause(int argc, char **argv, struct error *e);
int ctl_resume(int argc, char **argv, struct error *e);
int ctl_balloon(int argc, char **argv, struct error *e);
int ctl_shutdown(int argc, char **argv, struct error *e);
int ctl_destroy(int argc, char **argv, struct error *e);

#endif /* FERRY_VMM_CTL_CTL_H */
