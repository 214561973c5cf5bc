// SPDX-License-Identifier: GPL-2.0
/*
 * Role: a 16550A. Every byte is an exit, so that the FIFOs, the THR-empty
 *	interrupt and the edges of the interrupt line must be right: a driver that
 *	has to poll would exit several times a byte.
 * Threads: vCPUs (ports) and main (the character device behind it).
 * Locks: the machine's lock is held by every caller.
 */
#include "serial.h"

#include <errno.h>
#include <linux/serial_reg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static u8 serial_iir(const struct serial *s)
{
	static const u8 trigger[] = { 1, 4, 8, 14 };
	u8 fifo = s->fcr & UART_FCR_ENABLE_FIFO ? 0xc0 : 0;

	if (s->rx_count && (s->ier & UART_IER_RDI)) {
		/* Bytes below the trigger level count as timed out: no timer for them. */
		if (fifo && s->rx_count < trigger[s->fcr >> 6])
			return fifo | UART_IIR_RX_TIMEOUT;
		return fifo | UART_IIR_RDI;
	}
	if (s->thre_pending && (s->ier & UART_IER_THRI))
		return fifo | UART_IIR_THRI;
	return fifo | UART_IIR_NO_INT;
}

/* The line is an edge into the IOAPIC: signal when it goes up. */
static void serial_update_irq(struct serial *s)
{
	bool high = !(serial_iir(s) & UART_IIR_NO_INT);

	if (high && !s->irq_high)
		eventfd_write(s->irq_fd, 1);
	s->irq_high = high;
}

static void serial_flush_tx(struct serial *s)
{
	size_t n = s->tx_count;

	if (!n)
		return;
	if (s->ops)
		n = s->ops->send(s->backend, s->tx, n);
	s->tx_count -= n;
	memmove(s->tx, s->tx + n, s->tx_count);
	if (!s->tx_count)
		s->thre_pending = true;
}

static void serial_push_rx(struct serial *s, u8 byte)
{
	if (s->rx_count == SERIAL_FIFO)
		return;
	s->rx[(s->rx_head + s->rx_count++) % SERIAL_FIFO] = byte;
}

static void serial_send(struct serial *s, u8 byte)
{
	s->thre_pending = false;
	if (s->mcr & UART_MCR_LOOP) {
		serial_push_rx(s, byte);
		s->thre_pending = true;
		return;
	}
	/* A driver that does not wait for THRE loses bytes, as on the real chip. */
	if (s->tx_count < SERIAL_FIFO)
		s->tx[s->tx_count++] = byte;
	serial_flush_tx(s);
}

static u8 serial_take_rx(struct serial *s)
{
	u8 byte;

	if (!s->rx_count)
		return 0;
	byte = s->rx[s->rx_head];
	s->rx_head = (s->rx_head + 1) % SERIAL_FIFO;
	if (!--s->rx_count && s->ops)
		s->ops->resume(s->backend);
	return byte;
}

static u8 serial_msr(const struct serial *s)
{
	u8 msr = 0;

	if (!(s->mcr & UART_MCR_LOOP))
		return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	if (s->mcr & UART_MCR_RTS)
		msr |= UART_MSR_CTS;
	if (s->mcr & UART_MCR_DTR)
		msr |= UART_MSR_DSR;
	if (s->mcr & UART_MCR_OUT1)
		msr |= UART_MSR_RI;
	if (s->mcr & UART_MCR_OUT2)
		msr |= UART_MSR_DCD;
	return msr;
}

static void serial_set_fcr(struct serial *s, u8 val)
{
	if (!(val & UART_FCR_ENABLE_FIFO) != !(s->fcr & UART_FCR_ENABLE_FIFO))
		val |= UART_FCR_CLEAR_RCVR;
	s->fcr = val & (UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_MASK);
	if ((val & UART_FCR_CLEAR_RCVR) && s->rx_count) {
		s->rx_count = 0;
		if (s->ops)
			s->ops->resume(s->backend);
	}
}

