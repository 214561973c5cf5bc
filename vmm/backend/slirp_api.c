// SPDX-License-Identifier: GPL-2.0
/*
 * Role: find libslirp and what is used of it.
 * Threads: main.
 * Locks: none.
 */
#include "slirp_api.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

#include "../types.h"

#define SLIRP_LIBRARY	"libslirp.so.0"

int slirp_api_load(struct slirp_api *api, struct error *e)
{
	const struct {
		const char *name;
		void *slot;
	} want[] = {
		{ "slirp_new", &api->new },
		{ "slirp_cleanup", &api->cleanup },
		{ "slirp_pollfds_fill", &api->pollfds_fill },
		{ "slirp_pollfds_poll", &api->pollfds_poll },
		{ "slirp_input", &api->input },
		{ "slirp_handle_timer", &api->handle_timer },
		{ "slirp_add_hostfwd", &api->add_hostfwd },
	};
	size_t i;

	api->library = dlopen(SLIRP_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!api->library) {
		error_set(e, ENOENT, "user networking: %s", dlerror());
		error_hint(e, "It is in Debian's package libslirp0.");
		return -ENOENT;
	}
	for (i = 0; i < ARRAY_SIZE(want); i++) {
		*(void **)want[i].slot = dlsym(api->library, want[i].name);
		if (!*(void **)want[i].slot)
			return error_set(e, ENOENT, "user networking: %s", dlerror());
	}
	return 0;
}

void slirp_api_unload(struct slirp_api *api)
{
	if (api->library)
		dlclose(api->library);
	*api = (struct slirp_api){ 0 };
}
