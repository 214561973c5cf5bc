// SPDX-License-Identifier: GPL-2.0
/*
 * The small devices: serial port, ACPI registers, clock, and the requests that
 * guests make of the machine.
 */
#include <linux/serial_reg.h>
#include <sys/eventfd.h>

#include "dev/acpi_pm.h"
#include "dev/legacy.h"
#include "dev/serial.h"
#include "harness.h"
#include "testvm.h"

static const struct acpi_pm_layout layout = {
	X86_PORT_ACPI, X86_PORT_ACPI_LEN, X86_ACPI_SLEEP_CONTROL, X86_ACPI_SLEEP_STATUS,
	X86_ACPI_PM1_CONTROL, X86_ACPI_PM1_EVENT, X86_ACPI_RESET, X86_ACPI_EVENTS,
	X86_ACPI_RESET_VALUE, X86_ACPI_S5, X86_IRQ_ACPI,
};

/* A backend that takes @room bytes and keeps them. */
struct sink {
	u8 data[256];
	size_t n, room;
	unsigned int resumed;
};

static size_t sink_send(void *backend, const u8 *buf, size_t len)
{
	struct sink *s = backend;

	if (len > s->room)
		len = s->room;
	memcpy(s->data + s->n, buf, len);
	s->n += len;
	s->room -= len;
	return len;
}

static void sink_resume(void *backend)
{
	((struct sink *)backend)->resumed++;
}

static const struct chars_backend_ops sink_ops = { sink_send, sink_resume };

FIXTURE(dev) {
	struct testvm t;
	struct serial s;
	struct sink sink;
	struct acpi_pm pm;
	struct legacy legacy;
	struct error e;
};

FIXTURE_SETUP(dev)
{
	const struct legacy_ports ports = { X86_PORT_SPEAKER, X86_PORT_KBD, X86_PORT_RTC };

	ASSERT_EQ(0, testvm_init(&self->t, MIB));
	ASSERT_EQ(0, serial_init(&self->s, &self->t.m, X86_PORT_COM1, X86_IRQ_COM1, &self->e));
	ASSERT_EQ(0, acpi_pm_init(&self->pm, &self->t.m, &layout, &self->e));
	ASSERT_EQ(0, legacy_init(&self->legacy, &self->t.m, &ports, &self->e));
	self->sink.room = sizeof(self->sink.data);
	serial_set_backend(&self->s, &sink_ops, &self->sink);
}

FIXTURE_TEARDOWN(dev)
{
	serial_destroy(&self->s);
	machine_destroy(&self->t.m);
}

static u8 in8(struct testvm *t, u16 port)
{
	return testvm_access(t, &t->m.pio, port, 0, 1, false);
}

static void out8(struct testvm *t, u16 port, u8 val)
{
	testvm_access(t, &t->m.pio, port, val, 1, true);
}

static u8 uart(struct testvm *t, u16 reg)
{
	return in8(t, X86_PORT_COM1 + reg);
}

static void set_uart(struct testvm *t, u16 reg, u8 val)
{
	out8(t, X86_PORT_COM1 + reg, val);
}

/* Interrupts since the last call. */
static unsigned int irqs(int fd)
{
	eventfd_t n = 0;

	return eventfd_read(fd, &n) ? 0 : n;
}

TEST_F(dev, it_is_a_16550a)
{
	struct testvm *t = &self->t;

	set_uart(t, UART_SCR, 0x5a);
	EXPECT_EQ(0x5a, uart(t, UART_SCR));
	EXPECT_EQ(UART_IIR_NO_INT, uart(t, UART_IIR));
	set_uart(t, UART_FCR, UART_FCR_ENABLE_FIFO);
	EXPECT_EQ(0xc0 | UART_IIR_NO_INT, uart(t, UART_IIR));
	set_uart(t, UART_LCR, UART_LCR_DLAB);
	set_uart(t, UART_DLL, 1);
	set_uart(t, UART_DLM, 2);
	EXPECT_EQ(1, uart(t, UART_DLL));
	EXPECT_EQ(2, uart(t, UART_DLM));
	set_uart(t, UART_LCR, 3);
	set_uart(t, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS | UART_MCR_OUT2);
	EXPECT_EQ(UART_MSR_CTS | UART_MSR_DCD, uart(t, UART_MSR) & 0xf0);
	set_uart(t, UART_TX, 'x');
	EXPECT_EQ('x', uart(t, UART_RX));
	EXPECT_EQ(0, self->sink.n);
}

