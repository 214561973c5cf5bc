// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the registers of a hardware-reduced ACPI machine. Follows the ACPI
 *	specification 6.3, "Sleep Control and Status Registers", "Reset Register" and
 *	"Generic Event Device".
 * Threads: vCPUs, and main for the power button.
 * Locks: the machine's lock is held by the caller.
 */
#include "acpi_pm.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SLEEP_ENABLE		(1 << 5)
#define SLEEP_TYPE(v)		((v) >> 2 & 7)
#define SLEEP_WAKE_STATUS	(1 << 7)

static u64 pm_read(void *opaque, u64 off, unsigned int size)
{
	struct acpi_pm *pm = opaque;
	u32 events;

	if (off == pm->at->events && size == 4) {
		/* Reading takes the events: an edge announced them. */
		events = pm->events;
		pm->events = 0;
		return events;
	}
	if (off == pm->at->sleep_status)
		return SLEEP_WAKE_STATUS;
	return 0;
}

static void pm_write(void *opaque, u64 off, u64 val, unsigned int size)
{
	struct acpi_pm *pm = opaque;

	(void)size;
	if (off == pm->at->sleep_control) {
		if ((val & SLEEP_ENABLE) && SLEEP_TYPE(val) == pm->at->sleep_type_off)
			machine_ask(pm->m, MACHINE_POWEROFF);
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
	pm->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pm->irq_fd < 0)
		return error_errno(e, errno, "eventfd");
	ret = kvm_irqfd(&m->kvm, pm->irq_fd, at->irq, true);
	if (!ret)
		ret = bus_add(&m->pio, at->port, at->len, &pm_bus_ops, pm);
	return ret ? error_errno(e, ret, "ACPI registers") : 0;
}

void acpi_pm_destroy(struct acpi_pm *pm)
{
	if (pm->irq_fd >= 0)
		close(pm->irq_fd);
	pm->irq_fd = -1;
}

void acpi_pm_reset(struct acpi_pm *pm)
{
	pm->events = 0;
}

void acpi_pm_raise(struct acpi_pm *pm, u32 event)
{
	pm->events |= event;
	eventfd_write(pm->irq_fd, 1);
}
