// SPDX-License-Identifier: GPL-2.0
/*
 * What the environment says of a run. Any thread; takes no locks.
 */
#include <stdlib.h>
#include <string.h>

#include "env.h"

bool env_lists(const char *variable, const char *name)
{
	const char *at = getenv(variable);
	size_t len = strlen(name);

	if (!at)
		return true;
	for (; *at; at += strcspn(at, ","), at += *at == ',')
		if (strcspn(at, ",") == len && !strncmp(at, name, len))
			return true;
	return false;
}