TEST_F(dev, an_empty_transmitter_interrupts_once_a_byte)
{
	struct testvm *t = &self->t;

	set_uart(t, UART_IER, UART_IER_THRI);
	EXPECT_EQ(1, irqs(self->s.irq_fd));
	EXPECT_EQ(UART_IIR_THRI, uart(t, UART_IIR));
	EXPECT_EQ(UART_IIR_NO_INT, uart(t, UART_IIR));
	EXPECT_EQ(0, irqs(self->s.irq_fd));
	set_uart(t, UART_TX, 'a');
	EXPECT_EQ(1, irqs(self->s.irq_fd));
	EXPECT_EQ('a', self->sink.data[0]);
	EXPECT_EQ(UART_LSR_THRE | UART_LSR_TEMT, uart(t, UART_LSR));
}

TEST_F(dev, a_full_terminal_holds_the_transmitter)
{
	struct testvm *t = &self->t;

	self->sink.room = 0;
	set_uart(t, UART_IER, UART_IER_THRI);
	uart(t, UART_IIR);
	irqs(self->s.irq_fd);
	set_uart(t, UART_TX, 'a');
	set_uart(t, UART_TX, 'b');
	EXPECT_EQ(0, uart(t, UART_LSR) & UART_LSR_THRE);
	EXPECT_EQ(0, irqs(self->s.irq_fd));
	self->sink.room = 10;
	serial_writable(&self->s);
	EXPECT_EQ(2, self->sink.n);
	EXPECT_EQ(1, irqs(self->s.irq_fd));
	EXPECT_NE(0, uart(t, UART_LSR) & UART_LSR_THRE);
}

TEST_F(dev, what_is_typed_arrives_in_order_and_no_more_than_fits)
{
	struct testvm *t = &self->t;
	unsigned int i;

	EXPECT_EQ(1, serial_room(&self->s));
	set_uart(t, UART_FCR, UART_FCR_ENABLE_FIFO);
	EXPECT_EQ(16, serial_room(&self->s));
	set_uart(t, UART_IER, UART_IER_RDI);
	serial_receive(&self->s, (const u8 *)"0123456789abcdef", 16);
	EXPECT_EQ(1, irqs(self->s.irq_fd));
	EXPECT_EQ(0, serial_room(&self->s));
	for (i = 0; i < 16; i++) {
		EXPECT_NE(0, uart(t, UART_LSR) & UART_LSR_DR);
		EXPECT_EQ("0123456789abcdef"[i], uart(t, UART_RX));
	}
	EXPECT_EQ(0, uart(t, UART_LSR) & UART_LSR_DR);
	EXPECT_LE(1, self->sink.resumed);
}

TEST_F(dev, power_off_needs_the_right_sleep_type)
{
	struct testvm *t = &self->t;

	out8(t, X86_PORT_ACPI + X86_ACPI_SLEEP_CONTROL, 1 << 5 | 3 << 2);
	EXPECT_EQ(MACHINE_RUN, machine_asked(&t->m));
	out8(t, X86_PORT_ACPI + X86_ACPI_SLEEP_CONTROL, X86_ACPI_S5 << 2);
	EXPECT_EQ(MACHINE_RUN, machine_asked(&t->m));
	out8(t, X86_PORT_ACPI + X86_ACPI_SLEEP_CONTROL, 1 << 5 | X86_ACPI_S5 << 2);
	EXPECT_EQ(MACHINE_POWEROFF, machine_asked(&t->m));
	/* Power off outweighs a reset that comes at the same time. */
	out8(t, X86_PORT_KBD, 0xfe);
	EXPECT_EQ(MACHINE_POWEROFF, machine_asked(&t->m));
}

