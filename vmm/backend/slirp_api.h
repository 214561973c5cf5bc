/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libslirp, loaded when it is used: it brings three more libraries along, which a guest
 * on a tap would pay for in time to start and in memory.
 */
#ifndef FERRY_VMM_BACKEND_SLIRP_API_H
#define FERRY_VMM_BACKEND_SLIRP_API_H

#include <slirp/libslirp.h>

#include "../error.h"

struct slirp_api {
	void *library;
	typeof(&slirp_new) new;
	typeof(&slirp_cleanup) cleanup;
	typeof(&slirp_pollfds_fill) pollfds_fill;
	typeof(&slirp_pollfds_poll) pollfds_poll;
	typeof(&slirp_input) input;
	typeof(&slirp_handle_timer) handle_timer;
	typeof(&slirp_add_hostfwd) add_hostfwd;
};

int slirp_api_load(struct slirp_api *api, struct error *e);
void slirp_api_unload(struct slirp_api *api);

#endif /* FERRY_VMM_BACKEND_SLIRP_API_H */
