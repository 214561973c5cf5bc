/* SPDX-License-Identifier: GPL-2.0 */
/* The few ports of a PC that kernels touch before they know better. */
#ifndef FERRY_VMM_DEV_LEGACY_H
#define FERRY_VMM_DEV_LEGACY_H

#include "../machine/machine.h"

struct legacy {
	struct machine *m;
	u8 speaker;
	u8 rtc_index;
	u8 rtc[128];
};

struct legacy_ports {
	u16 speaker;
	u16 kbd;
	u16 rtc;
};

int legacy_init(struct legacy *l, struct machine *m, const struct legacy_ports *p,
		struct error *e);

#endif /* FERRY_VMM_DEV_LEGACY_H */
