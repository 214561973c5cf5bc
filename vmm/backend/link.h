/* SPDX-License-Identifier: GPL-2.0 */
/* Network interfaces of the host, by rtnetlink. */
#ifndef FERRY_VMM_BACKEND_LINK_H
#define FERRY_VMM_BACKEND_LINK_H

#include "../error.h"
#include "../types.h"

/* Make an interface up, and a port of @bridge unless that is NULL. */
int link_up(const char *name, const char *bridge, struct error *e);

/* A bridge, up; one that is there already is only made up, what is no bridge is left alone. */
int link_add_bridge(const char *name, struct error *e);

/* "192.0.2.1/24" or "2001:db8::1/64"; one that is there already is no error. */
int link_add_address(const char *name, const char *address, struct error *e);

int link_delete(const char *name, struct error *e);

#endif /* FERRY_VMM_BACKEND_LINK_H */
