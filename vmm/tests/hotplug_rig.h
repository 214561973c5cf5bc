/* SPDX-License-Identifier: GPL-2.0 */
/* A VM without processors: its monitor is asked, and a guest's ACPI is played by hand. */
#ifndef FERRY_VMM_TESTS_HOTPLUG_RIG_H
#define FERRY_VMM_TESTS_HOTPLUG_RIG_H

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "testvm.h"
#include "vm_internal.h"

#define RIG_HEARD	65536

struct hotplug_rig {
	struct vm vm;
	struct config cfg;
	struct error e;
	int qmp, hmp;
	char file[32];
	char heard[RIG_HEARD];
};

static void hotplug_rig_say(const char *text)
{
	(void)text;
}

static inline void hotplug_rig_loop(struct hotplug_rig *r)
{
	struct epoll_event ev;

	while (epoll_wait(r->vm.machine.loop.epfd, &ev, 1, 0) == 1) {
		struct loop_source *src = ev.data.ptr;

		pthread_mutex_lock(&r->vm.machine.lock);
		if (src->added)
			src->ready(src->opaque, ev.events);
		pthread_mutex_unlock(&r->vm.machine.lock);
	}
}

/* What a client hears once the main loop has done all that it can. */
static inline const char *hotplug_rig_hear(struct hotplug_rig *r, int fd)
{
	size_t len = 0;
	ssize_t n;

	do {
		hotplug_rig_loop(r);
		n = recv(fd, r->heard + len, RIG_HEARD - 1 - len, MSG_DONTWAIT);
		len += n > 0 ? n : 0;
	} while (n > 0);
	r->heard[len] = '\0';
	return r->heard;
}

static inline const char *hotplug_rig_ask(struct hotplug_rig *r, int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		return "cannot be asked";
	return hotplug_rig_hear(r, fd);
}

static inline int hotplug_rig_client(struct hotplug_rig *r, bool qmp)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) ||
	    monitor_adopt(&r->vm.monitor, qmp, fds[1], &r->e))
		return -1;
	hotplug_rig_ask(r, fds[0], qmp ? "{\"execute\":\"qmp_capabilities\"}\n" : "\n");
	return fds[0];
}

static inline int hotplug_rig_build(struct hotplug_rig *r)
{
	static const struct pci_window window = {
		.ecam = X86_ECAM, .mmio = X86_PCI_MMIO, .mmio_size = X86_PCI_MMIO_SIZE,
		.port = X86_PORT_PCI, .ports = X86_PORT_PCI_BARS,
	};
	static const struct acpi_pm_layout layout = {
		.port = X86_PORT_ACPI, .len = X86_PORT_ACPI_LEN, .events = X86_ACPI_EVENTS,
		.irq = X86_IRQ_ACPI,
	};
	struct machine *m = &r->vm.machine;

	if (machine_init(m, &r->e))
		return -1;
	m->kvm.max_gsi = 1024;
	if (ram_init(&m->ram, 64 * MIB, X86_RAM_END, X86_RAM_ABOVE_4G, &r->e) ||
	    irq_init(&m->irq, &m->kvm, &r->e) ||
	    acpi_pm_init(&r->vm.pm, m, &layout, &r->e) ||
	    pci_bus_init(&r->vm.pci, m, &window, &r->e) || vm_hotplug_init(&r->vm, &r->e))
		return -1;
	monitor_init(&r->vm.monitor, m, &vm_commands, &r->vm);
	return vm_create_devices(&r->vm, &r->e);
}

/* A VM with the devices of a command line, and an image of a MiB to plug in. */
static inline int hotplug_rig_init(struct hotplug_rig *r, char **argv, int argc)
{
	int fd;

	memset(r, 0, sizeof(*r));
	strcpy(r->file, "/tmp/hotplugXXXXXX");
	fd = mkstemp(r->file);
	if (fd < 0 || ftruncate(fd, MIB) || close(fd))
		return -1;
	r->vm.cfg = &r->cfg;
	r->vm.say = hotplug_rig_say;
	r->vm.ejected_fd = -1;
	if (config_parse(&r->cfg, argc, argv, &r->e) || hotplug_rig_build(r))
		return -1;
	r->qmp = hotplug_rig_client(r, true);
	r->hmp = hotplug_rig_client(r, false);
	return r->qmp < 0 || r->hmp < 0 ? -1 : 0;
}

static inline void hotplug_rig_destroy(struct hotplug_rig *r)
{
	monitor_destroy(&r->vm.monitor);
	vm_destroy_devices(&r->vm);
	vm_hotplug_destroy(&r->vm);
	machine_destroy(&r->vm.machine);
	config_free(&r->cfg);
	close(r->qmp);
	close(r->hmp);
	unlink(r->file);
}

/* What the guest's ACPI does. */
static inline u64 hotplug_rig_port(struct hotplug_rig *r, u64 off, u64 val, unsigned int size,
				   bool write)
{
	u8 data[8];

	memcpy(data, &val, sizeof(data));
	pthread_mutex_lock(&r->vm.machine.lock);
	bus_access(&r->vm.machine.pio, X86_PORT_HOTPLUG + off, data, size, write);
	pthread_mutex_unlock(&r->vm.machine.lock);
	val = 0;
	memcpy(&val, data, size);
	return val;
}

static inline u32 hotplug_rig_read(struct hotplug_rig *r, u64 off)
{
	return hotplug_rig_port(r, off, 0, 4, false);
}

static inline void hotplug_rig_eject(struct hotplug_rig *r, u32 slots)
{
	hotplug_rig_port(r, PCI_HOTPLUG_EJECT, slots, 4, true);
}

/* Whether there is a device in that slot, for the guest. */
static inline bool hotplug_rig_there(struct hotplug_rig *r, unsigned int slot)
{
	u8 data[4];

	bus_access(&r->vm.machine.mmio, cfg_addr(slot, 0), data, sizeof(data), false);
	return data[0] != 0xff || data[1] != 0xff;
}

#endif /* FERRY_VMM_TESTS_HOTPLUG_RIG_H */
