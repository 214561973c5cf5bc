// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the program. The only place that prints errors and decides the exit
 *	status; everything else returns them.
 * Threads: main.
 * Locks: none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "daemon.h"
#include "vm.h"

static int fail(const struct error *e)
{
	fprintf(stderr, "ferry: %s\n", e->text);
	if (e->hint[0])
		fprintf(stderr, "%s\n", e->hint);
	return EXIT_FAILURE;
}

static void say(const char *text)
{
	fprintf(stderr, "ferry: %s\n", text);
}

static int run(const struct config *cfg)
{
	struct error e = { 0 };
	struct daemon daemon;
	struct vm *vm;
	int ret;

	if (cfg->daemonize && daemon_begin(&daemon, &e))
		return fail(&e);
	ret = vm_create(&vm, cfg, say, &e);
	if (ret)
		return fail(&e);
	if (cfg->daemonize)
		daemon_ready(&daemon);
	ret = vm_run(vm, &e);
	/* First the terminal as it was, then the message. */
	vm_destroy(vm);
	return ret ? fail(&e) : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct error e = { 0 };
	struct config *cfg;
	int ret;

	if (argc > 1 && ctl_is_command(argv[1])) {
		ret = ctl_run(argc - 1, argv + 1, &e);
		return ret ? fail(&e) : EXIT_SUCCESS;
	}
	cfg = calloc(1, sizeof(*cfg));
	if (!cfg)
		return EXIT_FAILURE;
	ret = config_parse(cfg, argc, argv, &e);
	if (ret == CONFIG_DONE)
		ret = EXIT_SUCCESS;
	else if (ret)
		ret = fail(&e);
	else
		ret = run(cfg);
	config_free(cfg);
	free(cfg);
	return ret;
}
