// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the table of verbs, which help and completion are made of as well.
 * Threads: main.
 * Locks: none.
 */
#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "create.h"
#include "ctl/ctl.h"
#include "options/version.h"

static const struct command commands[] = {
	{ "create", "[-foreground] [FILE] [OPTION...]",
	  "start a guest in the background, under a name", create_run },
	{ "list", "[-json] [-q]", "the guests that run", ctl_list },
	{ "console", "NAME", "its serial port, here; C-] leaves it", ctl_console },
	{ "log", "NAME", "what its VMM has said in the background", ctl_log },
	{ "shutdown", "[-timeout SECONDS] NAME", "press its power button, await its end",
	  ctl_shutdown },
	{ "destroy", "NAME", "end it at once", ctl_destroy },
	{ "pause", "NAME", "stop it and its devices", ctl_pause },
	{ "resume", "NAME", "let it go on", ctl_resume },
	{ "balloon", "NAME [MIB]", "how much memory it has, or is to have", ctl_balloon },
	{ "stat", "[-json] [NAME]", "counters of the kernel's queues", ctl_stat },
	{ "qmp", "NAME [COMMAND [ARGUMENTS]]", "talk to its monitor, or one command and JSON",
	  ctl_qmp },
	{ "tap", "add NAME [bridge=BRIDGE] [address=ADDR/LEN] [queues=N] [user=USER]",
	  "make an interface for guests", ctl_tap },
	{ "tap", "del NAME", "delete it", ctl_tap },
	{ "bridge", "add NAME [address=ADDR/LEN]", "make a bridge", ctl_bridge },
	{ "bridge", "del NAME", "delete it", ctl_bridge },
};

const struct command *command_at(size_t i)
{
	return i < ARRAY_SIZE(commands) ? &commands[i] : NULL;
}

static const struct command *command_find(const char *word)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(word, commands[i].name))
			return &commands[i];
	return NULL;
}

bool command_is(const char *word)
{
	return command_find(word);
}

int command_run(int argc, char **argv, struct error *e)
{
	int ret = command_find(argv[0])->run(argc, argv, e);

	if (ret)
		error_prefix(e, argv[0]);
	return ret;
}

void command_print_usage(void)
{
	size_t i;

	printf("ferry version %s\n"
	       "usage: ferry [OPTION...] [FILE]\n"
	       "        run a guest here; FILE: the first disk\n", FERRY_VERSION);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		printf("       ferry %s %s\n        %s\n", commands[i].name, commands[i].words,
		       commands[i].help);
	printf("\n");
}
