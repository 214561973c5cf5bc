// SPDX-License-Identifier: GPL-2.0
/*
 * Role: hold the bare machine together, and carry requests (reset, power off,
 *	failure) from vCPUs and devices to the main thread.
 * Threads: main builds and destroys; requests come from any thread.
 * Locks: takes request_lock, and the vCPUs' lock after it; each nests inside the
 *	machine's lock, neither inside the other.
 */
#include "machine.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int machine_init(struct machine *m, struct error *e)
{
	*m = (struct machine){
		.kvm = { .fd = -1, .vmfd = -1 },
		.loop = { .epfd = -1 },
		.request_fd = -1,
	};
	threads_init(&m->threads);
	pthread_mutex_init(&m->lock, NULL);
	pthread_mutex_init(&m->request_lock, NULL);
	m->request_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->request_fd < 0)
		return error_errno(e, errno, "eventfd");
	return loop_init(&m->loop, e);
}

void machine_destroy(struct machine *m)
{
	loop_destroy(&m->loop);
	irq_destroy(&m->irq);
	ram_destroy(&m->ram);
	kvm_destroy(&m->kvm);
	if (m->request_fd >= 0)
		close(m->request_fd);
	threads_destroy(&m->threads);
	pthread_mutex_destroy(&m->request_lock);
	pthread_mutex_destroy(&m->lock);
}

static void machine_raise(struct machine *m, enum machine_request req, enum machine_by by,
			  const struct error *why)
{
	pthread_mutex_lock(&m->request_lock);
	if (req > m->request) {
		m->request = req;
		m->request_by = by;
		if (why)
			m->failure = *why;
	}
	pthread_mutex_unlock(&m->request_lock);
	vcpus_pause(&m->vcpus);
	eventfd_write(m->request_fd, 1);
}

void machine_ask(struct machine *m, enum machine_request req)
{
	machine_raise(m, req, MACHINE_BY_GUEST, NULL);
}

void machine_ask_by(struct machine *m, enum machine_request req, enum machine_by by)
{
	machine_raise(m, req, by, NULL);
}

void machine_fail(struct machine *m, const struct error *why)
{
	machine_raise(m, MACHINE_FAILED, MACHINE_BY_GUEST, why);
}

enum machine_request machine_asked(struct machine *m)
{
	enum machine_request req;

	pthread_mutex_lock(&m->request_lock);
	req = m->request;
	pthread_mutex_unlock(&m->request_lock);
	return req;
}

void machine_answered(struct machine *m)
{
	eventfd_t n;

	pthread_mutex_lock(&m->request_lock);
	m->request = MACHINE_RUN;
	eventfd_read(m->request_fd, &n);
	pthread_mutex_unlock(&m->request_lock);
}