static u64 serial_read(void *opaque, u64 off, unsigned int size)
{
	struct serial *s = opaque;
	u8 val = 0;

	(void)size;
	switch (off) {
	case UART_RX:
		val = s->lcr & UART_LCR_DLAB ? s->divisor : serial_take_rx(s);
		break;
	case UART_IER:
		val = s->lcr & UART_LCR_DLAB ? s->divisor >> 8 : s->ier;
		break;
	case UART_IIR:
		val = serial_iir(s);
		if ((val & UART_IIR_ID) == UART_IIR_THRI)
			s->thre_pending = false;
		break;
	case UART_LCR:
		val = s->lcr;
		break;
	case UART_MCR:
		val = s->mcr;
		break;
	case UART_LSR:
		val = (s->rx_count ? UART_LSR_DR : 0) |
		      (s->tx_count ? 0 : UART_LSR_THRE | UART_LSR_TEMT);
		break;
	case UART_MSR:
		val = serial_msr(s);
		break;
	case UART_SCR:
		val = s->scr;
		break;
	}
	serial_update_irq(s);
	return val;
}

static void serial_set_ier(struct serial *s, u8 val)
{
	/* Switching THRI on with an empty THR interrupts at once. */
	if ((val & ~s->ier & UART_IER_THRI) && !s->tx_count)
		s->thre_pending = true;
	s->ier = val & 0x0f;
}

static void serial_write(void *opaque, u64 off, u64 v, unsigned int size)
{
	struct serial *s = opaque;
	u8 val = v;

	(void)size;
	switch (off) {
	case UART_TX:
		if (s->lcr & UART_LCR_DLAB)
			s->divisor = (s->divisor & 0xff00) | val;
		else
			serial_send(s, val);
		break;
	case UART_IER:
		if (s->lcr & UART_LCR_DLAB)
			s->divisor = (s->divisor & 0xff) | val << 8;
		else
			serial_set_ier(s, val);
		break;
	case UART_FCR:
		serial_set_fcr(s, val);
		break;
	case UART_LCR:
		s->lcr = val;
		break;
	case UART_MCR:
		s->mcr = val & 0x1f;
		break;
	case UART_SCR:
		s->scr = val;
		break;
	}
	serial_update_irq(s);
}

static const struct bus_ops serial_bus_ops = {
	.read = serial_read,
	.write = serial_write,
};

int serial_init(struct serial *s, struct machine *m, u16 port, u32 irq, struct error *e)
{
	int ret;

	*s = (struct serial){ .m = m };
	s->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->irq_fd < 0)
		return error_errno(e, errno, "eventfd");
	serial_reset(s);
	ret = kvm_irqfd(&m->kvm, s->irq_fd, irq, true);
	if (!ret)
		ret = bus_add(&m->pio, port, 8, &serial_bus_ops, s);
	return ret ? error_errno(e, ret, "serial port") : 0;
}

void serial_destroy(struct serial *s)
{
	if (s->irq_fd >= 0)
		close(s->irq_fd);
	s->irq_fd = -1;
}

void serial_reset(struct serial *s)
{
	s->ier = 0;
	s->lcr = 3;
	s->mcr = UART_MCR_OUT2;
	s->scr = 0;
	s->fcr = 0;
	s->divisor = 12;
	s->thre_pending = false;
	s->irq_high = false;
	s->rx_count = 0;
	/* Who found no room goes on, too. */
	if (s->ops)
		s->ops->resume(s->backend);
}

void serial_set_backend(struct serial *s, const struct chars_backend_ops *ops, void *backend)
{
	s->ops = ops;
	s->backend = backend;
}

unsigned int serial_room(const struct serial *s)
{
	/* Without the FIFO the chip holds one byte. */
	unsigned int size = s->fcr & UART_FCR_ENABLE_FIFO ? SERIAL_FIFO : 1;

	return s->rx_count < size ? size - s->rx_count : 0;
}

void serial_receive(struct serial *s, const u8 *buf, unsigned int len)
{
	/* In loopback the line in is cut. */
	if (s->mcr & UART_MCR_LOOP)
		return;
	while (len--)
		serial_push_rx(s, *buf++);
	serial_update_irq(s);
}

void serial_writable(struct serial *s)
{
	serial_flush_tx(s);
	serial_update_irq(s);
}

static unsigned int serial_port_room(void *port)
{
	return serial_room(port);
}

static void serial_port_receive(void *port, const u8 *buf, unsigned int len)
{
	serial_receive(port, buf, len);
}

static void serial_port_writable(void *port)
{
	serial_writable(port);
}

const struct chars_port_ops serial_port_ops = {
	.room = serial_port_room,
	.receive = serial_port_receive,
	.writable = serial_port_writable,
};
