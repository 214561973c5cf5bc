/* SPDX-License-Identifier: GPL-2.0 */
/* A 9P2000 stat, between Tstat and directories that are read as files. */
#ifndef FERRY_VMM_BACKEND_P9LOOP_LEGACY_H
#define FERRY_VMM_BACKEND_P9LOOP_LEGACY_H

#include "p9loop_server.h"

/* Longest stat: fixed fields, four strings of a name or a number, a symlink's target. */
#define P9LOOP_STAT_MAX	(61 + FERRY_P9_NAME_MAX + 3 * 10 + FERRY_P9_TARGET_MAX)

/* A stat with its own size in front. Return: its bytes, 0 if it did not fit. */
u32 p9loop_put_stat(struct p9loop_server *s, struct ferry_p9_enc *e,
		    const struct p9loop_node *node, const char *name);

#endif /* FERRY_VMM_BACKEND_P9LOOP_LEGACY_H */