static u16 in16(struct testvm *t, u16 port)
{
	return testvm_access(t, &t->m.pio, port, 0, 2, false);
}

static void out16(struct testvm *t, u16 port, u16 val)
{
	testvm_access(t, &t->m.pio, port, val, 2, true);
}

TEST_F(dev, the_fixed_registers_switch_off_and_keep_what_is_enabled)
{
	const u16 control = X86_PORT_ACPI + X86_ACPI_PM1_CONTROL;
	const u16 status = X86_PORT_ACPI + X86_ACPI_PM1_EVENT, enable = status + 2;
	struct testvm *t = &self->t;

	EXPECT_EQ(1, in16(t, control));	/* it is in ACPI mode, and stays there */
	out16(t, control, 0);
	EXPECT_EQ(1, in16(t, control));
	out16(t, enable, 0x20);
	EXPECT_EQ(0x20, in16(t, enable));
	out16(t, status, 0xffff);
	EXPECT_EQ(0, in16(t, status));
	acpi_pm_raise(&self->pm, X86_ACPI_EVENT_POWER);
	EXPECT_EQ(0, in16(t, status));
	acpi_pm_reset(&self->pm);
	EXPECT_EQ(0, in16(t, enable));

	out16(t, control, 1 << 13 | 3 << 10);
	out16(t, control, X86_ACPI_S5 << 10);
	out8(t, control + 1, (1 << 13 | X86_ACPI_S5 << 10) >> 8);
	EXPECT_EQ(MACHINE_RUN, machine_asked(&t->m));
	out16(t, control, 1 << 13 | X86_ACPI_S5 << 10 | 1);
	EXPECT_EQ(MACHINE_POWEROFF, machine_asked(&t->m));
}

TEST_F(dev, both_resets_reset)
{
	struct testvm *t = &self->t;

	out8(t, X86_PORT_ACPI + X86_ACPI_RESET, 0x77);
	out8(t, X86_PORT_KBD, 0xd1);
	EXPECT_EQ(MACHINE_RUN, machine_asked(&t->m));
	out8(t, X86_PORT_ACPI + X86_ACPI_RESET, X86_ACPI_RESET_VALUE);
	EXPECT_EQ(MACHINE_RESET, machine_asked(&t->m));
	machine_answered(&t->m);
	out8(t, X86_PORT_KBD, 0xfe);
	EXPECT_EQ(MACHINE_RESET, machine_asked(&t->m));
}

TEST_F(dev, the_power_button_is_an_event_that_reading_takes)
{
	struct testvm *t = &self->t;

	acpi_pm_raise(&self->pm, X86_ACPI_EVENT_POWER);
	EXPECT_EQ(X86_ACPI_EVENT_POWER,
		  testvm_access(t, &t->m.pio, X86_PORT_ACPI + X86_ACPI_EVENTS, 0, 4, false));
	EXPECT_EQ(0, testvm_access(t, &t->m.pio, X86_PORT_ACPI + X86_ACPI_EVENTS, 0, 4, false));
}

TEST_F(dev, ports_of_nobody_read_as_ones)
{
	EXPECT_EQ(0xff, in8(&self->t, 0x2f8));
	EXPECT_EQ(0xffffffff, testvm_access(&self->t, &self->t.m.pio, 0x3fe, 0, 4, false));
	EXPECT_EQ(~0ULL, mmio_read(&self->t, 0xfed00000, 8));
}

TEST_F(dev, the_clock_tells_a_year)
{
	out8(&self->t, X86_PORT_RTC, 0x32);
	EXPECT_EQ(0x20, in8(&self->t, X86_PORT_RTC + 1));
	out8(&self->t, X86_PORT_RTC, 0x0d);
	EXPECT_EQ(0x80, in8(&self->t, X86_PORT_RTC + 1));
}

TEST_HARNESS_MAIN
