/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The bare machine: memory, address spaces, interrupt routes, vCPUs and the main
 * loop. Every device is handed this, and knows nothing of the rest of the VM.
 */
#ifndef FERRY_VMM_MACHINE_MACHINE_H
#define FERRY_VMM_MACHINE_MACHINE_H

#include <pthread.h>

#include "bus.h"
#include "irq.h"
#include "kvm.h"
#include "loop.h"
#include "ram.h"
#include "threads.h"
#include "vcpu.h"

/* What the guest, a signal or a failure asks the main thread to do. */
enum machine_request {
	MACHINE_RUN,
	MACHINE_RESET,		/* start the guest again from its kernel */
	MACHINE_POWEROFF,
	MACHINE_FAILED,		/* machine.failure says why */
};

/* Who asks for it. */
enum machine_by {
	MACHINE_BY_GUEST,
	MACHINE_BY_SIGNAL,
	MACHINE_BY_KEY,		/* C-a x */
	MACHINE_BY_MONITOR,
};

struct machine {
	struct kvm kvm;
	struct ram ram;
	struct irq_router irq;
	struct loop loop;
	struct vcpus vcpus;
	struct threads threads;

	/*
	 * Every device model runs under this one lock: vCPUs take it around an
	 * access that leaves the guest, the main thread around an event. The data
	 * path never takes it: it is in the kernel, or in threads of its own.
	 */
	pthread_mutex_t lock;
	struct bus pio;
	struct bus mmio;

	/* Under request_lock, which nests inside lock. */
	pthread_mutex_t request_lock;
	enum machine_request request;
	enum machine_by request_by;
	struct error failure;
	int request_fd;		/* wakes the main loop */
};

/* A machine without KVM, RAM or vCPUs; those are added by their own calls. */
int machine_init(struct machine *m, struct error *e);
void machine_destroy(struct machine *m);

/*
 * Stop the vCPUs and wake the main thread with a request; the gravest one stays.
 * machine_ask() is for what the guest asks for.
 */
void machine_ask(struct machine *m, enum machine_request req);
void machine_ask_by(struct machine *m, enum machine_request req, enum machine_by by);
void machine_fail(struct machine *m, const struct error *why);

/* The request that is open, MACHINE_RUN if none; machine_answered() closes it. */
enum machine_request machine_asked(struct machine *m);
void machine_answered(struct machine *m);

#endif /* FERRY_VMM_MACHINE_MACHINE_H */
