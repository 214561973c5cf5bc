/* SPDX-License-Identifier: GPL-2.0 */
/* The vCPU threads: run, pause, reset points, end. */
#ifndef FERRY_VMM_MACHINE_VCPU_H
#define FERRY_VMM_MACHINE_VCPU_H

#include <pthread.h>
#include <sys/types.h>

#include "../error.h"
#include "../types.h"

struct kvm_run;
struct machine;

enum vcpus_state {
	VCPUS_PAUSED,
	VCPUS_RUNNING,
	VCPUS_ENDED,
};

struct vcpu {
	struct machine *m;
	unsigned int index;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
	pid_t tid;		/* under vcpus.lock; 0 until the thread has come so far */
};

struct vcpus {
	unsigned int n;
	struct vcpu *v;

	pthread_mutex_t lock;	/* what follows */
	pthread_cond_t changed;
	enum vcpus_state state;	/* what the threads shall do */
	unsigned int parked;	/* threads that are outside the guest */
};

/* Make @n vCPUs, paused and without threads. */
int vcpus_init(struct machine *m, unsigned int n, struct error *e);

/* Start their threads; they wait for vcpus_resume(). */
int vcpus_start(struct machine *m, struct error *e);

/*
 * vcpus_pause() asks and returns at once, from any thread; vcpus_wait_parked()
 * returns when no vCPU is in the guest or in a device model, and must not be
 * called with the machine's lock held.
 */
void vcpus_pause(struct vcpus *vs);
void vcpus_wait_parked(struct vcpus *vs);
void vcpus_resume(struct vcpus *vs);

/* Parked vCPUs: their guest shall not take the time that passes for its own fault. */
void vcpus_tell_paused(struct vcpus *vs);

/* The thread of one. */
pid_t vcpu_tid(struct vcpus *vs, unsigned int i);

/* End the threads and free everything. */
void vcpus_destroy(struct vcpus *vs);

#endif /* FERRY_VMM_MACHINE_VCPU_H */
