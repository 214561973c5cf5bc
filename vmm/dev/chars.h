/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The seam between what a guest types at or prints on (a serial port, a console) and the
 * character device behind it. Called under the machine's lock.
 */
#ifndef FERRY_VMM_DEV_CHARS_H
#define FERRY_VMM_DEV_CHARS_H

#include "../types.h"

/* What stands behind a port. */
struct chars_backend_ops {
	/*
	 * Send; returns how many bytes were taken. After fewer than @len, writable() of the
	 * port is owed when more can be.
	 */
	size_t (*send)(void *backend, const u8 *buf, size_t len);

	/* The guest has read: the port's room() is no longer 0. */
	void (*resume)(void *backend);
};

/* The port, for what stands behind it. */
struct chars_port_ops {
	unsigned int (*room)(void *port);
	void (*receive)(void *port, const u8 *buf, unsigned int len);	/* at most room() */
	void (*writable)(void *port);
};

#endif /* FERRY_VMM_DEV_CHARS_H */
