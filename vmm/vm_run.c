// SPDX-License-Identifier: GPL-2.0
/*
 * Role: run a VM that was built: signals, resets, stopping and going on, its end, and
 *	the events that tell of them.
 * Threads: main.
 * Locks: takes the machine's lock around events and resets; never while it waits
 *	for vCPUs to park.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "vm_internal.h"
#include "x86/map.h"

static void vm_ended(void *opaque, u32 events)
{
	struct vm *vm = opaque;
	struct signalfd_siginfo si;
	char text[80];

	(void)events;
	if (read(vm->end_fd, &si, sizeof(si)) != sizeof(si))
		return;
	snprintf(text, sizeof(text), "terminating on signal %u from pid %u", si.ssi_signo,
		 si.ssi_pid);
	vm->say(text);
	machine_ask_by(&vm->machine, MACHINE_POWEROFF, MACHINE_BY_SIGNAL);
}

static void vm_asked(void *opaque, u32 events)
{
	struct vm *vm = opaque;
	struct signalfd_siginfo si;

	(void)events;
	if (read(vm->user_fd, &si, sizeof(si)) != sizeof(si))
		return;
	if (si.ssi_signo == SIGUSR1)
		vm_power_button(vm);
	else
		vm_refresh_disks(vm, NULL);
}

static void vm_request(void *opaque, u32 events)
{
	/* Only wakes the loop; vm_run() looks at the request itself. */
	(void)opaque, (void)events;
}

/* Block @signals in every thread, which all inherit the mask, and read them from one place. */
static int vm_catch(const sigset_t *signals, int *fd, struct error *e)
{
	sigprocmask(SIG_BLOCK, signals, NULL);
	*fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return *fd < 0 ? error_errno(e, errno, "signalfd") : 0;
}

void vm_ignore_signals(void)
{
	signal(SIGPIPE, SIG_IGN);
	/* A file that its user limits (ulimit -f) fails with EFBIG, for whoever asked. */
	signal(SIGXFSZ, SIG_IGN);
}

/*
 * SIGINT, SIGQUIT, SIGTERM and SIGHUP end the VM, also while it waits for a client of a
 * socket. SIGUSR1 presses its power button, SIGUSR2 looks whether disks have another size.
 */
int vm_create_signals(struct vm *vm, struct error *e)
{
	struct machine *m = &vm->machine;
	sigset_t ends, users;
	int ret;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGQUIT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigemptyset(&users);
	sigaddset(&users, SIGUSR1);
	sigaddset(&users, SIGUSR2);
	ret = vm_catch(&ends, &vm->end_fd, e);
	if (!ret)
		ret = vm_catch(&users, &vm->user_fd, e);
	if (ret)
		return ret;
	vm->ends = (struct loop_source){ vm->end_fd, vm_ended, vm, false };
	vm->users = (struct loop_source){ vm->user_fd, vm_asked, vm, false };
	vm->requests = (struct loop_source){ m->request_fd, vm_request, vm, false };
	ret = loop_add(&m->loop, &vm->ends, EPOLLIN);
	if (!ret)
		ret = loop_add(&m->loop, &vm->users, EPOLLIN);
	if (!ret)
		ret = loop_add(&m->loop, &vm->requests, EPOLLIN);
	return ret ? error_errno(e, ret, "event loop") : 0;
}

void vm_power_button(struct vm *vm)
{
	acpi_pm_raise(&vm->pm, X86_ACPI_EVENT_POWER);
	monitor_event(&vm->monitor, "POWERDOWN", NULL);
}

/* QEMU's words for who asked. */
static const char *vm_reason(enum machine_by by, bool reset)
{
	static const char *const shutdown[] = {
		[MACHINE_BY_GUEST] = "guest-shutdown",
		[MACHINE_BY_SIGNAL] = "host-signal",
		[MACHINE_BY_KEY] = "host-ui",
		[MACHINE_BY_MONITOR] = "host-qmp-quit",
	};

	if (reset)
		return by == MACHINE_BY_GUEST ? "guest-reset" : "host-qmp-system-reset";
	return shutdown[by];
}

static struct json_object *vm_cause(bool guest, const char *reason)
{
	struct json_object *data = json_object_new_object();

	monitor_add_bool(data, "guest", guest);
	monitor_add_string(data, "reason", reason);
	return data;
}

