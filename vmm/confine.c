// SPDX-License-Identifier: GPL-2.0
/*
 * Role: decide what the sandbox is to be, by what was asked for and what is possible.
 * Threads: main, which is still alone.
 * Locks: none.
 */
#include "confine.h"

#include <errno.h>
#include <stdio.h>

int confine_check(const struct config *cfg, struct error *e)
{
	const struct sandbox_config sandbox = { .user = cfg->runas, .dir = cfg->chroot };

	return sandbox_check(&sandbox, e);
}

int confine(struct machine *m, const struct config *cfg, u32 uses, vm_say say, struct error *e)
{
	const char *hindrance = sandbox_hindrance();
	const struct sandbox_config sandbox = {
		.uses = uses,
		.user = cfg->runas,
		.dir = cfg->chroot,
		.filter = cfg->sandbox != TRI_OFF && !hindrance,
	};
	char text[160];

	if (cfg->sandbox == TRI_ON && hindrance)
		return error_set(e, ENOTSUP, "-sandbox on: not possible: %s", hindrance);
	if (cfg->sandbox == TRI_AUTO && hindrance) {
		snprintf(text, sizeof(text), "the sandbox is off: %s", hindrance);
		say(text);
	}
	return threads_confine(&m->threads, &sandbox, e);
}
