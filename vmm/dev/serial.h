/* SPDX-License-Identifier: GPL-2.0 */
/* COM1, a 16550A, and what it needs from the character device behind it. */
#ifndef FERRY_VMM_DEV_SERIAL_H
#define FERRY_VMM_DEV_SERIAL_H

#include "../machine/machine.h"
#include "chars.h"

#define SERIAL_FIFO	16U

struct serial {
	struct machine *m;
	int irq_fd;
	bool irq_high;
	const struct chars_backend_ops *ops;
	void *backend;

	u8 ier, lcr, mcr, scr, fcr;
	u16 divisor;
	bool thre_pending;	/* THR empty, not yet seen in IIR */
	u8 rx[SERIAL_FIFO];
	unsigned int rx_head, rx_count;
	u8 tx[SERIAL_FIFO];	/* what the backend has not yet taken */
	unsigned int tx_count;
};

/* @port and @irq are the guest's; the backend may be set later. */
int serial_init(struct serial *s, struct machine *m, u16 port, u32 irq, struct error *e);
void serial_destroy(struct serial *s);
void serial_reset(struct serial *s);

void serial_set_backend(struct serial *s, const struct chars_backend_ops *ops, void *backend);

/* For the backend, under the machine's lock: the same twice, by name and as a port. */
unsigned int serial_room(const struct serial *s);
void serial_receive(struct serial *s, const u8 *buf, unsigned int len);
void serial_writable(struct serial *s);
extern const struct chars_port_ops serial_port_ops;

#endif /* FERRY_VMM_DEV_SERIAL_H */
