/* SPDX-License-Identifier: GPL-2.0 */
/* The ACPI registers: sleep, reset, and the event device with the power button. */
#ifndef FERRY_VMM_DEV_ACPI_PM_H
#define FERRY_VMM_DEV_ACPI_PM_H

#include "../machine/machine.h"

/* Offsets from the base port, and the values they take. */
struct acpi_pm_layout {
	u16 port;
	u16 len;
	u8 sleep_control;
	u8 sleep_status;
	u8 pm1_control;		/* those of a PC, for kernels that firmware starts */
	u8 pm1_event;
	u8 reset;
	u8 events;
	u8 reset_value;
	u8 sleep_type_off;
	u32 irq;
};

struct acpi_pm {
	struct machine *m;
	const struct acpi_pm_layout *at;
	u32 events;		/* the interrupt's line is up while there are any */
	u16 pm1_enable;		/* of events that never come */
};

int acpi_pm_init(struct acpi_pm *pm, struct machine *m, const struct acpi_pm_layout *at,
		 struct error *e);
void acpi_pm_reset(struct acpi_pm *pm);

/* Tell the guest of @event, a bit of the event register; under the machine's lock. */
void acpi_pm_raise(struct acpi_pm *pm, u32 event);

#endif /* FERRY_VMM_DEV_ACPI_PM_H */
