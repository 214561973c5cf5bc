/* SPDX-License-Identifier: GPL-2.0 */
/* A 9P2000 stat, between Tstat and directories that are read as files. */
#ifndef FERRY_VMM_BACKEND_P9LOOP_LEGACY_H
#define FERRY_VMM_BACKEND_P9LOOP_LEGACY_H

#include "9p/p9_legacy_core.h"
#include "p9loop_server.h"

/* A stat with its own size in front: 0, or -EMSGSIZE: it did not fit, nothing was put. */
int p9loop_put_stat(struct p9loop_server *s, struct ferry_p9_enc *e,
		    const struct p9loop_node *node, const char *name);

#endif /* FERRY_VMM_BACKEND_P9LOOP_LEGACY_H */