static int vm_reset(struct vm *vm, struct error *e)
{
	unsigned int i;
	int ret;

	pthread_mutex_lock(&vm->machine.lock);
	/* Devices first: from here on nothing but us writes guest memory. */
	vm_hotplug_reset(vm);
	for (i = 0; i < vm->n_devices; i++)
		virtio_pci_reset(&vm->device[i]->pci);
	pci_bus_reset(&vm->pci);
	if (vm->serial.m)
		serial_reset(&vm->serial);
	acpi_pm_reset(&vm->pm);
	ret = vm_load(vm, e);
	pthread_mutex_unlock(&vm->machine.lock);
	return ret;
}

/* Events come from the main loop's own doings as well; those are under the lock. */
static void vm_tell(struct vm *vm, const char *event, struct json_object *data)
{
	pthread_mutex_lock(&vm->machine.lock);
	monitor_event(&vm->monitor, event, data);
	pthread_mutex_unlock(&vm->machine.lock);
}

void vm_stop(struct vm *vm)
{
	struct machine *m = &vm->machine;
	unsigned int i;

	if (vm->state != VM_RUNNING)
		return;
	vm->state = VM_PAUSED;
	vcpus_pause(&m->vcpus);
	/* A vCPU may want the lock before it can park. */
	pthread_mutex_unlock(&m->lock);
	vcpus_wait_parked(&m->vcpus);
	pthread_mutex_lock(&m->lock);
	vcpus_tell_paused(&m->vcpus);
	for (i = 0; i < vm->n_devices; i++)
		virtio_pause(vm->device[i]->v);
	monitor_event(&vm->monitor, "STOP", NULL);
}

int vm_cont(struct vm *vm, struct error *e)
{
	struct machine *m = &vm->machine;
	unsigned int i;

	(void)e;
	if (vm->state == VM_RUNNING)
		return 0;
	vm->state = VM_RUNNING;
	/* A device that cannot go on says so to its driver. */
	for (i = 0; i < vm->n_devices; i++)
		virtio_resume(vm->device[i]->v);
	monitor_event(&vm->monitor, "RESUME", NULL);
	/* A request that came meanwhile is answered next, and the vCPUs run after it. */
	vcpus_resume(&m->vcpus);
	return 0;
}

static int vm_answer_reset(struct vm *vm, struct error *e)
{
	enum machine_by by = vm->machine.request_by;
	int ret = vm_reset(vm, e);

	if (ret)
		return ret;
	if (vm->state == VM_PAUSED)
		vm->state = VM_PRELAUNCH;
	vm_tell(vm, "RESET", vm_cause(by == MACHINE_BY_GUEST, vm_reason(by, true)));
	return 0;
}

/* Do what was asked for; 0 if the guest goes on, 1 if it ends. */
static int vm_answer(struct vm *vm, struct error *e)
{
	struct machine *m = &vm->machine;
	bool reset = false;
	int ret;

	vcpus_pause(&m->vcpus);
	vcpus_wait_parked(&m->vcpus);
	switch (machine_asked(m)) {
	case MACHINE_FAILED:
		vm_tell(vm, "SHUTDOWN", vm_cause(false, "host-error"));
		*e = m->failure;
		return -EIO;
	case MACHINE_RESET:
		reset = true;
		if (!vm->cfg->no_reboot) {
			ret = vm_answer_reset(vm, e);
			if (ret)
				return ret;
			break;
		}
		__attribute__((fallthrough));
	case MACHINE_POWEROFF:
		vm_tell(vm, "SHUTDOWN", vm_cause(m->request_by == MACHINE_BY_GUEST,
						 vm_reason(m->request_by, reset)));
		return 1;
	case MACHINE_RUN:
		break;
	}
	machine_answered(m);
	if (vm->state == VM_RUNNING)
		vcpus_resume(&m->vcpus);
	return 0;
}

int vm_run(struct vm *vm, struct error *e)
{
	struct machine *m = &vm->machine;
	struct loop_source *src;
	u32 events;
	int ret = 0;

	if (!vm->cfg->stopped) {
		vm->state = VM_RUNNING;
		vcpus_resume(&m->vcpus);
	}
	while (!ret) {
		src = loop_wait(&m->loop, &events);
		if (src) {
			pthread_mutex_lock(&m->lock);
			if (src->added)
				src->ready(src->opaque, events);
			pthread_mutex_unlock(&m->lock);
		}
		if (machine_asked(m) != MACHINE_RUN)
			ret = vm_answer(vm, e);
	}
	return ret < 0 ? ret : 0;
}
