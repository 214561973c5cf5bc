/* SPDX-License-Identifier: GPL-2.0 */
/* -sandbox, -runas and -chroot. */
#ifndef FERRY_VMM_CONFINE_H
#define FERRY_VMM_CONFINE_H

#include "machine/machine.h"
#include "vm.h"

/* What can be told before anything is built. */
int confine_check(const struct config *cfg, struct error *e);

/*
 * Give up what was asked for. Fails if something that is in use (SANDBOX_* bits) cannot do
 * without. Called by the only thread.
 */
int confine(struct machine *m, const struct config *cfg, u32 uses, struct error *e);

#endif /* FERRY_VMM_CONFINE_H */
