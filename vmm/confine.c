// SPDX-License-Identifier: GPL-2.0
/*
 * Role: decide what the sandbox is to be, by what was asked for and what is possible.
 * Threads: main, which is still alone.
 * Locks: none.
 */
#include "confine.h"

#include <errno.h>

int confine_check(const struct config *cfg, struct error *e)
{
	const struct sandbox_config sandbox = { .user = cfg->runas, .dir = cfg->chroot };

	return sandbox_check(&sandbox, e);
}

int confine(struct machine *m, const struct config *cfg, u32 uses, struct error *e)
{
	const char *hindrance = cfg->sandbox ? sandbox_hindrance() : NULL;
	const struct sandbox_config sandbox = {
		.uses = uses,
		.user = cfg->runas,
		.dir = cfg->chroot,
		.filter = cfg->sandbox,
	};

	if (hindrance)
		return error_set(e, ENOTSUP, "-sandbox on: not possible: %s", hindrance);
	return threads_confine(&m->threads, &sandbox, e);
}
