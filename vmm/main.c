// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the program. The only place that prints errors and decides the exit
 *	status; everything else returns them.
 * Threads: main.
 * Locks: none.
 */
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "run.h"

static int fail(const struct error *e)
{
	fprintf(stderr, "ferry: %s\n", e->text);
	if (e->hint[0])
		fprintf(stderr, "%s\n", e->hint);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct error e = { 0 };
	struct config *cfg;
	int ret;

	if (argc > 1 && command_is(argv[1])) {
		ret = command_run(argc - 1, argv + 1, &e);
		return ret ? fail(&e) : EXIT_SUCCESS;
	}
	cfg = calloc(1, sizeof(*cfg));
	if (!cfg)
		return EXIT_FAILURE;
	ret = config_parse(cfg, argc, argv, &e);
	if (ret == CONFIG_RUN)
		ret = run(cfg, NULL, &e);
	if (ret == CONFIG_HELP) {
		command_print_usage();
		config_print_options();
	}
	config_free(cfg);
	free(cfg);
	return ret < 0 ? fail(&e) : EXIT_SUCCESS;
}
