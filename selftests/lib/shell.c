// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that tests leave work to. Runs in the test's thread; takes no locks.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "shell.h"

int shell(const char *fmt, ...)
{
	char command[512], line[600];
	va_list args;
	int status;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	snprintf(line, sizeof(line), "{ %s; } </dev/null >/dev/null 2>&1", command);
	status = system(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
