// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the registers of a hardware-reduced ACPI machine, and of the fixed ones what a
 *	kernel needs to switch the machine off. Follows the ACPI specification 6.3, "Sleep
 *	Control and Status Registers", "Reset Register", "Generic Event Device", and "PM1
 *	Event Grouping" and "PM1 Control Grouping".
 * Threads: vCPUs, and main for the power button.
 * Locks: the machine's lock is held by the caller.
 */
#include "acpi_pm.h"

#define SLEEP_ENABLE		(1 << 5)
#define SLEEP_TYPE(v)		((v) >> 2 & 7)
#define SLEEP_WAKE_STATUS	(1 << 7)

#define PM1_SCI_ENABLE		(1 << 0)
#define PM1_SLEEP_TYPE(v)	((v) >> 10 & 7)
#define PM1_SLEEP_ENABLE	(1 << 13)
#define PM1_ENABLE		2U	/* from the event registers: status, enable */

/*
 * A level waits for a guest that does not listen yet. KVM takes the line as it is told,
 * or has ended.
 */
static void pm_set_events(struct acpi_pm *pm, u32 events)
{
	pm->events = events;
	kvm_irq_line(&pm->m->kvm, pm->at->irq, events);
}

static u64 pm_read(void *opaque, u64 off, unsigned int size)
{
	struct acpi_pm *pm = opaque;
	u32 events;

	if (off == pm->at->events && size == 4) {
		/* Reading takes the events. */
		events = pm->events;
		pm_set_events(pm, 0);
		return events;
	}
	if (off == pm->at->sleep_status && size == 1)
		return SLEEP_WAKE_STATUS;
	if (off == pm->at->pm1_control && size == 2)
		return PM1_SCI_ENABLE;
	if (off == pm->at->pm1_event + PM1_ENABLE && size == 2)
		return pm->pm1_enable;
	return 0;
}

static void pm_sleep(struct acpi_pm *pm, bool enable, u8 type)
{
	if (enable && type == pm->at->sleep_type_off)
		machine_ask(pm->m, MACHINE_POWEROFF);
}

static void pm_write(void *opaque, u64 off, u64 val, unsigned int size)
{
	struct acpi_pm *pm = opaque;

	if (off == pm->at->sleep_control) {
		pm_sleep(pm, val & SLEEP_ENABLE, SLEEP_TYPE(val));
	} else if (off == pm->at->pm1_control && size == 2) {
		pm_sleep(pm, val & PM1_SLEEP_ENABLE, PM1_SLEEP_TYPE(val));
	} else if (off == pm->at->pm1_event + PM1_ENABLE && size == 2) {
		pm->pm1_enable = val;
	} else if (off == pm->at->reset) {
		if ((val & 0xff) == pm->at->reset_value)
			machine_ask(pm->m, MACHINE_RESET);
	}
}

static const struct bus_ops pm_bus_ops = {
	.read = pm_read,
	.write = pm_write,
};

int acpi_pm_init(struct acpi_pm *pm, struct machine *m, const struct acpi_pm_layout *at,
		 struct error *e)
{
	int ret;

	*pm = (struct acpi_pm){ .m = m, .at = at };
	ret = bus_add(&m->pio, at->port, at->len, &pm_bus_ops, pm);
	return ret ? error_errno(e, ret, "ACPI registers") : 0;
}

void acpi_pm_reset(struct acpi_pm *pm)
{
	pm->pm1_enable = 0;
	pm_set_events(pm, 0);
}

void acpi_pm_raise(struct acpi_pm *pm, u32 event)
{
	pm_set_events(pm, pm->events | event);
}
