// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the vCPU threads. Each runs the guest, hands what leaves it to the
 *	buses, and parks when told to.
 * Threads: one for each vCPU; the calls of vcpu.h come from main, vcpus_pause()
 *	from any.
 * Locks: vcpus.lock guards the wanted state and the count of parked threads; it is
 *	innermost. Device models run under the machine's lock.
 */
#include "vcpu.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine.h"

/* Only to make KVM_RUN return; the handler does nothing. */
#define VCPU_SIGNAL	SIGRTMIN

static void vcpu_signal(int sig)
{
	(void)sig;
}

static void vcpu_io(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	u8 *data = (u8 *)run + run->io.data_offset;
	u32 i;

	pthread_mutex_lock(&v->m->lock);
	for (i = 0; i < run->io.count; i++, data += run->io.size)
		bus_access(&v->m->pio, run->io.port, data, run->io.size,
			   run->io.direction == KVM_EXIT_IO_OUT);
	pthread_mutex_unlock(&v->m->lock);
}

static void vcpu_mmio(struct vcpu *v)
{
	struct kvm_run *run = v->run;

	pthread_mutex_lock(&v->m->lock);
	bus_access(&v->m->mmio, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
		   run->mmio.is_write);
	pthread_mutex_unlock(&v->m->lock);
}

static void vcpu_fail(struct vcpu *v, const char *what, unsigned long long code)
{
	struct error e;

	error_set(&e, EIO, "kvm: vCPU %u: %s 0x%llx", v->index, what, code);
	error_hint(&e, "The processor or the hypervisor below does not run this guest; "
		   "the kernel log may say why.");
	machine_fail(v->m, &e);
}

static void vcpu_exit(struct vcpu *v)
{
	struct kvm_run *run = v->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		vcpu_io(v);
		break;
	case KVM_EXIT_MMIO:
		vcpu_mmio(v);
		break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		break;
	case KVM_EXIT_SHUTDOWN:
		/* A triple fault is the last way in which a PC asks for a reset. */
		machine_ask(v->m, MACHINE_RESET);
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		machine_ask(v->m, run->system_event.type == KVM_SYSTEM_EVENT_SHUTDOWN ?
			    MACHINE_POWEROFF : MACHINE_RESET);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		vcpu_fail(v, "the processor refused to enter the guest, reason",
			  run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		vcpu_fail(v, "KVM internal error, suberror", run->internal.suberror);
		break;
	default:
		vcpu_fail(v, "unexpected exit, reason", run->exit_reason);
	}
}

static void vcpu_enter(struct vcpu *v)
{
	struct error e;

	if (!ioctl(v->fd, KVM_RUN, 0UL)) {
		vcpu_exit(v);
		return;
	}
	if (errno == EINTR || errno == EAGAIN)
		return;
	error_errno(&e, errno, "kvm: vCPU %u: could not run the guest", v->index);
	machine_fail(v->m, &e);
}

/*
 * Park until the vCPUs shall run; false when they shall end. An access that left
 * the guest is first completed, so that registers may be set while parked.
 */
static bool vcpu_park(struct vcpu *v)
{
	struct vcpus *vs = &v->m->vcpus;
	bool run;

	v->run->immediate_exit = 1;
	while (!ioctl(v->fd, KVM_RUN, 0UL))
		vcpu_exit(v);

	pthread_mutex_lock(&vs->lock);
	v->tid = gettid();
	vs->parked++;
	pthread_cond_broadcast(&vs->changed);
	while (vs->state == VCPUS_PAUSED)
		pthread_cond_wait(&vs->changed, &vs->lock);
	vs->parked--;
	run = vs->state == VCPUS_RUNNING;
	if (run)
		v->run->immediate_exit = 0;
	pthread_mutex_unlock(&vs->lock);
	return run;
}

/*
 * What the host kernel makes for a guest in the thread that kicks has the mode that the
 * guest asked for, as in its workers.
 */
