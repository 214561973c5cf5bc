/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interfaces that only rtnetlink can make: veth pairs, macvtaps, VLANs, and the
 * removal of any interface. Uses libnl-route-3.
 */
#ifndef FERRY_SELFTEST_LINK_H
#define FERRY_SELFTEST_LINK_H

#include "tap.h"

/* All return 0 or -errno. */
int __link_add_veth(const char *name, const char *peer);
int __link_add_vlan(const char *lower, const char *name, int id);
/* On @lower, or NULL for none; it asks for its own headroom on top of @lower's. */
int __link_add_vxlan(const char *lower, const char *name, int id);
int __link_add_bridge(const char *name);
int __link_enslave(const char *bridge, const char *port);
int __link_delete(const char *name);

/* Index of an interface, 0 for none. */
int link_index(const char *name);

/*
 * A macvtap named @name on top of @lower, opened like a tap. The node is made
 * in a private directory from what sysfs says, since /dev may not be a devtmpfs
 * and shows other namespaces' devices.
 */
int __macvtap_open(struct tap *t, const char *lower, const char *name,
		   const struct tap_options *o);

#endif /* FERRY_SELFTEST_LINK_H */