static void vcpu_own_umask(void)
{
	if (!unshare(CLONE_FS))
		umask(0);
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *v = arg;
	struct vcpus *vs = &v->m->vcpus;
	sigset_t set;
	char name[16];

	sigemptyset(&set);
	sigaddset(&set, VCPU_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	snprintf(name, sizeof(name), "vcpu%u", v->index);
	pthread_setname_np(pthread_self(), name);
	vcpu_own_umask();
	while (vcpu_park(v)) {
		/* immediate_exit is set, under the lock, after the state has changed. */
		while (__atomic_load_n(&vs->state, __ATOMIC_ACQUIRE) == VCPUS_RUNNING)
			vcpu_enter(v);
	}
	return NULL;
}

static int vcpu_create(struct machine *m, struct vcpu *v, unsigned int i, struct error *e)
{
	v->m = m;
	v->index = i;
	v->fd = ioctl(m->kvm.vmfd, KVM_CREATE_VCPU, (unsigned long)i);
	if (v->fd < 0)
		return error_errno(e, errno, "kvm: could not create vCPU %u", i);
	v->run = mmap(NULL, m->kvm.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED) {
		v->run = NULL;
		return error_errno(e, errno, "kvm: could not map vCPU %u", i);
	}
	return 0;
}

int vcpus_init(struct machine *m, unsigned int n, struct error *e)
{
	struct sigaction sa = { .sa_handler = vcpu_signal };
	struct vcpus *vs = &m->vcpus;
	int ret;

	sigaction(VCPU_SIGNAL, &sa, NULL);
	vs->v = calloc(n, sizeof(*vs->v));
	if (!vs->v)
		return error_errno(e, ENOMEM, "vCPUs");
	pthread_mutex_init(&vs->lock, NULL);
	pthread_cond_init(&vs->changed, NULL);
	vs->state = VCPUS_PAUSED;
	while (vs->n < n) {
		struct vcpu *v = &vs->v[vs->n];

		v->fd = -1;
		ret = vcpu_create(m, v, vs->n++, e);
		if (ret)
			return ret;
	}
	return 0;
}

int vcpus_start(struct machine *m, struct error *e)
{
	struct vcpus *vs = &m->vcpus;
	unsigned int i;
	int ret;

	for (i = 0; i < vs->n; i++) {
		ret = threads_start(&m->threads, THREAD_VCPU, vcpu_thread, &vs->v[i],
				    &vs->v[i].thread);
		if (ret)
			return error_errno(e, ret, "could not start vCPU %u", i);
		vs->v[i].started = true;
	}
	return 0;
}

static void vcpus_kick(struct vcpus *vs, enum vcpus_state state)
{
	unsigned int i;

	if (!vs->v)
		return;
	pthread_mutex_lock(&vs->lock);
	if (vs->state != VCPUS_ENDED)
		__atomic_store_n(&vs->state, state, __ATOMIC_RELEASE);
	for (i = 0; i < vs->n; i++) {
		if (!vs->v[i].started)
			continue;
		vs->v[i].run->immediate_exit = 1;
		pthread_kill(vs->v[i].thread, VCPU_SIGNAL);
	}
	pthread_cond_broadcast(&vs->changed);
	pthread_mutex_unlock(&vs->lock);
}

void vcpus_pause(struct vcpus *vs)
{
	vcpus_kick(vs, VCPUS_PAUSED);
}

static unsigned int vcpus_started(const struct vcpus *vs)
{
	unsigned int i, n = 0;

	for (i = 0; i < vs->n; i++)
		n += vs->v[i].started;
	return n;
}

void vcpus_wait_parked(struct vcpus *vs)
{
	if (!vs->v)
		return;
	pthread_mutex_lock(&vs->lock);
	while (vs->parked < vcpus_started(vs))
		pthread_cond_wait(&vs->changed, &vs->lock);
	pthread_mutex_unlock(&vs->lock);
}

void vcpus_resume(struct vcpus *vs)
{
	pthread_mutex_lock(&vs->lock);
	__atomic_store_n(&vs->state, VCPUS_RUNNING, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&vs->changed);
	pthread_mutex_unlock(&vs->lock);
}

void vcpus_tell_paused(struct vcpus *vs)
{
	unsigned int i;

	/* A guest that has no such clock needs no telling: KVM refuses, and that is all. */
	for (i = 0; i < vs->n; i++)
		ioctl(vs->v[i].fd, KVM_KVMCLOCK_CTRL, 0UL);
}

pid_t vcpu_tid(struct vcpus *vs, unsigned int i)
{
	pid_t tid;

	pthread_mutex_lock(&vs->lock);
	while (!vs->v[i].tid)
		pthread_cond_wait(&vs->changed, &vs->lock);
	tid = vs->v[i].tid;
	pthread_mutex_unlock(&vs->lock);
	return tid;
}

void vcpus_destroy(struct vcpus *vs)
{
	unsigned int i;

	if (!vs->v)
		return;
	vcpus_kick(vs, VCPUS_ENDED);
	for (i = 0; i < vs->n; i++)
		if (vs->v[i].started)
			pthread_join(vs->v[i].thread, NULL);
	for (i = 0; i < vs->n; i++) {
		if (vs->v[i].fd >= 0)
			close(vs->v[i].fd);
		/* The mapping's length is the VM's; see vcpu_create(). */
		if (vs->v[i].run)
			munmap(vs->v[i].run, vs->v[i].m->kvm.run_size);
	}
	pthread_cond_destroy(&vs->changed);
	pthread_mutex_destroy(&vs->lock);
	free(vs->v);
	vs->v = NULL;
	vs->n = 0;
}
